"""The tables of the design database.

A design's worst-corner metrics stand twice: as JSON in its row, which is what is read back, and
one row a metric in `design_metrics`, whose indexes serve range filters and sorting.
"""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import BigId, JsonText, PlainText, UtcTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

circuits = sa.Table(
    "circuits",
    metadata,
    sa.Column("hash", PlainText, primary_key=True),
    sa.Column("name", PlainText, nullable=False),
    sa.Column("title", PlainText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("saved_at", UtcTime, nullable=False),
    sa.Column("definition", JsonText, nullable=False),
    # Only those that a user uploaded have these two.
    sa.Column("uploaded_at", UtcTime),
    sa.Column("starting", JsonText),
    sa.Index(None, "name", "saved_at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", PlainText, primary_key=True),
    sa.Column("circuit_name", PlainText, nullable=False),
    sa.Column("circuit_hash", PlainText, sa.ForeignKey(circuits.c.hash), nullable=False),
    sa.Column("config", JsonText, nullable=False),
    sa.Column("state", PlainText, nullable=False),
    sa.Column("wanted_state", PlainText, nullable=False),
    sa.Column("simulations", sa.BigInteger, nullable=False),
    sa.Column("best", JsonText),
    sa.Column("simulations_to_all_specs", sa.BigInteger),
    sa.Column("message", PlainText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("owner", PlainText),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("lease_until", UtcTime),
    # Ids of the designs that a warm start begins from: no part of a listing, up to 500 of them.
    sa.Column("prior", JsonText),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "state", "created_at", "id"),
    sa.Index(None, "circuit_name", "created_at", "id"),
)

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

transcripts = sa.Table(
    "transcripts",
    metadata,
    sa.Column("job_id", PlainText, sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("turn", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("messages", JsonText, nullable=False),
    sa.Column("reply", JsonText, nullable=False),
    sa.Column("failure", PlainText),
    sa.Column("detail", PlainText, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.Double, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("model", PlainText, nullable=False),
    sa.Column("profile", PlainText, nullable=False),
    sa.Column("prompt_version", PlainText, nullable=False),
    sa.Column("accepted", sa.BigInteger),
    sa.Column("rejected", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("job_id", PlainText, sa.ForeignKey(jobs.c.id), nullable=False),
    sa.Column("kind", PlainText, nullable=False),
    sa.Column("data", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Index(None, "job_id", "id"),
    sqlite_autoincrement=True,
)

# The key and its job are written in one transaction, so a key that can be seen has its job: a
# request under a key that is still being written waits for it, and there is no state to keep.
idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("key", PlainText, primary_key=True),
    sa.Column("request_hash", PlainText, nullable=False),
    sa.Column(
        "job_id",
        PlainText,
        # The key is written first, to find out whether it is free.
        sa.ForeignKey(jobs.c.id, deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    sa.Column("created_at", UtcTime, nullable=False),
)

simulation_results = sa.Table(
    "simulation_results",
    metadata,
    sa.Column("key", PlainText, primary_key=True),
    sa.Column("simulator", PlainText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("used_at", UtcTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("result", sa.LargeBinary, nullable=False),
    # Which ones are the oldest, and how much they come to, is answered by the index alone.
    sa.Index(None, "used_at", "key", "size"),
)

# Of a tuning, `base` is no foreign key: the embedded model is one, and on no record.
models = sa.Table(
    "models",
    metadata,
    sa.Column("name", PlainText, primary_key=True),
    sa.Column("path", PlainText, nullable=False),
    sa.Column("quantization", PlainText, nullable=False),
    sa.Column("method", PlainText),
    sa.Column("base", PlainText),
    sa.Column("fingerprint", PlainText, nullable=False),
    sa.Column("family", PlainText, nullable=False),
    sa.Column("parameters", sa.BigInteger, nullable=False),
    sa.Column("context", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Index(None, "base"),
)

_TUNING_UNDER_WAY = sa.text("state IN ('queued', 'running')")

tunings = sa.Table(
    "tunings",
    metadata,
    sa.Column("id", PlainText, primary_key=True),
    sa.Column("name", PlainText, nullable=False),
    sa.Column("config", JsonText, nullable=False),
    sa.Column("state", PlainText, nullable=False),
    sa.Column("wanted_state", PlainText, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("loss", sa.Double),
    sa.Column("metrics", JsonText),
    sa.Column("message", PlainText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("owner", PlainText),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("lease_until", UtcTime),
    sa.Column("idempotency_key", PlainText, unique=True),
    sa.Column("request_hash", PlainText),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "state", "created_at", "id"),
    # A name is reserved while a tuning works towards it; afterwards the model itself has it.
    sa.Index(
        None,
        "name",
        unique=True,
        sqlite_where=_TUNING_UNDER_WAY,
        postgresql_where=_TUNING_UNDER_WAY,
    ),
)

tuning_events = sa.Table(
    "tuning_events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("tuning_id", PlainText, sa.ForeignKey(tunings.c.id), nullable=False),
    sa.Column("kind", PlainText, nullable=False),
    sa.Column("data", JsonText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Index(None, "tuning_id", "id"),
    sqlite_autoincrement=True,
)
