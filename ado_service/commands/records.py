"""`ado jobs` and `ado designs`: look into the design database."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Column, Table

from ado_service.commands.console import (
    Database,
    Json,
    fail,
    open_store,
    out,
    print_json,
    settings_with,
    told_plainly,
)
from ado_service.jobs.browsing import check_circuit_name, check_sort, pareto_job
from ado_service.jobs.summary import summarise
from ado_service.store.design_query import DesignQuery
from ado_service.store.job_query import JobQuery
from ado_service.store.job_record import JobState, WantedState
from ado_service.store.store import Store

_ID = Column("job", no_wrap=True, min_width=20)  # to be copied into another command
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]


def jobs(
    job: Annotated[str | None, typer.Argument(help="Show this job in full.")] = None,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    circuit: Annotated[str | None, typer.Option(help="Only jobs of this circuit.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the job.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Pause the job.")] = False,
    limit: Limit = 20,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List jobs, show one, pause or cancel it."""
    with told_plainly(), open_store(settings_with(database)) as store:
        if job is not None:
            if cancel or pause:
                wanted = WantedState.CANCEL if cancel else WantedState.PAUSE
                store.jobs.set_wanted_state(job, wanted)
            print_json(summarise(store, job).model_dump(mode="json"))
            return
        if circuit is not None:
            check_circuit_name(store, circuit)
        page = store.jobs.page(JobQuery(state=state, circuit_name=circuit, limit=limit))
    if as_json:
        print_json([one.model_dump(mode="json") for one in page.items])
        return
    table = Table(
        replace(_ID), "circuit", "method", "state", "simulations", "best FOM", "specs met"
    )
    for one in page.items:
        best = one.best
        table.add_row(
            one.id,
            one.circuit_name,
            one.config.method.value,
            one.state.value,
            f"{one.simulations}/{one.config.budget}",
            "" if best is None else f"{best.fom:.3f}",
            "" if best is None else f"{best.specs_met}/{best.specs_total}",
        )
    out.print(table)


def designs(
    job: Annotated[str | None, typer.Option(help="Only designs of this job.")] = None,
    circuit: Annotated[str | None, typer.Option(help="Only designs of this circuit.")] = None,
    pareto: Annotated[
        str | None, typer.Option(help="Only the Pareto front of this job.", metavar="JOB")
    ] = None,
    feasible: Annotated[bool, typer.Option("--feasible", help="Only with all specs met.")] = False,
    proposer: Annotated[str | None, typer.Option(help="Only by gp, llm, sobol, ...")] = None,
    sort: Annotated[str, typer.Option(help="id, fom or metric:NAME; a minus reverses.")] = "-fom",
    limit: Limit = 20,
    cursor: Annotated[str | None, typer.Option(help="next_cursor of the page before.")] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Browse every design ever tried, the best first."""
    with told_plainly(), open_store(settings_with(database)) as store:
        if job is not None and pareto not in {None, job}:
            fail("--job and --pareto name different jobs; give one of them")
        query = DesignQuery(
            job_id=pareto or job,
            pareto=pareto is not None,
            circuit_name=circuit,
            feasible=True if feasible else None,
            proposer=proposer,
            sort=sort,
            limit=limit,
            cursor=cursor,
            corners=False,
        )
        _check(store, query)
        page = store.designs.page(query)
    if as_json:
        found = [one.model_dump(mode="json", exclude={"corners"}) for one in page.items]
        print_json({"designs": found, "next_cursor": page.next_cursor})
        return
    table = Table("design", replace(_ID), "circuit", "proposer", "FOM", "specs met", "metrics")
    for one in page.items:
        metrics = ", ".join(
            f"{name} {value:.4g}" for name, value in one.metrics.items() if value is not None
        )
        fom = "" if one.fom is None else f"{one.fom:.3f}"
        met = f"{one.specs_met}/{one.specs_total}"
        table.add_row(str(one.id), one.job_id, one.circuit_name, one.proposer, fom, met, metrics)
    out.print(table)


def _check(store: Store, query: DesignQuery) -> None:
    """Refuse names of which there can be no designs: an empty table would not tell."""
    if query.job_id is not None:
        if query.pareto:
            pareto_job(store, query.job_id)
        store.jobs.get(query.job_id)
    if query.circuit_name is not None:
        check_circuit_name(store, query.circuit_name)
    check_sort(store, query)
