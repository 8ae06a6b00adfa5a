"""Turnout of an open vote hour by hour; who made a count; voters who left; counted ballots without channel or place.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turnout",
        sa.Column("consultation", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("cells", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("consultation", "at"),
    )
    op.add_column("count", sa.Column("counted_by", sqlmodel.sql.sqltypes.AutoString(length=120), nullable=True))
    op.add_column("tombstone", sa.Column("voters", sa.Integer(), nullable=False, server_default="1"))
    op.drop_column("countedballot", "origin")
    op.drop_column("countedballot", "locality")
