"""Results of simulations, kept within a size."""

from __future__ import annotations

import math
import random
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ado_service.jobs.result_cache import StoreResultCache
from ado_service.store import database as database_module
from ado_service.store import engine
from ado_service.store.engine import make_engine
from ado_service.store.errors import DatabaseUnavailable
from ado_service.store.store import Store
from ado_service.store.tables import simulation_results as table
from simulators.result import CornerResult, DevicePoint, FailureKind, Region, SimulationResult

LIMIT = 1 << 30


def result(gain: float | None = 1.0, **fields: object) -> SimulationResult:
    corner = CornerResult(metrics={"gain": gain}, measures={"gain": gain})
    given = {"corners": {"nominal": corner}, "simulator": "ngspice-39", "seconds": 0.1, **fields}
    return SimulationResult.model_validate(given)


def change(url: str, *statements: sa.Executable) -> None:
    """Change the database behind the store's back."""
    other = make_engine(url)
    with other.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    other.dispose()


def keys(url: str) -> set[str]:
    other = make_engine(url)
    with other.connect() as connection:
        found = set(connection.execute(sa.select(table.c.key)).scalars())
    other.dispose()
    return found


def test_a_result_comes_back_bit_for_bit(store: Store) -> None:
    point = DevicePoint(
        region=Region.TRIODE, id=1e-5, gm=0.1 + 0.2, gds=5e-324, vgs=-0.0, vds=1 / 3, vth=0.4,
        vdsat=1.7976931348623157e308,
    )  # fmt: skip
    corner = CornerResult(
        metrics={"gain": 2 / 3, "power": None},
        measures={"raw": math.inf, "cold": -math.inf, "Größe": 1e-310},
        devices={"x1.mn1": point},
    )
    kept = SimulationResult(
        corners={"nominal": corner, "hot": CornerResult()},
        skipped=("cold", "nominal/ramp"),
        failure=FailureKind.MEASURE_FAILED,
        message="no value \0 \ud800 'x'",
        seconds=0.1 + 0.7,
        simulator="ngspice-39",
    )
    store.results.put_many({"a" * 64: kept}, LIMIT)
    [found] = store.results.get_many(["b" * 64, "a" * 64]).values()
    assert found == kept
    assert repr(found) == repr(kept), "signs of zero too"
    nan = result(math.nan)
    store.results.put_many({"nan": nan}, LIMIT)
    assert repr(store.results.get_many(["nan"])["nan"]) == repr(nan)


def test_what_is_not_there_is_left_out(store: Store) -> None:
    assert store.results.get_many([]) == {}
    assert store.results.get_many(["nothing", "\0", ""]) == {}


def test_many_keys_at_once(store: Store) -> None:
    many = {f"key-{place}": result(float(place)) for place in range(1500)}
    store.results.put_many(many, LIMIT)
    assert store.results.get_many([*many, *(f"no-{place}" for place in range(1500))]) == many


def test_the_first_result_of_a_key_stays(store: Store) -> None:
    store.results.put_many({"a": result(1.0)}, LIMIT)
    store.results.put_many({"a": result(2.0), "b": result(3.0)}, LIMIT)
    assert store.results.get_many(["a", "b"]) == {"a": result(1.0), "b": result(3.0)}


def test_writers_of_the_same_keys_at_once_do_not_fail(store: Store, database_url: str) -> None:
    everything = {f"key-{place}": result(float(place)) for place in range(60)}
    begin = threading.Barrier(4)

    def write(turned: bool) -> None:
        with Store.open(database_url) as own:
            begin.wait()
            order = sorted(everything, reverse=turned)
            for place in range(0, 60, 6):
                some = order[place : place + 6]
                own.results.put_many({key: everything[key] for key in some}, LIMIT)
                assert own.results.get_many(some) == {key: everything[key] for key in some}

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(write, bool(place % 2)) for place in range(4)]:
            future.result()
    assert store.results.get_many(list(everything)) == everything


CORRUPT = {
    "no zlib": b"not zlib",
    "empty": b"",
    "no JSON": b"x\x9c\x03\x00\x00\x00\x00\x01",
}


@pytest.mark.parametrize("raw", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_row_is_a_miss_and_makes_way(
    store: Store, database_url: str, raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store.results.put_many({"a": result(), "b": result()}, LIMIT)
    change(database_url, sa.update(table).where(table.c.key == "a").values(result=raw))
    assert set(store.results.get_many(["a", "b"])) == {"b"}
    assert "result_unreadable" in capsys.readouterr().out
    assert keys(database_url) == {"b"}
    store.results.put_many({"a": result(5.0)}, LIMIT)
    assert store.results.get_many(["a"]) == {"a": result(5.0)}


def filled(store: Store, url: str, count: int) -> int:
    """Results `0`, `1`, ..., each used an hour and a half later than the one before; their size."""
    store.results.put_many({str(place): result(float(place)) for place in range(count)}, LIMIT)
    moment = sa.select(sa.func.min(table.c.used_at)).scalar_subquery()
    other = make_engine(url)
    with other.begin() as connection:
        start = connection.execute(sa.select(moment)).scalar_one()
        for place in range(count):
            used = start - timedelta(hours=1.5 * (count - place))
            statement = sa.update(table).where(table.c.key == str(place))
            connection.execute(statement.values(used_at=used))
    other.dispose()
    return store.results.size()


def test_those_not_used_for_longest_make_room(store: Store, database_url: str) -> None:
    limit = filled(store, database_url, 20)
    assert store.results.get_many(["0", "3"]), "a use that counts"
    with Store.open(database_url) as another:  # a process looks at the size at its first write
        another.results.put_many({"new": result()}, limit)
    left = keys(database_url)
    assert {"0", "3", "new", "19"} <= left
    assert not {"1", "2"} & left
    assert limit * 0.7 < store.results.size() <= limit * 0.9


def test_a_limit_that_is_not_reached_costs_nothing(store: Store, database_url: str) -> None:
    size = filled(store, database_url, 20)
    with Store.open(database_url) as another:
        another.results.put_many({"new": result()}, 2 * size)
    assert len(keys(database_url)) == 21


def test_one_process_stays_within_the_limit(store: Store) -> None:
    one = 500
    for place in range(400):
        store.results.put_many({f"key-{place}": result(float(place))}, 100 * one)
        assert store.results.size() <= 110 * one
    assert f"key-{399}" in store.results.get_many(["key-399"])


def test_a_database_that_does_not_answer_is_a_miss(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = StoreResultCache(store.results, LIMIT)

    def absent(*_: object) -> object:
        raise DatabaseUnavailable("it is away")

    monkeypatch.setattr(database_module.Database, "read", absent)
    monkeypatch.setattr(database_module.Database, "write", absent)
    assert cache.get_many(["a"]) == {}
    assert "cache_not_read" in capsys.readouterr().out
    cache.put_many({"a": result()})
    assert "cache_not_written" in capsys.readouterr().out


def _locked(file: Path) -> Callable[[], None]:
    """Take SQLite's write lock; gives what lets it go."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def test_a_locked_database_is_read_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "_BUSY_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/designs.db"
    with Store.open(url) as store:
        cache = StoreResultCache(store.results, LIMIT)
        cache.put_many({"a": result()})
        moved = sa.update(table).values(used_at=sa.text("'2020-01-01 00:00:00.000000'"))
        change(url, moved)
        release = _locked(tmp_path / "designs.db")
        assert cache.get_many(["a"]) == {"a": result()}, "its use cannot be noted, that is all"
        assert "results_not_tidied" in capsys.readouterr().out
        cache.put_many({"b": result()})
        assert "cache_not_written" in capsys.readouterr().out
        release()
        cache.put_many({"b": result()})
        assert set(cache.get_many(["a", "b"])) == {"a", "b"}


def test_a_full_disk_is_no_reason_to_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/designs.db"
    with Store.open(url) as store:
        cache = StoreResultCache(store.results, LIMIT)
        cache.put_many({"a": result()})

        @sa.event.listens_for(store.results._database.engine, "begin")
        def _no_room(connection: sa.Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        message = random.Random(1).randbytes(100_000).hex()
        cache.put_many({"big": result(message=message)})
        assert "disk is full" in capsys.readouterr().out
        assert set(cache.get_many(["a", "big"])) == {"a"}
