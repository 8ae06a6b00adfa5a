"""The calendar of a consultation in the console: what will go out, to how many, and what is switched off."""

import pytest
from flask import Flask

from bot.announcements import reminders
from cli import wiring
from storage.announcements import AnnouncementRow
from tests.announcing import agree
from tests.console import signed_in
from tests.world import World
from web.console.access import Role

HERE = "/consola/consultas/cartagena-2022/recordatorios"


@pytest.fixture
def app(little_world: World) -> Flask:
    """The vote of 2022 is open: it was opened by the clock an hour ago."""
    return wiring.app(little_world.settings, little_world.clock)


def test_the_calendar_tells_day_by_day_what_will_go_out(app: Flask, little_world: World) -> None:
    agree(little_world, 1_000, 42, topic="votes")
    page = signed_in(app, little_world, Role.AUDITOR).get(HERE).text
    assert page.index("Faltan dos días") < page.index("Las últimas horas") < page.index("Cuando se publique")
    assert "cerca de 40 personas" in page
    assert "9.900 pesos" in page  # 42 messages of 220, rounded up to five more
    assert "Apagarlo" not in page


def test_what_was_made_stands_with_what_became_of_it(app: Flask, little_world: World) -> None:
    reminders.remind(little_world.desk, little_world.clock())
    assert "Está saliendo" in signed_in(app, little_world, Role.APPROVER).get(HERE).text


def test_participation_switches_a_reminder_off_and_on_again(app: Flask, little_world: World) -> None:
    who = signed_in(app, little_world, Role.PARTICIPATION)
    assert who.post(f"{HERE}/cambiar", {"kind": "three-hours", "on": "0"}).status_code == 303
    assert "Apagado" in who.get(HERE).text
    assert [(row["kind"], row["state"]) for row in little_world.rows(AnnouncementRow)] == [("three-hours", "cancelled")]
    assert who.post(f"{HERE}/cambiar", {"kind": "three-hours", "on": "0"}).status_code == 409
    assert who.post(f"{HERE}/cambiar", {"kind": "three-hours", "on": "1"}).status_code == 303
    assert little_world.rows(AnnouncementRow) == []


@pytest.mark.parametrize("kind", ["", "announcement", "opens", "x" * 100])
def test_what_is_due_already_or_is_no_reminder_cannot_be_switched(kind: str, app: Flask, little_world: World) -> None:
    little_world.clock.forward(days=4)
    who = signed_in(app, little_world, Role.PARTICIPATION)
    assert who.post(f"{HERE}/cambiar", {"kind": kind, "on": "0"}).status_code == 409


def test_others_look_and_cannot_switch(app: Flask, little_world: World) -> None:
    who = signed_in(app, little_world, Role.COMMUNICATIONS)
    assert who.get(HERE).status_code == 200
    assert who.post(f"{HERE}/cambiar", {"kind": "three-hours", "on": "0"}).status_code == 403
