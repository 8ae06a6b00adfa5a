"""The pace: never more than a provider allows, and hardly less. All clocks here are numbers."""

from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import pacing
from bot.pace import Pace, Window

TICK = 0.004
MINUTE = 60.0


def most_within(moments: list[float], seconds: float) -> int:
    """The most that any window of that length holds (its end is not part of it)."""
    moments = sorted(moments)
    return max((bisect_left(moments, m + seconds) - i for i, m in enumerate(moments)), default=0)


def a_minute_of(pace: Pace, chats: int) -> list[tuple[float, int]]:
    """When messages go, and to whom, in a minute in which every chat has one waiting; one at a time is under way."""
    went: list[tuple[float, int]] = []
    free_at = dict.fromkeys(range(chats), 0.0)
    for tick in range(int(MINUTE / TICK)):
        now = tick * TICK
        free = sorted((chat for chat in free_at if free_at[chat] <= now), key=lambda chat: (free_at[chat], chat))
        for chat in free[: pace.room(now)]:
            free_at[chat] = pace.spend(chat, now)
            went.append((free_at[chat], chat))
    return [(at, chat) for at, chat in went if at < MINUTE]


@pytest.mark.parametrize("rate", [1, 30, 80])
def test_a_busy_minute_uses_the_rate_and_never_more_in_any_second(rate: int) -> None:
    went = [at for at, _chat in a_minute_of(Pace(rate), chats=100)]
    assert len(went) >= 0.98 * rate * MINUTE
    assert most_within(went, 1.0) <= rate


@pytest.mark.parametrize("rate", [30, 80])
def test_a_broadcast_that_is_fed_by_late_ticks_uses_the_rate_and_never_more(rate: int) -> None:
    arrived = pacing.fed(rate, lambda _now: 0.0)
    assert len(arrived) >= 0.98 * rate * MINUTE
    assert most_within(arrived, 1.0) <= rate


@pytest.mark.parametrize("rate", [15, 30, 80])
def test_what_is_held_up_on_its_way_does_not_share_a_second_with_what_leaves_after_it(rate: int) -> None:
    arrived = pacing.fed(rate, pacing.held_up)
    assert len(arrived) >= 0.95 * rate * MINUTE
    assert most_within(arrived, 1.0) <= rate


def test_a_call_that_always_takes_long_costs_no_pace() -> None:
    pace = Pace(2)
    for at in range(0, -2 * Pace.LANDINGS, -2):
        pace.landed(at, at + 0.5)
    pace.spend(1, 6.0)
    pace.landed(6.0, 6.8)
    pace.spend(1, 6.9)
    assert pace.full(6.9) == pytest.approx(6.3 + Pace.MARGIN - 6.9)


def test_messages_put_off_for_their_chat_count_in_the_second_in_which_they_go() -> None:
    went = [at for at, _chat in a_minute_of(Pace(30, (5, 5.0)), chats=20)]
    assert most_within(went, 1.0) <= 30
    assert len(went) >= 0.9 * 20 * MINUTE  # 20 chats at one a second


def test_a_chat_gets_a_short_burst_and_then_one_a_second() -> None:
    pace = Pace(30, (5, 5.0))
    went = [pace.spend(7, 0.0) for _n in range(12)]
    assert went == [0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10]
    assert pace.spend(8, 0.0) == 0.0, "another chat does not wait"


def test_no_chat_gets_more_than_its_window() -> None:
    went = a_minute_of(Pace(30, (5, 5.0)), chats=3)
    for chat in range(3):
        assert most_within([at for at, to in went if to == chat], 5.0) == 5


def test_nothing_goes_while_the_provider_asked_for_a_pause() -> None:
    pace = Pace(30)
    pace.rest(7.0)
    assert [pace.room(now) for now in (0.0, 6.999, 7.0)] == [0, 0, 30]
    assert pace.resting(5.0) == 2.0
    pace.rest(3.0)
    assert pace.room(6.0) == 0, "a shorter pause does not end a longer one"


def test_chats_that_fell_silent_are_forgotten() -> None:
    pace = Pace(100, (5, 5.0))
    for chat in range(5_002):
        pace.spend(chat, float(chat))
    pace.spend(9_999, 10_000.0)
    assert len(pace._chats) < 10


@given(
    most=st.integers(1, 5),
    seconds=st.sampled_from([1.0, 1.01, 5.0]),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 4)), max_size=60),
)
def test_a_window_holds_for_any_clock(most: int, seconds: float, steps: list[tuple[float, float]]) -> None:
    """Whether moments are taken now or ahead of time, no window holds more than it may."""
    window, now = Window(most, seconds), 0.0
    went: Counter[float] = Counter()
    for forward, ahead in steps:
        now += forward
        window.forget(now)
        at = window.opens_at(now + ahead)
        assert at >= now + ahead
        window.spend(at)
        went[at] += 1
        assert window.room(at) >= 0
    moments = sorted(went.elements())
    for start in moments:
        inside = [m for m in moments if start <= m and m < start + seconds and not start + seconds <= m]
        assert len(inside) <= most


def test_how_long_until_one_more_may_go() -> None:
    pace = Pace(2)
    assert pace.full(0.0) == 0
    pace.spend(1, 0.0)
    pace.spend(2, 0.5)
    assert pace.full(0.75) == pytest.approx(Pace.MARGIN - 0.75)
    pace.rest(3.0)
    assert pace.full(0.75) == pytest.approx(2.25)
