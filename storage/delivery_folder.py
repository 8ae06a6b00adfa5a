"""`delivery.toml` of a city's folder: what messages cost, how much may be spent and how often people are written to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.faults import Fault, _
from storage.hours import DAYS, is_span
from storage.pages import Form, Problem, number_fault

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


Where = tuple[str, ...]


def faults(stated: Mapping[str, Any]) -> dict[Where, Fault]:
    """What is wrong with a city's rules, by where it stands: ("prices", "sms", "segment"), ("hours", place, "sundays").

    `stated` is as the text `delivery` has it: prices by channel, a list of countries, hours by place and kind of day.
    """
    found: dict[Where, Fault] = {}
    for name, (_usual, least, most) in RULES.items():
        value = stated.get(name, least)
        if type(value) is not int:
            found[name,] = _("must be a whole number")
        elif not least <= value <= most:
            found[name,] = number_fault(least, most)
    prices = stated.get("prices", {})
    for channel, what in ((channel, what) for channel, names in PRICES.items() for what in names):
        given = prices.get(channel, {}) if isinstance(prices, dict) else {}
        price = given.get(what) if isinstance(given, dict) else None
        if type(price) is not int or not 0 <= price <= DEAREST:
            found["prices", channel, what] = _("must be whole pesos, from 0 to {most}", most=DEAREST)
    countries = stated.get("countries", [])
    if not isinstance(countries, list) or not countries or not all(is_code(code) for code in countries):
        found["countries",] = _('must be a list of calling codes, like ["+57"]')
    for place, spans in stated.get("hours", {}).items():
        wrong = [kind for kind in DAYS if kind in spans and not is_span(spans[kind])]
        found |= {("hours", place, k): _("must be two hours like [8, 18], or [] for not at all") for k in wrong}
    return found


def read_delivery(path: Path, problems: list[Problem]) -> Mapping[str, Any]:
    """What the file says, as plain JSON; nothing where there is no such file. Adds every mistake to `problems`."""
    if not (path / NAME).exists():
        return {}
    form = Form(path, NAME, problems)
    if form.text is None:
        return {}
    form.only("prices", "assumed", "countries", "hours", *RULES)
    hours = _hours(form)
    stated = {
        **{name: form.data[name] for name in RULES if name in form.data},
        "prices": form.data.get("prices", {}),
        "assumed": form.flag("assumed"),
        "countries": form.data.get("countries", []),
        "hours": {place: spans for place, (_line, spans) in hours.items()},
    }
    found = faults(stated)
    for where, reason in found.items():
        of_hours = where[0] == "hours"
        line = hours[where[1]][0] if of_hours else form.line(*where)
        form.wrong(line, f"{where[-1] if of_hours else '.'.join(where)} {reason}")
    return stated if found else {**stated, "countries": sorted(set(stated["countries"]))}


def _hours(form: Form) -> dict[str, tuple[int, dict[str, list[int]]]]:
    """The hours of places where they differ from the city's, by code: the line they stand in, and by kind of day."""
    found: dict[str, tuple[int, dict[str, list[int]]]] = {}
    for n, each in enumerate(form.tables("hours")):
        line, place = form.line("hours", n), str(each.get("place", ""))
        form.slug(line, "place", place)
        form.members(each, ("place", *DAYS), f"hours of {place}")
        found[place] = line, {kind: each[kind] for kind in DAYS if kind in each}
    return found


def is_code(code: object) -> bool:
    """Whether this is a country's calling code."""
    return isinstance(code, str) and code.startswith("+") and code[1:].isdecimal() and 2 <= len(code) <= 5
