"""Long lists in parts: a page stays light however many proposals there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import abort, request

T = TypeVar("T")

MOST = 20
"""Items of one part: with texts of the greatest length a page keeps under 50 kB."""


@dataclass(frozen=True)
class Part(Generic[T]):
    """The items of one part of a list; `number` counts from 1 to `of`."""

    items: Sequence[T]
    number: int
    of: int


def asked() -> int:
    """The number of the part that the address names."""
    return request.args.get("pagina", 1, int)


def part(items: Sequence[T], number: int, weigh: Callable[[T], int] = lambda _item: 1, most: int = MOST) -> Part[T]:
    """One part of a list, of items that together weigh at most `most` (or of one); 404 where there is no such part."""
    parts: list[list[T]] = [[]]
    room = most
    for item in items:
        room -= weigh(item)
        if room < 0 and parts[-1]:
            parts.append([])
            room = most - weigh(item)
        parts[-1].append(item)
    if not 1 <= number <= len(parts):
        abort(404)
    return Part(parts[number - 1], number, len(parts))
