"""Cases for tests of the calendar: written down directly, since what is in them does not matter there."""

import secrets
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Row, update

from bot.catalogue import Catalogue, read
from bot.complaints.cases import calendar
from storage import cases, receivers, vault
from storage.cases import Case, SealedPart
from storage.database import reading, transaction
from tests.world import World


def city_of(world: World) -> Catalogue:
    with reading(world.desk.engine) as connection:
        return read(connection)


def with_closures(city: Catalogue, *days: date, pauses: bool = False) -> Catalogue:
    """The city, which does not work on these days."""
    assert city.city.intake is not None
    intake = replace(city.city.intake, closures=frozenset(days), pauses=pauses)
    return replace(city, city=replace(city.city, intake=intake))


def write_down(world: World, received_on: date, excluded: str = "", **values: Any) -> str:
    """A case that came on a day, with one part and a wrap for each key; its id."""
    city = city_of(world)
    assert city.city.intake is not None
    days = city.city.intake.days
    with transaction(world.desk.engine) as connection:
        publics = receivers.publics(receivers.active(connection), excluded)
        new = vault.NewCase(
            vault.new_id(), vault.new_locator(), secrets.token_bytes(16), secrets.token_bytes(32),
            secrets.token_bytes(32), secrets.token_bytes(72), {id: secrets.token_bytes(80) for id in publics},
        )  # fmt: skip
        parts = [SealedPart(vault.new_id(), "told", secrets.token_bytes(5000))]
        due_on = city.hours.working_day(received_on, days, city.city.intake.closures)
        cases.file(connection, new, parts, excluded, received_on, due_on, days, calendar(city))
        if values:
            connection.execute(update(Case).where(Case.__table__.c.id == new.id).values(values))  # type: ignore[attr-defined]
    return new.id


def case_of(world: World, id: str) -> Row[Any]:
    with reading(world.desk.engine) as connection:
        found = cases.case(connection, id)
    assert found is not None
    return found


def go(world: World, id: str, on: date, *states: str, **more: Any) -> None:
    """Take a case through these states on one day; `more` changes with each."""
    with transaction(world.desk.engine) as connection:
        for state in states:
            before = cases.case(connection, id)
            assert before is not None
            assert cases.move(connection, id, before.state, state, on, "", None, **more)
