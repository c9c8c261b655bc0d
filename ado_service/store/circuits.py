"""The circuits on record, every version that was ever sized."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from ado_service.store.circuit_record import CircuitRecord, StartingDesign
from ado_service.store.database import Database, insert_if_new, now
from ado_service.store.errors import CircuitInUse, NotFound
from ado_service.store.tables import circuits, jobs
from circuits.definition import Circuit

_HASH = re.compile(r"[0-9a-f]{64}")


class Circuits:
    """Circuits by content hash; a name may have many versions. Safe to use from any thread.

    The latest version of a name is the one that was uploaded last; of a name that was never
    uploaded, the one that was saved last.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, circuit: Circuit) -> str:
        """Put a circuit on record; saving it again changes nothing but when it was last saved.

        Returns:
            Its content hash.
        """
        with self._database.write() as connection:
            return save(connection, circuit)

    def upload(self, circuit: Circuit, starting: StartingDesign) -> tuple[CircuitRecord, bool]:
        """Put a user's circuit on record and make it the latest version of its name.

        Args:
            circuit: checked.
            starting: what its own sizes came to; kept at the first upload, not at later ones.

        Returns:
            Its record, and whether this version was never uploaded before.
        """
        with self._database.write() as connection:
            digest = save(connection, circuit)  # the row is ours until the end of the transaction
            mine = circuits.c.hash == digest
            before = connection.execute(sa.select(circuits.c.uploaded_at).where(mine)).scalar_one()
            changes: dict[str, object] = {"uploaded_at": now(connection)}
            if before is None:
                changes["starting"] = starting.model_dump()
            connection.execute(sa.update(circuits).where(mine).values(**changes))
            row = connection.execute(sa.select(circuits).where(mine)).mappings().one()
            return _record(row), before is None

    def uploaded(self, digest: str) -> StartingDesign | None:
        """What the uploaded version with this content hash came to; None for all others."""
        found = self._all(sa.select(circuits).where(circuits.c.hash == digest))
        return found[0].starting if found else None

    def delete(self, digest: str) -> None:
        """Forget the version with this content hash.

        Raises:
            NotFound: there is none.
            CircuitInUse: jobs sized it.
        """
        used = sa.select(jobs.c.id).where(jobs.c.circuit_hash == digest).limit(1)
        problem = f"jobs on record sized circuit {digest[:12]}: it stays on record with them"
        with self._database.write() as connection:
            if connection.execute(used).first() is not None:
                raise CircuitInUse(problem)
            try:
                gone = connection.execute(sa.delete(circuits).where(circuits.c.hash == digest))
            except IntegrityError as error:  # a job that was queued just now
                raise CircuitInUse(problem) from error
            if gone.rowcount == 0:
                raise NotFound(f"no circuit version {digest!r} is on record")

    def find(self, name: str) -> CircuitRecord:
        """The version with this content hash, or the latest of this name.

        Raises:
            NotFound: there is neither.
        """
        if _HASH.fullmatch(name):
            found = self._all(sa.select(circuits).where(circuits.c.hash == name))
            if found:
                return found[0]
        return self.latest(name)

    def get(self, digest: str) -> CircuitRecord:
        """The version with this content hash.

        Raises:
            NotFound: there is none.
        """
        found = self._all(sa.select(circuits).where(circuits.c.hash == digest))
        if not found:
            raise NotFound(f"no circuit version {digest!r} is on record; save the circuit first")
        return found[0]

    def latest(self, name: str) -> CircuitRecord:
        """The latest version of this name.

        Raises:
            NotFound: there is none.
        """
        found = self._all(_versions(name).limit(1))
        if not found:
            raise NotFound(f"no circuit {name!r} is on record; save the circuit first")
        return found[0]

    def versions(self, name: str) -> list[CircuitRecord]:
        """Every version of this name, the latest first; none for an unknown name."""
        return self._all(_versions(name))

    def newest(self) -> list[CircuitRecord]:
        """The latest version of every name, by name."""
        place = (
            sa.func.row_number()
            .over(
                partition_by=circuits.c.name,
                order_by=_LATEST_FIRST,
            )
            .label("place")
        )
        ranked = sa.select(circuits.c.hash, place).subquery()
        return self._all(
            sa.select(circuits)
            .join(ranked, ranked.c.hash == circuits.c.hash)
            .where(ranked.c.place == 1)
            .order_by(circuits.c.name)
        )

    def _all(self, query: sa.Select[tuple[object, ...]]) -> list[CircuitRecord]:
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_record(row) for row in rows]


_LATEST_FIRST = (
    circuits.c.uploaded_at.is_(None),
    circuits.c.uploaded_at.desc(),
    circuits.c.saved_at.desc(),
    circuits.c.hash,
)


def save(connection: Connection, circuit: Circuit) -> str:
    """Put a circuit on record within the caller's transaction (see `Circuits.save`)."""
    digest = circuit.content_hash
    moment = now(connection)
    row = {
        "hash": digest,
        "name": circuit.name,
        "title": circuit.title,
        "created_at": moment,
        "saved_at": moment,
        "definition": circuit.model_dump(mode="json"),
    }
    if not insert_if_new(connection, circuits, row):
        connection.execute(
            sa.update(circuits).where(circuits.c.hash == digest).values(saved_at=moment)
        )
    return digest


def _versions(name: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(circuits).where(circuits.c.name == name).order_by(*_LATEST_FIRST)


def _record(row: RowMapping) -> CircuitRecord:
    return CircuitRecord.model_validate(dict(row))
