"""Fast jobs: the best design is always one that was simulated by a reload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ado_service.job_config import JobConfig, Method
from ado_service.jobs.runner import Runner
from ado_service.jobs.submit import submit
from ado_service.jobs.summary import JobSummary, summarise
from ado_service.ledger import Entry, MemoryLedger
from ado_service.loop import Loop
from ado_service.proposers.gp import GPProposer
from ado_service.proposers.protocol import History, Observation
from ado_service.settings import Settings
from ado_service.stages import Stages
from ado_service.store.design_record import DesignRecord
from ado_service.store.job_record import JobState
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.loader import load_circuit
from simulators.ngspice.simulator import NgspiceSimulator
from simulators.result import SimulationResult

AMPLIFIER = load_circuit("two_stage_amplifier")
BUDGET = 24
FAST = re.compile(r"ngspice-\d+(\.\d+)? fast")


class KeepingLedger(MemoryLedger):
    """Keeps what is put on record."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[int, SimulationResult] = {}

    def finish(self, entry: Entry, result: SimulationResult, seen: Observation) -> None:
        self.results[entry.index] = result
        super().finish(entry, result, seen)


@pytest.fixture(scope="module")
def reloading() -> Iterator[NgspiceSimulator]:
    with NgspiceSimulator(AMPLIFIER, processes=1) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def fast() -> Iterator[NgspiceSimulator]:
    with NgspiceSimulator(AMPLIFIER, processes=1, fast=True) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def flattering() -> Iterator[NgspiceSimulator]:
    """A fast simulator that is wrong: it measures with a tenth of the load."""
    lighter = AMPLIFIER.parameters | {"cl": AMPLIFIER.parameters["cl"] / 10}
    with NgspiceSimulator(
        AMPLIFIER.model_copy(update={"parameters": lighter}), processes=1, fast=True
    ) as simulator:
        yield simulator


def size(
    simulator: NgspiceSimulator, verifier: NgspiceSimulator | None, ledger: MemoryLedger
) -> History:
    config = {
        "budget": BUDGET,
        "method": Method.RANDOM,
        "fast": True,
        "seed": 3,
        "objective": "fom",
    }
    job = JobConfig.model_validate(config)
    stages = Stages(job, GPProposer(), None)
    specs = AMPLIFIER.specs()
    return Loop(AMPLIFIER, job, specs, stages, simulator, ledger, verifier).run()


def leaders(history: History) -> list[int]:
    """Designs that were the best when they came."""
    found: list[int] = []
    for index, seen in enumerate(history.observations):
        before = [one.verdict.rank for one in history.observations[:index]]
        if not before or seen.verdict.rank >= max(before):
            found.append(index)
    return found


def test_every_design_that_led_was_reloaded(
    fast: NgspiceSimulator, reloading: NgspiceSimulator
) -> None:
    ledger = KeepingLedger()
    history = size(fast, reloading, ledger)
    reloaded = [i for i, result in ledger.results.items() if not FAST.fullmatch(result.simulator)]
    assert reloaded == leaders(history)
    assert 1 < len(reloaded) < BUDGET
    assert [data for kind, data in ledger.events if kind == "note"] == []


def test_a_fast_result_that_a_reload_does_not_bear_out_is_not_the_best(
    flattering: NgspiceSimulator, reloading: NgspiceSimulator
) -> None:
    ledger = KeepingLedger()
    history = size(flattering, reloading, ledger)
    best = history.best
    assert best is not None
    [true] = reloading.run([best.values])
    assert dict(best.metrics) == true.metrics()
    place = history.observations.index(best)
    assert ledger.results[place].simulator == reloading.version
    told = [data["message"] for kind, data in ledger.events if kind == "note"]
    assert told
    assert all(
        re.fullmatch(
            r"design \d+ met \d specs when altered in place, \d when reloaded; the latter counts",
            message,
        )
        for message in told
    )
    believed = size(flattering, None, KeepingLedger()).best
    assert believed is not None
    assert believed.verdict.fom > best.verdict.fom  # what would be reported without


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One host, so that designs come in their order and the same ones lead."""
    return Settings(data_dir=tmp_path, processes=1)


def sized(
    store: Store, settings: Settings, circuit: Circuit, **config: object
) -> tuple[list[DesignRecord], JobSummary]:
    """A whole job."""
    asked = {"budget": 12, "method": Method.RANDOM, "objective": "fom", **config}
    job, _ = submit(store, settings, circuit, JobConfig.model_validate(asked))
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    assert Runner(store, settings).run(lease) is None
    summary = summarise(store, job.id)
    assert summary.state is JobState.FINISHED
    return store.designs.of_job(job.id), summary


def test_a_job_reports_a_reloaded_design(store: Store, settings: Settings) -> None:
    designs, summary = sized(store, settings, AMPLIFIER, fast=True)
    names = {design.id: design.simulator for design in designs}
    assert summary.best is not None
    assert not FAST.fullmatch(names[summary.best.design_id])
    assert sum(FAST.fullmatch(name) is not None for name in names.values()) > len(names) / 2


def test_fast_and_reloaded_results_are_kept_apart(store: Store, settings: Settings) -> None:
    first, _ = sized(store, settings, AMPLIFIER, fast=True)
    plain, _ = sized(store, settings, AMPLIFIER)
    again, summary = sized(store, settings, AMPLIFIER, fast=True)
    assert [one.values for one in plain] == [one.values for one in first]
    assert not any(FAST.fullmatch(one.simulator) for one in plain)
    # All of the third job was known: what was altered, and what was reloaded.
    assert [one.simulator for one in again] == [one.simulator for one in first]
    assert [one.metrics for one in again] == [one.metrics for one in first]
    assert summary.cached == len(again)
