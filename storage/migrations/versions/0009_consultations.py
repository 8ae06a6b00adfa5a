"""Drafts of consultations that the staff prepare, and public notices of consultations that are under way.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("draft",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("slug", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column("body", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("sheet", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("changed_by", sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(["changed_by"], ["staff.id"]),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_draft_slug"), "draft", ["slug"], unique=False)
    op.create_table("publicnotice",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("consultation", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("es", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("en", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_publicnotice_consultation"), "publicnotice", ["consultation"], unique=False)
