"""The fixture's own PostgreSQL, for machines where none runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ado_service.store.store import Store
from tests import postgres
from tests.ado_service.store.builders import new_job


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the cluster's user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="ado-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_private_cluster_works_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, open_folder: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder))
    monkeypatch.setattr(postgres, "LOCAL", "postgresql://postgres@127.0.0.1:1/postgres")
    with postgres.server() as server:
        assert server != postgres.LOCAL
        with postgres.database(server) as url, Store.open(url) as store:
            assert store.jobs.get(new_job(store)).simulations == 0
        with psycopg.connect(server) as connection:
            left = connection.execute("SELECT datname FROM pg_database").fetchall()
    assert not [name for (name,) in left if name.startswith("ado_test_")]
    assert list(open_folder.iterdir()) == []
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server, connect_timeout=2)


def test_a_machine_without_postgresql_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda _self, _pattern: iter(()))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with (
        pytest.raises(RuntimeError, match="apt-get install postgresql"),
        postgres.private_cluster(),
    ):
        pass
