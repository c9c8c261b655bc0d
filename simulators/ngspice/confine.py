"""A host gives up its own rights before it touches a netlist.

A netlist is a program to ngspice. The allow-list keeps bad ones out; should one get through, its
host can calculate and answer, and nothing else. Each step stands on its own: where the kernel
lacks one, the others hold, and the host says so in its `Ready`.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from simulators.ngspice.kernel import prctl
from simulators.ngspice.landlock import renounce_files
from simulators.ngspice.seccomp import renounce_calls

MEMORY = 4 << 30
"""Address space of a host, bytes: a deck of hundreds of devices needs a tenth."""
_NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CAP_KILL = 5
_MOST_SECONDS = 1e9
_DESCRIPTORS = 1 << 16


def confine(parent: int, descriptors: int) -> dict[str, str]:
    """Take every step that this machine offers.

    Args:
        parent: process id whose end ends this process.
        descriptors: 0, 1, ... are open, this many, and stay the only ones.

    Returns:
        By the name of each step why it does not hold; an empty text where it does.
    """
    steps: dict[str, Callable[[], object]] = {
        "user": _leave_root,
        "parent": lambda: _end_with(parent),  # a change of user undoes it, hence afterwards
        "no_new_privs": lambda: prctl(_PR_SET_NO_NEW_PRIVS, 1),
        "landlock": renounce_files,
        "limits": lambda: _limit(descriptors),  # landlock takes a descriptor, hence afterwards
        "seccomp": renounce_calls,
    }
    return {name: _try(step) for name, step in steps.items()}


def limit_processor(seconds: float) -> None:
    """End this process, by a signal, after this much more processor time and a second.

    The caller kills a host at its deadline; this is for a caller that cannot.
    """
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _lower(resource.RLIMIT_CPU, math.ceil(min(used + seconds, _MOST_SECONDS)) + 1, soft_only=True)


def _try(step: Callable[[], object]) -> str:
    try:
        step()
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def _limit(descriptors: int) -> None:
    """No file opens or grows, no process starts, no core is left, and memory has an end.

    That all descriptors there may be are taken keeps files shut on any Unix, without landlock.
    """
    os.closerange(descriptors, _DESCRIPTORS)
    for kind, most in (
        (resource.RLIMIT_NOFILE, descriptors),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, most)


def _lower(kind: int, most: int, *, soft_only: bool = False) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, hard if soft_only else allowed))


def _leave_root() -> None:
    """Root becomes nobody, if it may: the libraries are loaded, no file is needed any more."""
    if os.geteuid() != 0:
        return
    if not _may_kill():
        raise OSError(
            "still root: without CAP_KILL the parent could not end another user's process"
        )
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)


def _may_kill() -> bool:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [rights] = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return bool(int(rights, 16) >> _CAP_KILL & 1)


def _end_with(parent: int) -> None:
    """The parent's end is ours, in mid-simulation too, however it came about."""
    try:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
