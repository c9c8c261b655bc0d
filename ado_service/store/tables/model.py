"""Language models of this installation."""

from __future__ import annotations

import sqlalchemy as sa

from ado_service.store.column_types import PlainText, UtcTime
from ado_service.store.tables.schema import metadata

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
