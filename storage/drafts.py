"""Drafts: consultations that the staff prepare in the console, kept as they were typed, finished or not.

Two people may work on one draft. What somebody saves names the part it was made from (`print_of`); if that part is
another by then, nothing is written. A draft ends when its consultation is scheduled: then it is a consultation.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage.consultations import ConsultationRow
from storage.database import columns
from storage.pages import SLUG

MOST_DRAFTS = 100
"""A city has a few; more are a mistake."""


class Draft(SQLModel, table=True):
    """`body` is JSON: the fields as `storage.typed` reads them. `sheet` is JSON of an uploaded sheet that waits to be
    used: its `rows`, and `faults` as [where, msgid, values]. `slug` is that of the body, for those who look it up."""

    id: int | None = Field(default=None, primary_key=True)
    slug: str = Field(default="", max_length=60, index=True)
    body: str
    sheet: str | None = Field(default=None)
    changed_at: datetime
    changed_by: int | None = Field(default=None, foreign_key="staff.id")


@dataclass(frozen=True)
class Kept:
    """A draft as it is now."""

    id: int
    slug: str
    typed: Mapping[str, Any]
    sheet: Mapping[str, Any] | None
    changed_at: datetime
    changed_by: int | None

    @property
    def proposals(self) -> Sequence[Mapping[str, str]]:
        found: Sequence[Mapping[str, str]] = self.typed.get("proposals", ())
        return found

    @property
    def fields(self) -> dict[str, Any]:
        """All but the proposals."""
        return {name: value for name, value in self.typed.items() if name != "proposals"}


class Changed(Exception):
    """Somebody else changed this part of the draft meanwhile; nothing was written."""


class Gone(Exception):
    """There is no such draft any more: it was discarded or scheduled."""


class TooMany(Exception):
    """There are as many drafts as anybody could need."""


_D, _C = columns(Draft), columns(ConsultationRow)


def every(connection: Connection) -> list[Kept]:
    """All drafts, the one that was changed last at the front."""
    rows = connection.execute(select(*_D).order_by(_D.changed_at.desc(), _D.id.desc()).limit(MOST_DRAFTS))
    return [_kept(row) for row in rows]


def one(connection: Connection, id: int) -> Kept | None:
    row = connection.execute(select(*_D).where(_D.id == id)).one_or_none()
    return _kept(row) if row else None


def of_slugs(connection: Connection, slugs: Sequence[str]) -> list[str]:
    """Which of these consultations have a draft in the console."""
    found = connection.scalars(select(_D.slug).where(_D.slug.in_(slugs)).order_by(_D.slug))
    return sorted(set(found))


def about(connection: Connection, slug: str) -> int | None:
    """The draft that changes this consultation."""
    return connection.execute(select(_D.id).where(_D.slug == slug).limit(1)).scalar_one_or_none()


def taken(connection: Connection, draft: Kept | None = None) -> frozenset[str]:
    """The slugs that a draft cannot have: those of consultations and of other drafts.

    That of a consultation that was loaded and is not opened is free for the draft that changes it.
    """
    mine = draft.slug if draft else ""
    consultations = connection.execute(select(_C.slug, _C.state)).all()
    others = select(_D.slug).where(_D.slug != "", _D.id != (draft.id if draft else 0))
    of_others = set(connection.scalars(others))
    return frozenset(of_others | {row.slug for row in consultations if row.state != "draft" or row.slug != mine})


def start(connection: Connection, typed: Mapping[str, Any], by: int | None, now: datetime) -> int:
    """Begin a draft; its id. Without a slug it gets one made from its title. Raises TooMany."""
    if len(connection.execute(select(_D.id).limit(MOST_DRAFTS)).all()) >= MOST_DRAFTS:
        raise TooMany
    named = _named(connection, dict(typed), None)
    values = {"slug": _looked_up(named), "body": _json(named), "changed_at": now, "changed_by": by}
    return int(connection.execute(insert(Draft).returning(_D.id), values).scalar_one())


def change(
    connection: Connection, id: int, edit: Callable[[dict[str, Any]], dict[str, Any]], by: int | None, now: datetime
) -> Kept:
    """Change what was typed; nobody else changes the draft meanwhile. Raises Gone, and whatever `edit` raises."""
    draft = hold(connection, id)
    edited = _named(connection, edit(dict(draft.typed)), draft)
    slug = _looked_up(edited)
    values = {"slug": slug, "body": _json(edited), "changed_at": now, "changed_by": by}
    connection.execute(update(Draft).where(_D.id == id).values(**values))
    return Kept(id, slug, edited, draft.sheet, now, by)


def hold(connection: Connection, id: int) -> Kept:
    """The draft, which nobody else changes before this transaction ends. Raises Gone."""
    row = connection.execute(select(*_D).where(_D.id == id).with_for_update()).one_or_none()
    if row is None:
        raise Gone
    return _kept(row)


def lay(connection: Connection, id: int, sheet: Mapping[str, Any] | None) -> None:
    """Keep what an uploaded sheet says beside the draft until it is used; None takes it away."""
    connection.execute(update(Draft).where(_D.id == id).values(sheet=_json(sheet) if sheet is not None else None))


def discard(connection: Connection, id: int) -> None:
    connection.execute(delete(Draft).where(_D.id == id))


def print_of(part: Any) -> str:
    """A fingerprint of a part of a draft, by which a form says what it was made from."""
    return hashlib.sha256(_json(part).encode()).hexdigest()[:16]


def slug_of(title: str, others: frozenset[str]) -> str:
    """An address made from a title, which no other has; empty if the title has no letters for one."""
    plain = unicodedata.normalize("NFD", title.casefold())
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    stem = ""
    for word in words:
        if len(stem) + len(word) > 34:
            break
        stem = f"{stem}-{word}".strip("-")
    stem = stem or "".join(words)[:34]
    numbered = (f"{stem}-{n}" for n in range(2, len(others) + 3))
    return next((slug for slug in (stem, *numbered) if slug not in others), stem) if stem else ""


def _named(connection: Connection, typed: dict[str, Any], draft: Kept | None) -> dict[str, Any]:
    if not str(typed.get("slug", "")).strip():
        typed["slug"] = slug_of(str(typed.get("title_es", "")), taken(connection, draft))
    return typed


def _looked_up(typed: Mapping[str, Any]) -> str:
    slug = str(typed.get("slug", "")).strip()
    return slug if SLUG.fullmatch(slug) else ""


def _kept(row: Row[Any]) -> Kept:
    values = row._asdict()
    sheet = json.loads(values["sheet"]) if values["sheet"] is not None else None
    return Kept(
        values["id"], values["slug"], json.loads(values["body"]), sheet, values["changed_at"], values["changed_by"]
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
