"""The public page of the ideas that a consultation or a plan collects: how to send one, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.idea_commands import answer_of
from bot.idea_files import shown
from flows.ideas import Answer, Collection, came_of
from flows.language import Phrase
from flows.plan import Commitment
from storage import catalogue as shelf
from storage import ideas
from storage.database import reading
from web import invitation, paging
from web.invitation import Public
from web.rendering import kept, language, page

MOST_OF_PROPOSAL = 8
"""Answers that stand with a commitment; the page of the ideas has all of them."""


@dataclass(frozen=True)
class Answered:
    """An answer as it is public; `ideas` is how many said the same, None while they are few."""

    id: int
    collection: str
    answer: Answer
    ideas: int | None
    on: date

    @property
    def came(self) -> Phrase:
        return came_of(self.answer)


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the page; it is registered once for each language."""

    @blueprint.get("/ideas/<slug>")
    def ideas_of(slug: str) -> Response:
        named = request.args.get("propuesta", "")
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            collection = known(city, slug)
            rows = [row for row in ideas.published(connection, [slug]) if not named or row.subject == named]
        return kept(
            page(
                "ideas.html",
                city=city.city,
                collection=collection,
                named=collection.targets.get(named),
                part=paging.part([answered(city, row) for row in rows], paging.asked()),
                number=len(rows),
                open=slug in city.collecting(desk.clock()),
                ways=invitation.propose(public, language()),
            )
        )


def known(city: Catalogue, slug: str) -> Collection:
    """A collection; 404 where there is none."""
    return city.collections.get(slug) or abort(404)


def answered(city: Catalogue, row: Row[Any]) -> Answered:
    return Answered(row.id, row.collection, answer_of(city, row), shown(row.ideas), city.hours.today(row.sent_at))


def behind(connection: Connection, city: Catalogue, commitment: Commitment) -> Sequence[Answered]:
    """The answers that name a commitment, or the proposal it came from: the ideas it goes back to."""
    wanted = {(commitment.plan, commitment.id), (commitment.consultation, commitment.proposal)}
    slugs = [slug for slug, subject in wanted if subject and slug in city.collections]
    rows = ideas.published(connection, slugs) if slugs else []
    return [answered(city, row) for row in rows if (row.collection, row.subject) in wanted]


def with_ideas(connection: Connection, city: Catalogue, slug: str) -> set[str]:
    """The proposals of a consultation that answers to ideas name."""
    return {row.subject for row in ideas.published(connection, [slug])} if slug in city.collections else set()
