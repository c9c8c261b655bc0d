"""The host process: holds one libngspice and answers tasks from its standard input.

Run as `python -m simulators.ngspice.host PARENT_PID`. One JSON object a line in, one a line out, a
`Ready` first. It ends when its input ends, or when its parent is gone while a simulation runs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import threading
import time
from typing import IO

from simulators.ngspice.engine import Engine
from simulators.ngspice.errors import LibraryExitError, LibraryMissingError
from simulators.ngspice.job import Answer, BenchReply, BenchTemplate, Ready, Run
from simulators.ngspice.library import NgspiceLibrary
from simulators.result import FailureKind

_MEMORY = 4 << 30
"""Address space of a host, bytes: a deck of hundreds of devices needs a tenth."""


def main() -> None:
    """Serve until standard input ends."""
    requests, answers = _take_pipes()
    # Given, not asked for: a parent killed while we start would leave us to somebody else.
    _end_with_parent(int(sys.argv[1]))
    _stand_nowhere()
    _limit()
    try:
        library = NgspiceLibrary()
    except LibraryMissingError as error:
        _say(answers, Ready(version="", missing=str(error)))
        return
    _say(answers, Ready(version=library.version(), missing=""))
    engine = Engine(library)
    benches: list[BenchTemplate] = []
    for line in requests:
        message = json.loads(line)
        if message["op"] == "load":
            benches = message["benches"]
            continue
        answer = _run(engine, benches, message)
        _say(answers, answer)
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
            return Answer(decks=[*replies, reply], gone=True)
        replies.append(reply)
        if reply["failure"] == refused:
            break
    return Answer(decks=replies, gone=False)


def _gave_up(name: str, said: str) -> BenchReply:
    """Why ngspice ended itself: a netlist that it cannot read, or memory that it lacks."""
    if "can't allocate" in said:
        kind, why = FailureKind.SIMULATOR_CRASH, f"over {_MEMORY >> 30} GiB of memory wanted"
    else:
        kind, why = FailureKind.BAD_NETLIST, "ngspice gave up"
    message = f"{name}: {why}: {said}"
    return BenchReply(measures={}, devices={}, failure=kind.value, message=message)


def _say(answers: IO[str], message: Ready | Answer) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _take_pipes() -> tuple[IO[str], IO[str]]:
    """The pipes to the parent, moved away from where ngspice itself reads and prints."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return requests, answers


def _stand_nowhere() -> None:
    """Move to a directory that is no more.

    ngspice runs a .spiceinit of its working directory and of HOME, and writes files to the
    former: here there is none, there can be none, and none is left when we are killed.
    """
    folder = tempfile.mkdtemp(prefix="ado-host-")
    os.chdir(folder)
    os.rmdir(folder)  # noqa: PTH106 - a Path would say no more
    os.environ["HOME"] = os.environ["SPICE_SCRIPTS"] = os.path.join(folder, "none")  # noqa: PTH118


def _limit() -> None:
    """A runaway simulation ends this process, not the machine; no file grows, no core is left."""
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _end_with_parent(parent: int) -> None:
    """A parent that was killed closes no pipe while we simulate: watch for it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
