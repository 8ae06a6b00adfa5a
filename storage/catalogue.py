"""What a city loaded, and the number that changes with it; processes keep it in memory until then."""

from sqlalchemy import Connection, select, update
from sqlmodel import Field, SQLModel

from storage.database import columns


class Revision(SQLModel, table=True):
    """One row; its number grows with every change to places, texts or consultations."""

    id: int = Field(default=1, primary_key=True)
    number: int = Field(default=0)


class CityText(SQLModel, table=True):
    """A text or list of the city (JSON by language or of options), by key."""

    key: str = Field(primary_key=True, max_length=40)
    body: str


class PlaceRow(SQLModel, table=True):
    """A node of the territory's tree; `names` are other names, one a line; `profile` is good, low or sms."""

    __tablename__ = "place"

    code: str = Field(primary_key=True, max_length=80)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=120)
    parent: str | None = Field(default=None, max_length=80)
    names: str = Field(default="")
    profile: str = Field(default="good", max_length=8)
    position: int = Field(default=0)


_PLACE, _TEXT = columns(PlaceRow), columns(CityText)
_REVISION = "SELECT number FROM revision"
"""Every page asks: the driver's own words spare looking up a compiled statement."""


def revision(connection: Connection) -> int:
    """The number of the catalogue as it is now."""
    return int(connection.exec_driver_sql(_REVISION).scalar_one())


def changed(connection: Connection) -> None:
    """Tell every process that the catalogue has changed, in the transaction that changes it."""
    connection.execute(update(Revision).values(number=Revision.number + 1))


def hold(connection: Connection) -> None:
    """Nobody else changes the catalogue before this transaction ends."""
    connection.execute(select(columns(Revision).number).with_for_update())


def places(connection: Connection) -> list[PlaceRow]:
    """The whole tree, in the order of its file."""
    found = connection.execute(select(*_PLACE).order_by(_PLACE.position))
    return [PlaceRow(**row._asdict()) for row in found]


def texts(connection: Connection) -> dict[str, str]:
    return {row.key: row.body for row in connection.execute(select(_TEXT.key, _TEXT.body))}
