"""Clearing: what people wrote is deleted at Twilio, everybody's, once it was taken in and never before.

To delete the messages of some would mark them. Twilio deletes the media with a message; its own copies of deleted
messages may live on for 30 days (complaints-and-security.md 3.1).
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot import reconciler
from bot.channels import twilio
from bot.channels.twilio import TwilioLine
from bot.desk import Desk

log = structlog.get_logger()

STAYS = timedelta(minutes=10)
"""Longer than any webhook is on its way, so that nothing is deleted which was not taken in."""

MEDIA_STAYS = timedelta(hours=24)
"""Files that offices send are fetched a little later, and again where that fails (`bot/evidence.py`)."""

MOST = 1000
"""Messages of one run: an account's history may be long, and the next run goes on."""

AT_ONCE = 8


async def clear(line: TwilioLine, desk: Desk) -> int:
    """Take in what was missed, then delete what people wrote; how many messages.

    Raises what the reconciler raises, and then nothing was deleted. What Twilio does not delete waits for the next run.
    """
    await reconciler.reconcile(line, desk)
    gate = asyncio.Semaphore(AT_ONCE)

    async def delete(sid: str) -> bool:
        async with gate:
            return await line.delete(sid)

    done = await asyncio.gather(*[delete(sid) async for sid in _ripe(line, desk.clock())])
    if not all(done):
        log.warning("clearing.left", messages=done.count(False))
    return done.count(True)


async def _ripe(line: TwilioLine, now: datetime) -> AsyncIterator[str]:
    """The ids of messages that people wrote long enough ago."""
    found = 0
    listed = await line.client.messages.stream_async(date_sent_before=now - STAYS, page_size=reconciler.PAGE)
    async for message in listed:
        if message.direction != "inbound" or not _may_go(message, now):
            continue
        found += 1
        if found > MOST:
            return
        yield str(message.sid)


def _may_go(message: Any, now: datetime) -> bool:
    sent = twilio.sent_at(message)
    with_media = (message.num_media or "0") != "0"
    return sent is not None and sent <= now - (MEDIA_STAYS if with_media else STAYS)
