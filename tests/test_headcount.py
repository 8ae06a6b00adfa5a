"""The headcount: what staff see of people gives nobody away, however they look, filter or wait."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import headcount
from bot.headcount import DIMENSIONS, Group, number, shown
from bot.results import SMALLEST
from storage.contacts import Contact, Housemate, Person
from storage.headcounts import Headcount
from tests.test_small_cells import learnt
from tests.world import World


def groups(pairs: dict[tuple[str, str], int]) -> Counter[Group]:
    """People by locality and channel, alike in all else."""
    return Counter({Group(where, "", channel, "es", ""): n for (where, channel), n in pairs.items()})


@pytest.mark.parametrize(("rows", "columns", "most"), [("ab", "cd", 30), ("ab", "cde", 13)])
def test_no_two_filters_together_give_a_small_number_away(rows: str, columns: str, most: int) -> None:
    pairs = [(row, column) for row in rows for column in columns]
    alone = [(n,) for n in range(len(pairs))]
    assert learnt(pairs, most, lambda found: shown(groups(found)), alone) == []


def test_the_attacker_is_not_blind() -> None:
    """Without what hides them, two filters would give small numbers away."""
    pairs = [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    assert learnt(pairs, 12, lambda found: found, [(0,)])


few = st.one_of(st.integers(1, 7), st.integers(1, 300))
counted = st.dictionaries(
    st.builds(
        Group,
        st.sampled_from(["", "l1", "l2", "l3"]),
        st.sampled_from(["", "u1"]),
        st.sampled_from(["sms", "telegram", "whatsapp"]),
        st.sampled_from(["es", "en"]),
        st.sampled_from(["", "women", "youth"]),
    ),
    few,
    max_size=20,
)


@given(counted)
def test_what_is_shown_is_never_less_than_five_and_never_more_than_there_are(found: dict[Group, int]) -> None:
    tables = shown(found)
    for name in DIMENSIONS:
        for locality in (None, "", "l1", "l2", "l3"):
            for option in {getattr(group, name) for group in found}:
                told = number(tables, locality, name, option)
                true = sum(
                    n for group, n in found.items()
                    if getattr(group, name) == option and locality in (None, group.locality)
                )  # fmt: skip
                assert told is None or (told >= SMALLEST and told % SMALLEST == 0 and true - SMALLEST < told <= true)


@given(counted)
def test_in_no_row_and_no_column_does_one_hidden_number_stand_alone(found: dict[Group, int]) -> None:
    tables = shown(found)
    for name in DIMENSIONS:
        pairs: Counter[Any] = Counter()
        for group, n in found.items():
            pairs[group.locality, getattr(group, name)] += n
        hidden = [pair for pair in pairs if number(tables, pair[0], name, pair[1]) is None]
        for side in (0, 1):
            for line in {pair[side] for pair in hidden}:
                inside = [pairs[pair] for pair in hidden if pair[side] == line]
                all_of_it = len(inside) == len([pair for pair in pairs if pair[side] == line])
                assert all_of_it or (len(set(inside)) > 1 and sum(inside) >= SMALLEST)


def settle(world: World, first: int, people: int, **more: Any) -> None:
    """So many people who write by SMS."""
    ids, now = range(first, first + people), world.clock()
    world.put(Person, *[{"id": n, "consented_at": now, "notice": "x", **more} for n in ids])
    alike = {"channel": "sms", "language": "es", "state": "active", "heard_at": now}
    world.put(Contact, *[{"id": n, "address": f"+57{n:010}", "person_id": n, **alike} for n in ids])
    world.put(Housemate, *[{"contact_id": n, "person_id": n, "joined_at": now} for n in ids])


def tables(world: World) -> dict[str, Any]:
    (row,) = world.rows(Headcount)
    found: dict[str, Any] = json.loads(row["cells"])
    return found


def test_people_are_counted_once_by_the_chat_they_used_last(world: World) -> None:
    settle(world, 1, 12, group="women")
    later = {"channel": "telegram", "language": "en", "state": "active", "heard_at": datetime(2023, 1, 1, tzinfo=UTC)}
    world.put(Contact, *[{"id": 100 + n, "address": str(n), **later} for n in range(1, 7)])
    world.put(Housemate, *[{"contact_id": 100 + n, "person_id": n, "joined_at": world.clock()} for n in range(1, 7)])
    assert headcount.take(world.desk)
    found = tables(world)
    assert found["people"] == 10
    assert found["channel"] == {"sms": 5, "telegram": 5}
    assert found["group"] == {"women": 10}


def test_a_second_look_in_the_same_month_is_the_same_look(little_world: World) -> None:
    settle(little_world, 1, 20)
    assert headcount.take(little_world.desk)
    before = tables(little_world)
    settle(little_world, 50, 20)
    assert not headcount.take(little_world.desk)
    assert tables(little_world) == before
    little_world.clock.forward(days=31)
    assert headcount.take(little_world.desk)
    assert (before["people"], tables(little_world)["people"]) == (20, 40)


def test_one_person_more_in_a_month_is_not_seen(little_world: World) -> None:
    settle(little_world, 1, 21)
    headcount.take(little_world.desk)
    before = tables(little_world)
    settle(little_world, 50, 1)
    little_world.clock.forward(days=31)
    headcount.take(little_world.desk)
    assert tables(little_world) == before


def test_a_desk_of_fewer_than_five_shows_nothing_and_counts_again(little_world: World) -> None:
    settle(little_world, 1, 4)
    assert headcount.take(little_world.desk)
    assert tables(little_world)["people"] is None
    settle(little_world, 50, 4)
    assert headcount.take(little_world.desk)
    assert tables(little_world)["people"] == 5


def test_a_headcount_takes_the_same_statements_however_many_there_are(little_world: World) -> None:
    counts = []
    for first, people in ((1, 10), (100, 2_000)):
        settle(little_world, first, people)
        little_world.clock.forward(days=31)
        little_world.statements.clear()
        assert headcount.take(little_world.desk)
        counts.append(len(little_world.statements))
    assert counts[0] >= counts[1]
    assert counts[1] <= 6
