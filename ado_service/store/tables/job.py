"""Jobs, and what is kept of each besides its designs."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import BigId, JsonText, PlainText, UtcTime
from ado_service.store.tables.circuit import circuits
from ado_service.store.tables.schema import metadata

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
