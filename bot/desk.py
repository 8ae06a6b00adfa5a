"""The desk: what turns share. It takes messages in: those that come together at once, each alone where that fails."""

import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine

from bot import catalogue
from bot.catalogue import Catalogue, NothingLoaded
from bot.channels import Channel
from bot.messages import Incoming
from bot.turn import Turn
from storage import catalogue as shelf
from storage.ballot_keys import BallotKeys
from storage.ballots import CODE_LETTERS
from storage.database import hurried, is_away, may_succeed_again, one_writer, reading, transaction, waited_in_vain
from storage.ink import Ink

log = structlog.get_logger()

TRIES = 4


class Away(Exception):
    """The database cannot serve: the provider gets 503 and tries again; nothing was taken in, or not yet."""


class Apart(Exception):
    """Nothing was taken in, and each message of the batch is to try by itself: it may have to wait."""


class TakesApart(Protocol):
    """Takes in the messages that no ordinary turn may see (`bot/complaints/confidential.py`)."""

    def suspects(self, incoming: Incoming) -> bool: ...

    def claims(self, incoming: Incoming) -> bool: ...

    def take(self, incoming: Incoming) -> bool: ...


@dataclass(frozen=True)
class Desk:
    """All that turns share: the database, the keys, the clock and the channels' shapes.

    `volatile` is the store of confidential conversations; without it there are none. `confidential` takes them in.
    """

    engine: Engine
    ink: Ink
    keys: BallotKeys
    clock: Callable[[], datetime]
    channels: Mapping[str, Channel]
    secret: bytes = field(repr=False)
    public_url: str = ""
    volatile: Engine | None = None
    confidential: TakesApart | None = None
    _shelf: list[Catalogue] = field(default_factory=list, repr=False)

    def take(self, incoming: Incoming) -> bool:
        """Take a message in; False if it had been taken in before. Raises Away: nothing was taken in."""
        if self.confidential is not None and self.confidential.claims(incoming):
            return self.confidential.take(incoming)
        return self._alone(incoming)

    def is_plain(self, incoming: Incoming) -> bool:
        """Whether a message is certainly an ordinary one, seen at a glance and without waiting for anything."""
        return self.confidential is None or not self.confidential.suspects(incoming)

    def take_all(self, batch: Sequence[Incoming]) -> Sequence[bool | Exception]:
        """Take plain messages in with one commit; where that fails each alone, so that a failure is only its own."""
        if len(batch) > 1 or not one_writer(self.engine):
            try:
                with hurried(self.engine) as connection:
                    return [Turn(self, connection, each, self.clock()).run() for each in batch]
            except Exception as error:
                log.warning("turn.batch_undone", place=whereabouts(error), channel=batch[0].channel)
                # Whoever has to wait waits in a thread of their own, and so does who came with them.
                if waited_in_vain(error) or not (one_writer(self.engine) or is_away(error)):
                    return [Apart()] * len(batch)
        taken: list[bool | Exception] = []
        for each in batch:
            try:
                taken.append(self._alone(each))
            except Away as away:  # so it is for the rest, who need not wait as long to hear it
                return [*taken, *[away] * (len(batch) - len(taken))]
        return taken

    def _alone(self, incoming: Incoming) -> bool:
        for attempt in range(1, TRIES + 1):
            try:
                with transaction(self.engine) as connection:
                    return Turn(self, connection, incoming, self.clock()).run()
            except Exception as error:
                if may_succeed_again(error) and attempt < TRIES:
                    continue
                if is_away(error) or may_succeed_again(error):
                    raise Away from None
                return self._park(incoming, error)
        raise Away

    def _park(self, incoming: Incoming, error: Exception) -> bool:
        """A bug must not block a chat: record where it happened (no text), apologise, and take the message as read."""
        code, place = "".join(secrets.choice(CODE_LETTERS) for _n in range(6)), whereabouts(error)
        log.error("turn.parked", code=code, place=place, channel=incoming.channel)
        try:
            with transaction(self.engine) as connection:
                return Turn(self, connection, incoming, self.clock()).apologise(code, place)
        except Exception as again:
            if is_away(again):
                raise Away from None
            log.error("turn.lost", code=code, place=whereabouts(again), channel=incoming.channel)
            raise Away from None

    def catalogue(self, connection: Connection, revision: int | None) -> Catalogue:
        """The catalogue of that revision, from memory where it has not changed."""
        if not self._shelf or self._shelf[0].revision != revision:
            self._shelf[:] = [catalogue.read(connection)]
        return self._shelf[0]

    def city(self) -> Catalogue | None:
        """The catalogue as it is now; None where no city was loaded yet."""
        with suppress(NothingLoaded), reading(self.engine) as connection:
            return self.catalogue(connection, shelf.revision(connection))
        return None


def whereabouts(error: Exception) -> str:
    """Class, file and line of an error, without its message: that could hold what somebody wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} {place}"[:160]
