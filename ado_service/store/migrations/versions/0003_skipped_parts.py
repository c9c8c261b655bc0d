"""Corners and testbenches that a design was not worth."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them; of earlier designs nothing was skipped."""
    op.add_column(
        "designs", sa.Column("skipped", sa.Text(), server_default=sa.text("'[]'"), nullable=False)
    )


def downgrade() -> None:
    """Forget what was skipped."""
    op.drop_column("designs", "skipped")
