"""Published results as the page shows them: the votes of each proposal, and who took part by group."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.catalogue import Listed
from flows.city import City
from flows.consultation import Proposal
from flows.language import Phrase, _
from storage.counts import Count

WIDEST = 100
"""Units of the chart's longest bar."""

CHANNELS: Mapping[str, Phrase] = {
    "telegram": _("Telegram"),
    "whatsapp": _("WhatsApp"),
    "sms": _("Text message (SMS)"),
    "web": _("This website"),
    "terminal": _("A terminal at the desk"),
    "paper": _("Paper"),
    "assisted": _("With help from an officer"),
}
LEVELS: Mapping[str, Phrase] = {
    "contact": _("A chat or a number"),
    "phone": _("A phone number that was checked"),
    "document": _("An identity document"),
    "slip": _("A numbered slip of a table"),
}
TITLES: Mapping[str, Phrase] = {
    "age": _("By age"),
    "sex": _("By sex"),
    "group": _("By group"),
    "locality": _("By locality"),
    "unit": _("By part of the city"),
    "origin": _("By channel"),
    "level": _("By what people had shown of themselves"),
}
UNKNOWN = _("Not said")


@dataclass(frozen=True)
class Line:
    """A proposal's result; `width` is its bar in units of WIDEST."""

    proposal: Proposal
    votes: int
    rank: int
    tied: bool
    width: int


@dataclass(frozen=True)
class Group:
    """How many took part of a group; None where the number is hidden."""

    name: Phrase
    people: int | None
    width: int


@dataclass(frozen=True)
class Table:
    title: Phrase
    groups: list[Group]

    @property
    def hides(self) -> bool:
        return any(group.people is None for group in self.groups)


@dataclass(frozen=True)
class Record:
    """What a count came to."""

    ballots: int
    votes: int
    lines: list[Line]
    ties: list[list[int]]
    tables: list[Table]
    paper: Mapping[str, int | None] | None = None


def record(count: Count, city: City, listed: Listed) -> Record:
    """The record of a count, from its results as they were published."""
    found: dict[str, Any] = json.loads(count.results)
    lines = _lines(found, listed)
    numbers = {line.proposal.id: line.proposal.number for line in lines}
    ties = [[numbers[id] for id in ids] for ids in found["ties"]]
    tables = [_table(name, found["turnout"][name], city) for name in TITLES if _says_something(found["turnout"][name])]
    return Record(found["ballots"], found["votes"], lines, ties, tables, found.get("paper"))


def _lines(found: Mapping[str, Any], listed: Listed) -> list[Line]:
    """The most voted first; tied ones in the order of the list."""
    tied = {id for ids in found["ties"] for id in ids}
    most = max((p["votes"] for p in found["proposals"]), default=0)
    lines = [
        Line(listed.seen.proposal(p["id"]), p["votes"], p["rank"], p["id"] in tied, _width(p["votes"], most))
        for p in found["proposals"]
    ]
    return sorted(lines, key=lambda line: line.rank)


def _says_something(people: Mapping[str, int | None]) -> bool:
    """Whether anybody said anything: a table with nobody in it, or only "not said", is left out."""
    return any(people)


def _table(name: str, people: Mapping[str, int | None], city: City) -> Table:
    most = max((number for number in people.values() if number), default=0)
    order = _order(name, city)
    keys = sorted(people, key=lambda key: (key == "", order.get(key, len(order)), key))
    return Table(TITLES[name], [Group(_named(name, k, city), people[k], _width(people[k] or 0, most)) for k in keys])


def _order(name: str, city: City) -> dict[str, int]:
    """Bands and channels keep the order of their list."""
    if name in city.questions:
        return {option.id: n for n, option in enumerate(city.questions[name])}
    known: Mapping[str, Any] = {"origin": CHANNELS, "level": LEVELS}.get(name, city.territory.places)
    return {key: n for n, key in enumerate(known)}


def _named(name: str, key: str, city: City) -> Phrase:
    if not key:
        return UNKNOWN
    if name in city.questions:
        return next((option.label for option in city.questions[name] if option.id == key), key)
    if name in ("origin", "level"):
        return {"origin": CHANNELS, "level": LEVELS}[name].get(key, key)
    place = city.territory.places.get(key)
    return place.name if place else key


def _width(number: int, most: int) -> int:
    return round(number / most * WIDEST) if most else 0
