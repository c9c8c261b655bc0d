"""The language models on record."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.database import Database
from ado_service.store.errors import AlreadyExists, ModelInUse
from ado_service.store.model_record import ModelRecord
from ado_service.store.model_rows import (
    UNDER_WAY,
    hold_base,
    insert,
    model_row,
    reserve,
    taken_by,
    unknown,
)
from ado_service.store.tables import models, tunings


class Models:
    """Models by name. Safe to use from any thread.

    A record never changes: a model is replaced by removing it and adding another.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ModelRecord) -> None:
        """Put a model on record.

        Raises:
            AlreadyExists: a model has the name, or a tuning under way works towards it.
            NotFound: it is a tuning of a model that is not on record.
        """
        with self._database.write() as connection:
            reserve(connection, record.name)
            if record.base is not None:
                hold_base(connection, record.base)
            insert(connection, record)

    def check_free(self, name: str) -> None:
        """See whether a model could have this name now.

        Raises:
            AlreadyExists: a model has it, or a tuning under way works towards it.
        """
        with self._database.read() as connection:
            taken = taken_by(connection, name)
        if taken is not None:
            raise AlreadyExists(taken)

    def get(self, name: str) -> ModelRecord:
        """The model of this name.

        Raises:
            NotFound: there is none.
        """
        with self._database.read() as connection:
            row = model_row(connection, name)
        if row is None:
            raise unknown(name)
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
            ModelInUse: tunings rest on it, or one under way starts from it; the message names them.
        """
        with self._database.write() as connection:
            row = model_row(connection, name, held=True)
            if row is None:
                raise unknown(name)
            _check_unused(connection, name)
            connection.execute(sa.delete(models).where(models.c.name == name))
            return _record(row)


def _check_unused(connection: Connection, name: str) -> None:
    resting = connection.execute(sa.select(models.c.name).where(models.c.base == name))
    if names := sorted(resting.scalars()):
        raise ModelInUse(f"tunings rest on model {name!r}: {', '.join(names)}; remove them first")
    under_way = connection.execute(sa.select(tunings.c.id, tunings.c.config).where(UNDER_WAY))
    if needing := sorted(one.id for one in under_way if one.config["model"] == name):
        raise ModelInUse(
            f"model {name!r} is being tuned; wait for the end, or cancel first: "
            + ", ".join(f"ado tunings {one} --cancel" for one in needing)
        )


def _record(row: RowMapping) -> ModelRecord:
    return ModelRecord.model_validate(dict(row))
