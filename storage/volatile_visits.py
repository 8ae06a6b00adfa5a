"""Visits, in the volatile store: a browser that has something open, for a short time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from storage.volatile_tables import VISIT


def begin_visit(connection: Connection, token: str, kind: str, subject: str, kept: bytes, until: datetime) -> None:
    """A browser opens a case or a key; one with the same token ends."""
    end_visit(connection, token)
    row = {"token": token, "kind": kind, "subject": subject, "kept": kept, "until": until}
    connection.execute(insert(VISIT), row)


def visit(connection: Connection, token: str, kind: str, now: datetime) -> Row[Any] | None:
    """What a browser has open: subject, kept, until."""
    shown: Sequence[Any] = (VISIT.c.subject, VISIT.c.kept, VISIT.c.until)
    mine = select(*shown).where(VISIT.c.token == token, VISIT.c.kind == kind, VISIT.c.until > now)
    return connection.execute(mine).one_or_none()


def end_visit(connection: Connection, token: str) -> None:
    connection.execute(delete(VISIT).where(VISIT.c.token == token))


def end_visits(connection: Connection, kind: str, subject: str) -> None:
    """Close all that is open of a case, or with a member's key."""
    connection.execute(delete(VISIT).where(VISIT.c.kind == kind, VISIT.c.subject == subject))
