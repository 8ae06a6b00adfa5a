"""The intake: takes messages in for an event loop, which itself never waits for a database."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from bot.batches import Batches
from bot.desk import Apart, Away, Desk
from bot.messages import Incoming

PATIENCE = 12.0
"""Seconds for a batch: longer than SQLite's writers wait for each other, shorter than Twilio waits for us (15)."""


class Intake:
    """One desk's intake. Messages that come together share a commit; those that may have to wait do so in a thread."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._batches: Batches[Incoming, bool] = Batches(self._take_all)

    async def take(self, incoming: Incoming) -> bool:
        """Take a message in; False if it had been taken in before. Raises Away: it was not taken in, or not yet."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._batches.run(incoming)
        except Apart:
            return await asyncio.to_thread(self._desk.take, incoming)
        except TimeoutError:  # it may be taken in yet: when it comes again it is known
            raise Away from None

    def _take_all(self, batch: Sequence[Incoming]) -> Sequence[bool | Exception]:
        """Take the plain messages of a batch in; the others are to be taken apart."""
        plain = [self._is_plain(each) for each in batch]
        together = [each for each, is_plain in zip(batch, plain, strict=True) if is_plain]
        taken = iter(self._desk.take_all(together) if together else ())
        return [next(taken) if is_plain else Apart() for is_plain in plain]

    def _is_plain(self, incoming: Incoming) -> bool:
        with suppress(Exception):  # a message that breaks this breaks the closer look too, where it is alone
            return self._desk.is_plain(incoming)
        return False
