"""The design database as the rest of the service sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import sqlalchemy as sa

from ado_service.store.circuits import Circuits
from ado_service.store.database import Database
from ado_service.store.designs import Designs
from ado_service.store.engine import make_engine
from ado_service.store.events import Events
from ado_service.store.jobs import Jobs
from ado_service.store.leases import Leases
from ado_service.store.migrate import migrate
from ado_service.store.models import Models
from ado_service.store.prior import Priors
from ado_service.store.results import SimulationResults
from ado_service.store.transcripts import Transcripts
from ado_service.store.tuning_leases import TuningLeases
from ado_service.store.tunings import Tunings
from simulators.closing import Closing


class Store(Closing):
    """All that one database keeps: circuits, jobs, designs, models and what belongs to them.

    Contract: every method is one transaction, kept whole or not at all, and hands out value
    objects without ties to the database. One Store serves all threads of a process; a process
    that forks makes its own afterwards. Any method may raise DatabaseUnavailable, and the same
    call may be repeated after it.

    Attributes:
        circuits, jobs, leases, designs, priors, transcripts, events, results, models, tunings,
            tuning_leases: what their classes say.

    Example:
        >>> with Store.open("sqlite:///designs.db") as store:  # doctest: +SKIP
        ...     job, _ = store.jobs.create(circuit, JobConfig())
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.circuits = Circuits(database)
        self.jobs = Jobs(database)
        self.leases = Leases(database)
        self.designs = Designs(database)
        self.priors = Priors(database)
        self.transcripts = Transcripts(database)
        self.events = Events(database)
        self.results = SimulationResults(database)
        self.models = Models(database)
        self.tunings = Tunings(database)
        self.tuning_leases = TuningLeases(database)

    @classmethod
    def open(cls, url: str, *, home: Path | None = None) -> Self:
        """The store at `url`, its tables made or brought up to date.

        Args:
            url: see `engine.make_engine`.
            home: likewise.

        Raises:
            BadDatabaseUrl: the address cannot be used.
            SchemaTooNew: a later version wrote the database.
            DatabaseUnavailable: the database does not answer.
        """
        database = Database(make_engine(url, home))
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: it gave none.
        """
        with self._database.read() as connection:
            connection.execute(sa.select(1))

    def close(self) -> None:
        """Close every connection; the store cannot be used afterwards."""
        self._database.close()
