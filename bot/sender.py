"""The sender: claims what waits in the outbox, keeps the channel's pace, and records what became of each message.

One sender is active for each lane (a channel of one provider account), by a lease. Claims and results name the lease's
epoch, so a sender that was paused and wakes up late changes nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection, Engine, Row

from bot import failures, fates
from bot.messages import Outbound
from bot.pace import Pace
from storage import leases, outbox
from storage.database import is_away, may_succeed_again, reading, transaction
from storage.ink import Ink
from storage.leases import Held

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
"""Longer than any call's time limit (10 s), so that nothing is under way when another sender takes over."""

RENEW = 8.0
ASK_EVERY = 2.0
"""Seconds between questions for a lease that another holder has."""

MOST_UNDER_WAY = 64
SHORTEST, LONGEST = 0.02, 0.15
"""Seconds between looks into the outbox: after work, and when it has long been empty.

What comes and what is done within the shortest shares a transaction: a look costs as much as the sending of a message.
"""

MOST_TRIES = 8
DOUBT = timedelta(seconds=5)
"""How long an uncertain message rests before it is looked up."""

SKEW = timedelta(seconds=3)
"""How far a provider's clock may be behind ours. An earlier message with the same words is not the one looked for."""


class Sends(Protocol):
    """A channel's way out."""

    name: str

    async def send(self, address: str, message: Outbound, message_id: int) -> str | None: ...


class Finds(Protocol):
    """A provider that can be asked whether it has a message."""

    async def find(self, address: str, message: Outbound, since: datetime) -> str | None: ...


@dataclass
class Lane:
    """One channel of one account, and how fast it may go."""

    sends: Sends
    pace: Pace
    finds: Finds | None = None

    @property
    def name(self) -> str:
        return self.sends.name


Outcome = dict[str, Any]


@dataclass(frozen=True)
class Lesson:
    """A failure that says something of its contact or its template, and under which epoch it was met."""

    epoch: int
    failure: failures.NotDelivered
    contact_id: int
    template: str


@dataclass
class Sender:
    """Runs one lane until it is told to stop.

    Leases go by `time`, the database's clock, on which the workers of several machines agree; without it by `clock`.
    """

    lane: Lane
    engine: Engine
    ink: Ink
    clock: Callable[[], datetime]
    holder: str
    executor: Executor
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    time: Callable[[Connection], datetime] | None = None
    held: Held | None = None
    _ahead: timedelta = timedelta()
    _ask_at: float = 0.0
    _epoch: int = 0
    _in_doubt: bool = False
    _outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    _lessons: list[Lesson] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _renew_at: float = 0.0
    _settle_at: float = 0.0

    @property
    def lease(self) -> str:
        return f"sender:{self.lane.name}"

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping`; then let what is under way end, record it, and give the lease back."""
        pause = SHORTEST
        while not stopping.is_set():
            busy = await self.cycle()
            pause = SHORTEST if busy else min(pause * 1.5, LONGEST)
            # A lane that is full looks again when it has room: to be late each second would cost a tenth of the pace.
            with contextlib.suppress(TimeoutError):
                full = min(self.lane.pace.full(self.steady()), LONGEST)
                await asyncio.wait_for(stopping.wait(), full or pause)
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self._outcomes or self._lessons:
            await self._finish_and_claim(0)
        await self._in_database(lambda c: leases.give_back(c, self.lease, self.holder, self.clock() + self._ahead))
        self.held = None

    async def cycle(self) -> bool:
        """Record what is done, claim what may go now, and start sending it. Whether there was anything to do."""
        if not await self._hold_lease():
            return False
        now = self.steady()
        if now >= self._settle_at:
            self._settle_at = now + DOUBT.total_seconds()
            await self._settle()
        room = min(self.lane.pace.room(now), MOST_UNDER_WAY - len(self._under_way))
        recorded = bool(self._outcomes)
        if room <= 0 and not recorded:
            return bool(self._under_way)
        if not recorded and not await self._in_database(self._has_work, within=reading):
            return bool(self._under_way)
        rows = await self._finish_and_claim(room)
        for row in rows:
            self._start(row)
        return bool(rows) or recorded

    def doubt(self) -> None:
        """A commit may have been lost, and with it what was claimed: the next lease begins a new epoch."""
        self._in_doubt = True

    async def _hold_lease(self) -> bool:
        now = self.steady()
        if self._in_doubt and self._under_way:
            return False  # in a new epoch their outcomes would be refused: let them end first
        held = self.held is not None and self.clock() + self._ahead < self.held.until
        if held and now < self._renew_at and not self._in_doubt:
            return True
        if self.held is None and now < self._ask_at:
            return False
        noted, anew = len(self._outcomes), self._in_doubt
        self._in_doubt = False
        self.held = await self._in_database(self._take_lease, anew)
        if self.held is None:
            if not self._in_doubt:  # another holder has it, and what was under way is uncertain to it
                self._ask_at = now + ASK_EVERY
                del self._outcomes[:noted]
            return False
        if self.held.epoch != self._epoch:
            self._epoch = self.held.epoch
            del self._outcomes[:noted]
        self._renew_at = now + RENEW
        return True

    def _take_lease(self, connection: Connection, anew: bool) -> Held | None:
        """Take or prolong the lease; in a new epoch whatever has no outcome by now is uncertain."""
        now = self.clock()
        lease_now = self.time(connection) if self.time else now
        self._ahead = lease_now - now
        if anew:
            leases.give_back(connection, self.lease, self.holder, lease_now)
        held = leases.take(connection, self.lease, self.holder, LEASE, lease_now)
        if held is not None and held.epoch != self._epoch:
            self._record(connection, self._outcomes, now)
            outbox.orphaned(connection, self.lane.name, held.epoch, now)
        return held

    def _has_work(self, connection: Connection) -> bool:
        """Whether anything is due: an idle lane asks several times a second, and takes no lock for it."""
        return outbox.is_anything_due(connection, self.lane.name, self.clock())

    async def _finish_and_claim(self, room: int) -> list[Row[Any]]:
        """One transaction for what is done and what comes next; nothing is forgotten before it is committed."""
        outcomes, lessons = self._outcomes[:], self._lessons[:]
        rows: list[Row[Any]] | None
        rows = await self._in_database(self._record_and_claim, outcomes, lessons, room)
        if rows is None:
            return []
        del self._outcomes[: len(outcomes)], self._lessons[: len(lessons)]
        return rows

    def _record_and_claim(
        self, connection: Connection, outcomes: list[tuple[int, Outcome]], lessons: list[Lesson], room: int
    ) -> list[Row[Any]]:
        now = self.clock()
        self._record(connection, outcomes, now)
        for each in lessons:
            if each.epoch == self._epoch:  # in a later one the person may have come back and been answered
                fates.follow(connection, each.failure, each.contact_id, each.template, each.failure.reason, now)
        if room <= 0 or self.held is None:
            return []
        hold = outbox.Hold(self.lease, self.holder, self.held.epoch, now + self._ahead)
        return outbox.claim(connection, self.lane.name, hold, room, now)

    def _record(self, connection: Connection, outcomes: list[tuple[int, Outcome]], now: datetime) -> None:
        """Each outcome under the epoch that claimed its message: those of an epoch that was taken over are refused."""
        for epoch in sorted({epoch for epoch, _outcome in outcomes}):
            outbox.finish(connection, epoch, [outcome for mine, outcome in outcomes if mine == epoch], now)

    def _start(self, row: Row[Any]) -> None:
        at = self.lane.pace.spend(row.contact_id, self.steady())
        task = asyncio.create_task(self._send(row, at, self._epoch))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, row: Row[Any], at: float, epoch: int) -> None:
        """Send one message and note its outcome; no failure escapes."""
        outcome: Outcome = {"message": row.id, "became": "sent", "given": None, "why": None, "due": self.clock()}
        body, template = self.ink.open(row.sealed) if row.sealed else None, ""
        try:
            if body is None:
                raise failures.Refused("unreadable")
            if row.reach == "blocked" or (row.reach == "stopped" and row.kind in outbox.UNASKED):
                raise failures.Refused(row.reach)
            await self._until(at)
            message = _of_try(row.attempts, body)
            template = message.template
            outcome["given"] = await self.lane.sends.send(row.address, message, row.id)
            self.lane.pace.landed(at, self.steady())
        except failures.NotDelivered as failure:
            self._failed(outcome, row, failure, epoch, template)
        except Exception as error:  # a bug here must not stop the lane; whether it went out is not known
            log.error("send.bug", lane=self.lane.name, error=type(error).__name__)
            self._failed(outcome, row, failures.Unsure("bug"), epoch, template)
        self._outcomes.append((epoch, outcome))

    async def _until(self, at: float) -> None:
        """Wait for a chat's pace. Raises Throttled when the provider asked for a pause meanwhile."""
        wait = at - self.steady()
        if wait > 0:
            await self.sleep(wait)
        rest = self.lane.pace.resting(self.steady())
        if rest > 0:
            raise failures.Throttled("resting", rest)

    def _failed(
        self, outcome: Outcome, row: Row[Any], failure: failures.NotDelivered, epoch: int, template: str
    ) -> None:
        now = self.clock()
        outcome["why"] = failure.reason
        if isinstance(failure, failures.Throttled):
            self.lane.pace.rest(self.steady() + failure.after)
            outcome |= {"became": "queued", "due": now + timedelta(seconds=failure.after)}
        elif isinstance(failure, failures.Misconfigured):
            log.error("send.misconfigured", lane=self.lane.name, code=failure.reason)
            outcome |= {"became": "queued", "due": now + timedelta(minutes=1)}
        elif isinstance(failure, failures.NotNow):
            outcome |= {"became": "queued", "due": now + timedelta(seconds=min(2**row.attempts, 300))}
        elif isinstance(failure, failures.Unsure):
            outcome |= {"became": "uncertain", "due": now + DOUBT}
        else:
            outcome["became"] = "failed"
            if failure.contact or failure.template:
                self._lessons.append(Lesson(epoch, failure, row.contact_id, template))

    async def _settle(self) -> None:
        """Decide what is uncertain: look it up where the provider can be asked, else send replies again.

        Replies are sent at least once; announcements at most once: those stay uncertain, to be listed.
        """
        doubtful = await self._in_database(self._doubtful)
        for row in doubtful or ():
            found = await self._find(row, row.address)
            again = "queued" if row.attempts < MOST_TRIES else "failed"
            state = "sent" if found else again
            if found is not False:
                await self._in_database(
                    lambda c, row=row, state=state, found=found: outbox.settle(c, row.id, state, found, self.clock())
                )

    def _doubtful(self, connection: Connection) -> list[Row[Any]]:
        return outbox.uncertain(connection, self.lane.name, self.clock())

    async def _find(self, row: Row[Any], address: str) -> str | bool | None:
        """The provider's id, None if it has no such message, False if it could not be asked."""
        body = self.ink.open(row.sealed) if row.sealed else None
        if self.lane.finds is None or body is None:
            return None
        try:
            return await self.lane.finds.find(address, Outbound.unpacked(body), row.created_at - SKEW)
        except Exception as error:
            log.warning("settle.failed", lane=self.lane.name, error=type(error).__name__)
            return False

    async def _in_database(
        self, work: Callable[..., Any], *arguments: Any, within: Callable[[Engine], Any] = transaction
    ) -> Any:
        """Run a transaction in the database's thread; None while the database is away (it is tried again)."""

        def run() -> Any:
            with within(self.engine) as connection:
                return work(connection, *arguments)

        try:
            return await asyncio.get_running_loop().run_in_executor(self.executor, run)
        except Exception as error:
            if is_away(error) or may_succeed_again(error):
                log.warning("sender.database_away", lane=self.lane.name)
                self.doubt()
                await self.sleep(LONGEST)
                return None
            raise


def _of_try(number: int, body: bytes) -> Outbound:
    """The message as it goes out this time. Raises Refused.

    Only the first try shows a picture: to fetch it may be what took too long, and the chat could show it twice.
    """
    message = Outbound.unpacked(body)
    if number > 1 and message.picture:
        if not message.text:
            raise failures.Refused("picture")
        return replace(message, picture="")
    return message


async def run_lanes(senders: Sequence[Sender], stopping: asyncio.Event) -> None:
    """Run every lane; a lane that breaks is reported and started again, the others go on."""

    async def steadily(sender: Sender) -> None:
        while not stopping.is_set():
            try:
                await sender.run(stopping)
            except Exception as error:
                log.error("lane.broke", lane=sender.lane.name, error=type(error).__name__)
                sender.doubt()
                await asyncio.sleep(1)

    runs: list[Awaitable[None]] = [steadily(sender) for sender in senders]
    await asyncio.gather(*runs)
