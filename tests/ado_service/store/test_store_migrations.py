"""The tables and the migrations that make them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from ado_service.store.column_types import UtcTime
from ado_service.store.database import Database
from ado_service.store.engine import make_engine
from ado_service.store.errors import SchemaTooNew
from ado_service.store.migrate import config, migrate
from ado_service.store.store import Store
from ado_service.store.tables import metadata
from ado_service.store.tuning_config import TuningConfig
from tests import postgres
from tests.ado_service.store.builders import circuit, new_job
from tests.ado_service.store.test_store_concurrency import writer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'designs.db'}"
    else:
        with postgres.database(request.getfixturevalue("postgres_server")) as url:
            yield url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A database without tables."""
    database = Database(make_engine(empty_url))
    yield database
    database.close()


def _differences(database: Database) -> list[object]:
    with database.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def _tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_migrations_make_the_tables_that_the_code_knows(empty: Database) -> None:
    assert len(_differences(empty)) >= len(metadata.tables), "the comparison must see what lacks"
    migrate(empty)
    assert _differences(empty) == []
    assert _tables(empty) == {*metadata.tables, "alembic_version"}
    with empty.write() as connection:
        connection.execute(sa.text("DROP INDEX ix_events_job_id_id"))
    assert len(_differences(empty)) == 1


def test_migrating_again_changes_nothing(database_url: str) -> None:
    with Store.open(database_url) as store:
        job = store.jobs.get(new_job(store))
    with Store.open(database_url) as store:
        assert store.jobs.get(job.id) == job


def test_migrations_go_back(empty: Database) -> None:
    migrate(empty)
    with empty.write() as connection:
        command.downgrade(config(connection), "base")
    assert _tables(empty) == {"alembic_version"}
    migrate(empty)
    assert _differences(empty) == []


def test_an_earlier_database_keeps_what_is_in_it(empty: Database, empty_url: str) -> None:
    kept = circuit()
    with empty.write() as connection:
        command.upgrade(config(connection), "0001")
        connection.execute(
            sa.text("INSERT INTO circuits VALUES (:hash, :name, :title, :at, :at, :definition)"),
            {
                "hash": kept.content_hash,
                "name": kept.name,
                "title": kept.title,
                "at": "2026-01-31 12:00:00.000000",
                "definition": kept.model_dump_json(),
            },
        )
    with Store.open(empty_url) as store:
        found = store.circuits.latest(kept.name)
        assert (found.definition, found.uploaded_at, found.starting) == (kept, None, None)
        assert store.results.get_many(["a"]) == {}


def test_files_of_the_server_in_earlier_messages_are_their_owners_alone(
    empty: Database, empty_url: str
) -> None:
    said = ("/srv/models/a has no config.json", "take a lower --rate")
    config_ = TuningConfig(model="local", sources=("job_a",)).model_dump_json()
    with empty.write() as connection:
        command.upgrade(config(connection), "0007")
        for name, message in zip("ab", said, strict=True):
            at = datetime(2026, 1, 31, tzinfo=UTC)
            row = {"id": name, "config": config_, "message": message, "at": at}
            connection.execute(
                sa.text(
                    "INSERT INTO tunings (id, name, config, state, wanted_state, step, message, "
                    "created_at, version, epoch) "
                    "VALUES (:id, :id, :config, 'failed', 'run', 0, :message, :at, 1, 1)"
                ).bindparams(sa.bindparam("at", type_=UtcTime())),
                row,
            )
            data = json.dumps({"state": "failed", "message": message})
            connection.execute(
                sa.text(
                    "INSERT INTO tuning_events (tuning_id, kind, data, created_at) "
                    "VALUES (:id, 'state', :data, :at)"
                ).bindparams(sa.bindparam("at", type_=UtcTime())),
                {"id": name, "data": data, "at": at},
            )
    with Store.open(empty_url) as store:
        for name, message in zip("ab", said, strict=True):
            [event] = store.tunings.events_after(name)
            found, hidden = store.tunings.get(name), "/" in message
            assert (found.message == message) != hidden
            assert found.detail == (message if hidden else "")
            assert event.data == {"state": "failed", "message": found.message}


def test_a_migration_that_fails_leaves_nothing(empty: Database) -> None:
    with empty.write() as connection:
        connection.execute(sa.text("CREATE TABLE transcripts (foreign_one INTEGER)"))
    with pytest.raises(DBAPIError, match="already exists"):
        migrate(empty)
    assert _tables(empty) == {"transcripts"}


def test_a_later_database_is_left_alone(database_url: str) -> None:
    database = Database(make_engine(database_url))
    revise = sa.text("UPDATE alembic_version SET version_num = :number")
    with database.read() as connection:
        present = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    try:
        with database.write() as connection:
            connection.execute(revise, {"number": "9999"})
        with pytest.raises(SchemaTooNew, match="upgrade the program"):
            Store.open(database_url)
    finally:
        with database.write() as connection:
            connection.execute(revise, {"number": present})
        database.close()


def test_processes_that_open_a_new_database_at_once_all_succeed(empty_url: str) -> None:
    processes = [writer("open", empty_url) for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [output for output, _ in outputs] == ["open\n"] * 4, outputs
    assert [process.returncode for process in processes] == [0] * 4
