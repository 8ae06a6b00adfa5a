"""The stand-ins answer the real clients as the providers do, and fail as they are told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import requests
from aiohttp import web
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import HTTPXRequest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from cli.standins import Standins, running_standins
from cli.traffic import Delivered, Limit, Trouble
from tests.specs import SPECS, check_call, checker

NOON = datetime(2022, 11, 15, 12, tzinfo=UTC)
DESK, PERSON = "+15005550006", "+573000000001"
TEMPLATE = "HX" + "a" * 32


def with_bot(scene: Callable[[Standins, Bot], Awaitable[Any]], **options: Any) -> Any:
    """Run a scene with stand-ins and a real bot in one loop."""

    async def run() -> Any:
        async with Standins(check=check_call, **options) as standins:
            request = HTTPXRequest(read_timeout=5, httpx_kwargs={"trust_env": False})
            bot = Bot(standins.token, base_url=f"{standins.telegram_url}/bot", request=request)
            try:
                result = await scene(standins, bot)
            finally:
                await request.shutdown()
            assert standins.wrong == []
            return result

    return asyncio.run(run())


@pytest.fixture
def standins() -> Iterator[Standins]:
    with running_standins(check=check_call) as running:
        yield running
        assert running.wrong == []


def client_of(standins: Standins, auth_token: str = "", timeout: float = 5.0) -> Client:
    client = Client(
        standins.account_sid, auth_token or standins.auth_token, http_client=TwilioHttpClient(timeout=timeout)
    )
    client.api.base_url = client.content.base_url = standins.twilio_url
    return client


# Telegram


def test_a_message_comes_back_as_a_message_and_is_kept_with_its_buttons() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Sí", callback_data="t1:yes")]])
        first = await bot.send_message(7, "¿Está bien? ñ & = +", reply_markup=keyboard)
        second = await bot.send_message(7, "otra")
        other = await bot.send_message(8, "hola")
        assert (first.message_id, second.message_id, other.message_id) == (1, 2, 1)
        assert (first.chat.id, first.chat.type, first.text) == (7, "private", "¿Está bien? ñ & = +")
        assert first.reply_markup == keyboard
        kept = standins.sent[0]
        assert (kept.channel, kept.to, kept.id, kept.buttons) == ("telegram", "7", "1", (("Sí", "t1:yes"),))
        assert kept.raw["text"] == kept.text == "¿Está bien? ñ & = +"
        assert [message.text for message in standins.to("7")] == ["¿Está bien? ñ & = +", "otra"]

    with_bot(scene)


def test_the_keys_of_a_reply_keyboard_are_buttons_without_data() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        await bot.send_message(
            7,
            "¿Su número?",
            reply_markup=ReplyKeyboardMarkup([[KeyboardButton("Compartir", request_contact=True), "No"]]),
        )
        assert standins.sent[0].buttons == (("Compartir", ""), ("No", ""))

    with_bot(scene)


@pytest.mark.parametrize(
    ("text", "data", "words"),
    [
        ("", "d", "Message text is empty"),
        (" \n", "d", "Message text is empty"),
        ("x" * 4097, "d", "Message is too long"),
        ("x", "ñ" * 33, "Button_data_invalid"),
    ],
)
def test_what_telegram_does_not_take_is_refused_and_not_kept(text: str, data: str, words: str) -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data=data)]])
        with pytest.raises(BadRequest, match=words):
            await bot.send_message(7, text, reply_markup=keyboard)
        assert list(standins.sent) == []

    with_bot(scene)


def test_the_longest_message_and_button_are_taken() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="ñ" * 32)]])
        await bot.send_message(7, "x" * 4096, reply_markup=keyboard)
        assert len(standins.sent) == 1

    with_bot(scene)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 429, "retry_after": 7}, RetryAfter),
        ({"status": 403}, Forbidden),
        ({"status": 400}, BadRequest),
        ({"status": 401}, InvalidToken),
        ({"status": 500}, NetworkError),
        ({"how": "drop"}, NetworkError),
        ({"how": "accept_then_drop"}, NetworkError),
        ({"how": "accept_then_hang"}, TimedOut),
    ],
)
def test_a_planned_fault_reaches_the_bot_as_its_class_of_error(
    fault: dict[str, Any], error: type[TelegramError]
) -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        standins.fail(**fault)
        with pytest.raises(error) as raised:
            await bot.send_message(7, "hola", read_timeout=0.2 if error is TimedOut else 5)
        assert type(raised.value) is error
        accepted = str(fault.get("how", "")).startswith("accept")
        await standins.arrived("7", int(accepted))
        assert [message.text for message in standins.sent] == ["hola"] * accepted
        await bot.send_message(7, "otra")
        assert standins.sent[-1].text == "otra"

    with_bot(scene)


def test_the_wait_that_telegram_asks_for_is_told() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        standins.fail(status=429, retry_after=7)
        with pytest.raises(RetryAfter) as raised:
            await bot.send_message(7, "hola")
        assert raised.value.retry_after in (7, timedelta(seconds=7))

    with_bot(scene)


def test_one_that_says_nothing_closes_after_its_seconds() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        standins.fail(how="accept_then_hang", seconds=0.01)
        with pytest.raises(NetworkError) as raised:
            await bot.send_message(7, "hola")
        assert type(raised.value) is NetworkError

    with_bot(scene)


def test_a_fault_waits_for_its_address_its_method_and_its_number_of_times() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        standins.fail(status=403, to="9", times=2)
        standins.fail(status=500, method="getMe")
        await bot.send_message(7, "hola")
        for _n in range(2):
            with pytest.raises(Forbidden):
                await bot.send_message(9, "hola")
        await bot.send_message(9, "hola")
        with pytest.raises(NetworkError):
            await bot.get_me()
        assert (await bot.get_me()).username == "cuenta_stand_in_bot"

    with_bot(scene)


def test_whoever_blocked_the_bot_gets_nothing() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        standins.blocked.add("7")
        with pytest.raises(Forbidden, match="blocked by the user"):
            await bot.send_message(7, "hola")
        await bot.send_message(8, "hola")
        assert [message.to for message in standins.sent] == ["8"]

    with_bot(scene)


def test_a_stranger_and_an_unknown_method_are_turned_away(standins: Standins) -> None:
    stranger = requests.post(f"{standins.telegram_url}/bot1:x/getMe", timeout=5)
    assert (stranger.status_code, stranger.json()["description"]) == (401, "Unauthorized")
    unknown = requests.post(f"{standins.telegram_url}/bot{standins.token}/sendMesage", timeout=5)
    assert (unknown.status_code, unknown.json()) == (404, {"ok": False, "error_code": 404, "description": "Not Found"})


def test_parameters_may_come_in_the_query_or_in_either_form(standins: Standins) -> None:
    url = f"{standins.telegram_url}/bot{standins.token}/sendMessage"
    given = {"chat_id": "7", "text": "ñandú 👋"}
    ways: list[dict[str, Any]] = [
        {"params": given},
        {"data": given},
        {"files": {n: (None, v) for n, v in given.items()}},
    ]
    for way in ways:
        assert requests.post(url, timeout=5, **way).status_code == 200
    assert [message.text for message in standins.sent] == ["ñandú 👋"] * 3


def test_bytes_that_are_not_utf8_are_refused(standins: Standins) -> None:
    url = f"{standins.telegram_url}/bot{standins.token}/sendMessage"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"chat_id=7&text=\xff", b"chat_id=7&text=%FF"):
        assert requests.post(url, data=body, headers=headers, timeout=5).status_code == 400


def test_a_keyboard_is_taken_away_once() -> None:
    async def scene(_standins: Standins, bot: Bot) -> None:
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="b")]])
        sent = await bot.send_message(7, "hola", reply_markup=keyboard)
        bare = await bot.edit_message_reply_markup(7, sent.message_id)
        assert not isinstance(bare, bool)
        assert bare.reply_markup is None
        with pytest.raises(BadRequest, match="not modified"):
            await bot.edit_message_reply_markup(7, sent.message_id)
        edited = await bot.edit_message_text("adiós", 7, sent.message_id)
        assert not isinstance(edited, bool)
        assert edited.text == "adiós"
        assert await bot.delete_message(7, sent.message_id)
        with pytest.raises(BadRequest, match="not found"):
            await bot.edit_message_text("otra", 7, sent.message_id)

    with_bot(scene)


def test_the_webhook_and_the_commands_that_were_set_are_told() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        await bot.set_webhook("https://desk.example/hook", secret_token="a-secret_1", allowed_updates=["message"])
        await bot.set_webhook("https://desk.example/hook2", secret_token="a-secret_1")
        told = await bot.get_webhook_info()
        assert (told.url, told.allowed_updates) == ("https://desk.example/hook2", ("message",))
        assert standins.telegram.webhook_secret == "a-secret_1"
        with pytest.raises(BadRequest):
            await bot.set_webhook("https://desk.example/hook", secret_token="not this!")
        await bot.delete_webhook()
        assert (await bot.get_webhook_info()).url == ""
        await bot.set_my_commands([BotCommand("votar", "Votar")], language_code="es")
        assert await bot.get_my_commands(language_code="es") == (BotCommand("votar", "Votar"),)
        assert await bot.get_my_commands() == ()
        with pytest.raises(BadRequest):
            await bot.set_my_commands([BotCommand("Votar", "Votar")])

    with_bot(scene)


def test_the_small_methods_are_answered() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        assert await bot.answer_callback_query("1", "listo")
        assert await bot.send_chat_action(7, "typing")
        assert await bot.set_my_description("Vote", language_code="es")
        assert await bot.set_my_short_description("Vote")
        assert await bot.delete_messages(7, [1, 2])
        assert (await bot.get_file("abcdefgh")).file_id == "abcdefgh"
        with pytest.raises(BadRequest):
            await bot.answer_callback_query("1", "x" * 201)
        assert [method for _api, method, _given in standins.calls][:2] == ["answerCallbackQuery", "sendChatAction"]

    with_bot(scene)


# Twilio


@pytest.mark.parametrize(("prefix", "channel"), [("", "sms"), ("whatsapp:", "whatsapp")])
def test_a_created_message_is_a_whole_resource_and_is_kept(standins: Standins, prefix: str, channel: str) -> None:
    made = client_of(standins).messages.create(to=prefix + PERSON, from_=prefix + DESK, body="ñ & = +")
    assert (made.status, made.direction, made.body, made.date_sent) == ("queued", "outbound-api", "ñ & = +", None)
    assert made.sid is not None
    assert (made.sid[:2], len(made.sid)) == ("SM", 34)
    kept = standins.sent[0]
    assert (kept.channel, kept.to, kept.text, kept.id) == (channel, prefix + PERSON, "ñ & = +", made.sid)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"body": "x" * 1601}, 21617),
        ({}, 21602),
        ({"body": "x", "to": "300"}, 21211),
        ({"body": "x", "to": f"whatsapp:{PERSON}"}, 21910),
    ],
)
def test_what_twilio_does_not_take_is_refused_by_its_code(standins: Standins, given: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as raised:
        client_of(standins).messages.create(**({"to": PERSON, "from_": DESK} | given))
    assert (raised.value.status, raised.value.code) == (400, code)
    assert list(standins.sent) == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 429, "retry_after": 3}, 429, 20429),
        ({"status": 500}, 500, 20500),
        ({"status": 400, "code": 63003}, 400, 63003),
    ],
)
def test_a_planned_fault_reaches_the_client_by_its_code(
    standins: Standins, fault: dict[str, Any], status: int, code: int
) -> None:
    standins.fail(**fault, to=PERSON)
    with pytest.raises(TwilioRestException) as raised:
        client_of(standins).messages.create(to=PERSON, from_=DESK, body="hola")
    assert (raised.value.status, raised.value.code) == (status, code)
    client_of(standins).messages.create(to=PERSON, from_=DESK, body="hola")
    assert len(standins.sent) == 1


def test_too_many_calls_to_twilio_name_the_wait(standins: Standins) -> None:
    standins.fail(status=429, retry_after=3)
    answer = requests.post(
        f"{standins.twilio_url}/2010-04-01/Accounts/{standins.account_sid}/Messages.json",
        {"To": PERSON, "From": DESK, "Body": "x"}, auth=(standins.account_sid, standins.auth_token), timeout=5,
    )  # fmt: skip
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "3", 20429)


@pytest.mark.parametrize(
    ("how", "error", "accepted"),
    [
        ("drop", requests.exceptions.ConnectionError, 0),
        ("accept_then_drop", requests.exceptions.ConnectionError, 1),
        ("accept_then_hang", requests.exceptions.ReadTimeout, 1),
    ],
)
def test_a_lost_answer_says_nothing_of_what_was_accepted(
    standins: Standins, how: str, error: type[Exception], accepted: int
) -> None:
    standins.fail(how=how)
    with pytest.raises(error):
        client_of(standins, timeout=0.2 if how == "accept_then_hang" else 5).messages.create(
            to=PERSON, from_=DESK, body="hola"
        )
    standins.wait_for(PERSON, accepted, 5)
    assert len(standins.sent) == accepted
    assert len(client_of(standins).messages.list(to=PERSON)) == accepted


def test_a_stranger_to_twilio_and_an_unknown_resource_are_turned_away(standins: Standins) -> None:
    with pytest.raises(TwilioRestException) as stranger:
        client_of(standins, "another").messages.create(to=PERSON, from_=DESK, body="hola")
    assert (stranger.value.status, stranger.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as unknown:
        client_of(standins).messages("SM" + "0" * 32).fetch()
    assert (unknown.value.status, unknown.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as elsewhere:
        client_of(standins).calls.create(to=PERSON, from_=DESK, url="https://desk.example")
    assert elsewhere.value.code == 20404


def test_whoever_opted_out_gets_nothing(standins: Standins) -> None:
    standins.blocked.add(PERSON)
    with pytest.raises(TwilioRestException) as raised:
        client_of(standins).messages.create(to=PERSON, from_=DESK, body="hola")
    assert raised.value.code == 21610


def test_the_list_has_both_directions_newest_first_and_its_filters(standins: Standins) -> None:
    for day in range(4):
        standins.twilio.receive(PERSON, DESK, f"day {day}", NOON + timedelta(days=day))
    client = client_of(standins)
    client.messages.create(to=PERSON, from_=DESK, body="answer")
    listed = client.messages.list()
    assert [(m.body, m.direction) for m in listed[:2]] == [("answer", "outbound-api"), ("day 3", "inbound")]
    assert [m.body for m in client.messages.list(to=DESK, date_sent_after=NOON + timedelta(days=2))] == [
        "day 3",
        "day 2",
    ]
    assert [m.body for m in client.messages.list(to=DESK, date_sent_before=NOON + timedelta(days=1))] == [
        "day 1",
        "day 0",
    ]
    assert [m.body for m in client.messages.list(from_=PERSON, date_sent=NOON)] == ["day 0"]
    assert client.messages.list(to=DESK)[0].date_sent == NOON + timedelta(days=3)


def test_pages_stay_whole_while_messages_come_and_go(standins: Standins) -> None:
    for n in range(5):
        standins.twilio.receive(PERSON, DESK, f"message {n}", NOON)  # all in one second: the order of arrival decides
    client = client_of(standins)
    read = []
    for message in client.messages.stream(to=DESK, page_size=2):
        read.append(message.body)
        standins.twilio.receive(PERSON, DESK, "later", NOON + timedelta(hours=1))
        client.messages(message.sid or "").delete()
    assert read == ["message 4", "message 3", "message 2", "message 1", "message 0"]


def test_a_message_is_read_redacted_and_deleted(standins: Standins) -> None:
    client = client_of(standins)
    sid = standins.twilio.receive(PERSON, DESK, "secreto", NOON)["sid"]
    assert client.messages(sid).fetch().body == "secreto"
    assert client.messages(sid).update(body="").body == ""
    assert standins.twilio.inbound[0]["body"] == ""
    with pytest.raises(TwilioRestException):
        client.messages(sid).update(body="otra cosa")
    assert client.messages(sid).delete()
    assert client.messages.list() == []


def test_the_account_and_its_numbers_are_told(standins: Standins) -> None:
    client = client_of(standins)
    hook = "https://desk.example/webhooks/twilio#rc=3&rp=5xx,ct,rt"
    standins.twilio.numbers.append({"sid": "PN1", "phone_number": DESK, "sms_url": hook, "sms_fallback_url": ""})
    account = client.api.accounts(standins.account_sid).fetch()
    assert str(account.status) in ("active", "Status.ACTIVE")
    found = client.incoming_phone_numbers.list(phone_number=DESK)
    assert [(number.phone_number, number.sms_url) for number in found] == [(DESK, hook)]
    assert client.incoming_phone_numbers.list(phone_number="+1999") == []


def test_a_content_template_shows_its_words_and_buttons(standins: Standins) -> None:
    actions = [{"title": "Sí", "id": "{{2}}"}, {"title": "No", "id": "n"}]
    standins.twilio.content(TEMPLATE, {"twilio/quick-reply": {"body": "¿{{1}}, está bien?", "actions": actions}})
    client = client_of(standins)
    assert [one.sid for one in client.content.v1.contents.list()] == [TEMPLATE]
    assert client.content.v1.contents(TEMPLATE).fetch().language == "es"
    send = {"to": f"whatsapp:{PERSON}", "from_": f"whatsapp:{DESK}", "content_sid": TEMPLATE}
    client.messages.create(**send, content_variables='{"1":"Ana","2":"t1:yes"}')
    assert standins.sent[0].text == "¿Ana, está bien?"
    assert standins.sent[0].buttons == (("Sí", "t1:yes"), ("No", "n"))
    for wrong in ('{"1":""}', '{"1":"a\\nb"}', "Ana", '["Ana"]'):
        with pytest.raises(TwilioRestException) as raised:
            client.messages.create(**send, content_variables=wrong)
        assert raised.value.code == 92007


# Statuses


async def status_desk(answers: list[tuple[str, dict[str, str], str]]) -> tuple[web.ServerRunner, str]:
    """A server that takes status callbacks; its address."""

    async def take(request: web.BaseRequest) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        answers.append((request.path, form, request.headers["X-Twilio-Signature"]))
        return web.Response(status=204)

    runner = web.ServerRunner(web.Server(take, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/status"


async def create(standins: Standins, callback: str) -> None:
    """Create a message in a thread, as the client blocks."""
    client = client_of(standins)
    await asyncio.to_thread(
        client.messages.create, to=PERSON, from_=DESK, body="hola", status_callback=callback or None
    )


def test_delivery_statuses_are_posted_with_a_signature() -> None:
    async def scene() -> None:
        answers: list[tuple[str, dict[str, str], str]] = []
        runner, url = await status_desk(answers)
        async with Standins(callbacks=True, check=check_call) as standins:
            await create(standins, f"{url}#rc=3")
            await standins.twilio.settled()
            sid = standins.sent[0].id
            assert [form["MessageStatus"] for _path, form, _signature in answers] == ["sent", "delivered"]
            assert standins.twilio.outbound[sid]["status"] == "delivered"
            validator = RequestValidator(standins.auth_token)
            assert all(validator.validate(url, form, signature) for _path, form, signature in answers)
            assert await standins.twilio.report(url, sid, "undelivered", PERSON, DESK, ErrorCode="30003") == 204
            assert (answers[-1][1]["MessageSid"], answers[-1][1]["ErrorCode"]) == (sid, "30003")
            assert standins.twilio.outbound[sid]["error_code"] == 30003
        await runner.cleanup()

    asyncio.run(scene())


def test_statuses_that_nobody_takes_are_counted_and_harm_nothing() -> None:
    async def scene() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound and not listening: whoever calls is refused
            async with Standins(callbacks=True) as standins:
                await create(standins, f"http://127.0.0.1:{closed.getsockname()[1]}/status")
                await standins.twilio.settled()
                assert (len(standins.sent), standins.twilio.unreported) == (1, 2)

    asyncio.run(scene())


def test_no_status_is_posted_unless_asked_for() -> None:
    async def scene() -> None:
        answers: list[tuple[str, dict[str, str], str]] = []
        runner, url = await status_desk(answers)
        async with Standins() as standins:
            await create(standins, url)
            await standins.twilio.settled()
            assert answers == []
        await runner.cleanup()

    asyncio.run(scene())


# Pace, waiting, checks


def test_the_pace_of_a_provider_is_kept_by_the_clock_that_is_passed_in() -> None:
    now = [100.0]

    async def scene(standins: Standins, bot: Bot) -> None:
        await bot.send_message(1, "a")
        with pytest.raises(RetryAfter):
            await bot.send_message(1, "too soon for one")
        await bot.send_message(2, "b")
        with pytest.raises(RetryAfter):
            await bot.send_message(3, "too soon for all")
        now[0] += 1
        await bot.send_message(1, "c")
        assert [(message.text, message.at) for message in standins.sent] == [("a", 100.0), ("b", 100.0), ("c", 101.0)]
        assert standins.refused == 2

    with_bot(scene, limits={"telegram": Limit(overall=2, each=1)}, steady=lambda: now[0])


def test_a_caller_in_the_same_loop_awaits_the_nth_message() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        first, second = (asyncio.create_task(standins.arrived("7", n)) for n in (1, 2))
        await bot.send_message(8, "hola")
        await bot.send_message(7, "uno")
        await first
        assert not second.done()
        await bot.send_message(7, "dos")
        await second
        await standins.arrived("7", 2)
        assert standins.count("7") == 2

    with_bot(scene)


def test_a_caller_in_another_thread_waits_for_the_nth_message(standins: Standins) -> None:
    client_of(standins).messages.create(to=PERSON, from_=DESK, body="hola")
    standins.wait_for(PERSON, 1, 5)
    with pytest.raises(TimeoutError, match="1 of 2"):
        standins.wait_for(PERSON, 2, 0)


def test_whoever_listens_is_told_of_each_message() -> None:
    async def scene(standins: Standins, bot: Bot) -> None:
        heard: list[Delivered] = []
        standins.on_message = heard.append
        await bot.send_message(7, "hola")
        assert heard == list(standins.sent)

    with_bot(scene)


def test_two_runs_never_give_the_same_sid() -> None:
    sids = []
    for _n in range(2):
        with running_standins() as standins:
            sids.append(client_of(standins).messages.create(to=PERSON, from_=DESK, body="hola").sid)
    assert sids[0] != sids[1]


needs_descriptions = pytest.mark.skipif(not SPECS.is_dir(), reason="the API descriptions are not beside the project")


@needs_descriptions
def test_a_call_that_the_description_does_not_know_is_noted() -> None:
    with running_standins(check=check_call) as standins:
        url = f"{standins.telegram_url}/bot{standins.token}/sendMessage"
        requests.post(url, {"chat_id": "7", "text": "x", "txt": "y"}, timeout=5)
        assert standins.wrong == ["sendMessage.txt: no such parameter"]


@needs_descriptions
@pytest.mark.parametrize(
    ("api", "method", "params", "named"),
    [
        ("telegram", "sendMesage", {}, "sendMesage"),
        ("telegram", "sendMessage", {"chat_id": "7"}, "sendMessage.text"),
        ("telegram", "sendMessage", {"chat_id": "7", "text": "x", "disable_notification": "yes"}, "notification"),
        ("telegram", "sendMessage", {"chat_id": "7", "text": "x", "reply_markup": "{'a'}"}, "reply_markup"),
        (
            "telegram", "sendMessage",
            {"chat_id": "7", "text": "x", "reply_markup": '{"inline_keyboard":[[{"text":"a","data":"b"}]]}'},
            "inline_keyboard.0.0.data",
        ),
        (
            "telegram", "sendMessage",
            {"chat_id": "7", "text": "x", "reply_markup": '{"inline_keyboard":[[{"text":"a","style":"pink"}]]}'},
            "style: must be one of",
        ),
        ("telegram", "setMyCommands", {"commands": '[{"command":"a"}]'}, "commands.0.description"),
        ("telegram", "setMyCommands", {"commands": "[]", "scope": '{"type":"everyone"}'}, "scope.type"),
        ("twilio", "CreateMessage", {"Body": "x"}, "CreateMessage.To"),
        ("twilio", "CreateMessage", {"To": PERSON, "Text": "x"}, "CreateMessage.Text"),
        ("twilio", "CreateMessage", {"To": PERSON, "SmartEncoded": "yes"}, "SmartEncoded"),
        ("twilio", "CreateMessage", {"To": PERSON, "ScheduleType": "later"}, "ScheduleType"),
        ("twilio", "CreateMessage", {"To": PERSON, "ContentSid": "HX1"}, "ContentSid"),
        ("twilio", "CreateMessage", {"To": PERSON, "StatusCallback": "http://a_b/c"}, "StatusCallback"),
        ("twilio", "ListMessage", {"PageSize": "1001"}, "PageSize"),
        ("content", "FetchContents", {}, "FetchContents"),
        ("content", "CreateContent", {"language": "es"}, "CreateContent.types"),
        ("content", "CreateContent", {"language": "es", "types": {"twilio_text": {}}}, "types.twilio_text"),
        ("content", "CreateContent", {"language": "es", "types": {"twilio/text": {"body": 1}}}, "must be string"),
        ("content", "CreateApprovalCreate", {"name": "x"}, "CreateApprovalCreate.category"),
    ],
)  # fmt: skip
def test_the_checker_names_what_is_wrong(api: str, method: str, params: dict[str, Any], named: str) -> None:
    with pytest.raises(AssertionError, match=named):
        check_call(api, method, params)


def test_without_the_descriptions_every_call_passes(tmp_path: Any) -> None:
    checker(tmp_path)("telegram", "sendMesage", {"any": "thing"})


# Templates, the 24 hours, and the troubles of every day

QUICK = {"twilio/quick-reply": {"body": "Hay {{1}} nuevo", "actions": [{"title": "LEER", "id": "word:LEER"}]}}


def made(standins: Standins) -> str:
    """Make a template with the real client, as its maker does; its sid."""
    asked = ContentList.ContentCreateRequest(
        {"friendly_name": "votes", "language": "es", "variables": {"1": "aviso"}, "types": ContentList.Types(QUICK)}
    )
    return str(client_of(standins).content.v1.contents.create(asked).sid)


def test_a_template_is_made_submitted_and_decided_on(standins: Standins) -> None:
    sid, client = made(standins), client_of(standins)
    content = client.content.v1.contents(sid)
    assert (content.fetch().friendly_name, content.fetch().variables) == ("votes", {"1": "aviso"})
    assert (content.approval_fetch().fetch().whatsapp or {})["status"] == "unsubmitted"
    request = ApprovalCreateList.ContentApprovalRequest({"name": "votes", "category": "UTILITY"})
    assert content.approval_create.create(request).status == "received"
    standins.twilio.contents.decide(sid, "rejected", "promotional", "MARKETING")
    told = content.approval_fetch().fetch().whatsapp or {}
    assert (told["status"], told["rejection_reason"], told["category"]) == ("rejected", "promotional", "MARKETING")
    with pytest.raises(TwilioRestException):
        client.content.v1.contents(made(standins)).approval_create.create(request)
    with pytest.raises(TwilioRestException):
        client.content.v1.contents("HX" + "f" * 32).approval_fetch().fetch()


@pytest.mark.parametrize(
    ("hours", "status", "code"),
    [
        (None, "", 63016),
        (25, "", 63016),
        (23, "", 0),
        (25, "approved", 0),
        (None, "approved", 0),
        (25, "pending", 63016),
        (1, "paused", 63041),
        (25, "rejected", 63040),
        (25, "disabled", 63042),
    ],
)
def test_the_24_hours_and_withheld_templates_are_told_in_a_status(hours: int | None, status: str, code: int) -> None:
    async def scene() -> None:
        answers: list[tuple[str, dict[str, str], str]] = []
        runner, url = await status_desk(answers)
        async with Standins(callbacks=True, check=check_call) as standins:
            standins.twilio.heard, standins.twilio.clock = {}, lambda: NOON
            given: dict[str, Any] = {"body": "hola"}
            if hours is not None:
                standins.twilio.receive(f"whatsapp:{PERSON}", DESK, "hola", NOON - timedelta(hours=hours))
            if status:
                standins.twilio.content(TEMPLATE, QUICK)
                standins.twilio.contents.decide(TEMPLATE, status)
                given = {"content_sid": TEMPLATE, "content_variables": '{"1":"aviso"}'}
            client, to, sender = client_of(standins), f"whatsapp:{PERSON}", f"whatsapp:{DESK}"
            await asyncio.to_thread(client.messages.create, to=to, from_=sender, status_callback=url, **given)
            await standins.twilio.settled()
            told = [(form["MessageStatus"], form.get("ErrorCode", "")) for _path, form, _signature in answers]
            assert told == ([("undelivered", str(code))] if code else [("sent", ""), ("delivered", "")])
            assert len(standins.sent) == (not code)
        await runner.cleanup()

    asyncio.run(scene())


def test_statuses_come_in_any_order_when_asked_to() -> None:
    async def scene() -> None:
        answers: list[tuple[str, dict[str, str], str]] = []
        runner, url = await status_desk(answers)
        async with Standins(callbacks=True) as standins:
            standins.twilio.shuffle = Random(1)
            for _n in range(8):
                await create(standins, url)
            await standins.twilio.settled()
        by_sid: dict[str, list[str]] = {}
        for _path, form, _signature in answers:
            by_sid.setdefault(form["MessageSid"], []).append(form["MessageStatus"])
        assert {tuple(order) for order in by_sid.values()} == {("sent", "delivered"), ("delivered", "sent")}
        await runner.cleanup()

    asyncio.run(scene())


def test_a_share_of_people_blocks_and_a_share_of_answers_is_lost() -> None:
    trouble = Trouble(blocked=0.05, lost=0.05, seed=7)
    everybody = [f"+57300{n:07}" for n in range(2000)]
    assert sum(map(trouble.blocks, everybody)) == pytest.approx(100, abs=30)
    assert [trouble.blocks(each) for each in everybody] == [Trouble(0.05, seed=7).blocks(each) for each in everybody]
    blocked = next(each for each in everybody if trouble.blocks(each))
    free = [each for each in everybody[:120] if not trouble.blocks(each)]
    lost = 0
    with running_standins(trouble=trouble) as standins:
        client = client_of(standins)
        for to, code in ((blocked, 21610), (f"whatsapp:{blocked}", 63024)):
            if trouble.blocks(to):
                sender = DESK if to == blocked else f"whatsapp:{DESK}"
                with pytest.raises(TwilioRestException) as raised:
                    client.messages.create(to=to, from_=sender, body="hola")
                assert raised.value.code == code
        for to in free:
            try:
                client.messages.create(to=to, from_=DESK, body="hola")
            except requests.exceptions.ConnectionError:
                lost += 1
        assert 0 < lost < len(free) / 4
        assert len(standins.sent) == len(free), "what was lost is the answer"
