"""One person, one vote: what stands against a second ballot, and what happens when two chats become one person."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot import upkeep
from bot.channels import telegram
from storage import catalogue
from storage.ballots import CODE_LETTERS, Ballot, Roll, Tombstone
from storage.consultations import ConsultationRow
from storage.contacts import Contact, Housemate, Person
from storage.database import transaction
from storage.parked import ParkedError
from tests.test_turn import write
from tests.world import World, address, incoming, telegram_text

CODE = re.compile(rf"\b[{CODE_LETTERS}]{{10}}\b")
SLUG = "cartagena-2022"
FIRST_VOTE = ("votar", "1", "3", "2", "1 4 6", "1")
DELETE = ("privacidad", "3", "1")


def rules(world: World, **changed: object) -> None:
    """The rules as another city would have written them."""
    row = world.rows(ConsultationRow)[0]
    with transaction(world.desk.engine) as connection:
        kept = json.dumps({**json.loads(row["rules"]), **changed})
        connection.execute(update(ConsultationRow).values(rules=kept))
        catalogue.changed(connection)


def share_phone(world: World, phone: str, who: int = 1) -> str:
    """The chat's button that shares one's own number, on Telegram."""
    write(world, "privacidad", "4", who=who)
    where = address("telegram", who)
    update = telegram_text(next(world._ids), where, "")
    del update["message"]["text"]
    update["message"]["contact"] = {"user_id": int(where), "phone_number": phone, "first_name": "X"}
    told = telegram.read(update)
    assert told is not None
    return world.take(told)[-1].text


# Deleting oneself gives nobody a second ballot


def test_those_who_voted_and_left_still_fill_the_phone(world: World) -> None:
    rules(world, people_per_contact=2)
    for number in range(1, 5):  # all of them agree before anybody votes
        write(world, "otra persona", str(number)) if number > 1 else None
        write(world, "menú", "1")
    world.clock.forward(minutes=1)
    got = []
    for _n in range(4):
        got.append(write(world, "votar", "3", "2", "1 4", "1"))
        write(world, *DELETE)
        write(world, "otra persona", "1")
    assert ["ecibo" in text for text in got] == [True, True, False, False]
    assert len(world.rows(Ballot)) == 2
    assert [row["voters"] for row in world.rows(Tombstone)] == [2]


def test_whoever_left_and_comes_back_has_no_second_ballot(world: World) -> None:
    write(world, *FIRST_VOTE)
    write(world, *DELETE)
    world.clock.forward(minutes=1)
    assert "ecibo" not in write(world, *FIRST_VOTE)
    assert len(world.rows(Ballot)) == 1


def test_without_the_ballot_key_nothing_is_deleted_and_they_are_told(world: World) -> None:
    write(world, *FIRST_VOTE)
    key = world.settings.ballot_keys_dir / f"ballots-{SLUG}.key"
    kept = key.read_bytes()
    key.unlink()
    assert "Intente otra vez en una hora" in write(world, *DELETE)
    assert (len(world.rows(Person)), world.rows(ParkedError)) == (1, [])
    key.write_bytes(kept)
    assert "Sus datos se borraron" in write(world, *DELETE) or world.rows(Person) == []
    assert (world.rows(Person), len(world.rows(Tombstone))) == ([], 1)


# Where the rules ask for a number


def test_a_number_has_one_ballot_whichever_channel_it_writes_on(world: World) -> None:
    rules(world, identity="phone", people_per_contact=1)
    phone = "+573000000077"
    for channel, where in (("sms", phone), ("whatsapp", f"whatsapp:{phone}")):
        for text in FIRST_VOTE:
            got = world.take(incoming(channel, where, text, next(world._ids)))
        assert ("ecibo" in got[-1].text) == (channel == "sms"), channel
    assert len(world.rows(Ballot)) == 1


def test_a_number_that_left_on_one_channel_has_no_ballot_on_another(world: World) -> None:
    rules(world, identity="phone", people_per_contact=1)
    phone = "+573000000077"
    for text in (*FIRST_VOTE, *DELETE):
        world.take(incoming("sms", phone, text, next(world._ids)))
    world.clock.forward(minutes=1)
    for text in FIRST_VOTE:
        got = world.take(incoming("whatsapp", f"whatsapp:{phone}", text, next(world._ids)))
    assert "ecibo" not in got[-1].text
    assert len(world.rows(Ballot)) == 1


# Two chats become one person


def test_of_two_votes_in_one_minute_the_later_one_stays(world: World) -> None:
    write(world, "votar", "1", "3", "2", "1", "1")
    world.clock.forward(seconds=20)
    write(world, "votar", "1", "3", "2", "2", "1", channel="sms", who=2)
    world.clock.forward(seconds=20)
    code = write(world, "privacidad", "5")
    word = CODE.findall(code)[0]
    got = write(world, "privacidad", "6", word, "1", channel="sms", who=2)
    assert "solo cuenta el" in got
    assert [row["choices"] for row in world.rows(Ballot)] == ["p02"]
    assert len(world.rows(Roll)) == 1


def test_sharing_a_number_never_merges_a_household(world: World) -> None:
    phone = "573000000078"
    for text in ("votar", "1", "menú", "otra persona", "2", "1"):  # two people use this WhatsApp
        world.take(incoming("whatsapp", f"whatsapp:+{phone}", text, next(world._ids)))
    write(world, "votar", "1")
    assert "confirmado" in share_phone(world, phone)
    assert len(world.rows(Person)) == 3


def test_sharing_a_number_from_a_chat_of_several_merges_nobody(world: World) -> None:
    phone = "573000000079"
    world.take(incoming("sms", f"+{phone}", "votar", next(world._ids)))
    world.take(incoming("sms", f"+{phone}", "1", next(world._ids)))
    write(world, "votar", "1", "menú", "otra persona", "2", "1")
    assert "confirmado" in share_phone(world, phone)
    assert len(world.rows(Person)) == 3


def test_without_the_ballot_key_nobody_is_joined_and_they_are_told(world: World) -> None:
    write(world, *FIRST_VOTE)
    write(world, *FIRST_VOTE, channel="sms", who=2)
    code = write(world, "privacidad", "5")
    word = CODE.findall(code)[0]
    (world.settings.ballot_keys_dir / f"ballots-{SLUG}.key").unlink()
    assert "Intente otra vez en una hora" in write(world, "privacidad", "6", word, "1", channel="sms", who=2)
    assert (len(world.rows(Person)), len(world.rows(Ballot)), world.rows(ParkedError)) == (2, 2, [])


# Silence


def test_after_long_silence_nobody_of_a_shared_chat_is_inherited(world: World) -> None:
    write(world, "votar", "1", "menú", "otra persona", "2", "1", "otra persona", "3")  # the third never agrees
    world.clock.forward(days=200)
    assert "Acepta" in write(world, "votar")
    assert world.rows(Housemate) == []


def test_a_number_that_was_shared_is_not_inherited(world: World) -> None:
    write(world, "votar", "1")
    share_phone(world, "573000000080")
    assert world.rows(Contact)[0]["phone"] == "+573000000080"
    world.clock.forward(days=200)
    write(world, "hola")
    assert world.rows(Contact)[0]["phone"] is None


@pytest.mark.parametrize("left_by", ["contact", "silence"])
def test_people_whom_nobody_can_reach_are_forgotten(world: World, left_by: str) -> None:
    write(world, "votar", "1")
    world.clock.forward(days=200)
    if left_by == "contact":
        write(world, "hola")  # whoever has the number now; the person before has no contact left
        world.clock.forward(days=3)
    else:
        world.clock.forward(days=600)
    upkeep.purge(world.desk.engine, world.desk.ink, world.clock() + timedelta(hours=1))
    assert world.rows(Person) == []
