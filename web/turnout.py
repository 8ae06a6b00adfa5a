"""Turnout of an open vote as its page shows it: in all, and by part of the city; never what anyone chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.territory import Territory


@dataclass(frozen=True)
class Turnout:
    """People who had taken part at `at`; None where they are too few to be told."""

    at: datetime
    people: int | None
    units: list[tuple[str, int | None]]


def by_place(noted: tuple[datetime, Mapping[str, Any]], territory: Territory, zone: Any) -> Turnout:
    """What was noted for an hour, with the names of the places, in the order of the city's tree."""
    at, cells = noted
    places = {code: n for n, code in enumerate(territory.places)}
    codes = sorted((code for code in cells["unit"] if code in places), key=lambda code: places[code])
    units = [(territory.places[code].name, cells["unit"][code]) for code in codes]
    return Turnout(at.astimezone(zone), cells["people"], units)
