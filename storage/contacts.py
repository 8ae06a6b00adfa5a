"""Contacts (a channel address), the people who use them, and the codes that join two contacts of one person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Index,
    Row,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from storage.ballots import Roll
from storage.catalogue import Revision
from storage.database import Moved, columns
from storage.outbox import Outgoing
from storage.prepared import Prepared
from storage.talks import Talk


class Person(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    age: str | None = Field(default=None, max_length=40)
    sex: str | None = Field(default=None, max_length=40)
    group: str | None = Field(default=None, max_length=40)
    place: str | None = Field(default=None, max_length=80)
    consented_at: datetime
    notice: str = Field(max_length=16)

    # An id is never used again: the roll would take a newcomer for whoever left.
    __table_args__ = ({"sqlite_autoincrement": True},)


class Contact(SQLModel, table=True):
    """`state` is active, stopped (opted out) or blocked (the provider refuses to deliver). `phone` is E.164.

    Since `declined_at` it takes no marketing templates, as the person or Meta decided; what answers it still arrives.
    """

    id: int | None = Field(default=None, primary_key=True)
    channel: str = Field(max_length=16)
    address: str = Field(max_length=160)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True)
    phone: str | None = Field(default=None, max_length=20, index=True)
    language: str = Field(max_length=8)
    state: str = Field(default="active", max_length=16)
    heard_at: datetime = Field(index=True)
    declined_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index("contact_address", "channel", "address", unique=True),
        {"sqlite_autoincrement": True},
    )


class Housemate(SQLModel, table=True):
    """The people who use one contact; the order of joining is how they are numbered."""

    contact_id: int = Field(primary_key=True, foreign_key="contact.id", ondelete="CASCADE")
    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE", index=True)
    joined_at: datetime


class JoinCode(SQLModel, table=True):
    """A one-time code (only its hash) with which another contact becomes the same person."""

    code: str = Field(primary_key=True, max_length=64)
    person_id: int = Field(foreign_key="person.id", ondelete="CASCADE")
    expires_at: datetime


_C, _P, _T = columns(Contact), columns(Person), columns(Talk)
_H, _J, _O = columns(Housemate), columns(JoinCode), columns(Outgoing)

# Participants know people; to name their table here as a class would close a circle.
_REMINDED: ColumnElement[bool] = literal_column(
    "EXISTS (SELECT 1 FROM follow WHERE follow.person_id = contact.person_id AND follow.scope = 'topic:votes')",
    Boolean(),
).label("reminded")
_ARRIVE = Prepared(
    select(
        _C.id, _C.person_id, _C.phone, _C.language, _C.state, _C.heard_at,
        _P.consented_at, _P.age, _P.sex, _P.group, _P.place,
        _T.id.label("talk_id"), _T.flow, _T.sealed, _T.subject, _T.touched_at,
        select(func.count()).select_from(Housemate).where(_H.contact_id == _C.id).scalar_subquery().label("people"),
        exists().where(_O.finished_at.is_(None), _O.contact_id == _C.id, _O.state == "queued").label("waiting"),
        select(columns(Revision).number).scalar_subquery().label("revision"), _REMINDED,
    )
    .select_from(Contact)
    .outerjoin(Person, _P.id == _C.person_id)
    .outerjoin(Talk, (_T.contact_id == _C.id) & _T.active)
    .where(_C.channel == bindparam("channel"), _C.address == bindparam("address"))
)  # fmt: skip
_PROFILE = (_P.id, _P.age, _P.sex, _P.group, _P.place, _P.consented_at)
_LOCK = Prepared(select(*_PROFILE).where(_P.id == bindparam("who")).with_for_update())
_NEW = insert(Contact).returning(_C.id)
_HEARD = Prepared(update(Contact).where(_C.id == bindparam("contact_id")).values(heard_at=bindparam("now")))


def arrive(connection: Connection, channel: str, address: str) -> Row[Any] | None:
    """All that a turn needs to know of a contact, in one statement; None when it never wrote before."""
    return _ARRIVE.row(connection, {"channel": channel, "address": address})


def add(connection: Connection, channel: str, address: str, phone: str | None, language: str, now: datetime) -> int:
    """A contact that writes for the first time; its id."""
    values = {"channel": channel, "address": address, "phone": phone, "language": language, "heard_at": now}
    return int(connection.execute(_NEW, {**values, "state": "active"}).scalar_one())


def heard(connection: Connection, contact_id: int, now: datetime) -> None:
    """The contact wrote just now (WhatsApp lets us answer freely for 24 hours after that)."""
    _HEARD.changed(connection, {"contact_id": contact_id, "now": now})


def change(connection: Connection, contact_id: int, **values: Any) -> None:
    """Set columns of a contact: `language`, `state`, `phone`, `person_id`."""
    connection.execute(update(Contact).where(_C.id == contact_id).values(**values))


def language_of(connection: Connection, contact_id: int) -> str:
    """The language in which a contact is written to."""
    return str(connection.execute(select(_C.language).where(_C.id == contact_id)).scalar_one())


def block(connection: Connection, contact_id: int) -> None:
    """The provider does not deliver to this contact. An opt-out stands above it: it outlasts the block."""
    connection.execute(update(Contact).where(_C.id == contact_id, _C.state == "active").values(state="blocked"))


def unblock(connection: Connection, contact_id: int) -> None:
    """The contact can be reached again; whether it had opted out does not change."""
    connection.execute(update(Contact).where(_C.id == contact_id, _C.state == "blocked").values(state="active"))


def opt_out(connection: Connection, contact_id: int) -> None:
    """Nothing is sent to this contact any more unless it writes first."""
    change(connection, contact_id, state="stopped")


def opt_in(connection: Connection, contact_id: int) -> None:
    """They ask for notices again, whatever they or Meta declined before."""
    change(connection, contact_id, state="active", declined_at=None)


def decline(connection: Connection, contact_id: int, now: datetime) -> None:
    """No marketing template goes to this contact any more, until it asks for notices again."""
    change(connection, contact_id, declined_at=now)


def consent(connection: Connection, contact_id: int, notice: str, now: datetime) -> int:
    """A new person who agreed to the notice of that version, speaking from this contact; the person's id."""
    person_id = connection.execute(
        insert(Person).returning(_P.id), {"consented_at": now, "notice": notice}
    ).scalar_one()
    connection.execute(insert(Housemate), {"contact_id": contact_id, "person_id": person_id, "joined_at": now})
    change(connection, contact_id, person_id=person_id)
    return int(person_id)


def lock_person(connection: Connection, person_id: int, profile: dict[str, str | None]) -> Row[Any]:
    """Lock a person for the rest of the transaction, keep the given profile fields, and return the profile.

    Raises Moved when that person was joined with another since this turn began.
    """
    values: dict[str, Any] = {name: value or None for name, value in profile.items() if value is not None}
    if values:
        statement = update(Person).where(_P.id == person_id).values(values).returning(*_PROFILE)
        row = connection.execute(statement).one_or_none()
    else:
        row = _LOCK.row(connection, {"who": person_id})
    if row is None:
        raise Moved
    return row


def people(connection: Connection, contact_id: int) -> list[int]:
    """The ids of those who use a contact, in the order in which they came."""
    return list(
        connection.scalars(select(_H.person_id).where(_H.contact_id == contact_id).order_by(_H.joined_at, _H.person_id))
    )


def anybody(connection: Connection) -> bool:
    """Whether anybody ever wrote."""
    return connection.execute(select(_C.id).limit(1)).first() is not None


def someone(connection: Connection, channel: str, number: int) -> str | None:
    """The address of one of the people of a channel, the same for the same number; for the demo."""
    mine = (_C.channel == channel) & _C.person_id.is_not(None)
    known = connection.execute(select(func.count()).select_from(Contact).where(mine)).scalar_one()
    if not known:
        return None
    return str(connection.scalars(select(_C.address).where(mine).order_by(_C.id).offset(number % known).limit(1)).one())


def find(connection: Connection, channel: str, address: str, phone: str) -> Row[Any] | None:
    """The contact with exactly this address, or (with a number instead) the one that shared it: id, language, state.

    There is no other way to find a contact by what a person says of it; nothing lists or searches them.
    """
    mine = (_C.address == address) if address else (_C.phone == phone)
    found = select(_C.id, _C.language, _C.state).where(_C.channel == channel, mine)
    return connection.execute(found.order_by(_C.heard_at.desc(), _C.id).limit(1)).one_or_none()


def voters_beside(connection: Connection, contact_id: int, phone: str | None, person_id: int, slug: str) -> int:
    """How many others of those who use a contact, or any contact of that number, are on the roll of a consultation."""
    roll = columns(Roll)
    here = _H.contact_id == contact_id
    if phone is not None:
        here |= _H.contact_id.in_(select(_C.id).where(_C.phone == phone))
    voters = select(func.count(func.distinct(_H.person_id))).select_from(Housemate)
    voters = voters.join(Roll, roll.person_id == _H.person_id)
    found = connection.execute(voters.where(here, _H.person_id != person_id, roll.consultation == slug))
    return int(found.scalar_one())


@dataclass(frozen=True)
class Known:
    """A contact of a person, as the person may see it."""

    id: int
    channel: str
    address: str
    phone: str | None
    language: str
    state: str


def contacts_of(connection: Connection, person_id: int) -> list[Known]:
    """The contacts that a person uses, oldest first."""
    rows = connection.execute(
        select(_C.id, _C.channel, _C.address, _C.phone, _C.language, _C.state)
        .join(Housemate, _H.contact_id == _C.id)
        .where(_H.person_id == person_id)
        .order_by(_C.id)
    )
    return [Known(**row._asdict()) for row in rows]


def reach_by_sms(connection: Connection, contact_id: int, person_id: int, number: str, now: datetime) -> bool:
    """Let a person be written to by SMS at the number that one of their contacts proves; False where somebody else
    uses that number by SMS.

    It was heard of no later than the contact in which they asked for it: that one stays the first choice.
    """
    known = find(connection, "sms", number, "")
    if known is not None:
        mates = people(connection, known.id)
        if mates:
            return person_id in mates
        id = int(known.id)
        if known.state == "stopped":  # whoever used it before asked for nothing more
            return False
    else:
        heard_at, language = connection.execute(select(_C.heard_at, _C.language).where(_C.id == contact_id)).one()
        id = add(connection, "sms", number, number, language, heard_at - timedelta(seconds=1))
    connection.execute(insert(Housemate), {"contact_id": id, "person_id": person_id, "joined_at": now})
    change(connection, id, person_id=person_id)
    return True


def with_phone(connection: Connection, phone: str, other_than: int) -> list[int]:
    """The others who use contacts with this phone number."""
    mates = select(_H.person_id).join(Contact, _C.id == _H.contact_id)
    return list(connection.scalars(mates.where(_C.phone == phone, _H.person_id != other_than).distinct()))


def merge(connection: Connection, kept: int, gone: int) -> None:
    """Make two people one: every contact of `gone` becomes one of `kept`, who takes over what only `gone` had told."""
    old = connection.execute(select(_P.age, _P.sex, _P.group, _P.place).where(_P.id == gone)).one()
    connection.execute(
        update(Person)
        .where(_P.id == kept)
        .values({name: func.coalesce(_P[name], value) for name, value in old._asdict().items()})
    )
    shared = select(_H.contact_id).where(_H.person_id == kept).scalar_subquery()
    connection.execute(delete(Housemate).where(_H.person_id == gone, _H.contact_id.in_(shared)))
    connection.execute(update(Housemate).where(_H.person_id == gone).values(person_id=kept))
    connection.execute(update(Contact).where(_C.person_id == gone).values(person_id=kept))
    connection.execute(delete(Talk).where(_T.person_id == gone))
    connection.execute(delete(Person).where(_P.id == gone))


def forget(connection: Connection, person_id: int) -> None:
    """Delete a person, and the contacts and talks that nobody else uses."""
    own = [c.id for c in contacts_of(connection, person_id)]
    spoken = list(connection.scalars(select(_C.id).where(_C.person_id == person_id)))
    connection.execute(delete(Talk).where(_T.person_id == person_id))
    connection.execute(update(Contact).where(_C.person_id == person_id).values(person_id=None))
    connection.execute(delete(Person).where(_P.id == person_id))
    # A number that was shared goes; one that is the address itself proves nothing more than the address does.
    shared = _C.phone.is_not(None) & ~_C.address.endswith(_C.phone)
    connection.execute(update(Contact).where(_C.id.in_(own), shared).values(phone=None))
    for contact_id in spoken:  # where somebody else speaks, they go on speaking
        rest = people(connection, contact_id)
        change(connection, contact_id, person_id=rest[0] if len(rest) == 1 else None)


def part(connection: Connection, contact_id: int, phone: str | None) -> None:
    """Nobody known uses this contact any more: its talks go. `phone` is what the address itself proves."""
    connection.execute(delete(Talk).where(_T.contact_id == contact_id))
    connection.execute(delete(Housemate).where(_H.contact_id == contact_id))
    change(connection, contact_id, person_id=None, phone=phone)


def keep_code(connection: Connection, code: str, person_id: int, expires_at: datetime) -> None:
    connection.execute(insert(JoinCode), {"code": code, "person_id": person_id, "expires_at": expires_at})


def take_code(connection: Connection, code: str, now: datetime) -> int | None:
    """Use up a code; the person who made it, or None if it is unknown or too old."""
    row = connection.execute(
        delete(JoinCode).where(_J.code == code).returning(_J.person_id, _J.expires_at)
    ).one_or_none()
    return int(row.person_id) if row is not None and row.expires_at > now else None


def purge(connection: Connection, unknown_before: datetime, silent_before: datetime, now: datetime) -> int:
    """Delete contacts that never consented and people who fell silent; expired codes go too. How many contacts.

    A person is silent when each of their contacts is, or when none is left to them.
    """
    connection.execute(delete(JoinCode).where(_J.expires_at < now))
    heard = select(_H.person_id).join(Contact, _C.id == _H.contact_id).group_by(_H.person_id)
    silent = list(connection.scalars(heard.having(func.max(_C.heard_at) < silent_before).limit(500)))
    left = ~exists().where(_H.person_id == _P.id)
    for person_id in [*silent, *connection.scalars(select(_P.id).where(left).limit(500))]:
        forget(connection, person_id)
    active = exists().where(_O.contact_id == _C.id, _O.state.in_(("queued", "sending", "uncertain")))
    nobody = ~exists().where(_H.contact_id == _C.id)
    gone = connection.execute(
        delete(Contact).where(nobody, _C.heard_at < unknown_before, _C.state != "stopped", ~active)
    )
    return gone.rowcount
