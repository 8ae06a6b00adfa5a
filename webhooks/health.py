"""`/healthz` (this process answers), `/readyz` (database, migrations, worker), `/metrics` (counts, never content)."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine

from bot.upkeep import HEARTBEAT
from storage import outbox, parked, spending, ticks, volatile, volatile_tallies
from storage.database import reading, try_room, undone
from webhooks.calls import Answer, Call, Routes

STALE = timedelta(seconds=60)
FRESH = timedelta(seconds=15)
"""How old the counts of messages may be: to count them all reads the whole outbox."""

Numbers = list[tuple[str, str, int]]


@dataclass(frozen=True)
class Checks:
    """What readiness and metrics ask. `migrated` says whether the database has the newest schema."""

    engine: Engine
    clock: Callable[[], datetime]
    migrated: Callable[[Engine], bool]
    volatile: Engine | None = None

    def run(self) -> dict[str, bool]:
        """Each check by name."""
        found = {"database": False, "migrations": False, "worker": False}
        try:
            found["migrations"] = self.migrated(self.engine)
            if found["migrations"]:  # a turn would be taken: the database can be written, and its disk has room
                with undone(self.engine) as connection:
                    ticks.try_write(connection)
                try_room(self.engine)
            found["database"] = True
            with reading(self.engine) as connection:
                beat = ticks.last(connection, HEARTBEAT)
            found["worker"] = beat is not None and self.clock() - beat < STALE
        except Exception:  # whatever is wrong with the database, the answer is the same
            return found
        return found


class Counts(Collector):
    """Metrics read from the database when they are asked for: the same from every process."""

    def __init__(self, checks: Checks):
        self._checks = checks
        self._counted: tuple[datetime, Numbers] | None = None

    def collect(self) -> Iterator[Metric]:
        with reading(self._checks.engine) as connection:
            messages = GaugeMetricFamily(
                "cuenta_outgoing_messages", "Messages by lane and state", labels=["lane", "state"]
            )
            for lane, state, number in self._messages(connection):
                messages.add_metric([lane, state], number)
            yield messages
            yield GaugeMetricFamily("cuenta_parked_errors", "Messages that met a bug", parked.count(connection))
            unanswered = GaugeMetricFamily(
                "cuenta_unanswered_messages", "Messages that got no answer for its price", labels=["reason"]
            )
            for reason, number in spending.unanswered(connection).items():
                unanswered.add_metric([reason], number)
            yield unanswered
            beat = ticks.last(connection, HEARTBEAT)
            age = (self._checks.clock() - beat).total_seconds() if beat else float("inf")
            yield GaugeMetricFamily("cuenta_worker_heartbeat_age_seconds", "Since the worker was last seen", age)
        if self._checks.volatile is not None:
            with reading(self._checks.volatile) as store:
                left = volatile_tallies.tried(store, volatile.NOT_FORGOTTEN, self._checks.clock())
            yield GaugeMetricFamily("cuenta_undeleted_messages", "Confidential messages that stayed somewhere", left)

    def _messages(self, connection: Connection) -> Numbers:
        now = self._checks.clock()
        if self._counted is None or now - self._counted[0] >= FRESH:
            self._counted = now, outbox.counts(connection)
        return self._counted[1]


def routes(checks: Checks) -> Routes:
    registry = CollectorRegistry()
    registry.register(Counts(checks))

    async def healthz(_call: Call) -> Answer:
        return Answer(body=b"ok\n")

    async def readyz(_call: Call) -> Answer:
        found = await asyncio.to_thread(checks.run)
        return Answer(200 if all(found.values()) else 503, json.dumps(found).encode(), "application/json")

    async def metrics(_call: Call) -> Answer:
        try:
            return Answer(body=await asyncio.to_thread(generate_latest, registry), kind=CONTENT_TYPE_LATEST)
        except Exception:
            return Answer(503)

    return {("GET", "/healthz"): healthz, ("GET", "/readyz"): readyz, ("GET", "/metrics"): metrics}
