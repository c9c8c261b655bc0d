"""The parent's side of a host: start it, give it a task with a deadline, kill it, replace it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate, Load, Run

_START_SECONDS = 60.0
"""Added to the first deadline of a new host: imports can be slow on a loaded machine."""


class HostTimeoutError(Exception):
    """The task outlasted its time; the host is dead."""


class HostDiedError(Exception):
    """The host ended in the middle of a task."""


class HostProcess:
    """One host process, started at its first task and replaced after each death.

    Not thread-safe: one thread owns it.

    Args:
        benches: the testbenches of the circuit.
    """

    def __init__(self, benches: list[BenchTemplate]) -> None:
        self._benches = benches
        self._process: subprocess.Popen[str] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._fresh = True

    @property
    def pid(self) -> int | None:
        """Process id of the running host; None when none runs."""
        return None if self._process is None else self._process.pid

    def run(self, decks: list[BenchNumbers], seconds: float) -> Answer:
        """Simulate `decks` within `seconds`.

        Raises:
            HostTimeoutError: it took longer; the host was killed.
            HostDiedError: the host crashed.
        """
        process = self._process or self._start()
        grace = _START_SECONDS if self._fresh else 0.0
        try:
            _send(process, Run(op="run", decks=decks))
            line = _receive(process, seconds + grace)
            answer: Answer = json.loads(line)
        except HostTimeoutError:
            self.close()
            raise
        except (OSError, ValueError) as error:
            code = process.poll()
            self.close()
            raise HostDiedError(f"the simulator host ended in mid-task (status {code})") from error
        self._fresh = False
        if answer["gone"]:
            self.close()
        return answer

    def close(self) -> None:
        """Kill the host, if it runs, and remove its folder."""
        if self._process is not None:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process.wait()
            self._process = None
        if self._home is not None:
            self._home.cleanup()
            self._home = None

    def _start(self) -> subprocess.Popen[str]:
        # An empty HOME and working directory: ngspice runs a .spiceinit that it finds there.
        self._home = tempfile.TemporaryDirectory(prefix="ado-host-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulators.ngspice.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._home.name,
            env=_environment(self._home.name),
            text=True,
        )
        self._fresh = True
        try:
            _send(self._process, Load(op="load", benches=self._benches))
        except OSError as error:
            self.close()
            raise HostDiedError("the simulator host did not start") from error
        return self._process


def _environment(home: str) -> dict[str, str]:
    """The host's environment: nothing of ours but what Python needs to find the package."""
    kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "LANG", "ADO_LIBNGSPICE")
            if key in os.environ}  # fmt: skip
    root = str(Path(__file__).resolve().parents[2])
    return {
        **kept,
        "HOME": home,
        "PYTHONPATH": root,
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
    pipe = _pipe(process.stdout)
    descriptor, deadline = pipe.fileno(), time.monotonic() + seconds
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
