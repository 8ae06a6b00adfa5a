"""Ideas that residents send for a plan or a consultation, and what came of them.

The words are the person's own: they are shown to the city's staff and to nobody else. `Proposer` says whose an idea is,
only so that the answer can be told; it ends with the person's data. What is public is the outcome, in the city's words.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Index,
    Row,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    true,
    update,
)
from sqlmodel import Field, SQLModel

from storage.contacts import Housemate
from storage.database import columns
from storage.outbox import Outgoing

VIAS = ("chat", "paper", "workshop")
"""How an idea came: from a chat by itself, or entered by staff."""

OUTCOMES = ("selected", "merged", "not-selected", "outside")
"""What can come of an idea: it is a proposal now, it is part of one, it is none, others have the power to decide."""

STANDINGS = ("new", "drafted", "answered", "withdrawn")
"""Where an idea is: nothing was done, an answer is being written, the answer was sent, it was taken back."""


class Outcome(SQLModel, table=True):
    """What came of one or more ideas of a collection: a draft until it is sent.

    `collection` is the slug of a consultation or of a plan. `what` is one of `OUTCOMES`, `subject` the id of the
    proposal or commitment it names, or empty. `summary` (what was proposed) and `reason` are the city's own public
    words, JSON by language.
    """

    id: int | None = Field(default=None, primary_key=True)
    collection: str = Field(max_length=60, index=True)
    what: str = Field(max_length=16)
    subject: str = Field(default="", max_length=60)
    summary: str
    reason: str
    made_at: datetime
    sent_at: datetime | None = Field(default=None)

    __table_args__ = ({"sqlite_autoincrement": True},)


class Idea(SQLModel, table=True):
    """One idea in the words of whoever had it; `text` is empty once these are erased. `code` is its receipt."""

    id: int | None = Field(default=None, primary_key=True)
    collection: str = Field(max_length=60)
    code: str = Field(max_length=16, unique=True)
    via: str = Field(max_length=8)
    text: str
    place: str | None = Field(default=None, max_length=80)
    at: datetime
    withdrawn_at: datetime | None = Field(default=None)
    outcome_id: int | None = Field(default=None, foreign_key="outcome.id", ondelete="SET NULL", index=True)

    __table_args__ = (
        Index("idea_of_collection", "collection", "id"),
        Index("idea_at", "at"),
        {"sqlite_autoincrement": True},
    )


class Proposer(SQLModel, table=True):
    """A person who is told what came of an idea: who sent it, or who has the code of its slip."""

    idea_id: int = Field(primary_key=True, foreign_key="idea.id", ondelete="CASCADE")
    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE", index=True)
    since: datetime
    told_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index(
            "proposer_untold", "person_id",
            sqlite_where=text("told_at IS NULL"), postgresql_where=text("told_at IS NULL"),
        ),
        Index("proposer_told", "told_at"),
    )  # fmt: skip


_I, _O, _P, _G = columns(Idea), columns(Outcome), columns(Proposer), columns(Outgoing)
_SENT = _O.sent_at.is_not(None)
_TOLD = (_O.id.label("outcome"), _O.what, _O.subject, _O.summary, _O.reason, _O.sent_at)
"""Of an outcome, what is told of it; None for each where there is none."""


def send(
    connection: Connection, collection: str, person_id: int, code: str, words: str, place: str | None, now: datetime
) -> None:
    """Keep an idea that somebody sent from a chat."""
    values = {"collection": collection, "code": code, "via": "chat", "text": words, "place": place, "at": now}
    number = connection.execute(insert(Idea).returning(_I.id), values).scalar_one()
    connection.execute(insert(Proposer), {"idea_id": number, "person_id": person_id, "since": now})


def enter(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Keep ideas that came on paper or from a workshop: collection, code, via, text, place each."""
    if rows:
        connection.execute(insert(Idea), [{**row, "at": now} for row in rows])


def number_by(connection: Connection, person_id: int, collection: str) -> int:
    """How many ideas somebody has sent for a collection and not taken back."""
    theirs = select(func.count()).select_from(Proposer).join(Idea, _I.id == _P.idea_id)
    mine = theirs.where(_P.person_id == person_id, _I.collection == collection, _I.via == "chat")
    return int(connection.execute(mine).scalar_one())


def number_from(connection: Connection, contact_id: int, since: datetime) -> int:
    """How many ideas those who use a contact have sent since then and not taken back."""
    mates = columns(Housemate)
    theirs = select(func.count(func.distinct(_I.id))).select_from(Proposer).join(Idea, _I.id == _P.idea_id)
    here = _P.person_id.in_(select(mates.person_id).where(mates.contact_id == contact_id))
    return int(connection.execute(theirs.where(here, _I.at > since, _I.via == "chat")).scalar_one())


def of_person(connection: Connection, person_id: int, most: int | None = None) -> list[Row[Any]]:
    """Somebody's ideas, newest first, each with what came of it where that was sent."""
    rows = select(*_I, *_TOLD).join(Proposer, _P.idea_id == _I.id).outerjoin(Outcome, (_O.id == _I.outcome_id) & _SENT)
    return list(connection.execute(rows.where(_P.person_id == person_id).order_by(_I.id.desc()).limit(most)))


def of_code(connection: Connection, person_id: int, code: str) -> Row[Any] | None:
    """One of somebody's ideas, with what came of it where that was sent."""
    rows = select(*_I, *_TOLD).join(Proposer, _P.idea_id == _I.id).outerjoin(Outcome, (_O.id == _I.outcome_id) & _SENT)
    found = connection.execute(rows.where(_P.person_id == person_id, _I.code == code))
    return cast("Row[Any] | None", found.one_or_none())


def withdraw(connection: Connection, person_id: int, code: str, now: datetime) -> bool:
    """Erase an idea that this person sent, and that it was theirs; False if it is not theirs."""
    theirs = select(_P.idea_id).where(_P.person_id == person_id)
    mine = (_I.code == code) & (_I.via == "chat") & _I.id.in_(theirs)
    number = connection.execute(select(_I.id).where(mine)).scalar_one_or_none()
    if number is None:
        return False
    _erase(connection, _I.id == number, now)
    connection.execute(delete(Proposer).where(_P.idea_id == number))
    return True


def forget(connection: Connection, person_id: int, now: datetime) -> None:
    """Erase the words of whoever is leaving; call it before the person is deleted."""
    _erase(connection, (_I.via == "chat") & _I.id.in_(select(_P.idea_id).where(_P.person_id == person_id)), now)


def _erase(connection: Connection, which: Any, now: datetime) -> None:
    """Take ideas back: their words go; those that were answered stay counted with their outcome."""
    drafts = select(_O.id).where(_O.sent_at.is_(None))
    connection.execute(update(Idea).where(which, _I.outcome_id.in_(drafts)).values(outcome_id=None))
    connection.execute(update(Idea).where(which).values(text="", place=None, withdrawn_at=now))


def purge(connection: Connection, before: datetime, now: datetime) -> None:
    """Erase words whose author is gone, and words and authors of ideas that came before then."""
    left = (_I.via == "chat") & (_I.text != "") & ~exists().where(_P.idea_id == _I.id)
    _erase(connection, left, now)
    connection.execute(delete(Proposer).where(_P.idea_id.in_(select(_I.id).where(_I.at < before))))
    connection.execute(update(Idea).where(_I.at < before, _I.text != "").values(text="", place=None))


def slip(connection: Connection, code: str) -> Row[Any] | None:
    """An idea that staff entered, by the code on its slip: id, collection."""
    entered = select(_I.id, _I.collection).where(_I.code == code, _I.via != "chat", _I.withdrawn_at.is_(None))
    return connection.execute(entered.with_for_update()).one_or_none()


def listeners(connection: Connection, idea_id: int) -> set[int]:
    """The people who are told what came of an idea."""
    return set(connection.scalars(select(_P.person_id).where(_P.idea_id == idea_id)))


def listen(connection: Connection, idea_id: int, person_id: int, now: datetime) -> None:
    """Somebody with the code of a slip wants to be told."""
    connection.execute(insert(Proposer), {"idea_id": idea_id, "person_id": person_id, "since": now})


def rename(connection: Connection, kept: int, gone: int) -> None:
    """Two people turn out to be one: the ideas of `gone` are those of `kept`."""
    both = select(_P.idea_id).where(_P.person_id == kept).scalar_subquery()
    connection.execute(delete(Proposer).where(_P.person_id == gone, _P.idea_id.in_(both)))
    connection.execute(update(Proposer).where(_P.person_id == gone).values(person_id=kept))


def untold(connection: Connection, after: int, most: int) -> list[Row[Any]]:
    """The answers that the next people (by id) were not told: person_id, idea_id, code, collection, and the outcome."""
    owed = select(_P.person_id).join(Idea, _I.id == _P.idea_id).join(Outcome, _O.id == _I.outcome_id)
    owed = owed.where(_P.told_at.is_(None), _SENT)
    some = owed.where(_P.person_id > after).distinct().order_by(_P.person_id).limit(most).subquery()
    rows = select(_P.person_id, _P.idea_id, _I.code, _I.collection, *_TOLD)
    rows = rows.join(Idea, _I.id == _P.idea_id).join(Outcome, _O.id == _I.outcome_id)
    rows = rows.where(_P.told_at.is_(None), _SENT, _P.person_id.in_(select(some.c.person_id)))
    return list(connection.execute(rows.order_by(_P.person_id, _I.id)))


def tell(connection: Connection, person_id: int, ideas: Sequence[int], now: datetime) -> int:
    """Record that a person is being told of these; how many were not told before by somebody else."""
    fresh = (_P.person_id == person_id) & _P.idea_id.in_(ideas) & _P.told_at.is_(None)
    return connection.execute(update(Proposer).where(fresh).values(told_at=now)).rowcount


def undelivered(connection: Connection, since: datetime) -> list[Row[Any]]:
    """Answers told since then in vain: person_id, contact_id, at, finished_at and the error."""
    mates = columns(Housemate)
    sent = (_G.contact_id == mates.contact_id) & (_G.created_at == _P.told_at)
    wanted = select(_P.person_id, _G.contact_id, _P.told_at.label("at"), _G.finished_at, _G.error).distinct()
    rows = wanted.join(Housemate, mates.person_id == _P.person_id).join(Outgoing, sent)
    return list(connection.execute(rows.where(_P.told_at >= since, _G.kind == "duty", _G.state == "failed")))


def take_back(connection: Connection, person_id: int, at: datetime) -> None:
    """What a person was told at that moment counts as not told."""
    connection.execute(update(Proposer).where(_P.person_id == person_id, _P.told_at == at).values(told_at=None))


# What staff see and do. Nothing here has a person.


def _standing(standing: str) -> Any:
    match standing:
        case "new":
            return _I.withdrawn_at.is_(None) & _I.outcome_id.is_(None)
        case "drafted":
            return _I.withdrawn_at.is_(None) & _I.outcome_id.is_not(None) & _O.sent_at.is_(None)
        case "answered":
            return _I.outcome_id.is_not(None) & _SENT
        case "withdrawn":
            return _I.withdrawn_at.is_not(None)
        case _all:
            return true()


def _wanted(collection: str, standing: str, via: str, words: str, places: Sequence[str]) -> Any:
    found = (_I.collection == collection) & _standing(standing)
    if via:
        found &= _I.via == via
    if words:
        found &= or_(func.lower(_I.text).contains(words.lower(), autoescape=True), _I.code == words.upper())
    return found & _I.place.in_(places) if places else found


def listed(
    connection: Connection,
    collection: str,
    *,
    standing: str = "",
    via: str = "",
    words: str = "",
    places: Sequence[str] = (),
    skip: int = 0,
    most: int = 50,
) -> tuple[list[Row[Any]], int]:
    """Ideas of a collection, oldest first, with the outcome they are in, and how many there are in all."""
    wanted = _wanted(collection, standing, via, words, places)
    joined = select(*_I, _O.sent_at).outerjoin(Outcome, _O.id == _I.outcome_id).where(wanted)
    rows = cast("list[Row[Any]]", connection.execute(joined.order_by(_I.id).offset(skip).limit(most)).all())
    number = select(func.count()).select_from(Idea).outerjoin(Outcome, _O.id == _I.outcome_id).where(wanted)
    return rows, int(connection.execute(number).scalar_one())


def numbers(connection: Connection) -> dict[str, dict[str, int]]:
    """How many ideas of each collection are in each standing, and how many in `all`."""
    counted = [func.count().filter(_standing(standing)).label(standing) for standing in STANDINGS]
    rows = select(_I.collection, func.count().label("every"), *counted).select_from(Idea)
    rows = rows.outerjoin(Outcome, _O.id == _I.outcome_id).group_by(_I.collection)
    return {
        row.collection: {"all": row.every, **{each: row._mapping[each] for each in STANDINGS}}
        for row in connection.execute(rows)
    }


def some(connection: Connection, collection: str, ids: Sequence[int]) -> list[Row[Any]]:
    """Those of these ideas that are in this collection, with the outcome they are in, oldest first."""
    joined = select(*_I, _O.sent_at).outerjoin(Outcome, _O.id == _I.outcome_id)
    return list(connection.execute(joined.where(_I.collection == collection, _I.id.in_(ids)).order_by(_I.id)))


def draft(connection: Connection, collection: str, now: datetime) -> int:
    """A new, empty outcome; its id."""
    values = {"collection": collection, "what": "", "subject": "", "summary": "{}", "reason": "{}", "made_at": now}
    return int(connection.execute(insert(Outcome).returning(_O.id), values).scalar_one())


def outcome(connection: Connection, collection: str, id: int) -> Row[Any] | None:
    """One outcome of a collection, locked until this transaction ends."""
    mine = select(*_O).where(_O.collection == collection, _O.id == id).with_for_update()
    return connection.execute(mine).one_or_none()


def outcomes(connection: Connection, collection: str) -> list[Row[Any]]:
    """Every outcome of a collection with the number of its ideas (`ideas`), oldest first."""
    number = select(func.count()).select_from(Idea).where(_I.outcome_id == _O.id).scalar_subquery().label("ideas")
    return list(connection.execute(select(*_O, number).where(_O.collection == collection).order_by(_O.id)))


def published(connection: Connection, collections: Sequence[str]) -> list[Row[Any]]:
    """What came of the ideas of these collections, as far as it was sent, with the number of ideas; oldest first."""
    number = select(func.count()).select_from(Idea).where(_I.outcome_id == _O.id).scalar_subquery().label("ideas")
    rows = select(*_O, number).where(_O.collection.in_(collections), _SENT)
    return list(connection.execute(rows.order_by(_O.sent_at, _O.id)))


def write(
    connection: Connection, id: int, what: str, subject: str, summary: Mapping[str, str], reason: Mapping[str, str]
) -> None:
    """Put these words in place of an outcome's. Raises ValueError for an outcome that is none."""
    if what not in OUTCOMES:
        raise ValueError("no such outcome")
    words = {"summary": json.dumps(summary, ensure_ascii=False), "reason": json.dumps(reason, ensure_ascii=False)}
    connection.execute(update(Outcome).where(_O.id == id).values(what=what, subject=subject, **words))


def put(connection: Connection, collection: str, ids: Sequence[int], outcome_id: int) -> int:
    """Put ideas of a collection that have no answer yet under an outcome; how many."""
    sent = select(_O.id).where(_O.collection == collection, _SENT)
    free = or_(_I.outcome_id.is_(None), _I.outcome_id.not_in(sent))
    mine = (_I.collection == collection) & _I.id.in_(ids) & _I.withdrawn_at.is_(None) & free
    return connection.execute(update(Idea).where(mine).values(outcome_id=outcome_id)).rowcount


def take_out(connection: Connection, id: int, outcome_id: int) -> None:
    """Take an idea out of an outcome."""
    connection.execute(update(Idea).where(_I.id == id, _I.outcome_id == outcome_id).values(outcome_id=None))


def ideas_in(connection: Connection, outcome_id: int) -> list[Row[Any]]:
    """The ideas of an outcome, oldest first."""
    return list(connection.execute(select(*_I).where(_I.outcome_id == outcome_id).order_by(_I.id)))


def publish(connection: Connection, id: int, now: datetime) -> bool:
    """Send an outcome that was written; False if it was sent before, so that two at once act once."""
    unsent = (_O.id == id) & _O.sent_at.is_(None) & (_O.what != "")
    return bool(connection.execute(update(Outcome).where(unsent).values(sent_at=now)).rowcount)


def people_of(connection: Connection, outcome_id: int) -> int:
    """How many people are told of an outcome."""
    theirs = select(func.count(func.distinct(_P.person_id))).join(Idea, _I.id == _P.idea_id)
    return int(connection.execute(theirs.where(_I.outcome_id == outcome_id)).scalar_one())


def codes(connection: Connection, collection: str, first: int, most: int) -> list[Row[Any]]:
    """Ideas that staff entered, from this id on, for their slips: id, code, text."""
    entered = (_I.collection == collection) & (_I.via != "chat") & (_I.id >= first) & _I.withdrawn_at.is_(None)
    return list(connection.execute(select(_I.id, _I.code, _I.text).where(entered).order_by(_I.id).limit(most)))


def entered(connection: Connection, code: str) -> int | None:
    """The id of the idea with this code, if it is there."""
    return connection.execute(select(_I.id).where(_I.code == code, _I.via != "chat")).scalar_one_or_none()


def discard(connection: Connection, id: int) -> bool:
    """Delete an outcome that was not sent; its ideas are as before. False if it was sent."""
    return bool(connection.execute(delete(Outcome).where(_O.id == id, _O.sent_at.is_(None))).rowcount)
