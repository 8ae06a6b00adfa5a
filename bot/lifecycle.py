"""The life of a consultation: scheduled, closed, counted, published or annulled; each step once, whoever asks twice.

The command line and the staff console take the same steps here. Each is noted in the audit log in the transaction that
takes it; `by` is the staff account, or nobody for the operator.
"""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine

from bot import results
from bot.speech import Speaker
from flows.language import Phrase, _
from storage import audit, batches, catalogue, consultations, counts, drafts, public_notices, talks, turnouts
from storage.ballot_keys import BallotKeys
from storage.consultations import ConsultationRow, phase
from storage.database import checkpoint, reading, transaction
from storage.definition import IDEAS
from storage.loading import consultation_row
from storage.pages import Words
from storage.typed import check

log = structlog.get_logger()


class NotPossible(Exception):
    """The step cannot be taken now; `reason` says why and what to do, in both languages where it is of a catalogue."""

    def __init__(self, reason: Phrase):
        super().__init__(Speaker("en").say(reason))
        self.reason = reason


BUSY = _("Somebody else changed it at the same moment. Look at where it is now.")
CHANGED = _("The draft was changed after you looked at it. Look at it again.")


def find(row: ConsultationRow | None, slug: str) -> ConsultationRow:
    if row is None:
        raise NotPossible(
            _("There is no consultation '{slug}'. Load its folder first: cuenta load territories/<city>", slug=slug)
        )
    return row


def hold(connection: Connection, slug: str) -> ConsultationRow:
    """The consultation, which nobody else changes before this transaction ends."""
    consultations.hold_alone(connection, slug)
    return find(consultations.one(connection, slug), slug)


def open_(
    engine: Engine, keys: BallotKeys, slug: str, now: datetime, at_once: bool = False, by: int | None = None
) -> ConsultationRow:
    """Freeze a draft and make its ballot key; from then on the clock opens and closes it. `at_once` opens it now."""
    with transaction(engine) as connection:
        return _freeze(connection, keys, slug, now, at_once, by)


def schedule(engine: Engine, keys: BallotKeys, id: int, seen: str, now: datetime, by: int) -> str:
    """Make a consultation of a draft of the console and freeze it; its slug. `seen` is the print of what was looked at.

    Raises NotPossible, and `drafts.Gone`.
    """
    with transaction(engine) as connection:
        draft = drafts.hold(connection, id)
        if drafts.print_of(draft.typed) != seen:
            raise NotPossible(CHANGED)
        zone = ZoneInfo(catalogue.texts(connection)["zone"])
        found = check(draft.typed, zone, drafts.taken(connection, draft)).consultation
        if found is None:
            raise NotPossible(_("The draft is not finished: something is missing or wrong in it."))
        if consultations.load(connection, consultation_row(found)) == "frozen":
            raise NotPossible(BUSY)
        drafts.discard(connection, id)
        _freeze(connection, keys, found.slug, now, False, by)
    return found.slug


def collect(engine: Engine, id: int, seen: str, now: datetime, by: int) -> str:
    """Let residents send ideas for a draft of the console, which stays one; its slug. `seen` is as in `schedule`.

    Raises NotPossible, and `drafts.Gone`.
    """
    with transaction(engine) as connection:
        draft = drafts.hold(connection, id)
        if drafts.print_of(draft.typed) != seen:
            raise NotPossible(CHANGED)
        zone = ZoneInfo(catalogue.texts(connection)["zone"])
        found = check(draft.typed, zone, drafts.taken(connection, draft), to_collect=True).consultation
        if found is None:
            raise NotPossible(_("The draft is not finished: something is missing or wrong in it."))
        if datetime.fromisoformat(found.rules[IDEAS]) <= now:
            raise NotPossible(_("The moment until which ideas are taken is past. Correct it first."))
        if consultations.load(connection, consultation_row(found)) == "frozen":
            raise NotPossible(BUSY)
        audit.note(connection, now, by, "consultation.collects", found.slug)
    return found.slug


def _freeze(
    connection: Connection, keys: BallotKeys, slug: str, now: datetime, at_once: bool, by: int | None
) -> ConsultationRow:
    row = hold(connection, slug)
    where = phase(row.state, row.opens_at, row.closes_at, now)
    if row.state != "draft":
        raise NotPossible(_("'{slug}' is {phase}; only a draft can be opened.", slug=slug, phase=PHASES[where]))
    if not json.loads(row.proposals):
        raise NotPossible(_("'{slug}' has no proposals yet. Write them first.", slug=slug))
    if row.closes_at <= now:
        raise NotPossible(_("It would have closed on {day}. Correct its dates first.", day=_local(row, row.closes_at)))
    opens_at = now if at_once and row.opens_at > now else row.opens_at
    consultations.move(connection, slug, "draft", state="opened", opens_at=opens_at, key_print=keys.make(slug))
    audit.note(connection, now, by, "consultation.opened", slug)
    return row


def correct(engine: Engine, slug: str, words: Words, now: datetime, by: int | None = None) -> None:
    """Publish an erratum beside a consultation that is not counted; its rules and proposals stay as they are."""
    with transaction(engine) as connection:
        row = hold(connection, slug)
        where = phase(row.state, row.opens_at, row.closes_at, now)
        if row.state != "opened":
            raise NotPossible(
                _("'{slug}' is {phase}: there is nothing to correct in public.", slug=slug, phase=PHASES[where])
            )
        public_notices.add(connection, slug, "erratum", words, now)
        catalogue.changed(connection)
        audit.note(connection, now, by, "consultation.corrected", slug)


def close(engine: Engine, slug: str, now: datetime, words: Words | None = None, by: int | None = None) -> None:
    """Close an open consultation early, with the public notice of why where there is one."""
    with transaction(engine) as connection:
        close_in(connection, slug, now, words, by)


def close_in(connection: Connection, slug: str, now: datetime, words: Words | None, by: int | None) -> None:
    """The same in a transaction that is there."""
    row = hold(connection, slug)
    if phase(row.state, row.opens_at, row.closes_at, now) != "open":
        raise NotPossible(_("'{slug}' is not open, so it cannot be closed.", slug=slug))
    consultations.move(connection, slug, "opened", closes_at=now)
    if words:
        public_notices.add(connection, slug, "closed", words, now)
    talks.end_subject(connection, slug)
    audit.note(connection, now, by, "consultation.closed", slug)


def count(engine: Engine, keys: BallotKeys, slug: str, now: datetime, office: str = "", by: int | None = None) -> int:
    """Count: empty the box into the public list, add up, and destroy the ballot key. How many ballots.

    `office` is who counts, for the public record of the count.
    """
    with transaction(engine) as connection:
        row = hold(connection, slug)
        where = phase(row.state, row.opens_at, row.closes_at, now)
        if where != "closed":
            raise NotPossible(
                _("'{slug}' is {phase}; it can be counted once, after it has closed.", slug=slug, phase=PHASES[where])
            )
        if now < row.paper_until:
            day = _local(row, row.paper_until)
            raise NotPossible(_("Signed paper ballots are taken until {day}. Count after that.", day=day))
        consultations.move(connection, slug, "opened", state="counted")
        batches.finish(connection, slug, now)
        number = counts.empty_box(connection, slug)
        found = results.tabulate(connection, row, number)
        counts.record(connection, slug, number, json.dumps(found, ensure_ascii=False), now, office)
        turnouts.forget(connection, slug)
        talks.end_subject(connection, slug)
        audit.note(connection, now, by, "consultation.counted", slug)
    seal(engine, keys, slug)
    return number


def seal(engine: Engine, keys: BallotKeys, slug: str) -> None:
    """Destroy the key, and what the database's log has of each ballot beside who cast it.

    After the commit: were it before and the commit failed, nobody could vote or count again. A crash in between is
    mended by the worker, which destroys the keys of whatever is counted and empties the log each minute.
    """
    keys.destroy(slug)
    if not checkpoint(engine):
        log.warning("log.kept", consultation=slug)


def publish(engine: Engine, slug: str, now: datetime, to: Path | None = None, by: int | None = None) -> str:
    """Make the results public; the SHA-256 of the list of ballots. The site serves them from then on.

    `to` is a folder for the public files, for those who want them outside the site as well.
    """
    with reading(engine) as connection:
        found = counts.results_of(connection, slug)
        if found is None:
            find(consultations.one(connection, slug), slug)
            raise NotPossible(_("It has to be counted before it is published: cuenta consultation count"))
        digest = results.write(connection, slug, found, to) if to else results.fingerprint(connection, slug)
    with transaction(engine) as connection:
        if consultations.move(connection, slug, "counted", state="published"):
            counts.mark_published(connection, slug, digest, now)
            audit.note(connection, now, by, "consultation.published", slug)
    return digest


def annul(
    engine: Engine, keys: BallotKeys, slug: str, notice: str, now: datetime, english: str = "", by: int | None = None
) -> None:
    """Annul a consultation that is not counted, with the public notice of why; its ballots can never be counted.

    `english` is the notice in English, where it has one.
    """
    with transaction(engine) as connection:
        annul_in(connection, slug, {"es": notice, "en": english or notice}, now, by)
    seal(engine, keys, slug)


def annul_in(connection: Connection, slug: str, words: Words, now: datetime, by: int | None) -> None:
    """The same in a transaction that is there; its key is to be destroyed after that (`seal`)."""
    row = hold(connection, slug)
    if row.state not in ("draft", "opened"):
        reason = _("'{slug}' is {phase}; what was counted cannot be annulled.", slug=slug, phase=PHASES[row.state])
        raise NotPossible(reason)
    consultations.move(connection, slug, row.state, state="annulled", notice=words["es"])
    public_notices.add(connection, slug, "annulled", words, now)
    counts.discard(connection, slug)
    batches.finish(connection, slug, now)
    turnouts.forget(connection, slug)
    talks.end_subject(connection, slug)
    audit.note(connection, now, by, "consultation.annulled", slug)


PHASES = {
    "draft": _("draft"),
    "scheduled": _("scheduled"),
    "open": _("open"),
    "closed": _("closed"),
    "counted": _("counted"),
    "published": _("published"),
    "annulled": _("annulled"),
}
"""What each phase is called."""


def _local(row: ConsultationRow, moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(row.zone))
