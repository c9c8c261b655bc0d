"""What a host does once the nursery has forked it: gives up its rights, then answers tasks.

One JSON object a line in, one a line out, a `Ready` first. It ends when its input ends, and with
its nursery.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from typing import IO

from simulators.ngspice.confine import MEMORY, confine, limit_processor
from simulators.ngspice.engine import Engine
from simulators.ngspice.errors import LibraryExitError
from simulators.ngspice.job import Answer, BenchReply, BenchTemplate, Ready, Run
from simulators.ngspice.library import NgspiceLibrary
from simulators.result import FailureKind

_REQUESTS, _ANSWERS = 3, 4
_DESCRIPTORS = 5
_MESSAGE = 2_000
"""Characters of a message: what ngspice prints has no end."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the nursery has loaded: libngspice, or why it could not.

    Attributes:
        library: None when it is missing.
        version: of libngspice.
        missing: why there is none.
    """

    library: NgspiceLibrary | None
    version: str
    missing: str


def live(loaded: Loaded, parent: int, requests: int, answers: int) -> None:
    """Serve until the input ends, confined.

    Args:
        loaded: the library, in this process by the fork.
        parent: process id of the nursery.
        requests: descriptor to read from.
        answers: descriptor to write to.
    """
    _take(requests, answers)
    confinement = confine(parent, _DESCRIPTORS)
    with os.fdopen(_REQUESTS, encoding="utf-8") as tasks, os.fdopen(_ANSWERS, "w") as replies:
        ready = Ready(version=loaded.version, missing=loaded.missing, confinement=confinement)
        _say(replies, ready)
        if loaded.library is not None:
            _serve(Engine(loaded.library), tasks, replies)


def _serve(engine: Engine, tasks: IO[str], replies: IO[str]) -> None:
    benches: list[BenchTemplate] = []
    for line in tasks:
        message = json.loads(line)
        if message["op"] == "load":
            benches = message["benches"]
            continue
        for place, name, card in message["models"]:
            benches[place]["models"][name] = card
        limit_processor(message["seconds"])
        answer = _run(engine, benches, message)
        _say(replies, answer)
        if answer["gone"]:
            return


def _run(engine: Engine, benches: list[BenchTemplate], task: Run) -> Answer:
    replies: list[BenchReply] = []
    refused = FailureKind.BAD_NETLIST.value
    for deck in task["decks"]:
        bench = benches[deck["bench"]]
        try:
            reply = engine.run(bench, deck["lines"])
        except LibraryExitError as error:
            reply = _gave_up(bench["name"], str(error))
            return Answer(decks=[*replies, _clipped(reply)], gone=True)
        replies.append(_clipped(reply))
        if reply["failure"] == refused:
            break
    return Answer(decks=replies, gone=False)


def _gave_up(name: str, said: str) -> BenchReply:
    """Why ngspice ended itself: a netlist that it cannot read, or memory that it lacks."""
    if "can't allocate" in said:
        kind, why = FailureKind.SIMULATOR_CRASH, f"over {MEMORY >> 30} GiB of memory wanted"
    else:
        kind, why = FailureKind.BAD_NETLIST, "ngspice gave up"
    message = f"{name}: {why}: {said}"
    return BenchReply(measures={}, devices={}, nodes={}, failure=kind.value, message=message)


def _clipped(reply: BenchReply) -> BenchReply:
    reply["message"] = reply["message"][:_MESSAGE]
    return reply


def _say(replies: IO[str], message: Ready | Answer) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _take(requests: int, answers: int) -> None:
    """The pipes to 3 and 4; nothing where ngspice itself reads and prints."""
    # First away from where the one could lie in the other's place.
    requests, answers = (_away(descriptor) for descriptor in (requests, answers))
    nothing = os.open(os.devnull, os.O_RDWR)
    for source, target in (
        *((nothing, standard) for standard in (0, 1, 2)),
        (requests, _REQUESTS),
        (answers, _ANSWERS),
    ):
        if source != target:
            os.dup2(source, target)


def _away(descriptor: int) -> int:
    """A copy of `descriptor` beyond the ones that a host keeps."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, _DESCRIPTORS)
