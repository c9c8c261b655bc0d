"""Brings the tables of a database to this version."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection

from ado_service.store.database import Database
from ado_service.store.errors import SchemaTooNew

_ADVISORY_LOCK = 4_207_210_061
"""Any number that no other program of the same PostgreSQL database locks by chance."""

_IN_THIS_PROCESS = threading.Lock()
"""Alembic keeps the running migration in a global of its own."""


def migrate(database: Database) -> None:
    """Create the tables, or bring older ones up to date; safe from several processes at once.

    All in one transaction: a migration that fails leaves the database as it was. The second
    process waits for the first and finds nothing left to do.

    Raises:
        SchemaTooNew: a later version of the service wrote this database.
        DatabaseUnavailable: it does not answer.
    """
    with _IN_THIS_PROCESS, database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        try:
            command.upgrade(config(connection), "head")
        except CommandError as error:
            raise SchemaTooNew(
                "the design database was written by a later version of ado-service "
                f"({error}); upgrade the program, or open another database"
            ) from error


def config(connection: Connection) -> Config:
    """Alembic's configuration, for migrations on `connection` from the installed package."""
    settings = Config()
    settings.set_main_option("script_location", "ado_service.store:migrations")
    settings.attributes["connection"] = connection
    return settings
