"""Results of simulations, kept for the next job."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import PlainText, UtcTime
from ado_service.store.tables.schema import metadata

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
