"""Pace: how fast a provider's account, and one chat of it, may be written to."""

from collections import deque


class Window:
    """At most `most` in any `seconds`: exact for every window, not only on average."""

    def __init__(self, most: int, seconds: float):
        self._most, self._seconds = most, seconds
        self._spent: deque[float] = deque()

    def room(self, now: float) -> int:
        """How many may go at `now` (seconds of any steady clock)."""
        while self._spent and self._spent[0] <= now - self._seconds:
            self._spent.popleft()
        return self._most - len(self._spent)

    def spend(self, now: float) -> None:
        self._spent.append(now)

    def opens_at(self, now: float) -> float:
        """When the next one may go."""
        return now if self.room(now) > 0 else self._spent[0] + self._seconds


class Pace:
    """The pace of one account: overall, and for each chat where `per_chat` is given as (most, seconds).

    Kept a hundredth under the limit, since messages do not arrive as evenly as they leave.
    """

    MARGIN = 1.01

    def __init__(self, per_second: int, per_chat: tuple[int, float] | None = None):
        self._overall = Window(per_second, self.MARGIN)
        self._per_chat = per_chat
        self._chats: dict[int, Window] = {}
        self._rests_until = 0.0

    def room(self, now: float) -> int:
        return 0 if now < self._rests_until else self._overall.room(now)

    def spend(self, chat: int, now: float) -> float:
        """Count one message to a chat; the moment from which it may go."""
        self._overall.spend(now)
        if self._per_chat is None:
            return now
        window = self._chats.get(chat)
        if window is None:
            self._sweep(now)
            window = self._chats[chat] = Window(*self._per_chat)
        at = window.opens_at(now)
        window.spend(at)
        return at

    def rest(self, until: float) -> None:
        """The provider asked for a pause (429): nothing goes before `until`."""
        self._rests_until = max(self._rests_until, until)

    def opens_at(self, now: float) -> float:
        return max(self._rests_until, self._overall.opens_at(now))

    def _sweep(self, now: float) -> None:
        if self._per_chat is not None and len(self._chats) > 5_000:
            self._chats = {c: w for c, w in self._chats.items() if w.room(now) < self._per_chat[0]}
