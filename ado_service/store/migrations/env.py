"""Alembic's entry point: runs the migrations on the connection that it is handed."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlalchemy.types import TypeDecorator

from ado_service.store.tables import metadata


def _as_plain_type(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """Columns in a new migration by what the database sees, so that it outlives our own types."""
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    return "sa.DateTime(timezone=True)" if isinstance(item.impl, sa.DateTime) else "sa.Text()"


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table by making a new one.
    render_as_batch=True,
    render_item=_as_plain_type,
)
with context.begin_transaction():
    context.run_migrations()
