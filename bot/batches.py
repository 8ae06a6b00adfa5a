"""Batches: what comes while something is under way waits, and is then done in one go."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

COMPANY = 0.003
"""Seconds that who comes first waits for others: nobody notices them, and twenty who write at once share one commit in
place of two, the first of them for one alone."""


class Batches(Generic[T, R]):
    """Tasks of an event loop, done in batches by one thread beside it. Nobody waits long for company.

    `work` gets the tasks of a batch in the order in which they came, and gives what became of each: its result, or the
    exception that its caller is to get. Belongs to one event loop.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R | BaseException]]):
        self._work = work
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._busy = False

    async def run(self, task: T) -> R:
        """What became of the task; raises its exception."""
        loop = asyncio.get_running_loop()
        call: asyncio.Future[R] = loop.create_future()
        self._waiting.append((task, call))
        if not self._busy:
            self._busy = True
            loop.call_later(COMPANY, self._begin, loop)
        return await call

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        done = self._thread.submit(self._work, [task for task, _call in batch])
        done.add_done_callback(lambda became: loop.call_soon_threadsafe(self._end, loop, batch, became))

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[tuple[T, asyncio.Future[R]]],
        done: Future[Sequence[R | BaseException]],
    ) -> None:
        """Tell those of this batch, and begin at once with what came meanwhile."""
        error = done.exception()
        became = done.result() if error is None else [error] * len(batch)
        for (_task, call), result in zip(batch, became, strict=True):
            if call.done():  # its caller has gone away
                continue
            if isinstance(result, BaseException):
                call.set_exception(result)
            else:
                call.set_result(result)
        self._busy = bool(self._waiting)
        if self._busy:
            self._begin(loop)
