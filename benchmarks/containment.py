"""How well hostile decks, hangs and crashes are contained: rows for `benchmarks.simulation`.

`hostile-contained`: decks of the corpus under tests/ that broke out of nothing, each tried as a
user's circuit and straight in a host whose allow-list is left out, against all tries.
`hang-killed`: seconds past its limit at which a deck that does not end is dead, its process gone.
`crash-to-next`: milliseconds from the death of a host to the answer on the next design, which has
a simulation of its own of a millisecond or so in it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median

from benchmarks.report import Row
from simulators.ngspice.errors import HostDiedError, HostTimeoutError
from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.nursery_process import NurseryProcess
from tests.simulators.hostile.corpus import CORPUS, Hostile
from tests.simulators.hostile.scene import Scene, scene
from tests.simulators.hostile.trial import GOOD, alive, good_answer, raw_template

_HANGS = ("tran_bomb", "tran_memory", "dc_bomb", "ac_bomb", "loop", "doubling_subckt")
_HANG_LIMIT = 0.5
_HANG_GOAL = 0.5
_CRASH_GOAL = 50.0
_PATIENCE = 60.0


def containment(*, quick: bool) -> list[Row]:
    """All rows; about 25 s, a few when quick."""
    with scene() as found:
        return [
            contained(found, CORPUS[::4] if quick else CORPUS),
            hangs(found, 1 if quick else 5),
            crashes(found, 10 if quick else 100),
        ]


def contained(found: Scene, corpus: Sequence[Hostile]) -> Row:
    """Tries that broke out of nothing, against all."""
    breaches: dict[str, list[str]] = {}
    outcomes: Counter[str] = Counter()
    for deck in corpus:
        tries = {
            "as a circuit": found.as_circuit(deck),
            "in a host": found.straight(raw_template(deck, found.lair)),
        }
        for way, (trial, broken) in tries.items():
            outcomes[f"{way}: {trial.outcome}"] += 1
            if broken:
                breaches[f"{deck.name} {way}"] = broken
    tried = 2 * len(corpus)
    held = tried - len(breaches)
    detail = {"decks": len(corpus), "outcomes": dict(outcomes), "breaches": breaches}
    return Row(
        name="hostile-contained", ours=held, peer=tried, peer_name="tries, two a deck",
        unit="contained", ratio=held / tried, goal=1.0, holds=held == tried, n=tried,
        low=None, high=None, detail=detail,
    )  # fmt: skip


def hangs(found: Scene, repeats: int) -> Row:
    """Seconds past the limit until a hanging host is gone."""
    decks = [deck for deck in CORPUS if deck.name in _HANGS]
    late = [_late(found, deck) for _ in range(repeats) for deck in decks]
    return _against_goal("hang-killed", late, _HANG_GOAL, "s past the limit")


def crashes(found: Scene, repeats: int) -> Row:
    """Milliseconds from a host's death, idle or at work, to the next design's answer."""
    took = [_recovery(found.nursery, busy=bool(turn % 2)) for turn in range(repeats)]
    return _against_goal("crash-to-next", took, _CRASH_GOAL, "ms")


def _late(found: Scene, deck: Hostile) -> float:
    host = HostProcess([raw_template(deck, found.lair), GOOD], found.nursery)
    try:
        good_answer(host)  # the start is not counted
        pid = host.pid
        started = time.perf_counter()
        try:
            host.run([{"bench": 0, "lines": [".param r=1000.0"]}], _HANG_LIMIT)
        except HostTimeoutError:
            late = time.perf_counter() - started - _HANG_LIMIT
            if alive(pid):
                raise RuntimeError(f"{deck.name}: the host {pid} still lives") from None
            return late
        raise RuntimeError(f"{deck.name} came to an end; it measures nothing")
    finally:
        host.close()


def _recovery(nursery: NurseryProcess, *, busy: bool) -> float:
    host = HostProcess([GOOD], nursery)
    try:
        good_answer(host, 0)
        pid = host.pid
        assert pid is not None
        died = _kill_at_work(host, pid) if busy else _kill(pid)
        try:
            good_answer(host, 0)
        except HostDiedError:  # what the pool answers with one more try
            good_answer(host, 0)
        return (time.perf_counter() - died) * 1e3
    finally:
        host.close()


def _kill(pid: int) -> float:
    died = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    return died


def _kill_at_work(host: HostProcess, pid: int) -> float:
    """Kill a host in the middle of many designs."""
    deaths: list[float] = []
    killer = threading.Timer(0.02, lambda: deaths.append(_kill(pid)))
    killer.start()
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            good_answer(host, 0)
        except HostDiedError:
            killer.join()
            return deaths[0]
    raise RuntimeError("the host outlived its death")


def _against_goal(name: str, figures: Sequence[float], goal: float, unit: str) -> Row:
    """A row in which less is better: the goal over the figures; the worst must hold."""
    return Row(
        name=name, ours=median(figures), peer=goal, peer_name="goal, kept by the worst", unit=unit,
        ratio=goal / median(figures), goal=1.0, holds=max(figures) <= goal, n=len(figures),
        low=goal / max(figures), high=goal / min(figures),
        detail={"median": median(figures), "max": max(figures)},
    )  # fmt: skip
