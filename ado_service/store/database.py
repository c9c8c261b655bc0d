"""Transactions on the design database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ado_service.store.engine import BEGIN_OPTION, unavailable

LARGEST_ID = 2**63 - 1


class Database:
    """Read and write transactions; safe to use from any thread.

    A transaction ends with its `with` block: kept when the block ends, undone when it raises.
    A database that does not answer raises DatabaseUnavailable from either.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{BEGIN_OPTION: "IMMEDIATE"})

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads; on SQLite it neither waits for writers nor stops them."""
        with self._answering(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; on SQLite one at a time, in turn."""
        with self._answering(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as error:
            if isinstance(error, PoolTimeoutError) or _is_outage(error):
                raise unavailable(self.engine, error) from error
            raise

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _is_outage(error: DBAPIError) -> bool:
    """Whether the database is at fault, and not what it was asked."""
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return False
    # The bare DatabaseError is what SQLite says of a file that is no database, or a broken one.
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def now(connection: Connection) -> datetime:
    """The time, UTC: the server's on PostgreSQL, so that runners' clocks need not agree.

    It is the time of the call, not of the transaction's begin: a transaction that had to wait
    for a lock must not act on the time before the wait.
    """
    if connection.dialect.name == "postgresql":
        moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
    return datetime.now(UTC)


def insert_if_new(connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
    """Insert `row` unless its key is taken, also by a transaction under way, which is awaited.

    Returns:
        Whether it was inserted.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    inserted = insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(inserted).first() is not None
