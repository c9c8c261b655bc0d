"""One battery for every method of the comparison: it stays in the cube, learns, and repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from ado_service.proposers.protocol import Observation
from benchmarks.peer_methods.protocol import PeerMethod, Task, Trial, pessimistic, violations
from benchmarks.peer_methods.registry import METHODS, Kind
from benchmarks.peer_runs.contest import Contest, initial_points, measure
from benchmarks.peer_runs.record import Record
from circuits.fom import judge
from tests.benchmarks.peers_toy import TOP, ToySimulator, toy

# Tools warn of their own next releases, which is no business of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

IN_DEV = set(METHODS) - {"ax", "hebo"}
"""Methods that `.[dev]` brings: their tests are never skipped. Ax and HEBO are 300 MB."""
LEARNING = [name for name, entry in METHODS.items() if entry.kind is not Kind.BASELINE]
_BUDGET = 45


def made(name: str, task: Task) -> PeerMethod:
    """A run of the method; skips where only the extra `bench` has it."""
    if name not in IN_DEV and METHODS[name].missing is not None:
        pytest.skip(METHODS[name].missing)
    return METHODS[name].make(task)


def contest(
    make: Callable[[Task], PeerMethod], seed: int = 1, budget: int = _BUDGET
) -> tuple[ToySimulator, Record]:
    """A whole run on the toy whose specs are out of reach."""
    simulator = ToySimulator()
    record = Contest(Task(toy(), seed), make, simulator, budget).run("toy", "method")
    return simulator, record


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n", [1, 5])
def test_it_suggests_points_of_the_cube(name: str, n: int) -> None:
    task = Task(toy(), 3)
    method = made(name, task)
    simulator = ToySimulator()
    method.tell(measure(task, simulator, initial_points(task)))
    for _ in range(3):
        points = method.suggest(n)
        assert 1 <= len(points) <= n
        for point in points:
            assert len(point) == task.dimension
            assert all(0.0 <= part <= 1.0 for part in point)
        method.tell(measure(task, simulator, points))


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns(name: str) -> None:
    """After eight batches it is nearer to the top of a smooth function than random points are."""
    simulator, record = contest(lambda task: made(name, task))
    assert record.faults == ()
    assert record.simulations == _BUDGET
    _, random = contest(METHODS["random"].make)
    assert distance(record) < 0.7 * distance(random)
    # Its last designs as a whole are better than those it was given.
    assert mean_distance(simulator.measured[-10:]) < mean_distance(simulator.measured[:5])


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_repeats_a_run(name: str) -> None:
    designs = [contest(lambda task: made(name, task), seed, 20)[0].measured for seed in (1, 1, 2)]
    assert designs[0] == designs[1]
    assert designs[0][5:] != designs[2][5:]


@pytest.mark.parametrize("name", METHODS)
def test_it_bears_a_space_where_nothing_works(name: str) -> None:
    task = Task(toy(), 5)
    method = made(name, task)
    method.tell([trial(task, None) for _ in range(task.initial)])
    for _ in range(2):
        points = method.suggest(2)
        assert points
        method.tell([trial(task, None, point) for point in points])


def test_the_cheap_methods_are_installed_with_dev() -> None:
    assert {name: METHODS[name].missing for name in IN_DEV} == dict.fromkeys(IN_DEV)


def test_violations_are_in_norms_and_positive_where_a_spec_is_missed() -> None:
    task = Task(toy(limit=-2.0), 0)
    assert trial(task, -5.0).violations == (-94.0, 3.0)
    assert trial(task, None).violations == (None, None)


def test_a_failed_trial_is_as_bad_as_the_worst() -> None:
    task = Task(toy(limit=-2.0), 0)
    trials = [trial(task, -5.0), trial(task, None), trial(task, -1.0)]
    assert pessimistic(trials)[:, 1].tolist() == [3.0, 3.0, -1.0]
    assert pessimistic([trial(task, None)]).tolist() == [[1.0, 1.0]]


def trial(task: Task, gain: float | None, point: Sequence[float] = (0.5, 0.5, 0.5, 0.5)) -> Trial:
    metrics = {"gain": gain, "gbw": gain}
    values = task.circuit.from_unit(list(point))
    seen = Observation(values, metrics, judge(metrics, task.specs))
    return Trial(tuple(point), seen, violations(seen, task.specs))


def distance(record: Record) -> float:
    """Of the best design to the top, squared: the FOM is its negative and the missed spec's -1."""
    return -(record.best_fom(record.simulations) + 1.0)


def mean_distance(designs: Sequence[dict[str, float]]) -> float:
    squares = [sum((value - TOP) ** 2 for value in design.values()) for design in designs]
    return sum(squares) / len(squares)
