"""People of a plan, for tests: who holds a seat, reports for an office or follows, and what the clock told them."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot import notices
from bot.messages import Outbound
from storage import contacts, participants, voices
from storage.database import transaction
from storage.notices import Notice
from tests.world import CARTAGENA, Clock, World, address

BOGOTA = ZoneInfo("America/Bogota")
PLAN, COMMITMENT = "plan-2023", "cartagena-cuenta"


def at(day: str, hour: str = "09:00") -> datetime:
    """A moment by Cartagena's clock."""
    return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=BOGOTA)


def town(database_url: str, folder: Path, since: str = "2022-12-01", city: Path = CARTAGENA) -> World:
    """A desk with Cartagena's plan of 2023, or another city's, since that day."""
    return World.on(database_url, folder, Clock(at(since))).load(city)


def person(world: World, channel: str = "telegram", who: int = 1, language: str = "es") -> int:
    """Somebody who has agreed to the notice on one channel; their id."""
    with transaction(world.desk.engine) as connection:
        now = world.clock()
        contact = contacts.add(connection, channel, address(channel, who), None, language, now)
        return contacts.consent(connection, contact, "2026-11", now)


def sit(world: World, who: int, seat: str = "academia-1", plan: str = PLAN) -> int:
    with transaction(world.desk.engine) as connection:
        participants.take_seat(connection, who, plan, seat, world.clock())
    return who


def employ(world: World, who: int, office: str = "comunicaciones", plan: str = PLAN) -> int:
    with transaction(world.desk.engine) as connection:
        participants.employ(connection, who, plan, office, world.clock())
    return who


def follow(world: World, who: int, scope: str = f"commitment:{COMMITMENT}") -> int:
    with transaction(world.desk.engine) as connection:
        participants.follow(connection, who, scope, world.clock())
    return who


def report(world: World, number: int = 1, state: str = "in-progress", office: str = "comunicaciones") -> int:
    """The office reports on the n-th milestone; the number of the report."""
    with transaction(world.desk.engine) as connection:
        milestone = f"{COMMITMENT}.{number}"
        return voices.report(connection, milestone, office, state, "Se hizo.", "cli", world.clock())


def judge(world: World, report_id: int, verdict: str, seats: Sequence[str]) -> None:
    with transaction(world.desk.engine) as connection:
        for seat in seats:
            voices.judge(connection, report_id, seat, verdict, "", world.clock())


def tick(world: World, day: str = "", hour: str = "09:00") -> notices.Told:
    """The clock ticks, at that hour of that day where one is given."""
    if day:
        world.clock.now = at(day, hour)
    return notices.tell(world.desk, world.clock())


def heard(world: World, channel: str = "telegram", who: int = 1) -> list[Outbound]:
    """What somebody got since one last looked."""
    return world.delivered(channel, address(channel, who))


def noted(world: World, who: int) -> list[tuple[str, str, date]]:
    """What somebody was told: kind, subject, day, in order."""
    rows = [row for row in world.rows(Notice) if row["person_id"] == who]
    return sorted((row["kind"], row["subject"], row["day"]) for row in rows)


def objection(world: World, report_id: int, who: int) -> int:
    """Somebody objects to a report; the objection's number."""
    with transaction(world.desk.engine) as connection:
        return voices.object_to(connection, report_id, who, "No fue así.", world.clock())


def answer(world: World, number: int, text: str = "Aquí está el acta.") -> None:
    with transaction(world.desk.engine) as connection:
        voices.answer(connection, number, "comunicaciones", text, world.clock())
