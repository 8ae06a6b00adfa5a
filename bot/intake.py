"""The intake: takes messages in for an event loop, which itself never waits for a database."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

from bot.batches import Batches
from bot.desk import Apart, Away, Desk
from bot.messages import Incoming

PATIENCE = 12.0
"""Seconds for a message: longer than SQLite's writers wait for each other, shorter than Twilio waits for us (15)."""


class Intake:
    """One desk's intake. Messages that come together share a commit; those that may have to wait do so in a thread.

    Whether a message is plain is seen when it comes, before it waits for anything: what follows the first word of a
    complaint is none of an ordinary turn's business, however long the database keeps others waiting.
    """

    def __init__(self, desk: Desk):
        self._desk = desk
        self._batches: Batches[Incoming, bool] = Batches(self._take_all)
        self._apart: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def take(self, incoming: Incoming) -> bool:
        """Take a message in; False if it had been taken in before. Raises Away: it was not taken in, or not yet."""
        try:
            async with asyncio.timeout(PATIENCE):
                if (incoming.channel, incoming.address) in self._apart or not self._is_plain(incoming):
                    return await self._take_apart(incoming)
                try:
                    return await self._batches.run(incoming)
                except Apart:
                    return await self._take_apart(incoming)
        except TimeoutError:  # it may be taken in yet: when it comes again it is known
            raise Away from None

    async def _take_apart(self, incoming: Incoming) -> bool:
        """In a thread of its own, after what was set apart of the same chat before it."""
        turn = self._apart.setdefault((incoming.channel, incoming.address), asyncio.Lock())
        async with turn:
            return await asyncio.to_thread(self._desk.take, incoming)

    def _take_all(self, batch: Sequence[Incoming]) -> Sequence[bool | Exception]:
        """Take the plain messages of a batch in. Another process may have begun a complaint meanwhile: those that are
        plain no more are to be taken apart."""
        plain = [self._is_plain(each) for each in batch]
        together = [each for each, is_plain in zip(batch, plain, strict=True) if is_plain]
        taken = iter(self._desk.take_all(together) if together else ())
        return [next(taken) if is_plain else Apart() for is_plain in plain]

    def _is_plain(self, incoming: Incoming) -> bool:
        with suppress(Exception):  # a message that breaks this breaks the closer look too, where it is alone
            return self._desk.is_plain(incoming)
        return False
