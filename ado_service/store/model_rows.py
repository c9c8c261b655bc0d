"""Models in the transactions of others: names that are reserved, rows that are held and added."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, count

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.store.database import insert_if_new
from ado_service.store.errors import AlreadyExists, NotFound
from ado_service.store.model_record import ModelRecord
from ado_service.store.tables import models, tunings
from ado_service.store.tuning_record import TuningState

_NAMES = 1_907_210_061
"""Any number: the advisory locks of PostgreSQL on names have a space of their own by it."""
UNDER_WAY = tunings.c.state.in_((TuningState.QUEUED, TuningState.RUNNING))
"""Which tunings have their name reserved, and their model held."""


def model_row(connection: Connection, name: str, *, held: bool = False) -> RowMapping | None:
    """A model's row; held to the end of the transaction where asked for."""
    query = sa.select(models).where(models.c.name == name)
    return connection.execute(query.with_for_update() if held else query).mappings().first()


def hold_base(connection: Connection, name: str) -> None:
    """See that a model is there, and stays until the end of the transaction.

    Raises:
        NotFound: it is not on record.
    """
    if name != EMBEDDED and model_row(connection, name, held=True) is None:
        raise unknown(name)


def lock_name(connection: Connection, name: str) -> None:
    """Have others who want this name wait for the end of the transaction."""
    if connection.dialect.name == "postgresql":  # writers of SQLite come one at a time anyway
        lock = sa.func.pg_advisory_xact_lock(_NAMES, sa.func.hashtext(name))
        connection.execute(sa.select(lock))


def reserve(connection: Connection, name: str) -> None:
    """See that a name is free, and stays so until the end of the transaction.

    Raises:
        AlreadyExists: a model has it, or a tuning under way works towards it.
    """
    lock_name(connection, name)
    taken = taken_by(connection, name)
    if taken is not None:
        raise AlreadyExists(taken)


def taken_by(connection: Connection, name: str) -> str | None:
    """Who has a name, and what to do about it; None for a free one."""
    if model_row(connection, name) is not None:
        return (
            f"a model has the name {name!r} already; choose another name, or remove that model "
            f"first: ado models remove {name}"
        )
    query = sa.select(tunings.c.id).where(UNDER_WAY, tunings.c.name == name)
    tuning: str | None = connection.execute(query).scalar_one_or_none()
    if tuning is None:
        return None
    return (
        f"a tuning under way makes the name {name!r} already; choose another name, or cancel it "
        f"first: ado tunings {tuning} --cancel"
    )


def insert(connection: Connection, record: ModelRecord) -> None:
    """Put a model on record, under a name that is reserved, on a base that is held.

    Raises:
        AlreadyExists: the name is taken.
    """
    row = {**record.model_dump(), "path": str(record.path)}
    if not insert_if_new(connection, models, row):
        raise AlreadyExists(taken_by(connection, record.name) or f"{record.name!r} is taken")


def found_or_inserted(connection: Connection, record: ModelRecord) -> str:
    """Name of a whole model of these files in this form; it is put on record if it is not yet.

    Where its name is taken by another model, it gets a number.
    """
    same = sa.select(models.c.name).where(
        models.c.path == str(record.path),
        models.c.quantization == record.quantization,
        models.c.fingerprint == record.fingerprint,
        models.c.method.is_(None),
    )
    known: str | None = connection.execute(same.order_by(models.c.name)).scalars().first()
    if known is not None and model_row(connection, known, held=True) is not None:
        return known
    names = chain([record.name], (f"{record.name[:58]}-{number}" for number in count(2)))
    for name in names:
        with suppress(AlreadyExists):
            reserve(connection, name)
            insert(connection, record.model_copy(update={"name": name}))
            return name
    raise AssertionError("there is no end of numbers")


def unknown(name: str) -> NotFound:
    """The error of a model that is not there."""
    return NotFound(f"no model {name!r} is on record; `ado models list` shows those that are")
