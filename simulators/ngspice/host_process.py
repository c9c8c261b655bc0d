"""The parent's side of a host: start it, give it a task with a deadline, kill it, replace it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from simulators.ngspice.errors import (
    HostDiedError,
    HostStartError,
    HostTimeoutError,
    LibraryMissingError,
    SimulatorClosedError,
)
from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate, Load, Ready, Run

_START_SECONDS = 60.0
"""A host's time to say that it is ready: imports can be slow on a loaded machine."""
_LAST_WORDS = 500
"""Characters kept of what a host said on standard error."""
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "ADO_LIBNGSPICE")


class HostProcess:
    """One host process, started at its first task and replaced after each death.

    One thread at a time gives it tasks; `end` may come from any.

    Args:
        benches: the testbenches of the circuit.
    """

    def __init__(self, benches: list[BenchTemplate]) -> None:
        self._benches = benches
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._last_words = ""
        self.version = "ngspice"

    @property
    def pid(self) -> int | None:
        """Process id of the running host; None when none runs."""
        process = self._process
        return None if process is None else process.pid

    def run(self, decks: list[BenchNumbers], seconds: float) -> Answer:
        """Simulate `decks` within `seconds`, the host's own start not counted.

        Raises:
            HostTimeoutError: it took longer; the host was killed.
            HostDiedError: the host crashed.
            LibraryMissingError: the host has no libngspice.
            HostStartError: the host does not start.
            SimulatorClosedError: `end` was called.
        """
        process = self._process or self._start()
        answer: Answer = self._ask(process, Run(op="run", decks=decks), seconds)
        if answer["gone"]:
            self._drop()
        return answer

    def end(self) -> None:
        """Kill the host for good; a task that runs ends with `SimulatorClosedError`."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """`end`, and wait until the process is gone. No task may be running."""
        self.end()
        self._drop()

    def _start(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._ended:
                raise SimulatorClosedError("the simulator was closed; open a new one")
            self._process = _spawn()
        process = self._process
        ready = self._ready(process)
        if ready["missing"]:
            self._drop()
            raise LibraryMissingError(ready["missing"])
        self.version = ready["version"]
        self._ask(process, Load(op="load", benches=self._benches), None)
        return process

    def _ready(self, process: subprocess.Popen[str]) -> Ready:
        """The host's first word. One that does not come is no design's fault."""
        try:
            ready: Ready = self._ask(process, None, _START_SECONDS)
        except HostTimeoutError as error:
            problem = f"a simulator host was not ready within {_START_SECONDS:g} s"
            raise HostStartError(f"{problem}; is the machine overloaded?") from error
        except HostDiedError as error:
            raise HostStartError(f"a simulator host does not start: {self._last_words}") from error
        return ready

    def _ask(
        self, process: subprocess.Popen[str], message: Load | Run | None, seconds: float | None
    ) -> Any:
        """Send `message`, if any, and read an answer, if there are `seconds` for one."""
        try:
            if message is not None:
                _send(process, message)
            return None if seconds is None else json.loads(_receive(process, seconds))
        except HostTimeoutError:
            self._drop()
            raise
        except (OSError, EOFError, ValueError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)  # one that crashed has a status to tell of
            self._drop()
            if self._ended:
                raise SimulatorClosedError("the simulator was closed in mid-task") from error
            code = process.returncode
            raise HostDiedError(f"the simulator host ended in mid-task (status {code})") from error

    def _drop(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._last_words = _pipe(process.stderr).read()[-_LAST_WORDS:].strip() or "it said nothing"
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _spawn() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module, no user text
        # -P: no module is taken from the working directory.
        [sys.executable, "-P", "-m", "simulators.ngspice.host", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,  # what it says before it stands on its own feet
        env=_environment(),
        text=True,
        process_group=0,  # Ctrl-C is for us, not for the hosts
    )


def _environment() -> dict[str, str]:
    """The host's environment: nothing of ours but what Python needs to find the package."""
    return {
        **{key: os.environ[key] for key in _KEPT if key in os.environ},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _send(process: subprocess.Popen[str], message: Load | Run) -> None:
    pipe = _pipe(process.stdin)
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def _receive(process: subprocess.Popen[str], seconds: float) -> str:
    """One line from the host, within `seconds`."""
    descriptor, deadline = _pipe(process.stdout).fileno(), time.monotonic() + seconds
    chunks: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not chunks or not chunks[-1].endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise HostTimeoutError(f"the design took longer than {seconds:g} s")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise EOFError("the host closed its pipe")
            chunks.append(chunk)
    return b"".join(chunks).decode()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
