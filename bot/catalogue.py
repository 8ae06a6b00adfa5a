"""The catalogue: what the city loaded, as flows see it; kept in memory until its revision changes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from flows.city import City
from flows.consultation import Consultation, Proposal
from flows.language import Local, Option
from flows.territory import Place, Territory
from storage import catalogue as shelf
from storage import consultations
from storage.consultations import ConsultationRow, phase

NOTICE = "2026-11"
"""The version of the consent notice; a person's consent names the one it was given to."""


class NothingLoaded(Exception):
    """No city was loaded yet: run `cuenta load territories/<city>`."""


@dataclass(frozen=True)
class Listed:
    """A consultation with what the database knows of it."""

    row: ConsultationRow
    rules: Mapping[str, Any]
    seen: Consultation

    def phase(self, now: datetime) -> str:
        return phase(self.row.state, self.row.opens_at, self.row.closes_at, now)


@dataclass(frozen=True)
class Catalogue:
    """The city and its consultations, as of one revision."""

    revision: int
    city: City
    consultations: Mapping[str, Listed]

    def open(self, now: datetime) -> list[str]:
        return [slug for slug, listed in self.consultations.items() if listed.phase(now) == "open"]

    def published(self) -> list[str]:
        newest_first = reversed(list(self.consultations.items()))
        return [slug for slug, listed in newest_first if listed.row.state == "published"]

    def annulled(self) -> list[str]:
        published = [c.row.opens_at for c in self.consultations.values() if c.row.state == "published"]
        gone = [c for c in self.consultations.values() if c.row.state == "annulled"]
        newest_first = sorted(gone, key=lambda c: c.row.opens_at, reverse=True)
        return [c.row.slug for c in newest_first if all(c.row.opens_at >= opened for opened in published)]

    def next(self, now: datetime) -> Consultation | None:
        coming = [c for c in self.consultations.values() if c.phase(now) == "scheduled"]
        return min(coming, key=lambda c: c.row.opens_at).seen if coming else None


def read(connection: Connection) -> Catalogue:
    """The catalogue as the database has it. Raises NothingLoaded."""
    revision = shelf.revision(connection)
    texts = shelf.texts(connection)
    if "name" not in texts:
        raise NothingLoaded
    city = _city(texts, shelf.places(connection))
    listed = {row.slug: _listed(row) for row in consultations.every(connection)}
    return Catalogue(revision, city, listed)


def _city(texts: Mapping[str, str], rows: list[shelf.PlaceRow]) -> City:
    places = {
        row.code: Place(row.code, row.kind, row.name, row.parent, tuple(row.names.splitlines()), row.profile)
        for row in rows
    }
    questions = {
        name: tuple(Option(o["id"], _local(o), _local(o["short"]) if "short" in o else None) for o in options)
        for name, options in json.loads(texts["questions"]).items()
    }
    words = {key: Local(json.loads(texts[key])) for key in ("name", "help", "emergency", "privacy")}
    return City(zone=texts["zone"], questions=questions, territory=Territory(places), **words)


def _local(words: Mapping[str, Any]) -> Local:
    return Local({language: words[language] for language in ("es", "en") if words.get(language)})


def _listed(row: ConsultationRow) -> Listed:
    rules = json.loads(row.rules)
    zone = ZoneInfo(row.zone)
    proposals = tuple(
        Proposal(p["id"], p["number"], _local(p["title"]), _local(p["short"]), _local(p["more"]))
        for p in json.loads(row.proposals)
    )
    seen = Consultation(
        slug=row.slug,
        title=_local(json.loads(row.title)),
        proposals=proposals,
        least=rules["least"],
        most=rules["most"],
        opens=row.opens_at.astimezone(zone),
        closes=row.closes_at.astimezone(zone),
        identity=rules["identity"],
        asks=tuple(rules["asks"]),
        who=_local(rules["who"]),
        tie=_local(rules["tie"]),
        notice=row.notice or "",
    )
    return Listed(row, rules, seen)
