"""The worker: the sender's lanes, and the scheduler's ticks, in one event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Connection, Engine

from bot import clearing, evidence, headcount, idea_notices, measurement, notices, reconciler, thrift, upkeep
from bot.announcements import broadcast, reminders, selection, settlement, template_status
from bot.channels.telegram import TelegramSender
from bot.channels.twilio import TwilioLine
from bot.complaints import case_upkeep
from bot.complaints.courier import Courier
from bot.complaints.redaction import Check
from bot.desk import Desk
from bot.sender import Lane, Sender, run_lanes
from storage import leases, volatile
from storage.audiences import UNREAD
from storage.database import checkpoint, is_away, transaction

log = structlog.get_logger()

CLOCK_LEASE = "clock"
CLOCK = timedelta(minutes=2)
"""How long the clock is held. It is asked for again when half of that is over, not with each tick."""

EVERYWHERE = ("heartbeat", "wipe", "refused_redaction")
"""Ticks of every worker: each host has a store of its own, and each process a sender that is told things."""

ASYNCHRONOUS = ("reconcile", "clear", "evidence", "webhook", "redaction", "templates")
"""Ticks that wait for providers, in the event loop."""


@dataclass
class Worker:
    """Everything that runs beside the web processes. `holder` names this process in its leases.

    Leases go by `time`, the database's clock; without it by the desk's. `fetched` are the channels from which people
    fetch what is announced, without a lane.
    """

    desk: Desk
    holder: str
    telegram: TelegramSender | None
    twilio: TwilioLine | None
    lanes: list[Lane]
    time: Callable[[Connection], datetime] | None = None
    check: Check | None = None
    fetched: Sequence[str] = UNREAD
    reconcile_every: timedelta = timedelta(minutes=5)
    steady: Callable[[], float] = monotonic
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _clock: "Clock | None" = None

    async def run(self) -> None:
        """Work until `stopping` is set."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        scheduler = self._scheduler()
        senders = [
            Sender(lane, self.desk.engine, self.desk.ink, self.desk.clock, self.holder, executor, time=self.time)
            for lane in self.lanes
        ]
        couriers = [courier.run(self.stopping) for courier in self._couriers(senders)]
        scheduler.start()
        log.info("worker.started", lanes=[lane.name for lane in self.lanes])
        try:
            await asyncio.gather(run_lanes(senders, self.stopping), *couriers, self.stopping.wait())
        finally:
            scheduler.shutdown(wait=False)
            executor.shutdown(wait=True)
            for client in (self.telegram, self.twilio):
                if client is not None:
                    await client.close()
            log.info("worker.stopped")

    def _couriers(self, senders: Sequence[Sender]) -> list[Courier]:
        """One for each lane, where there is a store; it works while the sender beside it has the lane."""
        if self.desk.volatile is None:
            return []
        store, clock = self.desk.volatile, self.desk.clock
        return [Courier(each.lane, store, clock, partial(_holds, each)) for each in senders]

    def _scheduler(self) -> AsyncIOScheduler:
        """It only ticks: what is due is computed from the database, so a tick too many or too few is harmless."""
        scheduler = AsyncIOScheduler(timezone="UTC")
        desk = self.desk

        def every(seconds: float, name: str, work: Callable[[], Any], at_once: bool = False) -> None:
            start = {"next_run_time": desk.clock().__class__.now(desk.clock().tzinfo)} if at_once else {}
            scheduler.add_job(
                self._tick, "interval", seconds=seconds, id=name, args=[name, work], max_instances=1, coalesce=True,
                misfire_grace_time=None, **start,
            )  # fmt: skip

        every(15, "heartbeat", lambda: upkeep.beat(desk.engine, desk.clock()), at_once=True)
        every(30, "close", lambda: upkeep.close_ended(desk.engine, desk.keys, desk.clock()), at_once=True)
        every(60, "erase", lambda: checkpoint(desk.engine))
        if desk.volatile is not None:
            store = desk.volatile
            every(60, "wipe", lambda: attend(store, desk.clock()), at_once=True)
        every(60, "turnout", lambda: upkeep.note_turnout(desk.engine, desk.clock()), at_once=True)
        fetchers: dict[str, evidence.Fetches] = {}
        if self.telegram is not None:
            telegram = fetchers["telegram"] = self.telegram
            every(600, "webhook", lambda: upkeep.note_webhook(desk.engine, telegram))
        if self.twilio is not None:
            fetchers |= {"whatsapp": self.twilio, "sms": self.twilio}
        every(5, "evidence", lambda: evidence.fetch_awaited(desk, fetchers))
        every(60, "notices", lambda: notices.tell(desk, desk.clock()), at_once=True)
        rates = {lane.name: lane.pace.per_second for lane in self.lanes}
        every(5, "select", lambda: selection.select(desk, desk.clock()), at_once=True)
        every(broadcast.EVERY, "feed", lambda: broadcast.feed(desk, rates, desk.clock(), self.fetched), at_once=True)
        every(30, "settle", lambda: settlement.settle(desk, desk.clock()))
        every(60, "reminders", lambda: reminders.remind(desk, desk.clock()), at_once=True)
        every(600, "headcount", lambda: headcount.take(desk), at_once=True)
        every(600, "connectivity", lambda: measurement.take(desk), at_once=True)
        every(60, "ideas", lambda: idea_notices.tell(desk, desk.clock()), at_once=True)
        every(60, "spent", lambda: thrift.sum_up(desk.engine, desk.catalogue, desk.clock()), at_once=True)
        every(60, "refused", lambda: upkeep.note_refused(desk.engine, desk.clock()))
        every(60, "requests", lambda: upkeep.expire_requests(desk.engine, desk.clock()))
        every(300, "cases", lambda: case_upkeep.look_after(desk), at_once=True)
        every(600, "mix", lambda: upkeep.mix_ballots(desk.engine, desk.clock()))
        every(600, "record", lambda: upkeep.close_audit_day(desk.engine, desk.clock()))
        every(1800, "purge", lambda: upkeep.purge(desk.engine, desk.ink, desk.clock()))
        if self.twilio is not None:
            line = self.twilio
            every(
                self.reconcile_every.total_seconds(),
                "reconcile",
                lambda: reconciler.reconcile(line, desk),
                at_once=True,
            )
            every(900, "clear", lambda: clearing.clear(line, desk))
            every(60, "templates", lambda: template_status.follow(line, desk.engine, desk.clock()))
        if self.check is not None:
            every(60, "redaction", self.check.look, at_once=True)
            every(15, "refused_redaction", self.check.end_if_refused)
        return scheduler

    async def _tick(self, name: str, work: Callable[[], Any]) -> None:
        """Run one tick if this worker has the clock; a failure is reported and the next tick tries again."""
        try:
            if name not in EVERYWHERE and not await asyncio.to_thread(self._has_clock):
                return
            done = await asyncio.to_thread(work) if name not in ASYNCHRONOUS else work()
            if asyncio.iscoroutine(done):
                await done
        except Exception as error:
            log.warning("tick.failed", tick=name, error=type(error).__name__, away=is_away(error))

    def _has_clock(self) -> bool:
        """Whether this worker has the clock. While more than half of the lease is left nobody else can have taken it.

        That is so by both of its own clocks: the desk's may be set, and the steady one may stand still in sleep.
        """
        now, steady = self.desk.clock(), self.steady()
        if self._clock is None or not self._clock.lasts(now, steady):
            with transaction(self.desk.engine) as connection:
                lease_now = self.time(connection) if self.time else now
                held = leases.take(connection, CLOCK_LEASE, self.holder, CLOCK, lease_now)
            self._clock = Clock(now, steady) if held is not None else None
        return self._clock is not None


@dataclass(frozen=True)
class Clock:
    """The clock's lease: when it was asked for, by the desk's clock and by the steady one."""

    asked_at: datetime
    steady: float

    def lasts(self, now: datetime, steady: float) -> bool:
        """Whether more than half of it is left."""
        return timedelta() <= now - self.asked_at < CLOCK / 2 and steady - self.steady < CLOCK.total_seconds() / 2


def _holds(sender: Sender) -> bool:
    return sender.held is not None


def attend(store: Engine, now: datetime) -> None:
    """Wipe what has had its time, and leave a token: whoever reads it knows that a worker sees the store."""
    volatile.wipe(store, now)
    volatile.write_probe(store, now)
