"""Trust region, merit, candidates and acquisition: each does what its words say."""

from __future__ import annotations

import numpy as np
import pytest

from ado_service.proposers.protocol import History
from ado_service.proposers.space_filling import SobolProposer
from ado_service.proposers.surrogate.acquisition import Acquisition
from ado_service.proposers.surrogate.candidates import candidates, refined
from ado_service.proposers.surrogate.merit import Merit
from ado_service.proposers.surrogate.model_space import ModelSpace
from ado_service.proposers.surrogate.surrogate import Surrogate
from ado_service.proposers.surrogate.trust_region import TrustRegion
from circuits.fom import judge
from tests.ado_service.proposers.test_gp import empty, started

RNG = np.random.default_rng(6)


def size(merits: list[float], d: int = 10) -> float:
    box = TrustRegion.around(np.full(d, 0.5), np.array(merits))
    return float((box.high - box.low).max())


def test_the_box_grows_with_success_and_shrinks_without() -> None:
    rising, flat = list(np.arange(30.0)), [1.0] + [0.0] * 29
    assert size([0.0] * 5) < size(rising)
    assert size(flat) < size([0.0] * 5)
    assert size([1.0] + [0.0] * 400) > 0.01


def test_the_box_depends_on_the_history_alone_and_stays_in_the_cube() -> None:
    merits = np.random.default_rng(2).random(60)
    one, other = (TrustRegion.around(np.array([0.01, 0.5]), merits) for _ in range(2))
    assert np.array_equal(one.low, other.low)
    assert (one.low >= 0).all()
    assert (one.high <= 1).all()


def test_candidates_lie_in_the_box() -> None:
    X = RNG.random((12, 6))
    box = TrustRegion.around(X[3], np.zeros(12))
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


def test_points_are_chosen_apart_from_each_other_and_from_pending_ones() -> None:
    history = started(15)
    known = surrogate(history)
    merit = Merit.of(known)

    def chosen(pending: np.ndarray) -> np.ndarray:
        return Acquisition(known, merit, pending, np.random.default_rng(1)).best(4)

    alone = chosen(np.zeros((0, 4)))
    assert len(np.unique(alone, axis=0)) == 4
    waiting = chosen(alone[:2])
    assert np.abs(waiting[:, None] - alone[None, :2]).max(axis=-1).min() > 2e-3
