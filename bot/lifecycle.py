"""The life of a consultation: opened, closed, counted, published or annulled; each step once, whoever asks twice."""

import json
from datetime import datetime

import structlog
from sqlalchemy import Engine

from bot.results import tabulate
from bot.speech import Speaker
from flows.language import Phrase
from storage import consultations, counts, talks, turnouts
from storage.ballot_keys import BallotKeys
from storage.consultations import ConsultationRow, phase
from storage.database import checkpoint, transaction

log = structlog.get_logger()


class NotPossible(Exception):
    """The step cannot be taken now; `reason` says why and what to do, in both languages where it is of a catalogue."""

    def __init__(self, reason: Phrase):
        super().__init__(Speaker("en").say(reason))
        self.reason = reason


def find(row: ConsultationRow | None, slug: str) -> ConsultationRow:
    if row is None:
        raise NotPossible(f"There is no consultation {slug!r}. Load its folder first: cuenta load territories/<city>")
    return row


def open_(engine: Engine, keys: BallotKeys, slug: str, now: datetime, at_once: bool = False) -> ConsultationRow:
    """Freeze a draft and make its ballot key; from then on the clock opens and closes it. `at_once` opens it now."""
    with transaction(engine) as connection:
        row = find(consultations.one(connection, slug), slug)
        if row.state != "draft":
            raise NotPossible(
                f"{slug} is {phase(row.state, row.opens_at, row.closes_at, now)}; only a draft can be opened."
            )
        if row.closes_at <= now:
            raise NotPossible(
                f"{slug} would have closed on {row.closes_at:%Y-%m-%d %H:%M} UTC. Correct its dates and load it again."
            )
        opens_at = now if at_once and row.opens_at > now else row.opens_at
        consultations.move(connection, slug, "draft", state="opened", opens_at=opens_at, key_print=keys.make(slug))
    return row


def close(engine: Engine, slug: str, now: datetime) -> None:
    """Close an open consultation early."""
    with transaction(engine) as connection:
        row = find(consultations.one(connection, slug), slug)
        if phase(row.state, row.opens_at, row.closes_at, now) != "open":
            raise NotPossible(f"{slug} is not open, so it cannot be closed.")
        if not consultations.move(connection, slug, "opened", closes_at=now):
            raise NotPossible(f"{slug} was changed by somebody else at the same moment. Look at its status.")
        talks.end_subject(connection, slug)


def count(engine: Engine, keys: BallotKeys, slug: str, now: datetime, by: str = "") -> int:
    """Count: empty the box into the public list, add up, and destroy the ballot key. How many ballots.

    `by` is the office that counts, for the public record of the count.
    """
    with transaction(engine) as connection:
        row = find(consultations.one(connection, slug), slug)
        where = phase(row.state, row.opens_at, row.closes_at, now)
        if where != "closed":
            raise NotPossible(f"{slug} is {where}; it can be counted once, after it has closed.")
        if now < row.paper_until:
            raise NotPossible(
                f"Signed paper of {slug} is taken until {row.paper_until:%Y-%m-%d %H:%M} UTC; count after that."
            )
        if not consultations.move(connection, slug, "opened", state="counted"):
            raise NotPossible(f"{slug} is being counted by somebody else.")
        number = counts.empty_box(connection, slug)
        results = tabulate(connection, row, number)
        counts.record(connection, slug, number, json.dumps(results, ensure_ascii=False), now, by)
        turnouts.forget(connection, slug)
        talks.end_subject(connection, slug)
    _seal(engine, keys, slug)
    return number


def _seal(engine: Engine, keys: BallotKeys, slug: str) -> None:
    """Destroy the key, and what the database's log has of each ballot beside who cast it.

    After the commit: were it before and the commit failed, nobody could vote or count again. A crash in between is
    mended by the worker, which destroys the keys of whatever is counted and empties the log each minute.
    """
    keys.destroy(slug)
    if not checkpoint(engine):
        log.warning("log.kept", consultation=slug)


def publish(engine: Engine, slug: str, digest: str, now: datetime) -> None:
    """Make the results public, with the digest of the list of ballots."""
    with transaction(engine) as connection:
        if not consultations.move(connection, slug, "counted", state="published"):
            row = find(consultations.one(connection, slug), slug)
            if row.state == "published":
                return
            raise NotPossible(f"{slug} has to be counted before it is published: cuenta consultation count {slug}")
        counts.mark_published(connection, slug, digest, now)


def annul(engine: Engine, keys: BallotKeys, slug: str, notice: str, now: datetime) -> None:
    """Annul a consultation that is not counted, with the public notice of why; its ballots can never be counted."""
    with transaction(engine) as connection:
        row = find(consultations.one(connection, slug), slug)
        if row.state not in ("draft", "opened"):
            raise NotPossible(f"{slug} is {row.state}; what was counted cannot be annulled.")
        if not consultations.move(connection, slug, row.state, state="annulled", notice=notice):
            raise NotPossible(f"{slug} was changed by somebody else at the same moment. Look at its status.")
        counts.discard(connection, slug)
        turnouts.forget(connection, slug)
        talks.end_subject(connection, slug)
    _seal(engine, keys, slug)
