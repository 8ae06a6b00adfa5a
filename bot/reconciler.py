"""The reconciler: takes in the messages that Twilio received and whose webhook never reached us.

Twilio tries a failed webhook hardly ever again (channels.md 3.4); what it received stays in its list.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine

from bot.channels import twilio
from bot.channels.twilio import Account, TwilioLine
from bot.desk import Desk
from bot.messages import Incoming
from storage import inbox, ticks
from storage.database import reading, transaction

log = structlog.get_logger()

TICK = "reconciled:twilio"
MISSED = "missed:twilio"
"""When a message was last taken in that no webhook had brought."""

OVERLAP = timedelta(hours=1)
FIRST_LOOK = timedelta(days=2)
"""How far the first look reaches; the inbox remembers ids for longer than that."""

SETTLING = timedelta(seconds=30)
"""A message this young may still be on its way to the webhook."""

PAGE = 500


def since(engine: Engine, now: datetime) -> datetime:
    """From when on the list must be looked at."""
    with reading(engine) as connection:
        last = ticks.last(connection, TICK)
    return max(last - OVERLAP, now - FIRST_LOOK) if last else now - FIRST_LOOK


async def reconcile(line: TwilioLine, desk: Desk) -> int:
    """Take in what was missed; how many messages. Raises what the provider's client or the database raises."""
    now = desk.clock()
    start = await asyncio.to_thread(since, desk.engine, now)
    missed: list[Incoming] = []
    for where in _numbers(line.account):
        listed = await line.client.messages.stream_async(**where, date_sent_after=start, page_size=PAGE)
        ripe = [told async for message in listed if (told := _ripe(message, now)) is not None]
        missed += reversed(ripe)  # the list is newest first; people wrote oldest first
    return await asyncio.to_thread(_take_in, desk, missed, now)


def _numbers(account: Account) -> list[dict[str, str]]:
    """How to ask for what came in. A messaging service may have any number of numbers, so then we ask for all."""
    if account.messaging_service:
        return [{}]
    return [{"to": number} for number in (account.whatsapp_from, account.sms_from) if number]


def _ripe(message: Any, now: datetime) -> Incoming | None:
    """What a listed message says to us, unless it is one of ours or too young."""
    sent = twilio.sent_at(message)
    if message.direction != "inbound" or (sent is not None and sent > now - SETTLING):
        return None
    return twilio.listed(message)


def _take_in(desk: Desk, missed: list[Incoming], now: datetime) -> int:
    new = _unseen(desk.engine, missed)
    taken = sum(told.provider_id in new and desk.take(told) for told in missed)
    with transaction(desk.engine) as connection:
        ticks.mark(connection, TICK, now)
        if taken:
            ticks.mark(connection, MISSED, now)
    if taken:
        log.warning("reconciler.took_in", channel="twilio", messages=taken)
    return taken


def _unseen(engine: Engine, messages: list[Incoming]) -> set[str]:
    new: set[str] = set()
    with reading(engine) as connection:
        for channel in {m.channel for m in messages}:
            ids = [m.provider_id for m in messages if m.channel == channel]
            for start in range(0, len(ids), 500):
                new |= inbox.unseen(connection, channel, ids[start : start + 500])
    return new
