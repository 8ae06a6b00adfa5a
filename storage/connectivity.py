"""Connectivity: how well messages reach each place, as staff say and as deliveries show."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.database import columns


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


_C = columns(Connectivity)
