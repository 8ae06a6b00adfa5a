"""Redaction: whether Twilio was seen to keep no text of WhatsApp, so that complaints can be told in that chat.

Nothing is assumed of it (channels.md 3.12): what counts is what the account showed, of a message of ours and of one
that somebody wrote, a short time ago. Whatever shows a text ends that at once, and so does whatever keeps us from
looking.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from twilio.base.exceptions import TwilioException

from bot.channels.twilio import NOT_REDACTED, RETAINS_NOTHING, WHATSAPP, TwilioLine
from bot.complaints import cases
from bot.complaints.safe import busy
from bot.complaints.ways import Ways
from bot.desk import Desk
from bot.messages import Incoming, Reply
from bot.speech import Speaker
from flows import complaint
from flows.language import _
from storage import ticks, volatile, volatile_outbox, volatile_tallies
from storage.database import reading, transaction

log = structlog.get_logger()

PASSED, LOOKED = "redaction:passed", "redaction:looked"
FAILED: Mapping[str, str] = {
    "off": "redaction:off",
    "sent": "redaction:sent",
    "received": "redaction:received",
}
"""Why it failed: it is not switched on (error 30029), or the account lists a text that we sent, or one we received."""

LASTS = timedelta(hours=24)
RENEWED = timedelta(hours=12)
"""From when on a pass is renewed, so that a quiet night does not end it."""

UNWATCHED = timedelta(minutes=10)
"""So long after the last look at the list nobody knows what it shows."""

CLOCKS = timedelta(minutes=1)
"""As far as the clocks of two machines may differ. A look that lies further ahead is of a clock that was set
back since: how old it is cannot be told."""

FIRST_LOOK = timedelta(hours=1)
OVERLAP = timedelta(minutes=1)
AGAIN = timedelta(hours=1)
"""Between two tests that did not pass."""

WORDS_LAST = timedelta(hours=1)
NOTED_EVERY = timedelta(minutes=1)
PAGE = 500

TEST = _("This is the daily test that Twilio keeps no text. You need not answer.")
"""For whoever runs the desk, who set the phone that gets it."""


@dataclass(frozen=True)
class Standing:
    """How the check stands: `why` is empty while it passes; else off, sent, received, old, unwatched or never."""

    why: str
    at: datetime | None = None


def standing(connection: Connection, now: datetime) -> Standing:
    """Whether the check passes now, and since when it is so. `connection` is to the ordinary database."""
    last, looked = _verdict(connection, now), ticks.last(connection, LOOKED)
    if last.why or last.at is None:
        return last
    if now >= last.at + LASTS:
        return Standing("old", last.at)
    if looked is None or not looked - CLOCKS <= now < looked + UNWATCHED:
        return Standing("unwatched", looked)
    return last


def _verdict(connection: Connection, now: datetime) -> Standing:
    """What was found last; where it passed and failed at the same time, it failed.

    A pass of a clock that was set back since counts for nothing: it would outlast every failure until then.
    """
    names = {"": PASSED, **FAILED}
    found = [(at, why) for why, name in names.items() if (at := ticks.last(connection, name)) is not None]
    at, why = max((each for each in found if each[1] or each[0] <= now + CLOCKS), default=(None, "never"))
    return Standing(why, at)


def takes(connection: Connection, ways: Ways, channel: str, now: datetime) -> bool:
    """Whether complaints may be told in the chat of a channel just now."""
    return channel in ways.chats or (channel in ways.checked and not standing(connection, now).why)


@dataclass
class Ear:
    """Notes, about once a minute, which message came with words: the account's list must show it without."""

    store: Engine
    _at: datetime | None = None

    def listens(self, incoming: Incoming, now: datetime) -> bool:
        """Whether it would note this message."""
        is_due = self._at is None or now >= self._at + NOTED_EVERY
        return is_due and incoming.kind == "text" and bool(incoming.text)

    def hear(self, incoming: Incoming, now: datetime) -> None:
        """Raises what the store raises."""
        if not self.listens(incoming, now):
            return
        self._at = now
        with transaction(self.store) as connection:
            volatile_tallies.count(connection, _words(incoming.provider_id), now, WORDS_LAST)


def _words(sid: str) -> str:
    return f"words:{sid}"


@dataclass
class Check:
    """The check of one account, run each minute. `phone` is the one its test messages go to."""

    line: TwilioLine
    desk: Desk
    ways: Ways
    phone: str
    _sent: str = field(default="", repr=False)
    _next: datetime | None = None

    async def look(self) -> None:
        """Look at the list, test what is due, and end the conversations that must not go on.

        Raises what the provider's client or a database raises: then it was not looked at.
        """
        try:
            why = await self._found()
            await asyncio.to_thread(self._note, why)
        finally:
            await asyncio.to_thread(end_drafts, self.desk, self.ways)

    def end_if_refused(self) -> None:
        """End a pass where Twilio told this worker's sender that it keeps texts, whichever worker looks at the list."""
        refused, self.line.not_redacted = self.line.not_redacted, False
        if refused:
            self._note("off")
            end_drafts(self.desk, self.ways)

    async def _found(self) -> str | None:
        """Why it fails now, an empty text where it passes, None where that is as before."""
        now = self.desk.clock()
        since, due = await asyncio.to_thread(self._since, now)
        received = await self._received(since)
        if any(body for _sid, body in received):
            return "received"
        if self._sent:
            return await self._read_back()
        if not due or (self._next is not None and now < self._next):
            return None
        if not await asyncio.to_thread(self._had_words, [sid for sid, _body in received], now):
            return None
        self._next = now + AGAIN
        return await self._send()

    def _since(self, now: datetime) -> tuple[datetime, bool]:
        """From when on the list is looked at, and whether a new pass is due."""
        with reading(self.desk.engine) as connection:
            last = _verdict(connection, now)
        if last.at is None:
            return now - FIRST_LOOK, True
        return last.at - OVERLAP, bool(last.why) or now >= last.at + RENEWED

    async def _received(self, since: datetime) -> list[tuple[str, str]]:
        """What people wrote since then, as the account lists it: id and text."""
        listed = await self.line.client.messages.stream_async(
            to=self.line.account.whatsapp_from, date_sent_after=since, page_size=PAGE
        )
        return [(str(each.sid), each.body or "") async for each in listed if each.direction == "inbound"]

    def _had_words(self, sids: Sequence[str], now: datetime) -> bool:
        """Whether one of these messages, which are listed without a text, came with one."""
        with reading(self._store) as connection:
            return any(volatile_tallies.tried(connection, _words(sid), now) for sid in sids)

    async def _send(self) -> str | None:
        try:
            sent = await self.line.client.messages.create_async(
                to=self.phone, from_=self.line.account.whatsapp_from, body=Speaker("es").say(TEST), **RETAINS_NOTHING
            )
        except TwilioException as error:
            if getattr(error, "code", None) == NOT_REDACTED:
                return "off"
            raise
        self._sent = str(sent.sid)
        return None

    async def _read_back(self) -> str:
        """A minute after it was sent: what is still there then may stay."""
        sid, self._sent = self._sent, ""
        read = await self.line.client.messages(sid).fetch_async()
        await self.line.delete(sid)
        return "sent" if read.body else ""

    def _note(self, why: str | None) -> None:
        now = self.desk.clock()
        with transaction(self.desk.engine) as connection:
            ticks.mark(connection, LOOKED, now)
            if why is not None:
                ticks.mark(connection, FAILED.get(why, PASSED), now)
        if why:
            log.warning("redaction.failed", why=why)

    @property
    def _store(self) -> Engine:
        assert self.desk.volatile is not None
        return self.desk.volatile


def end_drafts(desk: Desk, ways: Ways) -> None:
    """Wipe what is being told in chats that may not take it any more, and say so there, before more is written."""
    assert desk.volatile is not None
    now = desk.clock()
    with reading(desk.engine) as connection:
        if takes(connection, ways, WHATSAPP, now):
            return
    with transaction(desk.volatile) as connection:
        for draft in volatile.drafts(connection, f"{WHATSAPP}|"):
            entries, asked = json.loads(draft.journal)
            if draft.flow != "report" or is_filed(entries) or is_filed_unnoticed(desk.engine, asked, draft.kept):
                continue
            if volatile_tallies.tried(connection, busy(draft.chat), now):
                continue  # it is being sent
            volatile.end_draft(connection, draft.chat)
            address = draft.chat.partition("|")[2]
            volatile_outbox.hasten(connection, WHATSAPP, address, now, secret=False)
            reply = Reply(Speaker(draft.language).say(complaint.not_here_any_more(ways.link)))
            for part in desk.channels[WHATSAPP].shape(reply):
                volatile_outbox.queue(connection, WHATSAPP, address, part.packed(), now)


def is_filed(entries: Sequence[Any]) -> bool:
    """Whether a journal's complaint is sent: nothing more of it is told in the chat."""
    return any(kind == "do" and key == "sent" for kind, key, _value in entries)


def is_filed_unnoticed(engine: Engine, asked: str | None, kept: bytes) -> bool:
    """Whether the complaint of a journal that still asks to send it was filed: whoever did died before noting it."""
    if asked != "sure":
        return False
    with reading(engine) as connection:
        return cases.is_there(connection, cases.Begun.unpacked(kept))
