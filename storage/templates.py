"""Templates: the WhatsApp messages that Meta has to approve before they may open a conversation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns

STATUSES = ("unsubmitted", "pending", "approved", "rejected", "paused", "disabled")


class TemplateRow(SQLModel, table=True):
    """A template as Twilio has it; `sid` is its content, `digest` that of the words it was made with, `status` one of
    STATUSES, and `reason` what Meta says of it."""

    __tablename__ = "template"

    name: str = Field(primary_key=True, max_length=40)
    language: str = Field(primary_key=True, max_length=8)
    sid: str = Field(max_length=40)
    category: str = Field(max_length=12)
    digest: str = Field(max_length=64)
    status: str = Field(max_length=16)
    reason: str = Field(default="", max_length=200)
    checked_at: datetime


_T = columns(TemplateRow)


def every(connection: Connection) -> Sequence[Row[Any]]:
    """All of them, by name and language."""
    return connection.execute(select(*_T).order_by(_T.name, _T.language)).all()


def put(connection: Connection, now: datetime, **values: str) -> None:
    """Keep a template in place of the one with this `name` and `language`: sid, category, digest, status, reason."""
    mine = (_T.name == values["name"]) & (_T.language == values["language"])
    connection.execute(delete(TemplateRow).where(mine))
    connection.execute(insert(TemplateRow), {"reason": "", **values, "checked_at": now})


def learn(connection: Connection, sid: str, now: datetime, **values: str) -> bool:
    """Keep what was learnt of a template: status, category, reason; whether it is one of ours."""
    mine = update(TemplateRow).where(_T.sid == sid).values(checked_at=now, **values)
    return bool(connection.execute(mine).rowcount)
