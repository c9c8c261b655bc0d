"""The methods as sequences of stages: a pure function of configuration and record."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ado_service.credit import Tried
from ado_service.job_config import JobConfig
from ado_service.proposers.gp import GPProposer
from ado_service.stages import Stages


def stages_of(
    round_number: int, tried: Sequence[Tried] = (), **config: object
) -> list[tuple[str, int]]:
    """Names and sizes of a round's stages, were each to fill its share."""
    job = JobConfig.model_validate({"llm": "some", **config})
    stages = Stages(job, GPProposer(), None)
    left, found = stages.round_size(round_number), []
    for stage in stages.of_round(round_number, tried):
        found.append((stage.name, stage.size(left)))
        left -= stage.size(left)
    return found


def gains_of(name: str, count: int = 10) -> list[Tried]:
    """Rounds of an LLM design and four of the GP, in which one side alone gets better."""
    return [
        Tried(
            5 * round_number + place, round_number, who, (False, round_number * float(who == name))
        )
        for round_number in range(count)
        for place, who in enumerate(["llm", "gp", "gp", "gp", "gp"])
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [("llm", 5), ("sobol", 0)]),
        ({"method": "gp-bo"}, [("random", 5)]),
        ({"method": "gp-bo", "start": "sobol"}, [("sobol", 5)]),
        ({"warm_start": ["a"]}, [("prior", 4), ("llm", 1), ("sobol", 0)]),
        ({"warm_start": ["a"], "method": "gp-bo"}, [("prior", 4), ("random", 1)]),
        ({"warm_start": ["a"], "method": "random", "initial": 1}, [("prior", 0), ("random", 1)]),
    ],
)
def test_the_initial_designs(config: dict[str, object], expected: list[tuple[str, int]]) -> None:
    assert stages_of(0, **config) == expected


def test_a_fixed_share_is_one_design_whatever_was_gained() -> None:
    for tried in ([], gains_of("llm"), gains_of("gp")):
        assert stages_of(10, tried, llm_share="fixed") == [("llm", 1), ("gp", 4)]
        assert stages_of(10, tried, llm_share="fixed", batch=20) == [("llm", 1), ("gp", 19)]


def test_an_adaptive_share_follows_the_gains() -> None:
    assert stages_of(1) == [("llm", 1), ("gp", 4)]
    assert stages_of(10, gains_of("llm")) == [("llm", 2), ("gp", 3)]
    later = [stages_of(number, gains_of("gp")) for number in range(10, 18)]
    assert [("gp", 5)] in later
    assert [("llm", 1), ("gp", 4)] in later
    assert later == [stages_of(number, gains_of("gp")) for number in range(10, 18)]


def test_the_other_methods_have_no_share() -> None:
    assert stages_of(3, gains_of("llm"), method="gp-bo") == [("gp", 5)]
    assert stages_of(3, gains_of("gp"), method="llm") == [("llm", 5), ("gp", 0)]
    assert stages_of(3, gains_of("gp"), method="random") == [("random", 5)]
    assert stages_of(3, gains_of("gp"), llm=None) == [("gp", 5)]
