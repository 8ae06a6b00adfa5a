"""Approvals: what one of the staff asks for and only happens when a second person agrees."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.staff import StaffInvitation


class ApprovalRow(SQLModel, table=True):
    """`detail` is JSON: what exactly is asked.

    `outcome`: empty while it waits, then granted, refused, withdrawn, or expired with what it was about.
    """

    __tablename__ = "approval"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=40)
    subject: str = Field(max_length=100)
    detail: str
    asked_by: int | None = Field(default=None, foreign_key="staff.id")
    asked_at: datetime
    decided_by: int | None = Field(default=None, foreign_key="staff.id")
    decided_at: datetime | None = Field(default=None)
    outcome: str = Field(default="", max_length=10, index=True)


@dataclass(frozen=True)
class Approval:
    """A request as it was made; `asked_by` is nobody where the operator asked on the command line."""

    id: int
    kind: str
    subject: str
    asked_by: int | None
    asked_at: datetime
    outcome: str
    decided_by: int | None
    decided_at: datetime | None
    detail: Mapping[str, Any] = field(repr=False)


class SamePerson(Exception):
    """Who asks cannot be the one who agrees."""


class Decided(Exception):
    """It was decided before, or there is no such request."""


_P, _I = columns(ApprovalRow), columns(StaffInvitation)

INVITES = "staff.invite"
"""What is asked of this kind is about an invitation: its subject is the invitation's code."""


def ask(
    connection: Connection, kind: str, subject: str, detail: Mapping[str, Any], by: int | None, now: datetime
) -> int:
    """Ask for something; the request's id. One that waits for the same is withdrawn: the newer takes its place."""
    same = (_P.kind == kind) & (_P.subject == subject) & (_P.outcome == "")
    connection.execute(update(ApprovalRow).where(same).values(outcome="withdrawn", decided_by=by, decided_at=now))
    values = {"kind": kind, "subject": subject, "asked_by": by, "asked_at": now, "outcome": ""}
    body = json.dumps(detail, ensure_ascii=False, sort_keys=True)
    return int(connection.execute(insert(ApprovalRow).returning(_P.id), {**values, "detail": body}).scalar_one())


def one(connection: Connection, id: int) -> Approval | None:
    row = connection.execute(select(*_P).where(_P.id == id)).one_or_none()
    return _read(row) if row else None


def waiting(connection: Connection) -> list[Approval]:
    """What waits for a second person, the oldest first."""
    return [_read(row) for row in connection.execute(select(*_P).where(_P.outcome == "").order_by(_P.id))]


def latest(connection: Connection, most: int) -> list[Approval]:
    """What was decided, the latest first."""
    decided = select(*_P).where(_P.outcome != "").order_by(_P.decided_at.desc(), _P.id.desc()).limit(most)
    return [_read(row) for row in connection.execute(decided)]


def about(connection: Connection, kind: str, subject: str) -> Approval | None:
    """What waits for a second person about something."""
    rows = select(*_P).where(_P.kind == kind, _P.subject == subject, _P.outcome == "").order_by(_P.id.desc())
    row = connection.execute(rows).first()
    return _read(row) if row else None


def decide(connection: Connection, id: int, by: int, outcome: str, now: datetime) -> Approval:
    """Grant, refuse or withdraw a request, once; the request. Raises SamePerson and Decided, and has changed nothing.

    What was asked is carried out in the same transaction, so that it happens exactly if it was granted.
    """
    row = connection.execute(select(*_P).where(_P.id == id).with_for_update()).one_or_none()
    if row is None or row.outcome:
        raise Decided
    if outcome == "granted" and row.asked_by == by:
        raise SamePerson
    connection.execute(update(ApprovalRow).where(_P.id == id).values(outcome=outcome, decided_by=by, decided_at=now))
    return _read(row)


def withdraw(connection: Connection, kind: str, subject: str, by: int | None, now: datetime) -> list[int]:
    """Close what waits for a second person about something that is no more; the ids."""
    mine = (_P.kind == kind) & (_P.subject == subject) & (_P.outcome == "")
    closed = update(ApprovalRow).where(mine).values(outcome="withdrawn", decided_by=by, decided_at=now)
    return list(connection.scalars(closed.returning(_P.id)))


def expire(connection: Connection, now: datetime) -> list[int]:
    """Close what waits about invitations that have run out; the ids."""
    serves = exists().where(_I.code == _P.subject, _I.expires_at > now)
    mine = (_P.kind == INVITES) & (_P.outcome == "") & ~serves
    closed = update(ApprovalRow).where(mine).values(outcome="expired", decided_at=now)
    return list(connection.scalars(closed.returning(_P.id)))


def purge(connection: Connection, before: datetime) -> None:
    """Forget what was asked before; the audit log keeps who asked and who agreed."""
    connection.execute(delete(ApprovalRow).where(_P.asked_at < before))


def _read(row: Row[Any]) -> Approval:
    values = row._asdict()
    return Approval(**{**values, "detail": json.loads(values["detail"])})
