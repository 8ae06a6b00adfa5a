"""How many people there are, noted once a month: who looks more often learns no more."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select
from sqlmodel import Field, SQLModel

from storage.contacts import Contact, Housemate, Person
from storage.database import columns


class Headcount(SQLModel, table=True):
    """The one headcount there is: of which month, by which groups; `cells` is JSON. Earlier ones are not kept."""

    month: date = Field(primary_key=True)
    cells: str


_N, _P, _C, _H = columns(Headcount), columns(Person), columns(Contact), columns(Housemate)


def count(connection: Connection) -> list[Row[Any]]:
    """How many people there are by place, group, channel and language; of somebody's chats the one they used last."""
    newest = func.row_number().over(partition_by=_H.person_id, order_by=(_C.heard_at.desc(), _C.id)).label("newest")
    chats = select(_H.person_id, _C.channel, _C.language, newest).join(Contact, _C.id == _H.contact_id).subquery()
    by = (_P.place, _P.group, chats.c.channel, chats.c.language)
    rows = select(*by, func.count().label("people")).join(chats, chats.c.person_id == _P.id)
    return list(connection.execute(rows.where(chats.c.newest == 1).group_by(*by)))


def latest(connection: Connection) -> tuple[date, dict[str, Any]] | None:
    """The headcount, and of which month."""
    row = connection.execute(select(_N.month, _N.cells).order_by(_N.month.desc()).limit(1)).one_or_none()
    return (row.month, json.loads(row.cells)) if row is not None else None


def note(connection: Connection, month: date, cells: Mapping[str, Any]) -> None:
    """Put a headcount in place of the last one."""
    connection.execute(delete(Headcount))
    connection.execute(insert(Headcount), {"month": month, "cells": json.dumps(cells, ensure_ascii=False)})
