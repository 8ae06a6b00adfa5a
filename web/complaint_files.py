"""Files of a complaint on the web: cleaned in memory, sealed at once; what cannot be cleaned waits for a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from bot import cases, scrub
from bot.cases import File
from bot.scrub import Clean
from flows.language import Text, _
from storage import volatile
from storage.cases import SealedPart
from storage.gates import Gate
from web.confidential import Given, Sent, Token

REASONS: Mapping[str, Text] = {
    "empty": _("is empty."),
    "size": _("is too large. A file may have 20 megabytes."),
    "type": _("is no photo and no PDF."),
    "pixels": _("is too large a picture. Send a smaller one."),
    "broken": _("is damaged: we cannot open it."),
    "locked": _("has a password. Send it without one."),
    "timeout": _("takes us too long to clean. Send a simpler one."),
}
MANY = _("You can send up to {n} files at a time.", n=scrub.MOST_FILES)

ASKED = "asked:"
"""In the volatile store the kind of a sealed file that waits for a decision begins so; its number follows."""

_AT_ONCE = Gate(2, waiting=3)
"""Forms whose files are cleaned at one time in this process: each file takes a process and its memory."""


@dataclass(frozen=True)
class Ready:
    """A file that can be sealed, as its sender calls it; `sure` if nothing hidden is left in it."""

    name: str = field(repr=False)
    clean: Clean
    sure: bool


@dataclass(frozen=True)
class Refused:
    """A file that is not taken, as its sender calls it, and why."""

    name: str = field(repr=False)
    reason: Text


def look(files: Sequence[Sent], store: Engine) -> tuple[list[Ready], list[Refused]]:
    """Clean files; those that are not taken stand apart. Blocks while others are cleaned."""
    ready: list[Ready] = []
    refused: list[Refused] = []
    with _AT_ONCE:
        for sent in files:
            try:
                ready.append(_cleaned(sent, folder_of(store)))
            except scrub.Refused as why:
                refused.append(Refused(sent.name, REASONS[why.reason]))
    return ready, refused


def _cleaned(sent: Sent, folder: Path) -> Ready:
    try:
        return Ready(sent.name, scrub.scrub(sent.body, folder), True)
    except scrub.NotStrippable:
        return Ready(sent.name, scrub.as_it_is(sent.body), False)


def folder_of(store: Engine) -> Path:
    """The folder of the volatile store: in memory, and ours alone."""
    return Path(store.url.database or "").parent


def sealed(public: bytes, case: str, ready: Ready, at: datetime, place: int, id: str = "") -> SealedPart:
    """A file of a case, sealed with the case's public key."""
    facts = {name: value for name, value in vars(ready.clean).items() if name != "body"}
    file = File(at, place, {**facts, "as_it_is": not ready.sure}, ready.clean.body)
    return cases.seal_file(public, case, file, id)


@dataclass(frozen=True)
class Waiting:
    """A sealed part that waits in the volatile store; `number` is that of a file to decide on."""

    part: SealedPart
    number: int | None = None


def keep(connection: Connection, token: Token, waiting: Sequence[Waiting], now: datetime) -> bool:
    """Let sealed parts wait for a decision; whatever waited before is wiped. False where there is no room for them."""
    volatile.end_draft(connection, token.hashed)
    if not volatile.has_room(connection, sum(len(each.part.body) for each in waiting)):
        return False
    for each in waiting:
        kind = each.part.kind if each.number is None else f"{ASKED}{each.number}"
        volatile.keep_part(connection, token.hashed, each.part.id, kind, each.part.body, now, volatile.IDLE)
    return True


def decided(connection: Connection, token: Token, given: Given) -> list[SealedPart]:
    """What waited, without the files that were not to be sent. A file that nobody decided on is not sent."""
    parts = []
    for row in volatile.parts(connection, token.hashed):
        number = row.kind.removeprefix(ASKED) if row.kind.startswith(ASKED) else None
        if number is None or given.text(f"archivo-{number}") == "si":
            parts.append(SealedPart(row.id, row.kind if number is None else "file", bytes(row.body)))
    return parts
