"""The webhooks as providers and attackers call them: who gets in, what repeats, and what breaks nothing."""

import json
import logging
import threading
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from sqlalchemy import event, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client, TestResponse

from bot.upkeep import HEARTBEAT
from cli.settings import read_settings
from storage import outbox
from storage.contacts import Contact
from storage.database import columns, reading, transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.talks import Talk
from tests.served import served
from tests.world import World, address, away, environment, incoming, telegram_press, telegram_text, twilio_form

SECRET = "webhook-secret-for-tests"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
PUBLIC = "https://cuenta.example.test"
TOKEN = "auth-token-for-tests"
OLD = "the-token-before-this-one"
MESSAGES = columns(Outgoing)


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world)


@pytest.fixture
def little_client(little_world: World) -> Client:
    return client_of(little_world)


def client_of(world: World) -> Client:
    """A web process of its own on the world's database, during a rotation of Twilio's token."""
    given = environment(world.settings.database_url, world.folder, TWILIO_AUTH_TOKEN_PREVIOUS=OLD)
    return served(read_settings(given), world.clock)


def telegram(client: Client, update: Any, secret: str | None = SECRET) -> TestResponse:
    body = update if isinstance(update, bytes) else json.dumps(update).encode()
    headers = {HEADER: secret} if secret is not None else {}
    return client.post("/webhooks/telegram", data=body, content_type="application/json", headers=headers)


def twilio(
    client: Client,
    form: dict[str, Any] | MultiDict[str, str],
    path: str = "/webhooks/twilio",
    signed_as: str = "",
    token: str = TOKEN,
    signature: str | None = "",
) -> TestResponse:
    """A call signed as Twilio does, over `signed_as` or the address that is called."""
    if signature == "":
        signature = RequestValidator(token).compute_signature(signed_as or PUBLIC + path, form)
    headers = {"X-Twilio-Signature": signature} if signature is not None else {}
    return client.post(path, data=form, headers=headers)


def form(number: int = 1, text: str = "hola", channel: str = "whatsapp", **more: str) -> dict[str, str]:
    return twilio_form(f"SM{number:032x}", address(channel, number), text, **more)


def untouched(world: World) -> bool:
    return not any(world.rows(table) for table in (Inbox, Contact, Talk, Outgoing))


def replies(world: World) -> list[str]:
    """The words that wait to be sent."""
    with reading(world.desk.engine) as connection:
        rows = connection.execute(select(MESSAGES.sealed).order_by(MESSAGES.id)).scalars().all()
    return [(world.desk.ink.open(sealed) or b"").decode() for sealed in rows if sealed]


# Who gets in


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        "x",
        SECRET[:-1],
        SECRET + "x",
        SECRET[:-1] + "X",
        SECRET.upper(),
        f"{SECRET},{SECRET}",
        "señal-" + SECRET,
    ],
)
def test_without_the_secret_nobody_gets_in(world: World, client: Client, secret: str | None) -> None:
    answer = telegram(client, telegram_text(1, "7001", "hola"), secret)
    assert (answer.status_code, answer.data) == (403, b"")
    assert untouched(world)


def test_with_the_secret_a_message_is_taken_in(world: World, client: Client) -> None:
    answer = telegram(client, telegram_text(1, "7001", "hola"))
    assert (answer.status_code, answer.data) == (200, b"")
    assert len(replies(world)) == 1


def test_a_form_in_which_anything_was_changed_is_refused(world: World, client: Client) -> None:
    good = form()
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + "/webhooks/twilio", good)
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    attempts = {
        "no signature": twilio(client, good, signature=None),
        "one character off": twilio(client, good, signature=flipped),
        "another text": twilio(client, good | {"Body": "hole"}, signature=signature),
        "one more parameter": twilio(client, good | {"Extra": ""}, signature=signature),
        "one parameter fewer": twilio(client, {k: v for k, v in good.items() if k != "Body"}, signature=signature),
        "over http": twilio(client, good, signed_as="http://cuenta.example.test/webhooks/twilio"),
        "another host": twilio(client, good, signed_as="https://cuenta.example.org/webhooks/twilio"),
        "a slash at the end": twilio(client, good, signed_as=PUBLIC + "/webhooks/twilio/"),
        "a slash in the call": twilio(client, good, "/webhooks/twilio/", signed_as=PUBLIC + "/webhooks/twilio"),
        "another route": twilio(client, good, "/webhooks/twilio/status", signed_as=PUBLIC + "/webhooks/twilio"),
        "a query that was not signed": twilio(
            client, good, "/webhooks/twilio?a=1", signed_as=PUBLIC + "/webhooks/twilio"
        ),
        "another token": twilio(client, good, token="another-token"),
        "an empty token": twilio(client, good, token=""),
        "another account": twilio(client, good | {"AccountSid": "AC" + "1" * 32}),
        "letters that are no base64": twilio(client, good, signature="ñ" * 28),
        "a hash of a JSON body": twilio(client, good, "/webhooks/twilio?bodySHA256=" + "0" * 64, signature=signature),
    }
    assert {name: (answer.status_code, answer.data) for name, answer in attempts.items()} == dict.fromkeys(
        attempts, (403, b"")
    )
    assert untouched(world)


@pytest.mark.parametrize("token", [TOKEN, OLD])
def test_a_signed_form_is_taken_in_with_either_token_of_a_rotation(world: World, client: Client, token: str) -> None:
    answer = twilio(client, form(text="hola & adiós = ñ + %41"), token=token)
    assert (answer.status_code, answer.content_type) == (200, "text/xml")
    assert answer.text.endswith("<Response/>")
    assert len(replies(world)) == 1


def test_what_came_twice_in_a_form_is_signed_twice(little_world: World, little_client: Client) -> None:
    twice = MultiDict([*form().items(), ("Extra", "b"), ("Extra", "a")])
    assert twilio(little_client, twice).status_code == 200
    assert (
        twilio(little_client, twice, signature=RequestValidator(TOKEN).compute_signature("", form())).status_code == 403
    )


def test_a_channel_that_is_off_has_no_route(little_world: World) -> None:
    bare = {"SECRET_KEY": "x" * 40, "DATABASE_URL": little_world.settings.database_url}
    client = served(read_settings(bare), little_world.clock)
    assert telegram(client, telegram_text(1, "7001", "hola")).status_code == 404
    assert twilio(client, form()).status_code == 404


def test_machines_are_answered_without_a_page(little_client: Client) -> None:
    answers = {
        404: little_client.get("/webhooks/no-such-channel"),
        405: little_client.get("/webhooks/telegram"),
        413: telegram(little_client, b" " * 1_000_001),
    }
    assert {code: answer.status_code for code, answer in answers.items()} == {code: code for code in answers}
    for answer in answers.values():
        assert answer.data == b""
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert little_client.head("/healthz").status_code == 200


# What repeats


def test_an_update_that_comes_five_times_has_one_effect(world: World, client: Client) -> None:
    answers = [telegram(client, telegram_text(5, "7001", "hola")).status_code for _n in range(5)]
    assert answers == [200] * 5
    assert (len(world.rows(Inbox)), len(replies(world))) == (1, 1)


def test_an_update_that_comes_in_six_threads_has_one_effect(world: World, client: Client) -> None:
    answers = at_once(6, lambda _n: telegram(client, telegram_text(5, "7001", "hola")))
    assert answers == [200] * 6
    assert (len(world.rows(Inbox)), len(world.rows(Contact)), len(replies(world))) == (1, 1, 1)


def test_a_form_that_comes_again_with_other_words_changes_nothing(world: World, client: Client) -> None:
    first, again = twilio(client, form(text="hola")), twilio(client, form(text="votar"))
    assert (first.status_code, again.status_code) == (200, 200)
    assert len(replies(world)) == 1


def test_a_form_in_six_threads_has_one_effect(world: World, client: Client) -> None:
    assert at_once(6, lambda _n: twilio(client, form())) == [200] * 6
    assert (len(world.rows(Inbox)), len(replies(world))) == (1, 1)


def test_many_people_at_once_with_repeats_each_get_one_answer(world: World, client: Client) -> None:
    def write(n: int) -> TestResponse:
        who = n % 10
        return telegram(client, telegram_text(100 + who, address("telegram", who), "hola"))

    assert at_once(30, write) == [200] * 30
    assert (len(world.rows(Contact)), len(replies(world))) == (10, 10)


def test_statuses_that_a_database_keeps_waiting_keep_no_message(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr("webhooks.twilio._record", lambda *_told: go.wait(20))
    monkeypatch.setattr("webhooks.twilio.PATIENCE", 0.05)

    def report(n: int) -> TestResponse:
        told = {"MessageSid": f"SM{n:032x}", "MessageStatus": "sent", "AccountSid": "AC" + "0" * 32}
        return twilio(client, told, "/webhooks/twilio/status")

    assert at_once(30, report) == [503] * 30
    assert twilio(client, form()).status_code == 200
    go.set()


def at_once(number: int, call: Any) -> list[int]:
    """The answers to calls made at the same moment."""
    codes, start = [0] * number, threading.Barrier(number)

    def run(n: int) -> None:
        start.wait(20)
        codes[n] = call(n).status_code

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return codes


# What breaks nothing


def test_a_body_of_two_megabytes_is_refused(world: World, client: Client) -> None:
    big = telegram(client, telegram_text(1, "7001", "x" * 2_000_000))
    assert (big.status_code, big.data) == (413, b"")
    assert telegram(client, b"[" * 2_000_000, secret="wrong").status_code == 403
    form_too = twilio(client, form(text="x" * 2_000_000))
    assert (form_too.status_code, form_too.data) == (413, b"")
    assert twilio(client, form(text="x" * 100_000)).status_code == 413, "nobody knows yet who sends it"
    assert untouched(world)
    assert twilio(client, form(text="ñ" * 4_096)).status_code == 200, "as long as WhatsApp allows"
    assert telegram(client, telegram_text(2, "7001", "hola")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"update_id":1,"message":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        b"\xff\xfe\x00",
        b'{"update_id": 1, "message": {"text": "\xff"}}',
        b"",
        b"null",
        b"5",
        b'"text"',
        b'{"update_id": 1' + b"0" * 5_000 + b"}",
        b'{"update_id": NaN, "message": {}}',
        b'{"update_id": 1e400}',
    ],
    ids=range(12),
)
def test_a_body_that_is_no_update_is_answered_and_the_next_message_too(
    world: World, client: Client, body: bytes
) -> None:
    assert telegram(client, body).status_code == 200
    assert untouched(world)
    assert telegram(client, telegram_text(2, "7001", "hola")).status_code == 200
    assert len(replies(world)) == 1


ODD = [
    "\x00",
    "hola\x00mundo",
    "\ud800",
    "votar \udfff",
    "\u202e1 4 6",
    "\u200b",
    "x" * 4096,
    "ñ" * 4096,
    "👋" * 2000,
    "",
    " ",
]


@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "sms"])
def test_odd_texts_are_answered_and_the_next_message_too(world: World, client: Client, channel: str) -> None:
    odd = [*ODD, "/start v-\x00", "/start v-\ud800", "/start v-" + "x" * 500, "/start r-'; DROP TABLE contact;--"]
    for number, text in enumerate(odd, 1):
        if channel == "telegram":
            answer = telegram(client, telegram_text(number, address(channel, 1), text))
        else:
            text = text.encode("utf-8", "replace").decode()
            answer = twilio(client, twilio_form(f"SM{number:032x}", address(channel, 1), text))
        assert answer.status_code == 200, repr(text)
    assert len(world.rows(Inbox)) == len(odd)
    waiting = [row for row in world.rows(Outgoing) if row["state"] == "queued"]
    assert waiting, "the last one is answered"


def test_odd_buttons_are_answered(world: World, client: Client) -> None:
    for number, data in enumerate(
        ("\x00", "1.\x00.x", "\ud800", "1.choices.\udfff", "x" * 3000, "...", "-1..", "٣.a.b"), 1
    ):
        assert telegram(client, telegram_press(number, "7001", data)).status_code == 200
    for number, data in enumerate(("\x00", "1.\x00.x", "x" * 3000, "..."), 1):
        assert twilio(client, form(number, "", ButtonPayload=data)).status_code == 200


def test_bytes_that_are_no_text_in_a_form_are_refused(little_world: World, little_client: Client) -> None:
    signature = RequestValidator(TOKEN).compute_signature(PUBLIC + "/webhooks/twilio", {})
    answer = little_client.post(
        "/webhooks/twilio", data=b"Body=%ff%fe&From=%00", content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )  # fmt: skip
    assert answer.status_code == 403
    assert untouched(little_world)


@pytest.mark.parametrize(
    "kind", ["poll_answer", "business_message", "guest_message", "channel_post", "edited_message", "inline_query"]
)
def test_kinds_of_update_that_we_do_not_know_are_taken_as_read(world: World, client: Client, kind: str) -> None:
    update = {"update_id": 1, kind: telegram_text(1, "7001", "votar")["message"]}
    answer = telegram(client, update)
    assert (answer.status_code, answer.data) == (200, b"")
    assert untouched(world)


def test_forms_that_say_nothing_are_taken_as_read(little_world: World, little_client: Client) -> None:
    for odd in ({}, {"AccountSid": "AC" + "0" * 32}, {"MessageSid": "SM1"}, {"From": "+573001112233"}):
        assert twilio(little_client, odd).status_code == 200
    assert twilio(little_client, form(text="HELP", channel="sms", OptOutType="HELP")).status_code == 200
    assert untouched(little_world)


def test_opting_out_at_twilio_stops_the_contact_without_a_word(world: World, client: Client) -> None:
    twilio(client, form(1, "hola", "sms"))
    stop = {**form(1, "STOP", "sms", OptOutType="STOP"), "MessageSid": "SM" + "f" * 32}
    assert twilio(client, stop).status_code == 200
    assert [row["state"] for row in world.rows(Contact)] == ["stopped"]
    assert replies(world) == []


# A press


def test_the_answer_to_a_press_stops_its_progress_bar(world: World, client: Client) -> None:
    for _again in range(2):
        answer = telegram(client, telegram_press(9, "7001", "1.menu.vote"))
        assert answer.status_code == 200
        assert answer.content_type == "application/json"
        assert answer.get_json() == {"method": "answerCallbackQuery", "callback_query_id": "9"}
    assert len(world.rows(Inbox)) == 1


# The database


def test_while_the_database_is_away_nothing_is_taken_in_and_the_provider_tries_again(
    world: World, client: Client
) -> None:
    def calls() -> list[TestResponse]:
        return [
            telegram(client, telegram_text(1, "7001", "hola")),
            telegram(client, telegram_press(2, "7002", "1.menu.vote")),
            twilio(client, form(3)),
            twilio(client, {"MessageSid": "SM1", "MessageStatus": "delivered"}, "/webhooks/twilio/status"),
        ]

    with away():
        answers = calls()
    assert [answer.status_code for answer in answers] == [503] * 4
    assert all(int(answer.headers["Retry-After"]) >= 1 and not answer.data for answer in answers)
    assert untouched(world)
    assert [answer.status_code for answer in calls() + calls()] == [200, 200, 200, 204] * 2
    assert (len(world.rows(Inbox)), len(replies(world))) == (3, 3)


def test_a_commit_that_fails_takes_nothing_in(world: World, client: Client) -> None:
    def refuse(_connection: Any) -> None:
        raise OperationalError("away", None, Exception("away"))

    event.listen(Engine, "commit", refuse)
    try:
        assert telegram(client, telegram_text(1, "7001", "hola")).status_code == 503
    finally:
        event.remove(Engine, "commit", refuse)
    assert untouched(world)
    assert telegram(client, telegram_text(1, "7001", "hola")).status_code == 200
    assert len(replies(world)) == 1


# Delivery statuses


def sent(world: World, number: int = 1, state: str = "sent", provider_id: str | None = "SM" + "a" * 32) -> int:
    """An SMS that went out; its id."""
    world.say("hola", "sms", number)
    with transaction(world.desk.engine) as connection:
        message = connection.execute(select(MESSAGES.id).order_by(MESSAGES.id.desc()).limit(1)).scalar_one()
        connection.execute(
            update(Outgoing).where(MESSAGES.id == message).values(state=state, provider_id=provider_id, sealed=b"x")
        )
    return int(message)


def status(client: Client, became: str, message: int | str = "", sid: str = "SM" + "a" * 32, **more: str) -> int:
    path = "/webhooks/twilio/status" + (f"?m={message}" if message != "" else "")
    told = {
        "MessageSid": sid,
        "MessageStatus": became,
        "AccountSid": "AC" + "0" * 32,
        "To": "+57",
        "From": "+1",
        **more,
    }
    return twilio(client, told, path).status_code


def state(world: World, message: int) -> str:
    return str(next(row["state"] for row in world.rows(Outgoing) if row["id"] == message))


@pytest.mark.parametrize(
    ("order", "last"),
    [
        (["queued", "sending", "sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["delivered", "sent", "sending", "queued", "accepted"], "delivered"),
        (["sent", "undelivered"], "failed"),
        (["failed", "sent"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["sent", "canceled"], "failed"),
        (["received", "partially_delivered", "nonsense", ""], "sent"),
    ],
)
def test_a_status_never_moves_backwards(world: World, client: Client, order: list[str], last: str) -> None:
    message = sent(world)
    assert [status(client, each, message) for each in order] == [204] * len(order)
    assert state(world, message) == last


@pytest.mark.parametrize("before", ["sending", "uncertain", "queued"])
def test_a_status_may_come_before_the_send_is_recorded(world: World, client: Client, before: str) -> None:
    message = sent(world, state=before, provider_id=None)
    assert status(client, "delivered", message) == 204
    row = next(row for row in world.rows(Outgoing) if row["id"] == message)
    assert (row["state"], row["provider_id"], row["sealed"]) == ("delivered", "SM" + "a" * 32, None)


def test_a_status_without_our_number_finds_the_message_by_its_sid(world: World, client: Client) -> None:
    message = sent(world)
    assert status(client, "delivered") == 204
    assert state(world, message) == "delivered"


@pytest.mark.parametrize(
    "message", ["999999", "0", "-1", "x", "1.5", "9" * 18, "9" * 400, "%D9%A3", "1;DROP", "", "%00", "2147483648"]
)
def test_a_status_of_something_unknown_changes_nothing(world: World, client: Client, message: str) -> None:
    known = sent(world)
    assert status(client, "delivered", message, sid="SM" + "b" * 32) == 204
    assert state(world, known) == "sent"
    assert status(client, "delivered", message, sid="x" * 5000) == 204


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("21610", "stopped"),
        ("63033", "active"),
        ("21408", "blocked"),
        ("30005", "blocked"),
        ("30006", "blocked"),
        ("63024", "blocked"),
        ("30003", "active"),
        ("30008", "active"),
        ("", "active"),
        ("abc", "active"),
        ("٣", "active"),
        ("9" * 50, "active"),
    ],
)
def test_error_codes_that_are_final_stop_the_contact(world: World, client: Client, code: str, becomes: str) -> None:
    message = sent(world)
    world.desk.take(incoming("sms", address("sms", 1), "ayuda", 500))
    assert status(client, "undelivered", message, ErrorCode=code) == 204
    row = next(row for row in world.rows(Outgoing) if row["id"] == message)
    assert (row["state"], row["error"]) == (
        "failed",
        code if code.isascii() and 0 < len(code) < 9 and code.isdecimal() else None,
    )
    assert [row["state"] for row in world.rows(Contact)] == [becomes]
    waiting = [row["state"] for row in world.rows(Outgoing) if row["id"] > message]
    assert waiting == ["queued" if becomes == "active" else "failed"]


def test_the_address_of_a_status_is_checked_as_it_was_called(world: World, client: Client) -> None:
    """Percent escapes and letters beyond ASCII are signed raw; decoding them would change what was signed."""
    message = sent(world)
    told = {"MessageSid": "SM" + "a" * 32, "MessageStatus": "delivered"}
    path = f"/webhooks/twilio/status?m={message}&from={quote('España & ñ')}&x=%2F%c3%b1"
    assert twilio(client, told, path).status_code == 204
    assert state(world, message) == "delivered"
    decoded = f"{PUBLIC}/webhooks/twilio/status?m={message}&from=España & ñ&x=/ñ"
    assert twilio(client, told, path, signed_as=decoded).status_code == 403


def test_a_part_that_failed_takes_the_next_with_it(world: World, client: Client) -> None:
    first = sent(world)
    with transaction(world.desk.engine) as connection:
        contact = connection.execute(select(columns(Contact).id)).scalar_one()
        second = outbox.queue(connection, "sms", contact, "reply", b"x", world.clock(), first)
    status(client, "failed", first)
    assert state(world, second) == "failed"


def test_statuses_without_a_signature_change_nothing(world: World, client: Client) -> None:
    message = sent(world)
    path = f"/webhooks/twilio/status?m={message}"
    assert twilio(client, {"MessageSid": "SM1", "MessageStatus": "read"}, path, signature=None).status_code == 403
    assert state(world, message) == "sent"


# What is said


@pytest.mark.parametrize("path", ["/webhooks/telegram", "/webhooks/twilio", "/webhooks/twilio/status"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_post_is_allowed(little_client: Client, path: str, method: str) -> None:
    assert little_client.open(path, method=method).status_code == 405


@pytest.mark.parametrize("path", ["/nothing", "/webhooks", "/webhooks/<script>", "/webhooks/telegram/x", "/static/x"])
def test_other_addresses_are_not_found_and_not_repeated(little_client: Client, path: str) -> None:
    answer = little_client.get(path + "?q=canary-in-a-query")
    assert answer.status_code == 404
    assert b"canary" not in answer.data
    assert b"<script>" not in answer.data


CANARY = "canario-7f3a"


def test_no_answer_and_no_log_repeats_what_came_in(
    little_world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our events and those of the libraries are logged here at the lowest level."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "sqlalchemy")  # lower, it prints rows; cli.logs keeps it there too
    client = client_of(little_world)
    who, phone = "700999888", "+573009998877"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs() as events:
        message = telegram_text(1, who, CANARY)
        message["message"]["from"]["first_name"] = CANARY
        answers = [
            telegram(client, message),
            telegram(client, telegram_press(2, who, CANARY)),
            telegram(client, message, secret=CANARY),
            telegram(client, CANARY.encode()),
            telegram(client, {"update_id": 4, "message": {**message["message"], "text": f"/start v-{CANARY}\x00"}}),
            twilio(client, twilio_form("SM" + "1" * 32, phone, CANARY, ProfileName=CANARY)),
            twilio(client, twilio_form("SM" + "2" * 32, phone, CANARY), signature=CANARY),
            twilio(client, {"MessageSid": CANARY, "MessageStatus": CANARY, "To": phone}, "/webhooks/twilio/status"),
            client.get(f"/{CANARY}"),
            client.get("/webhooks/telegram"),
        ]
        with away():
            answers += [telegram(client, message), twilio(client, twilio_form("SM" + "3" * 32, phone, CANARY))]
    structlog.reset_defaults()
    said = "".join(answer.text + str(answer.headers) for answer in answers)
    shown = capsys.readouterr()
    logged = json.dumps(events, default=str) + caplog.text + shown.out + shown.err
    for private in (CANARY, who, phone, SECRET, TOKEN, "test-token"):
        assert private not in said
        assert private not in logged


def test_a_bug_in_a_route_is_reported_without_its_words(
    little_world: World, little_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_arguments: Any) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr(outbox, "report", breaks)
    with capture_logs() as events:
        answer = twilio(little_client, {"MessageSid": "SM1", "MessageStatus": "delivered"}, "/webhooks/twilio/status")
    assert (answer.status_code, answer.data) == (500, b"")
    assert [(each["event"], each["place"].split(":")[0]) for each in events] == [
        ("web.bug", "ValueError tests/test_webhooks.py")
    ]
    assert CANARY not in caplog.text + json.dumps(events)


def test_messages_do_not_count_as_the_worker(little_world: World, little_client: Client) -> None:
    telegram(little_client, telegram_text(1, "7001", "hola"))
    assert HEARTBEAT not in little_client.get("/metrics").text
    assert little_client.get("/readyz").status_code == 503
