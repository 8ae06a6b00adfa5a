"""The ballot box and the roll.

A ballot has a random id (the receipt), its choices, its origin and a locality, and hangs on HMAC(ballot key, person).
The roll has who took part, with the demographics of that moment, and no choice. Nothing here counts choices: only
`storage.counts` does, when voting is over, and it empties the box.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Index,
    Integer,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.database import columns
from storage.prepared import Prepared

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that a code survives being read aloud."""

CODE_LENGTH = 10
"""50 random bits; a clash in one consultation is refused by the table and drawn again."""


class Ballot(SQLModel, table=True):
    """One ballot in the box. `choices` are proposal ids with a space between; `locality` is a place's code or empty."""

    consultation: str = Field(primary_key=True, max_length=60)
    id: str = Field(primary_key=True, max_length=16)
    mark: str = Field(max_length=64)
    choices: str
    origin: str = Field(max_length=16)
    locality: str = Field(default="", max_length=80)

    __table_args__ = (
        Index("ballot_mark", "consultation", "mark", unique=True),
        # Without a row number, ballots lie in the order of their random ids, not in the order in which they were cast.
        {"sqlite_with_rowid": False},
    )


class Roll(SQLModel, table=True):
    """Who took part. `level` is what they had shown: contact, phone, document or slip.

    Who voted at a table is no person of ours: their id is negative and random to whoever lacks the ballot key. `batch`
    is the table's; a ballot does not have it, for few may have voted there.
    """

    consultation: str = Field(primary_key=True, max_length=60)
    person_id: int = Field(primary_key=True, index=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    level: str = Field(max_length=16)
    origin: str = Field(max_length=16)
    age: str | None = Field(default=None, max_length=40)
    sex: str | None = Field(default=None, max_length=40)
    group: str | None = Field(default=None, max_length=40)
    locality: str | None = Field(default=None, max_length=80)
    unit: str | None = Field(default=None, max_length=80)
    batch: int | None = Field(default=None, index=True)
    cast_at: datetime


class Tombstone(SQLModel, table=True):
    """A contact (or number) from which `voters` people voted who then left: nobody new has a ballot from there."""

    consultation: str = Field(primary_key=True, max_length=60)
    mark: str = Field(primary_key=True, max_length=64)
    left_at: datetime
    voters: int = Field(default=1)


_B, _R, _S = columns(Ballot), columns(Roll), columns(Tombstone)
_PUT = Prepared(insert(Ballot))
_TAKE_OUT = Prepared(delete(Ballot).where(_B.consultation == bindparam("in_"), _B.mark == bindparam("of")))
_TO_ROLL = (
    'INSERT INTO roll (consultation, person_id, level, origin, age, sex, "group", locality, unit, batch, cast_at)'
    " VALUES (:consultation, :person_id, :level, :origin, :age, :sex, :group, :locality, :unit, :batch, :cast_at)"
    " ON CONFLICT (consultation, person_id) DO "
)
_ENROL = Prepared(
    text(
        _TO_ROLL + "UPDATE SET level = excluded.level, origin = excluded.origin,"
        ' age = excluded.age, sex = excluded.sex, "group" = excluded."group", locality = excluded.locality,'
        " unit = excluded.unit, batch = excluded.batch, cast_at = excluded.cast_at"
    ).bindparams(bindparam("cast_at", type_=_R.cast_at.type))
)
_ENROL_FIRST = text(_TO_ROLL + "NOTHING").bindparams(bindparam("cast_at", type_=_R.cast_at.type))


_ON_ROLL = Prepared(select(_R.level).where(_R.consultation == bindparam("which"), _R.person_id == bindparam("who")))
_BURIED = Prepared(
    select(func.min(_S.left_at).label("left_at"), func.coalesce(func.max(_S.voters), 0).label("voters")).where(
        _S.consultation == bindparam("which"), or_(_S.mark == bindparam("of"), _S.mark == bindparam("or_of"))
    )
)
_BURY = text(
    "INSERT INTO tombstone (consultation, mark, left_at, voters) VALUES (:which, :of, :now, 1)"
    " ON CONFLICT (consultation, mark) DO UPDATE SET voters = tombstone.voters + 1"
).bindparams(bindparam("now", type_=_S.left_at.type))


@dataclass(frozen=True)
class Voter:
    """Who casts a ballot, as the roll will have it."""

    person_id: int
    level: str
    origin: str
    age: str | None = None
    sex: str | None = None
    group: str | None = None
    locality: str | None = None
    unit: str | None = None
    batch: int | None = None


@dataclass(frozen=True)
class Paper:
    """A paper ballot on its way into the box: the mark it hangs on, what it chooses, and who is on the roll for it."""

    mark: str
    choices: tuple[str, ...]
    voter: Voter


class Twice(Exception):
    """Somebody of a batch of paper is on the roll already; nothing of the batch may stay."""


def new_code() -> str:
    """A random code that can be read aloud. A byte gives each of the 32 letters the same chance."""
    return "".join(CODE_LETTERS[byte % len(CODE_LETTERS)] for byte in secrets.token_bytes(CODE_LENGTH))


def read_code(typed: str) -> str:
    """A code as people type it: any case, spaces and hyphens, O for 0, I or L for 1."""
    folded = typed.upper().translate(str.maketrans("OILU", "011V"))
    return "".join(c for c in folded if c in CODE_LETTERS)


def cast(
    connection: Connection, slug: str, voter: Voter, mark: str, choices: tuple[str, ...], now: datetime
) -> tuple[str, bool]:
    """Put a ballot in the box in place of an earlier one; its receipt, and whether there was an earlier one."""
    _ENROL.changed(connection, {"consultation": slug, "cast_at": now.replace(microsecond=0), **vars(voter)})
    replaced = _TAKE_OUT.changed(connection, {"in_": slug, "of": mark}) > 0
    receipt = new_code()
    _PUT.changed(
        connection,
        {
            "consultation": slug, "id": receipt, "mark": mark, "choices": " ".join(choices), "origin": voter.origin,
            "locality": voter.locality or "",
        },
    )  # fmt: skip
    return receipt, replaced


def enrol(connection: Connection, slug: str, voter: Voter, now: datetime) -> bool:
    """Put somebody on the roll who is not there yet; False if they are. Of two at once the second waits and is told."""
    return connection.execute(_ENROL_FIRST, {"consultation": slug, "cast_at": now, **vars(voter)}).rowcount == 1


def put_papers(connection: Connection, slug: str, papers: Sequence[Paper], now: datetime) -> None:
    """Put paper ballots in the box and their voters on the roll. `now` is the same for all. Raises Twice.

    Each in the order of ids that are random to whoever lacks the ballot key: no order tells which belongs to which, and
    two batches with voters in common wait for each other instead of for ever.
    """
    voters = sorted((paper.voter for paper in papers), key=lambda voter: voter.person_id)
    connection.execute(_ENROL_FIRST, [{"consultation": slug, "cast_at": now, **vars(voter)} for voter in voters])
    mine = (_R.consultation == slug) & (_R.batch == papers[0].voter.batch)
    if connection.execute(select(func.count()).where(mine)).scalar_one() != len(papers):
        raise Twice
    boxed = [
        {
            "consultation": slug, "id": new_code(), "mark": paper.mark, "choices": " ".join(paper.choices),
            "origin": paper.voter.origin, "locality": paper.voter.locality or "",
        }
        for paper in papers
    ]  # fmt: skip
    connection.execute(insert(Ballot), sorted(boxed, key=lambda ballot: ballot["id"]))


def on_roll(connection: Connection, slug: str, ids: Collection[int]) -> set[int]:
    """Those of these ids that are on the roll."""
    return set(connection.scalars(select(_R.person_id).where(_R.consultation == slug, _R.person_id.in_(ids))))


def has_voted(connection: Connection, slug: str, person_id: int) -> bool:
    return _ON_ROLL.row(connection, {"which": slug, "who": person_id}) is not None


def took_part(connection: Connection, person_id: int) -> list[str]:
    """The consultations on whose roll a person stands."""
    return list(connection.scalars(select(_R.consultation).where(_R.person_id == person_id).order_by(_R.cast_at)))


def in_box(connection: Connection, code: str, slugs: Collection[str]) -> str | None:
    """The consultation, among these, in whose box a ballot with this receipt lies."""
    return connection.execute(
        select(_B.consultation).where(_B.consultation.in_(slugs), _B.id == code).limit(1)
    ).scalar_one_or_none()


def bury(connection: Connection, slug: str, mark: str, now: datetime) -> None:
    """A voter of this contact or number leaves: one more on its tombstone."""
    connection.execute(_BURY, {"which": slug, "of": mark, "now": now})


def buried(connection: Connection, slug: str, marks: Sequence[str]) -> tuple[datetime | None, int]:
    """When the first voter of these one or two marks left (None: nobody did), and how many have."""
    (row,) = _BURIED.rows(connection, {"which": slug, "of": marks[0], "or_of": marks[-1]})
    return row.left_at, row.voters


def join(connection: Connection, slug: str, kept: int, gone: int, kept_mark: str, gone_mark: str) -> bool:
    """Two voters turn out to be one person: the later ballot stays, on the mark of `kept`. True if both had voted."""
    rows = {
        row.person_id: row.cast_at
        for row in connection.execute(
            select(_R.person_id, _R.cast_at).where(_R.consultation == slug, _R.person_id.in_((kept, gone)))
        )
    }
    if gone not in rows:
        return False
    both = kept in rows
    earlier = kept if both and rows[kept] < rows[gone] else gone
    if both:
        mark = kept_mark if earlier == kept else gone_mark
        connection.execute(delete(Roll).where(_R.consultation == slug, _R.person_id == earlier))
        _TAKE_OUT.changed(connection, {"in_": slug, "of": mark})
    if earlier != gone or not both:
        _rehang(connection, slug, gone, kept, gone_mark, kept_mark)
    return both


def _rehang(connection: Connection, slug: str, gone: int, kept: int, gone_mark: str, kept_mark: str) -> None:
    connection.execute(update(Roll).where(_R.consultation == slug, _R.person_id == gone).values(person_id=kept))
    connection.execute(update(Ballot).where(_B.consultation == slug, _B.mark == gone_mark).values(mark=kept_mark))


def rename_on_rolls(connection: Connection, kept: int, gone: int) -> None:
    """On the remaining rolls, the part of `gone` becomes the part of `kept`, where that one is not on the roll."""
    mine = select(_R.consultation).where(_R.person_id == kept).scalar_subquery()
    connection.execute(update(Roll).where(_R.person_id == gone, _R.consultation.not_in(mine)).values(person_id=kept))


def turnout(connection: Connection, slug: str, by: str) -> dict[str | None, int]:
    """How many took part, by a column of the roll: unit, locality, origin, level, age, sex or group."""
    column: Any = _R[by]
    rows = connection.execute(select(column, func.count()).where(_R.consultation == slug).group_by(column))
    return {row[0]: row[1] for row in rows}


def turnout_by_place(connection: Connection, slug: str) -> dict[tuple[str | None, str | None], int]:
    """How many took part, by (locality, unit)."""
    where = (_R.locality, _R.unit)
    rows = connection.execute(select(*where, func.count()).where(_R.consultation == slug).group_by(*where))
    return {(row[0], row[1]): row[2] for row in rows}


_MIX = text(
    "WITH taken AS (DELETE FROM ballot WHERE consultation = :slug"
    " RETURNING consultation, id, mark, choices, origin, locality)"
    " INSERT INTO ballot (consultation, id, mark, choices, origin, locality)"
    " SELECT consultation, id, mark, choices, origin, locality FROM taken ORDER BY id"
)


def mix(connection: Connection, slug: str) -> None:
    """Take every ballot out of a box and put them all back in the order of their random ids, in one transaction.

    For PostgreSQL: neither a row's place nor its transaction number then tells when a ballot was cast.
    """
    connection.execute(_MIX, {"slug": slug})
