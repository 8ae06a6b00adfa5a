"""Files of a complaint, from a chat or a form: cleaned in memory, sealed at once, or refused in these words."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from bot.complaints import cases, scrub
from bot.complaints.cases import File
from bot.complaints.scrub import Clean
from flows.language import Phrase, _
from storage.cases import SealedPart
from storage.gates import Gate

REFUSED: Mapping[str, Phrase] = {
    "empty": _("That file is empty."),
    "size": _("That file is too large. It can have at most 20 megabytes."),
    "type": _("We can take photos and PDF files only."),
    "pixels": _("That picture is too large. Please send a smaller one."),
    "broken": _("That file is damaged. We could not read it."),
    "locked": _("That PDF has a password. Please send one without."),
    "timeout": _("That file took too long to read. Please send a smaller one."),
}
"""Why a file is not taken, by `bot.complaints.scrub.REASONS`."""

AT_ONCE = Gate(3, waiting=4)
"""Chats and forms whose files one process fetches and cleans at one time: each takes a process and its memory."""


def cleaned(body: bytes, store: Engine) -> tuple[Clean, bool]:
    """A file, and whether nothing hidden is left in it. Raises scrub.Refused."""
    try:
        return scrub.scrub(body, Path(store.url.database or "").parent), True
    except scrub.NotStrippable:
        return scrub.as_it_is(body), False


def sealed(public: bytes, case: str, file: Clean, sure: bool, at: datetime, place: int, id: str = "") -> SealedPart:
    """A file of a case, sealed with the case's public key. What its sender called it is kept nowhere."""
    facts = {name: value for name, value in vars(file).items() if name != "body"}
    return cases.seal_file(public, case, File(at, place, {**facts, "as_it_is": not sure}, file.body), id)
