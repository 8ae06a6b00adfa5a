"""Connectivity: how well messages reach each place, as staff say and as deliveries show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    bindparam,
    case,
    cast,
    delete,
    extract,
    func,
    null,
    or_,
    select,
    text,
)
from sqlalchemy import update as change
from sqlmodel import Field, SQLModel

from storage.contacts import Contact, Person
from storage.database import columns
from storage.outbox import UNASKED, Outgoing

BY_NUMBER = ("whatsapp", "sms")
"""The channels whose providers say when a message reached the phone."""

UNREACHED = ("30003", "30005", "30008")
"""Failures that a phone without signal brings about (channels.md 3.10); others say nothing of the place."""

A_DAY = timedelta(days=1)


class Connectivity(SQLModel, table=True):
    """A place of the tree. `stated` is the profile that staff set (good, low or sms; empty: as the city's file has it).

    The rest is measured: of `sample` messages of the last weeks, `late` in a thousand were not delivered within a day;
    half of the delivered ones took `seconds` or less; `hours` are the hours of the day, as the city's clocks show them,
    at which delivery worked best, with commas between them.
    """

    place: str = Field(primary_key=True, max_length=80)
    stated: str = Field(default="", max_length=8)
    stated_by: int | None = Field(default=None, foreign_key="staff.id")
    stated_at: datetime | None = Field(default=None)
    sample: int = Field(default=0)
    late: int = Field(default=0)
    seconds: int = Field(default=0)
    hours: str = Field(default="", max_length=80)
    measured_at: datetime | None = Field(default=None)


@dataclass(frozen=True)
class Signal:
    """What is known of a place: what staff said (empty: nothing), and what was measured (no sample: nothing).

    `late` is in a thousand, `seconds` the median time to delivery, `hours` are those of the city's clock.
    """

    stated: str = ""
    stated_by: int | None = None
    stated_at: datetime | None = None
    sample: int = 0
    late: int = 0
    seconds: int = 0
    hours: tuple[int, ...] = ()
    measured_at: datetime | None = None


_C, _O, _W, _P = columns(Connectivity), columns(Outgoing), columns(Contact), columns(Person)


def every(connection: Connection) -> Mapping[str, Signal]:
    """What is known, by place."""
    return {row.place: _signal(row) for row in connection.execute(select(*_C))}


def _signal(row: Row[Any]) -> Signal:
    known = row._asdict()
    del known["place"]
    return Signal(**{**known, "hours": tuple(int(hour) for hour in row.hours.split(",") if hour)})


_STATE = text(
    "INSERT INTO connectivity (place, stated, stated_by, stated_at, sample, late, seconds, hours)"
    " VALUES (:place, :stated, :by, :at, 0, 0, 0, '')"
    " ON CONFLICT (place) DO UPDATE SET stated = excluded.stated, stated_by = excluded.stated_by,"
    " stated_at = excluded.stated_at"
).bindparams(bindparam("at", type_=_C.stated_at.type))


def state(connection: Connection, place: str, stated: str, by: int, at: datetime) -> None:
    """What staff say of a place; empty takes their word back."""
    connection.execute(_STATE, {"place": place, "stated": stated, "by": by, "at": at})


_MEASURED = text(
    "INSERT INTO connectivity (place, stated, sample, late, seconds, hours, measured_at)"
    " VALUES (:place, '', :sample, :late, :seconds, :hours, :at)"
    " ON CONFLICT (place) DO UPDATE SET sample = excluded.sample, late = excluded.late, seconds = excluded.seconds,"
    " hours = excluded.hours, measured_at = excluded.measured_at"
).bindparams(bindparam("at", type_=_C.measured_at.type))


def measure(connection: Connection, found: Mapping[str, Signal], at: datetime) -> None:
    """Put these measurements in place of all there were."""
    connection.execute(change(Connectivity).values(sample=0, late=0, seconds=0, hours="", measured_at=null()))
    connection.execute(delete(Connectivity).where(_C.stated_at.is_(None), _C.place.not_in(list(found))))
    rows = [
        {
            "place": place, "sample": each.sample, "late": each.late, "seconds": each.seconds,
            "hours": ",".join(map(str, each.hours)), "at": at,
        }
        for place, each in found.items()
    ]  # fmt: skip
    if rows:
        connection.execute(_MEASURED, rows)


def deliveries(connection: Connection, since: datetime, now: datetime) -> Iterator[Sequence[Row[Any]]]:
    """What became of the messages that went out unasked since then and had a day to arrive, in slices.

    Rows of `place`, the hours of the day (UTC) at which they went `out` and came `to` the phone, the `minutes` between
    (whole hours of them after the first; both null where it took more than a day) and how many `messages` went like
    that. Answers are left out: whoever has just written has a signal.
    """
    sent, came = (cast(extract("epoch", column), BigInteger) for column in (_O.created_at, _O.delivered_at))
    took, in_time = (came - sent) // 60, came - sent < int(A_DAY.total_seconds())
    rough = case((took < 60, took), else_=took // 60 * 60)
    by = (
        _P.place,
        (sent // 3600 % 24).label("out"),
        case((in_time, came // 3600 % 24), else_=null()).label("to"),
        case((in_time, rough), else_=null()).label("minutes"),
    )
    grouped = (
        select(*by, func.count().label("messages"))
        .select_from(Outgoing)
        .join(Contact, _W.id == _O.contact_id)
        .join(Person, _P.id == _W.person_id)
        .where(
            _O.created_at >= since, _O.created_at < now - A_DAY, _O.lane.in_(BY_NUMBER), _O.kind.in_(UNASKED),
            _P.place.is_not(None),
            or_(_O.state.in_(("sent", "delivered", "read")), (_O.state == "failed") & _O.error.in_(UNREACHED)),
        )
        .group_by(*by)
    )  # fmt: skip
    return connection.execute(grouped).partitions(1_000)
