"""Designs between their rows and their records, and what a done design means for its job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.design_record import DesignOutcome, DesignRecord, DesignState, NewDesign
from ado_service.store.job_record import BestDesign, known_shortfall
from ado_service.store.tables import design_metrics, designs


def select_designs(corners: bool) -> sa.Select[Any]:
    """Designs; without `corners` the results by corner, the bulk of a row, are not read."""
    if corners:
        return sa.select(designs)
    return sa.select(*(column for column in designs.c if column.name != "corners"))


def design_record(row: RowMapping) -> DesignRecord:
    """The record of a design's row, which may lack its corners and have other columns besides."""
    known = {name: value for name, value in row.items() if name in DesignRecord.model_fields}
    return DesignRecord.model_validate({"corners": {}, **known})


def pending_row(job: RowMapping, design: NewDesign, created_at: datetime) -> dict[str, Any]:
    """The row of a design that is to be simulated."""
    return design.model_dump() | {
        "job_id": job["id"],
        "circuit_name": job["circuit_name"],
        "state": DesignState.PENDING,
        "metrics": {},
        "corners": {},
        "skipped": [],
        "specs_met": 0,
        "specs_total": 0,
        "feasible": False,
        "regions": {},
        "message": "",
        "seconds": 0.0,
        "simulator": "",
        "created_at": created_at,
    }


def save_outcome(
    connection: Connection,
    row: RowMapping | dict[str, Any],
    outcome: DesignOutcome,
    finished_at: datetime,
) -> None:
    """Write what became of the pending design with the `id` and `circuit_name` of `row`."""
    columns = outcome.model_dump(mode="json", exclude={"cached", "gains"}) | {
        "state": DesignState.DONE,
        "finished_at": finished_at,
    }
    connection.execute(sa.update(designs).where(designs.c.id == row["id"]).values(**columns))
    measured = [
        {
            "design_id": row["id"],
            "metric": metric,
            "circuit_name": row["circuit_name"],
            "value": value,
        }
        for metric, value in outcome.metrics.items()
        if value is not None
    ]
    if measured:
        connection.execute(sa.insert(design_metrics), measured)


def progress(job: RowMapping, row: RowMapping, outcome: DesignOutcome) -> dict[str, Any]:
    """What changes in a job when one of its designs is done, by column."""
    columns: dict[str, Any] = {"simulations": job["simulations"] + 1}
    if outcome.feasible:
        position = row["index"] + 1
        columns["simulations_to_all_specs"] = min(
            position, job["simulations_to_all_specs"] or position
        )
    candidate = _candidate(row, outcome)
    best = None if job["best"] is None else BestDesign.model_validate(job["best"])
    if candidate is not None and (best is None or _rank(candidate) > _rank(best)):
        columns["best"] = candidate.model_dump()
    return columns


def _candidate(row: RowMapping, outcome: DesignOutcome) -> BestDesign | None:
    if outcome.fom is None:
        return None
    return BestDesign(
        design_id=row["id"],
        index=row["index"],
        fom=outcome.fom,
        specs_met=outcome.specs_met,
        specs_total=outcome.specs_total,
        feasible=outcome.feasible,
        shortfall=known_shortfall(outcome.shortfall, outcome.specs_total - outcome.specs_met),
    )


def _rank(design: BestDesign) -> tuple[bool, float, float, int]:
    return design.feasible, design.fom, -design.shortfall, -design.index
