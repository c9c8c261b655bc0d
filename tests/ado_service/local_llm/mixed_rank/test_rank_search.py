"""The search meets the budget, keeps what pays, and spends where it matters."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ado_service.local_llm.errors import CompressionError
from ado_service.local_llm.mixed_rank.factorized_linear import largest_rank
from ado_service.local_llm.mixed_rank.rank_search import RankCurve, search


def curve(inputs: int, outputs: int, decay: float) -> RankCurve:
    """Energies that fall by `decay` from one direction to the next."""
    return RankCurve(inputs, outputs, decay ** np.arange(outputs, dtype=float))


def saved(curves: dict[str, RankCurve], ranks: dict[str, int]) -> int:
    return sum(curves[name].saved(rank) for name, rank in ranks.items())


def lost(curves: dict[str, RankCurve], ranks: dict[str, int]) -> float:
    return sum(curves[name].loss(rank) for name, rank in ranks.items())


@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (64, 256), (7, 5), (2, 2), (1, 9)])
def test_the_largest_rank_is_the_last_that_pays(inputs: int, outputs: int) -> None:
    rank = largest_rank(inputs, outputs)
    assert rank * (inputs + outputs) < inputs * outputs <= (rank + 1) * (inputs + outputs)


@settings(max_examples=60, deadline=None)
@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 1.0)),
        min_size=1,
        max_size=5,
    ),
    share=st.floats(0.0, 1.0),
)
def test_every_budget_that_can_be_met_is_met_by_ranks_that_pay(
    shapes: list[tuple[int, int, float]], share: float
) -> None:
    curves = {str(place): curve(*shape) for place, shape in enumerate(shapes)}
    saving = int(share * sum(one.saved(1) for one in curves.values() if one.largest))
    ranks = search(curves, saving)
    assert saved(curves, ranks) >= saving
    for name, rank in ranks.items():
        one = curves[name]
        assert rank >= 1
        assert rank * (one.inputs + one.outputs) < one.inputs * one.outputs


def test_more_than_rank_1_saves_is_refused() -> None:
    curves = {"a": curve(10, 10, 0.5), "b": curve(1, 3, 0.5)}
    assert search(curves, 80) == {"a": 1}
    with pytest.raises(CompressionError, match=r"81 parameters are to go .* would save 80"):
        search(curves, 81)


def test_nothing_to_save_leaves_all_whole() -> None:
    assert search({"a": curve(10, 10, 0.5)}, 0) == {}


def test_a_layer_with_fewer_strong_directions_gets_fewer_ranks() -> None:
    curves = {"steep": curve(40, 40, 0.5), "flat": curve(40, 40, 0.95)}
    ranks = search(curves, 1600)
    assert ranks["steep"] < 12
    assert ranks.get("flat", 40) > ranks["steep"]


def test_a_layer_whose_directions_matter_alike_stays_whole() -> None:
    """Cutting it at all would cost a third of its energy before the first parameter is saved."""
    curves = {"flat": curve(30, 30, 1.0), "steep": curve(30, 30, 0.6)}
    assert search(curves, 400).keys() == {"steep"}


@pytest.mark.parametrize("saving", [150, 300, 450])
def test_it_comes_close_to_the_best_of_all_choices(saving: int) -> None:
    curves = {"a": curve(16, 16, 0.6), "b": curve(12, 24, 0.8), "c": curve(24, 8, 0.9)}
    choices = product(*([None, *range(1, one.largest + 1)] for one in curves.values()))
    named = [
        {name: rank for name, rank in zip(curves, choice, strict=True) if rank is not None}
        for choice in choices
    ]
    best = min(lost(curves, one) for one in named if saved(curves, one) >= saving)
    assert lost(curves, search(curves, saving)) <= 1.1 * best + 0.01


def test_what_is_saved_too_much_is_given_back() -> None:
    """One layer, whose cut from whole goes far: the rank is the largest within the budget."""
    one = curve(20, 20, 0.7)
    for saving in range(0, one.saved(1), 17):
        (rank,) = search({"a": one}, saving).values() or (None,)
        assert one.saved(rank) >= saving
        assert rank is None or rank == one.largest or one.saved(rank + 1) < saving


def test_a_layer_that_gives_nothing_goes_first() -> None:
    curves = {"dead": RankCurve(10, 10, np.zeros(10)), "alive": curve(10, 10, 0.9)}
    assert search(curves, 80) == {"dead": 1}
