"""A design as the API shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from ado_service.api.resource import NextCursor, Resource
from ado_service.store.design_record import DesignState
from simulators.result import CornerResult


class Design(Resource):
    """A design: one set of variable values and, once it is done, what came of it."""

    id: int
    job_id: str
    circuit: str = Field(validation_alias="circuit_name")
    index: int = Field(description="Place in the job's order of simulation, from 0.")
    round: int = Field(description="0 for the initial designs.")
    stage: str = Field(description="The part of the loop that asked for it.")
    proposer: str = Field(description="Who suggested it.")
    turn: int | None = Field(description="The LLM turn it comes from; null for the others.")
    note: str
    state: DesignState
    values: dict[str, float] = Field(description="Every variable, SI units.")
    metrics: dict[str, float | None] = Field(
        description="Worst corner's value, in the metric's unit; null where it was not measured."
    )
    corners: dict[str, CornerResult] = Field(
        description="What was measured in each corner; empty in listings unless asked for."
    )
    skipped: list[str] = Field(
        description="Corners, and testbenches as corner/testbench, that were not simulated because "
        "the design was not worth it; it is not feasible then."
    )
    fom: float | None = Field(description="Figure of merit, dimensionless.")
    specs_met: int
    specs_total: int
    feasible: bool = Field(description="Whether every spec is met.")
    regions: dict[str, str] = Field(description="Operating region by device.")
    failure: str | None = Field(description="Failure kind; null when all was measured.")
    message: str
    seconds: float = Field(
        description="Wall time of the simulation; of looking the result up where it was known."
    )
    simulator: str
    created_at: datetime
    finished_at: datetime | None


class DesignPage(Resource):
    """Designs in the order asked for."""

    items: list[Design]
    next_cursor: NextCursor
