"""The record of what was done in the console, for the auditor: filters, a file, and whether it is whole."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from sqlalchemy import Row

from bot import tables
from bot.desk import Desk
from storage import audit
from storage import catalogue as shelf
from storage import staff as accounts
from storage.database import reading
from web.console import deeds
from web.console.access import Role, allows, shown
from web.console.answers import CSV, download
from web.console.forms import asked_number, plain

MOST = 50
"""Rows of a page."""


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages."""

    @blueprint.get("/registro")
    @allows(Role.AUDITOR)
    def record() -> Response:
        asked = request.args
        with reading(desk.engine) as connection:
            zone = ZoneInfo(desk.catalogue(connection, shelf.revision(connection)).city.zone)
            found = audit.rows(connection, asked_number("antes"), MOST + 1, **_filters(zone))
            people = accounts.logins(connection, {row.by for row in found if row.by})
            actions, heads = audit.actions(connection), audit.heads(connection, 7)
        more = found[MOST - 1].id if len(found) > MOST else None
        kept = {name: asked[name] for name in ("accion", "quien", "desde", "hasta") if asked.get(name)}
        return shown(
            "console/record.html", rows=found[:MOST], people=people, actions=actions, heads=heads, more=more,
            asked=kept, zone=zone, deeds=deeds,
        )  # fmt: skip

    @blueprint.get("/registro/verificar")
    @allows(Role.AUDITOR)
    def verified() -> Response:
        with reading(desk.engine) as connection:
            return shown("console/verified.html", broken=audit.verify(connection))

    @blueprint.get("/registro.csv")
    @allows(Role.AUDITOR)
    def exported() -> Response:
        return download(tables.csv_lines(_rows(desk)), CSV, "registro.csv")


def _rows(desk: Desk) -> Iterator[tuple[Any, ...]]:
    yield "id", "at", "by", "action", "subject", "facts", "hash"
    with reading(desk.engine) as connection:
        for row in audit.whole(connection):
            yield _plain(row)


def _plain(row: Row[Any]) -> tuple[Any, ...]:
    return row.id, row.at.astimezone(UTC).isoformat(), row.by or "", row.action, row.subject, row.facts, row.hash


def _filters(zone: ZoneInfo) -> dict[str, Any]:
    """What the address asks for; what cannot be read is left out."""
    return {
        "action": plain(request.args.get("accion"))[:60],
        "by": asked_number("quien"),
        "since": _day("desde", zone),
        "until": _day("hasta", zone, time.max),
    }


def _day(name: str, zone: ZoneInfo, at: time = time.min) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(request.args.get(name, "")), at, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
