"""How far designs are from their specs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; of earlier designs it is not known."""
    op.add_column("designs", sa.Column("shortfall", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("designs", "shortfall")
