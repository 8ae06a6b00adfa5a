"""Delivery: a city's rules of writing to people unasked: what it costs, how much of it, how often, at which hours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.hours import Hours
from flows.territory import Territory
from storage.audiences import BY_NUMBER
from storage.delivery_folder import RULES

HOME = "+1"
"""The calling code of numbers that are made up, where a city names no country."""

Prices = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Delivery:
    """`prices` are pesos by channel and what is charged there (`storage.delivery_folder.PRICES`); `assumed` says that
    nobody has checked them. `daily` and `replies` are the ceilings of a day in pesos: for announcements with reminders,
    and for replies. `countries` are calling codes; other numbers are not written to. `weekly` is how many messages a
    person gets in seven days unasked. An SMS follows a WhatsApp message that was not delivered for `sms_after`.
    `hours` are those of places where they differ from the city's own, `usual`.
    """

    usual: Hours
    prices: Prices = field(default_factory=dict)
    assumed: bool = True
    daily: int = RULES["daily"][0]
    replies: int = RULES["replies"][0]
    weekly: int = RULES["weekly"][0]
    sms_after: timedelta = timedelta(hours=RULES["sms_after"][0])
    countries: tuple[str, ...] = ()
    hours: Mapping[str, Hours] = field(default_factory=dict)

    @classmethod
    def of(cls, stated: Mapping[str, Any], hours: Mapping[str, Any], zone: str) -> "Delivery":
        """The rules as the city's texts `delivery` and `hours` state them."""
        numbers = {name: stated[name] for name in ("daily", "replies", "weekly") if name in stated}
        own = {place: Hours.of({**hours, **spans}, zone) for place, spans in stated.get("hours", {}).items()}
        return cls(
            usual=Hours.of(hours, zone),
            prices=stated.get("prices", {}),
            assumed=stated.get("assumed", not stated),
            sms_after=timedelta(hours=stated.get("sms_after", RULES["sms_after"][0])),
            countries=tuple(stated.get("countries", ())),
            hours=own,
            **numbers,
        )

    def hours_at(self, territory: Territory, place: str) -> Hours:
        """The hours that hold at a place: its own, those of the nearest place above, or the city's."""
        return next((self.hours[p.code] for p in territory.above(place) if p.code in self.hours), self.usual)

    @property
    def home(self) -> str:
        """The calling code of a country that is written to."""
        return self.countries[0] if self.countries else HOME

    def allows(self, channel: str, address: str) -> bool:
        """Whether an address may be written to: a number of one of the countries, or one that shows no number."""
        number = address.removeprefix("whatsapp:")
        return channel not in BY_NUMBER or not number.startswith("+") or number.startswith(self.countries)

    def cost(self, channel: str, segments: int, messages: int = 1) -> int:
        """What messages cost that are no templates, in pesos; `segments` is how many an SMS, or all of them, have."""
        if channel == "sms":
            return self.price(channel, "segment", segments)
        return self.price(channel, "message", messages)

    def is_free(self, channel: str) -> bool:
        """Whether a message on a channel never costs anything."""
        return not any(self.prices.get(channel, {}).values())

    def price(self, channel: str, what: str, units: int = 1) -> int:
        """What a message costs in pesos: `what` is message, utility, marketing or segment, `units` its segments."""
        return self.prices.get(channel, {}).get(what, 0) * units
