"""Sealed cases: complaints, the keys that open them, and what became of them.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sealedcase',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('locator', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('received_on', sa.Date(), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('changed_on', sa.Date(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('days', sa.Integer(), nullable=False),
    sa.Column('calendar', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('excluded', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('number', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('extended', sa.Boolean(), nullable=False),
    sa.Column('held', sa.Boolean(), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('salt', sa.LargeBinary(), nullable=False),
    sa.Column('verifier', sa.LargeBinary(), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('own_wrap', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('locator'),
    sqlite_with_rowid=False
    )
    op.create_table('caseevent',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('case_id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('on', sa.Date(), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('before', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('after', sqlmodel.sql.sqltypes.AutoString(length=16), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('by', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['sealedcase.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_caseevent_case_id'), 'caseevent', ['case_id'], unique=False)
    op.create_table('receiverkey',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('staff_id', sa.Integer(), nullable=True),
    sa.Column('office', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('public', sa.LargeBinary(), nullable=False),
    sa.Column('salt', sa.LargeBinary(), nullable=True),
    sa.Column('by_passphrase', sa.LargeBinary(), nullable=True),
    sa.Column('by_recovery', sa.LargeBinary(), nullable=True),
    sa.Column('made_on', sa.Date(), nullable=False),
    sa.Column('removed_on', sa.Date(), nullable=True),
    sa.Column('drilled_on', sa.Date(), nullable=True),
    sa.Column('drill', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('public')
    )
    op.create_index(op.f('ix_receiverkey_staff_id'), 'receiverkey', ['staff_id'], unique=False)
    op.create_table('sealedpart',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('case_id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['sealedcase.id'], ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sqlite_with_rowid=False
    )
    op.create_index(op.f('ix_sealedpart_case_id'), 'sealedpart', ['case_id'], unique=False)
    op.create_table('sealedwrap',
    sa.Column('case_id', sqlmodel.sql.sqltypes.AutoString(length=32), nullable=False),
    sa.Column('receiver_id', sa.Integer(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['sealedcase.id'], ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['receiver_id'], ['receiverkey.id'], ),
    sa.PrimaryKeyConstraint('case_id', 'receiver_id'),
    sqlite_with_rowid=False
    )
    op.create_table('casesheet',
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(length=40), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('body', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.PrimaryKeyConstraint('name'),
    sqlite_with_rowid=False
    )
