"""Templates: what is declared would pass, what fills them in is checked where it is made, and only approved ones go."""

import asyncio
import json
from dataclasses import replace

import pytest

from bot.announcements.templates import DECLARED, Template, Templates, Unfit, Wording, faults, fit
from bot.channels import twilio
from bot.channels.twilio import TwilioSender
from bot.messages import Outbound
from cli.standins import Standins
from flows.answers import tidy
from storage import templates
from storage.database import reading, transaction
from tests.specs import check_call
from tests.test_channels import line_of
from tests.world import DURING, World, twilio_form

VOTES = DECLARED[0]
TO = "whatsapp:+573001112233"
SID = "HX" + "7" * 32


@pytest.mark.parametrize("wording", DECLARED, ids=lambda wording: wording.title)
def test_what_is_declared_falls_into_no_trap(wording: Wording) -> None:
    assert faults(wording) == []
    assert wording.button in wording.body


def test_each_topic_has_its_template_in_each_language() -> None:
    assert {(w.name, w.language) for w in DECLARED} == {
        (n, tongue) for n in ("votes", "news") for tongue in ("es", "en")
    }
    assert len({wording.title for wording in DECLARED}) == len(DECLARED)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"body": "{{1}} is the notice of your city"}, "at the start or at the end"),
        ({"body": "Your city has a notice: {{1}}"}, "at the start or at the end"),
        ({"body": "Your city has {{1}} {{2}} for you today, neighbour"}, "side by side"),
        ({"body": "Your city has {{1}} and also {{3}} for you today"}, "in order"),
        ({"body": "Your city has {{2}} and also {{1}} for you today"}, "in order"),
        ({"body": "Reminder: {{1}} ."}, "fewer than two words"),
        ({"body": "a {{1}} b {{2}} c"}, "too few words"),
        ({"body": "Your city has\t{{1}} for you"}, "a tab"),
        ({"body": "Your city has     {{1}} for you"}, "five blanks"),
        ({"body": "Your city\n\n\nhas {{1}} for you"}, "three line breaks"),
        ({"body": " Your city has {{1}} for you"}, "begins or ends with a blank"),
        ({"body": "x " * 513}, "letters"),
        ({"body": ""}, "letters"),
        ({"category": "reminder"}, "category"),
        ({"button": "x" * 21}, "button must have"),
        ({"button": ""}, "button must have"),
        ({"button": "{{1}}"}, "button has a variable"),
        ({"name": "Votes!"}, "name may have"),
        ({"sample": ""}, "sample value"),
        ({"sample": "two\nlines"}, "sample value"),
    ],
)
def test_every_trap_is_named(changes: dict[str, str], says: str) -> None:
    assert says in "; ".join(faults(replace(VOTES, **changes)))


def test_other_words_are_another_template() -> None:
    other = replace(VOTES, body=VOTES.body.replace("nuevo", "reciente"))
    assert other.digest != VOTES.digest
    assert other.title != VOTES.title
    assert len(VOTES.title) <= 40


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        (" \u00a0", "empty"),
        ("two\nlines", "lines"),
        ("two\rlines", "lines"),
        ("two\u2028lines", "lines"),
        ("a\ttab", "lines"),
        ("five     blanks", "lines"),
        ("x" * 1601, "long"),
    ],
)
def test_a_value_that_twilio_would_not_take_is_refused_here(value: str, reason: str) -> None:
    with pytest.raises(Unfit) as raised:
        Template(SID, "utility", VOTES).outbound(value)
    assert raised.value.reason == reason


@pytest.mark.parametrize("value", ["Cierra el viernes", "four    blanks", "«¿Sí?» \\1 {{1}} 👋", "x" * 800])
def test_a_value_that_fits_fills_the_template_in(value: str) -> None:
    assert fit(value) == value
    made = Template(SID, "utility", VOTES).outbound(value)
    assert made.text.count(value) == 1
    assert (made.template, made.variables) == (SID, (("1", value),))
    assert Outbound.unpacked(made.packed()) == made
    assert value not in repr(made)


def test_a_body_that_would_be_too_long_filled_in_is_refused() -> None:
    with pytest.raises(Unfit, match="long"):
        Template(SID, "utility", VOTES).outbound("x" * 1000)


def test_a_template_is_sent_with_all_its_variables_and_is_found_again() -> None:
    async def scene() -> None:
        async with Standins(check=check_call) as standins:
            types = {"twilio/quick-reply": {"body": VOTES.body, "actions": [{"title": "LEER", "id": "word:LEER"}]}}
            standins.twilio.content(SID, types)
            line = line_of(standins)
            made = Template(SID, "utility", VOTES).outbound("«Cierra hoy» & más")
            sid = await TwilioSender("whatsapp", line).send(TO, made, 17)
            (sent,) = standins.sent
            assert (sent.text, sent.buttons) == (made.text, (("LEER", "word:LEER"),))
            assert json.loads(sent.raw["ContentVariables"]) == {"1": "«Cierra hoy» & más"}
            assert "Body" not in sent.raw
            assert await TwilioSender("whatsapp", line).find(TO, made, DURING) == sid
            other = Template(SID, "utility", VOTES).outbound("Otra cosa")
            assert await TwilioSender("whatsapp", line).find(TO, other, DURING) is None
            await TwilioSender("sms", line).send("+573001112233", made, 18)
            assert standins.sent[-1].raw["Body"] == made.text, "by SMS it is a text as any other"
            await line.close()
            assert standins.wrong == []

    asyncio.run(scene())


def test_the_button_of_a_template_says_its_word() -> None:
    told = twilio.read(twilio_form("SM1", TO, "LEER", ButtonText="LEER", ButtonPayload=f"{twilio.WORD}LEER"))
    assert told is not None
    assert (told.kind, tidy(told.text), told.pressed) == ("text", "LEER", None)


@pytest.mark.parametrize("status", templates.STATUSES)
def test_only_an_approved_template_with_today_s_words_is_used(little_world: World, status: str) -> None:
    kept = {"name": "votes", "language": "es", "sid": SID, "category": "marketing", "digest": VOTES.digest}
    with transaction(little_world.desk.engine) as connection:
        templates.put(connection, DURING, **kept, status=status)
        templates.put(connection, DURING, **kept | {"language": "en", "digest": "x"}, status="approved")
    with reading(little_world.desk.engine) as connection:
        found = Templates.read(connection)
    approved = Template(SID, "marketing", VOTES) if status == "approved" else None
    assert found.for_("votes", "es") == approved
    assert found.for_("votes", "en") is None, "its words are no longer ours"
    assert found.for_("news", "es") is None
