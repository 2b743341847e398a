"""Long work done in slices, the events that it makes, and how far changes were looked through"""

import sqlalchemy as sa
from alembic import op

from automations.model import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state IN ('queued', 'running')")
_OPEN = sa.text("state IN ('queued', 'running', 'paused')")


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipe_id", sa.Integer(), nullable=True),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("alone", sa.Text(), nullable=True),
        sa.Column("params", columns.Json(), nullable=False),
        sa.Column("cursor", columns.Json(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("rate_per_minute", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", columns.UtcTime(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", columns.UtcTime(), nullable=True),
        sa.Column("lease_counter", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", columns.UtcTime(), nullable=False),
        sa.Column("started_at", columns.UtcTime(), nullable=True),
        sa.Column("finished_at", columns.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_due", "job", ["due_at", "id"], sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)
    op.create_index("uq_job_alone", "job", ["alone"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_job_recipe", "job", ["recipe_id", "id"])
    op.create_table(
        "made_event",
        sa.Column("event_id", columns.BigKey, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("only_recipe_id", sa.Integer(), nullable=True),
        sa.Column("known_as", sa.Text(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("seen_upto", columns.BigKey, nullable=False),
        sa.Column("taken_by", columns.BigKey, nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_made_event_record", "made_event", ["record_key", "known_as"])
    op.create_table(
        "sweep_mark",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("begun_at", columns.UtcTime(), nullable=False),
        sa.Column("swept_until", columns.UtcTime(), nullable=False),
        sa.Column("swept_at", columns.UtcTime(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("recovered", sa.Integer(), nullable=False),
        sa.Column("recovered_ever", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection_id", "entity"),
    )


def downgrade() -> None:
    op.drop_table("sweep_mark")
    op.drop_table("made_event")
    op.drop_table("job")
