"""The demo's plan: made up, plainly so, and as fresh as the day."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.catalogue import read
from bot.complaints import cases
from bot.standing import standings
from cli import demo, sample
from storage import volatile
from storage.database import reading, transaction
from storage.folder import read_folder
from storage.staff import Account
from tests.vaults import in_memory
from tests.world import CARTAGENA, EXAMPLE, World

(DEFINITION,) = read_folder(EXAMPLE).plans


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 11, 21), date(2028, 2, 29), date(2031, 12, 31)])
def test_the_first_milestone_ends_in_the_month_of_the_day(today: date) -> None:
    moved = sample.moved_to(DEFINITION, today)
    last = moved.commitments[0].milestones[0].span.last
    assert (last.year, last.month) == (today.year, today.month)
    for commitment in moved.commitments:
        assert commitment.span.first <= min(m.span.first for m in commitment.milestones)
        assert not commitment.proposal
    assert moved.example
    assert "inventado" in moved.title["es"]
    assert "made-up" in moved.title["en"]


def test_it_is_played_once_and_every_voice_speaks(world: World) -> None:
    now = datetime(2026, 11, 21, 15, tzinfo=UTC)
    for _start in range(2):
        with transaction(world.desk.engine) as connection:
            sample.add(connection, DEFINITION, now)
    with reading(world.desk.engine) as connection:
        city = read(connection)
        plan = city.plans[sample.PLAN]
        found = standings(connection, plan, city.hours.today(now), city.hours.zone)
    assert [(s.reported, s.verdict.validated, s.verdict.objected, s.answered) for s in found.values()] == [
        ("complete", 1, 1, 1), (None, 0, 0, 0), ("stalled", 0, 0, 0), (None, 0, 0, 0),
    ]  # fmt: skip
    real = [plan for plan in city.plans.values() if not plan.example]
    with reading(world.desk.engine) as connection:
        for each in real:
            said = standings(connection, each, city.hours.today(now), city.hours.zone)
            assert all(standing.reported is None for standing in said.values()), "nothing is invented about a real city"


def test_complaints_can_be_tried_and_no_made_up_receiver_can_sign_in(little_world: World) -> None:
    offices = demo.offices_of(read_folder(CARTAGENA))
    now = datetime(2026, 11, 21, 15, tzinfo=UTC)
    for _start in range(2):
        with transaction(little_world.desk.engine) as connection:
            sample.receive(connection, offices, now)
    with in_memory() as memory, reading(little_world.desk.engine) as connection:
        store = volatile.open_store(memory / "volatile.db")
        assert cases.shut(connection, store, read(connection)) == ()
        store.dispose()
    assert {row["active"] for row in little_world.rows(Account)} == {False}
    assert volatile.is_in_memory(demo.memory(Path("demo")))
