"""A design in its three guises: proposed, measured, on record."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat

from ado_service.store.record import Record
from simulators.result import CornerResult


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""A measured number; NaN and infinity are no measurement and become None."""


def _positive_zero(value: float | None) -> float | None:
    return None if value is None else value + 0.0


FigureOfMerit = Annotated[Measured, AfterValidator(_positive_zero)]
"""A figure of merit; -0.0 becomes 0.0, for SQLite keeps no sign of a zero."""


class DesignState(StrEnum):
    """Whether a design was simulated."""

    PENDING = "pending"
    DONE = "done"


class NewDesign(Record):
    """A design that was proposed and is to be simulated.

    Attributes:
        index: place in the job's order of simulation, from 0.
        round: 0 for the initial designs.
        stage: part of the loop that asked for it (`initial`, `llm`, `gp`, `random`).
        proposer: who suggested it.
        turn: number of the LLM turn it comes from; None for the others.
        note: why, in a few words.
        values: every variable of the circuit, SI units.
    """

    index: int = Field(ge=0)
    round: int = Field(ge=0)
    stage: str
    proposer: str
    turn: int | None = Field(default=None, ge=0)
    note: str = ""
    values: dict[str, FiniteFloat]


class DesignOutcome(Record):
    """What became of a design.

    Attributes:
        metrics: worst corner's value by metric name, in the metric's unit; None where it could
            not be measured.
        corners: what was measured, by corner name.
        skipped: corners, and testbenches as `corner/testbench`, that were not simulated because
            the design was not worth it.
        fom: figure of merit, dimensionless; None where there is none.
        specs_met, specs_total, feasible: how it stands against the specs.
        shortfall: how far it is from them, dimensionless, see `circuits.shortfall`; None where
            nobody has looked.
        regions: operating region by device.
        failure: failure kind; None when all was measured.
        message: what the simulator said.
        seconds: wall time of the simulation; of finding the result, for a cached one.
        simulator: name and version.
        cached: whether the result was known from before; told in the event, not in the row.
        gains: the metrics of a Pareto job's objective, turned so that larger is better; None
            for other jobs, and for designs that are not feasible.
    """

    metrics: dict[str, Measured]
    corners: dict[str, CornerResult] = Field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    fom: FigureOfMerit
    specs_met: int = Field(ge=0)
    specs_total: int = Field(ge=0)
    feasible: bool
    shortfall: FiniteFloat | None = Field(default=None, ge=0)
    regions: dict[str, str] = Field(default_factory=dict)
    failure: str | None = None
    message: str = ""
    seconds: FiniteFloat = Field(default=0.0, ge=0)
    simulator: str = ""
    cached: bool = False
    gains: tuple[FiniteFloat, ...] | None = None


class DesignRecord(Record):
    """A design on record: what was proposed and, once it is done, what became of it.

    The attributes are those of `NewDesign` and `DesignOutcome`; of a pending design `fom`,
    `failure` and `finished_at` are None and the measured fields empty or zero.

    Attributes:
        id: unique over all jobs, later designs have larger ones.
        job_id, circuit_name: where it belongs.
        corners: empty also when the query asked to leave them out.
        created_at, finished_at: UTC.
    """

    id: int
    job_id: str
    circuit_name: str
    index: int
    round: int
    stage: str
    proposer: str
    turn: int | None
    note: str
    state: DesignState
    values: dict[str, float]
    metrics: dict[str, float | None]
    corners: dict[str, CornerResult]
    skipped: tuple[str, ...] = ()
    fom: float | None
    specs_met: int
    specs_total: int
    feasible: bool
    shortfall: float | None = None
    regions: dict[str, str]
    failure: str | None
    message: str
    seconds: float
    simulator: str
    created_at: datetime
    finished_at: datetime | None
