"""What is told of cases at fixed moments, written down once: who looks more often learns no more."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import Field, SQLModel

from storage.cases import APART
from storage.database import columns


class CaseSheet(SQLModel, table=True):
    """One sheet: the public `list` of a week, the receivers' `digest`, the `figures-` of a quarter, which are never
    changed, and the last `number-` of a year. `body` is JSON; `at` is the moment for which it was made."""

    __tablename__ = "casesheet"
    __table_args__ = APART

    name: str = Field(primary_key=True, max_length=40)
    at: datetime
    body: str


_S = columns(CaseSheet)


def sheet(connection: Connection, name: str) -> tuple[datetime, Any] | None:
    """A sheet: for when it was made, and what is on it."""
    row = connection.execute(select(_S.at, _S.body).where(_S.name == name)).one_or_none()
    return (row.at, json.loads(row.body)) if row is not None else None


def sheets(connection: Connection, beginning: str) -> Mapping[str, Any]:
    """What is on all sheets whose names begin like this, by the rest of the name, in its order."""
    mine = select(_S.name, _S.body).where(_S.name.startswith(beginning, autoescape=True)).order_by(_S.name)
    return {row.name.removeprefix(beginning): json.loads(row.body) for row in connection.execute(mine)}


def put(connection: Connection, name: str, at: datetime, body: Any) -> None:
    """Put a sheet in place of the one with the same name."""
    connection.execute(delete(CaseSheet).where(_S.name == name))
    connection.execute(insert(CaseSheet), {"name": name, "at": at, "body": json.dumps(body, ensure_ascii=False)})
