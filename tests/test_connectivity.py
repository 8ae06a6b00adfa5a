"""Connectivity: what holds at a place, when it is written to there, and what is measured of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot import connectivity, measurement
from bot.catalogue import Catalogue
from storage import catalogue as shelf
from storage.connectivity import Connectivity, Signal, every, state
from storage.contacts import Contact, Person
from storage.database import reading, transaction
from storage.outbox import Outgoing
from storage.staff import Account
from tests.world import World

BOGOTA = ZoneInfo("America/Bogota")
UNIT, BARRIO, LOCALITY = "ucg-6", "el-pozon", "l2"
"""A unit whose file says nothing, with a barrio of it and its locality."""

WEAK = Signal(sample=40, late=450, seconds=3600, hours=(12, 16))
NOON = datetime(2022, 11, 16, 12, 30, tzinfo=BOGOTA)  # a Wednesday
LATER = NOON + timedelta(days=10)


@pytest.fixture
def city(little_world: World) -> Catalogue:
    with reading(little_world.desk.engine) as connection:
        return little_world.desk.catalogue(connection, shelf.revision(connection))


def known(city: Catalogue, **signals: Signal) -> Catalogue:
    return replace(city, signals={code.replace("_", "-"): each for code, each in signals.items()})


@pytest.mark.parametrize(
    ("signals", "place", "holds", "word", "worse"),
    [
        ({}, BARRIO, "good", "file", False),
        ({}, "bocachica", "low", "file", False),
        ({"bocachica": Signal(stated="good")}, "bocachica", "good", "staff", False),
        ({LOCALITY: Signal(stated="sms")}, BARRIO, "sms", "above", False),
        ({LOCALITY: Signal(stated="sms"), BARRIO: Signal(stated="good")}, BARRIO, "good", "staff", False),
        ({"l1": Signal(stated="good")}, "bocachica", "low", "file", False),  # the nearer word
        ({UNIT: WEAK}, BARRIO, "low", "file", True),
        ({UNIT: replace(WEAK, late=299)}, BARRIO, "good", "file", False),
        ({UNIT: replace(WEAK, late=0, seconds=6 * 3600)}, BARRIO, "low", "file", True),
        ({UNIT: replace(WEAK, sample=29)}, BARRIO, "good", "file", False),
        ({UNIT: replace(WEAK, stated="low")}, BARRIO, "low", "above", False),
        ({UNIT: replace(WEAK, stated="low", late=600)}, BARRIO, "sms", "above", True),
        ({UNIT: replace(WEAK, stated="sms", late=1000)}, BARRIO, "sms", "above", False),
        ({UNIT: Signal(stated="low", sample=500)}, BARRIO, "low", "above", False),  # never for the better
    ],
)
def test_which_profile_holds(
    city: Catalogue, signals: Mapping[str, Signal], place: str, holds: str, word: str, worse: bool
) -> None:
    standing = connectivity.standing(replace(city, signals=signals), place)
    assert (standing.profile, standing.word, standing.worse) == (holds, word, worse)
    assert connectivity.profile(replace(city, signals=signals), place) == holds


def test_where_nobody_lives_that_we_know_the_network_is_good(city: Catalogue) -> None:
    assert [connectivity.profile(city, place) for place in (None, "", "atlantis")] == ["good"] * 3


def test_the_short_form_is_for_sms_and_for_weak_places() -> None:
    assert [connectivity.is_brief(*each) for each in (("good", "whatsapp"), ("good", "sms"), ("low", "telegram"))] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        ((16, 9, 10), (16, 12, 0)),
        ((16, 12, 30), (16, 12, 30)),
        ((16, 13, 5), (16, 16, 0)),
        ((16, 17, 30), (17, 12, 0)),
        ((18, 17, 30), (19, 12, 0)),  # a Saturday, on which the city allows the morning and noon
        ((19, 12, 59), (19, 12, 59)),
        ((19, 13, 0), (21, 8, 0)),  # the good hours of Monday are more than a day away
    ],
)
def test_a_weak_place_is_written_to_at_its_best_hours(
    city: Catalogue, now: tuple[int, int, int], goes: tuple[int, int, int]
) -> None:
    there = known(city, ucg_6=WEAK)
    moment = datetime(2022, 11, *now, tzinfo=BOGOTA)
    assert connectivity.best_at(there, BARRIO, moment, moment + timedelta(days=9)) == datetime(
        2022, 11, *goes, tzinfo=BOGOTA
    )


def test_a_good_place_is_written_to_at_once(city: Catalogue) -> None:
    there = known(city, ucg_6=replace(WEAK, late=0))
    nine, night = NOON.replace(hour=9), NOON.replace(hour=22)
    assert connectivity.best_at(there, BARRIO, nine, LATER) == nine
    assert connectivity.best_at(there, BARRIO, night, LATER) == datetime(2022, 11, 17, 8, tzinfo=BOGOTA)


def test_what_ends_before_the_next_good_hour_goes_at_once(city: Catalogue) -> None:
    there, two = known(city, ucg_6=WEAK), NOON.replace(hour=14)
    assert connectivity.best_at(there, BARRIO, two, two + timedelta(hours=1)) == two


def test_a_weak_place_of_which_nothing_was_measured_is_written_to_at_once(city: Catalogue) -> None:
    assert connectivity.best_at(city, "bocachica", NOON, LATER) == NOON


def test_what_failed_in_a_weak_place_goes_again_on_three_more_days(city: Catalogue) -> None:
    there, moment, days = known(city, ucg_6=WEAK), NOON, []
    for tries in range(1, 5):
        again = connectivity.again_at(there, BARRIO, tries, moment, LATER)
        days.append(again)
        moment = again or moment
    wanted = [datetime(2022, 11, day, 12, tzinfo=BOGOTA) for day in (17, 18, 19)]
    assert days == [*wanted, None]


def test_what_failed_in_a_good_place_goes_again_once_an_hour_later(city: Catalogue) -> None:
    again = connectivity.again_at(city, BARRIO, 1, NOON, LATER)
    assert again == NOON + timedelta(hours=1)
    assert connectivity.again_at(city, BARRIO, 2, NOON, LATER) is None


@pytest.mark.parametrize("place", [BARRIO, "bocachica"])
def test_nothing_goes_again_when_it_is_of_no_use_any_more(city: Catalogue, place: str) -> None:
    assert connectivity.again_at(city, place, 1, NOON, NOON + timedelta(minutes=30)) is None


def settle(world: World, people: int, place: str = BARRIO) -> None:
    """So many people of a place, with a contact each by WhatsApp."""
    now, first = world.clock(), len(world.rows(Person)) + 1
    ids = range(first, first + people)
    world.put(Person, *[{"id": n, "consented_at": now, "notice": "x", "place": place} for n in ids])
    alike = {"channel": "whatsapp", "language": "es", "state": "active", "heard_at": now}
    world.put(Contact, *[{"id": n, "address": f"whatsapp:+57{n:010}", "person_id": n, **alike} for n in ids])


def sent(world: World, contact: int, out: datetime, took: timedelta | None, **more: object) -> None:
    """A message that went out then, and came after so long, if at all."""
    came = None if took is None else out + took
    row = {
        "lane": "whatsapp", "contact_id": contact, "kind": "announcement", "due_at": out, "created_at": out,
        "state": "delivered" if came else "sent", "delivered_at": came, "finished_at": came or out, "epoch": 0,
        "attempts": 1, "segments": 1, **more,
    }  # fmt: skip
    world.put(Outgoing, row)


def found(world: World) -> Mapping[str, Signal]:
    with reading(world.desk.engine) as connection:
        return every(connection)


NINE = datetime(2022, 11, 10, 9, 15, tzinfo=BOGOTA).astimezone(UTC)


def test_what_is_measured_of_a_unit(world: World) -> None:
    settle(world, 1)
    for _n in range(12):  # at once
        sent(world, 1, NINE, timedelta(minutes=2))
    for _n in range(16):  # after nine hours, at six in the evening
        sent(world, 1, NINE, timedelta(hours=9))
    for took in (None, timedelta(hours=24), timedelta(hours=30)):
        for _n in range(4):
            sent(world, 1, NINE, took)
    assert measurement.take(world.desk)
    signal = found(world)[UNIT]
    assert (signal.sample, signal.late, signal.seconds) == (40, 300, 10 * 3600)
    assert signal.hours == (9, 18)
    assert signal.measured_at == world.clock()


def test_an_hour_is_good_when_much_of_what_waits_arrives_in_it_and_not_when_much_is_sent(world: World) -> None:
    settle(world, 1)
    for _n in range(20):
        sent(world, 1, NINE, timedelta(minutes=1))
    for _n in range(60):
        sent(world, 1, NINE, timedelta(hours=9))
    for _n in range(20):
        sent(world, 1, NINE, None)
    measurement.take(world.desk)
    ranked = found(world)[UNIT].hours
    assert ranked == (9, 18)
    tally = measurement.Tally()
    tally.add(14, 14, 1, 20)
    tally.add(14, 23, 540, 60)
    tally.add(14, None, None, 20)
    assert (tally.arrived[14] / tally.waited[14], tally.arrived[23] / tally.waited[23]) == (0.2, 0.75)


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "reply"},
        {"lane": "telegram"},
        {"state": "failed", "error": "63016"},
        {"state": "superseded"},
        {"created_at": datetime(2022, 10, 19, 14, 59, tzinfo=UTC)},
        {"created_at": datetime(2022, 11, 15, 15, 1, tzinfo=UTC)},
    ],
)
def test_what_says_nothing_of_a_place_is_left_out(little_world: World, more: dict[str, object]) -> None:
    settle(little_world, 1)
    for _n in range(29):
        sent(little_world, 1, NINE, None, state="failed", error="30003")
    sent(little_world, 1, NINE, None, **more)
    measurement.take(little_world.desk)
    assert found(little_world) == {}


def test_thirty_messages_are_enough(little_world: World) -> None:
    settle(little_world, 1)
    for _n in range(30):
        sent(little_world, 1, NINE, None, state="failed", error="30003")
    measurement.take(little_world.desk)
    assert (found(little_world)[UNIT].sample, found(little_world)[UNIT].late) == (30, 1000)


def test_it_is_measured_once_a_day_and_every_process_hears_of_it(world: World) -> None:
    settle(world, 1)
    for _n in range(30):
        sent(world, 1, NINE, None)
    with reading(world.desk.engine) as connection:
        before = shelf.revision(connection)
    assert measurement.take(world.desk)
    assert not measurement.take(world.desk)
    with reading(world.desk.engine) as connection:
        city = world.desk.catalogue(connection, shelf.revision(connection))
        assert shelf.revision(connection) > before
    assert connectivity.profile(city, BARRIO) == "low"


def test_what_was_measured_goes_when_there_is_too_little_of_it_and_what_staff_said_stays(world: World) -> None:
    settle(world, 1)
    for _n in range(30):
        sent(world, 1, NINE, None)
    measurement.take(world.desk)
    account = {"id": 1, "login": "a", "name": "Ana", "roles": "administrator", "password": "x", "totp": b"x"}
    world.put(Account, {**account, "made_at": world.clock()})
    with transaction(world.desk.engine) as connection:
        state(connection, UNIT, "sms", 1, world.clock())
        state(connection, LOCALITY, "low", 1, world.clock())
    assert found(world)[UNIT].sample == 30
    world.clock.forward(days=29)
    measurement.take(world.desk)
    assert {code: (each.stated, each.sample) for code, each in found(world).items()} == {
        UNIT: ("sms", 0),
        LOCALITY: ("low", 0),
    }
    assert len(world.rows(Connectivity)) == 2


def test_measuring_takes_the_same_statements_however_many_units_there_are(little_world: World) -> None:
    counts = []
    for places in ((BARRIO,), ("bocachica", "bayunca", "manga")):
        for place in places:
            settle(little_world, 1, place)
            for _n in range(30):
                sent(little_world, len(little_world.rows(Person)), little_world.clock() - timedelta(days=2), None)
        little_world.clock.forward(days=1)
        little_world.statements.clear()
        assert measurement.take(little_world.desk)
        counts.append(len(little_world.statements))
    assert len(found(little_world)) == 4
    assert counts[1] <= counts[0] <= 16
