"""The catalogue: what the city loaded, as flows see it; kept in memory until its revision changes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.delivery import Delivery
from bot.hours import Hours
from flows import case
from flows.case import Intake
from flows.city import City
from flows.consultation import Consultation, Notice, Proposal
from flows.ideas import Collection, Target
from flows.language import Local, Option
from flows.plan import Commitment, Event, Milestone, Office, Plan, Rules, Sector, Span
from flows.territory import Place, Territory
from storage import catalogue as shelf
from storage import connectivity, consultations, plans, public_notices
from storage.connectivity import Signal
from storage.consultations import ConsultationRow, phase
from storage.plan_folder import MONTH
from storage.plan_folder import Span as Stated
from storage.public_notices import Told
from storage.retention import PROMISED, lengths

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
    """The city and its consultations, as of one revision. `signals` is what is known of each place's network."""

    revision: int
    city: City
    consultations: Mapping[str, Listed]
    plans: Mapping[str, Plan]
    delivery: Delivery
    retention: Mapping[str, timedelta]
    signals: Mapping[str, Signal]

    @property
    def hours(self) -> Hours:
        """When people may be written to, where no place has hours of its own; and the city's working days."""
        return self.delivery.usual

    def plan_of(self, subject: str) -> Plan | None:
        """The plan that has a commitment or milestone."""
        commitment = subject.partition(".")[0]
        return next((p for p in self.plans.values() if p.commitment(commitment)), None)

    def open(self, now: datetime) -> list[str]:
        return [slug for slug, listed in self.consultations.items() if listed.phase(now) == "open"]

    @cached_property
    def collections(self) -> Mapping[str, Collection]:
        """What collects ideas, or once did, by slug; what ends first comes first. A plan yields to a consultation."""
        plans = {slug: _of_plan(plan, self.hours.zone) for slug, plan in self.plans.items() if plan.ideas_until}
        listed = {slug: _of_consultation(each) for slug, each in self.consultations.items() if each.seen.ideas_until}
        return dict(sorted((plans | listed).items(), key=lambda pair: (pair[1].until, pair[0])))

    def collecting(self, now: datetime) -> list[str]:
        """The slugs of what takes ideas now. A consultation takes them only while it is a draft."""
        return [
            slug
            for slug, each in self.collections.items()
            if now < each.until and (each.kind == "plan" or self.consultations[slug].row.state == "draft")
        ]

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
    told = public_notices.every(connection)
    known = {row.slug: listed(row, told.get(row.slug, ())) for row in consultations.every(connection)}
    found = {row.slug: _plan(row.slug, json.loads(row.body)) for row in plans.every(connection)}
    newest_first = sorted(found.values(), key=lambda plan: (plan.span.first, plan.slug), reverse=True)
    delivery, hours = (json.loads(texts.get(key, "{}")) for key in ("delivery", "hours"))
    rules, kept = Delivery.of(delivery, hours, city.zone), _retention(texts)
    by_slug = {plan.slug: plan for plan in newest_first}
    return Catalogue(revision, city, known, by_slug, rules, kept, connectivity.every(connection))


def _retention(texts: Mapping[str, str]) -> Mapping[str, timedelta]:
    return lengths(json.loads(texts.get("retention", "{}")))


def _city(texts: Mapping[str, str], rows: list[shelf.PlaceRow]) -> City:
    places = {
        row.code: Place(row.code, row.kind, row.name, row.parent, tuple(row.names.splitlines()), row.profile)
        for row in rows
    }
    questions = {
        name: tuple(Option(o["id"], local(o), local(o["short"]) if "short" in o else None) for o in options)
        for name, options in json.loads(texts["questions"]).items()
    }
    words = {key: Local(json.loads(texts[key])) for key in ("name", "help", "emergency", "privacy")}
    silence = _retention(texts)[PROMISED]
    intake = _intake(json.loads(texts["intake"])) if "intake" in texts else None
    territory = Territory(places)
    return City(
        zone=texts["zone"], questions=questions, territory=territory, silence=silence.days, intake=intake, **words
    )


def _intake(stated: Mapping[str, Any]) -> Intake:
    return Intake(
        offices=tuple(case.Office(each["id"], local(each["words"])) for each in stated["offices"]),
        others=local(stated["others"]),
        protection=local(stated["protection"]),
        minors=local(stated["minors"]),
        days=stated["days"],
        closures=frozenset(map(date.fromisoformat, stated["closures"])),
        kept=stated["kept"],
        pauses=stated.get("pauses", False),
    )


def local(words: Mapping[str, Any]) -> Local:
    """Words by language, as the city's files have them."""
    return Local({language: words[language] for language in ("es", "en") if words.get(language)})


def listed(row: ConsultationRow, told: Sequence[Told]) -> Listed:
    """A consultation as flows see it, with its public notices."""
    rules = json.loads(row.rules)
    zone = ZoneInfo(row.zone)
    notices = [Notice(each.kind, each.at.astimezone(zone).date(), local(each.words)) for each in told]
    if row.state == "annulled" and not any(notice.kind == "annulled" for notice in notices):  # by an earlier release
        notices.append(Notice("annulled", row.closes_at.astimezone(zone).date(), Local({"es": row.notice or ""})))
    proposals = tuple(
        Proposal(p["id"], p["number"], local(p["title"]), local(p["short"]), local(p["more"]))
        for p in json.loads(row.proposals)
    )
    seen = Consultation(
        slug=row.slug,
        title=local(json.loads(row.title)),
        proposals=proposals,
        least=rules["least"],
        most=rules["most"],
        opens=row.opens_at.astimezone(zone),
        closes=row.closes_at.astimezone(zone),
        identity=rules["identity"],
        asks=tuple(rules["asks"]),
        who=local(rules["who"]),
        tie=local(rules["tie"]),
        notices=tuple(notices),
        desk=tuple(rules.get("desk", ())),
        ideas_until=datetime.fromisoformat(rules["ideas_until"]).astimezone(zone) if "ideas_until" in rules else None,
    )
    return Listed(row, rules, seen)


def _of_consultation(listed: Listed) -> Collection:
    seen = listed.seen
    assert seen.ideas_until is not None
    targets = {p.id: Target(p.id, p.number, p.title) for p in seen.proposals}
    return Collection(seen.slug, "consultation", seen.title, seen.ideas_until, targets)


def _of_plan(plan: Plan, zone: ZoneInfo) -> Collection:
    assert plan.ideas_until is not None
    until = datetime.combine(plan.ideas_until + timedelta(days=1), time(), zone)
    targets = {c.id: Target(c.id, c.number, c.title) for c in plan.commitments}
    return Collection(plan.slug, "plan", plan.title, until, targets)


def _plan(slug: str, body: Mapping[str, Any]) -> Plan:
    rules = body["rules"]
    words: dict[str, Any] = {name: local(body[name]) for name in ("title", "source", "committee", "monitor")}
    lists: dict[str, Any] = {name: {each["id"]: local(each["words"]) for each in body[name]} for name in _LISTS}
    return Plan(
        slug=slug,
        example=body["example"],
        span=span(body["span"]),
        ideas_until=_stated(rules["ideas_until"], rules["ideas_until"]).last if "ideas_until" in rules else None,
        rules=Rules(
            rules["quorum"],
            rules["tie"],
            rules["silent_after"],
            _stated(rules["watched_until"], rules["watched_until"]).last,
            tuple(rules["assumed"]),
        ),
        sectors=tuple(Sector(s["id"], local(s["words"]), s["seats"]) for s in body["sectors"]),
        events=tuple(_event(event) for event in body["events"]),
        offices={o["id"]: Office(o["id"], local(o["words"]), local(o["short"])) for o in body["offices"]},
        commitments=tuple(_commitment(slug, each) for each in body["commitments"]),
        **words,
        **lists,
    )


_LISTS = ("objectives", "areas", "values")


def _event(event: Mapping[str, Any]) -> Event:
    days = _stated(event["opens"], event["closes"])
    return Event(event["id"], local(event["words"]), days.first, days.last)


def _commitment(plan: str, each: Mapping[str, Any]) -> Commitment:
    milestones = tuple(
        Milestone(
            id=f"{each['id']}.{m['number']}",
            commitment=each["id"],
            number=m["number"],
            title=local(m["title"]),
            short=local(m["short"]),
            official=m["official"],
            offices=tuple(m["offices"]),
            span=span(m["span"]),
        )
        for m in each["milestones"]
    )
    lists: dict[str, Any] = {name: tuple(each[name]) for name in ("leads", "partners", "areas", "values", "sdgs")}
    words: dict[str, Any] = {name: local(each[name]) for name in ("title", "short", "more")}
    texts: dict[str, Any] = {
        name: each[name] for name in ("id", "number", "objective", "official", "consultation", "proposal")
    }
    withdrawn = local(each["withdrawn"]) if each["withdrawn"] else None
    return Commitment(
        plan=plan, span=span(each["span"]), withdrawn=withdrawn, milestones=milestones, **texts, **words, **lists
    )


def _stated(starts: str, ends: str) -> Span:
    stated = Stated(starts, ends)
    return Span(stated.first, stated.last, MONTH.fullmatch(starts) is not None and MONTH.fullmatch(ends) is not None)


def span(stated: Mapping[str, str]) -> Span:
    """A span as a plan's file states it."""
    return _stated(stated["starts"], stated["ends"])
