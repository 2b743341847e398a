"""Loops cut, breakers"""

import sqlalchemy as sa
from alembic import op

from automations.model import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "footprint",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("digests", columns.Json(), nullable=False),
        sa.Column("run_id", columns.BigKey, nullable=False),
        sa.Column("recipe_id", sa.Integer(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("written_at", columns.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_footprint_subject", "footprint", ["connection_id", "subject", "written_at"])
    op.create_index("ix_footprint_written", "footprint", ["written_at"])
    op.create_table(
        "lineage",
        sa.Column("event_id", columns.BigKey, autoincrement=False, nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("caused_by", columns.BigKey, nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id"),
    )
    known = sa.text("caused_by IS NOT NULL")
    op.create_index(
        "ix_lineage_caused_by", "lineage", ["caused_by"], sqlite_where=known, postgresql_where=known
    )
    op.create_table(
        "stop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipe_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("began_at", columns.UtcTime(), nullable=False),
        sa.Column("seen_at", columns.UtcTime(), nullable=False),
        sa.Column("over_at", columns.UtcTime(), nullable=True),
        sa.Column("over_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    not_over = sa.text("over_at IS NULL")
    op.create_index(
        "ix_stop_open", "stop", ["recipe_id", "kind"], sqlite_where=not_over, postgresql_where=not_over
    )
    op.create_table(
        "breaker",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("calls", columns.Json(), nullable=False),
        sa.Column("opened_at", columns.UtcTime(), nullable=True),
        sa.Column("probe_at", columns.UtcTime(), nullable=True),
        sa.Column("prober", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("connection_id"),
    )


def downgrade() -> None:
    for table in ("breaker", "stop", "lineage", "footprint"):
        op.drop_table(table)
