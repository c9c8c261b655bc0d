"""Tunings of language models."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import BigId, JsonText, PlainText, UtcTime
from ado_service.store.tables.schema import metadata

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
    # Behind them what came later. `message` is for everybody, `detail` may name files.
    sa.Column("detail", PlainText, nullable=False, server_default=sa.text("''")),
    sa.Column("fault_step", sa.BigInteger),
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
