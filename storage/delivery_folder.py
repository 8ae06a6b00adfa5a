"""`delivery.toml` of a city's folder: what messages cost, how much may be spent and how often people are written to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.hours import DAYS, is_span
from storage.pages import Form, Problem

NAME = "delivery.toml"

PRICES = {
    "whatsapp": ("message", "utility", "marketing"),
    "sms": ("segment",),
}
"""By channel, what has a price: a WhatsApp message within 24 hours of theirs or a template by category, an SMS's
segment. Other channels cost nothing."""

DEAREST = 100_000
"""Pesos for one message; what is more is a slip of the finger."""

RULES: Mapping[str, tuple[int, int, int]] = {
    "daily": (300_000, 0, 1_000_000_000),
    "replies": (300_000, 0, 1_000_000_000),
    "weekly": (3, 1, 21),
    "sms_after": (12, 1, 72),
}
"""Each with what holds without it, the least and the most: pesos a day for announcements and for replies, messages a
person gets in a week unasked, and hours without delivery after which an SMS follows a WhatsApp message."""


def read_delivery(path: Path, problems: list[Problem]) -> Mapping[str, Any]:
    """What the file says, as plain JSON; nothing where there is no such file. Adds every mistake to `problems`."""
    if not (path / NAME).exists():
        return {}
    form = Form(path, NAME, problems)
    if form.text is None:
        return {}
    form.only("prices", "assumed", "countries", "hours", *RULES)
    found = {name: form.number(name, least, most) for name, (_usual, least, most) in RULES.items() if name in form.data}
    return {
        **found,
        "prices": _prices(form),
        "assumed": form.flag("assumed"),
        "countries": _countries(form),
        "hours": _hours(form),
    }


def _prices(form: Form) -> dict[str, dict[str, int]]:
    """Whole pesos by channel and what has a price."""
    found: dict[str, dict[str, int]] = {}
    for channel, names in PRICES.items():
        given = form.data.get("prices", {}).get(channel, {}) if isinstance(form.data.get("prices", {}), dict) else {}
        for name in names:
            price = given.get(name) if isinstance(given, dict) else None
            if type(price) is not int or not 0 <= price <= DEAREST:
                form.wrong(
                    form.line("prices", channel, name),
                    f"prices.{channel}.{name} must be whole pesos, from 0 to {DEAREST}",
                )
            else:
                found.setdefault(channel, {})[name] = price
    return found


def _countries(form: Form) -> list[str]:
    """The calling codes that may be written to."""
    given = form.data.get("countries", [])
    if not isinstance(given, list) or not given or not all(is_code(code) for code in given):
        form.wrong(form.line("countries"), 'countries must be a list of calling codes, like ["+57"]')
        return []
    return sorted(set(given))


def _hours(form: Form) -> dict[str, dict[str, list[int]]]:
    """The hours of places where they differ from the city's, by code and kind of day."""
    found: dict[str, dict[str, list[int]]] = {}
    for n, each in enumerate(form.tables("hours")):
        line, place = form.line("hours", n), str(each.get("place", ""))
        form.slug(line, "place", place)
        form.members(each, ("place", *DAYS), f"hours of {place}")
        spans = {kind: each[kind] for kind in DAYS if kind in each}
        for kind in (kind for kind, span in spans.items() if not is_span(span)):
            form.wrong(line, f"{kind} must be two hours like [8, 18], or [] for not at all")
        found[place] = spans
    return found


def is_code(code: object) -> bool:
    """Whether this is a country's calling code."""
    return isinstance(code, str) and code.startswith("+") and code[1:].isdecimal() and 2 <= len(code) <= 5
