"""Trying a hostile deck: what is done with it, and what is looked at afterwards."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from circuits.errors import CircuitError
from simulators.netlist.deck import build_decks
from simulators.ngspice.errors import HostDiedError, HostTimeoutError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import BenchNumbers, BenchTemplate
from simulators.ngspice.simulator import NgspiceSimulator, _templates
from simulators.result import SimulationResult
from tests.simulators.hostile.corpus import SECRET, Hostile, Lair
from tests.simulators.small import DIVIDER, circuit

LIMIT = 0.3
"""Seconds that a deck gets."""
GOOD_LIMIT = 60.0
_DIVIDER = circuit(DIVIDER)
_DECK = build_decks(_DIVIDER)[0]
GOOD = _templates([_DECK])[0]
"""A deck that does no harm, as a host gets it."""
_GOOD_NUMBERS = _DECK.numbers({"r": 1e3}, _DIVIDER.corners[0])
_RAW_NUMBERS = [".param r=1000.0"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a deck.

    Attributes:
        outcome: `refused`, `answered`, `timeout` or `crash`.
        said: everything that came back, as text.
        seconds: that it took.
        places: file and line of each reason why it was refused.
    """

    outcome: str
    said: str
    seconds: float
    places: tuple[tuple[str, int | None], ...] = ()


class Watch:
    """The lair, and the processes that came from here: known by the TMPDIR that they inherit.

    Args:
        lair: prepared.
        mark: TMPDIR of this process, which no other process has.
    """

    def __init__(self, lair: Lair, mark: str) -> None:
        self._lair = lair
        self._before = lair.state()
        self._mark = b"TMPDIR=" + mark.encode() + b"\0"

    def breaches(self, said: str, known: set[int | None]) -> list[str]:
        """What a deck has broken out of, in words.

        Args:
            said: everything that came back from it.
            known: processes that there may be.
        """
        found = []
        after = self._lair.state()
        if after != self._before:
            names = sorted(set(after.items()) ^ set(self._before.items()))
            found.append(f"changed files: {names}")
        if SECRET in said:
            found.append("told the secret")
        strays = self.processes() - known
        if strays:
            found.append(f"left processes: {strays}")
        return found

    def processes(self) -> set[int]:
        """Processes, other than this one, that were started from here and still run."""
        found = set()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                ours = self._mark in path.read_bytes() + b"\0"
            except OSError:
                continue
            pid = int(path.parent.name)
            if ours and pid != os.getpid() and alive(pid):
                found.add(pid)
        return found


def alive(pid: int | None) -> bool:
    """Whether the process runs; one that is dead and not yet buried does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


def through_the_front_door(deck: Hostile, lair: Lair) -> Trial:
    """As a user's circuit: the allow-list, then a pool."""
    started = time.monotonic()
    found = circuit(deck.text(lair))
    try:
        decks = build_decks(found)
    except CircuitError as error:
        places = tuple((one.file, one.line) for one in error.findings)
        return Trial("refused", str(error), time.monotonic() - started, places)
    with NgspiceSimulator(found, processes=1, time_limit=LIMIT, decks=decks) as simulator:
        assert simulator.version  # a host has started
        started = time.monotonic()
        [result] = simulator.run([{"r": 1e3}])
        return Trial(_kind(result), result.model_dump_json(), time.monotonic() - started)


def _kind(result: SimulationResult) -> str:
    return {"timeout": "timeout", "simulator_crash": "crash"}.get(result.failure or "", "answered")


def raw_template(deck: Hostile, lair: Lair) -> BenchTemplate:
    """The deck as it is, its title among its cards: the allow-list never sees it."""
    lines = deck.text(lair).split("\n")
    title, rest = lines[0].removeprefix("* "), lines[1:]
    return _raw(title, rest if lines[0].startswith("* ") else [lines[0], *rest])


def commands_template(commands: Sequence[str]) -> BenchTemplate:
    """A good deck with a script of commands to ngspice."""
    script = [".control", "op", *commands, ".endc"]
    return _raw("commands", ["v1 in 0 1", "r1 in out {r}", "r2 out 0 1k", *script, ".op"])


def _raw(title: str, body: list[str]) -> BenchTemplate:
    return {
        **GOOD,
        "name": title,
        "body": body,
        "analyses": ["op"],
        "measures": [],
        "devices": [],
    }


def straight_into_a_host(host: HostProcess, bench: int = 0) -> Trial:
    """A testbench of `host`, whatever it says."""
    started = time.monotonic()
    try:
        answer = host.run([BenchNumbers(bench=bench, lines=_RAW_NUMBERS)], LIMIT)
    except HostTimeoutError as error:
        outcome, said = "timeout", str(error)
    except HostDiedError as error:
        outcome, said = "crash", str(error)
    else:
        outcome, said = "answered", json.dumps(answer)
    return Trial(outcome, said, time.monotonic() - started)


def good_answer(host: HostProcess, bench: int = 1) -> object:
    """What the good deck gives on this host, or on the one that replaces it."""
    return host.run([BenchNumbers(bench=bench, lines=_GOOD_NUMBERS)], GOOD_LIMIT)
