"""Warm starts: which designs on record a job begins from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ado_service.job_config import JobConfig
from ado_service.jobs.asked import SubmissionError, find_circuit, job_objective, job_specs
from ado_service.proposers.screening import Screen
from ado_service.store.design_record import DesignRecord
from ado_service.store.errors import NotFound
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.fom import judge
from circuits.spec import Spec

MOST = 100
"""Designs that a job starts from at most: as many as a model takes beside the job's own."""
_BEST = MOST // 2
"""How many of them are the best; the others are spread, to say where it is not worth looking."""
_READ = 5_000
"""Designs of each source that are looked at, the latest."""
_DUST = 1e-9


def choose_prior(store: Store, circuit: Circuit, config: JobConfig) -> list[int]:
    """Ids of the designs that `config.warm_start` names: the best first, then spread ones.

    Judged by the job's specs; designs beyond the circuit's ranges and near-copies are left out.
    At most `MOST`: half of them the best, half as far from each other and from those as can be.

    Raises:
        SubmissionError: a source that is not there, has no design to start from, sizes other
            variables or does not measure what the job needs.
    """
    specs = job_specs(circuit, config)
    needed = [spec.metric for spec in specs]
    needed += [aim.metric for aim in job_objective(circuit, config).aims]
    found: dict[int, DesignRecord] = {}
    for place, source in enumerate(config.warm_start):
        usable = _designs(store, f"warm_start.{place}", source, circuit, needed)
        found |= {one.id: one for one in usable}
    return _chosen(circuit, specs, found.values())


def _designs(
    store: Store, field: str, source: str, circuit: Circuit, needed: Iterable[str]
) -> list[DesignRecord]:
    """What can be used of a source: the designs of a job, of a version or of all of a name."""
    try:
        job = store.jobs.get(source)
    except NotFound:
        other = _circuit(store, field, source)
        _check(field, source, other, circuit, needed)
        if source == other.content_hash:
            known = store.priors.latest(_READ, circuit_hash=source)
        else:
            known = store.priors.latest(_READ, circuit_name=other.name)
    else:
        _check(field, source, store.circuits.get(job.circuit_hash).definition, circuit, needed)
        known = store.priors.latest(_READ, job_id=source)
    if not known:
        cure = "Run a job first, wait for its first designs, or leave it out"
        raise SubmissionError(field, f"{source!r} has no simulated design on record", cure)
    usable = [one for one in known if _in_range(one, circuit)]
    if not usable:
        problem = (
            f"none of the {len(known)} designs of {source!r} is in the ranges of {circuit.name}"
        )
        raise SubmissionError(field, problem, "Widen the ranges, or leave it out")
    return usable


def _circuit(store: Store, field: str, source: str) -> Circuit:
    try:
        return find_circuit(store, source)
    except SubmissionError as error:
        problem = f"no job and no circuit {source!r}"
        raise SubmissionError(
            field, problem, f"Name a job of this database, or a circuit. {error.cure}"
        ) from error


def _check(
    field: str, source: str, other: Circuit, circuit: Circuit, needed: Iterable[str]
) -> None:
    """See that designs of `other` are designs of `circuit` too, and say what the job needs."""
    ours, theirs = set(circuit.variable_names), set(other.variable_names)
    if not ours & theirs:
        problem = f"{source!r} ({other.name}) shares no variable with {circuit.name}"
        mine = ", ".join(circuit.variable_names)
        cure = f"It sizes {', '.join(other.variable_names)}; name one that sizes {mine}"
        raise SubmissionError(field, problem, cure)
    if ours != theirs:
        differing = ", ".join(sorted(ours ^ theirs))
        problem = f"{source!r} ({other.name}) and {circuit.name} differ in variables: {differing}"
        raise SubmissionError(field, problem, "Name a job or circuit with the same variables")
    measured = {metric.name for metric in other.metrics}
    missing = sorted(set(needed) - measured)
    if missing:
        problem = f"{source!r} ({other.name}) does not measure {', '.join(missing)}"
        cure = f"It measures {', '.join(sorted(measured))}; ask for specs on those, or leave it out"
        raise SubmissionError(field, problem, cure)


def _in_range(design: DesignRecord, circuit: Circuit) -> bool:
    """Whether it is a design of this circuit, within its ranges (an older version may differ)."""
    return set(design.values) == set(circuit.variable_names) and all(
        one.low - _DUST * (one.high - one.low)
        <= design.values[one.name]
        <= one.high + _DUST * (one.high - one.low)
        for one in circuit.variables
    )


def _chosen(circuit: Circuit, specs: Sequence[Spec], designs: Iterable[DesignRecord]) -> list[int]:
    ranked = sorted(
        designs,
        key=lambda one: (judge(one.metrics, specs, one.skipped).rank, -one.id),
        reverse=True,
    )
    screen = Screen(circuit, ())
    distinct = [one for one in ranked if screen.take(one.values) is not None]
    if len(distinct) <= MOST:
        return [one.id for one in distinct]
    points = np.array([circuit.to_unit(one.values) for one in distinct])
    return [distinct[place].id for place in _best_and_spread(points)]


def _best_and_spread(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[int]:
    """Places of `MOST` of `points` (`n x d`, unit cube, best first): the best, then the farthest.

    Each further one is the point whose nearest chosen one is farthest away (greedy maximin).
    """
    chosen = list(range(_BEST))
    nearest = np.min([np.linalg.norm(points - points[place], axis=1) for place in chosen], axis=0)
    while len(chosen) < MOST:
        place = int(nearest.argmax())
        chosen.append(place)
        nearest = np.minimum(nearest, np.linalg.norm(points - points[place], axis=1))
    return chosen
