"""Data requests, the monthly headcount, and the history of the city's texts.

Revision ID: 0008
Revises: 0007
"""

from datetime import UTC, datetime

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString
MOMENT = sqlmodel.sql.sqltypes.UTCDateTime
OPEN = sa.text("closed_on IS NULL")


def upgrade() -> None:
    op.create_table(
        "datarequest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", TEXT(length=8), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("extended_on", sa.Date(), nullable=True),
        sa.Column("contact_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("code", TEXT(length=64), nullable=True),
        sa.Column("code_until", MOMENT(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("sent_at", MOMENT(), nullable=True),
        sa.Column("proof", TEXT(length=8), nullable=True),
        sa.Column("proven_at", MOMENT(), nullable=True),
        sa.Column("reason", TEXT(length=16), nullable=True),
        sa.Column("number", TEXT(length=40), nullable=True),
        sa.Column("outcome", TEXT(length=12), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_datarequest_contact_id"), "datarequest", ["contact_id"], unique=False)
    op.create_index(op.f("ix_datarequest_person_id"), "datarequest", ["person_id"], unique=False)
    op.create_index("datarequest_open", "datarequest", ["due_on", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("datarequest_closed", "datarequest", ["closed_on", "id"])
    op.create_index("datarequest_by", "datarequest", ["by", "created_at"])
    op.create_table(
        "headcount",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("cells", TEXT(), nullable=False),
        sa.PrimaryKeyConstraint("month"),
    )
    version = op.create_table(
        "textversion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", TEXT(length=40), nullable=False),
        sa.Column("body", TEXT(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=True),
        sa.Column("at", MOMENT(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("textversion_key", "textversion", ["key", "id"])
    # The texts as they are become the first of their history.
    now = sa.bindparam("now", datetime.now(UTC), MOMENT())
    known = sa.table("citytext", sa.column("key"), sa.column("body"))
    op.get_bind().execute(
        sa.insert(version).from_select(["key", "body", "at"], sa.select(known.c.key, known.c.body, now).order_by("key"))
    )
