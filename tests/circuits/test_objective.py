"""Objectives: read, printed, and brought together with a circuit's specs."""

from __future__ import annotations

import math

import pytest
from pydantic import BaseModel, ValidationError

from circuits.objective import (
    Aim,
    Mode,
    Objective,
    ObjectiveError,
    WrittenObjective,
    dominates,
)
from circuits.spec import Direction
from tests.prompts.circuit import SPECS, small_circuit

CIRCUIT = small_circuit()


@pytest.mark.parametrize(
    "text", ["specs", "fom", "pareto:power,gain", "pareto:power-,gain+", "pareto:gbw,power-,gain"]
)
def test_what_is_read_is_printed_the_same(text: str) -> None:
    assert str(Objective.parse(text)) == text


def test_the_default_is_to_meet_the_specs() -> None:
    assert Objective() == Objective.parse("specs") == Objective(Mode.SPECS)


@pytest.mark.parametrize(
    "text",
    ["", "best", "specs:gain", "fom:", "pareto", "pareto:", "pareto:gain", "pareto:a,b,c,d",
     "pareto:gain,", "pareto:gain,Power", "pareto:gain+-,power", "pareto:gain;power"],
)  # fmt: skip
def test_what_is_no_objective_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ObjectiveError, match="write specs, fom, or pareto:METRIC,METRIC"):
        Objective.parse(text)


def test_a_metric_is_named_once() -> None:
    with pytest.raises(ObjectiveError, match="twice"):
        Objective.parse("pareto:gain,gain-")


def test_directions_come_from_the_specs_unless_written() -> None:
    resolved = Objective.parse("pareto:power,gain-,gbw").resolved(CIRCUIT, SPECS)
    assert str(resolved) == "pareto:power-,gain-,gbw+"
    assert resolved.resolved(CIRCUIT, ()) == resolved
    assert Objective.parse("fom").resolved(CIRCUIT, ()) == Objective(Mode.FOM)


def test_an_unknown_metric_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ObjectiveError, match="no metric 'area'; known are gain, gbw, power"):
        Objective.parse("pareto:area,gain").resolved(CIRCUIT, SPECS)


def test_a_metric_without_spec_needs_a_direction() -> None:
    with pytest.raises(ObjectiveError, match=r"write gbw- when smaller .* gbw\+ when larger"):
        Objective.parse("pareto:gbw,power").resolved(CIRCUIT, SPECS[2:])


def test_gains_are_larger_for_the_better() -> None:
    objective = Objective.parse("pareto:power-,gain+")
    assert objective.gains({"power": 2.0, "gain": 3.0}) == (-2.0, 3.0)
    for missing in (
        {},
        {"power": 2.0},
        {"power": None, "gain": 1.0},
        {"power": 1, "gain": math.nan},
    ):
        assert objective.gains(missing) is None
    assert Objective().gains({"power": 2.0}) is None
    with pytest.raises(ObjectiveError, match="no direction"):
        Objective.parse("pareto:power,gain").gains({"power": 2.0, "gain": 3.0})


def test_a_trade_off_dominates_where_it_is_better_somewhere_and_worse_nowhere() -> None:
    assert dominates((2, 1), (1, 1))
    assert not dominates((1, 1), (1, 1))
    assert not dominates((2, 0), (1, 1))
    with pytest.raises(ValueError, match="zip"):
        dominates((1,), (1, 2))


class Wish(BaseModel):
    objective: WrittenObjective = Objective()


def test_a_field_is_text_outside_and_a_value_inside() -> None:
    wish = Wish.model_validate({"objective": "pareto:power-,gain"})
    assert wish.objective.aims == (Aim("power", Direction.BELOW), Aim("gain"))
    assert wish.model_dump() == {"objective": "pareto:power-,gain"}
    assert Wish.model_validate_json(wish.model_dump_json()) == wish
    for wrong in ("best", 5, None, {"mode": "fom"}):
        with pytest.raises(ValidationError, match="objective"):
            Wish.model_validate({"objective": wrong})
