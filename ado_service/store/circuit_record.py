"""A circuit on record."""

from __future__ import annotations

from datetime import datetime

from ado_service.store.design_record import Measured
from ado_service.store.record import Record
from circuits.definition import Circuit


class StartingDesign(Record):
    """What a circuit's own sizes came to when it was taken in.

    Attributes:
        values: of every variable, SI units.
        metrics: worst corner's value by metric name, in the metric's unit; None where it could
            not be measured.
        failure: failure kind; None when all was measured.
        message: what the simulator said.
        simulator: name and version.
    """

    values: dict[str, float]
    metrics: dict[str, Measured]
    failure: str | None = None
    message: str = ""
    simulator: str = ""


class CircuitRecord(Record):
    """One version of a circuit, netlists and model cards included.

    Attributes:
        hash: SHA-256 of all that defines it.
        name, title: its own.
        definition: the circuit.
        created_at: when this version was first saved, UTC.
        saved_at: when it was last saved, UTC.
        uploaded_at: when a user last uploaded it, UTC; None for one that a job brought along.
        starting: what its own sizes came to; only uploads have it.
    """

    hash: str
    name: str
    title: str
    definition: Circuit
    created_at: datetime
    saved_at: datetime
    uploaded_at: datetime | None = None
    starting: StartingDesign | None = None
