"""Open notices say why they were postponed.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE kept.open_notice ADD COLUMN problem TEXT")
