"""The courier: carries confidential replies to one channel's chats, and has the provider delete what it was given.

It reads the volatile store alone and works only while its worker has the lane; it keeps the lane's pace with the
sender. What it carried leaves no trace here but the ids that the provider is to delete, in memory.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, Protocol, runtime_checkable
from zlib import crc32

import structlog
from sqlalchemy import Engine, Row

from bot import failures
from bot.messages import Outbound
from bot.sender import DOUBT, LONGEST, MOST_TRIES, SHORTEST, Lane
from storage import volatile, volatile_outbox
from storage.database import is_away, reading, transaction
from storage.volatile_glance import Glance

log = structlog.get_logger()

KEY_STAYS = timedelta(minutes=15)
"""How long a message with an access key stays in a chat, where the person does not say before that they have it."""

MOST_AT_ONCE = 16
MOST_FORGOTTEN = 100
"""Messages that one call may delete (Bot API, deleteMessages)."""

LOOK_EVERY = 1.0
"""Seconds between looks at what is to be deleted."""

AGAIN = timedelta(minutes=2)


@runtime_checkable
class Forgets(Protocol):
    """A provider that deletes what it is asked to."""

    async def forget(self, address: str, messages: Sequence[str]) -> None: ...


@dataclass
class Courier:
    """Carries for one lane until it is told to stop. `holds` says whether this worker has the lane."""

    lane: Lane
    store: Engine
    clock: Callable[[], datetime]
    holds: Callable[[], bool]
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    _look_at: float = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        pause = SHORTEST
        while not stopping.is_set():
            try:
                busy = self.holds() and await self.cycle()
            except Exception as error:
                log.warning("courier.failed", lane=self.lane.name, error=type(error).__name__, away=is_away(error))
                busy, pause = False, 1.0
            pause = SHORTEST if busy else min(pause * 1.5, LONGEST)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)

    async def cycle(self) -> bool:
        """Carry what may go now, and delete what is due. Whether there was anything to carry."""
        now = self.steady()
        rows: Sequence[Row[Any]] = ()
        if self._glance.sees_reply(self.lane.name):
            rows = await asyncio.to_thread(self._due, min(MOST_AT_ONCE, self.lane.pace.room(now)))
        await asyncio.gather(*(self._carry(row) for row in rows))
        if now >= self._look_at and isinstance(self.lane.sends, Forgets):
            self._look_at = now + LOOK_EVERY
            if self._glance.sees_trace(self.lane.name):
                await self._forget(self.lane.sends)
        return bool(rows)

    @cached_property
    def _glance(self) -> Glance:
        return Glance(self.store)

    def _due(self, room: int) -> Sequence[Row[Any]]:
        if room <= 0:
            return ()
        with reading(self.store) as connection:
            return volatile_outbox.due(connection, self.lane.name, room, self.clock())

    async def _carry(self, row: Row[Any]) -> None:
        """Carry one message; no failure escapes."""
        wait = self.lane.pace.spend(-1 - crc32(row.address.encode()), self.steady()) - self.steady()
        if wait > 0:
            await self.sleep(wait)
        message = replace(Outbound.unpacked(bytes(row.body)), secret=row.secret)
        try:
            given = await self.lane.sends.send(row.address, message, 0)
        except failures.NotDelivered as failure:
            return await asyncio.to_thread(self._failed, row, failure)
        except Exception as error:  # a bug here must not stop the lane
            log.error("send.bug", lane=self.lane.name, error=type(error).__name__)
            return await asyncio.to_thread(self._failed, row, failures.Unsure("bug"))
        await asyncio.to_thread(self._sent, row, given)

    def _sent(self, row: Row[Any], given: str | None) -> None:
        now = self.clock()
        with transaction(self.store) as connection:
            volatile_outbox.sent(connection, row.id)
            if given is not None and isinstance(self.lane.sends, Forgets):
                due = now + (KEY_STAYS if row.secret else volatile.LONGEST)
                volatile_outbox.trace(connection, row.channel, row.address, given, due, now, row.secret)

    def _failed(self, row: Row[Any], failure: failures.NotDelivered) -> None:
        """Try again later, or wipe what nobody can be given. Nothing of it is kept, and nobody's state changes."""
        now = self.clock()
        if isinstance(failure, failures.Throttled):
            self.lane.pace.rest(self.steady() + failure.after)
            later: timedelta | None = timedelta(seconds=failure.after)
        elif isinstance(failure, failures.Misconfigured):
            log.error("send.misconfigured", lane=self.lane.name, code=failure.reason)
            later = timedelta(minutes=1)
        elif isinstance(failure, failures.NotNow):
            later = timedelta(seconds=min(2**row.attempts, 300))
        elif isinstance(failure, failures.Unsure) and row.attempts < MOST_TRIES:
            later = DOUBT
        else:
            later = None
        with transaction(self.store) as connection:
            if later is None:
                volatile_outbox.sent(connection, row.id)
            else:
                volatile_outbox.later(connection, row.id, now + later)

    async def _forget(self, provider: Forgets) -> None:
        """Have the provider delete what is due, chat by chat; what it does not delete is tried again."""
        rows = await asyncio.to_thread(self._traces)
        for address, mine in groupby(rows, key=lambda row: str(row.address)):
            traces = list(mine)
            ids = [trace.id for trace in traces]
            try:
                await provider.forget(address, [trace.message for trace in traces])
            except failures.Throttled as failure:
                self.lane.pace.rest(self.steady() + failure.after)
                return
            except failures.NotDelivered:
                await asyncio.to_thread(self._forget_later, ids)
                continue
            await asyncio.to_thread(self._forgotten, ids)

    def _traces(self) -> Sequence[Row[Any]]:
        with reading(self.store) as connection:
            return volatile_outbox.traces(connection, self.lane.name, MOST_FORGOTTEN, self.clock())

    def _forgotten(self, ids: Sequence[int]) -> None:
        with transaction(self.store) as connection:
            volatile_outbox.forget(connection, ids)

    def _forget_later(self, ids: Sequence[int]) -> None:
        with transaction(self.store) as connection:
            volatile_outbox.forget_later(connection, ids, self.clock() + AGAIN)
