"""Long lists in parts: a page stays light however many proposals there are."""

from collections.abc import Sequence
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


def part(items: Sequence[T], number: int) -> Part[T]:
    """One part of a list; 404 where there is no such part."""
    of = max(1, -(-len(items) // MOST))
    if not 1 <= number <= of:
        abort(404)
    return Part(items[(number - 1) * MOST : number * MOST], number, of)
