"""Settings are read once, checked, and frozen; what is wrong is named with its fix, and secrets are never shown."""

import re
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from cli.settings import BadSettings, Settings, about, read_settings
from tests.world import ROOT, environment

KEY = {"SECRET_KEY": "k" * 32}
SID = "AC" + "0a" * 16
HX = "HX" + "0a" * 16
TOKEN = "123456:abcdefghijklmnopqrstu"
NAMES = sorted(each.name.upper() for each in fields(Settings))


def problems(environ: Mapping[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        read_settings(environ)
    return caught.value.problems


@pytest.mark.parametrize(
    ("given", "name", "fix"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY", "token_urlsafe"),
        ({"SECRET_KEY": "   "}, "SECRET_KEY", "token_urlsafe"),
        ({"SECRET_KEY": "k" * 31}, "SECRET_KEY", "token_urlsafe"),
        ({"DATABASE_URL": "mysql://localhost/cuenta"}, "DATABASE_URL", "postgresql://"),
        ({"DATABASE_URL": "sqlite:///"}, "DATABASE_URL", "sqlite:///cuenta.db"),
        ({"DATABASE_URL": "cuenta.db"}, "DATABASE_URL", "sqlite:///cuenta.db"),
        ({"PUBLIC_URL": "cuenta.example.org"}, "PUBLIC_URL", "https://"),
        ({"PUBLIC_URL": "ftp://cuenta.example.org"}, "PUBLIC_URL", "https://"),
        ({"PUBLIC_URL": "https://cuenta.example.org/?a=1"}, "PUBLIC_URL", "without a query"),
        ({"PUBLIC_URL": "https://cuenta.example.org/#a"}, "PUBLIC_URL", "https://"),
        ({"PUBLIC_URL": "https://my_desk.example.org"}, "PUBLIC_URL", "underscore"),
        ({"TELEGRAM_BOT_TOKEN": "123456"}, "TELEGRAM_BOT_TOKEN", "@BotFather"),
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, "TELEGRAM_WEBHOOK_SECRET", "TELEGRAM_BOT_TOKEN needs it"),
        ({"TELEGRAM_WEBHOOK_SECRET": "short"}, "TELEGRAM_WEBHOOK_SECRET", "16 to 256"),
        ({"TELEGRAM_WEBHOOK_SECRET": "sixteen letters, ñ"}, "TELEGRAM_WEBHOOK_SECRET", "letters, digits, _ or -"),
        ({"TELEGRAM_WEBHOOK_SECRET": "s" * 257}, "TELEGRAM_WEBHOOK_SECRET", "16 to 256"),
        ({"TELEGRAM_API_URL": "localhost:8081"}, "TELEGRAM_API_URL", "https://"),
        ({"TELEGRAM_PER_SECOND": "0"}, "TELEGRAM_PER_SECOND", "from 1"),
        ({"WHATSAPP_PER_SECOND": "eighty"}, "WHATSAPP_PER_SECOND", "whole number"),
        ({"SMS_PER_SECOND": "-1"}, "SMS_PER_SECOND", "whole number"),
        ({"TWILIO_ACCOUNT_SID": "AC123"}, "TWILIO_ACCOUNT_SID", "32 hexadecimal digits"),
        ({"TWILIO_ACCOUNT_SID": SID, "PUBLIC_URL": "https://c.org"}, "TWILIO_AUTH_TOKEN", "ACCOUNT_SID needs it"),
        ({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": "t"}, "PUBLIC_URL", "TWILIO_ACCOUNT_SID needs it"),
        ({"TWILIO_WHATSAPP_FROM": "+573001234567"}, "TWILIO_WHATSAPP_FROM", "whatsapp:+57"),
        ({"TWILIO_SMS_FROM": "300 123 4567"}, "TWILIO_SMS_FROM", "+57"),
        ({"TWILIO_MESSAGING_SERVICE_SID": "MG"}, "TWILIO_MESSAGING_SERVICE_SID", "32 hexadecimal digits"),
        ({"TWILIO_API_URL": "api"}, "TWILIO_API_URL", "https://"),
        ({"TWILIO_CONTENTS": "reply-2=HX12"}, "TWILIO_CONTENTS", "reply-2=HX"),
    ],
)  # fmt: skip
def test_a_problem_names_the_setting_and_its_fix(given: dict[str, str], name: str, fix: str) -> None:
    (problem,) = problems({**KEY, **given})
    assert problem.split()[0] == name
    assert fix in problem


def test_all_problems_are_told_at_once() -> None:
    told = problems({"DATABASE_URL": "x", "PUBLIC_URL": "y", "TELEGRAM_BOT_TOKEN": "z"})
    assert [problem.split()[0] for problem in told] == [
        "DATABASE_URL",
        "PUBLIC_URL",
        "TELEGRAM_BOT_TOKEN",
        "SECRET_KEY",
    ]


def test_a_problem_does_not_repeat_the_value() -> None:
    secret = "Zq7-not-to-be-shown"
    names = [
        name for name in NAMES if name not in ("BALLOT_KEYS_DIR", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_PREVIOUS")
    ]
    assert secret not in "".join(problems(dict.fromkeys(names, secret + " ñ")))


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("DATABASE_URL", "postgres://u:p@host/cuenta", "postgresql://u:p@host/cuenta"),
        ("DATABASE_URL", "postgresql+psycopg://host/cuenta", "postgresql://host/cuenta"),
        ("DATABASE_URL", "sqlite:///folder/c.db", "sqlite:///folder/c.db"),
        ("PUBLIC_URL", "https://cuenta.example.org/", "https://cuenta.example.org"),
        ("PUBLIC_URL", "https://example.org/cuenta/", "https://example.org/cuenta"),
        ("BALLOT_KEYS_DIR", "/srv/keys", Path("/srv/keys")),
        ("TELEGRAM_API_URL", "http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("TELEGRAM_PER_SECOND", "7", 7),
        ("TWILIO_SMS_FROM", "891234", "891234"),
        ("TWILIO_SMS_FROM", " +573001234567 ", "+573001234567"),
        ("TWILIO_CONTENTS", f"reply-2={HX},list-7={HX}", {"reply-2": HX, "list-7": HX}),
    ],
)  # fmt: skip
def test_a_value_is_read(name: str, value: str, read: Any) -> None:
    assert getattr(read_settings({**KEY, name: value}), name.lower()) == read


def test_defaults_leave_every_channel_off() -> None:
    settings = read_settings(KEY)
    assert (settings.telegram, settings.whatsapp, settings.sms) == (False, False, False)
    assert settings.database_url == "sqlite:///data/cuenta.db"
    assert settings.ballot_keys_dir == Path("keys")
    assert settings.telegram_api_url == "https://api.telegram.org"
    assert (settings.telegram_per_second, settings.whatsapp_per_second, settings.sms_per_second) == (30, 80, 1)
    assert settings.twilio_contents == {}


def test_an_empty_value_counts_as_none() -> None:
    assert read_settings({**KEY, **dict.fromkeys(set(NAMES) - {"SECRET_KEY"}, " ")}) == read_settings(KEY)


def test_other_variables_are_left_alone() -> None:
    assert read_settings({**KEY, "HOME": "/root", "telegram_bot_token": "lower case"}) == read_settings(KEY)


@pytest.mark.parametrize(
    ("without", "on"),
    [
        ((), (True, True, True)),
        (("TELEGRAM_BOT_TOKEN",), (False, True, True)),
        (("TWILIO_WHATSAPP_FROM",), (True, False, True)),
        (("TWILIO_SMS_FROM",), (True, True, False)),
        (("TWILIO_ACCOUNT_SID",), (True, False, False)),
    ],
)
def test_a_channel_without_credentials_is_off(without: tuple[str, ...], on: tuple[bool, ...], tmp_path: Path) -> None:
    given = environment("sqlite:///c.db", tmp_path, **dict.fromkeys(without, ""))
    settings = read_settings(given)
    assert (settings.telegram, settings.whatsapp, settings.sms) == on


def test_a_messaging_service_does_for_sms(tmp_path: Path) -> None:
    more = {"TWILIO_SMS_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0" * 32}
    assert read_settings(environment("sqlite:///c.db", tmp_path, **more)).sms


@pytest.mark.parametrize("name", [name.lower() for name in NAMES])
def test_settings_are_frozen(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(read_settings(KEY), name, "other")


def test_secrets_are_not_in_what_a_log_would_show() -> None:
    secrets = {
        "SECRET_KEY": "only-for-tests-" * 3,
        "DATABASE_URL": "postgresql://cuenta:pass-word@host/cuenta",
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_WEBHOOK_SECRET": "webhook-secret-for-tests",
        "TWILIO_AUTH_TOKEN": "auth-token-for-tests",
        "TWILIO_AUTH_TOKEN_PREVIOUS": "older-token-for-tests",
    }
    assert {each.name.upper() for each in fields(Settings) if each.metadata["private"]} == set(secrets)
    shown = repr(read_settings(secrets))
    assert not [name for name, value in secrets.items() if value in shown or name.lower() in shown]
    assert "pass-word" not in shown


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name in NAMES if len(about(name.lower())) < 20] == []


def test_every_setting_is_in_the_table_of_the_deployment_guide() -> None:
    lines = (ROOT / "docs" / "deploy.md").read_text().splitlines()
    documented = {match[1] for line in lines if (match := re.match(r"\|\s*`([A-Z0-9_]+)`\s*\|", line))}
    # Other tables of the guide may name other things: what is a setting here must be there.
    assert set(NAMES) - documented == set()
