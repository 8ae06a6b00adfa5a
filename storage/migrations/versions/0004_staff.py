"""The city's staff, their sessions, what waits for a second person, and the audit log, which only grows.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$"
        )
    op.create_table("attempt",
    sa.Column("key", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("key")
    )
    op.create_table("audit",
    sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("by", sa.Integer(), nullable=True),
    sa.Column("action", sqlmodel.sql.sqltypes.AutoString(length=60), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column("facts", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("hash", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_audit_action"), "audit", ["action"], unique=False)
    op.create_index(op.f("ix_audit_by"), "audit", ["by"], unique=False)
    op.create_table("audithead",
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("last", sa.Integer(), nullable=False),
    sa.Column("hash", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint("day")
    )
    op.create_table("staff",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("login", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column("roles", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("offices", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("password", sqlmodel.sql.sqltypes.AutoString(length=200), nullable=False),
    sa.Column("totp", sa.LargeBinary(), nullable=False),
    sa.Column("step", sa.Integer(), nullable=False),
    sa.Column("active", sa.Boolean(), nullable=False),
    sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("login")
    )
    op.create_table("approval",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column("detail", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("asked_by", sa.Integer(), nullable=True),
    sa.Column("asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("decided_by", sa.Integer(), nullable=True),
    sa.Column("decided_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.ForeignKeyConstraint(["asked_by"], ["staff.id"], ),
    sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], ),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_approval_outcome"), "approval", ["outcome"], unique=False)
    op.create_table("recoverycode",
    sa.Column("code", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("staff_id", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("code")
    )
    op.create_index(op.f("ix_recoverycode_staff_id"), "recoverycode", ["staff_id"], unique=False)
    op.create_table("staffinvitation",
    sa.Column("code", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("login", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column("roles", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("offices", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("agreed", sa.Boolean(), nullable=False),
    sa.Column("invited_by", sa.Integer(), nullable=True),
    sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["invited_by"], ["staff.id"], ),
    sa.PrimaryKeyConstraint("code"),
    sa.UniqueConstraint("login")
    )
    op.create_table("staffsession",
    sa.Column("token", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("staff_id", sa.Integer(), nullable=False),
    sa.Column("begun_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("proved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("token")
    )
    op.create_index(op.f("ix_staffsession_staff_id"), "staffsession", ["staff_id"], unique=False)

    # The last guard of the log: whoever changes it by accident or through a fault of ours is stopped by the database.
    for table in ("audit", "audithead"):
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " EXECUTE FUNCTION only_grows()"
            )
            continue
        for done in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{done.lower()} BEFORE {done} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
            )
