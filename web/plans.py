"""The pages of what the city promised: every commitment with its timeline, and each with its voices and its history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, request
from markupsafe import escape
from sqlalchemy import Connection

from bot.catalogue import Catalogue
from bot.desk import Desk
from flows.language import Joined, Option
from flows.lists import MOST_LETTERS, found
from flows.milestones import when
from flows.plan import Commitment, Plan
from storage import catalogue as shelf
from storage import voices
from storage.database import reading
from web import card, feeds, invitation, paging
from web import ideas as proposed
from web.dossier import Outline, Reader, Step, origin
from web.history import Entry, History
from web.invitation import Public
from web.made import Made
from web.rendering import kept, language, page, say

SHOWN = 8
"""Milestones of a commitment in the list; its own page has them all."""

HEAVIEST = 72
"""What one page of the list holds: a milestone's row weighs 1, what stands around a commitment's rows 3, what
stands above a plan 9."""

MOST_BYTES = 18_000
"""Of what people wrote, on one part of a commitment's page: with the rest it keeps under 50 kB."""

LATEST = 6
"""Entries of the history on a commitment's own page."""

CLIPPED = 280
"""Letters of an entry there, and of a reason or an objection; the history has all of them."""

QUOTED = 1000
"""Letters of a report or a grade beside the other voices."""

LAST_OBJECTED = 4
"""Objections shown with a milestone; the history has all of them."""

FOR_A_DAY = "public, max-age=86400"
SEALED = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""A file that somebody sent runs nothing and reaches nothing, whatever is in it."""

ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
"""Of the kinds of evidence that are kept."""


@dataclass(frozen=True)
class Promised:
    """A commitment in the list. `heads` is whether it is the first of its plan there."""

    plan: Plan
    commitment: Commitment
    heads: bool = False

    @property
    def weight(self) -> int:
        return 3 + min(len(self.commitment.milestones), SHOWN) + (9 if self.heads else 0)


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages; they are registered once for each language."""
    made = Made()

    def read(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def today(city: Catalogue) -> date:
        return desk.clock().astimezone(city.hours.zone).date()

    def reader(connection: Connection, city: Catalogue, plan: Plan) -> Reader:
        return Reader(connection, plan, today(city), city.hours.zone)

    @blueprint.get("/plan")
    def plans() -> Response:
        typed = request.args.get("buscar", "").strip()[:MOST_LETTERS]
        with reading(desk.engine) as connection:
            city = read(connection)
            wanted = _wanted(city.plans.values(), typed)
            part = paging.part(wanted, paging.asked(), lambda each: each.weight, HEAVIEST)
            readers = {each.plan.slug: reader(connection, city, each.plan) for each in part.items}
            listed = [each for slug, mine in readers.items() for each in _outlines(part.items, slug, mine)]
            rated = {each.plan.slug: readers[each.plan.slug].rated() for each in part.items if each.heads}
        return kept(
            page(
                "plan.html",
                city=city.city,
                plans=city.plans,
                typed=typed,
                part=part,
                listed=listed,
                number=len(wanted),
                rated=rated,
                collected=city.collections,
                today=today(city),
            )
        )

    @blueprint.get("/plan/<commitment>")
    def commitment(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            plan, promised = _known(city, commitment)
            each = reader(connection, city, plan)
            outline, grade = each.whole(promised), each.grade(promised.id)
            entries = History(connection, plan, city.hours.zone, promised).entries()
            behind = proposed.behind(connection, city, promised)
        return kept(
            page(
                "commitment.html",
                city=city.city,
                plan=plan,
                commitment=promised,
                outline=outline,
                grade=grade,
                part=paging.part(outline.steps, paging.asked(), _bytes_of_step, MOST_BYTES),
                entries=entries[-LATEST:],
                number=len(entries),
                origin=origin(city, promised, desk.clock()),
                behind=behind[: proposed.MOST_OF_PROPOSAL],
                ways=invitation.follow(public, language(), promised.id),
                when=when(promised.span),
                shown=SHOWN,
                clipped=CLIPPED,
                quoted=QUOTED,
                last_objected=LAST_OBJECTED,
                site=public.url,
                today=today(city),
            )
        )

    @blueprint.get("/plan/<commitment>/historia")
    def history(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            plan, promised = _known(city, commitment)
            entries = History(connection, plan, city.hours.zone, promised).entries()
        part = paging.part(entries, paging.asked(), _bytes_of_entry, MOST_BYTES)
        return kept(page("history.html", city=city.city, plan=plan, commitment=promised, part=part))

    @blueprint.get("/plan/<commitment>/tarjeta.png")
    def progress(commitment: str) -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            plan, promised = _known(city, commitment)
            each = reader(connection, city, plan)
            outline = each.outline(promised, each.standings(promised.milestones), card.MOST_MILESTONES)
        site = urlsplit(public.url).netloc
        return kept(made.get(promised.id, outline, lambda: card.progress(outline, site, say)), "image/png")

    @blueprint.get("/plan.atom")
    def atom() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
            entries = _entries(connection, city)
        feed = feeds.atom(entries, city, public.url, language(), say)
        return kept(feed, "application/atom+xml; charset=utf-8")

    @blueprint.get("/plan.ics")
    def calendar() -> Response:
        with reading(desk.engine) as connection:
            city = read(connection)
        days = made.get("plan.ics", city.revision, lambda: feeds.calendar(city, public.url, language(), say))
        return kept(days, "text/calendar; charset=utf-8")


def evidence(desk: Desk) -> Blueprint:
    """The files of evidence; the same in both languages."""
    blueprint = Blueprint("evidence", __name__)

    @blueprint.get("/plan/pruebas/<int(max=2147483647):number>")
    def file(number: int) -> Response:
        with reading(desk.engine) as connection:
            found = voices.file(connection, number)
        if found is None:
            abort(404)
        answer = Response(found.body, content_type=found.kind or "application/octet-stream")
        # A browser's own reader of documents does not work where the policy forbids everything.
        place = "inline" if found.kind.startswith("image/") else "attachment"
        name = f"prueba-{number}.{ENDINGS.get(found.kind, 'bin')}"
        answer.headers["Content-Disposition"] = f'{place}; filename="{name}"'
        answer.headers["Content-Security-Policy"] = SEALED
        answer.headers["Cache-Control"] = FOR_A_DAY
        answer.set_etag(found.sha256)
        answer.make_conditional(request)
        return answer

    return blueprint


def _known(city: Catalogue, id: str) -> tuple[Plan, Commitment]:
    """The plan and the commitment with this id; 404 without."""
    for plan in city.plans.values():
        commitment = plan.commitment(id)
        if commitment is not None:
            return plan, commitment
    abort(404)


def _wanted(plans: Iterable[Plan], typed: str) -> list[Promised]:
    """The commitments in which these words are found, or all: the newest plan first, by objective and number."""
    everything = [(plan, c) for plan in plans for c in sorted(plan.commitments, key=lambda c: _order(plan, c))]
    if typed:
        hits = {option.id for option in found([_searchable(plan, c) for plan, c in everything], typed)}
        everything = [(plan, c) for plan, c in everything if c.id in hits]
    before = [None, *(plan.slug for plan, _c in everything)]
    return [Promised(plan, c, plan.slug != last) for (plan, c), last in zip(everything, before, strict=False)]


def _order(plan: Plan, commitment: Commitment) -> tuple[int, int]:
    return list(plan.objectives).index(commitment.objective), commitment.number


def _searchable(plan: Plan, commitment: Commitment) -> Option:
    """A commitment with every word in which it can be found."""
    words = [
        commitment.more,
        plan.objectives[commitment.objective],
        *(plan.offices[id].name for id in commitment.leads),
        *(plan.areas[id] for id in commitment.areas),
        *(plan.values[id] for id in commitment.values),
        *(m.title for m in commitment.milestones),
    ]
    return Option(commitment.id, commitment.title, more=Joined(words))


def _outlines(items: Sequence[Promised], slug: str, reader: Reader) -> list[tuple[Promised, Outline]]:
    """The commitments of one plan; their standings are read together."""
    mine = [each for each in items if each.plan.slug == slug]
    standing = reader.standings([m for each in mine for m in each.commitment.milestones])
    return [(each, reader.outline(each.commitment, standing, SHOWN)) for each in mine]


def _entries(connection: Connection, city: Catalogue) -> list[Entry]:
    return [entry for plan in city.plans.values() for entry in History(connection, plan, city.hours.zone).entries()]


def _bytes_of_step(step: Step) -> int:
    """About what a milestone with its voices weighs on the page."""
    texts = [step.milestone.official, step.standing.said[:QUOTED]]
    texts += [each.reason[:CLIPPED] for each in step.judged]
    texts += [text[:CLIPPED] for each in step.objected[-LAST_OBJECTED:] for text in (each.text, each.answer)]
    texts += [step.graded.text[:QUOTED]] if step.graded else []
    around = 200 * (len(step.judged) + len(step.sectors) + len(step.objected[-LAST_OBJECTED:]))
    return 1000 + around + sum(map(_bytes_of, texts))


def _bytes_of_entry(entry: Entry) -> int:
    return 400 + _bytes_of(say(entry.text))


def _bytes_of(text: str) -> int:
    return len(escape(text).encode())
