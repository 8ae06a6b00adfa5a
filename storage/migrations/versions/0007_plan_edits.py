"""Plans that staff edit: which file was loaded last, and of each change who made it and why.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.add_column("plan", sa.Column("loaded", text(length=64), nullable=False, server_default=""))
    op.execute("UPDATE plan SET loaded = digest")
    op.add_column("planchange", sa.Column("staff_id", sa.Integer(), nullable=True))
    op.add_column("planchange", sa.Column("reason", text(), nullable=False, server_default=""))
