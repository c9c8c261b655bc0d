"""Listings of designs that would be empty because they name what is not there: refused."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ado_service.store.design_query import DesignQuery
from ado_service.store.errors import NotFound
from ado_service.store.job_record import JobRecord
from ado_service.store.store import Store
from circuits.definition import Circuit
from circuits.loader import library_names, load_circuit


class UnknownNameError(LookupError):
    """A listing names something that is nowhere; the text says what there is.

    Attributes:
        field: the filter that names it.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(problem)


def pareto_job(store: Store, job_id: str) -> JobRecord:
    """A job that has a Pareto front.

    Raises:
        NotFound: there is no such job, or it has another objective.
    """
    job = store.jobs.get(job_id)
    if not job.config.objective.aims:
        raise NotFound(
            f"job {job.id} has no Pareto front: its objective is {job.config.objective}; "
            "start one with the objective pareto:METRIC,METRIC"
        )
    return job


def check_circuit_name(store: Store, name: str) -> None:
    """See that a circuit of this name is in the library or on record.

    Raises:
        UnknownNameError: it is in neither.
    """
    if name in library_names() or store.circuits.versions(name):
        return
    known = sorted({*library_names(), *(one.name for one in store.circuits.newest())})
    raise UnknownNameError("circuit", f"no circuit {name!r}; known are {', '.join(known)}")


def check_sort(store: Store, query: DesignQuery) -> None:
    """See that a listing's designs can have the metric that it is sorted by.

    Raises:
        UnknownNameError: no design was measured for it, and no circuit asked for defines it.
    """
    metric = query.sort_metric
    if metric is None:
        return
    if query.job_id is None and store.designs.have(metric, query.circuit_name):
        return
    where, known = _metrics(store, query)
    if known and metric not in known:
        raise UnknownNameError(
            "sort", f"{where} has a metric {metric!r}; known are {', '.join(sorted(known))}"
        )


def _metrics(store: Store, query: DesignQuery) -> tuple[str, set[str]]:
    """Whom a query asks, and the metrics that those define; none where nobody is there."""
    if query.job_id is not None:
        try:
            job = store.jobs.get(query.job_id)
        except NotFound:
            return "", set()
        return f"nothing in job {job.id}", _names([store.circuits.get(job.circuit_hash).definition])
    name = query.circuit_name
    recorded = store.circuits.newest() if name is None else store.circuits.versions(name)
    library = [one for one in _library() if name in {None, one.name}]
    where = "no circuit" if name is None else f"no version of {name}"
    return where, _names([*library, *(one.definition for one in recorded)])


def _names(circuits: Iterable[Circuit]) -> set[str]:
    return {metric.name for circuit in circuits for metric in circuit.metrics}


@cache
def _library() -> tuple[Circuit, ...]:
    """The library, read once: it is part of the program."""
    return tuple(load_circuit(name) for name in library_names())
