"""Officers at tables, for tests: each call is a transaction of its own, as a page's is."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bot import assisted, booths, papers
from bot.assisted import Entered
from bot.booths import Booth
from bot.papers import Row, Sheet
from storage import batches
from storage.batches import Batch
from storage.database import reading, transaction
from tests.world import World

SLUG = "cartagena-2022"
ANA, BEA, CARO = 1, 2, 3
"""Ids of officers."""

T = TypeVar("T")


def at_work(world: World, work: Callable[[Booth], T], by: int = ANA, slug: str = SLUG) -> T:
    """An officer does something, in a transaction."""
    with transaction(world.desk.engine) as connection:
        booth = Booth.at(world.desk, connection, slug, by)
        assert booth is not None
        return work(booth)


def assisted_table(world: World, slips: tuple[int, int] | None = None, by: int = ANA) -> int:
    way = "slips" if slips else "document"
    return at_work(world, lambda booth: booths.open_(booth, "assisted", "Mesa 1", way, slips), by)


def paper_table(world: World, slips: tuple[int, int] | None = None, name: str = "Mesa 2") -> int:
    way = "slips" if slips else "document"
    return at_work(world, lambda booth: booths.open_(booth, "paper", name, way, slips))


def enter(world: World, table: int, shown: str, *choices: str, again: bool = False, **profile: str) -> Entered:
    return at_work(world, lambda booth: assisted.enter(booth, table, shown, choices, profile, again))


def keep(world: World, table: int, *rows: Sequence[str], blank: int = 0, void: int = 0, by: int = ANA) -> None:
    """Type the rows of a table; its sheet states as many valid ballots."""
    whole = [[*row, *[""] * 6][:6] for row in rows]
    at_work(world, lambda booth: papers.keep(booth, table, whole, Sheet(len(rows), blank, void)), by)


def send(world: World, table: int, by: int = ANA) -> str:
    return at_work(world, lambda booth: papers.send(booth, table), by)


def confirm(world: World, table: int, seen: str, by: int = BEA) -> int:
    return at_work(world, lambda booth: papers.confirm(booth, table, seen), by)


def batch(world: World, table: int) -> Batch:
    with reading(world.desk.engine) as connection:
        found = batches.one(connection, table)
    assert found is not None
    return found


def checked(world: World, table: int) -> list[Row]:
    found = batch(world, table)
    return at_work(world, lambda booth: papers.checked(booth, found, papers.typed_rows(booth.ink, found)))
