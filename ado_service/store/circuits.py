"""The circuits on record, every version that was ever sized."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from ado_service.store.circuit_record import CircuitRecord
from ado_service.store.database import Database, insert_if_new, now
from ado_service.store.errors import NotFound
from ado_service.store.tables import circuits
from circuits.definition import Circuit


class Circuits:
    """Circuits by content hash; a name may have many versions. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, circuit: Circuit) -> str:
        """Put a circuit on record and make it the latest version of its name.

        Saving it again changes nothing else.

        Returns:
            Its content hash.
        """
        with self._database.write() as connection:
            return save(connection, circuit)

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
        """The version of this name that was saved last.

        Raises:
            NotFound: there is none.
        """
        found = self._all(_versions(name).limit(1))
        if not found:
            raise NotFound(f"no circuit {name!r} is on record; save the circuit first")
        return found[0]

    def versions(self, name: str) -> list[CircuitRecord]:
        """Every version of this name, the last saved first; none for an unknown name."""
        return self._all(_versions(name))

    def newest(self) -> list[CircuitRecord]:
        """The latest version of every name, by name."""
        place = (
            sa.func.row_number()
            .over(
                partition_by=circuits.c.name,
                order_by=(circuits.c.saved_at.desc(), circuits.c.hash),
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
    return (
        sa.select(circuits)
        .where(circuits.c.name == name)
        .order_by(circuits.c.saved_at.desc(), circuits.c.hash)
    )


def _record(row: RowMapping) -> CircuitRecord:
    return CircuitRecord.model_validate(dict(row))
