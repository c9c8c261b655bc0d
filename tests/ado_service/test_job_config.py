"""What a job may be asked to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ado_service.job_config import Demonstrations, JobConfig, Method, Start
from tests.ado_service.store.builders import GAIN


def test_the_defaults_are_those_of_the_paper() -> None:
    config = JobConfig()
    assert (config.budget, config.initial, config.batch) == (105, 5, 5)
    assert (config.method, config.demonstrations, config.start) == (
        Method.ADO_LLM,
        Demonstrations.TOP,
        Start.AUTO,
    )


def test_a_config_survives_json() -> None:
    config = JobConfig(specs=(GAIN,), seed=2**63 - 1, llm="cheap", start=Start.LLM, time_limit=1e-3)
    assert JobConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"initial": 6, "budget": 5, "batch": 1}, "initial: 6 .* lower initial or raise budget"),
        ({"batch": 6, "budget": 5}, "batch: 6 .* lower batch or raise budget"),
        ({"specs": (GAIN, GAIN)}, "specs: more than one spec on gain; keep one"),
        ({"budget": 0}, "budget"),
        ({"budget": 100_001}, "budget"),
        ({"budget": 10**9}, "lower budget to 2000, or choose method 'random', .* up to 100000"),
        ({"budget": 10**9, "method": "random"}, "1000000000 is too much; lower budget to 100000"),
        ({"budget": True}, "true is no number; write one"),
        ({"seed": True}, "true is no number; write one"),
        ({"time_limit": False}, "false is no number; write one"),
        ({"warm_start": "two_stage_amplifier"}, "write a list of jobs and circuits"),
        ({"warm_start": None}, "leave it out for none"),
        ({"budget": 2_001}, "cube .* lower budget to 2000, or choose method 'random'"),
        ({"budget": 2_001, "method": "gp-bo"}, "budget: 2001"),
        ({"budget": 2_001, "method": "llm"}, "budget: 2001"),
        ({"initial": 0}, "initial"),
        ({"initial": 257, "budget": 1000}, "initial"),
        ({"batch": 0}, "batch"),
        ({"batch": 257, "budget": 1000}, "batch"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"specs": ()}, "specs"),
        ({"spec_set": ""}, "spec_set"),
        ({"top_k": 0}, "top_k"),
        ({"time_limit": 0}, "time_limit"),
        ({"time_limit": float("nan")}, "nan is no number; write one"),
        ({"method": "magic"}, "method"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JobConfig.model_validate(fields)


def test_the_largest_jobs_are_taken() -> None:
    assert JobConfig(budget=100_000, method=Method.RANDOM, initial=256, batch=256).batch == 256
    assert JobConfig(budget=2_000).budget == 2_000


def test_what_was_not_asked_for_gives_way_to_the_budget() -> None:
    config = JobConfig(budget=3)
    assert (config.initial, config.batch) == (3, 3)
    assert config.model_fields_set == {"budget"}
    assert JobConfig.model_validate(config.model_dump()) == config
    assert JobConfig(budget=4, initial=2).batch == 4


@pytest.mark.parametrize(
    ("objective", "asked", "ends"),
    [
        ("specs", None, True),
        ("specs", False, False),
        ("fom", None, False),
        ("fom", True, True),
        ("pareto:gain,power", None, False),
        ("pareto:gain,power", True, True),
    ],
)
def test_the_objective_says_when_to_end_unless_it_is_said(
    objective: str, asked: bool | None, ends: bool
) -> None:
    config = JobConfig.model_validate({"objective": objective, "stop_when_feasible": asked})
    assert config.ends_when_feasible is ends
    assert JobConfig.model_validate_json(config.model_dump_json()) == config


def test_a_warm_start_has_a_few_sources_each_once() -> None:
    assert JobConfig(warm_start=("a", "b")).warm_start == ("a", "b")
    for wrong in (("a", "a"), tuple("abcdefghi"), ("",)):
        with pytest.raises(ValidationError, match="warm_start"):
            JobConfig(warm_start=wrong)
