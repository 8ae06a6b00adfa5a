"""What the commands and queries about ideas do: one function for each, on the storage, in the turn's transaction."""

import json
from collections.abc import Callable
from datetime import timedelta
from textwrap import shorten
from typing import Any

from sqlalchemy import Connection, Row

from bot.catalogue import Catalogue, local
from bot.visit import Visit
from flows.ideas import (
    LABEL,
    Answer,
    Collecting,
    Collection,
    HearOf,
    Kept,
    MyIdea,
    MyIdeas,
    OneIdea,
    SendIdea,
    TheCollection,
    WithdrawIdea,
)
from flows.language import Command
from storage import ballots, contacts, ideas

MOST_OF_ONE = 3
"""Ideas of one person for one collection."""

MOST_A_DAY = 9
"""Ideas from one chat in a day, whoever uses it: a city reads each of them."""

MOST_LISTENERS = 30
"""People who use one slip: those who had the idea together in a workshop."""

SHOWN = 12
"""Of one person's ideas in a list."""


def new_code() -> str:
    """The code of an idea; it has a digit, so that no word of ten letters is taken for one."""
    return next(code for code in iter(ballots.new_code, "") if any(letter.isdecimal() for letter in code))


def is_code(typed: str) -> bool:
    """Whether somebody typed the code of an idea, and not a word that could be read as one."""
    whole = len(ballots.read_code(typed)) == ballots.CODE_LENGTH == len(typed.replace("-", ""))
    return whole and any(letter.isdecimal() for letter in typed)


def answer_of(city: Catalogue, row: Row[Any]) -> Answer:
    """The outcome in a row as it is told today: a proposal's number can have changed since it was written."""
    collection = city.collections.get(row.collection)
    kind = collection.kind if collection else ""
    target = collection.targets.get(row.subject) if collection else None
    return Answer(row.what, kind, target, local(json.loads(row.summary)), local(json.loads(row.reason)))


def collecting(visit: Visit, _query: Collecting) -> list[str]:
    return visit.catalogue.collecting(visit.now)


def the_collection(visit: Visit, query: TheCollection) -> Collection | None:
    return visit.catalogue.collections.get(query.slug)


def my_ideas(visit: Visit, _query: MyIdeas) -> list[list[str]]:
    if visit.person_id is None:
        return []
    return [
        [row.code, shorten(row.text, LABEL, placeholder="...") if row.via == "chat" else "", _standing(row)]
        for row in ideas.of_person(visit.connection, visit.person_id, SHOWN)
        if row.collection in visit.catalogue.collections
    ]


def _standing(row: Row[Any]) -> str:
    return "waiting" if row.outcome is None else "answered"


def my_idea(visit: Visit, query: MyIdea) -> OneIdea | None:
    row = ideas.of_code(visit.connection, visit.person_id, query.code) if visit.person_id is not None else None
    collection = visit.catalogue.collections.get(row.collection) if row is not None else None
    if row is None or collection is None:
        return None
    territory = visit.catalogue.city.territory
    place = territory.places.get(row.place or "")
    return OneIdea(
        row.code,
        row.text,
        visit.catalogue.hours.today(row.at),
        row.via == "chat",
        collection.title,
        territory.described(place) if place else "",
        answer_of(visit.catalogue, row) if row.outcome is not None else None,
    )


def send_idea(visit: Visit, command: SendIdea) -> Kept:
    """Keep an idea, by the rules of this moment."""
    assert visit.person_id is not None
    if command.collection not in visit.catalogue.collecting(visit.now):
        return Kept("closed")
    contacts.lock_person(visit.connection, visit.person_id, {})  # two at once are counted one after the other
    if ideas.number_by(visit.connection, visit.person_id, command.collection) >= MOST_OF_ONE:
        return Kept("many")
    if ideas.number_from(visit.connection, visit.contact_id, visit.now - timedelta(days=1)) >= MOST_A_DAY:
        return Kept("often")
    place = command.place if command.place in visit.catalogue.city.territory.places else None
    code = new_code()
    ideas.send(visit.connection, command.collection, visit.person_id, code, command.text, place, visit.now)
    return Kept("kept", code)


def withdraw_idea(visit: Visit, command: WithdrawIdea) -> bool:
    assert visit.person_id is not None
    return ideas.withdraw(visit.connection, visit.person_id, command.code, visit.now)


def hear_of(visit: Visit, command: HearOf) -> Kept:
    """Be told of the idea on a slip. One who is told of it already, or sent it, is as before."""
    assert visit.person_id is not None
    code = ballots.read_code(command.code)
    if ideas.of_code(visit.connection, visit.person_id, code) is not None:
        return Kept("kept", code)
    slip = ideas.slip(visit.connection, code)
    if slip is None or slip.collection not in visit.catalogue.collections:
        return Kept("unknown")
    if len(ideas.listeners(visit.connection, slip.id)) >= MOST_LISTENERS:
        return Kept("full")
    ideas.listen(visit.connection, slip.id, visit.person_id, visit.now)
    row = ideas.of_code(visit.connection, visit.person_id, code)
    if row is not None and row.outcome is not None:  # it is told at once
        ideas.tell(visit.connection, visit.person_id, [slip.id], visit.now)
    return Kept("kept", code)


def sent_by(connection: Connection, city: Catalogue, person_id: int) -> list[dict[str, Any]]:
    """A person's ideas as they take them along."""
    return [
        {
            "code": row.code,
            "for": row.collection,
            "on": city.hours.today(row.at).isoformat(),
            "text": row.text if row.via == "chat" else None,
            "place": row.place if row.via == "chat" else None,
            "standing": _standing(row),
        }
        for row in ideas.of_person(connection, person_id)
    ]


HANDLERS: dict[type[Command[Any]], Callable[[Visit, Any], Any]] = {
    Collecting: collecting,
    TheCollection: the_collection,
    MyIdeas: my_ideas,
    MyIdea: my_idea,
    SendIdea: send_idea,
    WithdrawIdea: withdraw_idea,
    HearOf: hear_of,
}
