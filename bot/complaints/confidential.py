"""What is confidential: told from what is not before anything is written, and taken in apart.

Nothing here touches the ordinary database, but for two things that name nobody: a complaint is filed whole, and a
sealed part is added to one. What takes long (keys, files) is done outside the transaction; then the turn runs anew.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from bot.complaints.confidential_turn import CLAIMED, MARK, ConfidentialTurn
from bot.complaints.redaction import Ear
from bot.complaints.safe import Errand, busy_names, chat_of, late_of, name_of
from bot.complaints.typed_codes import codes_in
from bot.complaints.ways import Ways, opens
from bot.desk import TRIES, Away, Desk, whereabouts
from bot.messages import Incoming, Outbound
from bot.turn import NEWS
from flows import register
from flows.answers import tidy
from storage import volatile, volatile_outbox, volatile_tallies
from storage.database import is_away, may_succeed_again, reading, transaction
from storage.volatile import Draft
from storage.volatile_glance import Glance

log = structlog.get_logger()

BUSY = timedelta(minutes=1)
"""How long a chat waits for what one of its messages has written, if nobody says that it is done: longer than any
database is waited for."""


@dataclass(frozen=True)
class Confidential:
    """Takes in what is confidential, so that no ordinary turn ever sees it."""

    desk: Desk
    ways: Ways

    def suspects(self, incoming: Incoming) -> bool:
        """Whether a message needs a closer look, for which one may have to wait."""
        if self.desk.volatile is None or incoming.kind in NEWS:
            return False
        is_heard = incoming.channel in self.ways.checked and self._ear.listens(incoming, self.desk.clock())
        return is_heard or self._may_be_ours(incoming)

    def claims(self, incoming: Incoming) -> bool:
        """Whether a message is part of a confidential conversation, or begins one. Raises Away.

        Its last message too, where it is delivered again, and what somebody goes on to tell after their time ran out:
        an ordinary turn would note who wrote it, and could take its words for the answer to another question.
        """
        if self.desk.volatile is None or incoming.kind in NEWS:
            return False
        if incoming.channel in self.ways.checked:
            self._hear(incoming)
        if not self._may_be_ours(incoming):
            return False
        text, named = tidy(incoming.text), _is_named(incoming)
        try:
            with reading(self.desk.volatile) as connection:
                now, late = self.desk.clock(), late_of(self.desk, incoming)
                if volatile.concerns(connection, chat_of(incoming), name_of(incoming), now):
                    return True
                goes_on = incoming.kind in ("text", "media") and volatile_tallies.tried(connection, late, now) > 0
                if goes_on and not _is_command(text):
                    return True
                # Where no worker sees this store nobody would send our answer: an ordinary turn says that we are shut.
                claimed = named and (incoming.channel not in self.ways.carried or volatile.is_attended(connection, now))
            if goes_on:  # they turned to something else
                with transaction(self.desk.volatile) as connection:
                    volatile_tallies.forgive(connection, late)
            return claimed
        except Exception as error:
            if is_away(error):
                raise Away from None
            raise

    def _may_be_ours(self, incoming: Incoming) -> bool:
        """At a glance, which waits for nothing: whether anything is there of this chat, or the message names us."""
        chat, name, late = chat_of(incoming), name_of(incoming), late_of(self.desk, incoming)
        return _is_named(incoming) or self._glance.sees(chat, name, late)

    def take(self, incoming: Incoming) -> bool:
        """Take a message in; False if it had been taken in before. Raises Away: nothing was taken in."""
        done: dict[str, Any] = {}
        tries = 0
        while True:
            try:
                with transaction(self._store) as connection:
                    return self._turn(connection, incoming, done).run()
            except Errand as errand:
                if errand.seen is not None and not self._claim(incoming, errand.seen, done):
                    continue  # another message was quicker
                try:
                    done[errand.name] = errand.work()
                except Exception as error:
                    return self._mishap(incoming, error, done)
            except Away:
                raise
            except Exception as error:
                tries += 1
                if may_succeed_again(error) and tries < TRIES:
                    continue
                return self._mishap(incoming, error, done)

    def _claim(self, incoming: Incoming, seen: Draft, done: dict[str, Any]) -> bool:
        """Keep other messages of this chat from leaving or filing while something is written.

        False if one of them changed the conversation before. Raises Away.
        """
        if CLAIMED in done:
            return True
        try:
            with transaction(self._store) as connection:
                now = self.desk.clock()
                names = busy_names(incoming)
                if volatile.draft(connection, seen.chat, now) != seen or volatile_tallies.tried(
                    connection, names[0], now
                ):
                    return False
                for name in names:
                    volatile_tallies.count(connection, name, now, BUSY)
        except Exception as error:
            if is_away(error):
                raise Away from None
            raise
        done[CLAIMED] = True
        return True

    def _release(self, incoming: Incoming) -> None:
        with transaction(self._store) as connection:
            for name in busy_names(incoming):
                volatile_tallies.forgive(connection, name)

    def _turn(self, connection: Connection, incoming: Incoming, done: dict[str, Any]) -> ConfidentialTurn:
        return ConfidentialTurn(self.desk, self.ways, connection, incoming, self.desk.clock(), done)

    def _hear(self, incoming: Incoming) -> None:
        """Have it noted for the check. Where that fails the check lacks a proof, and nobody misses a message."""
        try:
            self._ear.hear(incoming, self.desk.clock())
        except Exception as error:
            if not is_away(error):
                raise

    @cached_property
    def _ear(self) -> Ear:
        return Ear(self._store)

    @cached_property
    def _glance(self) -> Glance:
        return Glance(self._store)

    @property
    def _store(self) -> Engine:
        assert self.desk.volatile is not None
        return self.desk.volatile

    def _mishap(self, incoming: Incoming, error: Exception, done: dict[str, Any]) -> bool:
        """A bug must not block a chat: say so there, and keep its place alone, in the log."""
        if CLAIMED in done:
            with suppress(Exception):  # it ends by itself
                self._release(incoming)
        if is_away(error) or may_succeed_again(error):
            raise Away from None
        log.error("confidential.bug", place=whereabouts(error))
        try:
            with transaction(self._store) as connection:
                return self._turn(connection, incoming, {}).apologise()
        except Exception as again:
            log.error("confidential.lost", place=whereabouts(again))
            raise Away from None


def _is_named(incoming: Incoming) -> bool:
    """Whether a message itself names what is confidential: by its button, its first word, or a code in it."""
    text = tidy(incoming.text)
    return (incoming.pressed or "").startswith(MARK) or bool(opens(text)[0]) or any(codes_in(text))


def _is_command(text: str) -> bool:
    """Whether a message is a word of an ordinary conversation, and nothing that somebody tells."""
    name = register.called(text)
    word = (name is not None and name not in register.CONFIDENTIAL) or register.leaves(text)
    return word or bool(register.ballot_in(text)) or text.lower().startswith("/start ")


def waiting(store: Engine, channel: str, address: str) -> list[Outbound]:
    """What waits for a chat that fetches its messages itself, which is then wiped."""
    with transaction(store) as connection:
        rows = volatile_outbox.waiting(connection, channel, address)
        if rows:
            volatile_outbox.shown(connection, channel, address, rows[-1].id)
    return [replace(Outbound.unpacked(bytes(row.body)), secret=row.secret) for row in rows]
