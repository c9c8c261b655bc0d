"""The language models on record."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.local_llm.embedded import NAME as EMBEDDED
from ado_service.store.database import Database, insert_if_new
from ado_service.store.errors import AlreadyExists, ModelInUse, NotFound
from ado_service.store.model_record import ModelRecord
from ado_service.store.tables import models


class Models:
    """Models by name. Safe to use from any thread.

    A record never changes: a model is replaced by removing it and adding another.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ModelRecord) -> None:
        """Put a model on record.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: it is a tuning of a model that is not on record.
        """
        row = {**record.model_dump(), "path": str(record.path)}
        with self._database.write() as connection:
            if record.base is not None:
                _hold(connection, record.base)
            if not insert_if_new(connection, models, row):
                raise AlreadyExists(
                    f"there is a model {record.name!r} already; choose another name, or remove "
                    f"that one first: ado models remove {record.name}"
                )

    def get(self, name: str) -> ModelRecord:
        """The model of this name.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            row = _row(connection, name)
        if row is None:
            raise _unknown(name)
        return _record(row)

    def list(self) -> tuple[ModelRecord, ...]:
        """Every model, by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(models)).mappings().all()
        # Databases differ in how they sort dashes and dots.
        return tuple(sorted((_record(row) for row in rows), key=lambda record: record.name))

    def remove(self, name: str) -> ModelRecord:
        """Forget a model; its files stay.

        Returns:
            What was on record.

        Raises:
            NotFound: there is none.
            ModelInUse: tunings rest on it; the message names them.
        """
        tunings = sa.select(models.c.name).where(models.c.base == name)
        with self._database.write() as connection:
            row = _row(connection, name, hold=True)
            if row is None:
                raise _unknown(name)
            resting = sorted(connection.execute(tunings).scalars())
            if resting:
                raise ModelInUse(
                    f"tunings rest on model {name!r}: {', '.join(resting)}; remove them first"
                )
            connection.execute(sa.delete(models).where(models.c.name == name))
            return _record(row)


def _hold(connection: Connection, base: str) -> None:
    """See that a base is there, and stays until the end of the transaction."""
    if base != EMBEDDED and _row(connection, base, hold=True) is None:
        raise _unknown(base)


def _row(connection: Connection, name: str, *, hold: bool = False) -> RowMapping | None:
    query = sa.select(models).where(models.c.name == name)
    return connection.execute(query.with_for_update() if hold else query).mappings().first()


def _record(row: RowMapping) -> ModelRecord:
    return ModelRecord.model_validate(dict(row))


def _unknown(name: str) -> NotFound:
    return NotFound(f"no model {name!r} is on record; `ado models list` shows those that are")
