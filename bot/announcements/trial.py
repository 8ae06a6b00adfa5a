"""A trial: staff see an announcement in their own chat as that channel would send it, by a code of the console.

The code is eight letters of 32: made of the announcement and its revision with the desk's secret, kept nowhere. It is
good for that revision alone, until it goes out. With 40 bits for a handful of announcements guessing is hopeless, and
a wrong one is answered like anything else that nobody understands.
"""

import hmac
import re
from hashlib import sha256

from sqlalchemy import Connection

from bot.announcements.words import in_language, outbound
from bot.channels import Channel
from bot.messages import Outbound
from storage import announcements
from storage.announcements import Announcement
from storage.ballots import CODE_LETTERS, read_code

LENGTH = 8
WORDS = ("PRUEBA", "TEST")
"""What stands before the code, in each language; the console shows it with the code."""

STATES = ("draft", "asked", "approved")
_TYPED = re.compile(rf"/?(?:{'|'.join(WORDS)})\s+(\S.{{0,20}})", re.IGNORECASE)


def code(secret: bytes, announcement: Announcement) -> str:
    """What the console shows of an announcement as it stands."""
    which = f"announcement-trial.{announcement.id}.{announcement.revision}"
    made = hmac.new(secret, which.encode(), sha256).digest()
    return "".join(CODE_LETTERS[byte % len(CODE_LETTERS)] for byte in made[:LENGTH])


def find(connection: Connection, secret: bytes, typed: str) -> Announcement | None:
    """The announcement of the code in a message; None where there is no such code, or no words yet."""
    said = _TYPED.fullmatch(typed)
    given = read_code(said[1]) if said else ""
    if len(given) != LENGTH:
        return None
    found = [
        each for each in announcements.in_state(connection, *STATES) if hmac.compare_digest(code(secret, each), given)
    ]
    return found[0] if found and found[0].draft.words else None


def shown(announcement: Announcement, channel: Channel, language: str, brief: bool) -> list[Outbound]:
    """The announcement as that channel sends it; nothing while its words are not finished."""
    words = announcement.draft.words
    if not all(in_language(words, language).get(name) for name in ("title", "text", "short")):
        return []
    return outbound(channel, words, language, brief)
