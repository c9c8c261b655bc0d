"""The connection to the design database: SQLite by default, PostgreSQL by its URL."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from ado_service.store.errors import BadDatabaseUrl, DatabaseUnavailable

BEGIN_OPTION = "ado_begin"
"""Execution option of a connection: how its SQLite transactions begin."""

_BUSY_SECONDS = 30
_TURN_MILLISECONDS = 3
_POOL = {"pool_size": 10, "max_overflow": 40, "pool_timeout": 30, "pool_pre_ping": True}
_EXAMPLES = "such as sqlite:///designs.db or postgresql://user:password@host:5432/ado"


def make_engine(url: str, home: Path | None = None) -> Engine:
    """An engine for the database at `url`; nothing is connected yet.

    Args:
        url: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`.
        home: folder that is made for a SQLite file in it; any other must be there, for a slip in
            a path must not start a second database.

    Raises:
        BadDatabaseUrl: the address cannot be used; the message says why and what to do.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadDatabaseUrl(f"the database URL cannot be read; write one {_EXAMPLES}") from error
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return _sqlite_engine(parsed, home)
    if backend in {"postgresql", "postgres"}:
        return _postgresql_engine(parsed.set(drivername="postgresql+psycopg"))
    raise BadDatabaseUrl(f"no support for {parsed.drivername} databases; write a URL {_EXAMPLES}")


def _sqlite_engine(url: URL, home: Path | None) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise BadDatabaseUrl(
            "the SQLite database must be a file that several processes can open; "
            "write sqlite:///PATH"
        )
    _see_to_folder(Path(url.database).absolute().parent, home)
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"), connect_args={"timeout": _BUSY_SECONDS}, **_POOL
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _see_to_folder(folder: Path, home: Path | None) -> None:
    try:
        if home is not None and folder.is_relative_to(home.absolute()):
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise BadDatabaseUrl(
                f"there is no folder {folder} for the design database; "
                "make it, or correct the path in sqlite:///PATH"
            )
    except OSError as error:
        raise BadDatabaseUrl(
            f"cannot make the folder {folder} for the design database ({error.strerror}); "
            "choose another path or make the folder writable"
        ) from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver's own habit of beginning transactions late, and deferred, is switched off:
    # `_begin_sqlite` begins them.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys = ON")
        # With a write-ahead log, NORMAL keeps the database whole through a power cut (the last
        # transactions may be missing) and every commit through a crash of the process.
        cursor.execute("PRAGMA synchronous = NORMAL")
        _switch_to_wal(cursor)
    finally:
        cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    # SQLite does not wait for the lock that this switch needs, so that two processes which open
    # a new file at once could fail here.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes cannot wait for its lock and fails at once with
    # "database is locked"; IMMEDIATE takes the lock first, where waiting is possible.
    mode = connection.get_execution_options().get(BEGIN_OPTION, "DEFERRED")
    if mode == "IMMEDIATE":
        _begin_in_turn(connection)
    else:
        connection.exec_driver_sql(f"BEGIN {mode}")


def _begin_in_turn(connection: Connection) -> None:
    # Left to itself, SQLite looks for a free lock ten times a second, and whoever has just
    # written takes it again in between: one busy writer starves the others. A look every other
    # millisecond gives each its turn.
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + _BUSY_SECONDS
    driver.execute(f"PRAGMA busy_timeout = {_TURN_MILLISECONDS}")
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    break
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    # The last try goes through SQLAlchemy, for its error to be of the kind callers know.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql_engine(url: URL) -> Engine:
    try:
        return sa.create_engine(
            url,
            connect_args={
                "connect_timeout": 10,
                # A dead machine's connection, and the locks it holds, are gone within a minute.
                "keepalives_idle": 20,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            },
            **_POOL,
        )
    except ImportError as error:
        raise BadDatabaseUrl(
            "PostgreSQL needs its driver; install it with: pip install 'ado-service[postgres]'"
        ) from error


def unavailable(engine: Engine, error: Exception) -> DatabaseUnavailable:
    """The error to raise when `engine` does not answer; its password is not shown."""
    # Drivers take a password among the options of the query too.
    where = engine.url.set(query={}).render_as_string(hide_password=True)
    cause = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
    return DatabaseUnavailable(
        f"the design database at {where} does not answer ({cause[0]}); "
        "see that it runs and can be reached, and try again"
    )
