"""The initial tables: circuits, jobs, designs, transcripts, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    _circuits()
    _jobs()
    _designs()
    _events()
    _idempotency_keys()
    _transcripts()
    _design_metrics()


def downgrade() -> None:
    """Drop every table, and all that is in them."""
    for table in (
        "design_metrics",
        "transcripts",
        "idempotency_keys",
        "events",
        "designs",
        "jobs",
        "circuits",
    ):
        op.drop_table(table)


def _circuits() -> None:
    op.create_table(
        "circuits",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_circuits"),
    )
    op.create_index("ix_circuits_name_saved_at", "circuits", ["name", "saved_at"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("circuit_name", sa.Text(), nullable=False),
        sa.Column("circuit_hash", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wanted_state", sa.Text(), nullable=False),
        sa.Column("simulations", sa.BigInteger(), nullable=False),
        sa.Column("best", sa.Text(), nullable=True),
        sa.Column("simulations_to_all_specs", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["circuit_hash"], ["circuits.hash"], name="fk_jobs_circuit_hash_circuits"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "ix_jobs_circuit_name_created_at_id", "jobs", ["circuit_name", "created_at", "id"]
    )
    op.create_index("ix_jobs_created_at_id", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_state_created_at_id", "jobs", ["state", "created_at", "id"])


def _designs() -> None:
    op.create_table(
        "designs",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("circuit_name", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fom", sa.Double(), nullable=True),
        sa.Column("specs_met", sa.BigInteger(), nullable=False),
        sa.Column("specs_total", sa.BigInteger(), nullable=False),
        sa.Column("feasible", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("simulator", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("regions", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("corners", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_designs_job_id_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_designs"),
        sa.UniqueConstraint("job_id", "index", name="uq_designs_job_id_index"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_designs_circuit_name_fom_id", "designs", ["circuit_name", "fom", "id"])
    op.create_index(
        "ix_designs_circuit_name_feasible_fom_id",
        "designs",
        ["circuit_name", "feasible", "fom", "id"],
    )
    op.create_index("ix_designs_circuit_name_id", "designs", ["circuit_name", "id"])
    op.create_index("ix_designs_fom_id", "designs", ["fom", "id"])
    op.create_index("ix_designs_job_id_fom_id", "designs", ["job_id", "fom", "id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job_id_id", "events", ["job_id", "id"])


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name="fk_idempotency_keys_job_id_jobs",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency_keys"),
    )


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("messages", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_transcripts_job_id_jobs"),
        sa.PrimaryKeyConstraint("job_id", "turn", name="pk_transcripts"),
    )


def _design_metrics() -> None:
    op.create_table(
        "design_metrics",
        sa.Column("design_id", _BIG_ID, nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("circuit_name", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["design_id"], ["designs.id"], name="fk_design_metrics_design_id_designs"
        ),
        sa.PrimaryKeyConstraint("design_id", "metric", name="pk_design_metrics"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_design_metrics_circuit_name_metric_value_design_id",
        "design_metrics",
        ["circuit_name", "metric", "value", "design_id"],
    )
    op.create_index(
        "ix_design_metrics_metric_value_design_id",
        "design_metrics",
        ["metric", "value", "design_id"],
    )
