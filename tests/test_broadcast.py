"""Broadcasts: who is told of what once, when and on which channel, and what is known of it."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from bot import fates, own_data
from bot.announcements import announcing, broadcast, selection
from bot.announcements.templates import DECLARED
from storage import catalogue as shelf
from storage import connectivity, contacts, outbox, participants, recipients, spending
from storage.audiences import BY_SMS, Audience
from storage.contacts import Contact
from storage.database import columns, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.outbox import Outgoing
from storage.recipients import Recipient
from storage.spending import Spent
from storage.templates import TemplateRow
from tests.announced import WORDS, announce, another, got, move, one, outgoing, person, queued, states, tick, use
from tests.audience import at, sit
from tests.console import account
from tests.world import CARTAGENA, World
from web.console.access import Role

TEXT = "Reunión en el parque\n\nEl sábado a las 9 hablamos del parque.\n\nPara no recibir más: BAJA"
BRIEF = "Sábado 9: parque\nPara no recibir más: BAJA"


def place(world: World, kind: str) -> str:
    """The code of one of the city's places of a kind."""
    return str(next(row["code"] for row in world.rows(shelf.PlaceRow) if row["kind"] == kind))


def agree(world: World, who: int, scope: str = BY_SMS) -> None:
    with transaction(world.desk.engine) as connection:
        participants.follow(connection, who, scope, world.clock())


def spent(world: World) -> int:
    return sum(row["pesos"] for row in world.rows(Spent))


def city(world: World, folder: Path, *lines: str, **settings: str) -> None:
    """Load Cartagena with other rules of delivery."""
    made = Path(shutil.copytree(CARTAGENA, folder / "city"))
    text = (made / "delivery.toml").read_text("utf-8")
    for name, value in settings.items():
        found = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
        text = text.replace(found, f"{name} = {value}")
    (made / "delivery.toml").write_text("\n".join([text, *lines]), "utf-8")
    with transaction(world.desk.engine) as connection:
        load(connection, read_folder(made))


def approve(world: World, *languages: str) -> None:
    """Meta has approved the templates of these languages."""
    for each in DECLARED:
        if each.language in languages:
            values = {"name": each.name, "language": each.language, "sid": f"HX{each.name}", "category": each.category}
            world.put(TemplateRow, {**values, "digest": each.digest, "status": "approved", "reason": "",
                                    "checked_at": world.clock()})  # fmt: skip


# Who


def test_those_who_agreed_hear_of_it_once(world: World) -> None:
    person(world)
    person(world, who=2, topics=("news",))
    id = announce(world)
    assert tick(world) == 1
    assert got(world) == [TEXT]
    assert got(world, who=2) == []
    assert tick(world) == 0
    assert one(world, id).state == "sent"
    assert states(world) == {("settled", ""): 1}


def test_nothing_goes_before_its_hour_nor_without_approval(little_world: World) -> None:
    person(little_world)
    id = announce(little_world, send_at=little_world.clock() + timedelta(hours=1))
    move(little_world, id, "approved", "asked")
    little_world.clock.forward(hours=2)
    assert tick(little_world) == 0
    move(little_world, id, "asked", "approved")
    assert tick(little_world) == 1


def test_where_nobody_is_due_feeding_takes_no_lock(world: World) -> None:
    """While its last messages are under way an announcement is looked at every two seconds."""
    person(world)
    id = announce(world)
    tick(world)
    outgoing(world, state="sending")
    world.statements.clear()
    assert broadcast.feed(world.desk, {"telegram": 30}, world.clock()) == 0
    assert one(world, id).state == "sending"
    assert {each.split()[0] for each in world.statements} == {"SELECT"}


def test_a_channel_that_is_fetched_from_needs_no_lane(little_world: World) -> None:
    person(little_world, "sms", 1)
    announce(little_world)
    selection.select(little_world.desk, little_world.clock())
    assert broadcast.feed(little_world.desk, {}, little_world.clock()) == 0
    assert broadcast.feed(little_world.desk, {}, little_world.clock(), ("sms",)) == 1


def test_an_audience_may_be_empty_or_everybody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "SLICE", 3)
    for who in range(1, 9):
        person(world, who=who)
    nobody = announce(world, Audience(languages=("en",)))
    everybody = announce(world)
    assert tick(world) == 8
    tick(world)
    assert one(world, nobody).state == "sent"
    assert set(queued(world).values()) == {1}
    outgoing(world, state="sent")
    tick(world)
    assert one(world, everybody).state == "sent"
    assert len(queued(world)) == 8


def test_those_with_a_duty_need_no_topic(little_world: World) -> None:
    sit(little_world, person(little_world, topics=()))
    person(little_world, who=2)
    announce(little_world, Audience(roles=("seat",)))
    assert tick(little_world) == 1
    assert got(little_world) == [TEXT]


def test_people_who_share_a_phone_get_one_message(world: World) -> None:
    first = person(world)
    second = person(world, who=2)
    with transaction(world.desk.engine) as connection:
        contact = contacts.contacts_of(connection, first)[0].id
        use(connection, contact, second, world.clock())
        connection.execute(update(Contact).where(columns(Contact).id == contact).values(
            heard_at=world.clock() + timedelta(seconds=1)))  # fmt: skip
    announce(world)
    assert tick(world) == 1
    assert got(world) == [TEXT]


def test_one_person_with_several_contacts_gets_one_message_where_it_worked_last(world: World) -> None:
    who = person(world)
    world.clock.forward(hours=1)
    another(world, who, "whatsapp", 1)
    announce(world)
    assert tick(world) == 1
    assert got(world, "whatsapp") == [TEXT]


def test_in_the_language_of_the_contact(little_world: World) -> None:
    who = person(little_world)
    with transaction(little_world.desk.engine) as connection:
        contacts.change(connection, contacts.contacts_of(connection, who)[0].id, language="en")
    announce(little_world)
    tick(little_world)
    assert got(little_world)[0].startswith("Meeting in the park")


def test_by_sms_in_short_and_what_it_costs_is_counted(world: World) -> None:
    person(world, "sms")
    announce(world)
    tick(world)
    (row,) = world.rows(Recipient)
    assert row["cost"] == spent(world) == 220
    assert got(world, "sms") == ["Sabado 9: parque\nPara no recibir mas: BAJA"]


def test_a_number_of_another_country_gets_nothing(world: World) -> None:
    who = person(world, topics=())
    contact = another(world, who, "sms", 1)
    agree(world, who, "topic:votes")
    with transaction(world.desk.engine) as connection:
        later = {"address": "+15005550001", "heard_at": world.clock() + timedelta(seconds=1)}
        contacts.change(connection, contact, **later)
    announce(world)
    assert tick(world) == 0
    assert states(world) == {("skipped", "abroad"): 1}


def test_in_the_chat_of_the_browser_it_waits_to_be_fetched(little_world: World) -> None:
    person(little_world, "web")
    id = announce(little_world)
    assert tick(little_world) == 1
    assert got(little_world, "web") == [TEXT]
    outgoing(little_world, state="read")
    tick(little_world)
    assert one(little_world, id).state == "sent"


def test_a_channel_without_a_lane_waits(little_world: World) -> None:
    person(little_world, "sms")
    announce(little_world)
    assert tick(little_world, {"telegram": 30}) == 0
    assert states(little_world) == {("waiting", ""): 1}


# When


def test_at_night_it_waits_for_the_morning_unless_it_is_urgent(world: World) -> None:
    person(world)
    person(world, who=2, topics=("news",))
    world.clock.now = at("2022-11-16", "22:00")
    announce(world)
    announce(world, topic="news", urgent="Inundación")
    assert tick(world) == 1
    assert len(got(world, who=2)) == 1
    world.clock.now = at("2022-11-17", "07:59")
    assert tick(world) == 0
    world.clock.now = at("2022-11-17", "08:00")
    assert tick(world) == 1
    assert got(world) == [TEXT]


def test_a_place_has_hours_of_its_own(world: World, tmp_path: Path) -> None:
    barrio = place(world, "barrio")
    city(world, tmp_path, "[[hours]]", f'place = "{barrio}"', "weekdays = [6, 8]")
    person(world, place=barrio)
    person(world, who=2)
    world.clock.now = at("2022-11-16", "10:00")
    announce(world)
    assert tick(world) == 1
    assert got(world) == []
    world.clock.now = at("2022-11-17", "06:00")
    assert tick(world) == 1
    assert got(world) == [TEXT]


def test_where_no_hour_comes_before_it_is_worth_nothing_it_is_not_sent(little_world: World) -> None:
    person(little_world)
    little_world.clock.now = at("2022-11-19", "12:59")
    announce(little_world, until=at("2022-11-19", "14:00"))
    little_world.clock.now = at("2022-11-19", "13:30")
    assert tick(little_world) == 0
    little_world.clock.now = at("2022-11-19", "14:00")
    tick(little_world)
    assert states(little_world) == {("skipped", "late"): 1}


def test_the_hour_at_which_one_opens_follows_the_clocks(sqlite_url: str, tmp_path: Path) -> None:
    made = Path(shutil.copytree(CARTAGENA, tmp_path / "city"))
    text = (made / "city.toml").read_text("utf-8").replace("America/Bogota", "America/New_York")
    (made / "city.toml").write_text(text, "utf-8")
    world = World.on(sqlite_url, tmp_path).load(made)
    for day, hour in (("2023-03-10", 13), ("2023-03-13", 12)):  # the clocks went forward on the 12th
        who = int(day[-2:])
        world.clock.now = datetime.fromisoformat(f"{day}T{hour - 1:02}:59:00+00:00")
        person(world, who=who)
        announce(world, until=world.clock() + timedelta(hours=5))
        assert tick(world) == 0
        world.clock.forward(minutes=1)
        assert tick(world) >= 1
        assert got(world, who=who) == [TEXT]
    world.desk.engine.dispose()


def test_weak_places_get_the_short_form_at_their_best_hour(world: World) -> None:
    unit = place(world, "unit")
    with transaction(world.desk.engine) as connection:
        connectivity.measure(connection, {unit: connectivity.Signal(sample=50, hours=(17,))}, world.clock())
        connection.execute(update(connectivity.Connectivity).values(stated="low"))
        shelf.changed(connection)
    person(world, place=unit)
    announce(world)
    assert tick(world) == 0
    world.clock.now = at("2022-11-16", "17:00")
    assert tick(world) == 1
    assert got(world) == [BRIEF]


def test_a_person_is_written_to_so_often_in_a_week(world: World) -> None:
    person(world)
    for number in range(3):
        announce(world)
        assert tick(world) == 1
        outgoing(world, state="sent")
        world.clock.forward(minutes=number + 1)
    id = announce(world, until=world.clock() + timedelta(days=14))
    assert tick(world) == 0
    assert states(world)["waiting", "cap"] == 1
    announce(world, urgent="Inundación")
    assert tick(world) == 1
    announce(world, until=world.clock() + timedelta(days=1))
    assert tick(world) == 0
    assert states(world)["skipped", "cap"] == 1
    world.clock.forward(days=7)
    assert tick(world) == 1
    assert one(world, id).state == "sending"


def test_duties_do_not_count_for_the_week(little_world: World) -> None:
    sit(little_world, person(little_world))
    for _n in range(5):
        announce(little_world, Audience(roles=("seat",)))
    assert tick(little_world) == 5


def test_what_comes_too_late_is_dropped(little_world: World) -> None:
    person(little_world)
    id = announce(little_world)
    little_world.clock.forward(days=8)
    assert tick(little_world) == 0
    assert one(little_world, id).state == "dropped"


def test_after_three_days_down_it_goes_on_where_it_was(world: World) -> None:
    for who in range(1, 9):
        person(world, who=who)
    id = announce(world)
    assert tick(world, {"telegram": 1}) == 4
    world.clock.now = at("2022-11-21", "10:00")
    with transaction(world.desk.engine) as connection:
        outbox.give_up(connection, world.clock() - timedelta(hours=24), world.clock())
    tick(world)
    tick(world)
    assert sum(1 for row in world.rows(Outgoing) if row["state"] == "queued") == 8
    world.clock.now = at("2022-11-23", "10:00")
    tick(world)
    tick(world)
    assert states(world) == {("skipped", "late"): 8}
    assert one(world, id).state == "sent"


# Whatever changes in between


@pytest.mark.parametrize("reason", ["stopped", "blocked", "withdrawn", "voted", "changed"])
def test_what_changed_since_they_were_selected_counts(world: World, reason: str) -> None:
    where = place(world, "barrio")
    who = person(world, place=where)
    voted = {"voted_in": "cartagena-2022"} if reason == "voted" else {}
    places = {"places": (where,)} if reason == "changed" else {}
    announce(world, Audience(**voted, **places))  # type: ignore[arg-type]
    selection.select(world.desk, world.clock())
    with transaction(world.desk.engine) as connection:
        contact = contacts.contacts_of(connection, who)[0].id
        if reason == "stopped":
            contacts.opt_out(connection, contact)
        elif reason == "blocked":
            contacts.block(connection, contact)
        elif reason == "withdrawn":
            participants.unfollow(connection, who, "topic:votes")
        elif reason == "changed":
            contacts.lock_person(connection, who, {"place": ""})
            connection.execute(update(contacts.Person).values(place=None))
    if reason == "voted":
        world.vote("1", age="1", sex="1")
    assert tick(world) == 0
    assert states(world) == {("skipped", reason): 1}


def test_who_withdraws_while_it_waits_in_the_outbox_does_not_get_it(world: World) -> None:
    who = person(world)
    person(world, who=2)
    announce(world)
    assert tick(world) == 2
    with transaction(world.desk.engine) as connection:
        participants.unfollow(connection, who, "topic:votes")
    tick(world)
    assert got(world) == []
    assert got(world, who=2) == [TEXT]
    assert states(world)["skipped", "withdrawn"] == 1


def test_pausing_acts_at_once_and_nobody_is_lost(world: World) -> None:
    for who in range(1, 4):
        person(world, who=who)
    id = announce(world)
    assert tick(world) == 3
    got(world)
    move(world, id, "sending", "paused", hold="staff")
    assert tick(world) == 0
    assert got(world, who=2) == []
    assert states(world) == {("waiting", ""): 2, ("settled", ""): 1}
    move(world, id, "paused", "sending", hold="")
    assert tick(world) == 2
    assert [got(world, who=who) for who in (1, 2, 3)] == [[], [TEXT], [TEXT]]


def test_cancelling_acts_at_once(world: World) -> None:
    for who in range(1, 4):
        person(world, who=who)
    id = announce(world)
    tick(world)
    got(world)
    move(world, id, "sending", "cancelled")
    tick(world)
    assert got(world, who=2) == []
    assert states(world) == {("skipped", "cancelled"): 2, ("settled", ""): 1}
    assert one(world, id).finished_at == world.clock()


def test_who_cancels_in_the_console_leaves_nobody_waiting(world: World) -> None:
    for who in range(1, 4):
        person(world, who=who)
    id = announce(world)
    ana = account(world, "ana", [Role.APPROVER])
    tick(world, {"telegram": 0.25})
    with transaction(world.desk.engine) as connection:
        announcing.cancel(connection, id, ana, world.clock())
    tick(world)
    assert states(world) == {("skipped", "cancelled"): 3}
    assert got(world) == []
    assert one(world, id).finished_at == world.clock()


def test_when_its_consultation_closes_the_rest_of_a_reminder_is_cancelled(world: World) -> None:
    for who in range(1, 4):
        person(world, who=who)
    id = announce(world, kind="two-days", subject="cartagena-2022", until=world.clock() + timedelta(days=30))
    assert tick(world, {"telegram": 0.25}) == 1
    got(world)
    world.clock.now = at("2022-11-22", "10:00")
    tick(world)
    assert states(world) == {("skipped", "closed"): 2, ("settled", ""): 1}
    made = one(world, id)
    assert (made.state, made.hold, made.finished_at) == ("cancelled", "closed", world.clock())


def test_that_a_result_is_out_is_told_after_the_close(little_world: World) -> None:
    person(little_world)
    little_world.clock.now = at("2022-11-23", "10:00")
    announce(little_world, kind="result", subject="cartagena-2022")
    assert tick(little_world) == 1


def test_an_announcement_to_a_place_that_is_gone_is_held(world: World) -> None:
    where = place(world, "barrio")
    for who in (1, 2):
        person(world, who=who, place=where)
    id = announce(world, Audience(places=(where,)))
    gone = announce(world, Audience(places=("no-such-place",)))
    assert tick(world, {"telegram": 0.25}) == 1
    got(world)
    assert (one(world, gone).state, one(world, gone).hold) == ("paused", "audience")
    with transaction(world.desk.engine) as connection:
        connection.execute(update(shelf.PlaceRow).where(columns(shelf.PlaceRow).code == where).values(code="renamed"))
        shelf.changed(connection)
    assert tick(world) == 0
    assert (one(world, id).state, one(world, id).hold) == ("paused", "audience")
    assert states(world)["waiting", ""] == 1


@pytest.mark.parametrize("words", [{"text": "a" * 5000}, {"title": "a\nb"}, {"short": "a" * 2000}])
def test_words_that_take_more_than_one_message_are_held(little_world: World, words: dict[str, str]) -> None:
    person(little_world)
    id = announce(little_world, words={"es": {**WORDS["es"], **words}})
    assert tick(little_world) == 0
    assert (one(little_world, id).state, one(little_world, id).hold) == ("paused", "words")


def test_two_who_turn_out_to_be_one_are_told_once(world: World) -> None:
    people = [person(world, who=who) for who in range(1, 7)]
    id = announce(world)
    selection.select(world.desk, world.clock())
    assert len(world.rows(Recipient)) == 6

    def become(who: int, state: str) -> None:
        with transaction(world.desk.engine) as connection:
            mine = columns(Recipient).person_id == people[who]
            connection.execute(update(Recipient).where(mine).values(state=state))

    for who, state in enumerate(("waiting", "settled", "skipped", "waiting", "queued", "waiting")):
        become(who, state)
    with transaction(world.desk.engine) as connection:
        for kept, gone in ((0, 1), (2, 3), (4, 5)):
            recipients.rename(connection, people[kept], people[gone])
            participants.rename(connection, people[kept], people[gone])
            contacts.merge(connection, people[kept], people[gone])
    found = {row["person_id"]: row["state"] for row in world.rows(Recipient)}
    assert found == {people[0]: "settled", people[2]: "waiting", people[4]: "queued"}
    assert tick(world) == 1
    assert id == 1


def test_who_is_forgotten_is_told_nothing(world: World) -> None:
    who = person(world)
    id = announce(world)
    selection.select(world.desk, world.clock())
    with transaction(world.desk.engine) as connection:
        contacts.forget(connection, who)
    assert tick(world) == 0
    assert world.rows(Recipient) == []
    assert one(world, id).state == "sent"


def test_who_deletes_everything_gets_nothing_that_waits_in_the_outbox(world: World) -> None:
    who = person(world)
    person(world, who=2)
    announce(world)
    assert tick(world) == 2
    city = world.desk.city()
    assert city is not None
    with transaction(world.desk.engine) as connection:
        assert own_data.erase(connection, city, world.desk.keys, who, world.clock())
    assert got(world) == []
    assert got(world, who=2) == [TEXT]


# WhatsApp's window


def test_outside_of_the_window_whatsapp_takes_templates_only(world: World) -> None:
    person(world, "whatsapp")
    announce(world)
    world.clock.forward(hours=24)
    assert tick(world) == 0
    assert states(world) == {("waiting", "template"): 1}
    approve(world, "es")
    world.clock.forward(hours=1)
    assert tick(world) == 1
    (text,) = got(world, "whatsapp")
    assert "Reunión en el parque" in text
    assert "LEER" in text
    assert "El sábado" not in text
    assert spent(world) == 25


def test_within_the_window_whatsapp_takes_any_words(little_world: World) -> None:
    person(little_world, "whatsapp")
    approve(little_world, "es")
    announce(little_world)
    assert tick(little_world) == 1
    assert got(little_world, "whatsapp") == [TEXT]
    assert spent(little_world) == 20


def test_without_a_template_it_goes_by_sms_to_those_who_agreed(world: World) -> None:
    who = person(world, "whatsapp")
    another(world, who, "sms", 1)
    with transaction(world.desk.engine) as connection:
        mine = columns(Contact).channel == "sms"
        connection.execute(update(Contact).where(mine).values(heard_at=world.clock() - timedelta(days=2)))
    announce(world, until=world.clock() + timedelta(days=2))
    world.clock.forward(hours=24)
    assert tick(world) == 0
    agree(world, who)
    world.clock.forward(hours=1)
    tick(world)
    tick(world)
    assert len(got(world, "sms")) == 1
    assert len(queued(world)) == 1


def decline(world: World, contact: int) -> None:
    with transaction(world.desk.engine) as connection:
        contacts.decline(connection, contact, world.clock())


def test_who_declined_marketing_gets_no_such_template(world: World) -> None:
    """Nor does one number after another that declined; words within the window are no template."""
    approve(world, "es")
    alone, twice, several = (person(world, "whatsapp", who, ("news",)) for who in (1, 2, 3))
    another(world, twice, "whatsapp", 4)
    another(world, several, "sms", 3)
    world.clock.forward(minutes=1)
    fresh = person(world, "whatsapp", 5, ("news",))
    for who in (alone, twice, several, fresh):
        with transaction(world.desk.engine) as connection:
            known = contacts.contacts_of(connection, who)
        for each in known:
            if each.channel == "whatsapp":
                decline(world, each.id)
    world.clock.forward(hours=24, minutes=-1)
    announce(world, topic="news", category="marketing")
    tick(world)
    tick(world)
    assert states(world) == {("skipped", "declined"): 2, ("queued", ""): 2}
    assert [bool(got(world, "whatsapp", who)) for who in (1, 2, 3, 4, 5)] == [False, False, False, False, True]
    assert len(got(world, "sms", 3)) == 1


def test_who_declined_marketing_gets_what_is_none(little_world: World) -> None:
    approve(little_world, "es")
    who = person(little_world, "whatsapp")
    with transaction(little_world.desk.engine) as connection:
        (contact,) = contacts.contacts_of(connection, who)
    decline(little_world, contact.id)
    little_world.clock.forward(hours=24)
    announce(little_world)
    assert tick(little_world) == 1


def test_who_declined_marketing_on_one_number_is_told_on_the_other(little_world: World) -> None:
    approve(little_world, "es")
    who = person(little_world, "whatsapp", 1, ("news",))
    little_world.clock.forward(minutes=-5)
    another(little_world, who, "whatsapp", 2)
    with transaction(little_world.desk.engine) as connection:
        first, _second = contacts.contacts_of(connection, who)
    decline(little_world, first.id)
    little_world.clock.forward(hours=25)
    announce(little_world, topic="news", category="marketing")
    tick(little_world)
    assert len(got(little_world, "whatsapp", 2)) == 1


def test_a_template_that_comes_too_late_leaves_them_untold(little_world: World) -> None:
    person(little_world, "whatsapp")
    little_world.clock.forward(hours=24)
    announce(little_world, until=little_world.clock() + timedelta(minutes=30))
    tick(little_world)
    assert states(little_world) == {("skipped", "template"): 1}


# What became of it


def failed(world: World, error: str, **more: Any) -> None:
    """The provider took them, and said later that they failed."""
    outgoing(world, **{"state": "failed", "error": error, "finished_at": world.clock(), "provider_id": "SM1", **more})


def test_what_failed_for_now_is_tried_again_later_and_not_for_ever(world: World) -> None:
    person(world, "sms")
    id = announce(world)
    tick(world)
    failed(world, "30003")
    tick(world)
    assert states(world) == {("waiting", ""): 1}
    assert tick(world) == 0
    world.clock.forward(hours=1)
    assert tick(world) == 1
    failed(world, "30003")
    world.clock.forward(minutes=1)
    tick(world)
    assert states(world) == {("settled", ""): 1}
    assert one(world, id).state == "sent"
    assert spent(world) == 440


def test_what_will_never_pass_is_not_tried_again(little_world: World) -> None:
    person(little_world, "sms")
    announce(little_world)
    tick(little_world)
    failed(little_world, "30007")
    tick(little_world)
    little_world.clock.forward(days=1)
    assert tick(little_world) == 0
    assert states(little_world) == {("settled", ""): 1}


def test_two_contacts_that_refuse_are_not_tried_in_turn_for_ever(little_world: World) -> None:
    another(little_world, person(little_world), "telegram", 2)
    announce(little_world)
    for _n in range(20):
        tick(little_world)
        failed(little_world, "400", provider_id=None)
    tick(little_world)
    assert states(little_world) == {("settled", ""): 1}
    assert sum(queued(little_world).values()) == fates.MOST


def test_who_cannot_be_reached_there_is_told_elsewhere(world: World) -> None:
    who = person(world)
    world.clock.forward(hours=1)
    contact = another(world, who, "whatsapp", 1)
    announce(world)
    tick(world)
    with transaction(world.desk.engine) as connection:
        contacts.block(connection, contact)
    failed(world, "63024")
    tick(world)
    assert tick(world) == 1
    assert got(world) == [TEXT]


def test_what_whatsapp_does_not_deliver_follows_by_sms_where_they_agreed(world: World) -> None:
    people = [person(world, "whatsapp", who) for who in (1, 2)]
    world.clock.forward(minutes=-10)
    for who, id in enumerate(people, 1):
        another(world, id, "sms", who)
    world.clock.forward(minutes=10)
    agree(world, people[0])
    id = announce(world)
    assert tick(world) == 2
    outgoing(world, state="sent", finished_at=world.clock())
    world.clock.now = at("2022-11-16", "21:00")
    tick(world)
    assert states(world) == {("queued", ""): 2}
    world.clock.now = at("2022-11-17", "09:00")
    tick(world)
    assert tick(world) == 1
    assert len(got(world, "sms")) == 1
    assert got(world, "sms", 2) == []
    assert one(world, id).state == "sending"
    outgoing(world, state="delivered")
    tick(world)
    assert one(world, id).state == "sent"


def test_an_sms_does_not_follow_what_arrived_after_all(world: World) -> None:
    who = person(world, "whatsapp")
    world.clock.forward(minutes=-10)
    another(world, who, "sms", 1)
    world.clock.forward(minutes=10)
    agree(world, who)
    announce(world)
    tick(world)
    outgoing(world, state="sent", finished_at=world.clock())
    world.clock.now = at("2022-11-16", "23:00")
    tick(world)  # the SMS waits for the morning
    outgoing(world, state="delivered")
    world.clock.now = at("2022-11-17", "09:00")
    assert tick(world) == 0
    assert states(world) == {("settled", ""): 1}


def test_what_is_uncertain_is_never_sent_again(world: World) -> None:
    person(world)
    id = announce(world)
    tick(world)
    outgoing(world, state="uncertain")
    tick(world)
    assert one(world, id).state == "sent"  # nothing will ever be done about it
    world.clock.forward(days=2)
    with transaction(world.desk.engine) as connection:
        outbox.give_up(connection, world.clock() - timedelta(hours=24), world.clock())
    assert tick(world) == 0
    assert sum(queued(world).values()) == 1
    assert {row["error"] for row in world.rows(Outgoing)} == {"uncertain"}


# The ceiling


def test_at_the_ceiling_it_is_held_and_goes_on_the_next_day(world: World, tmp_path: Path) -> None:
    city(world, tmp_path, daily="500")
    for who in range(1, 6):
        person(world, "sms", who)
    id = announce(world)
    assert tick(world) == 2  # and it is held
    assert sum(queued(world).values()) == 2
    assert (one(world, id).state, one(world, id).hold) == ("paused", "ceiling")
    assert spent(world) == 440
    assert tick(world) == 0
    assert sum(queued(world).values()) == 2  # what is paid for is not taken back
    world.clock.forward(days=1)
    tick(world)
    tick(world)
    assert sum(queued(world).values()) == 4
    world.clock.forward(days=1)
    tick(world)
    tick(world)
    assert len(queued(world)) == 5
    assert set(queued(world).values()) == {1}


def test_at_the_ceiling_channels_that_cost_nothing_go_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "SLICE", 4)
    city(world, tmp_path, daily="300")
    for who in range(1, 4):
        person(world, "sms", who)
        person(world, "whatsapp", who)
        person(world, "telegram", who)
        person(world, "web", who)
    id = announce(world)
    selection._begin(world.desk, world.desk.city(), one(world, id), world.clock())  # type: ignore[arg-type]
    assert selection._slice(world.desk, world.desk.city(), one(world, id), world.clock())  # type: ignore[arg-type]
    move(world, id, "sending", "paused", hold="ceiling")
    with transaction(world.desk.engine) as connection:
        spending.spend(connection, world.clock().date(), "announcements", 300, 300)
    tick(world)
    assert (one(world, id).state, one(world, id).hold) == ("paused", "ceiling")
    assert states(world)["waiting", ""] == 6
    assert [got(world, channel, 3) for channel in ("sms", "whatsapp", "telegram", "web")] == [[], [], [TEXT], [TEXT]]


def test_what_the_ceiling_holds_staff_can_pause(world: World, tmp_path: Path) -> None:
    city(world, tmp_path, daily="300")
    for who in range(1, 4):
        person(world, "sms", who)
        person(world, "telegram", who)
    id = announce(world)
    tick(world, {"sms": 10, "telegram": 0.25})
    assert one(world, id).hold == "ceiling"
    with transaction(world.desk.engine) as connection:
        announcing.pause(connection, id, 1, world.clock())
    world.clock.forward(days=1)
    assert tick(world) == 0
    assert (one(world, id).state, one(world, id).hold) == ("paused", "staff")


def test_at_the_ceiling_it_goes_on_when_the_staff_raise_it(little_world: World, tmp_path: Path) -> None:
    city(little_world, tmp_path, daily="300")
    for who in range(1, 4):
        person(little_world, "sms", who)
    id = announce(little_world)
    tick(little_world)
    assert one(little_world, id).hold == "ceiling"
    city(little_world, tmp_path / "more", daily="1000")
    tick(little_world)
    assert one(little_world, id).state == "sending"
    tick(little_world)
    assert len(queued(little_world)) == 3


def costs(world: World) -> int:
    return sum(row["cost"] for row in world.rows(Recipient))


@pytest.mark.parametrize("way", ["paused", "cancelled", "withdrawn", "late"])
def test_what_is_taken_back_costs_nothing(world: World, way: str) -> None:
    people = [person(world, "sms", who) for who in (1, 2)]
    id = announce(world, until=world.clock() + timedelta(hours=1))
    tick(world)
    assert spent(world) == costs(world) == 440
    got(world, "sms")  # the first one was sent
    if way == "withdrawn":
        with transaction(world.desk.engine) as connection:
            participants.unfollow(connection, people[1], "topic:votes")
    elif way == "late":
        world.clock.forward(hours=1)
    else:
        move(world, id, "sending", way)
    tick(world)
    assert spent(world) == costs(world) == 220
    tick(world)
    assert spent(world) == costs(world) == 220


def test_what_was_tried_again_and_taken_back_costs_what_was_sent(world: World) -> None:
    person(world, "sms")
    id = announce(world)
    tick(world)
    failed(world, "30003")
    tick(world)
    world.clock.forward(days=1)
    tick(world)
    assert spent(world) == costs(world) == 440
    move(world, id, "sending", "paused", hold="staff")
    tick(world)
    assert costs(world) == 220
    assert sorted(row["pesos"] for row in world.rows(Spent)) == [0, 220]


def test_a_sum_is_never_below_zero(little_world: World) -> None:
    person(little_world, "sms")
    id = announce(little_world)
    tick(little_world)
    with transaction(little_world.desk.engine) as connection:
        connection.execute(update(Spent).values(pesos=100))
    move(little_world, id, "sending", "paused", hold="staff")
    tick(little_world)
    assert spent(little_world) == costs(little_world) == 0


@pytest.mark.parametrize(("error", "cost"), [("21408", 0), ("stopped", 0), ("expired", 0), ("uncertain", 220)])
def test_what_no_provider_took_costs_nothing(world: World, error: str, cost: int) -> None:
    person(world, "sms")
    announce(world, until=world.clock() + timedelta(hours=1))
    tick(world)
    failed(world, error, provider_id=None)
    world.clock.forward(hours=1)
    tick(world)
    assert spent(world) == costs(world) == cost


def test_what_costs_nothing_knows_no_ceiling(little_world: World, tmp_path: Path) -> None:
    city(little_world, tmp_path, daily="0")
    person(little_world)
    announce(little_world)
    assert tick(little_world) == 1


# How much at once


def test_the_outbox_holds_little_more_than_a_lane_sends_until_the_next_tick(world: World) -> None:
    for who in range(1, 40):
        person(world, who=who)
    announce(world)
    assert tick(world, {"telegram": 5}) == 20
    assert tick(world, {"telegram": 5}) == 0
    got(world)
    assert tick(world, {"telegram": 5}) == 1


def test_what_is_urgent_goes_first(little_world: World) -> None:
    for who in range(1, 7):
        person(little_world, who=who)
    announce(little_world)
    urgent = announce(little_world, urgent="Inundación")
    assert tick(little_world, {"telegram": 1}) == 4
    assert {row["announcement_id"] for row in little_world.rows(Recipient) if row["state"] == "queued"} == {urgent}


def test_the_log_has_nothing_but_numbers_and_names_of_ours(little_world: World, tmp_path: Path) -> None:
    city(little_world, tmp_path, daily="300")
    for channel in ("telegram", "whatsapp", "sms"):
        for who in range(1, 4):
            person(little_world, channel, who)
    with capture_logs() as said:
        id = announce(little_world)
        tick(little_world)
        tick(little_world)
        move(little_world, id, "paused", "cancelled")
        tick(little_world)
        little_world.clock.forward(days=4)
        tick(little_world)
    known = {"broadcast.begun", "broadcast.selected", "broadcast.fed", "broadcast.ceiling", "broadcast.recalled"}
    assert {entry["event"] for entry in said} >= known
    for entry in said:
        words = [
            value for name, value in entry.items() if name not in ("event", "log_level") and type(value) is not int
        ]
        assert set(words) <= {"sending", "paused", "dropped"}
