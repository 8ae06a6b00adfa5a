"""The channels: what came in as bytes and what it must become, and what goes out in the shape each channel allows."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioRestException

from bot import failures
from bot.channels import gsm7, pieces, telegram, twilio
from bot.channels.telegram import TelegramSender, TelegramShape
from bot.channels.terminal import TerminalShape
from bot.channels.twilio import Account, SmsShape, TwilioLine, TwilioSender, WhatsAppShape
from bot.messages import Incoming, Outbound, Reply
from cli.provider_rules import telegram_error, twilio_error
from cli.standins import Standins
from flows.language import Attachment
from tests.specs import check_call
from tests.world import DURING

PAYLOADS = Path(__file__).parent / "payloads"
TELEGRAM = [file for file in sorted((PAYLOADS / "telegram").glob("*.json")) if ".incoming" not in file.name]
TWILIO = sorted((PAYLOADS / "twilio").glob("*.form"))
CONTENTS = {
    "reply-2": "HX" + "2" * 32,
    "reply-3": "HX" + "3" * 32,
    "list-4": "HX" + "4" * 32,
    "list-10": "HX" + "a" * 32,
}


def becomes(raw: Path) -> Incoming | None:
    """What stands beside a payload."""
    found = json.loads(raw.with_name(f"{raw.stem}.incoming.json").read_text("utf-8"))
    if found is not None and "attachment" in found:
        found["attachment"] = Attachment(**found["attachment"])
    return Incoming(**found) if found is not None else None


def payload_names(files: list[Path]) -> list[str]:
    return [file.stem for file in files]


@pytest.mark.parametrize("raw", TELEGRAM, ids=payload_names(TELEGRAM))
def test_an_update_becomes_what_stands_beside_it(raw: Path) -> None:
    assert telegram.read(json.loads(raw.read_bytes())) == becomes(raw)


@pytest.mark.parametrize("raw", TWILIO, ids=payload_names(TWILIO))
def test_a_form_becomes_what_stands_beside_it(raw: Path) -> None:
    form = dict(parse_qsl(raw.read_text("ascii").strip(), keep_blank_values=True))
    assert twilio.read(form) == becomes(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS: list[tuple[str, ...]] = [
    ("update_id",), ("message",), ("message", "chat"), ("message", "chat", "id"), ("message", "chat", "type"),
    ("message", "from"), ("message", "from", "id"), ("message", "text"), ("message", "contact"),
    ("message", "contact", "user_id"), ("message", "contact", "phone_number"), ("callback_query",),
    ("callback_query", "data"), ("callback_query", "message"), ("callback_query", "message", "chat"),
    ("my_chat_member", "new_chat_member"), ("my_chat_member", "new_chat_member", "status"),
]  # fmt: skip


@given(update=JSON)
def test_no_update_breaks_the_reader(update: Any) -> None:
    telegram.read(update)
    telegram.acknowledgement(update)


@given(raw=st.sampled_from(TELEGRAM), path=st.sampled_from(PATHS), value=JSON)
def test_no_wrong_field_breaks_the_reader(raw: Path, path: tuple[str, ...], value: Any) -> None:
    update = json.loads(raw.read_bytes())
    *outer, last = path
    place = update
    for name in outer:
        place = place.get(name) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place[last] = value
    told = telegram.read(update)
    telegram.acknowledgement(update)
    if told is not None:
        assert len(told.address) <= 20
        assert len(told.provider_id) <= 20
        assert told.phone is None or twilio.E164.fullmatch(told.phone)


@given(
    form=st.dictionaries(st.sampled_from(["MessageSid", "From", "Body", "NumMedia", "OptOutType", "ListId"]), st.text())
)
def test_no_form_breaks_the_reader(form: dict[str, str]) -> None:
    told = twilio.read(form)
    assert told is None or (len(told.provider_id) <= 64 and len(told.address) <= 160)


def test_the_press_is_acknowledged_and_nothing_else_is() -> None:
    press = json.loads((PAYLOADS / "telegram" / "press.json").read_bytes())
    assert telegram.acknowledgement(press) == {"method": "answerCallbackQuery", "callback_query_id": "3006477107"}
    others: list[Any] = [None, [], 5, {}, {"callback_query": []}, {"callback_query": {"id": 5}}]
    for update in others:
        assert telegram.acknowledgement(update) is None


# What goes out


def buttons(number: int, label: str = "Opción", data: str = "17.choices.p") -> tuple[tuple[str, str], ...]:
    return tuple((f"{label} {n}"[:20], f"{data}{n:02}") for n in range(1, number + 1))


@given(text=st.text(min_size=1), most=st.integers(1, 50))
def test_pieces_are_short_enough_and_lose_no_word(text: str, most: int) -> None:
    parts = pieces(text, most)
    assert all(len(part) <= most for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) == 1 or all(parts)


def test_pieces_are_cut_between_lines_or_words() -> None:
    assert pieces("aaa bbb\nccc ddd", 9) == ["aaa bbb", "ccc ddd"]
    assert pieces("aaa bbb ccc", 8) == ["aaa bbb", "ccc"]
    assert pieces("a" * 10, 4) == ["aaaa", "aaaa", "aa"]
    assert pieces("", 4) == [""]
    assert pieces("   a", 2) == ["a"]


@given(st.text(min_size=1, max_size=9000))
def test_no_telegram_text_is_too_long_and_only_the_last_has_buttons(text: str) -> None:
    shaped = TelegramShape().shape(Reply(text, buttons=buttons(3)))
    assert all(len(message.text) <= 4096 for message in shaped)
    assert [bool(message.buttons) for message in shaped] == [False] * (len(shaped) - 1) + [True]


@pytest.mark.parametrize(("data", "kept"), [("x" * 64, True), ("x" * 65, False), ("ñ" * 32, True), ("ñ" * 33, False)])
def test_a_telegram_button_holds_64_bytes_else_the_numbers_in_the_text_have_to_do(data: str, kept: bool) -> None:
    shaped = TelegramShape().shape(Reply("1. a\n2. b", buttons=(("a", "1"), ("b", data))))
    assert [len(message.buttons) for message in shaped] == [2 if kept else 0]


def test_more_than_a_hundred_buttons_are_left_out() -> None:
    assert len(TelegramShape().shape(Reply("x", buttons=buttons(100)))[0].buttons) == 100
    assert TelegramShape().shape(Reply("x", buttons=buttons(101)))[0].buttons == ()


def test_a_redrawn_question_is_only_its_buttons_and_if_they_do_not_fit_it_is_asked_again() -> None:
    reply = Reply("1. a", buttons=(("a", "1"),), edit="40")
    assert TelegramShape().shape(reply) == [Outbound("", (("a", "1"),), edit="40")]
    too_long = Reply("1. a", buttons=(("a", "x" * 65),), edit="40")
    assert TelegramShape().shape(too_long) == [Outbound("1. a")]


def test_keyboards() -> None:
    one_a_row = telegram.keyboard(Outbound("x", buttons(3), wide=True))
    assert one_a_row is not None
    assert [len(row) for row in one_a_row["inline_keyboard"]] == [1, 1, 1]
    grid = telegram.keyboard(Outbound("x", buttons(14), wide=False))
    assert grid is not None
    assert [len(row) for row in grid["inline_keyboard"]] == [6, 6, 2]
    phone = telegram.keyboard(Outbound("x", wants_phone="Compartir"))
    assert phone is not None
    assert phone["keyboard"] == [[{"text": "Compartir", "request_contact": True}]]
    assert telegram.keyboard(Outbound("x")) is None


@given(st.text(min_size=1, max_size=5000))
def test_no_whatsapp_text_is_too_long(text: str) -> None:
    assert all(len(message.text) <= 1600 for message in WhatsAppShape().shape(Reply(text, buttons=buttons(2))))


def test_whatsapp_shows_buttons_only_where_all_of_them_fit() -> None:
    shape = WhatsAppShape().shape
    assert len(shape(Reply("x", "x", buttons(10)))[0].buttons) == 10
    assert shape(Reply("x", "x", buttons(11)))[0].buttons == ()
    assert shape(Reply("x", "x", buttons(3), wide=False))[0].buttons == ()
    assert all(not message.buttons for message in shape(Reply("x " * 1000, "x", buttons(3))))
    assert shape(Reply("x", "x", buttons(2), edit="40"))[0] == Outbound("x", buttons(2), bare="x")


@pytest.mark.parametrize(
    ("bare", "options", "template"),
    [
        ("¿Está bien?", buttons(2), "reply-2"),
        ("¿Está bien?", buttons(3), "reply-3"),
        ("¿Está bien?", buttons(4), "list-4"),
        ("¿Está bien?", buttons(10), "list-10"),
        ("¿Está bien?", buttons(5), None),
        ("two\n\nlines", buttons(2), "reply-2"),
        ("", buttons(2), None),
        ("x" * 1024, buttons(2), "reply-2"),
        ("x" * 1025, buttons(2), None),
        ("x", (("a" * 20, "1"), ("b", "2")), "reply-2"),
        ("x", (("a" * 21, "1"), ("b", "2")), None),
        ("x", (("", "1"), ("b", "2")), None),
        ("x", (("a" * 24, "1"), *buttons(3)), "list-4"),
        ("x", (("a" * 25, "1"), *buttons(3)), None),
    ],
)
def test_a_template_is_used_where_everything_fits(
    bare: str, options: tuple[tuple[str, str], ...], template: str | None
) -> None:
    found = twilio.content(Outbound("text", options, bare=bare), CONTENTS)
    if template is None:
        assert found is None
        return
    assert found is not None
    variables = json.loads(found["content_variables"])
    assert found["content_sid"] == CONTENTS[template]
    assert len(variables) == 1 + 2 * len(options)
    assert all(value and "\n" not in value for value in variables.values())


def test_an_sms_is_short_plain_and_counted() -> None:
    shaped = SmsShape().shape(Reply("¿Cuál opción?\n\n\n1. Sí"))
    assert shaped == [Outbound("¿Cual opcion?\n1. Si", segments=1)]
    assert [part.segments for part in SmsShape().shape(Reply("palabra " * 200))] == [6, 5]


@pytest.mark.parametrize(
    ("shape", "address", "phone"),
    [
        (WhatsAppShape(), "whatsapp:+573001112233", "+573001112233"),
        (WhatsAppShape(), "whatsapp:CO.13491208655302741918", None),
        (SmsShape(), "+573001112233", "+573001112233"),
        (SmsShape(), "85432", None),
        (SmsShape(), "+57300111223\n", None),
        (SmsShape(), "+٥٧٣٠٠١١١٢٢٣٣", None),
        (TelegramShape(), "573001112233", None),
        (TerminalShape(), "+573001112233", None),
    ],
)
def test_only_a_real_number_proves_a_number(shape: Any, address: str, phone: str | None) -> None:
    assert shape.phone_of(address) == phone


@given(
    st.builds(
        Outbound, st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple), st.booleans(),
        st.text(), st.none() | st.text(min_size=1), st.text(), st.integers(1, 9), st.text(), st.booleans(), st.text(),
        st.lists(st.tuples(st.text(), st.text()), max_size=2).map(tuple),
    )
)  # fmt: skip
def test_a_message_comes_out_of_the_outbox_as_it_went_in(message: Outbound) -> None:
    assert Outbound.unpacked(message.packed()) == message


# Every call against the providers' own descriptions


MESSAGES = [
    Outbound("hola"),
    Outbound("ñandú 👋 & = + % \n<b>"),
    Outbound("x" * 1600),
    Outbound("1. a", buttons(2), bare="a"),
    Outbound("1. a", buttons(4), bare="a\nb"),
    Outbound("1. a", buttons(14), wide=False),
    Outbound("x", wants_phone="Compartir mi número"),
]


def test_every_call_is_as_the_bot_api_describes_it() -> None:
    async def scene() -> None:
        async with Standins(check=check_call) as standins:
            sender = TelegramSender(standins.token, standins.telegram_url)
            for message in (
                *MESSAGES,
                Outbound("x" * 4096),
                Outbound("", buttons(2), edit="40"),
                Outbound("", edit="40"),
            ):
                given = await sender.send("700000001", message, 1)
                assert message.edit is not None or given
            await sender.close()
            assert standins.wrong == []
            assert [message.text for message in standins.sent][:2] == ["hola", "ñandú 👋 & = + % \n<b>"]

    asyncio.run(scene())


@pytest.mark.parametrize(("channel", "to"), [("whatsapp", "whatsapp:+573001112233"), ("sms", "+573001112233")])
@pytest.mark.parametrize("service", ["", "MG" + "0" * 32])
def test_every_call_is_as_twilio_describes_it(channel: str, to: str, service: str) -> None:
    async def scene() -> None:
        async with Standins(check=check_call) as standins:
            line = line_of(standins, service)
            sender = TwilioSender(channel, line)
            for message in MESSAGES:
                sid = await sender.send(to, message, 17)
                assert sid in standins.twilio.outbound
                assert await sender.find(to, Outbound("never sent"), DURING) is None
            await line.close()
            assert standins.wrong == []
            raw = standins.sent[0].raw
            assert raw["StatusCallback"].endswith("/webhooks/twilio/status?m=17")
            assert ("MessagingServiceSid" in raw) == (channel == "sms" and bool(service))
            templated = [message for message in standins.sent if "ContentSid" in message.raw]
            assert len(templated) == (2 if channel == "whatsapp" else 0)
            assert all("Body" not in message.raw for message in templated)

    asyncio.run(scene())


def line_of(standins: Standins, service: str = "") -> TwilioLine:
    return TwilioLine(
        Account(
            standins.account_sid, standins.auth_token, standins.twilio_url,
            "https://cuenta.example.test/webhooks/twilio/status", "whatsapp:+15550000001", "+15550000002", service,
            CONTENTS,
        )
    )  # fmt: skip


# What follows from each failure

Break = Callable[[Standins], None]


def telegram_says(status: int, words: str, retry_after: int | None = None) -> Break:
    return lambda standins: standins.fail(status=status, body=telegram_error(status, words, retry_after))


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (telegram_says(403, "Forbidden: bot was blocked by the user"), failures.Unreachable),
        (telegram_says(403, "Forbidden: user is deactivated"), failures.Unreachable),
        (telegram_says(400, "Bad Request: chat not found"), failures.Unreachable),
        (telegram_says(400, "Bad Request: message is too long"), failures.Refused),
        (telegram_says(401, "Unauthorized"), failures.Misconfigured),
        (telegram_says(404, "Not Found"), failures.Misconfigured),
        (telegram_says(409, "Conflict: terminated by other getUpdates request"), failures.Misconfigured),
        (telegram_says(429, "Too Many Requests: retry after 7", 7), failures.Throttled),
        (telegram_says(500, "Internal Server Error"), failures.Unsure),
        (telegram_says(502, "Bad Gateway: not connected"), failures.Unsure),
        (lambda standins: standins.fail(how="drop"), failures.Unsure),
        (lambda standins: standins.fail(how="accept_then_drop"), failures.Unsure),
    ],
)
def test_what_follows_from_an_answer_of_telegram(script: Break, kind: type[failures.NotDelivered]) -> None:
    async def scene() -> None:
        async with Standins() as standins:
            sender = TelegramSender(standins.token, standins.telegram_url)
            script(standins)
            with pytest.raises(failures.NotDelivered) as failed:
                await sender.send("700000001", Outbound("hola"), 1)
            await sender.close()
            assert type(failed.value) is kind
            assert isinstance(failed.value, failures.Throttled) <= (getattr(failed.value, "after", 0) == 7)

    asyncio.run(scene())


def test_a_redrawn_question_that_is_gone_is_no_failure() -> None:
    async def scene() -> None:
        async with Standins() as standins:
            sender = TelegramSender(standins.token, standins.telegram_url)
            standins.fail(status=400, body=telegram_error(400, "Bad Request: message is not modified"))
            assert await sender.send("700000001", Outbound("", buttons(2), edit="40"), 1) is None
            await sender.close()

    asyncio.run(scene())


@pytest.mark.parametrize("send", ["telegram", "twilio"])
def test_a_call_that_never_left_may_be_made_again(send: str) -> None:
    async def scene() -> None:
        standins = Standins()
        standins.port = 1
        line = line_of(standins)
        sender = TelegramSender("1:x", standins.telegram_url) if send == "telegram" else TwilioSender("sms", line)
        with pytest.raises(failures.NotNow):
            await sender.send("+573001112233", Outbound("hola"), 1)
        await (sender.close() if isinstance(sender, TelegramSender) else line.close())

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 21610, failures.OptedOut),
        (400, 63033, failures.OptedOut),
        (400, 21211, failures.Unreachable),
        (400, 21614, failures.Unreachable),
        (400, 63003, failures.Unreachable),
        (400, 63024, failures.Unreachable),
        (429, 20429, failures.Throttled),
        (400, 63018, failures.Throttled),
        (401, 20003, failures.Misconfigured),
        (400, 21606, failures.Misconfigured),
        (400, 63007, failures.Misconfigured),
        (400, 21617, failures.Refused),
        (400, 63016, failures.Refused),
        (400, 99999, failures.Refused),
        (500, 20500, failures.Unsure),
        (503, 0, failures.Unsure),
        (429, 0, failures.Throttled),
        (401, 0, failures.Misconfigured),
    ],
)
def test_what_follows_from_an_answer_of_twilio(status: int, code: int, kind: type[failures.NotDelivered]) -> None:
    async def scene() -> None:
        async with Standins() as standins:
            line = line_of(standins)
            standins.fail(status=status, body=twilio_error(code, status))
            with pytest.raises(failures.NotDelivered) as failed:
                await TwilioSender("sms", line).send("+573001112233", Outbound("hola"), 1)
            await line.close()
            assert type(failed.value) is kind
            assert failed.value.reason == str(code or status)

    asyncio.run(scene())


def test_twilio_errors_of_either_kind_are_understood() -> None:
    """A newer form of errors (RFC 9457) comes as another exception."""

    async def scene() -> None:
        async with Standins() as standins:
            line = line_of(standins)
            body = {"type": "https://twilio.com/x", "title": "stopped", "status": 400, "code": 21610}
            standins.fail(status=400, body=body)
            with pytest.raises(failures.OptedOut):
                await TwilioSender("sms", line).send("+573001112233", Outbound("hola"), 1)
            await line.close()

    asyncio.run(scene())


def test_no_failure_holds_what_a_provider_wrote() -> None:
    error = TwilioRestException(400, "/2010-04-01/Accounts/AC/Messages", "The 'To' number +573001112233", 21211)
    assert "573001112233" not in repr(twilio.failure(error)) + str(twilio.failure(error))


def test_nothing_personal_is_printed() -> None:
    for file in TELEGRAM:
        told = telegram.read(json.loads(file.read_bytes()))
        if told is not None:
            private = (told.address, told.phone, told.text, told.pressed)
            assert not [value for value in private if value and f"'{value}'" in repr(told)]
    assert "private" not in repr(Outbound("private", (("private", "private"),), bare="private"))


def test_lone_surrogates_do_not_stop_an_sms() -> None:
    assert gsm7.plain("hola \ud83d") == "hola "
