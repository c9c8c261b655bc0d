"""Across jobs, an identical design is simulated once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ado_service.job_config import JobConfig, Method
from ado_service.jobs.runner import Runner
from ado_service.jobs.submit import submit
from ado_service.jobs.summary import JobSummary, summarise
from ado_service.settings import Settings
from ado_service.store.design_record import DesignRecord
from ado_service.store.engine import make_engine
from ado_service.store.job_record import JobState
from ado_service.store.store import Store
from ado_service.store.tables import simulation_results
from circuits.definition import Circuit, Corner
from circuits.loader import load_circuit
from simulators.ngspice.host_process import HostProcess
from tests.ado_service.store.builders import GAIN

AMPLIFIER = load_circuit("two_stage_amplifier")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Decks that hosts really simulated, a number a run; emptied by the test."""
    found: list[int] = []
    run = HostProcess.run

    def counting(self: HostProcess, decks: Sequence[Any], *rest: Any, **named: Any) -> Any:
        if decks:
            found.append(len(decks))
        return run(self, decks, *rest, **named)

    monkeypatch.setattr(HostProcess, "run", counting)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, processes=2)


def sized(
    store: Store, settings: Settings, circuit: Circuit = AMPLIFIER, **config: object
) -> tuple[list[DesignRecord], JobSummary]:
    """A job from start to end."""
    asked = {"budget": 8, "initial": 4, "batch": 4, "method": Method.RANDOM, "objective": "fom"}
    job, _ = submit(store, settings, circuit, JobConfig.model_validate(asked | config))
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    assert Runner(store, settings).run(lease) is None
    summary = summarise(store, job.id)
    assert (summary.state, summary.message) == (JobState.FINISHED, "")
    return store.designs.of_job(job.id), summary


def measured(designs: list[DesignRecord]) -> list[object]:
    """Everything but how and when the results were come by, signs of zero and all."""
    own = {"id", "job_id", "seconds", "created_at", "finished_at"}
    return [repr(design.model_dump(exclude=own)) for design in designs]


def test_a_job_again_makes_no_simulation_and_the_same_bits(
    store: Store, settings: Settings, runs: list[int]
) -> None:
    first, before = sized(store, settings, method=Method.GP_BO, seed=3)
    assert len(runs) >= 8
    assert before.cached == 0
    runs.clear()
    again, after = sized(store, settings, method=Method.GP_BO, seed=3)
    assert runs == []
    assert measured(again) == measured(first)
    assert (after.simulations, after.cached) == (8, 8), "the budget counts designs"
    assert after.best is not None
    assert before.best is not None
    assert after.best.metrics == before.best.metrics


def test_what_a_cached_design_took_is_not_what_it_once_took(
    store: Store, settings: Settings, runs: list[int]
) -> None:
    first, _ = sized(store, settings)
    again, summary = sized(store, settings)
    once = {design.seconds for design in first}
    assert len(once) == 8
    assert once.isdisjoint(design.seconds for design in again)
    told = [event for event in store.events.after(summary.job_id, 0) if event.kind == "design"]
    assert [event.data["cached"] for event in told] == [True] * 8


def changed(file: str, old: str, new: str) -> Circuit:
    text = AMPLIFIER.files[file]
    assert old in text
    return AMPLIFIER.model_copy(update={"files": AMPLIFIER.files | {file: text.replace(old, new)}})


SECOND = Corner(name="low", parameters={"vdd": 1.9})
CHANGES = {
    "model card": changed("models/generic90.mod", "pclm=1.2 ", "pclm=1.25 "),
    "option": changed("bench.cir", "reltol=1e-4", "reltol=2e-4"),
    "element": changed("amplifier.cir", "cc  out  nz  {c1}", "cc  out  nz  {c1*1.5}"),
    "corner": AMPLIFIER.model_copy(update={"corners": (*AMPLIFIER.corners, SECOND)}),
    "parameter": AMPLIFIER.model_copy(
        update={"parameters": {**AMPLIFIER.parameters, "vdd": 1.9}},
    ),
}


@pytest.mark.parametrize("circuit", CHANGES.values(), ids=CHANGES)
def test_what_changes_a_result_is_simulated_anew(
    store: Store, settings: Settings, runs: list[int], circuit: Circuit
) -> None:
    sized(store, settings)
    runs.clear()
    _, summary = sized(store, settings, circuit)
    assert summary.cached == 0
    assert len(runs) >= 8


def test_specs_matter_where_they_decide_what_is_simulated(
    store: Store, settings: Settings, runs: list[int]
) -> None:
    two = AMPLIFIER.model_copy(update={"corners": (*AMPLIFIER.corners, SECOND)})
    for circuit, cached in ((AMPLIFIER, 8), (two, 0)):
        sized(store, settings, circuit)
        _, summary = sized(store, settings, circuit, specs=(GAIN,))
        assert summary.cached == cached
        _, summary = sized(store, settings, circuit, specs=(GAIN,))
        assert summary.cached == 8


def test_a_circuit_of_another_name_is_none_the_less_known(
    store: Store, settings: Settings, runs: list[int]
) -> None:
    sized(store, settings)
    runs.clear()
    renamed = AMPLIFIER.model_copy(update={"name": "mine", "title": "Mine"})
    assert sized(store, settings, renamed)[1].cached == 8
    assert runs == []


def test_the_cache_can_be_switched_off(
    store: Store, settings: Settings, runs: list[int], database_url: str
) -> None:
    sized(store, settings)
    runs.clear()
    without = settings.model_copy(update={"cache": False})
    _, summary = sized(store, without)
    assert (summary.cached, len(runs) >= 8) == (0, True)


def test_corrupt_rows_are_simulated_again(
    store: Store, settings: Settings, runs: list[int], database_url: str
) -> None:
    first, _ = sized(store, settings)
    spoil = sa.update(simulation_results).values(result=b"spoilt")
    other = make_engine(database_url)
    with other.begin() as connection:
        connection.execute(spoil)
    other.dispose()
    runs.clear()
    again, summary = sized(store, settings)
    assert summary.cached == 0
    assert len(runs) >= 8
    assert measured(again) == measured(first)
    assert sized(store, settings)[1].cached == 8


def test_two_jobs_at_once_come_to_the_same(
    store: Store, settings: Settings, runs: list[int]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = [
            future.result() for future in [pool.submit(sized, store, settings) for _ in range(2)]
        ]
    assert measured(one[0]) == measured(other[0])
    assert sized(store, settings)[1].cached == 8
