"""Turnout of an open vote, noted once an hour: who looks at it more often learns no more."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text
from sqlmodel import Field, SQLModel

from storage.database import columns


class Turnout(SQLModel, table=True):
    """How many had taken part at an hour, in all and by group; `cells` is JSON, with null for what is hidden."""

    consultation: str = Field(primary_key=True, max_length=60)
    at: datetime = Field(primary_key=True)
    cells: str


_T = columns(Turnout)


def noted(connection: Connection, slug: str, hour: datetime) -> bool:
    """Whether this hour's is there."""
    return connection.execute(select(text("1")).where(_T.consultation == slug, _T.at == hour)).first() is not None


def note(connection: Connection, slug: str, hour: datetime, cells: dict[str, Any]) -> None:
    connection.execute(
        insert(Turnout), {"consultation": slug, "at": hour, "cells": json.dumps(cells, ensure_ascii=False)}
    )


def latest(connection: Connection, slug: str) -> tuple[datetime, dict[str, Any]] | None:
    """The last one that was noted, and for which hour."""
    newest = select(_T.at, _T.cells).where(_T.consultation == slug).order_by(_T.at.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return (row.at, json.loads(row.cells)) if row is not None else None


def forget(connection: Connection, slug: str) -> None:
    """Once the count is there, the hours between are of no use to anyone."""
    connection.execute(delete(Turnout).where(_T.consultation == slug))
