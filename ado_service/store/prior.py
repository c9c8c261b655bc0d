"""Designs on record that another job may start from."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.database import Database
from ado_service.store.design_record import DesignRecord, DesignState
from ado_service.store.design_rows import design_record, select_designs
from ado_service.store.tables import designs, jobs


class Priors:
    """What was simulated before, for warm starts. Safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(
        self,
        limit: int,
        *,
        job_id: str | None = None,
        circuit_name: str | None = None,
        circuit_hash: str | None = None,
    ) -> list[DesignRecord]:
        """The latest simulated designs, the newest first, without their corners.

        Args:
            limit: how many at most.
            job_id: only of this job. None keeps all, as do the others.
            circuit_name: only of circuits of this name.
            circuit_hash: only of this version of a circuit.
        """
        query = select_designs(corners=False).where(designs.c.state == DesignState.DONE)
        if job_id is not None:
            query = query.where(designs.c.job_id == job_id)
        if circuit_name is not None:
            query = query.where(designs.c.circuit_name == circuit_name)
        if circuit_hash is not None:
            of_version = sa.select(jobs.c.id).where(jobs.c.circuit_hash == circuit_hash)
            query = query.where(designs.c.job_id.in_(of_version))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(designs.c.id.desc()).limit(limit)).mappings()
            return [design_record(row) for row in rows]

    def chosen(self, job_id: str) -> list[int]:
        """Ids of the designs that a job starts from; none for an unknown job."""
        query = sa.select(jobs.c.prior).where(jobs.c.id == job_id)
        with self._database.read() as connection:
            return list(connection.execute(query).scalar_one_or_none() or ())

    def of_job(self, job_id: str) -> list[DesignRecord]:
        """The designs that a job starts from, in the order in which they were chosen.

        Always the same ones: a design that is done never changes.
        """
        ids = self.chosen(job_id)
        with self._database.read() as connection:
            rows = connection.execute(select_designs(corners=True).where(designs.c.id.in_(ids)))
            found = {row["id"]: design_record(row) for row in rows.mappings()}
        return [found[design_id] for design_id in ids]
