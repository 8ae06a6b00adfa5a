"""Batches: what comes while something is under way waits, and is then done in one go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Call(Generic[T, R]):
    """One caller's task; its thread sleeps on `asleep` until the task is done, or until it is to lead."""

    task: T
    asleep: Lock = field(default_factory=Lock)
    became: R | BaseException | None = None


class Batches(Generic[T, R]):
    """Calls from many threads, in batches. Nobody waits for company: who finds nobody at work begins at once.

    `work` gets the tasks of a batch in the order in which they came, and gives what became of each: its result, or the
    exception that its caller is to get. The thread that came first works for all of its batch, then wakes the first of
    those who came meanwhile: there is no thread for this, and nothing to start or stop.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R | BaseException]]):
        self._work = work
        self._lock = Lock()
        self._busy = False
        self._waiting: list[Call[T, R]] = []

    def run(self, task: T) -> R:
        """What became of the task; raises its exception."""
        call: Call[T, R] = Call(task)
        call.asleep.acquire()
        with self._lock:
            self._waiting.append(call)
            waits, self._busy = self._busy, True
        if waits:
            call.asleep.acquire()
        if call.became is None:
            self._lead()
        if isinstance(call.became, BaseException):
            raise call.became
        assert call.became is not None
        return call.became

    def _lead(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            became: Sequence[R | BaseException] = self._work([call.task for call in batch])
        except BaseException as error:
            became = [error] * len(batch)
        with self._lock:
            next_one = self._waiting[0] if self._waiting else None
            self._busy = next_one is not None
        for call, result in zip(batch, became, strict=True):
            call.became = result
            call.asleep.release()
        if next_one is not None:
            next_one.asleep.release()
