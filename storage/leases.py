"""Leases: who may act for a provider account or the clock, one at a time, with an epoch that unmasks a late sleeper."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text
from sqlmodel import Field, SQLModel

from storage.database import columns


class Lease(SQLModel, table=True):
    name: str = Field(primary_key=True, max_length=40)
    holder: str = Field(max_length=64)
    epoch: int
    until: datetime


@dataclass(frozen=True)
class Held:
    """A lease that this holder has until `until`."""

    epoch: int
    until: datetime


_TAKE = text(
    "INSERT INTO lease (name, holder, epoch, until) VALUES (:name, :holder, 1, :until)"
    " ON CONFLICT (name) DO UPDATE SET until = excluded.until, holder = excluded.holder,"
    " epoch = lease.epoch + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END"
    " WHERE lease.holder = excluded.holder OR lease.until <= :now RETURNING epoch"
).bindparams(
    bindparam("until", type_=columns(Lease).until.type),
    bindparam("now", type_=columns(Lease).until.type),
)


def take(connection: Connection, name: str, holder: str, length: timedelta, now: datetime) -> Held | None:
    """Take or prolong a lease for `length`; None while another holder has it.

    A holder that let its lease run out keeps its epoch as long as nobody else has had it in between.
    """
    values = {"name": name, "holder": holder, "until": now + length, "now": now}
    epoch = connection.execute(_TAKE, values).scalar_one_or_none()
    if epoch is None:
        return None
    return Held(epoch, now + length)


_YIELD = text("UPDATE lease SET until = :now, holder = '' WHERE name = :name AND holder = :holder").bindparams(
    bindparam("now", type_=columns(Lease).until.type)
)


def give_back(connection: Connection, name: str, holder: str, now: datetime) -> None:
    """End a lease early, so that another holder need not wait for it; whoever takes it next begins a new epoch."""
    connection.execute(_YIELD, {"name": name, "holder": holder, "now": now})
