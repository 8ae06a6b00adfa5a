"""`cuenta telegram setup` tells Telegram everything it needs, in both languages, and can be repeated."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram import UPDATES
from bot.speech import LANGUAGES, Speaker
from cli.accounts import telegram
from cli.settings import Settings, read_settings
from cli.standins import Standins, running_standins
from cli.telegram_setup import COMMANDS, DESCRIPTION, SHORT, NotPossible, commands, set_up, webhook_address
from flows.language import Text
from flows.register import WORDS, called
from tests.scripted import TOKEN, Script, scripted
from tests.world import DURING, environment

URL = "https://cuenta.example.test"


@pytest.fixture
def providers() -> Iterator[Standins]:
    with running_standins() as made:
        yield made


def settings_for(folder: Path, **more: str) -> Settings:
    return read_settings(environment("sqlite:///none.db", folder, **more))


def with_standins(providers: Standins, folder: Path, **more: str) -> Settings:
    given = {"TELEGRAM_BOT_TOKEN": providers.token, "TELEGRAM_API_URL": providers.telegram_url, **more}
    return settings_for(folder, **given)


def told(providers: Standins, method: str) -> list[dict[str, str]]:
    return [given for _api, name, given in providers.calls if name == method]


def test_the_webhook_is_set_with_its_secret_and_drops_nothing(providers: Standins, tmp_path: Path) -> None:
    settings = with_standins(providers, tmp_path)
    done = asyncio.run(set_up(settings))
    (given,) = told(providers, "setWebhook")
    assert json.loads(given.pop("allowed_updates")) == UPDATES
    assert given == {
        "url": f"{URL}/webhooks/telegram",
        "secret_token": settings.telegram_webhook_secret,
        "max_connections": "40",
    }
    assert f"{URL}/webhooks/telegram" in done[0]
    assert not [line for line in done if settings.telegram_webhook_secret in line or TOKEN in line]


def test_commands_are_told_in_both_languages_and_spanish_is_for_everybody_else(
    providers: Standins, tmp_path: Path
) -> None:
    asyncio.run(set_up(with_standins(providers, tmp_path)))
    listed = told(providers, "setMyCommands")
    assert [given.get("language_code") for given in listed] == [None, "es", "en"]
    assert {given["scope"] for given in listed} == {'{"type": "all_private_chats"}'}
    names = [[each["command"] for each in json.loads(given["commands"])] for given in listed]
    assert names[0] == names[1]
    assert " ".join(names[0]) == (
        "menu votar reglas resultados hitos avisos leer recordar proponer evaluar denunciar consultar recibo perfil"
        " privacidad idioma otra_persona ayuda baja alta"
    )  # fmt: skip
    assert (
        " ".join(names[2])
        == "menu vote rules results milestones alerts read remind_me propose rate report status receipt profile privacy"
        " language someone_else help stop alta"
    )


@pytest.mark.parametrize(
    ("method", "parameter", "text"),
    [("setMyDescription", "description", DESCRIPTION), ("setMyShortDescription", "short_description", SHORT)],
)
def test_descriptions_are_told_in_both_languages(
    providers: Standins, tmp_path: Path, method: str, parameter: str, text: Text
) -> None:
    asyncio.run(set_up(with_standins(providers, tmp_path)))
    given = [(each.get("language_code"), each[parameter]) for each in told(providers, method)]
    spanish, english = (Speaker(language).say(text) for language in ("es", "en"))
    assert given == [(None, spanish), ("es", spanish), ("en", english)]


def test_set_up_can_be_repeated(providers: Standins, tmp_path: Path) -> None:
    settings = with_standins(providers, tmp_path)
    assert asyncio.run(set_up(settings)) == asyncio.run(set_up(settings))
    first, second = told(providers, "setWebhook")
    assert first == second


def test_the_doctor_is_content_with_what_was_set_up(providers: Standins, tmp_path: Path) -> None:
    settings = with_standins(providers, tmp_path)
    before = {f.name: f for f in asyncio.run(telegram(settings, DURING))}
    assert before["Telegram webhook"].ok is False
    assert "cuenta telegram setup" in before["Telegram webhook"].fix
    asyncio.run(set_up(settings))
    assert all(f.ok for f in asyncio.run(telegram(settings, DURING)))


# Commands and texts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("flow", COMMANDS)
def test_a_command_opens_its_conversation(flow: str, language: str) -> None:
    name = COMMANDS[flow][0][language]
    assert re.fullmatch(r"[a-z0-9_]{1,32}", name)
    assert called(f"/{name}") == flow


def test_every_conversation_that_is_not_told_by_itself_has_a_command() -> None:
    told_with_a_code = {"seat", "committee", "progress", "answer"}
    assert set(WORDS) - set(COMMANDS) == {"hello", "start", "spanish", "english"} | told_with_a_code


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_keep_to_telegrams_lengths(language: str) -> None:
    assert all(1 <= len(command.description) <= 60 for command in commands(language)), "what a phone shows of it"
    assert len(Speaker(language).say(DESCRIPTION)) <= 512
    assert len(Speaker(language).say(SHORT)) <= 120


# Addresses that Telegram would not call


LOCAL = "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("public", "server", "address"),
    [
        (URL, "", f"{URL}/webhooks/telegram"),
        (f"{URL}:8443/desk/", "", f"{URL}:8443/desk/webhooks/telegram"),
        ("http://127.0.0.1:8000", LOCAL, "http://127.0.0.1:8000/webhooks/telegram"),
        ("http://localhost:8000", LOCAL, "http://localhost:8000/webhooks/telegram"),
        (f"{URL}:9000", LOCAL, f"{URL}:9000/webhooks/telegram"),
    ],
)
def test_the_address_of_the_webhook(tmp_path: Path, public: str, server: str, address: str) -> None:
    assert webhook_address(settings_for(tmp_path, PUBLIC_URL=public, TELEGRAM_API_URL=server)) == address


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"PUBLIC_URL": "http://cuenta.example.test"}, "https://"),
        ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "https://"),
        ({"PUBLIC_URL": f"{URL}:9000"}, "8443"),
        ({"PUBLIC_URL": "http://cuenta.example.test", "TELEGRAM_API_URL": LOCAL}, "127.0.0.1"),
        ({"PUBLIC_URL": "", "TWILIO_ACCOUNT_SID": ""}, "PUBLIC_URL is missing"),
        ({"TELEGRAM_BOT_TOKEN": ""}, "TELEGRAM_BOT_TOKEN"),
    ],
)
def test_an_address_that_telegram_would_not_call_is_refused_first(
    tmp_path: Path, given: dict[str, str], words: str
) -> None:
    with pytest.raises(NotPossible, match=re.escape(words)):
        asyncio.run(set_up(settings_for(tmp_path, **given)))


# What Telegram refuses


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


@pytest.mark.parametrize(
    ("status", "description", "words"),
    [
        (401, "Unauthorized", "@BotFather"),
        (400, "Bad Request: bad webhook: failed to resolve [host]", "bad webhook: failed to resolve [host]"),
        (409, "Conflict: terminated by other setWebhook", "Try again"),
        (429, "Too Many Requests: retry after 1", "Try again in a minute"),
        (502, "Bad Gateway", "cannot be reached"),
    ],
)
@pytest.mark.parametrize("method", ["setWebhook", "setMyCommands", "setMyShortDescription"])
def test_what_telegram_refuses_is_explained(
    script: Script, tmp_path: Path, method: str, status: int, description: str, words: str
) -> None:
    script.refuse(method, status, description, **({"retry_after": 1} if status == 429 else {}))
    settings = settings_for(tmp_path, **script.environment())
    with pytest.raises(NotPossible) as caught:
        asyncio.run(set_up(settings))
    told: Any = str(caught.value)
    assert words.lower() in told.lower()
    assert settings.telegram_bot_token not in told
    assert caught.value.__suppress_context__, "the error behind it names the token"


def test_telegram_that_cannot_be_reached_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotPossible, match="cannot be reached"):
        asyncio.run(set_up(settings_for(tmp_path, TELEGRAM_API_URL="http://127.0.0.1:1")))
