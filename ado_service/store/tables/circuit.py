"""The circuits that jobs were made for."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import JsonText, PlainText, UtcTime
from ado_service.store.tables.schema import metadata

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
