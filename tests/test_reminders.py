"""Reminders: when each is made, of whom, once, and what becomes of it when nothing ran or the dates moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot import lifecycle
from bot.announcements import announcing, reminders, selection
from bot.announcements.reminders import Planned, behind, calendar
from bot.announcements.words import composed
from bot.channels import gsm7, twilio
from bot.hours import Hours
from bot.messages import Reply
from flows.language import Local
from storage import announcements, audit
from storage.announcements import AnnouncementRow
from storage.database import reading, transaction
from storage.recipients import Recipient
from storage.turnouts import Turnout
from tests.announced import got, person, states, tick
from tests.console import account
from tests.world import World
from web.console.access import Role

SLUG = "cartagena-2022"
BOGOTA = ZoneInfo("America/Bogota")
HOURS = Hours.of({"holidays": "CO"}, "America/Bogota")
"""8 to 19, on Saturdays 8 to 13, never on Sundays and holidays."""


def local(words: str) -> datetime:
    return datetime.strptime(words, "%Y-%m-%d %H:%M").replace(tzinfo=BOGOTA)


def planned(opens: str, closes: str) -> list[str]:
    return [f"{each.kind} {each.at:%m-%d %H:%M} {each.until:%m-%d %H:%M}" for each in _calendar(opens, closes)]


def _calendar(opens: str, closes: str) -> list[reminders.Planned]:
    found = calendar(local(opens).astimezone(UTC), local(closes).astimezone(UTC), None, HOURS)
    return [reminders.Planned(p.kind, p.at.astimezone(BOGOTA), p.until.astimezone(BOGOTA)) for p in found]


@pytest.mark.parametrize(
    ("opens", "closes", "wanted"),
    [
        pytest.param(
            "2022-11-14 08:00", "2022-11-28 17:00",
            ["opens 11-14 08:00 11-21 12:30",
             "half 11-21 12:30 11-26 10:00",
             "two-days 11-26 10:00 11-28 14:00",
             "three-hours 11-28 14:00 11-28 17:00"],
            id="two weeks: two days before the close is a Saturday afternoon, so in its last allowed hours",
        ),
        pytest.param(
            "2022-11-14 08:00", "2022-11-25 17:00",
            ["opens 11-14 08:00 11-20 00:30",
             "half 11-20 00:30 11-23 17:00",
             "two-days 11-23 17:00 11-25 14:00",
             "three-hours 11-25 14:00 11-25 17:00"],
            id="eleven days: all of them",
        ),
        pytest.param(
            "2022-11-16 08:00", "2022-11-21 17:00",
            ["opens 11-16 08:00 11-19 00:30",
             "two-days 11-19 10:00 11-21 14:00",
             "three-hours 11-21 14:00 11-21 17:00"],
            id="over a weekend: half-time would come beside it",
        ),
        pytest.param(
            "2022-11-22 08:00", "2022-11-25 17:00",
            ["opens 11-22 08:00 11-23 17:00",
             "two-days 11-23 17:00 11-25 14:00",
             "three-hours 11-25 14:00 11-25 17:00"],
            id="three days: half-time would come beside two days before",
        ),
        pytest.param(
            "2022-11-22 08:00", "2022-11-23 18:00",
            ["opens 11-22 08:00 11-23 01:00", "three-hours 11-23 15:00 11-23 18:00"],
            id="two days",
        ),
        pytest.param("2022-11-22 08:00", "2022-11-22 12:00", ["opens 11-22 08:00 11-22 10:00"], id="a morning"),
        pytest.param(
            "2022-11-22 08:00", "2022-11-22 19:00",
            ["opens 11-22 08:00 11-22 13:30", "three-hours 11-22 16:00 11-22 19:00"],
            id="a day",
        ),
        pytest.param(
            "2022-11-14 08:00", "2022-11-24 04:00",
            ["opens 11-14 08:00 11-19 06:00",
             "half 11-19 06:00 11-21 16:00",
             "two-days 11-21 16:00 11-23 16:00",
             "three-hours 11-23 16:00 11-24 04:00"],
            id="closes at 4 in the morning: in the last three hours of the day before",
        ),
        pytest.param(
            "2022-11-14 08:00", "2022-11-25 00:00",
            ["opens 11-14 08:00 11-19 16:00",
             "half 11-19 16:00 11-22 16:00",
             "two-days 11-22 16:00 11-24 16:00",
             "three-hours 11-24 16:00 11-25 00:00"],
            id="closes at midnight",
        ),
        pytest.param(
            "2022-11-14 08:00", "2022-11-25 21:30",
            ["opens 11-14 08:00 11-20 02:45",
             "half 11-20 02:45 11-23 16:00",
             "two-days 11-23 16:00 11-25 16:00",
             "three-hours 11-25 16:00 11-25 21:30"],
            id="half an hour would be left: three hours of sending",
        ),
        pytest.param(
            "2022-11-10 08:00", "2022-11-21 04:00",
            ["opens 11-10 08:00 11-15 18:00",
             "half 11-15 18:00 11-18 16:00",
             "two-days 11-18 16:00 11-19 10:00",
             "three-hours 11-19 10:00 11-21 04:00"],
            id="closes in the night to a Monday: the last allowed hours are those of Saturday",
        ),
    ],
)  # fmt: skip
def test_what_is_planned(opens: str, closes: str, wanted: list[str]) -> None:
    assert planned(opens, closes) == wanted


def test_no_two_reminders_begin_on_the_same_half_day_and_none_after_its_use() -> None:
    opens = local("2022-11-14 08:00")
    for length in range(1, 24 * 16, 5):
        found = calendar(opens, opens + timedelta(hours=length), None, HOURS)
        begins = [HOURS.next(each.at) for each in found]
        assert all(b - a >= timedelta(hours=6) for a, b in pairwise(begins)), length
        assert all(b < each.until for b, each in zip(begins[1:], found[1:], strict=True)), length


def test_the_units_that_are_told_at_half_time_follow_from_what_the_page_shows() -> None:
    units = ["a", "b", "c", "d", "e"]
    assert behind(units, {"a": 40, "b": 20, "c": None}) == ["b", "c", "d", "e"]
    assert behind(units, {"a": 20, "b": 20, "c": 20, "d": 20, "e": 20}) == []
    assert behind(units, {}) == units
    # A hidden one is told whatever its number is, which these cells do not say.
    assert behind(units, {"a": 6, "b": None}) == behind(units, {"a": 900, "b": None})


@pytest.fixture
def told(world: World) -> World:
    """Somebody agreed to hear of votes; the clock has looked once, when the vote of 2022 was not open yet."""
    person(world)
    world.clock.now = opens(world) - timedelta(days=1)
    reminders.remind(world.desk, world.clock())
    world.clock.now = opens(world) + timedelta(minutes=1)
    return world


def opens(world: World) -> datetime:
    with reading(world.desk.engine) as connection:
        return world.desk.catalogue(connection, None).consultations[SLUG].row.opens_at


def made(world: World) -> dict[str, str]:
    return {row["kind"]: row["state"] for row in world.rows(AnnouncementRow)}


def test_a_second_run_makes_nothing(told: World) -> None:
    assert reminders.remind(told.desk, told.clock()) == {"approved": 1}
    assert not reminders.remind(told.desk, told.clock())
    assert made(told) == {"opens": "approved"}


def test_it_goes_out_in_the_hours_of_the_city_to_those_who_agreed(told: World) -> None:
    person(told, who=2, topics=("news",))
    reminders.remind(told.desk, told.clock())
    tick(told)
    assert got(told) == []  # it opened at midnight
    told.clock.now = HOURS.next(told.clock())
    tick(told)
    (text,) = got(told)
    assert text.startswith("Ya puede votar: Consulta de Gobierno Abierto 2022")
    assert "VOTAR 1 3" in text
    assert "BAJA" in text
    assert got(told, who=2) == []


def test_who_has_voted_is_not_reminded(told: World) -> None:
    told.clock.now = opens(told) + timedelta(hours=10)
    told.vote("1 4 6", who=3)
    told.say("sí", who=3)
    told.clock.now = last(told)
    reminders.remind(told.desk, told.clock())
    tick(told)
    assert len(told.rows(Recipient)) == 1
    assert got(told, who=3) == []


def last(world: World) -> datetime:
    with reading(world.desk.engine) as connection:
        listed = world.desk.catalogue(connection, None).consultations[SLUG]
        return {each.kind: each for each in reminders.of(listed, {}, world_hours(world))}["three-hours"].at


def world_hours(world: World) -> Hours:
    with reading(world.desk.engine) as connection:
        return world.desk.catalogue(connection, None).hours


def test_after_days_of_nothing_what_is_of_use_is_told_and_the_rest_is_recorded(told: World) -> None:
    told.clock.now = last(told) + timedelta(minutes=1)
    reminders.remind(told.desk, told.clock())
    assert {state for kind, state in made(told).items() if kind != "three-hours"} == {"dropped"}
    assert made(told)["three-hours"] == "approved"
    tick(told)
    assert [text.split("\n")[0] for text in got(told)] == [
        "Últimas horas para votar: Consulta de Gobierno Abierto 2022"
    ]


def test_what_a_vote_that_was_closed_early_leaves_out_is_no_failure(told: World) -> None:
    reminders.remind(told.desk, told.clock())
    told.clock.forward(hours=30)
    reminders.remind(told.desk, told.clock())
    before = made(told)
    lifecycle.close(told.desk.engine, SLUG, told.clock())
    told.clock.forward(minutes=1)
    reminders.remind(told.desk, told.clock())
    assert made(told) == before


def test_closing_early_cancels_what_is_under_way(told: World) -> None:
    reminders.remind(told.desk, told.clock())
    selection.select(told.desk, told.clock())
    lifecycle.close(told.desk.engine, SLUG, told.clock())
    tick(told)
    assert made(told) == {"opens": "cancelled"}
    assert states(told) == {("skipped", "closed"): 1}


def test_an_annulled_vote_reminds_of_nothing(told: World) -> None:
    lifecycle.annul(told.desk.engine, told.desk.keys, SLUG, "Faltó una propuesta.", told.clock())
    assert not reminders.remind(told.desk, told.clock())


def test_a_new_desk_records_nothing_of_votes_long_past(world: World) -> None:
    world.clock.forward(days=400)
    assert not reminders.remind(world.desk, world.clock())
    assert made(world) == {}


def test_the_result_goes_to_those_who_took_part_with_the_first_three(told: World) -> None:
    told.clock.now = opens(told) + timedelta(hours=10)
    told.vote("1 4 6", who=3)
    told.say("sí", who=3)
    told.clock.now = last(told) + timedelta(days=2)
    lifecycle.count(told.desk.engine, told.desk.keys, SLUG, told.clock())
    lifecycle.publish(told.desk.engine, SLUG, told.clock())
    told.clock.forward(minutes=1)
    reminders.remind(told.desk, told.clock())
    told.clock.now = HOURS.next(told.clock())
    tick(told)
    (text,) = got(told, who=3)
    assert "Usted votó. Esto fue lo que salió:" in text
    assert "1. Información pública completa y al día en internet: 1 votos" in text
    assert text.count(" votos") == 3
    assert "https://cuenta.example.test/consultas/cartagena-2022" in text
    assert got(told) == []


def test_half_time_is_told_where_fewer_than_the_average_voted(told: World) -> None:
    with reading(told.desk.engine) as connection:
        city = told.desk.catalogue(connection, None)
        units = [place.code for place in city.city.territory.places.values() if place.kind == "unit"]
        half = {p.kind: p for p in reminders.of(city.consultations[SLUG], {}, city.hours)}.get("half")
    if half is None:  # this vote is too short for it: the words and the places are what is tested
        half = reminders.Planned("half", told.clock(), told.clock() + timedelta(days=1))
    told.put(
        Turnout,
        {"consultation": SLUG, "at": told.clock(), "cells": f'{{"unit": {{"{units[0]}": 50, "{units[1]}": 10}}}}'},
    )
    with transaction(told.desk.engine) as connection:
        assert reminders._places(connection, city, SLUG) == tuple(units[1:])


def test_a_kind_is_switched_off_and_on_before_it_is_made(told: World) -> None:
    by = account(told, "participacion", [Role.PARTICIPATION])
    with transaction(told.desk.engine) as connection:
        city = told.desk.catalogue(connection, None)
        url, now = told.desk.public_url, told.clock()
        assert not reminders.switch(connection, city, SLUG, "opens", False, url, by, now)  # it is due already
        assert reminders.switch(connection, city, SLUG, "three-hours", False, url, by, now)
        assert not reminders.switch(connection, city, SLUG, "three-hours", False, url, by, now)
        assert reminders.switch(connection, city, SLUG, "result", False, url, by, now)
        assert reminders.switch(connection, city, SLUG, "result", True, url, by, now)
        assert not reminders.switch(connection, city, SLUG, "result", True, url, by, now)
    told.clock.now = last(told) + timedelta(minutes=1)
    reminders.remind(told.desk, told.clock())
    assert made(told)["three-hours"] == "cancelled"
    with reading(told.desk.engine) as connection:
        assert {"reminder.off", "reminder.on"} <= set(audit.actions(connection))


@pytest.mark.parametrize("title", ["Parques", "Consulta de la comuna 15: " + "parques y plazas para todos " * 3])
@pytest.mark.parametrize("kind", announcements.REMINDERS)
def test_the_words_of_each_kind_keep_to_their_lengths(kind: str, title: str, little_world: World) -> None:
    with reading(little_world.desk.engine) as connection:
        city = little_world.desk.catalogue(connection, None)
        listed = city.consultations[SLUG]
        listed = replace(listed, seen=replace(listed.seen, title=Local({"es": title, "en": title})))
        planned = reminders.Planned(kind, listed.row.opens_at, listed.row.closes_at)
        found = reminders.draft(connection, city, listed, planned, "https://cuenta.example.test")
    for language in ("es", "en"):
        words = found.words[language]
        assert len(words["title"]) <= announcing.MOST_TITLE
        assert len(words["text"]) <= announcing.MOST_TEXT
        assert announcing.segments(found, language) == 1
        assert words["short"] == gsm7.plain(words["short"])


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", ["opens", "half", "two-days", "three-hours"])
def test_by_sms_one_is_told_which_vote_until_when_and_how_to_vote_and_stop(
    told: World, kind: str, language: str
) -> None:
    with reading(told.desk.engine) as connection:
        city = told.desk.catalogue(connection, None)
        made = reminders.draft(
            connection, city, city.consultations[SLUG], Planned(kind, told.clock(), told.clock()), "https://x.test"
        )
    (part,) = twilio.SmsShape().shape(Reply(composed(made.words, language, True)))
    assert part.segments == 1
    wanted = {"es": ("Consulta", "21 de noviembre", "VOTAR 1 3", "BAJA"), "en": ("21 November", "VOTE 1 3", "BAJA")}
    assert [word for word in wanted[language] if word not in part.text] == [], part.text


def test_the_sms_with_a_result_is_not_a_bare_address(told: World) -> None:
    with reading(told.desk.engine) as connection:
        seen = told.desk.catalogue(connection, None).consultations[SLUG].seen
    votes = [(each.id, 9) for each in seen.proposals[:3]]
    for language in ("es", "en"):
        words = reminders._in(language, "result", seen, votes, "https://cuenta.cartagena.example")
        assert not words["short"].startswith("http"), words["short"]
