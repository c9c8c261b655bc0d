"""Results of simulations by key, and circuits that users uploaded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for both."""
    op.create_table(
        "simulation_results",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("simulator", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_simulation_results"),
    )
    op.create_index(
        "ix_simulation_results_used_at_key_size", "simulation_results", ["used_at", "key", "size"]
    )
    op.add_column("circuits", sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("circuits", sa.Column("starting", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget kept results and which circuits were uploaded; the circuits themselves stay."""
    op.drop_column("circuits", "starting")
    op.drop_column("circuits", "uploaded_at")
    op.drop_table("simulation_results")
