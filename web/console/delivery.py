"""The rules of delivery as a form: prices, ceilings, how often, which countries, and the hours of places."""

from collections.abc import Mapping
from typing import Any

from flask import request

from flows.language import Phrase, Text, _
from storage.delivery_folder import PRICES, RULES, faults
from storage.hours import DAYS
from web.console.forms import phrase, plain

PRICE_LABELS: Mapping[tuple[str, str], Text] = {
    ("whatsapp", "message"): _("WhatsApp, a message within a day of theirs"),
    ("whatsapp", "utility"): _("WhatsApp, a template with something they asked for"),
    ("whatsapp", "marketing"): _("WhatsApp, a template with news"),
    ("sms", "segment"): _("SMS, each text message"),
}
RULE_LABELS: Mapping[str, Text] = {
    "daily": _("Pesos in a day for announcements and reminders"),
    "replies": _("Pesos in a day for answers to those who write"),
    "weekly": _("Messages in a week that a person gets without having asked"),
    "sms_after": _("Hours without delivery after which an SMS follows, for those who agreed"),
}
COUNTRIES = _("Country codes that are written to")


def price_fields() -> dict[str, tuple[str, str]]:
    """The fields of prices, each with its channel and what is paid for."""
    return {f"prices.{channel}.{what}": (channel, what) for channel, names in PRICES.items() for what in names}


def in_force(known: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as they hold now, also where the city has stated none."""
    usual = {name: numbers[0] for name, numbers in RULES.items()}
    whole = {"prices": {}, "assumed": not known, "countries": [], "hours": {}, **usual, **known}
    return {**whole, "prices": {channel: dict(whole["prices"].get(channel, {})) for channel in PRICES}}


def read(places: Mapping[str, Any], usual: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Phrase]]:
    """What was typed, and what is wrong with it by field. A place that is added has the `usual` hours."""
    form = request.form
    prices: dict[str, dict[str, int]] = {}
    for name, (channel, what) in price_fields().items():
        prices.setdefault(channel, {})[what] = form.get(name, -1, int)
    hours = {
        code: {kind: _span(f"{code}-{kind}") for kind in DAYS}
        for code in form.getlist("lugar")
        if code in places and f"quitar-{code}" not in form
    }
    if (new := form.get("nuevo", "")) in places and new not in hours:
        hours[new] = {kind: list(usual[kind]) for kind in DAYS}
    given = {
        **{name: form.get(name, -1, int) for name in RULES},
        "prices": prices,
        "assumed": "assumed" in form,
        "countries": sorted(set(plain(form.get("countries")).replace(",", " ").split())),
        "hours": hours,
    }
    return given, wrong(given)


def wrong(stated: Mapping[str, Any]) -> dict[str, Phrase]:
    """What is wrong with rules, by the name of the field."""
    return {".".join(where): phrase(reason) for where, reason in faults(stated).items()}


def names() -> dict[str, Phrase]:
    """What each field is called."""
    prices = {name: PRICE_LABELS[where] for name, where in price_fields().items()}
    return {**prices, **RULE_LABELS, "countries": COUNTRIES}


def shown_as(stated: Mapping[str, Any], name: str) -> str:
    """The value of a field, as it is read."""
    value = stated
    for part in name.split("."):
        value = value.get(part, {}) if isinstance(value, Mapping) else {}
    return " ".join(value) if isinstance(value, list) else str(value) if isinstance(value, int) else "—"


def _span(name: str) -> list[int]:
    first, last = (request.form.get(f"{name}-{end}", -1, int) for end in ("first", "last"))
    return [] if first < 0 and last < 0 else [first, last]
