"""How the process of a tuning ended, told by its exit status alone."""

from __future__ import annotations

import signal
from typing import NamedTuple

GIVEN_BACK = 0
"""It gave the tuning back, or had lost it to another runner."""
MACHINE_FAULT = 75
"""This machine or the database is at fault (EX_TEMPFAIL); it gave the tuning back if it could."""
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}


class Death(NamedTuple):
    """What happened to a process that did not give its tuning back, and what to do about it."""

    what: str
    cure: str


def death(status: int) -> Death | None:
    """How a process died, by the status that `Popen.wait` gives; None where it did not."""
    if status in {GIVEN_BACK, MACHINE_FAULT}:
        return None
    if status > 0:
        what = f"its process ended by itself with exit status {status}"
        return Death(what, "the log of the server or worker says why")
    name = _name(-status)
    if -status == signal.SIGKILL:
        cure = "probably memory ran out: take a smaller batch, checkpointing or a smaller model"
        return Death(f"its process was killed ({name})", cure)
    if -status in _CRASHES:
        cure = "a library is at fault: try other versions of torch and bitsandbytes, or the CPU"
        return Death(f"its process crashed ({name})", cure)
    return Death(f"its process was ended by {name}", "see who sends it that signal")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"
