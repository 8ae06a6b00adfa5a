"""Files of a form: each is cleaned or refused by its name; those that cannot be cleaned wait for a decision, sealed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine

from bot.complaints import attachments as complaint_attachments
from bot.complaints import scrub
from bot.complaints.scrub import Clean
from bot.tokens import Token
from flows.case import MOST_FILES
from flows.language import Phrase, _
from storage import volatile
from storage.cases import SealedPart
from web.confidential import Given, Sent

MANY = _("You can send up to {n} files at a time.", n=MOST_FILES)

ASKED = "asked:"
"""In the volatile store the kind of a sealed file that waits for a decision begins so; its number follows."""


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
    reason: Phrase


def look(files: Sequence[Sent], store: Engine) -> tuple[list[Ready], list[Refused]]:
    """Clean files; those that are not taken stand apart. Blocks while others are cleaned."""
    ready: list[Ready] = []
    refused: list[Refused] = []
    with complaint_attachments.AT_ONCE:
        for sent in files:
            try:
                ready.append(Ready(sent.name, *complaint_attachments.cleaned(sent.body, store)))
            except scrub.Refused as why:
                refused.append(Refused(sent.name, complaint_attachments.REFUSED[why.reason]))
    return ready, refused


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
