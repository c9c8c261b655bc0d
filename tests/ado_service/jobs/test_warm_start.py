"""Warm starts: which designs are taken, what they are worth, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ado_service.job_config import JobConfig, Method
from ado_service.jobs import warm_start
from ado_service.jobs.asked import SubmissionError, job_specs
from ado_service.jobs.prior_designs import read_prior
from ado_service.jobs.runner import Runner
from ado_service.jobs.submit import submit
from ado_service.settings import Settings
from ado_service.store.design_record import DesignRecord
from ado_service.store.job_record import JobRecord, JobState, WantedState
from ado_service.store.store import Store
from circuits.definition import Circuit, Corner, Metric
from circuits.loader import load_circuit
from circuits.spec import Direction, Spec, SpecSet
from circuits.variable import Variable
from simulators.result import CornerResult
from tests.ado_service.store.builders import circuit, claimed, outcome, proposed

POWER = Spec(metric="power", direction=Direction.BELOW, threshold=5, norm=5, weight=-1, penalty=-9)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, processes=1)


def filled(store: Store, count: int = 30, names: tuple[str, ...] = ("nominal",)) -> str:
    """A job whose designs gain and burn more the wider they are; every seventh one failed."""
    lease = claimed(store, budget=max(count, 5))
    pending = store.designs.add_pending(
        lease, [proposed(place, values={"w": 1e-6 * (1 + 3 * place)}) for place in range(count)]
    )
    for place, design in enumerate(pending):
        if place % 7 == 6:
            result = outcome(-1.0, metrics={"gain": None}, failure="timeout")
        else:
            metrics = {"gain": float(place), "power": float(place)}
            corners = {name: CornerResult(metrics=metrics) for name in names}
            result = outcome(float(place), metrics=metrics, corners=corners, feasible=place > 1)
        store.designs.finish(lease, design.id, result)
    return lease.job_id


def started(
    store: Store, settings: Settings, sized: Circuit | None = None, **config: Any
) -> tuple[JobRecord, list[DesignRecord]]:
    job, _ = submit(store, settings, sized or circuit(), JobConfig.model_validate(config))
    return job, store.priors.of_job(job.id)


def changed(**fields: Any) -> Circuit:
    return Circuit.model_validate(circuit().model_dump() | fields)


def test_the_best_under_the_present_specs_come_first(store: Store, settings: Settings) -> None:
    source = filled(store)
    job, prior = started(store, settings, warm_start=[source])
    assert len(prior) == 30
    assert job.message == "starts from 30 designs on record"
    assert prior[0].metrics["gain"] == 29
    _, frugal = started(store, settings, specs=[POWER.model_dump()], warm_start=[source])
    assert [one.metrics["power"] for one in frugal[:3]] == [0, 1, 2]
    assert frugal[5].metrics["power"] == 5, "of those that fail alike the earlier is first"


def test_a_circuit_stands_for_all_designs_of_its_name_or_version(
    store: Store, settings: Settings
) -> None:
    filled(store, 5)
    filled(store, 7)
    for source in ("amplifier", circuit().content_hash):
        _, prior = started(store, settings, warm_start=[source])
        assert len({one.job_id for one in prior}) == 2
        # Equal sizes are one design, whichever job had it.
        assert len(prior) == 7


def test_sources_add_up(store: Store, settings: Settings) -> None:
    one, other = filled(store, 3), filled(store, 9)
    _, prior = started(store, settings, warm_start=[one, other])
    assert len(prior) == 9


def test_of_many_half_are_the_best_and_half_are_spread(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "MOST", 6)
    monkeypatch.setattr(warm_start, "_BEST", 3)
    _, prior = started(store, settings, warm_start=[filled(store)])
    assert [one.index for one in prior[:3]] == [29, 28, 26]
    assert prior[3].index == 0, "the farthest from the best"
    assert len({one.index for one in prior}) == 6


def test_what_is_out_of_range_now_is_left_out(store: Store, settings: Settings) -> None:
    source = filled(store)
    narrow = changed(variables=[Variable(name="w", unit="m", low=1e-6, high=10e-6).model_dump()])
    _, prior = started(store, settings, narrow, warm_start=[source])
    assert [one.values["w"] for one in prior] == pytest.approx([10e-6, 7e-6, 1e-6, 4e-6])


def test_judged_anew_by_the_specs_of_the_job(store: Store, settings: Settings) -> None:
    source = filled(store)
    job, _ = started(store, settings, specs=[POWER.model_dump()], warm_start=[source])
    specs = job_specs(circuit(), job.config)
    prior = read_prior(store, circuit(), specs, job.id)
    assert [one.verdict.feasible for one in prior[:6]] == [True] * 5 + [False]
    assert prior[0].verdict.terms == {"power": 0}
    assert [one.failure for one in prior].count("timeout") == 4


def test_a_corner_that_was_not_simulated_is_not_met(store: Store, settings: Settings) -> None:
    source = filled(store)
    both = changed(corners=[Corner(name="nominal").model_dump(), Corner(name="hot").model_dump()])
    job, _ = started(store, settings, both, warm_start=[source])
    prior = read_prior(store, both, both.specs(), job.id)
    assert not any(one.verdict.feasible for one in prior)
    assert prior[0].metrics["gain"] == 29
    renamed = changed(corners=[Corner(name="tt").model_dump()])
    job, _ = started(store, settings, renamed, warm_start=[source])
    assert read_prior(store, renamed, renamed.specs(), job.id)[0].metrics == {}


LOUD = Spec(metric="noise", direction=Direction.BELOW, threshold=1, norm=1, weight=-1, penalty=-9)


@pytest.mark.parametrize(
    ("fields", "config", "said"),
    [
        ({}, {"warm_start": ["job_gone"]}, "no job and no circuit 'job_gone'.*Known are amplifier"),
        ({}, {"warm_start": ["two_stage_amplifier"]}, "shares no variable with amplifier.*w1"),
        (
            {"variables": [Variable(name=name, low=0, high=1).model_dump() for name in "wl"]},
            {"warm_start": ["amplifier"]},
            "differ in variables: l",
        ),
        (
            {
                "metrics": [Metric(name="noise").model_dump()],
                "spec_sets": [SpecSet(name="typical", specs=(LOUD,)).model_dump()],
            },
            {},
            "does not measure noise.*It measures gain, power",
        ),
        (
            {"metrics": [Metric(name=one).model_dump() for one in ("gain", "noise", "power")]},
            {"objective": "pareto:noise-,power-"},
            "does not measure noise",
        ),
        (
            {"variables": [Variable(name="w", low=1, high=2).model_dump()]},
            {},
            "none of the 4 designs .* is in the ranges",
        ),
    ],
)
def test_what_cannot_be_started_from_is_refused_with_a_cure(
    store: Store, settings: Settings, fields: dict[str, Any], config: dict[str, Any], said: str
) -> None:
    source = filled(store, 4)
    sized = changed(**fields)
    with pytest.raises(SubmissionError, match=said) as raised:
        started(store, settings, sized, **{"warm_start": [source], **config})
    assert raised.value.field == "warm_start.0"
    assert len(store.jobs.page().items) == 1


def test_a_replay_starts_from_the_same_designs_though_more_are_on_record(
    store: Store, settings: Settings
) -> None:
    filled(store, 4)
    first, before = started(store, settings, warm_start=["amplifier"])
    store.jobs.set_wanted_state(first.id, WantedState.CANCEL)
    filled(store, 9)
    again, same = started(store, settings, warm_start=["amplifier"], replay=first.id)
    assert [one.id for one in same] == [one.id for one in before]
    assert again.message == "starts from 4 designs on record"
    _, more = started(store, settings, warm_start=["amplifier"])
    assert len(more) == 9


def test_a_replay_on_another_version_chooses_anew(store: Store, settings: Settings) -> None:
    filled(store, 9)
    first, _ = started(store, settings, warm_start=["amplifier"])
    store.jobs.set_wanted_state(first.id, WantedState.CANCEL)
    narrow = changed(variables=[Variable(name="w", unit="m", low=1e-6, high=4e-6).model_dump()])
    _, fitting = started(store, settings, narrow, warm_start=["amplifier"], replay=first.id)
    assert 0 < len(fitting) < 9
    assert all(one.values["w"] <= 4e-6 for one in fitting)


def test_the_best_in_the_corners_of_the_job_come_first(store: Store, settings: Settings) -> None:
    job, _ = started(store, settings, warm_start=[filled(store)])
    frugal = read_prior(store, circuit(), (POWER,), job.id)
    ranks = [one.verdict.rank for one in frugal]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[-1]


def test_a_job_without_designs_is_refused(store: Store, settings: Settings) -> None:
    lease = claimed(store)
    store.designs.add_pending(lease, [proposed(0)])
    with pytest.raises(SubmissionError, match="has no simulated design on record"):
        started(store, settings, warm_start=[lease.job_id])


def run(store: Store, settings: Settings, job: JobRecord, **runner: Any) -> list[DesignRecord]:
    lease = store.leases.claim("test", 30, job.id)
    assert lease is not None
    Runner(store, settings, **runner).run(lease)
    return store.designs.of_job(job.id, corners=False)


def test_a_warm_job_simulates_the_best_first_and_resumes_with_the_same_designs(
    store: Store, settings: Settings
) -> None:
    amplifier = load_circuit("two_stage_amplifier")
    cold, _ = submit(store, settings, amplifier, JobConfig(method=Method.RANDOM, budget=40))
    before = run(store, settings, cold)
    config = JobConfig(method=Method.GP_BO, budget=10, warm_start=(cold.id,), seed=3)
    first, _ = submit(store, settings, amplifier, config)
    whole = run(store, settings, first)
    assert [one.stage for one in whole] == ["prior"] * 4 + ["random"] + ["gp"] * 5
    best = max(before, key=lambda one: (one.feasible, one.fom or -9))
    assert (whole[0].values, whole[0].metrics) == (best.values, best.metrics)
    # The same choice for the same record, and a resumed job keeps it though more is on record.
    second, _ = submit(store, settings, amplifier, config)
    assert store.priors.of_job(second.id) == store.priors.of_job(first.id)
    asked = iter(range(100))
    run(store, settings, second, drain=lambda: next(asked) >= 2)
    assert store.jobs.get(second.id).state is JobState.QUEUED
    again = run(store, settings, second)
    assert [(one.stage, one.values, one.fom) for one in again] == [
        (one.stage, one.values, one.fom) for one in whole
    ]
