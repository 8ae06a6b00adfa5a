"""Public notices: what the city says of a consultation that is under way, in writing and with its date.

Proposals and rules are frozen then: an erratum changes nothing of them, it stands beside them. Closing early and
annulling have a notice of why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.pages import LANGUAGES, Words

MOST = 300
"""Characters: more would be cut in a chat."""

KINDS = ("erratum", "closed", "annulled")


class PublicNotice(SQLModel, table=True):
    """One notice; `es` and `en` are its text."""

    id: int | None = Field(default=None, primary_key=True)
    consultation: str = Field(max_length=60, index=True)
    kind: str = Field(max_length=10)
    at: datetime
    es: str
    en: str


@dataclass(frozen=True)
class Told:
    """A notice as it was given."""

    kind: str
    at: datetime
    words: Words

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": self.at.isoformat(), "text": dict(self.words)}


_N = columns(PublicNotice)


def add(connection: Connection, slug: str, kind: str, words: Words, now: datetime) -> None:
    texts = {language: words[language] for language in LANGUAGES}
    connection.execute(insert(PublicNotice), {"consultation": slug, "kind": kind, "at": now, **texts})


def every(connection: Connection) -> dict[str, list[Told]]:
    """All of them by consultation, the oldest first."""
    found: dict[str, list[Told]] = {}
    for row in connection.execute(select(*_N).order_by(_N.id)):
        found.setdefault(row.consultation, []).append(_told(row))
    return found


def of(connection: Connection, slug: str) -> Sequence[Told]:
    """Those of a consultation, the oldest first."""
    return [_told(row) for row in connection.execute(select(*_N).where(_N.consultation == slug).order_by(_N.id))]


def _told(row: Any) -> Told:
    return Told(row.kind, row.at, {language: getattr(row, language) for language in LANGUAGES})
