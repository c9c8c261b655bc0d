"""Draws: by temperature, by share, by seed."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.local_llm.sampling import Sampler

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1]))


def _draws(count: int, temperature: float = 1.0, top_p: float = 1.0, **of: int | None) -> list[int]:
    sampler = Sampler(temperature, top_p, of.get("seed", 0), of.get("index") or 0)
    return [sampler.draw(LOGITS) for _ in range(count)]


def _shares(draws: list[int]) -> np.ndarray:
    return np.bincount(draws, minlength=4) / len(draws)


def test_draws_follow_the_probabilities() -> None:
    assert _shares(_draws(20_000)) == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.015)


def test_a_temperature_flattens_or_sharpens() -> None:
    for temperature in (0.5, 2.0):
        wanted = np.exp(LOGITS / temperature)
        shares = _shares(_draws(20_000, temperature))
        assert shares == pytest.approx(wanted / wanted.sum(), abs=0.015)


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-9])
def test_no_temperature_takes_the_likeliest(temperature: float) -> None:
    assert set(_draws(100, temperature)) == {0}


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.4, 1), (0.5, 1), (0.6, 2), (0.8, 3), (0.95, 4), (1e-9, 1)]
)
def test_top_p_keeps_the_likeliest_that_make_up_the_share(top_p: float, kept: int) -> None:
    shares = _shares(_draws(5_000, top_p=top_p))
    wanted = np.exp(LOGITS)[:kept]
    assert shares[:kept] == pytest.approx(wanted / wanted.sum(), abs=0.03)
    assert not shares[kept:].any()


def test_what_must_not_come_never_does() -> None:
    logits = np.array([-np.inf, 0.0, -np.inf, -800.0, -np.inf])
    for temperature in (0.0, 1.0, 100.0):
        sampler = Sampler(temperature, 1.0, 0, 0)
        assert {sampler.draw(logits) for _ in range(500)} <= {1, 3}


def test_a_seed_repeats_and_an_index_does_not() -> None:
    assert _draws(50, seed=7) == _draws(50, seed=7)
    different = [_draws(50, seed=7), _draws(50, seed=8), _draws(50, seed=-7)]
    different += [_draws(50, seed=7, index=1), _draws(50, seed=None), _draws(50, seed=None)]
    assert len({tuple(draws) for draws in different}) == len(different)


def test_rounding_of_the_logits_changes_no_draw() -> None:
    noise = np.random.default_rng(0)
    sampler, other = Sampler(1.0, 0.9, 3, 0), Sampler(1.0, 0.9, 3, 0)
    logits = noise.normal(size=(300, 500))
    rounded = logits.astype(np.float32).astype(np.float64)
    assert [sampler.draw(row) for row in logits] == [other.draw(row) for row in rounded]
