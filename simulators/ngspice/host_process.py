"""The parent's side of a host: start it, give it a task with a deadline, kill it, replace it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import structlog

from simulators.netlist.flat import REFERENCE
from simulators.ngspice.errors import (
    HostDiedError,
    HostStartError,
    HostTimeoutError,
    LibraryMissingError,
    SimulatorClosedError,
)
from simulators.ngspice.forked_host import ForkedHost
from simulators.ngspice.job import Answer, BenchNumbers, BenchTemplate, Load, Ready, Run
from simulators.ngspice.nursery_process import START_SECONDS, NurseryProcess

RECYCLE = 10_000
"""Runs after which a host is replaced: ngspice loses a kilobyte or so in each."""
_BURIAL_SECONDS = 10.0
"""How long a killed process may take to be gone: the kernel takes back its memory."""
_CRASH_SECONDS = 0.2
_log = structlog.get_logger(__name__)


class HostProcess:
    """One host process, started at its first task and replaced after each death.

    One thread at a time gives it tasks; `end` may come from any.

    Args:
        benches: the testbenches of the circuit.
        nursery: where it comes from, and whose end is its own; None for one of its own.
    """

    def __init__(self, benches: list[BenchTemplate], nursery: NurseryProcess | None = None) -> None:
        self._benches = benches
        self._nursery = nursery or NurseryProcess()
        self._owns_nursery = nursery is None
        self._host: ForkedHost | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._runs = 0
        self._sent: set[tuple[int, str]] = set()
        self.version = "ngspice"
        self.confinement: dict[str, str] = {}
        """By step of `confine` why the last host does not hold it; empty where it does."""

    @property
    def pid(self) -> int | None:
        """Process id of the running host; None when none runs."""
        host = self._host
        return None if host is None else host.pid

    def run(
        self,
        decks: list[BenchNumbers],
        seconds: float,
        meanwhile: Callable[[], None] | None = None,
    ) -> Answer:
        """Simulate `decks` within `seconds`, the host's own start not counted.

        Args:
            decks: what to simulate.
            seconds: the time limit.
            meanwhile: what to do while the host works; it must be short and not raise.

        Raises:
            HostTimeoutError: it took longer; the host was killed.
            HostDiedError: the host crashed.
            LibraryMissingError: the host has no libngspice.
            HostStartError: the host does not start.
            SimulatorClosedError: `end` was called.
        """
        if self._runs >= RECYCLE:
            self._drop()
        host = self._host or self._start()
        self._runs += 1
        task = Run(op="run", decks=decks, models=self._news(decks), seconds=seconds)
        answer: Answer = self._ask(host, task, seconds, meanwhile)
        if answer["gone"]:
            self._drop()
        return answer

    def end(self) -> None:
        """Kill the host for good; a task that runs ends with `SimulatorClosedError`."""
        with self._lock:
            self._ended = True
            if self._host is not None:
                self._host.kill()

    def close(self) -> None:
        """`end`, and wait until the process is gone. No task may be running."""
        self.end()
        self._drop()
        if self._owns_nursery:
            self._nursery.close()

    def _start(self) -> ForkedHost:
        if self._ended:
            raise SimulatorClosedError("the simulator was closed; open a new one")
        host = self._nursery.fork()
        with self._lock:
            self._host, self._runs = host, 0
            self._sent.clear()
            if self._ended:  # meanwhile: `end` saw no host
                host.kill()
        ready = self._ready(host)
        if ready["missing"]:
            self._drop()
            raise LibraryMissingError(ready["missing"])
        self.version, self.confinement = ready["version"], ready["confinement"]
        for step, reason in self.confinement.items():
            if reason:
                _warn(step, reason)
        bare = [BenchTemplate(**{**bench, "models": {}}) for bench in self._benches]
        self._ask(host, Load(op="load", benches=bare), None)
        return host

    def _news(self, decks: list[BenchNumbers]) -> list[tuple[int, str, str]]:
        """Model cards that the host needs for `decks` and has not had: a PDK has megabytes."""
        news = []
        for deck in decks:
            for line in deck["lines"]:
                key = (deck["bench"], line[1:])
                if line.startswith(REFERENCE) and key not in self._sent:
                    self._sent.add(key)
                    news.append((*key, self._benches[key[0]]["models"][key[1]]))
        return news

    def _ready(self, host: ForkedHost) -> Ready:
        """The host's first word. One that does not come is no design's fault."""
        try:
            ready: Ready = self._ask(host, None, START_SECONDS)
        except HostTimeoutError as error:
            problem = f"a simulator host was not ready within {START_SECONDS:g} s"
            raise HostStartError(f"{problem}; is the machine overloaded?") from error
        except HostDiedError as error:
            raise HostStartError(f"a simulator host does not start: {error}") from error
        return ready

    def _ask(
        self,
        host: ForkedHost,
        message: Load | Run | None,
        seconds: float | None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Any:
        """Send `message`, if any, and read an answer, if there are `seconds` for one."""
        try:
            if message is not None:
                host.send(json.dumps(message))
            if meanwhile is not None:
                meanwhile()
            return None if seconds is None else json.loads(host.receive(seconds))
        except TimeoutError as error:
            self._drop()
            raise HostTimeoutError(f"the design took longer than {seconds:g} s") from error
        except (OSError, EOFError, ValueError) as error:
            status = host.wait(_CRASH_SECONDS)  # one that crashed has a status to tell of
            self._drop()
            if self._ended:
                raise SimulatorClosedError("the simulator was closed in mid-task") from error
            raise HostDiedError(
                f"the simulator host ended in mid-task (status {status})"
            ) from error

    def _drop(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        with self._lock:
            host, self._host = self._host, None
            if host is None:
                return
            host.kill()
        host.wait(_BURIAL_SECONDS)
        host.close()


def host_confinement() -> dict[str, str]:
    """What a host on this machine is confined by: see `HostProcess.confinement`.

    Raises:
        SimulatorError: no host starts.
    """
    host = HostProcess([])
    try:
        host.run([], START_SECONDS)
        return host.confinement
    finally:
        host.close()


@cache
def _warn(step: str, reason: str) -> None:
    """Once a process: all hosts lack the same."""
    _log.warning(
        "simulator hosts are less confined than they could be",
        step=step,
        reason=reason,
        cure="docs/operations.md says what each step needs and what holds without it",
    )
