"""Metrics as GPs get them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ado_service.proposers.outcome import Outcome, outcomes_of
from ado_service.proposers.protocol import History, Observation
from circuits.objective import Objective
from tests.prompts.circuit import SPECS, small_circuit

CIRCUIT = small_circuit()
EMPTY = History(CIRCUIT, SPECS)
VALUES = CIRCUIT.from_unit([0.5] * 4)


def seen(*metrics: dict[str, float | None]) -> tuple[Observation, ...]:
    history = EMPTY
    for one in metrics:
        history = history.observe(VALUES, one)
    return history.observations


SPREAD = seen(
    {"gain": 70.0, "gbw": 1e5, "power": 1e-5},
    {"gain": 50.0, "gbw": 1e7, "power": 2e-5},
    {"gain": -300.0, "gbw": 1e6, "power": 4e-5},
    {"gain": None, "gbw": None, "power": 3e-5},
)


def outcomes(objective: str) -> dict[str, Outcome]:
    found = outcomes_of(CIRCUIT, Objective.parse(objective), SPECS, SPREAD)
    return {one.metric: one for one in found}


def test_decibels_are_never_taken_in_the_logarithm() -> None:
    wide = seen({"gain": 2.0, "gbw": 1e5, "power": 1e-5}, {"gain": 70.0, "gbw": 1e7, "power": 1e-5})
    objective = Objective.parse("pareto:gain+,gbw+")
    gain, gbw, *_ = outcomes_of(CIRCUIT, objective, SPECS, wide)
    assert not gain.log
    assert gbw.log


def test_the_objective_comes_first_then_the_other_specs() -> None:
    assert list(outcomes("pareto:power-,gbw+")) == ["power", "gbw", "gain"]
    assert list(outcomes("pareto:gbw-,gain-,power-")) == ["gbw", "gain", "power"]


def test_larger_is_better_and_decades_are_logarithms() -> None:
    found = outcomes("pareto:power-,gbw+")
    assert (found["gbw"].log, found["power"].log, found["gain"].log) == (True, False, False)
    assert found["gbw"].value({"gbw": 1e7}) == pytest.approx(7)
    assert found["power"].value({"power": 2e-5}) == -2e-5
    assert found["gbw"].threshold == pytest.approx(math.log10(1.2345678e6))
    assert found["power"].threshold == -3e-5


def test_bad_ends_are_cut_off_below_the_threshold_and_failures_stand_there() -> None:
    gain = outcomes("pareto:power-,gbw+")["gain"]
    assert gain.threshold == 60
    assert gain.floor == 60 - 2 * (70 - 60)
    assert gain.value({"gain": -300.0}) == gain.value({"gain": None}) == gain.value({}) == 40
    assert gain.value({"gain": math.nan}) == 40
    assert gain.value({"gain": 50.0}) == 50


def test_no_floor_is_below_the_worst_that_was_seen() -> None:
    power = outcomes("pareto:power-,gbw+")["power"]
    assert power.floor == pytest.approx(-4e-5)


def test_a_metric_without_a_spec_is_cut_off_below_its_median() -> None:
    found = outcomes_of(CIRCUIT, Objective.parse("pareto:gain+,power-"), SPECS[1:], SPREAD)
    assert (found[0].metric, found[0].threshold) == ("gain", None)
    assert found[0].floor == 50 - (70 - 50)


def test_an_objective_may_pull_away_from_its_spec() -> None:
    gain = outcomes("pareto:gain-,power-")["gain"]
    assert (gain.sign, gain.spec_sign, gain.threshold) == (-1, -1, -60)
    assert gain.value({"gain": 70.0}) == -70


def test_hypervolume_begins_at_the_worst_that_the_spec_allows_or_was_seen() -> None:
    found = outcomes("pareto:power-,gbw+")
    assert found["gain"].reference == 60
    assert found["power"].reference == -3e-5
    assert outcomes("pareto:gain-,power-")["gain"].reference == -70
    loose = outcomes_of(
        CIRCUIT,
        Objective.parse("pareto:power-,gbw+"),
        [SPECS[2].model_copy(update={"threshold": 4e-4, "penalty": -99.0})],
        SPREAD,
    )
    assert loose[0].log
    assert loose[0].reference == loose[0].floor == pytest.approx(-math.log10(4e-5))


def test_one_value_everywhere_is_no_trouble() -> None:
    same = replace(SPREAD[0])
    found = outcomes_of(CIRCUIT, Objective.parse("pareto:gain+,power-"), (), [same, same])
    assert [one.value(same.metrics) for one in found] == [70, -1e-5]
