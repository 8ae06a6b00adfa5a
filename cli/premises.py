"""Premises: what a desk has on its own machine: messages, database, keys, queues and room on the disk."""

import hmac
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.engine import make_url

from bot import catalogue
from bot.announcements.template_status import known
from bot.complaints import redaction
from bot.speech import LANGUAGES, NoCatalogue
from bot.speech import catalogue as messages
from bot.upkeep import HEARTBEAT
from cli.findings import Finding, kept
from cli.settings import Settings
from cli.templates import FIXES
from storage import case_keeping, consultations, parked, templates, ticks, volatile
from storage.ballot_keys import BallotBoxLocked, BallotKeys
from storage.consultations import ConsultationRow
from storage.database import columns, open_database, reading
from storage.ink import Damaged, Ink
from storage.outbox import Outgoing
from storage.parked import ParkedError
from storage.schema import is_current
from webhooks.health import STALE

LATE = timedelta(minutes=10)
"""A reply that waits longer than this has lost its conversation."""

ROOM = 500_000_000
"""Bytes below which SQLite may soon find no room for its write-ahead log."""

UNKNOWN = "is not known until the database can be read and is migrated"


def look(settings: Settings, now: datetime) -> list[Finding]:
    """Every check of this machine."""
    found = kept("messages", compiled)
    usable, engine = kept("database", lambda: [connected(settings)]), None
    if usable[0].ok:
        engine = open_database(settings.database_url)
        usable += kept("migrations", lambda: [migrated(engine)])
    else:
        usable += [Finding("migrations", None, UNKNOWN)]
    found += usable
    found += kept("keys folder", lambda: folder(settings))
    checks: dict[str, Callable[[Connection], list[Finding]]] = {
        "city": city,
        "ballot keys": lambda connection: ballot_keys(connection, BallotKeys(settings.ballot_keys_dir)),
        "worker": lambda connection: [worker(connection, now)],
        "parked errors": lambda connection: [errors(connection)],
        "outgoing messages": lambda connection: waiting(connection, now),
        "complaints": lambda connection: [complaints(connection)],
        "volatile store": lambda connection: memory(connection, settings, now),
        "complaints by WhatsApp": lambda connection: [by_whatsapp(connection, settings, now)],
        "templates": lambda connection: whatsapp_templates(connection, settings.whatsapp),
    }
    for name, check in checks.items():
        if engine is None or not all(finding.ok for finding in usable):
            found.append(Finding(name, None, UNKNOWN))
        else:
            found += kept(name, partial(_read, engine, check))
    if engine is not None:
        engine.dispose()
    return [*found, *kept("disk", lambda: [disk(settings)])]


def _read(engine: Engine, check: Callable[[Connection], list[Finding]]) -> list[Finding]:
    with reading(engine) as connection:
        return check(connection)


def compiled() -> list[Finding]:
    """The compiled messages of each language."""
    found = []
    for language in LANGUAGES:
        try:
            messages(language)
            found.append(Finding(f"messages in {language}", True, "are compiled"))
        except NoCatalogue:
            found.append(Finding(f"messages in {language}", False, "are not compiled", "Run: make messages"))
    return found


def sqlite_file(settings: Settings) -> Path | None:
    """The database's file, or None where it is a server."""
    url = make_url(settings.database_url)
    return Path(url.database).resolve() if url.get_backend_name() == "sqlite" and url.database else None


def connected(settings: Settings) -> Finding:
    """Whether the database answers. A file that is missing is not made by asking for it."""
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return Finding("database", False, "the SQLite file is not there", "Run: cuenta migrate — or mend DATABASE_URL.")
    engine = open_database(settings.database_url)
    try:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master" if file else "SELECT 1")
    except Exception:  # the driver's words name the user and the host
        fix = (
            "See that DATABASE_URL names an SQLite file which this user can read and write."
            if file is not None
            else "See that PostgreSQL runs and that DATABASE_URL has the right host, port, name, user and password."
        )
        return Finding("database", False, "cannot be read", fix)
    finally:
        engine.dispose()
    return Finding("database", True, "answers")


def migrated(engine: Engine) -> Finding:
    if is_current(engine):
        return Finding("migrations", True, "the database is at the newest schema")
    return Finding("migrations", False, "the database is not at the newest schema", "Run: cuenta migrate")


def city(connection: Connection) -> list[Finding]:
    try:
        loaded = catalogue.read(connection)
    except catalogue.NothingLoaded:
        return [Finding("city", False, "none is loaded", "Run: cuenta load territories/CITY")]
    return [Finding("city", True, f"is loaded, with {len(loaded.consultations)} consultations")]


def folder(settings: Settings) -> list[Finding]:
    """The folder of keys: there, writable, this user's alone, and apart from the database."""
    path, name = settings.ballot_keys_dir, "keys folder"
    if not path.is_dir():
        fix = "If it was there before, mount or restore it now. On a new desk make it: mkdir -m 700 and the folder."
        return [Finding(name, False, "BALLOT_KEYS_DIR names no folder", fix)]
    found = []
    if any(stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (path, *path.glob("*.key"))):
        fix = "Run, in that folder: chmod 700 . && chmod 600 *.key"
        found.append(Finding(name, False, "other users of this machine can enter it or read a key", fix))
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        found.append(Finding(name, False, "cannot be written", "Give the folder to the user that runs cuenta: chown."))
    try:
        Ink(path).check()
    except Damaged as damaged:
        fix = "Move that file out of the folder: a new key is made. What was written with it cannot be read any more."
        found.append(Finding(name, False, f"{damaged.path.name} is damaged: a key has 32 bytes", fix))
    file = sqlite_file(settings)
    if file is not None and file.parent in (path.resolve(), path.resolve().parent):
        fix = "Set BALLOT_KEYS_DIR to a folder elsewhere, and move the keys there while the desk is stopped."
        found.append(Finding(name, False, "lies beside the SQLite file: a backup of one would hold both", fix))
    return found or [Finding(name, True, "is writable, and for this user only")]


def ballot_keys(connection: Connection, keys: BallotKeys) -> list[Finding]:
    """Every opened consultation has its own key, and what is over has none."""
    rows = [row for row in consultations.every(connection) if row.key_print]
    found = [_ballot_key(row, keys) for row in rows]
    return found or [Finding("ballot keys", None, "no consultation was opened yet")]


def _ballot_key(row: ConsultationRow, keys: BallotKeys) -> Finding:
    name = f"ballot key of {row.slug}"
    if row.state != "opened":
        if keys.exists(row.slug):
            return Finding(name, False, "is still there, though its vote is over", "Start the worker: it destroys it.")
        return Finding(name, True, "was destroyed, as its vote is over")
    fix = (
        f"Nobody can vote until ITS key file, ballots-{row.slug}.key, is put back from the copy of the keys. Never make"
        " another one."
    )
    with suppress(BallotBoxLocked, OSError):
        if hmac.compare_digest(keys.fingerprint(row.slug), row.key_print or ""):
            return Finding(name, True, "is the one it was opened with")
        return Finding(name, False, "is not the one it was opened with", fix)
    return Finding(name, False, "cannot be read", fix)


def worker(connection: Connection, now: datetime) -> Finding:
    beat = ticks.last(connection, HEARTBEAT)
    fix = "Start it: cuenta worker — or cuenta run, which has one."
    if beat is None:
        return Finding("worker", False, "was never seen", fix)
    if now - beat > STALE:
        return Finding("worker", False, f"was last seen on {beat:%Y-%m-%d %H:%M} UTC: nothing is being sent", fix)
    return Finding("worker", True, "is at work")


def errors(connection: Connection) -> Finding:
    """Messages that met a bug; the newest place helps whoever mends it."""
    number = parked.count(connection)
    if not number:
        return Finding("parked errors", True, "there are none")
    seen = columns(ParkedError)
    newest = connection.execute(select(seen.place, seen.at).order_by(seen.at.desc()).limit(1)).one()
    says = f"{number} in all; the newest on {newest.at:%Y-%m-%d %H:%M} UTC: {newest.place}"
    fix = "Tell the developers these places (table parkederror: code, channel, place, at), and delete what is mended."
    return Finding("parked errors", False, says, fix)


def waiting(connection: Connection, now: datetime) -> list[Finding]:
    """Messages that wait too long, and those nobody knows the fate of."""
    message = columns(Outgoing)
    late = (message.state.in_(("queued", "sending"))) & (message.created_at < now - LATE)
    minutes = int(LATE.total_seconds() // 60)
    return [
        _none_of(
            connection, "outgoing messages", late, f"wait for more than {minutes} minutes",
            "See that the worker runs, that the channel is on, and what its log says of the provider.",
        ),
        _none_of(
            connection, "uncertain messages", message.state == "uncertain", "may or may not have arrived",
            "The worker asks the provider and settles them; if they stay, see that it runs and reaches the provider.",
        ),
    ]  # fmt: skip


def _none_of(connection: Connection, name: str, which: object, says: str, fix: str) -> Finding:
    message = columns(Outgoing)
    counted = select(message.lane, func.count()).where(which).group_by(message.lane).order_by(message.lane)  # type: ignore[arg-type]
    rows = [f"{number} on {lane}" for lane, number in connection.execute(counted)]
    return Finding(name, False, f"{', '.join(rows)} {says}", fix) if rows else Finding(name, True, f"none {says}")


def complaints(connection: Connection) -> Finding:
    """Whether every complaint can be opened by somebody, and nothing lies about that belongs to none."""
    alone, lost = case_keeping.strays(connection)
    if lost:
        fix = "Nobody can read them. Restore the backup from before their keys were deleted, beside this database."
        return Finding("complaints", False, f"{lost} under way have no key of any receiver", fix)
    if alone:
        fix = "Delete what table sealedpart and sealedwrap have of cases that are not in table sealedcase."
        return Finding("complaints", False, f"{alone} sealed parts or keys belong to no case", fix)
    return Finding("complaints", True, "can all be opened by a receiver")


def memory(connection: Connection, settings: Settings, now: datetime) -> list[Finding]:
    """What confidential conversations need: a file in memory that web and worker share, and no memory on a disk."""
    name = "volatile store"
    try:
        if catalogue.read(connection).city.intake is None:
            return [Finding(name, None, "is not needed: the city takes no complaints")]
    except catalogue.NothingLoaded:
        return [Finding(name, None, "is not needed until a city is loaded")]
    fix = "Switch it off (swapoff -a, and in /etc/fstab), or encrypt it: what is in memory must not reach a disk."
    swap = (
        Finding("swap", False, "this machine may write memory to a disk", fix)
        if volatile.swaps()
        else Finding("swap", True, "memory is not written to a disk")
    )
    return [_store(settings.volatile_path, now), swap]


def _store(path: Path, now: datetime) -> Finding:
    name = "volatile store"
    if not volatile.is_in_memory(path):
        fix = "Set VOLATILE_PATH to a file in a folder of its own on tmpfs, such as /dev/shm/cuenta/volatile.db."
        return Finding(name, False, "VOLATILE_PATH is on a disk: no complaints are taken", fix)
    if not path.exists():
        return Finding(name, False, "is not there: no process has opened it", "Start the desk: cuenta run")
    folder = path.parent.stat()
    if folder.st_uid != os.getuid() or stat.S_IMODE(folder.st_mode) & 0o077:
        fix = (
            "Give the folder of VOLATILE_PATH to the user of the desk, and run there: chmod 700 . Then start it again."
        )
        return Finding(name, False, "its folder is somebody else's, or others can look into it", fix)
    engine = open_database(f"sqlite:///{path}")
    try:
        with reading(engine) as connection:
            attended = volatile.is_attended(connection, now)
    finally:
        engine.dispose()
    if not attended:
        fix = "Run web and worker on this machine, as one user, with the same VOLATILE_PATH. Until then none are taken."
        return Finding(name, False, "no worker has lately written into it: nobody would carry the answers", fix)
    return Finding(name, True, "is in memory, and the worker writes into it")


UNREDACTED = {
    "never": (
        "the check has not passed yet",
        "Switch on Message Redaction in Twilio's console, write a word to the desk by WhatsApp, wait two minutes.",
    ),
    "off": (
        "Twilio said that redaction is not switched on (error 30029)",
        "Switch on Message Redaction in Twilio's console, and start the worker again: it tests at once.",
    ),
    "sent": (
        "Twilio still listed the text of a message that we asked it not to keep",
        "Ask Twilio's support about Message Redaction of WhatsApp for this account. Until then people get the form.",
    ),
    "received": (
        "Twilio listed the text of a message that somebody wrote by WhatsApp",
        "Switch on redaction of incoming messages in Twilio's console. An hour after the last test it is tried again.",
    ),
    "old": (
        "the check has not been renewed for a day",
        "Write one word to the desk by WhatsApp: the check needs a message to look at. Then wait two minutes.",
    ),
    "unwatched": (
        "nobody has looked at Twilio's list for ten minutes",
        "See that the worker runs and reaches Twilio; what its log says under tick.failed tells more.",
    ),
}
"""Why WhatsApp takes no complaints now, by a code of `bot.complaints.redaction.standing`, and the fix."""


def by_whatsapp(connection: Connection, settings: Settings, now: datetime) -> Finding:
    """Whether complaints can be told by WhatsApp, and why not."""
    name = "complaints by WhatsApp"
    if not settings.whatsapp or not settings.whatsapp_complaints:
        return Finding(name, True, "are not taken in the chat, as WHATSAPP_COMPLAINTS is not set: it gives the form")
    at = redaction.standing(connection, now)
    if not at.why and at.at is not None:
        return Finding(name, True, f"are taken in the chat: Twilio kept no text on {at.at:%Y-%m-%d %H:%M} UTC")
    says, fix = UNREDACTED[at.why]
    return Finding(name, False, f"are not taken in the chat: {says}", fix)


def disk(settings: Settings) -> Finding:
    """Room for SQLite. A PostgreSQL server looks after its own."""
    file = sqlite_file(settings)
    if file is None:
        return Finding("disk", None, "PostgreSQL has a disk of its own")
    room = shutil.disk_usage(next(each for each in file.parents if each.is_dir())).free
    says = f"{room // 1_000_000} MB are free where the SQLite file is"
    if room < ROOM:
        return Finding("disk", False, says, f"Free some: {ROOM // 1_000_000} MB is the least for a busy day.")
    return Finding("disk", True, says)


def whatsapp_templates(connection: Connection, on: bool) -> list[Finding]:
    """How each WhatsApp template stands. Without one announcements wait until somebody writes."""
    if not on:
        return [Finding("templates", None, "are for WhatsApp alone, which is off")]
    found = []
    for each in known(templates.every(connection)):
        name = f"template {each.wording.name} in {each.wording.language}"
        says = f"is {each.status}{f': {each.reason}' if each.reason else ''}"
        if each.status == "approved":
            found.append(Finding(name, True, f"{says} ({each.category})"))
        elif each.status in ("missing", "pending"):
            found.append(Finding(name, None, f"{says}. {FIXES[each.status]}"))
        else:
            found.append(Finding(name, False, says, FIXES[each.status]))
    return found
