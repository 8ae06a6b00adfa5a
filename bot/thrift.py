"""Thrift: which answers the city does not pay for, so that nobody earns by making the desk write (SMS pumping).

What comes in is taken in all the same: only the answer is kept back.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from typing import Literal

from sqlalchemy import Connection, Engine

from bot.catalogue import Catalogue, NothingLoaded
from storage import catalogue as shelf
from storage import outbox, spending
from storage.database import reading, transaction
from storage.delivery_folder import PRICES
from storage.spending import REPLIES

PRICED = frozenset(PRICES)
Reason = Literal["abroad", "ceiling"]


def is_abroad(channel: str, address: str, countries: Sequence[str]) -> bool:
    """Whether an SMS to this number would leave the city's countries; where it names none, no SMS does."""
    return channel == "sms" and bool(countries) and not address.startswith(tuple(countries))


def sum_up(engine: Engine, catalogue: Callable[[Connection, int | None], Catalogue], now: datetime) -> None:
    """Note what the answers of the day have cost so far, those that are still waiting with them."""
    with reading(engine) as connection:
        try:
            city = catalogue(connection, shelf.revision(connection))
        except NothingLoaded:
            return
        today = city.hours.today(now)
        since = datetime.combine(today, time(), city.hours.zone).astimezone(UTC)
        sent = outbox.volume(connection, since, sorted(PRICED))
    pesos = sum(city.delivery.cost(lane, segments, messages) for lane, messages, segments in sent)
    with transaction(engine) as connection:
        spending.note(connection, today, REPLIES, pesos)
        if (pesos >= city.delivery.replies) != (city.exhausted_on == today):
            shelf.changed(connection)  # every process reads the catalogue again, and turns need not look themselves
