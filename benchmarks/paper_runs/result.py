"""What a run came to, as its rows need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ado_service.jobs.summary import JobSummary, summarise
from ado_service.store.store import Store
from benchmarks.paper_runs.mark import code_hash
from benchmarks.paper_runs.on_record import Noted

Design = tuple[tuple[str, float], ...]
"""The values of a design by variable, SI units."""


@dataclass(frozen=True, slots=True)
class LlmUse:
    """What the model did in a run and cost, initial turns that other runs have too included.

    Attributes:
        model: who answered.
        turns: asked. failed_turns: without a reply.
        calls, tokens, cost, seconds: see `Usage`.
    """

    model: str
    turns: int
    failed_turns: int
    calls: int
    tokens: int
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run.

    Attributes:
        circuit, arm, seed: which one.
        job_id: of its job.
        simulations: how many designs it simulated.
        best_fom: of its best design. specs_missed: of the same.
        first_feasible: simulations to the first design that meets all specs; None for never.
        start: its initial designs, in their order.
        designs_by: how many designs each proposer put forward. best_by: whose the best one is.
        seconds: of proposing and simulating, wall time. propose_seconds: of the first alone.
        llm: None where nobody was asked.
        commits: of the trees that made it. other_code: whether any of them decides otherwise.
    """

    circuit: str
    arm: str
    seed: int
    job_id: str
    simulations: int
    best_fom: float
    specs_missed: int
    first_feasible: int | None
    start: tuple[Design, ...]
    designs_by: Mapping[str, int]
    best_by: str
    seconds: float
    propose_seconds: float
    llm: LlmUse | None
    commits: tuple[str, ...]
    other_code: bool


def read_result(store: Store, run: Noted) -> Result:
    """The result of a finished run.

    Raises:
        ValueError: it simulated no design.
    """
    job, summary = run.job, summarise(store, run.job.id)
    best, credit = summary.best, summary.credit
    if best is None or credit.best_by is None:
        raise ValueError(f"job {job.id} ended without a design; run it anew")
    return Result(
        circuit=job.circuit_name,
        arm=run.marks[0].arm,
        seed=job.config.seed,
        job_id=job.id,
        simulations=job.simulations,
        best_fom=best.fom,
        specs_missed=best.specs_total - best.specs_met,
        first_feasible=summary.simulations_to_all_specs,
        start=start_designs(store, job.id),
        designs_by={one.proposer: one.accepted for one in credit.proposers},
        best_by=credit.best_by,
        seconds=summary.seconds.propose + summary.seconds.simulate,
        propose_seconds=summary.seconds.propose,
        llm=_llm_use(store, summary),
        commits=tuple(sorted({mark.commit for mark in run.marks})),
        other_code=any(mark.code != code_hash() for mark in run.marks),
    )


def start_designs(store: Store, job_id: str) -> tuple[Design, ...]:
    """The initial designs of a job, in their order."""
    designs = store.designs.of_job(job_id, corners=False)
    return tuple(tuple(one.values.items()) for one in designs if one.round == 0)


def _llm_use(store: Store, summary: JobSummary) -> LlmUse | None:
    turns = store.transcripts.of_job(summary.job_id)
    if not turns:
        return None
    return LlmUse(
        model=turns[0].model,
        turns=len(turns),
        failed_turns=sum(turn.failure is not None for turn in turns),
        calls=summary.llm.calls,
        tokens=summary.llm.tokens,
        cost=summary.llm.cost,
        seconds=summary.seconds.llm,
    )
