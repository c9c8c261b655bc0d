"""What a job came to, as `ado run --json` prints it and the API shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ado_service.credit import LLM, Credit, Tried, credit
from ado_service.store.design_query import LARGEST_PAGE, DesignQuery
from ado_service.store.event_record import EventKind, EventRecord
from ado_service.store.job_record import JobRecord, JobState
from ado_service.store.record import Record
from ado_service.store.store import Store
from ado_service.store.transcript_record import LlmTotals
from circuits.objective import Objective
from circuits.spec import Direction

_PAGE = 200


class BestSummary(Record):
    """The best design: `variables` in SI units, `metrics` in their own (worst corner)."""

    design_id: int
    index: int
    variables: dict[str, float]
    metrics: dict[str, float | None]
    fom: float
    specs_met: int
    specs_total: int
    feasible: bool


class SecondsSummary(Record):
    """Where the time went, wall seconds; `llm` is the part of `propose` spent on replies."""

    total: float
    simulate: float
    propose: float
    llm: float


class LlmSummary(Record):
    """What the LLM did and cost."""

    profile: str | None
    calls: int
    tokens: int
    cost: float
    accepted: int
    rejected: int


class ParetoPoint(Record):
    """A design on the front: `variables` in SI units, `metrics` in their own (worst corner)."""

    design_id: int
    index: int
    variables: dict[str, float]
    metrics: dict[str, float | None]
    fom: float | None


class ParetoSummary(Record):
    """The Pareto front.

    Attributes:
        size: how many designs are on it.
        designs: the first 200 of them, by the first metric of the objective, the best first.
    """

    size: int
    designs: tuple[ParetoPoint, ...]


class JobSummary(Record):
    """A job in one object.

    Attributes:
        simulations: designs measured so far, as the budget counts them: one whose result was
            known from before counts too, so that a job takes the same course in any case.
        cached: how many of them were not simulated, for that reason.
        simulations_to_all_specs: simulations until a design met all specs; None if none has.
        rounds: rounds begun after the initial designs.
        credit: who found what.
        pareto: the front; None for jobs with another objective.
    """

    job_id: str
    circuit: str
    method: str
    objective: str
    state: JobState
    message: str
    simulations: int
    cached: int
    simulations_to_all_specs: int | None
    best: BestSummary | None
    rounds: int
    seconds: SecondsSummary
    llm: LlmSummary
    credit: Credit
    pareto: ParetoSummary | None


def summarise(store: Store, job_id: str) -> JobSummary:
    """The summary of a job as it stands.

    Raises:
        NotFound: no such job.
    """
    job = store.jobs.get(job_id)
    rounds = list(_rounds(store, job_id))
    totals = store.transcripts.totals(job_id)
    return JobSummary(
        job_id=job.id,
        circuit=job.circuit_name,
        method=job.config.method.value,
        objective=str(job.config.objective),
        state=job.state,
        message=job.message,
        simulations=job.simulations,
        # Rounds told by an earlier version do not say.
        cached=sum(int(event.data.get("cached", 0)) for event in rounds),
        simulations_to_all_specs=job.simulations_to_all_specs,
        best=_best(store, job),
        rounds=max((int(event.data["round"]) for event in rounds), default=0),
        seconds=_seconds(job, rounds, totals),
        llm=LlmSummary(
            profile=job.config.llm,
            calls=totals.calls,
            tokens=totals.prompt_tokens + totals.completion_tokens,
            cost=totals.cost,
            accepted=totals.accepted,
            rejected=totals.rejected,
        ),
        credit=job_credit(store, job_id),
        pareto=_pareto(store, job),
    )


def job_credit(store: Store, job_id: str) -> Credit:
    """Who found what in a job; nobody did anything in an unknown one."""
    rejected = store.transcripts.totals(job_id).rejected
    return credit(_tried(store, job_id), {LLM: rejected})


def _tried(store: Store, job_id: str) -> list[Tried]:
    """All designs of a job by index; those of a Pareto job with their gains."""
    tried = store.designs.tried(job_id)
    objective = store.jobs.get(job_id).config.objective if tried else Objective()
    if not objective.aims:
        return tried
    gains = {
        one.index: objective.gains(one.metrics)
        for one in store.designs.of_job(job_id, corners=False)
        if one.feasible
    }
    return [replace(one, gains=gains.get(one.index)) for one in tried]


def _rounds(store: Store, job_id: str) -> Iterator[EventRecord]:
    last = 0
    while events := store.events.after(job_id, last, _PAGE, kind=EventKind.ROUND):
        yield from events
        last = events[-1].id


def _best(store: Store, job: JobRecord) -> BestSummary | None:
    if job.best is None:
        return None
    design = store.designs.get(job.best.design_id)
    return BestSummary(
        design_id=design.id,
        index=design.index,
        variables=design.values,
        metrics=design.metrics,
        fom=job.best.fom,
        specs_met=job.best.specs_met,
        specs_total=job.best.specs_total,
        feasible=job.best.feasible,
    )


def _pareto(store: Store, job: JobRecord) -> ParetoSummary | None:
    aims = job.config.objective.aims
    if not aims:
        return None
    first = aims[0]
    sort = ("-" if first.direction is Direction.ABOVE else "") + f"metric:{first.metric}"
    page = store.designs.page(
        DesignQuery(job_id=job.id, pareto=True, sort=sort, limit=LARGEST_PAGE, corners=False)
    )
    points = tuple(
        ParetoPoint(
            design_id=one.id,
            index=one.index,
            variables=one.values,
            metrics=one.metrics,
            fom=one.fom,
        )
        for one in page.items
    )
    return ParetoSummary(size=store.designs.front_size(job.id), designs=points)


def _seconds(job: JobRecord, rounds: list[EventRecord], totals: LlmTotals) -> SecondsSummary:
    total = 0.0
    if job.started_at is not None:
        last = job.finished_at or (rounds[-1].created_at if rounds else job.started_at)
        total = (last - job.started_at).total_seconds()
    return SecondsSummary(
        total=total,
        simulate=sum(float(event.data["simulate_seconds"]) for event in rounds),
        propose=sum(float(event.data["propose_seconds"]) for event in rounds),
        llm=totals.seconds,
    )
