"""What a run repeats"""

import sqlalchemy as sa
from alembic import op

from automations.model import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_REPLAY = sa.text("replay_of IS NOT NULL")
_OF_A_JOB = sa.text("replay_job_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("run", sa.Column("replay_job_id", columns.BigKey, nullable=True))
    op.create_index("ix_run_replay_of", "run", ["replay_of"], sqlite_where=_REPLAY, postgresql_where=_REPLAY)
    op.create_index(
        "uq_run_replayed_by_job",
        "run",
        ["replay_job_id", "replay_of"],
        unique=True,
        sqlite_where=_OF_A_JOB,
        postgresql_where=_OF_A_JOB,
    )
    op.add_column("delivery", sa.Column("item_key", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "carried_effect",
        sa.Column("run_id", columns.BigKey, nullable=False),
        sa.Column("step_name", sa.Text(), nullable=False),
        sa.Column("item_key", sa.Text(), nullable=False),
        sa.Column("item_index", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", columns.Json(), nullable=True),
        sa.Column("outputs", columns.Json(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("tried_at", columns.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "step_name", "item_key", "item_index", "idempotency_key"),
    )


def downgrade() -> None:
    op.drop_table("carried_effect")
    op.drop_column("delivery", "item_key")
    op.drop_index("uq_run_replayed_by_job", table_name="run")
    op.drop_index("ix_run_replay_of", table_name="run")
    op.drop_column("run", "replay_job_id")
