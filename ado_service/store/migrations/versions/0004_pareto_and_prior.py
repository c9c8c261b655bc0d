"""Pareto fronts, and the designs that a job starts from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make room for both; earlier jobs have neither."""
    op.create_table(
        "pareto_designs",
        sa.Column("design_id", _BIG_ID, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("gains", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["design_id"], ["designs.id"], name="fk_pareto_designs_design_id_designs"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_pareto_designs_job_id_jobs"),
        sa.PrimaryKeyConstraint("design_id", name="pk_pareto_designs"),
    )
    op.create_index("ix_pareto_designs_job_id_design_id", "pareto_designs", ["job_id", "design_id"])
    op.add_column("jobs", sa.Column("prior", sa.Text(), nullable=True))


def downgrade() -> None:
    """Forget the fronts, and what jobs started from."""
    op.drop_column("jobs", "prior")
    op.drop_table("pareto_designs")
