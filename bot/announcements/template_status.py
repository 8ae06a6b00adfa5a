"""The status of templates: how each stands, and how Meta's word on it is followed (channels.md 3.6)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row
from twilio.base.exceptions import TwilioException

from bot.announcements.templates import DECLARED, Wording
from bot.channels.twilio import NOT_THERE, TwilioLine, failure
from storage import templates
from storage.announcements import CATEGORIES
from storage.database import reading, transaction

WHILE_PENDING, ELSE = timedelta(minutes=10), timedelta(hours=1)
"""How old what we know of a template may be: Meta mostly decides within minutes, and may pause one at any time."""

WITHHELD = ("rejected", "paused", "disabled")
"""What keeps announcements from going out by a template until somebody does something."""

PENDING = ("received", "in_appeal")
"""What Twilio says besides our own statuses, and means that they are still looking at it."""


@dataclass(frozen=True)
class Known:
    """A declared template and how it stands: missing, changed (other words were submitted), or as the database says."""

    wording: Wording
    row: Row[Any] | None

    @property
    def status(self) -> str:
        if self.row is None:
            return "missing"
        return str(self.row.status) if self.row.digest == self.wording.digest else "changed"

    @property
    def reason(self) -> str:
        return str(self.row.reason) if self.row is not None and self.status != "changed" else ""

    @property
    def category(self) -> str:
        """What Meta charges it as, or else what it is asked for."""
        return str(self.row.category) if self.row is not None and self.status != "changed" else self.wording.category


def known(rows: Sequence[Row[Any]]) -> list[Known]:
    """Each declared template with what the database knows of it."""
    kept = {(row.name, row.language): row for row in rows}
    return [Known(wording, kept.get((wording.name, wording.language))) for wording in DECLARED]


def due(rows: Sequence[Row[Any]], now: datetime) -> list[str]:
    """The ids of those to ask about again."""
    return [
        row.sid
        for row in rows
        if now - row.checked_at >= (WHILE_PENDING if row.status in ("unsubmitted", "pending") else ELSE)
    ]


async def follow(line: TwilioLine, engine: Engine, now: datetime, everything: bool = False) -> int:
    """Ask how the templates stand that are due, or all of them, and keep the answers; how many were asked about.

    Raises failures.NotDelivered when Twilio cannot be asked; what was learnt until then is kept.
    """
    sids = await asyncio.to_thread(_sids, engine, now, everything)
    for sid in sids:
        try:
            found = await line.client.content.v1.contents(sid).approval_fetch().fetch_async()
        except TwilioException as error:
            if int(getattr(error, "code", 0) or 0) != NOT_THERE:
                raise failure(error) from None
            told: dict[str, Any] = {}  # somebody deleted it there: it can be made again
        else:
            told = found.whatsapp or {}
        await asyncio.to_thread(_keep, engine, sid, read(told), now)
    return len(sids)


def _sids(engine: Engine, now: datetime, everything: bool) -> list[str]:
    with reading(engine) as connection:
        rows = templates.every(connection)
    return [row.sid for row in rows] if everything else due(rows, now)


def _keep(engine: Engine, sid: str, values: dict[str, str], now: datetime) -> None:
    with transaction(engine) as connection:
        templates.learn(connection, sid, now, **values)


def read(told: dict[str, Any]) -> dict[str, str]:
    """What Twilio tells of an approval, in our words: status, reason and, where it is one, the category."""
    status, category = str(told.get("status", "")).lower(), str(told.get("category", "")).lower()
    status = status if status in templates.STATUSES else "pending" if status in PENDING else "unsubmitted"
    values = {"status": status, "reason": str(told.get("rejection_reason") or "")[:200]}
    return {**values, "category": category} if category in CATEGORIES else values
