"""The headcount: how many people there are by territory, channel, language and group, without pointing at anybody.

It is taken once a month, so that two looks a minute apart are the same look. Groups under five are hidden, and more
with them until none follows from the others (`bot/results.py`). What is left is rounded down to a multiple of five:
of a person who came or went in the month nothing can be told. More than two filters at once are not there.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from bot.catalogue import NothingLoaded
from bot.desk import Desk
from bot.results import SMALLEST, cells, covered, mixed, places
from flows.territory import Territory
from storage import catalogue as shelf
from storage import headcounts
from storage.database import reading, transaction

DIMENSIONS = ("channel", "language", "group")

Pair = tuple[str, str]


class Group(NamedTuple):
    """People who are alike: where they live and how they talk with us; empty where they have not told."""

    locality: str
    unit: str
    channel: str
    language: str
    group: str


def take(desk: Desk) -> bool:
    """Take this month's headcount, unless it was taken; whether it was taken now.

    One that shows nobody is taken again: a desk that begins in the middle of a month need not wait for the next.
    """
    with reading(desk.engine) as connection:
        try:
            city = desk.catalogue(connection, shelf.revision(connection))
        except NothingLoaded:
            return False
        month = city.hours.today(desk.clock()).replace(day=1)
        last = headcounts.latest(connection)
        if last is not None and last[0] == month and last[1]["people"]:
            return False
        tables = shown(_groups(connection, city.city.territory))
    with transaction(desk.engine) as connection:
        headcounts.note(connection, month, tables)
    return True


def _groups(connection: Connection, territory: Territory) -> Counter[Group]:
    found: Counter[Group] = Counter()
    for row in headcounts.count(connection):
        where = [territory.containing(row.place, kind) for kind in ("locality", "unit")]
        locality, unit = (each.code if each else "" for each in where)
        found[Group(locality, unit, row.channel, row.language, row.group or "")] += row.people
    return found


def shown(groups: Mapping[Group, int]) -> dict[str, Any]:
    """The tables that may be shown: `people` in all, `locality`, `unit`, one for each of `DIMENSIONS`, and `within`.

    A number is a multiple of five; null stands for what is hidden. `within` has, for each of the dimensions, the
    numbers of each locality that can be shown beside all the others; what is missing there is hidden or nobody.
    """
    people = sum(groups.values())
    territory = places(_summed(groups, lambda group: (group.locality or None, group.unit or None)))
    tables: dict[str, Any] = {"people": rounded(people)}
    tables |= {name: rounded_table(found) for name, found in territory.items()}
    tables["within"] = {}
    for name in DIMENSIONS:
        options = cells(_summed(groups, attrgetter(name)), small_too=False)
        pairs = _summed(groups, attrgetter("locality", name))
        tables[name] = rounded_table(options)
        tables["within"][name] = _nested(crossed(pairs, territory["locality"], options))
    return tables


def crossed(
    found: Mapping[Pair, int], rows: Mapping[str, int | None], columns: Mapping[str, int | None]
) -> dict[Pair, int]:
    """The numbers of a table in two dimensions that can be shown beside its sums.

    What is hidden is completed along every row and column. Where that cannot be done in one of them nothing is shown.
    """
    hidden = {
        pair for pair, number in found.items()
        if number < SMALLEST or rows.get(pair[0]) is None or columns.get(pair[1]) is None
    }  # fmt: skip
    while True:
        before = len(hidden)
        lines = [(side, line) for side in (0, 1) for line in {pair[side] for pair in hidden}]
        for side, line in lines:
            inside = {pair: number for pair, number in found.items() if pair[side] == line}
            hidden |= covered(inside, hidden & inside.keys())
            if not mixed([inside[pair] for pair in hidden & inside.keys()]):
                return {}
        if len(hidden) == before:
            return {pair: number for pair, number in found.items() if pair not in hidden}


def _nested(found: Mapping[Pair, int]) -> dict[str, dict[str, int | None]]:
    tables: dict[str, dict[str, int | None]] = {}
    for (locality, option), number in sorted(found.items()):
        tables.setdefault(locality, {})[option] = rounded(number)
    return tables


def rounded_table(found: Mapping[str, int | None]) -> dict[str, int | None]:
    """In the order of the keys: that of the people would say who came first."""
    return {key: None if number is None else rounded(number) for key, number in sorted(found.items())}


def rounded(number: int) -> int | None:
    """A number as it may be shown; None for one that is too small."""
    return number // SMALLEST * SMALLEST or None


def _summed(groups: Mapping[Group, int], by: Callable[[Group], Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for group, number in groups.items():
        found[by(group)] += number
    return found


def number(tables: Mapping[str, Any], locality: str | None, by: str | None, option: str | None) -> int | None:
    """How many people there are in a locality (None: anywhere), of an option (None: any); None where it is hidden."""
    if by is None or option is None:
        return tables["people"] if locality is None else tables["locality"].get(locality)  # type: ignore[no-any-return]
    table = tables[by] if locality is None else tables["within"][by].get(locality, {})
    return table.get(option)  # type: ignore[no-any-return]
