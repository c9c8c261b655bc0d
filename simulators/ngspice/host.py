"""The host process: holds one libngspice and answers tasks from its standard input.

Run as `python -m simulators.ngspice.host`. One JSON object a line in, one a line out. It ends when
its input ends, or when its parent is gone while a simulation runs.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import IO

from simulators.ngspice.engine import Engine
from simulators.ngspice.job import Answer, BenchReply, BenchTemplate, Run
from simulators.ngspice.library import LibraryExitError, NgspiceLibrary
from simulators.result import FailureKind


def main() -> None:
    """Serve until standard input ends."""
    requests, answers = _take_pipes()
    _end_with_parent(os.getppid())
    library = NgspiceLibrary()
    version, engine = library.version(), Engine(library)
    benches: list[BenchTemplate] = []
    for line in requests:
        message = json.loads(line)
        if message["op"] == "load":
            benches = message["benches"]
            continue
        answer = _run(engine, benches, message, version)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if answer["gone"]:
            return


def _run(engine: Engine, benches: list[BenchTemplate], task: Run, version: str) -> Answer:
    replies: list[BenchReply] = []
    for deck in task["decks"]:
        bench = benches[deck["bench"]]
        try:
            replies.append(engine.run(bench, deck["lines"]))
        except LibraryExitError as error:
            kind = FailureKind.BAD_NETLIST.value
            message = f"{bench['name']}: ngspice gave up: {error}"
            replies.append(BenchReply(measures={}, devices={}, failure=kind, message=message))
            return Answer(decks=replies, gone=True, version=version)
    return Answer(decks=replies, gone=False, version=version)


def _take_pipes() -> tuple[IO[str], IO[str]]:
    """The pipes to the parent, moved away from where ngspice itself reads and prints."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    return requests, answers


def _end_with_parent(parent: int) -> None:
    """A parent that was killed closes no pipe while we simulate: watch for it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
