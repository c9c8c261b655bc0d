"""The Pareto front of a job: kept non-dominated on write, within the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.design_record import DesignOutcome
from ado_service.store.tables import pareto_designs
from circuits.objective import dominates


def keep_front(
    connection: Connection, job_id: str, row: RowMapping, outcome: DesignOutcome
) -> bool:
    """Take a done design into its job's front, and those out that it dominates.

    Of designs with the same gains the earlier one stays, in whichever order they are done: the
    front follows from the designs alone. The caller's transaction holds the job's lock.

    Args:
        connection: of the caller's transaction.
        job_id: the job.
        row: `id` and `index` of the design.
        outcome: what became of it; only a feasible one with gains may enter.

    Returns:
        Whether it is on the front now.
    """
    if outcome.gains is None or not outcome.feasible:
        return False
    gains = list(outcome.gains)
    mine = pareto_designs.c.job_id == job_id
    front = connection.execute(sa.select(pareto_designs).where(mine)).mappings().all()
    if any(_beats(one["gains"], one["index"], gains, row["index"]) for one in front):
        return False
    beaten = [
        one["design_id"] for one in front if _beats(gains, row["index"], one["gains"], one["index"])
    ]
    if beaten:
        connection.execute(sa.delete(pareto_designs).where(pareto_designs.c.design_id.in_(beaten)))
    connection.execute(
        sa.insert(pareto_designs).values(
            design_id=row["id"], job_id=job_id, index=row["index"], gains=gains
        )
    )
    return True


def _beats(one: Sequence[float], index: int, other: Sequence[float], other_index: int) -> bool:
    return dominates(one, other) or (list(one) == list(other) and index < other_index)
