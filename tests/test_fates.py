"""What follows from each word of a provider: for the message, the contact, the template, and who was to be told."""

import asyncio
from typing import Any

import pytest
from werkzeug.test import Client

from bot.announcements.templates import DECLARED
from bot.channels import twilio_codes
from bot.channels.twilio import TwilioSender
from bot.failures import (
    Declined,
    Disabled,
    Filtered,
    Misconfigured,
    NotDelivered,
    NotNow,
    OptedOut,
    Paused,
    Refused,
    Rejected,
    Shut,
    Throttled,
    Unexplained,
    Unreachable,
    Unsure,
)
from bot.fates import fate
from bot.messages import Outbound
from cli.provider_rules import twilio_error
from cli.standins import Standins
from storage import contacts, outbox, templates
from storage.contacts import Contact
from storage.database import transaction
from storage.outbox import Outgoing
from storage.templates import TemplateRow
from tests.served import served
from tests.test_channels import line_of
from tests.test_sender import Office, play
from tests.test_webhooks import sent, status
from tests.world import DURING, World, address

SID = "HX" + "7" * 32

# Code, what it means, what becomes of a recipient after the first and after the second message, and of the contact.
TABLE: list[tuple[int, type[NotDelivered], str, str, str]] = [
    (20003, Misconfigured, "later", "later", "active"),
    (20404, Misconfigured, "later", "later", "active"),
    (20429, Throttled, "later", "later", "active"),
    (20500, Unsure, "stop", "stop", "active"),
    (21211, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (21614, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (21408, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (21612, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (21606, Misconfigured, "later", "later", "active"),
    (21610, OptedOut, "stop", "stop", "stopped"),
    (21617, Refused, "stop", "stop", "active"),
    (21602, Refused, "stop", "stop", "active"),
    (30001, Throttled, "later", "later", "active"),
    (30003, NotNow, "later", "later", "active"),
    (30005, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (30006, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (30004, Refused, "stop", "stop", "active"),
    (30007, Filtered, "stop", "stop", "active"),
    (30008, Unexplained, "later", "stop", "active"),
    (63001, Misconfigured, "later", "later", "active"),
    (63007, Misconfigured, "later", "later", "active"),
    (63003, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (63024, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (63005, Refused, "stop", "stop", "active"),
    (63013, Refused, "stop", "stop", "active"),
    (63021, Refused, "stop", "stop", "active"),
    (63012, Throttled, "later", "later", "active"),
    (63018, Throttled, "later", "later", "active"),
    (63015, Refused, "stop", "stop", "active"),
    (63016, Shut, "template", "template", "active"),
    (63019, Refused, "stop", "stop", "active"),
    (63032, Unreachable, "elsewhere", "elsewhere", "blocked"),
    (63033, Declined, "elsewhere", "elsewhere", "active"),
    (63049, Declined, "elsewhere", "elsewhere", "active"),
    (63040, Rejected, "template", "template", "active"),
    (63041, Paused, "template", "template", "active"),
    (63042, Disabled, "template", "template", "active"),
    (63051, Misconfigured, "later", "later", "active"),
    (63112, Misconfigured, "later", "later", "active"),
    (99999, Refused, "stop", "stop", "active"),
]
CODES = [row[0] for row in TABLE]


def test_every_code_that_we_know_is_in_the_table() -> None:
    assert set(twilio_codes.FAILURES) <= set(CODES)


@pytest.mark.parametrize(("code", "meaning", "first", "second", "_contact"), TABLE, ids=CODES)
def test_what_a_code_means_for_a_recipient(
    code: int, meaning: type[NotDelivered], first: str, second: str, _contact: str
) -> None:
    assert twilio_codes.of(code) is meaning
    assert (fate(str(code), 1), fate(str(code), 2)) == (first, second)


@pytest.mark.parametrize(
    ("reason", "becomes"),
    [
        ("403", "elsewhere"),
        ("400", "elsewhere"),
        ("migrated", "elsewhere"),
        ("blocked", "elsewhere"),
        ("stopped", "stop"),
        ("opted_out", "stop"),
        ("expired", "stop"),
        ("part", "stop"),
        ("unreadable", "stop"),
        ("429", "stop"),
        ("", "stop"),
    ],
)
def test_what_a_word_of_ours_or_of_telegram_means_for_a_recipient(reason: str, becomes: str) -> None:
    assert fate(reason, 1) == becomes


def approve(world: World) -> None:
    """Have an approved template."""
    with transaction(world.desk.engine) as connection:
        templates.put(
            connection, DURING, name="votes", language="es", sid=SID, category="utility", digest=DECLARED[0].digest,
            status="approved",
        )  # fmt: skip


def how_they_stand(world: World) -> tuple[str, bool, str, str]:
    """The contact's state, whether it declined marketing, and the template's status with its reason."""
    (contact,), (template,) = world.rows(Contact), world.rows(TemplateRow)
    return contact["state"], contact["declined_at"] is not None, template["status"], template["reason"]


def expected(meaning: type[NotDelivered], code: int, contact: str) -> tuple[str, bool, str, str]:
    words: dict[type[NotDelivered], str] = {Rejected: "rejected", Paused: "paused", Disabled: "disabled"}
    withheld = words.get(meaning, "")
    return contact, meaning is Declined, withheld or "approved", str(code) if withheld else ""


@pytest.fixture
def client(little_world: World) -> Client:
    return served(little_world.settings, little_world.clock)


@pytest.mark.parametrize(("code", "meaning", "_first", "_second", "contact"), TABLE, ids=CODES)
def test_a_status_says_the_same_of_contact_and_template(
    little_world: World, client: Client, code: int, meaning: type[NotDelivered], _first: str, _second: str,
    contact: str,
) -> None:  # fmt: skip
    approve(little_world)
    message = sent(little_world)
    assert status(client, "undelivered", f"{message}&t={SID}", ErrorCode=str(code)) == 204
    assert how_they_stand(little_world) == expected(meaning, code, contact)
    assert {row["state"] for row in little_world.rows(Outgoing) if row["id"] == message} == {"failed"}


def test_a_status_that_names_no_template_of_ours_changes_none(little_world: World, client: Client) -> None:
    approve(little_world)
    message = sent(little_world)
    assert status(client, "failed", f"{message}&t=HX{'0' * 999}", ErrorCode="63041") == 204
    assert how_they_stand(little_world)[2] == "approved"


AT_ONCE = [row for row in TABLE if row[1] not in (Throttled, NotNow, Misconfigured, Unsure)]


@pytest.mark.parametrize(("code", "meaning", "_first", "_second", "contact"), AT_ONCE, ids=[row[0] for row in AT_ONCE])
def test_an_answer_says_the_same_of_contact_and_template(
    little_world: World, code: int, meaning: type[NotDelivered], _first: str, _second: str, contact: str
) -> None:
    async def scene(here: Office) -> None:
        approve(little_world)
        made = here.contact(1, "whatsapp")
        message = templated(little_world, made)
        here.standins.fail(status=400, body=twilio_error(code, 400))
        await here.rounds(here.sender("whatsapp"))
        assert (here.row(message)["state"], here.row(message)["error"]) == ("failed", str(code))
        assert how_they_stand(little_world) == expected(meaning, code, contact)

    play(little_world, scene)


def templated(world: World, contact: int) -> int:
    """An announcement by template in the outbox; its id."""
    desk = world.desk
    body = Outbound("hola", template=SID, variables=(("1", "hola"),)).packed()
    with transaction(desk.engine) as connection:
        sealed = desk.ink.seal(body, world.clock())
        return outbox.queue(connection, "whatsapp", contact, "announcement", sealed, world.clock())


def test_a_status_brings_back_which_template_it_was(little_world: World) -> None:
    async def scene(here: Office) -> None:
        message = templated(little_world, here.contact(1, "whatsapp"))
        here.queue(here.contact(2, "whatsapp"), "texto", channel="whatsapp")
        await here.rounds(here.sender("whatsapp"))
        asked = sorted(each.raw["StatusCallback"].partition("?")[2] for each in here.standins.sent)
        assert asked == [f"m={message}&t={SID}", f"m={message + 1}"]

    play(little_world, scene)


def test_whoever_asks_for_notices_again_may_get_marketing_again(little_world: World) -> None:
    with transaction(little_world.desk.engine) as connection:
        made = contacts.add(connection, "whatsapp", address("whatsapp", 1), None, "es", DURING)
        contacts.decline(connection, made, DURING)
        contacts.opt_in(connection, made)
    assert [row["declined_at"] for row in little_world.rows(Contact)] == [None]


@pytest.mark.parametrize(
    ("headers", "after"),
    [({"Retry-After": "7"}, 7.0), ({}, 1.0), ({"Retry-After": "soon"}, 1.0), ({"Retry-After": "99999"}, 300.0)],
)
@pytest.mark.parametrize(("body", "reason"), [(twilio_error(20429, 429), "20429"), ({"odd": []}, "429")])
def test_too_many_calls_rest_for_as_long_as_is_asked(
    headers: dict[str, str], after: float, body: dict[str, Any], reason: str
) -> None:
    async def scene() -> None:
        async with Standins() as standins:
            line = line_of(standins)
            standins.fail(status=429, body=body, headers=headers)
            with pytest.raises(Throttled) as raised:
                await TwilioSender("sms", line).send("+573001112233", Outbound("hola"), 1)
            assert (raised.value.after, raised.value.reason) == (after, reason)
            await line.close()

    asyncio.run(scene())
