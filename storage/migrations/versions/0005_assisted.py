"""Table batches of assisted and paper ballots; the roll names the batch, and has room for ids made with the ballot key.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("consultation", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
        sa.Column("origin", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("way", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("first_slip", sa.Integer(), nullable=True),
        sa.Column("last_slip", sa.Integer(), nullable=True),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
        sa.Column("valid", sa.Integer(), nullable=False),
        sa.Column("blank", sa.Integer(), nullable=False),
        sa.Column("void", sa.Integer(), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=False),
        sa.Column("opened_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("entered_by", sa.Integer(), nullable=True),
        sa.Column("sent_by", sa.Integer(), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("batch_of_consultation", "batch", ["consultation", "id"])
    op.add_column("roll", sa.Column("batch", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_roll_batch"), "roll", ["batch"])
    if op.get_bind().dialect.name == "postgresql":  # a whole number of SQLite has eight bytes anyway
        op.alter_column("roll", "person_id", type_=sa.BigInteger(), existing_nullable=False)
