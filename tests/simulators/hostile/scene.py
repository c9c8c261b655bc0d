"""Where hostile decks are tried: a lair to break out into, a nursery, a pool, and a watch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from simulators.ngspice.host_process import HostProcess
from simulators.ngspice.job import BenchTemplate
from simulators.ngspice.nursery_process import NurseryProcess
from simulators.ngspice.simulator import NgspiceSimulator
from tests.simulators.hostile.corpus import ENVIRONMENT, SECRET, Hostile, Lair
from tests.simulators.hostile.trial import (
    GOOD,
    LIMIT,
    Trial,
    Watch,
    good_answer,
    straight_into_a_host,
    through_the_front_door,
)
from tests.simulators.small import DIVIDER, circuit

SLACK = 10.0
"""Seconds: a guard against hangs, on a machine however loaded."""


@dataclass(frozen=True)
class Scene:
    """What there is before a deck is tried, and what a good deck gives then."""

    lair: Lair
    watch: Watch
    nursery: NurseryProcess
    pool: NgspiceSimulator
    good: object
    pool_good: object

    def as_circuit(self, deck: Hostile) -> tuple[Trial, list[str]]:
        """What became of the deck as a user's circuit, and of what it broke out."""
        trial = through_the_front_door(deck, self.lair)
        same = _bits(self.pool) == self.pool_good
        return trial, self._breaches(trial, set(), same=same)

    def straight(self, template: BenchTemplate) -> tuple[Trial, list[str]]:
        """What became of the deck in a host that does not read it first, and its breaches."""
        host = HostProcess([template, GOOD], self.nursery)
        try:
            trial = straight_into_a_host(host)
            same = good_answer(host) == self.good
            return trial, self._breaches(trial, {host.pid}, same=same)
        finally:
            host.close()

    def _breaches(self, trial: Trial, hosts: set[int | None], *, same: bool) -> list[str]:
        pools = {self.pool._nursery.pid, *self.pool.host_pids()}
        found = self.watch.breaches(trial.said, {self.nursery.pid} | hosts | pools)
        if trial.seconds > LIMIT + SLACK:
            found.append(f"took {trial.seconds:.1f} s")
        if not same:
            found.append("changed what a good deck gives")
        return found


@contextmanager
def scene() -> Iterator[Scene]:
    """A scene; this process stands in its lair meanwhile, with a secret in its environment."""
    # Everyone may enter: a host that is nobody is not kept out by the folder's rights.
    lair, mark = Lair(Path(tempfile.mkdtemp(prefix="ado-lair-"))), tempfile.mkdtemp()
    lair.prepare()
    changed = {"TMPDIR": mark, ENVIRONMENT: SECRET, "HOME": str(lair.folder)}
    nursery = NurseryProcess()
    try:
        with (
            patch.dict(os.environ, changed),
            chdir(lair.folder),
            NgspiceSimulator(circuit(DIVIDER), processes=1) as pool,
        ):
            good, pool_good = _reference(nursery), _bits(pool)
            yield Scene(lair, Watch(lair, mark), nursery, pool, good, pool_good)
            left = list(Path(mark).iterdir())
            assert left == [], "hosts leave nothing in TMPDIR"
    finally:
        nursery.close()
        for path in (lair.folder, mark):
            shutil.rmtree(path)


def _reference(nursery: NurseryProcess) -> object:
    """What the good deck gives on a host that has seen nothing else."""
    host = HostProcess([GOOD], nursery)
    try:
        return good_answer(host, 0)
    finally:
        host.close()


def _bits(pool: NgspiceSimulator) -> object:
    [result] = pool.run([{"r": 1e3}])
    assert result.failure is None
    return result.corners, result.message
