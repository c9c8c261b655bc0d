"""A circuit on record."""

from __future__ import annotations

from datetime import datetime

from ado_service.store.record import Record
from circuits.definition import Circuit


class CircuitRecord(Record):
    """One version of a circuit, netlists and model cards included.

    Attributes:
        hash: SHA-256 of all that defines it.
        name, title: its own.
        definition: the circuit.
        created_at: when this version was first saved, UTC.
        saved_at: when it was last saved, UTC; the latest version of a name is the last saved.
    """

    hash: str
    name: str
    title: str
    definition: Circuit
    created_at: datetime
    saved_at: datetime
