"""The parent's side of the nursery: start it, have hosts forked, replace it when it dies."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from simulators.ngspice.errors import HostStartError, SimulatorClosedError
from simulators.ngspice.forked_host import ForkedHost

START_SECONDS = 60.0
"""A nursery's and a host's time to start: imports can be slow on a loaded machine."""
_LAST_WORDS = 500
"""Characters kept of what a nursery said on standard error."""
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "ADO_LIBNGSPICE")


@dataclass(frozen=True, slots=True)
class _Running:
    """A nursery process, and how it was started."""

    process: subprocess.Popen[str]
    control: socket.socket
    command: list[str]
    environment: dict[str, str]


class NurseryProcess:
    """One nursery process, started at the first `fork`. Threads may share it.

    It is replaced when it died, and when what it would be started with has changed.

    Args:
        binding: class that binds libngspice, a subclass of `NgspiceLibrary`, as `module:name`.
    """

    def __init__(self, binding: str = "simulators.ngspice.library:NgspiceLibrary") -> None:
        self._binding = binding
        self._running: _Running | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the nursery; None when none runs."""
        running = self._running
        return None if running is None else running.process.pid

    def fork(self) -> ForkedHost:
        """A new host, in about two milliseconds once the nursery runs.

        Raises:
            HostStartError: the nursery does not start.
            SimulatorClosedError: `close` was called.
        """
        for last in (False, True):
            nursery, fresh, far = self._ask()
            try:
                return ForkedHost(*far, START_SECONDS)
            except TimeoutError as error:
                problem = f"a simulator host was not forked within {START_SECONDS:g} s"
                raise HostStartError(f"{problem}; is the machine overloaded?") from error
            except (EOFError, OSError) as error:
                said = self._end(nursery)
                if self._closed:
                    raise SimulatorClosedError("the simulator was closed") from error
                if fresh or last:
                    raise HostStartError(f"a simulator host does not start: {said}") from error
        raise AssertionError("the last round returned or raised")

    def close(self) -> None:
        """End the nursery and with it all of its hosts, for good."""
        self._closed = True
        with self._lock:
            running = self._running
        if running is not None:
            self._end(running)

    def _ask(self) -> tuple[_Running, bool, tuple[int, int, socket.socket]]:
        """Ask for a host: who was asked, whether it was started for it, and our ends."""
        with self._lock:
            nursery, fresh = self._started()
            requests, to_host = os.pipe()
            from_host, answers = os.pipe()
            lifeline, theirs = socket.socketpair()
            with theirs, contextlib.suppress(OSError):  # a dead one: the lifeline will tell
                socket.send_fds(nursery.control, [b"f"], [requests, answers, theirs.fileno()])
            os.close(requests)
            os.close(answers)
        return nursery, fresh, (to_host, from_host, lifeline)

    def _started(self) -> tuple[_Running, bool]:
        if self._closed:
            raise SimulatorClosedError("the simulator was closed; open a new one")
        command, environment = _command(self._binding), _environment()
        old = self._running
        if old is not None and (old.command, old.environment) == (command, environment):
            return old, False
        if old is not None:
            _stop(old)
        self._running = _spawn(command, environment)
        return self._running, True

    def _end(self, nursery: _Running) -> str:
        """End this nursery, if no other thread has; its last words."""
        with self._lock:
            if self._running is not nursery:
                return "it was replaced"
            self._running = None
            return _stop(nursery)


def _spawn(command: list[str], environment: dict[str, str]) -> _Running:
    control, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own module, no user text
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            process_group=0,  # Ctrl-C is for us, not for the hosts
        )
    return _Running(process, control, command, environment)


def _stop(nursery: _Running) -> str:
    """Kill it: the kernel kills its hosts. What it said on standard error last."""
    nursery.control.close()
    nursery.process.kill()
    said = nursery.process.communicate()[1]
    return said[-_LAST_WORDS:].strip() or "it said nothing"


def _command(binding: str) -> list[str]:
    # -P: no module is taken from the working directory.
    module = "simulators.ngspice.nursery"
    return [sys.executable, "-P", "-m", module, str(os.getpid()), binding]


def _environment() -> dict[str, str]:
    """Its environment: nothing of ours but what Python needs to find the package."""
    return {
        **{key: os.environ[key] for key in _KEPT if key in os.environ},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
