"""The results of simulations by key, kept within a size."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from ado_service.store.database import Database, now
from ado_service.store.errors import DatabaseUnavailable
from ado_service.store.tables import simulation_results as results
from simulators.result import SimulationResult

_log = structlog.get_logger(__name__)
_KEYS_A_QUERY = 500
_USE_IS_NOTED = timedelta(hours=1)
"""A use is written down when the last one on record is older: reading stays reading."""
_LEFT = 0.9
"""Share of the limit that is left after results were evicted, so that it happens seldom."""
_LOOK_EVERY = 1 / 64
"""Share of the limit that is written before the size is looked at again."""
_ROW_BYTES = 400
"""What a row takes beside its result: the key in two indexes, the times."""


class SimulationResults:
    """Results of simulations by key (see `simulators.design_key`). Safe from any thread.

    Floats come back bit for bit. A row that cannot be read is logged, removed, and not there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._unseen: float | None = None

    def get_many(self, keys: Sequence[str]) -> dict[str, SimulationResult]:
        """Those of `keys` that are on record."""
        rows: list[tuple[str, bytes, datetime]] = []
        with self._database.read() as connection:
            moment = now(connection)
            for place in range(0, len(keys), _KEYS_A_QUERY):
                asked = keys[place : place + _KEYS_A_QUERY]
                query = sa.select(results.c.key, results.c.result, results.c.used_at)
                found = connection.execute(query.where(results.c.key.in_(asked)))
                rows += [(row.key, row.result, row.used_at) for row in found]
        known = {key: read for key, raw, _ in rows if (read := _read(key, raw)) is not None}
        broken = [key for key, _, _ in rows if key not in known]
        old = [key for key, _, used in rows if key in known and moment - used > _USE_IS_NOTED]
        try:
            self._put_right(broken, old)
        except DatabaseUnavailable as error:  # what was read is good all the same
            _log.warning("results_not_tidied", detail=str(error))
        return known

    def put_many(self, found: Mapping[str, SimulationResult], limit: int) -> None:
        """Put results on record; one that is there already stays as it is.

        Args:
            found: results by key.
            limit: bytes that all results may take; beyond it, those not used for longest go.
        """
        with self._database.write() as connection:
            moment = now(connection)
            # Sorted: two writers of the same keys take them in one order and never wait in a ring.
            rows = [_row(key, found[key], moment) for key in sorted(found)]
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(insert(results).on_conflict_do_nothing(), rows)
            if self._is_time_to_look(sum(row["size"] for row in rows), limit):
                _evict(connection, limit)

    def size(self) -> int:
        """Bytes that all results take together."""
        with self._database.read() as connection:
            return int(connection.execute(_TOTAL).scalar_one())

    def _put_right(self, broken: Sequence[str], old: Sequence[str]) -> None:
        """Remove the broken rows, note the use of the old ones."""
        if not broken and not old:
            return
        with self._database.write() as connection:
            for some in _chunks(broken):
                connection.execute(sa.delete(results).where(results.c.key.in_(some)))
            for some in _chunks(old):
                mine = sa.select(results.c.key).where(results.c.key.in_(some))
                connection.execute(
                    sa.update(results)
                    # Those that another reader is noting just now need no second note.
                    .where(results.c.key.in_(mine.with_for_update(skip_locked=True)))
                    .values(used_at=now(connection))
                )

    def _is_time_to_look(self, written: int, limit: int) -> bool:
        """Whether enough was written since the last look; a process looks at its first write."""
        with self._lock:
            seen = self._unseen is not None
            self._unseen = (self._unseen or 0.0) + written
            if seen and self._unseen < limit * _LOOK_EVERY:
                return False
            self._unseen = 0.0
            return True


_TOTAL = sa.select(sa.func.coalesce(sa.func.sum(results.c.size), 0))


def _evict(connection: Connection, limit: int) -> None:
    """Remove the results that were not used for longest, if all are over `limit` bytes."""
    if connection.execute(_TOTAL).scalar_one() <= limit:
        return
    newest_first = (results.c.used_at.desc(), results.c.key)
    up_to_here = sa.func.sum(results.c.size).over(order_by=newest_first, rows=(None, 0))
    ranked = sa.select(results.c.key, up_to_here.label("bytes")).subquery()
    surplus = sa.select(ranked.c.key).where(ranked.c.bytes > limit * _LEFT)
    gone = connection.execute(sa.delete(results).where(results.c.key.in_(surplus)))
    _log.info("results_evicted", results=gone.rowcount, limit=limit)


def _row(key: str, result: SimulationResult, moment: datetime) -> dict[str, Any]:
    # Not pydantic's own JSON: it writes infinity as null.
    packed = zlib.compress(json.dumps(result.model_dump(), separators=(",", ":")).encode(), 6)
    return {
        "key": key,
        "simulator": result.simulator,
        "created_at": moment,
        "used_at": moment,
        "size": len(packed) + _ROW_BYTES,
        "result": packed,
    }


def _read(key: str, raw: bytes) -> SimulationResult | None:
    """The result of a row; None, with a warning, for one that cannot be read."""
    try:
        return SimulationResult.model_validate(json.loads(zlib.decompress(raw)))
    except (zlib.error, ValueError, ValidationError) as error:
        _log.warning("result_unreadable", key=key, cure="it is simulated again", detail=str(error))
        return None


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for place in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[place : place + _KEYS_A_QUERY]
