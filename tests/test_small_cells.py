"""Small cells: nobody learns a number below five from what is shown, not even who knows the rules that hide it.

The attacker knows the number of ballots, every number that is shown, and the code: every other table that would look
the same is one they cannot rule out. What is the same in all of those is known to them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.results import SMALLEST, cells, places

Place = tuple[str | None, str | None]

IN_ALL_WAYS: tuple[tuple[Place, ...], ...] = (
    (("a", "a1"), ("a", "a2"), ("b", "b1"), ("c", "c1"), (None, None)),
    (("a", "a1"), ("a", "a2"), ("a", None), ("b", "b1"), ("b", None)),
    (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")),
    (("a", "a1"), ("a", None), ("b", "b1"), ("b", None), (None, None)),
)


def shared_out(people: int, groups: int) -> Iterator[tuple[int, ...]]:
    """Every way in which so many people can belong to so many groups."""
    if groups == 1:
        yield (people,)
        return
    for first in range(people + 1):
        for others in shared_out(people - first, groups - 1):
            yield (first, *others)


def present(keys: Sequence[Any], numbers: Sequence[int]) -> dict[Any, int]:
    """As the database counts: a group in which nobody is has no row."""
    return {key: number for key, number in zip(keys, numbers, strict=True) if number}


def learnt(
    keys: Sequence[Any], most: int, show: Callable[[dict[Any, int]], object], sums: Sequence[tuple[int, ...]]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The tables of up to `most` people that give away a sum below five; each sum is one of positions in the table."""
    given_away = []
    for people in range(1, most + 1):
        alike: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        for table in shared_out(people, len(keys)):
            alike[repr(show(present(keys, table)))].append(table)
        for tables in alike.values():
            for positions in sums:
                values = {sum(table[n] for n in positions) for table in tables}
                if len(values) == 1 and 0 < values.pop() < SMALLEST:
                    given_away.append((tables[0], positions))
    return given_away


@pytest.mark.parametrize(("groups", "most"), [(2, 40), (3, 36), (4, 24), (5, 18)])
def test_no_table_gives_a_small_number_away(groups: int, most: int) -> None:
    alone = [(n,) for n in range(groups)]
    assert learnt("abcdef"[:groups], most, lambda found: cells(found, small_too=False), alone) == []


@pytest.mark.parametrize("tree", IN_ALL_WAYS, ids=str)
def test_no_two_tables_of_places_together_give_a_small_number_away(tree: tuple[Place, ...]) -> None:
    every = [tuple(n for n, where in enumerate(tree) if where[level] == name) for level in (0, 1) for name in
             {where[level] for where in tree}]  # fmt: skip
    alone = [(n,) for n in range(len(tree))]
    assert learnt(tree, 19, places, [*alone, *every]) == []


def test_the_attacker_is_not_blind() -> None:
    """Hiding only what is small would give it away: the total tells."""
    naive = learnt("ab", 12, lambda found: {k: n if n >= SMALLEST else None for k, n in found.items()}, [(0,), (1,)])
    assert ((3, 9), (0,)) in naive


numbers = st.one_of(st.integers(1, 6), st.integers(1, 400))
tables = st.dictionaries(st.sampled_from([None, *"abcdefghijklmnop"]), numbers, max_size=14)


@given(tables)
def test_what_is_shown_is_true_and_what_is_small_is_not_shown(found: dict[str | None, int]) -> None:
    shown = cells(found, small_too=False)
    for key, number in shown.items():
        assert number in (None, found[key or None])
        assert number is None or number >= SMALLEST
    left = {key: number for key, number in found.items() if shown.get(key or "") is None}
    if shown and left:
        assert len(left) > 1
        assert len(set(left.values())) > 1
        assert sum(left.values()) >= SMALLEST


@given(tables)
def test_the_order_of_rows_says_nothing(found: dict[str | None, int]) -> None:
    backwards = dict(reversed(found.items()))
    assert cells(found, small_too=False) == cells(backwards, small_too=False)


@given(tables)
def test_rules_that_show_small_numbers_show_all(found: dict[str | None, int]) -> None:
    assert cells(found, small_too=True) == {key or "": number for key, number in found.items()}


trees = st.dictionaries(
    st.tuples(st.sampled_from([None, "l1", "l2", "l3"]), st.sampled_from([None, "u1", "u2", "u3", "u4"])).map(
        lambda where: (where[0], f"{where[0]}-{where[1]}" if where[0] and where[1] else None)
    ),
    numbers,
    max_size=16,
)


@given(trees)
def test_subtracting_what_is_shown_in_a_locality_leaves_nothing_small(found: dict[Place, int]) -> None:
    tables = places(found)
    for locality, people in tables["locality"].items():
        inside = {unit: n for (where, unit), n in found.items() if (where or "") == locality}
        if people is None:
            assert not [unit for unit in inside if unit and unit in tables["unit"]]
            continue
        assert people == sum(inside.values())
        rest = [n for unit, n in inside.items() if not unit or tables["unit"].get(unit) is None]
        if tables["unit"].get("") is not None:
            rest = [n for unit, n in inside.items() if unit and tables["unit"].get(unit) is None]
        assert not rest or sum(rest) >= SMALLEST, _around(locality, tables)


def _around(locality: str, tables: Mapping[str, Mapping[str, int | None]]) -> str:
    return f"{locality}: {tables}"
