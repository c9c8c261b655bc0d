"""Designs.

A design's worst-corner metrics stand twice: as JSON in its row, which is what is read back, and
one row a metric in `design_metrics`, whose indexes serve range filters and sorting.
"""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import BigId, JsonText, PlainText, UtcTime
from ado_service.store.tables.job import jobs
from ado_service.store.tables.schema import metadata

designs = sa.Table(
    "designs",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("job_id", PlainText, sa.ForeignKey(jobs.c.id), nullable=False),
    sa.Column("circuit_name", PlainText, nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("round", sa.BigInteger, nullable=False),
    sa.Column("stage", PlainText, nullable=False),
    sa.Column("proposer", PlainText, nullable=False),
    sa.Column("turn", sa.BigInteger),
    sa.Column("state", PlainText, nullable=False),
    sa.Column("fom", sa.Double),
    sa.Column("specs_met", sa.BigInteger, nullable=False),
    sa.Column("specs_total", sa.BigInteger, nullable=False),
    sa.Column("feasible", sa.Boolean, nullable=False),
    sa.Column("failure", PlainText),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("simulator", PlainText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("values", JsonText, nullable=False),
    sa.Column("metrics", JsonText, nullable=False),
    sa.Column("regions", JsonText, nullable=False),
    sa.Column("note", PlainText, nullable=False),
    sa.Column("message", PlainText, nullable=False),
    # The bulk of a row stands last: SQLite reads a row from its front and stops when it can.
    sa.Column("corners", JsonText, nullable=False),
    # Behind it only what came later: a column cannot be added in front.
    sa.Column("skipped", JsonText, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("shortfall", sa.Double),
    sa.UniqueConstraint("job_id", "index"),
    sa.Index(None, "fom", "id"),
    sa.Index(None, "circuit_name", "id"),
    sa.Index(None, "circuit_name", "fom", "id"),
    sa.Index(None, "circuit_name", "feasible", "fom", "id"),
    sa.Index(None, "job_id", "fom", "id"),
    sqlite_autoincrement=True,
)

design_metrics = sa.Table(
    "design_metrics",
    metadata,
    sa.Column("design_id", BigId, sa.ForeignKey(designs.c.id), primary_key=True),
    sa.Column("metric", PlainText, primary_key=True),
    sa.Column("circuit_name", PlainText, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Index(None, "circuit_name", "metric", "value", "design_id"),
    sa.Index(None, "metric", "value", "design_id"),
    sqlite_with_rowid=False,
)

# The feasible designs of Pareto jobs that no other one of their job dominates.
pareto_designs = sa.Table(
    "pareto_designs",
    metadata,
    sa.Column(
        "design_id", BigId, sa.ForeignKey(designs.c.id), primary_key=True, autoincrement=False
    ),
    sa.Column("job_id", PlainText, sa.ForeignKey(jobs.c.id), nullable=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("gains", JsonText, nullable=False),
    sa.Index(None, "job_id", "design_id"),
)
