"""Trust region, merit, candidates and acquisition: each does what its words say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ado_service.proposers.protocol import History, Observation
from ado_service.proposers.space_filling import SobolProposer
from ado_service.proposers.surrogate.acquisition import Acquisition
from ado_service.proposers.surrogate.candidates import candidates, refined
from ado_service.proposers.surrogate.merit import Merit
from ado_service.proposers.surrogate.model_space import ModelSpace
from ado_service.proposers.surrogate.surrogate import Surrogate
from ado_service.proposers.surrogate.trust_region import Search, TrustRegion
from circuits.fom import judge
from tests.ado_service.proposers.test_gp import empty, started

RNG = np.random.default_rng(6)
NONE = np.zeros((0, 4))


def length(merits: list[float], d: int = 10) -> float:
    return Search.after(np.array(merits), d).length


def test_the_box_grows_with_success_and_shrinks_without() -> None:
    rising, flat = list(np.arange(1.0, 31.0)), [1.0] + [0.0] * 29
    assert length([0.0] * 5) < length(rising)
    assert length(flat) < length([0.0] * 5)


def test_a_gain_that_is_next_to_nothing_is_no_success() -> None:
    crawling = [-1.0 + 1e-5 * step for step in range(30)]
    assert length(crawling) < length([-1.0] * 5)


def test_a_search_that_comes_to_nothing_starts_elsewhere() -> None:
    stuck = [1.0] + [0.0] * 200
    searches = [Search.after(np.array(stuck[:n]), 10) for n in range(len(stuck))]
    starts = {search.start for search in searches}
    assert len(starts) >= 3
    # Whatever the size of a round, as many designs as a block has are looked for elsewhere.
    assert sum(search.starts for search in searches) == 5 * len(starts - {0})
    (second, *_) = sorted(starts - {0})
    # what is no progress for the whole search is progress for the one that has just started
    rising = [1.0] + [0.0] * (second - 1) + [0.01 * step for step in range(1, 41)]
    assert Search.after(np.array(rising), 10).start == second
    assert length(rising) > length([0.0] * 5)


def test_the_box_stays_in_the_cube() -> None:
    box = TrustRegion.around(np.array([0.01, 0.5]), 0.5)
    assert box.low.tolist() == [0.0, 0.25]
    assert box.high.tolist() == [0.26, 0.75]


def test_candidates_lie_in_the_box() -> None:
    X = RNG.random((12, 6))
    box = TrustRegion.around(X[3], 0.5)
    found = candidates(X, np.arange(12), box, RNG)
    closer = refined(found, RNG.random(len(found)), box, 1, RNG)
    for points in (found, closer):
        assert (points >= box.low - 1e-12).all()
        assert (points <= box.high + 1e-12).all()
    assert len(np.unique(found, axis=0)) > 1000


def surrogate(history: History) -> Surrogate:
    return Surrogate.of(history, ModelSpace(history.circuit))


def test_a_design_that_meets_all_specs_is_worth_more_than_any_that_does_not() -> None:
    history = started(20)
    known = surrogate(history)
    merit = Merit.of(known)
    met = merit(np.full((1, len(history.specs)), 0.01))
    assert met > merit(np.array([[2.0] * (len(history.specs) - 1) + [-0.001]]))
    assert met > merit(np.full((1, len(history.specs)), -0.001))


def test_after_the_specs_the_figure_of_merit_counts() -> None:
    history = started(20)
    good = {
        spec.metric: spec.threshold * (1.3 if spec.weight > 0 else 0.5) for spec in history.specs
    }
    better = {**good, "gain": good["gain"] * 1.1}
    for metrics in (good, better):
        values = SobolProposer().propose(history, 1, 5)[0].values
        history = history.observe(values, metrics)
    known = surrogate(history)
    figure = Merit.of(known)
    first, second = known.Y[-2:]
    gained = judge(better, history.specs).fom - judge(good, history.specs).fom
    assert (figure(second) - figure(first)) * figure.unit == pytest.approx(gained)


def test_failed_designs_are_worse_than_the_worst() -> None:
    history = started(8)
    history = history.observe(SobolProposer().propose(history, 1, 9)[0].values, {})
    Y = surrogate(history).Y
    assert (Y[-1] < Y[:-1].min(axis=0)).all()


def test_a_circuit_that_does_not_work_is_no_better_for_all_that_it_meets() -> None:
    history = started(8)
    nearly = {
        spec.metric: spec.threshold * (0.9 if spec.weight > 0 else 1.1) for spec in history.specs
    }
    dead = {
        spec.metric: spec.threshold * (2.0 if spec.weight > 0 else 0.5)
        for spec in history.specs[1:]
    }
    for metrics in (nearly, dead):
        history = history.observe(SobolProposer().propose(history, 1, 9)[0].values, metrics)
    known = surrogate(history)
    works, does_not = Merit.of(known)(known.Y[-2:])
    assert works > does_not


@pytest.mark.parametrize("batch", [4, 5])
def test_a_search_that_starts_anew_leaves_the_basin_that_it_was_in(batch: int) -> None:
    history = started(6)
    while True:
        known = surrogate(history)
        acquisition = Acquisition(known, Merit.of(known), NONE, np.random.default_rng(1))
        points = acquisition.best(batch)
        if acquisition.search.starts:
            break
        for point in points:
            design = known.space.design(point)
            history = history.observe(design, {"gain": 1.0, "gbw": 1.0, "power": 1.0})
    best = known.X[int(np.argmax(acquisition.merits))]
    assert np.abs(points - best).max(axis=1).min() > 0.2


def test_the_posterior_of_a_long_history_rests_on_a_part_of_it() -> None:
    history = empty()
    for proposal in SobolProposer().propose(history, 700, 1):
        gain = 60 * sum(history.circuit.to_unit(proposal.values)) / 4
        history = history.observe(proposal.values, {"gain": gain, "gbw": 1e7 / gain, "power": 1e-5})
    known = surrogate(history)
    assert len(known.Y) == 700
    assert len(known.processes[0].X) == 500
    mean, _ = known.marginals(known.X)
    assert np.corrcoef(mean[:, 0], known.Y[:, 0])[0, 1] > 0.99


def test_the_best_of_a_long_history_stays_in_the_posterior() -> None:
    history = empty()
    good = {
        spec.metric: spec.threshold * (1.1 if spec.weight > 0 else 0.9) for spec in history.specs
    }
    first = history.specs[0].metric
    for place, proposal in enumerate(SobolProposer().propose(history, 700, 1)):
        better = good | {first: good[first] * (1 + 0.05 * (place == 400))}
        history = history.observe(proposal.values, better)
    known = surrogate(history)
    best = known.space.features(known.X[[400, 699]])
    assert len(known.processes[0].X) == 500
    for row in best:
        assert np.abs(known.processes[0].X - row).max(axis=1).min() == 0


def test_a_design_that_was_stopped_early_is_not_taken_for_feasible() -> None:
    history = started(8)
    good = {
        spec.metric: spec.threshold * (1.1 if spec.weight > 0 else 0.9) for spec in history.specs
    }
    values = SobolProposer().propose(history, 1, 9)[0].values
    stopped = Observation(values, good, judge(good, history.specs, ("hot",)))
    known = surrogate(replace(history, observations=(*history.observations, stopped)))
    assert (known.Y[-1] < 0).any()


def test_points_are_chosen_apart_from_each_other_and_from_pending_ones() -> None:
    history = started(15)
    known = surrogate(history)
    merit = Merit.of(known)

    def chosen(pending: np.ndarray) -> np.ndarray:
        return Acquisition(known, merit, pending, np.random.default_rng(1)).best(4)

    alone = chosen(NONE)
    assert len(np.unique(alone, axis=0)) == 4
    waiting = chosen(alone[:2])
    assert np.abs(waiting[:, None] - alone[None, :2]).max(axis=-1).min() > 2e-3
