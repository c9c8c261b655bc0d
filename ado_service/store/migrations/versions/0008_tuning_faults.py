"""What befell a tuning: in words for its owner, and at which step."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SAID = "what happened names files of the server; `ado tunings` there says it in full"


def upgrade() -> None:
    """Make room for it; of earlier messages, those that name files become their owner's alone."""
    op.add_column(
        "tunings",
        sa.Column("detail", sa.Text(), nullable=False, server_default=sa.text("''")),
    )
    op.add_column("tunings", sa.Column("fault_step", sa.BigInteger(), nullable=True))
    tunings = sa.table("tunings", sa.column("message"), sa.column("detail"))
    op.execute(
        tunings.update()
        .where(tunings.c.message.like("%/%"))
        .values(detail=tunings.c.message, message=_SAID)
    )
    events = sa.table("tuning_events", sa.column("id"), sa.column("kind"), sa.column("data"))
    told = sa.select(events.c.id, events.c.data).where(
        events.c.kind == "state", events.c.data.like("%/%")
    )
    for number, text in op.get_bind().execute(told).all():
        data = json.loads(text)
        if "/" in data.get("message", ""):
            hidden = json.dumps({**data, "message": _SAID}, separators=(",", ":"))
            op.execute(events.update().where(events.c.id == number).values(data=hidden))


def downgrade() -> None:
    """Forget it; what a message did not say is lost."""
    op.drop_column("tunings", "fault_step")
    op.drop_column("tunings", "detail")
