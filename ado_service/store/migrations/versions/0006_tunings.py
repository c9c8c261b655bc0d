"""Tunings of language models, and what happens to them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNDER_WAY = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "tunings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted_state", sa.Text(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_tunings"),
        sa.UniqueConstraint("idempotency_key", name="uq_tunings_idempotency_key"),
    )
    op.create_index("ix_tunings_created_at_id", "tunings", ["created_at", "id"])
    op.create_index("ix_tunings_state_created_at_id", "tunings", ["state", "created_at", "id"])
    op.create_index(
        "ix_tunings_name",
        "tunings",
        ["name"],
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )
    op.create_table(
        "tuning_events",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tuning_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tuning_id"], ["tunings.id"], name="fk_tuning_events_tuning_id_tunings"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tuning_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tuning_events_tuning_id_id", "tuning_events", ["tuning_id", "id"])


def downgrade() -> None:
    """Forget the tunings; tuned models stay."""
    op.drop_table("tuning_events")
    op.drop_table("tunings")
