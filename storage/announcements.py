"""Announcements and reminders: what the city tells many people at once, and how far it has come.

draft → asked → approved → sending → sent; or paused, cancelled, dropped. A reminder is an announcement that the clock
made: `kind` says which, `subject` of which consultation, and there is only one of each.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Index, Row, delete, func, insert, select, text, update
from sqlmodel import Field, SQLModel

from storage.audiences import Audience
from storage.database import columns

ANNOUNCEMENT = "announcement"
REMINDERS = ("opens", "half", "two-days", "three-hours", "result")
KINDS = (ANNOUNCEMENT, *REMINDERS)
"""What the staff announce, and what the clock reminds of: a vote opens, half of its time is over and few took part
here, two days or three hours are left, its result is published."""

CATEGORIES = ("utility", "marketing")
"""Of a WhatsApp template; Meta charges by it (channels.md 3.7)."""

OVER = ("sent", "cancelled", "dropped")

Words = Mapping[str, Mapping[str, str]]
"""By language: `title` (one line), `text`, and `short`, which goes by SMS and where the signal is weak."""


class AnnouncementRow(SQLModel, table=True):
    """`words` and `audience` are JSON. `revision` grows with every edit: an approval is of one revision.

    It goes out from `send_at` on and is worth nothing after `until`. `urgent` is why it may go out at any hour and
    above the weekly cap. Selecting goes through the people by id: it has come to `selected_to`, and `selected_at` is
    when it came to the end. `hold` says why it is paused (staff, ceiling, audience, words) or was cancelled (closed).
    `counted_at` is when its figures became final. `authors` are the ids of all who wrote or edited it, with a blank
    between them.
    """

    __tablename__ = "announcement"

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    subject: str = Field(default="", max_length=60)
    state: str = Field(default="draft", max_length=12, index=True)
    topic: str = Field(max_length=12)
    category: str = Field(default="utility", max_length=12)
    words: str
    audience: str
    urgent: str = Field(default="", max_length=300)
    revision: int = Field(default=1)
    send_at: datetime
    until: datetime
    hold: str = Field(default="", max_length=16)
    selected_to: int = Field(default=0)
    selected_at: datetime | None = Field(default=None)
    made_by: int | None = Field(default=None, foreign_key="staff.id")
    authors: str = Field(default="")
    made_at: datetime
    approved_by: int | None = Field(default=None, foreign_key="staff.id")
    finished_at: datetime | None = Field(default=None)
    counted_at: datetime | None = Field(default=None)
    published_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index(
            "announcement_reminder", "kind", "subject", unique=True,
            sqlite_where=text("kind <> 'announcement'"), postgresql_where=text("kind <> 'announcement'"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip


_A = columns(AnnouncementRow)


@dataclass(frozen=True)
class Draft:
    """What staff write, or the clock: everything of an announcement that an approval is about."""

    topic: str
    category: str
    words: Words
    audience: Audience
    send_at: datetime
    until: datetime
    urgent: str = ""

    def as_row(self) -> dict[str, Any]:
        words = json.dumps(self.words, ensure_ascii=False, sort_keys=True)
        return {**vars(self), "words": words, "audience": self.audience.packed()}

    @property
    def digest(self) -> str:
        """What a second person agrees to."""
        row = {key: str(value) for key, value in self.as_row().items()}
        return sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Announcement:
    """An announcement as it stands."""

    id: int
    kind: str
    subject: str
    state: str
    revision: int
    hold: str
    draft: Draft
    selected_to: int
    selected_at: datetime | None
    made_by: int | None
    authors: frozenset[int]
    made_at: datetime
    approved_by: int | None
    finished_at: datetime | None
    counted_at: datetime | None
    published_at: datetime | None

    @property
    def is_short(self) -> bool:
        """Whether the day's ceiling holds it: it goes on where a message costs nothing."""
        return self.state == "paused" and self.hold == "ceiling"

    @property
    def is_sent(self) -> bool:
        """Whether it is being sent now, on whatever channels."""
        return self.state == "sending" or self.is_short


_DRAFT = ("topic", "category", "send_at", "until", "urgent")
_REST = tuple(name for name in Announcement.__dataclass_fields__ if name not in ("draft", "authors"))


def _read(row: Row[Any]) -> Announcement:
    draft = Draft(
        **{name: getattr(row, name) for name in _DRAFT},
        words=json.loads(row.words),
        audience=Audience.unpacked(row.audience),
    )
    authors = frozenset(map(int, row.authors.split()))
    return Announcement(**{name: getattr(row, name) for name in _REST}, draft=draft, authors=authors)


def make(
    connection: Connection,
    draft: Draft,
    by: int | None,
    now: datetime,
    kind: str = ANNOUNCEMENT,
    subject: str = "",
    state: str = "draft",
) -> int:
    """A new announcement; its id. A second reminder of one kind and subject raises IntegrityError."""
    values = {
        **draft.as_row(), "kind": kind, "subject": subject, "state": state, "revision": 1, "hold": "", "selected_to": 0,
        "made_by": by, "authors": "" if by is None else str(by), "made_at": now,
    }  # fmt: skip
    return int(connection.execute(insert(AnnouncementRow).returning(_A.id), values).scalar_one())


def one(connection: Connection, id: int) -> Announcement | None:
    row = connection.execute(select(*_A).where(_A.id == id)).one_or_none()
    return _read(row) if row else None


def hold(connection: Connection, id: int) -> Announcement | None:
    """The same, locked until this transaction ends."""
    row = connection.execute(select(*_A).where(_A.id == id).with_for_update()).one_or_none()
    return _read(row) if row else None


def every(connection: Connection, before: int | None = None, most: int = 50) -> list[Announcement]:
    """All of them, the newest first, from the one before `before`."""
    found = select(*_A) if before is None else select(*_A).where(_A.id < before)
    return [_read(row) for row in connection.execute(found.order_by(_A.id.desc()).limit(most))]


def in_state(connection: Connection, *states: str) -> list[Announcement]:
    """Those in these states, the oldest first."""
    return [_read(row) for row in connection.execute(select(*_A).where(_A.state.in_(states)).order_by(_A.id))]


def moving(connection: Connection) -> list[Announcement]:
    """Those that are being sent, are paused or were cancelled, and are not finished, the oldest first."""
    begun = _A.state.in_(("sending", "paused", "cancelled")) & _A.finished_at.is_(None)
    return [_read(row) for row in connection.execute(select(*_A).where(begun).order_by(_A.id))]


def uncounted(connection: Connection, before: datetime) -> list[Announcement]:
    """Those that finished before a moment and whose figures are not final."""
    over = _A.finished_at.is_not(None) & (_A.finished_at <= before) & _A.counted_at.is_(None)
    return [_read(row) for row in connection.execute(select(*_A).where(over).order_by(_A.id))]


def reminders_of(connection: Connection, subject: str) -> dict[str, Announcement]:
    """The reminders made of a consultation, by kind."""
    mine = select(*_A).where(_A.subject == subject, _A.kind.in_(REMINDERS))
    return {row.kind: _read(row) for row in connection.execute(mine)}


def unmake(connection: Connection, subject: str, kind: str) -> bool:
    """Take away that a reminder was switched off by staff before it was made; False where it was not."""
    mine = (_A.subject == subject) & (_A.kind == kind) & (_A.kind != ANNOUNCEMENT)
    off = (_A.state == "cancelled") & _A.made_by.is_not(None) & (_A.selected_to == 0)
    return bool(connection.execute(delete(AnnouncementRow).where(mine, off)).rowcount)


def edit(connection: Connection, id: int, revision: int, draft: Draft, by: int) -> bool:
    """Put another draft in place of revision `revision`, as long as nothing was sent; False if it has moved on.

    Whatever was agreed to before holds no more.
    """
    mine = (_A.id == id) & (_A.revision == revision) & _A.state.in_(("draft", "asked", "approved"))
    after = {"state": "draft", "revision": _A.revision + 1, "approved_by": None, "authors": _A.authors + f" {by}"}
    values = {**draft.as_row(), **after}
    return bool(connection.execute(update(AnnouncementRow).where(mine).values(values)).rowcount)


def move(connection: Connection, id: int, before: Collection[str], after: str, **values: Any) -> bool:
    """Take it from one of the states `before` to `after`, once; False if it was in none of them."""
    mine = (_A.id == id) & _A.state.in_(list(before))
    return bool(connection.execute(update(AnnouncementRow).where(mine).values(state=after, **values)).rowcount)


def change(connection: Connection, id: int, **values: Any) -> None:
    """Set columns that are no part of what was agreed to: how far selecting has come, when it was counted."""
    connection.execute(update(AnnouncementRow).where(_A.id == id).values(**values))


def published(connection: Connection, most: int) -> list[Announcement]:
    """Those whose figures are on the site, the newest first."""
    mine = select(*_A).where(_A.published_at.is_not(None))
    return [_read(row) for row in connection.execute(mine.order_by(_A.id.desc()).limit(most))]


def unpublished(connection: Connection) -> int:
    """How many have final figures that are not on the site."""
    mine = (_A.kind == ANNOUNCEMENT) & _A.counted_at.is_not(None) & _A.published_at.is_(None)
    return int(connection.execute(select(func.count()).select_from(AnnouncementRow).where(mine)).scalar_one())


def purge(connection: Connection, before: datetime) -> int:
    """Delete what finished before, with its figures, unless it is on the site: that is public and stays; how many."""
    over = (_A.finished_at < before) & _A.published_at.is_(None)
    return connection.execute(delete(AnnouncementRow).where(over)).rowcount


def numbers(connection: Connection) -> dict[str, int]:
    """How many there are in each state."""
    rows = connection.execute(select(_A.state, func.count()).group_by(_A.state))
    return {row[0]: row[1] for row in rows}
