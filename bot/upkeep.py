"""Upkeep: what the clock brings about besides messages: keys and drafts that end, records that are no longer needed.

Everything here is computed from the database and harmless when it runs twice.
"""

import asyncio
import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from bot.channels.telegram import TelegramSender
from bot.results import turnout
from storage import (
    announcements,
    approvals,
    attempts,
    audit,
    ballots,
    catalogue,
    consultations,
    contacts,
    ideas,
    inbox,
    notices,
    outbox,
    parked,
    participants,
    recipients,
    requests,
    sessions,
    staff,
    talks,
    ticks,
    turnouts,
)
from storage.ballot_keys import BallotKeys
from storage.database import checkpoint, reading, transaction
from storage.ink import Ink
from storage.retention import lengths

HEARTBEAT = "heartbeat:worker"
AN_HOUR = timedelta(hours=1)
A_SLICE = 5_000
"""Recipients that are forgotten in one transaction: an announcement may have had a million."""

WEBHOOK_FAILED = "failed:telegram"
"""When Telegram last could not hand us an update."""


def beat(engine: Engine, now: datetime) -> None:
    """Show that the worker is alive."""
    with transaction(engine) as connection:
        ticks.mark(connection, HEARTBEAT, now)


async def note_webhook(engine: Engine, telegram: TelegramSender) -> None:
    """Ask Telegram when it last could not hand us an update, and note it."""
    failed = await telegram.webhook_failed_at()
    if failed is not None:
        await asyncio.to_thread(_mark, engine, failed)


def _mark(engine: Engine, failed: datetime) -> None:
    with transaction(engine) as connection:
        ticks.mark(connection, WEBHOOK_FAILED, failed)


def close_ended(engine: Engine, keys: BallotKeys, now: datetime) -> None:
    """Wipe the drafts of what has closed, and destroy keys whose count was committed before they could be."""
    with transaction(engine) as connection:
        for row in consultations.every(connection):
            phase = consultations.phase(row.state, row.opens_at, row.closes_at, now)
            if phase in ("closed", "annulled", "counted", "published"):
                talks.end_subject(connection, row.slug)
            if phase in ("annulled", "counted", "published") and row.key_print:
                keys.destroy(row.slug)


def note_turnout(engine: Engine, now: datetime) -> None:
    """Note who took part in each open vote, once an hour; what is shown does not move in between."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    with transaction(engine) as connection:
        for row in consultations.every(connection):
            if consultations.phase(row.state, row.opens_at, row.closes_at, now) != "open":
                continue
            if not turnouts.noted(connection, row.slug, hour):
                turnouts.note(connection, row.slug, hour, turnout(connection, row.slug))


def close_audit_day(engine: Engine, now: datetime) -> None:
    """Publish the head of the record of the staff for the day that ended last in the city."""
    with transaction(engine) as connection:
        zone = ZoneInfo(catalogue.texts(connection).get("zone", "UTC"))
        today = datetime.combine(now.astimezone(zone).date(), time.min, zone)
        audit.close_day(connection, today.date() - timedelta(days=1), today.astimezone(UTC))


def note_refused(engine: Engine, now: datetime) -> None:
    """Note how often signing in was refused: one row for each account, and one for all that is none, in an hour."""
    with transaction(engine) as connection:
        for id, number in attempts.take(connection, staff.REFUSED, now - AN_HOUR):
            audit.note(connection, now, int(id) or None, "session.refused", number=number)


def expire_requests(engine: Engine, now: datetime) -> None:
    """Close what waits for a second person about invitations that have run out."""
    with transaction(engine) as connection:
        for id in approvals.expire(connection, now):
            audit.note(connection, now, None, "approval.expired", str(id))


def mix_ballots(engine: Engine, now: datetime) -> None:
    """Rewrite each open box as a whole, so that no ballot's place or transaction number tells when it was cast."""
    if engine.dialect.name == "sqlite":  # ballots already lie in the order of their random ids, without a row number
        return
    with reading(engine) as connection:
        begun = [row for row in consultations.every(connection) if row.state == "opened" and row.opens_at <= now]
    for row in begun:  # also after the close: the count may be days away
        with transaction(engine) as connection:  # of one alone: who joins two people holds several
            consultations.hold_alone(connection, row.slug)
            ballots.mix(connection, row.slug)


def purge(engine: Engine, ink: Ink, now: datetime) -> None:
    """Delete what has outlived its retention, in short transactions, and let SQLite give up what it erased."""
    with reading(engine) as connection:
        kept = lengths(json.loads(catalogue.texts(connection).get("retention", "{}")))
    with transaction(engine) as connection:
        inbox.purge(connection, now - kept["ids of messages"])
        outbox.give_up(connection, now - kept["messages not delivered"], now)
    with transaction(engine) as connection:
        talks.purge(connection, now - kept["drafts and open talks"])
        outbox.purge(connection, now - kept["records of messages sent"])
        parked.purge(connection, now - kept["parked errors"])
    with transaction(engine) as connection:
        contacts.purge(connection, now - kept["contacts without consent"], now - kept["people who fell silent"], now)
        ideas.purge(connection, now - kept["words of ideas"], now)
    with transaction(engine) as connection:
        notices.purge(connection, now - kept["what people were told"])
        participants.purge(connection, now - kept["drafts and open talks"])
        requests.purge(connection, (now - kept["data requests"]).date())
        approvals.purge(connection, now - kept["data requests"])  # some tell the number of a request's paper
    while _purge_recipients(engine, now - kept["whom announcements reached"]):
        pass
    with transaction(engine) as connection:
        announcements.purge(connection, now - kept["announcements"])
    with transaction(engine) as connection:
        before = now - kept["sessions and invitations of the staff"]
        sessions.purge(connection, before)
        staff.purge(connection, before)
        attempts.purge(connection, before)
    ink.destroy_old(now)
    checkpoint(engine)


def _purge_recipients(engine: Engine, before: datetime) -> int:
    with transaction(engine) as connection:
        return recipients.purge(connection, before, A_SLICE)
