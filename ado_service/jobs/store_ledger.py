"""The loop's ledger on the design database, every write fenced by the job's lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ado_service.jobs.lease import LeaseKeeper
from ado_service.ledger import Entry, Stopped
from ado_service.proposers.protocol import Observation, Proposal
from ado_service.store.design_record import (
    DesignOutcome,
    DesignRecord,
    DesignState,
    NewDesign,
)
from ado_service.store.event_record import EventKind
from ado_service.store.job_record import WantedState
from ado_service.store.lease_record import Lease
from ado_service.store.store import Store
from circuits.fom import judge
from circuits.objective import Objective
from circuits.shortfall import shortfall
from circuits.spec import Spec
from simulators.result import SimulationResult


class StoreLedger:
    """The record of a leased job (see `Ledger`).

    Args:
        store: the design database.
        lease: of the job.
        keeper: keeps the lease; a lost one stops the loop.
        specs: what the job asks for.
        objective: what it is after, every direction filled in.
        drain: says whether the runner is to hand the job back.
        watch: called after each design and event, for progress bars.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        keeper: LeaseKeeper,
        specs: Sequence[Spec],
        objective: Objective,
        *,
        drain: Callable[[], bool] = lambda: False,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._keeper = keeper
        self._specs = specs
        self._objective = objective
        self._drain = drain
        self._watch = watch
        self._count = 0
        self._cached = 0

    def entries(self) -> list[Entry]:
        """See `Ledger`."""
        rows = self._store.designs.of_job(self._lease.job_id, corners=False)
        self._count = len(rows)
        return [self._entry(row) for row in rows]

    def add(self, round_number: int, stage: str, proposals: Sequence[Proposal]) -> list[Entry]:
        """See `Ledger`; `entries` was called before, it counts the designs on record."""
        new = [
            NewDesign(
                index=self._count + place,
                round=round_number,
                stage=stage,
                proposer=proposal.proposer,
                turn=proposal.turn,
                note=proposal.note,
                values=proposal.values,
            )
            for place, proposal in enumerate(proposals)
        ]
        rows = self._store.designs.add_pending(self._lease, new)
        self._count += len(rows)
        return [self._entry(row) for row in rows]

    def finish(self, entry: Entry, result: SimulationResult, seen: Observation) -> None:
        """See `Ledger`."""
        self._store.designs.finish(self._lease, entry.key, self._outcome(result, seen))
        self._cached += result.cached
        self._watch()

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """See `Ledger`; a round also says how many of its results were known from before."""
        if kind == EventKind.ROUND:
            data, self._cached = {**data, "cached": self._cached}, 0
        self._store.events.append(self._lease, kind, data)
        self._watch()

    def check(self) -> None:
        """See `Ledger`."""
        if self._keeper.lost.is_set():
            raise Stopped("another runner owns the job now")
        if self._drain():
            raise Stopped("the runner is shutting down")
        wanted = self._store.jobs.get(self._lease.job_id).wanted_state
        if wanted is not WantedState.RUN:
            raise Stopped(f"the user wants the job to {wanted.value}")

    def _entry(self, row: DesignRecord) -> Entry:
        proposal = Proposal(dict(row.values), row.proposer, row.turn, row.note)
        seen = None
        if row.state is DesignState.DONE:
            verdict = judge(row.metrics, self._specs, row.skipped)
            seen = Observation(row.values, row.metrics, verdict, row.regions, row.failure)
        return Entry(row.id, row.index, row.round, row.stage, proposal, seen)

    def _outcome(self, result: SimulationResult, seen: Observation) -> DesignOutcome:
        feasible = seen.verdict.feasible
        return DesignOutcome(
            metrics=dict(seen.metrics),
            corners=result.corners,
            skipped=result.skipped,
            fom=seen.verdict.fom,
            specs_met=seen.verdict.specs_met,
            specs_total=seen.verdict.specs_total,
            feasible=feasible,
            shortfall=shortfall(seen.metrics, self._specs),
            regions=dict(seen.regions),
            failure=seen.failure,
            message=result.message,
            seconds=result.seconds,
            simulator=result.simulator,
            cached=result.cached,
            gains=self._objective.gains(seen.metrics) if feasible else None,
        )
