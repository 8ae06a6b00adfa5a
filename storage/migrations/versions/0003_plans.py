"""Plans with their milestones, the voices on them, who takes part in following them, and what was told to whom.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("grade",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("grade", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_grade_plan"), "grade", ["plan"], unique=False)
    op.create_table("invitation",
    sa.Column("code", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("used_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint("code")
    )
    op.create_index("invitation_open", "invitation", ["plan", "kind", "subject"], unique=True, sqlite_where=sa.text("used_at IS NULL"), postgresql_where=sa.text("used_at IS NULL"))
    op.create_table("milestone",
    sa.Column("id", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_milestone_plan"), "milestone", ["plan"], unique=False)
    op.create_table("plan",
    sa.Column("slug", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("body", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.PrimaryKeyConstraint("slug")
    )
    op.create_table("planchange",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("what", sqlmodel.sql.sqltypes.AutoString(length=20), nullable=False),
    sa.Column("before", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("after", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_planchange_plan"), "planchange", ["plan"], unique=False)
    op.create_table("round",
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column("people", sa.Integer(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint("plan", "kind", "subject", "day")
    )
    op.create_table("clerk",
    sa.Column("person_id", sa.Integer(), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("office", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("person_id", "plan", "office")
    )
    op.create_table("follow",
    sa.Column("person_id", sa.Integer(), nullable=False),
    sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("person_id", "scope")
    )
    op.create_index("follow_scope", "follow", ["scope", "person_id"], unique=False)
    op.create_table("notice",
    sa.Column("person_id", sa.Integer(), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("person_id", "kind", "subject", "day"),
    sqlite_with_rowid=False
    )
    op.create_index("notice_at", "notice", ["at"], unique=False)
    op.create_table("rating",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("event", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("person_id", sa.Integer(), nullable=True),
    sa.Column("clear", sa.Integer(), nullable=False),
    sa.Column("heard", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("plan", "event", "person_id")
    )
    op.create_index(op.f("ix_rating_person_id"), "rating", ["person_id"], unique=False)
    op.create_table("report",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("milestone", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("office", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("via", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["milestone"], ["milestone.id"], ),
    sa.PrimaryKeyConstraint("id"),
    sqlite_autoincrement=True
    )
    op.create_index("report_of_milestone", "report", ["milestone", "id"], unique=False)
    op.create_table("seat",
    sa.Column("plan", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("seat", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("person_id", sa.Integer(), nullable=True),
    sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("plan", "seat")
    )
    op.create_index(op.f("ix_seat_person_id"), "seat", ["person_id"], unique=False)
    op.create_table("evidence",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("report_id", sa.Integer(), nullable=True),
    sa.Column("grade_id", sa.Integer(), nullable=True),
    sa.Column("contact_id", sa.Integer(), nullable=True),
    sa.Column("state", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column("source", sa.LargeBinary(), nullable=True),
    sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("tries", sa.Integer(), nullable=False),
    sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(length=8), nullable=True),
    sa.Column("name", sqlmodel.sql.sqltypes.AutoString(length=80), nullable=False),
    sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column("size", sa.Integer(), nullable=False),
    sa.Column("sha256", sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="SET NULL"),
    sa.ForeignKeyConstraint(["grade_id"], ["grade.id"], ),
    sa.ForeignKeyConstraint(["report_id"], ["report.id"], ),
    sa.PrimaryKeyConstraint("id")
    )
    op.create_index(op.f("ix_evidence_grade_id"), "evidence", ["grade_id"], unique=False)
    op.create_index(op.f("ix_evidence_report_id"), "evidence", ["report_id"], unique=False)
    op.create_index(op.f("ix_evidence_state"), "evidence", ["state"], unique=False)
    op.create_table("judgement",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("report_id", sa.Integer(), nullable=False),
    sa.Column("seat", sqlmodel.sql.sqltypes.AutoString(length=50), nullable=False),
    sa.Column("verdict", sqlmodel.sql.sqltypes.AutoString(length=10), nullable=False),
    sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(["report_id"], ["report.id"], ),
    sa.PrimaryKeyConstraint("id"),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_judgement_report_id"), "judgement", ["report_id"], unique=False)
    op.create_table("objection",
    sa.Column("id", sa.Integer(), nullable=False),
    sa.Column("report_id", sa.Integer(), nullable=False),
    sa.Column("person_id", sa.Integer(), nullable=True),
    sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column("answer", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column("office", sqlmodel.sql.sqltypes.AutoString(length=40), nullable=True),
    sa.Column("answered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.ForeignKeyConstraint(["person_id"], ["person.id"], ondelete="SET NULL"),
    sa.ForeignKeyConstraint(["report_id"], ["report.id"], ),
    sa.PrimaryKeyConstraint("id"),
    sqlite_autoincrement=True
    )
    op.create_index(op.f("ix_objection_person_id"), "objection", ["person_id"], unique=False)
    op.create_index(op.f("ix_objection_report_id"), "objection", ["report_id"], unique=False)
