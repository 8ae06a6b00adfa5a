"""The city's staff: their accounts, the invitations that make them, and the codes that stand in for a lost phone."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, text, update
from sqlmodel import Field, SQLModel

from storage.database import columns


class Account(SQLModel, table=True):
    """Somebody of the city's staff. `roles` and `offices` (`<plan>/<office>`) are words with spaces between them.

    `password` is an argon2id hash, `totp` the sealed secret of the code generator, `step` the last of its half minutes
    that was used: a code works once. `active` is false once the account was closed.
    """

    __tablename__ = "staff"

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(max_length=80, unique=True)
    name: str = Field(max_length=80)
    roles: str
    offices: str = Field(default="")
    password: str = Field(max_length=200)
    totp: bytes
    step: int = Field(default=0)
    active: bool = Field(default=True)
    made_at: datetime


class StaffInvitation(SQLModel, table=True):
    """A one-time link (only its hash) to an account: a new one, or a new start for one that there is.

    `agreed` is false while a second person has to agree. `invited_by` is nobody where the operator did it.
    """

    __tablename__ = "staffinvitation"

    code: str = Field(primary_key=True, max_length=64)
    login: str = Field(max_length=80, unique=True)
    name: str = Field(max_length=80)
    roles: str
    offices: str = Field(default="")
    agreed: bool = Field(default=True)
    invited_by: int | None = Field(default=None, foreign_key="staff.id")
    expires_at: datetime


REFUSED = "refused-"
"""Begins the key of a tally of refused attempts to sign in; an account's id follows, 0 where there is no account."""


class RecoveryCode(SQLModel, table=True):
    """A code (only its hash) that works once in place of the code generator."""

    __tablename__ = "recoverycode"

    code: str = Field(primary_key=True, max_length=64)
    staff_id: int = Field(foreign_key="staff.id", ondelete="CASCADE", index=True)


_A, _I, _R = columns(Account), columns(StaffInvitation), columns(RecoveryCode)


_GIVEN = ("code", "login", "name", "roles", "offices", "agreed", "invited_by", "expires_at")
_INVITE = text(
    f"INSERT INTO staffinvitation ({', '.join(_GIVEN)}) VALUES ({', '.join(f':{name}' for name in _GIVEN)})"
    " ON CONFLICT (login) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _GIVEN if name != "login")
).bindparams(bindparam("expires_at", type_=_I.expires_at.type), bindparam("agreed", type_=_I.agreed.type))


def known(connection: Connection, login: str) -> Row[Any] | None:
    """The account of that login, closed or not."""
    return connection.execute(select(*_A).where(_A.login == login)).one_or_none()


def one(connection: Connection, id: int) -> Row[Any] | None:
    return connection.execute(select(*_A).where(_A.id == id)).one_or_none()


def hold(connection: Connection, id: int) -> Row[Any] | None:
    """An account, locked until this transaction ends."""
    return connection.execute(select(*_A).where(_A.id == id).with_for_update()).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """All accounts by login."""
    shown = select(_A.id, _A.login, _A.name, _A.roles, _A.offices, _A.active).order_by(_A.login)
    return list(connection.execute(shown))


def logins(connection: Connection, ids: Iterable[int | None]) -> dict[int, str]:
    """The logins of these accounts; nobody has none."""
    wanted = {id for id in ids if id is not None}
    return {row.id: row.login for row in connection.execute(select(_A.id, _A.login).where(_A.id.in_(wanted)))}


def number(connection: Connection) -> int:
    """How many accounts there are."""
    return int(connection.execute(select(func.count()).select_from(Account)).scalar_one())


def make(connection: Connection, values: dict[str, Any]) -> int:
    """Write a new account, or give one that there is a new start; its id."""
    row = connection.execute(select(_A.id).where(_A.login == values["login"])).one_or_none()
    if row is None:
        return int(connection.execute(insert(Account).returning(_A.id), values).scalar_one())
    connection.execute(update(Account).where(_A.id == row.id).values(**values, active=True))
    return int(row.id)


def change(connection: Connection, id: int, **values: Any) -> bool:
    """Change an account; False if there is none."""
    return connection.execute(update(Account).where(_A.id == id).values(**values)).rowcount == 1


def use_step(connection: Connection, id: int, step: int) -> bool:
    """Use up a half minute of the code generator; False if it, or a later one, was used."""
    return connection.execute(update(Account).where(_A.id == id, _A.step < step).values(step=step)).rowcount == 1


def replace_codes(connection: Connection, id: int, hashes: Collection[str]) -> None:
    """Give an account new recovery codes; the old ones are void."""
    connection.execute(delete(RecoveryCode).where(_R.staff_id == id))
    connection.execute(insert(RecoveryCode), [{"code": each, "staff_id": id} for each in hashes])


def use_code(connection: Connection, id: int, hashed: str) -> bool:
    """Use up a recovery code; False if it is not one of this account."""
    return connection.execute(delete(RecoveryCode).where(_R.staff_id == id, _R.code == hashed)).rowcount == 1


def codes_left(connection: Connection, id: int) -> int:
    return int(connection.execute(select(func.count()).where(_R.staff_id == id)).scalar_one())


def invite(connection: Connection, values: dict[str, Any]) -> None:
    """Keep an invitation; an earlier one for the same login is void."""
    connection.execute(_INVITE, values)


def invitation(connection: Connection, code: str) -> Row[Any] | None:
    return connection.execute(select(*_I).where(_I.code == code).with_for_update()).one_or_none()


def invitations(connection: Connection) -> Sequence[Row[Any]]:
    """Those that nobody has used, by login."""
    return connection.execute(select(*_I).order_by(_I.login)).all()


def agree(connection: Connection, code: str, now: datetime) -> bool:
    """Let an invitation be used; False if it is not there any more or has run out."""
    mine = update(StaffInvitation).where(_I.code == code, _I.expires_at > now)
    return connection.execute(mine.values(agreed=True)).rowcount == 1


def forget(connection: Connection, code: str) -> bool:
    """Withdraw or use up an invitation; False if somebody was quicker."""
    return connection.execute(delete(StaffInvitation).where(_I.code == code)).rowcount == 1


def uninvite(connection: Connection, login: str) -> list[str]:
    """Withdraw what was sent to a login, if anything was; the codes."""
    return list(connection.scalars(delete(StaffInvitation).where(_I.login == login).returning(_I.code)))


def purge(connection: Connection, before: datetime) -> None:
    """Invitations that ran out before."""
    connection.execute(delete(StaffInvitation).where(_I.expires_at < before))
