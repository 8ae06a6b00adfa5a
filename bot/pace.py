"""Pace: how fast a provider's account, and one chat of it, may be written to."""

from bisect import bisect_left, insort
from collections import deque


class Window:
    """At most `most` in any `seconds`: exact for every window, not only on average.

    What is to go later counts too: moments may be spent ahead of time and in any order.
    """

    def __init__(self, most: int, seconds: float):
        self._most, self._seconds = most, seconds
        self._spent: list[float] = []

    def room(self, now: float) -> int:
        """How many may go at `now` (seconds of any steady clock)."""
        near = bisect_left(self._spent, now + self._seconds) - self._first_after(now)
        return max(0, self._most - near)

    def spend(self, at: float) -> None:
        insort(self._spent, at)

    def move(self, at: float, later: float) -> None:
        """One that was spent for `at` went later."""
        place = bisect_left(self._spent, at)
        if self._spent[place : place + 1] == [at]:
            del self._spent[place]
        self.spend(later)

    def opens_at(self, now: float) -> float:
        """When the next one may go."""
        if self.room(now) > 0:
            return now
        later = (spent + self._seconds for spent in self._spent[self._first_after(now) :])
        return next(moment for moment in later if self.room(moment) > 0)

    def forget(self, now: float) -> None:
        """Drop what no window from `now` on can hold."""
        del self._spent[: self._first_after(now)]

    def _first_after(self, now: float) -> int:
        """The place of the first one that shares a window with `now`."""
        place = bisect_left(self._spent, now - self._seconds)
        # Moments are compared as they are made, by adding: a difference may round the other way.
        while place < len(self._spent) and self._spent[place] + self._seconds <= now:
            place += 1
        return place


class Pace:
    """The pace of one account: overall, and for each chat where `per_chat` is given as (most, seconds).

    Kept a hundredth under the limit, since messages do not arrive as evenly as they leave. What arrived late, because
    this process or the network was held up, is counted when it arrived: else it would share the provider's second with
    those that left after it.
    """

    MARGIN = 1.01
    LANDINGS = 100

    def __init__(self, per_second: int, per_chat: tuple[int, float] | None = None):
        self.per_second = per_second
        self._overall = Window(per_second, self.MARGIN)
        self._per_chat = per_chat
        self._chats: dict[int, Window] = {}
        self._rests_until = 0.0
        self._took: deque[float] = deque([0.0], self.LANDINGS)

    def room(self, now: float) -> int:
        return 0 if self.resting(now) else self._overall.room(now)

    def resting(self, now: float) -> float:
        """How many seconds of a pause are left."""
        return max(0.0, self._rests_until - now)

    def full(self, now: float) -> float:
        """How many seconds until one more may go; 0 when it may go at once."""
        return max(self.resting(now), self._overall.opens_at(now) - now)

    def spend(self, chat: int, now: float) -> float:
        """Count one message to a chat; the moment from which it may go, by every window."""
        self._overall.forget(now)
        windows = [self._overall, *self._chat(chat, now)]
        at = now
        while (later := max(window.opens_at(at) for window in windows)) > at:
            at = later
        for window in windows:
            window.spend(at)
        return at

    def landed(self, at: float, now: float) -> None:
        """The provider has just answered what was to go at `at`.

        How long a call takes at least is known from the latest ones, and taken for nothing until there are enough of
        them; what it took above that counts as having gone later.
        """
        self._took.append(now - at)
        later = now - min(self._took)
        if later > at:
            self._overall.move(at, later)

    def _chat(self, chat: int, now: float) -> list[Window]:
        if self._per_chat is None:
            return []
        if chat not in self._chats:
            self._sweep(now)
            self._chats[chat] = Window(*self._per_chat)
        self._chats[chat].forget(now)
        return [self._chats[chat]]

    def rest(self, until: float) -> None:
        """The provider asked for a pause (429): nothing goes before `until`."""
        self._rests_until = max(self._rests_until, until)

    def _sweep(self, now: float) -> None:
        if self._per_chat is not None and len(self._chats) > 5_000:
            self._chats = {c: w for c, w in self._chats.items() if w.room(now) < self._per_chat[0]}
