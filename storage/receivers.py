"""Receivers: the keys that open cases. Two people's at least, and one on paper that lies in a sealed envelope."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlmodel import Field, SQLModel

from storage import cases
from storage.database import columns
from storage.vault import Locked


class ReceiverKey(SQLModel, table=True):
    """A key of an office (`flows.case.Office`): a member of the staff's, or (`staff_id` is nobody) the paper one.

    The private half is sealed with the member's passphrase and with a recovery code; of a paper key it is nowhere.
    `removed_on`: nothing is wrapped for it any more. `drilled_on`: when a case was last opened with the paper key;
    `drill` is the hash of the word that the exercise under way will show.
    """

    __tablename__ = "receiverkey"

    id: int | None = Field(default=None, primary_key=True)
    staff_id: int | None = Field(default=None, foreign_key="staff.id", index=True)
    office: str = Field(max_length=40)
    public: bytes = Field(unique=True)
    salt: bytes | None = Field(default=None)
    by_passphrase: bytes | None = Field(default=None)
    by_recovery: bytes | None = Field(default=None)
    made_on: date
    removed_on: date | None = Field(default=None)
    drilled_on: date | None = Field(default=None)
    drill: str = Field(default="", max_length=64)


_R = columns(ReceiverKey)

ELSEWHERE = "*"
"""The office of a paper key that a body holds which receives no complaints here."""

LEAST = 2
"""Members of the staff that must be able to open a case."""


def add(connection: Connection, staff_id: int, office: str, locked: Locked, on: date) -> int:
    """Keep a member's key; its id."""
    row = {
        "staff_id": staff_id, "office": office, "public": locked.public, "salt": locked.salt,
        "by_passphrase": locked.by_passphrase, "by_recovery": locked.by_recovery, "made_on": on,
    }  # fmt: skip
    return int(connection.execute(insert(ReceiverKey).returning(_R.id), row).scalar_one())


def add_paper(connection: Connection, office: str, public: bytes, on: date) -> int:
    """Keep the public half of a paper key that an office holds; its id."""
    row = {"office": office, "public": public, "made_on": on}
    return int(connection.execute(insert(ReceiverKey).returning(_R.id), row).scalar_one())


def active(connection: Connection) -> Sequence[Row[Any]]:
    """All keys that cases are wrapped for."""
    return connection.execute(select(*_R).where(_R.removed_on.is_(None)).order_by(_R.id)).all()


def of(connection: Connection, staff_id: int) -> Row[Any] | None:
    """A member's own key."""
    return connection.execute(select(*_R).where(_R.staff_id == staff_id, _R.removed_on.is_(None))).one_or_none()


def one(connection: Connection, id: int) -> Row[Any] | None:
    """A key that cases are wrapped for."""
    return connection.execute(select(*_R).where(_R.id == id, _R.removed_on.is_(None))).one_or_none()


def known(connection: Connection, public: bytes) -> bool:
    """Whether there is a key with this public half, or was."""
    return connection.execute(select(_R.id).where(_R.public == public)).first() is not None


def relock(connection: Connection, id: int, locked: Locked) -> None:
    """Keep a member's key sealed with another passphrase and another recovery code; those before are void."""
    values = {"salt": locked.salt, "by_passphrase": locked.by_passphrase, "by_recovery": locked.by_recovery}
    connection.execute(update(ReceiverKey).where(_R.id == id).values(**values))


def locked(row: Row[Any]) -> Locked:
    """A member's key, as it is sealed."""
    return Locked(bytes(row.public), bytes(row.salt), bytes(row.by_passphrase), bytes(row.by_recovery))


def remove(connection: Connection, id: int, on: date) -> None:
    """Wrap nothing for this key any more, and delete what was wrapped: it opens nothing."""
    cases.take_away(connection, id)
    connection.execute(update(ReceiverKey).where(_R.id == id).values(removed_on=on))


def settle(connection: Connection, staff_id: int, office: str, on: date) -> bool:
    """Remove a member's key unless it is one of this office, which is '' for who receives nothing; whether it went."""
    key = of(connection, staff_id)
    if key is None or key.office == office:
        return False
    remove(connection, key.id, on)
    return True


def begin_drill(connection: Connection, id: int, word: str) -> None:
    """Expect a word, of which this is the hash."""
    connection.execute(update(ReceiverKey).where(_R.id == id).values(drill=word))


def end_drill(connection: Connection, id: int, word: str, on: date) -> bool:
    """Note that the paper key opens what it should; False if that is not the word that is expected."""
    expected = update(ReceiverKey).where(_R.id == id, _R.drill == word, _R.drill != "")
    return connection.execute(expected.values(drilled_on=on, drill="")).rowcount == 1


def publics(keys: Sequence[Row[Any]], excluded: str) -> Mapping[int, bytes]:
    """The public keys for a new case, by id: all but those of the office that it concerns."""
    return {key.id: bytes(key.public) for key in keys if key.office != excluded}


def strangers(keys: Sequence[Row[Any]], offices: Sequence[str]) -> Sequence[str]:
    """Offices that have a key and are none of these. One that goes by another id now would open what concerns it."""
    return sorted({key.office for key in keys} - {ELSEWHERE, *offices})


def lacking(keys: Sequence[Row[Any]], offices: Sequence[str]) -> Sequence[str]:
    """The offices that a case could not concern without its being lost: whoever is left is too few. '' stands for none.

    Without the keys of an office there must be two members' keys and a paper key.
    """
    return [
        office
        for office in ("", *offices)
        if sum(key.staff_id is not None for key in keys if key.office != office) < LEAST
        or not any(key.staff_id is None for key in keys if key.office != office)
    ]
