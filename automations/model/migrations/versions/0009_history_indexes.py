"""An index that counts runs of a time by recipe and status"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_run_counts", "run", ["created_at", "recipe_id", "status"])


def downgrade() -> None:
    op.drop_index("ix_run_counts", "run")
