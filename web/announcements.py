"""The public page of announcements: what the city told people, whom it reached and whom not, by part of the city."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, url_for
from sqlalchemy import Connection

from bot.announcements import audience_words, progress
from bot.announcements import figures as announcement_figures
from bot.announcements.figures import MEASURES, Figures
from bot.catalogue import Catalogue
from bot.desk import Desk
from flows.language import Local, Phrase
from storage import announcements
from storage import catalogue as shelf
from storage.announcements import Announcement
from storage.database import reading
from web import paging
from web.rendering import kept, language, page

MOST = 500
"""Announcements that are listed: those of some years."""


@dataclass(frozen=True)
class Told:
    """An announcement as it is public."""

    id: int
    title: Local
    at: datetime
    audience: Sequence[Phrase]
    figures: Figures

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id, "title": dict(self.title.by_language), "sent_at": self.at.isoformat(),
            **self.figures.as_json(),
        }  # fmt: skip


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages; they are registered once for each language."""

    @blueprint.get("/avisos", endpoint="announcements")
    def index() -> Response:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            part = paging.part(announcements.published(connection, most=MOST), paging.asked())
            found = [told(connection, city, each) for each in part.items]
        return kept(page("announcements.html", city=city.city, found=found, part=part))

    @blueprint.get("/avisos/<int(max=2147483647):id>")
    def announcement(id: int) -> Response:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            row = announcements.one(connection, id)
            if row is None or row.published_at is None:
                abort(404)
            found = told(connection, city, row)
        back = url_for(f"{language()}.announcements")
        return kept(page("announcement.html", city=city.city, told=found, measures=MEASURES, back=back))


def told(connection: Connection, city: Catalogue, row: Announcement) -> Told:
    """An announcement whose figures are final."""
    words = {of: each["title"] for of, each in row.draft.words.items()}
    figures = announcement_figures.of(progress.results(connection, city, row), city)
    audience = audience_words.told(row.draft.audience, row.draft.topic, city)
    at = (row.selected_at or row.draft.send_at).astimezone(city.hours.zone)
    return Told(row.id, Local(words), at, audience, figures)


def as_json(connection: Connection, city: Catalogue) -> bytes:
    """`avisos.json`: every announcement that was published, with its figures."""
    rows = [told(connection, city, each).as_json() for each in announcements.published(connection, most=MOST)]
    return json.dumps({"announcements": rows}, ensure_ascii=False, indent=1).encode()
