"""The connection: what is accepted, what is refused, and how it is said."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import sqlalchemy as sa

from ado_service.store.database import Database
from ado_service.store.engine import make_engine
from ado_service.store.errors import BadDatabaseUrl, DatabaseUnavailable
from ado_service.store.store import Store


def test_sqlite_is_set_up_for_several_writers(tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'designs.db'}"))
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with database.read() as connection:
        found = [connection.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in pragmas]
    database.close()
    assert found == ["wal", 1, 1, 30_000]


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg(scheme: str) -> None:
    engine = make_engine(f"{scheme}://user:secret@host:5433/ado")
    assert engine.url.drivername == "postgresql+psycopg"
    assert (engine.url.host, engine.url.port, engine.url.database) == ("host", 5433, "ado")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("designs.db", "cannot be read; write one such as sqlite:///"),
        ("", "cannot be read; write one such as sqlite:///"),
        ("postgresql://host:port/ado", "cannot be read"),
        ("mysql://host/ado", "no support for mysql"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=message):
        make_engine(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadDatabaseUrl, match=f"cannot make the folder {tmp_path}/file/folder"):
        make_engine(f"sqlite:///{tmp_path}/file/folder/designs.db", tmp_path / "file")


def test_a_folder_is_made_at_home_only(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    make_engine(f"sqlite:///{home}/designs.db", home).dispose()
    assert home.is_dir()
    with pytest.raises(BadDatabaseUrl, match=f"no folder {tmp_path}/other .* make it, or correct"):
        make_engine(f"sqlite:///{tmp_path}/other/designs.db", home)
    assert not (tmp_path / "other").exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "designs.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(DatabaseUnavailable, match=r"designs\.db .*not a database"):
        Store.open(f"sqlite:///{tmp_path}/designs.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="unable to open"):
        Store.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("user", "query"), [("user:hunter2@", ""), ("user@", "?password=hunter2&application_name=ado")]
)
def test_a_server_that_is_not_there_is_named_without_its_password(user: str, query: str) -> None:
    with socket.socket() as listener:  # bound but not listening: connections are refused
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match=f"127.0.0.1:{port}/ado") as caught:
            Store.open(f"postgresql://{user}127.0.0.1:{port}/ado{query}")
    assert "hunter2" not in str(caught.value)


def test_a_store_that_answers_says_so(store: Store) -> None:
    store.ping()
