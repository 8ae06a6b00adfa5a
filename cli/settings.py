"""Settings: read from the environment once, checked, and frozen. Each message names the setting and the fix."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAKE_ONE = "Make one with  python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"


class BadSettings(Exception):
    """One or more settings are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class Wrong(Exception):
    """What is wrong with one value, and how to mend it."""


def database(value: str) -> str:
    if not re.match(r"(sqlite:///.|postgres(ql)?(\+psycopg)?://)", value):
        raise Wrong("must begin with sqlite:/// or postgresql:// — for example sqlite:///cuenta.db")
    if value.startswith("sqlite:") and ":memory:" in value:
        raise Wrong("must name a file, which every process opens — for example sqlite:///cuenta.db")
    return re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", value)


def secret(value: str) -> str:
    if len(value) < 32:
        raise Wrong(f"is too short. {MAKE_ONE}")
    return value


def address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Wrong("must be an address such as https://cuenta.example.gov.co, without a query")
    if "_" in parts.hostname:
        raise Wrong("has an underscore in its host name: Twilio refuses such an address for delivery statuses")
    return value.rstrip("/")


def host(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", value):
        raise Wrong("must be a host name alone, such as consola.cuenta.example.gov.co")
    return value


def webhook_secret(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", value):
        raise Wrong("must be 16 to 256 letters, digits, _ or - (that is all Telegram takes)")
    return value


def token(value: str) -> str:
    if not re.fullmatch(r"\d+:[A-Za-z0-9_-]{20,}", value):
        raise Wrong("does not look like a bot token: copy it again from @BotFather, as 123456:ABC…")
    return value


def name(value: str) -> str:
    if not re.fullmatch(r"@?[A-Za-z][A-Za-z0-9_]{4,31}", value):
        raise Wrong("must be the bot's name as @BotFather gave it, such as @cuenta_bot")
    return value.removeprefix("@")


def account(value: str) -> str:
    if not re.fullmatch(r"AC[0-9a-f]{32}", value):
        raise Wrong("must be the account SID of Twilio's console: AC and 32 hexadecimal digits")
    return value


def whatsapp(value: str) -> str:
    if not re.fullmatch(r"whatsapp:\+[1-9]\d{6,14}", value):
        raise Wrong("must be the sender as Twilio writes it: whatsapp:+57…")
    return value


def number(value: str) -> str:
    if not re.fullmatch(r"\+[1-9]\d{6,14}|\d{4,6}", value):
        raise Wrong("must be a number in international form (+57…) or a short code")
    return value


def service(value: str) -> str:
    if not re.fullmatch(r"MG[0-9a-f]{32}", value):
        raise Wrong("must be the SID of a messaging service: MG and 32 hexadecimal digits")
    return value


def switch(value: str) -> bool:
    if value.lower() not in ("on", "off"):
        raise Wrong("must be on or off")
    return value.lower() == "on"


def proxies(value: str) -> int:
    if not value.isdecimal() or int(value) > 5:
        raise Wrong("must be the number of proxies in front of this desk, from 0 to 5")
    return int(value)


def rate(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 100_000:
        raise Wrong("must be a whole number of messages a second, from 1")
    return int(value)


def contents(value: str) -> Mapping[str, str]:
    found = dict(re.findall(r"((?:reply|list)-\d+)=(HX[0-9a-f]{32})", value))
    if value and len(found) != len(value.split(",")):
        raise Wrong("must be a list such as reply-2=HX…,list-7=HX… (see docs/deploy.md)")
    return found


def setting(default: Any, read: Callable[[str], Any], about: str, private: bool = False) -> Any:
    """One setting: its default (None: there is none), how it is read, and what it is for."""
    metadata = {"read": read, "about": about, "private": private}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, repr=not private, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Every setting, named as in the environment (in capitals there). Empty strings switch a channel off."""

    database_url: str = setting(
        "sqlite:///data/cuenta.db", database, "Where the database is: an SQLite file or PostgreSQL.", True
    )
    secret_key: str = setting(
        "", secret, "Hashes codes, signs and seals the console's secrets. At least 32 characters; keep it.", True
    )
    public_url: str = setting("", address, "The address providers reach this desk at, as they were told it.")
    browser_chat: bool = setting(False, switch, "Whether people can also write in the browser, at /chat: on or off.")
    console_host: str = setting("", host, "A host name for the staff's console alone; without it, it is at /consola.")
    complaints_host: str = setting("", host, "A host name for complaints alone; without it, they are at /denuncia.")
    volatile_path: Path = setting(
        Path("/dev/shm/cuenta/volatile.db"),  # noqa: S108  in memory is where it has to be, in a folder of its own
        Path,
        "A file in memory (tmpfs) for confidential conversations.",
    )
    ballot_keys_dir: Path = setting(Path("keys"), Path, "The folder of keys: outside the database and its backups.")
    proxies: int = setting(0, proxies, "How many proxies of ours stand in front; their word on who calls is believed.")
    telegram_bot_token: str = setting("", token, "From @BotFather. Without it Telegram is off.", True)
    telegram_bot_name: str = setting("", name, "The bot's name, for the links and QR codes of the public pages.")
    telegram_webhook_secret: str = setting("", webhook_secret, "Telegram sends it with every call.", True)
    telegram_api_url: str = setting(
        "https://api.telegram.org", address, "Telegram's server, or a local Bot API server."
    )
    telegram_per_second: int = setting(30, rate, "Messages a second on Telegram.")
    telegram_per_chat: int = setting(5, rate, "Messages into one Telegram chat in five seconds.")
    twilio_account_sid: str = setting("", account, "From Twilio's console. Without it WhatsApp and SMS are off.")
    twilio_auth_token: str = setting("", str, "Signs Twilio's calls and ours.", True)
    twilio_auth_token_previous: str = setting("", str, "The old token, accepted while it is being rotated.", True)
    twilio_whatsapp_from: str = setting("", whatsapp, "The WhatsApp sender. Without it WhatsApp is off.")
    twilio_sms_from: str = setting(
        "", number, "The SMS number. Without it, and without a messaging service, SMS is off."
    )
    twilio_messaging_service_sid: str = setting("", service, "A messaging service for SMS, instead of one number.")
    twilio_api_url: str = setting("", address, "Another address for Twilio's API, for tests.")
    twilio_contents: Mapping[str, str] = setting({}, contents, "Content templates for WhatsApp buttons and lists.")
    whatsapp_complaints: str = setting(
        "", whatsapp, "A WhatsApp of the city's own for the daily test of redaction. Without it: the form's link only."
    )
    whatsapp_per_second: int = setting(80, rate, "Messages a second on WhatsApp.")
    sms_per_second: int = setting(1, rate, "Messages a second by SMS; a short code may take 100.")

    @property
    def telegram(self) -> bool:
        return bool(self.telegram_bot_token)

    @property
    def whatsapp(self) -> bool:
        return bool(self.twilio_account_sid and self.twilio_whatsapp_from)

    @property
    def sms(self) -> bool:
        return bool(self.twilio_account_sid and (self.twilio_sms_from or self.twilio_messaging_service_sid))


NEEDS = {
    "telegram_bot_token": ("telegram_webhook_secret",),
    "twilio_account_sid": ("twilio_auth_token", "public_url"),
}
"""What a channel cannot do without."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment (the process's own by default). Raises BadSettings with every problem."""
    given = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    problems: list[str] = []
    for each in fields(Settings):
        raw = given.get(each.name.upper(), "").strip()
        if not raw:
            continue
        try:
            values[each.name] = each.metadata["read"](raw)
        except Wrong as wrong:
            problems.append(f"{each.name.upper()} {wrong}")
    for channel, needed in NEEDS.items():
        missing = [name for name in needed if channel in values and not given.get(name.upper(), "").strip()]
        problems += [f"{name.upper()} is missing: {channel.upper()} needs it. {about(name)}" for name in missing]
    if not given.get("SECRET_KEY", "").strip():
        problems.append(f"SECRET_KEY is missing. {about('secret_key')} {MAKE_ONE}")
    if problems:
        raise BadSettings(problems)
    return Settings(**values)


def about(name: str) -> str:
    """What a setting is for."""
    return next(str(each.metadata["about"]) for each in fields(Settings) if each.name == name)
