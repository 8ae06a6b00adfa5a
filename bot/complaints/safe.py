"""The safe of a confidential conversation: what is told there is sealed before anything else is done with it.

What takes long is an errand, which is done with no transaction open; then the turn runs anew and finds it done.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

from sqlalchemy import Connection, Engine

from bot import failures
from bot.complaints import attachments as complaint_attachments
from bot.complaints import cases, scrub
from bot.complaints.cases import Told
from bot.complaints.typed_codes import codes_in, has_key, locator_in
from bot.complaints.ways import Ways
from bot.desk import Desk
from bot.messages import Incoming
from flows import complaint
from flows.case import FULL
from flows.language import Attachment, NotUnderstood, Phrase, _
from storage import volatile
from storage.cases import SealedPart
from storage.volatile import Draft

NOT_FETCHED = _("We could not get that file. Please send it once more.")


class Errand(Exception):
    """Something slow that a turn needs: it is done with no transaction open, and the turn runs again with it."""

    def __init__(self, name: str, work: Callable[[], Any], seen: Draft | None = None):
        """`seen` is the conversation as it must still be when the work begins, where that writes into the database."""
        super().__init__(name)
        self.name, self.work, self.seen = name, work, seen


@dataclass
class Safe:
    """What one turn can seal, and what it needs for that; `done` is what errands brought.

    `kept` is what the conversation keeps between its turns: of `report` the complaint that was begun, of `status` the
    case that was opened.
    """

    desk: Desk
    ways: Ways
    connection: Connection
    incoming: Incoming
    now: datetime
    done: dict[str, Any]
    flow: str = ""
    language: str = ""
    kept: bytes = field(default=b"", repr=False)
    has_key: bool = False
    typed: tuple[str, str] = field(default=("", ""), repr=False)
    opened: cases.Opened | None = field(default=None, repr=False)
    link: str = field(default="", repr=False)
    seen: Draft | None = field(default=None, repr=False)

    @property
    def chat(self) -> str:
        return chat_of(self.incoming)

    @property
    def store(self) -> Engine:
        assert self.desk.volatile is not None
        return self.desk.volatile

    def empty(self) -> None:
        """The conversation is over."""
        self.flow, self.kept = "", b""

    def errand(self, name: str, work: Callable[[], Any]) -> Any:
        """What this work brought, once it is done. Raises Errand before."""
        if name not in self.done:
            raise Errand(name, work)
        return self.done[name]

    def writing(self, name: str, work: Callable[[], Any]) -> Any:
        """The same for work that writes into the ordinary database, which may be slow or held by somebody.

        Until it is done no other message of this chat changes the conversation. Raises Errand before.
        """
        if name not in self.done:
            raise Errand(name, work, self.seen)
        return self.done[name]

    def words(self, question: str, text: str) -> str:
        """Seal words; the id of their part. Raises NotUnderstood where an access key is among them."""
        if has_key(text, self.begun().access_key if self.flow == "report" else ""):
            self.has_key = True
            raise NotUnderstood(complaint.HAS_KEY)
        case, public, place = self._place()
        return self._keep(cases.seal_told(public, case, "told", Told(self.now, place, question, text)))

    def file(self, sent: Attachment) -> tuple[str, bool]:
        """Fetch, clean and seal a file; the id of its part, and whether it is clean. Raises NotUnderstood."""
        got: tuple[scrub.Clean, bool] | Phrase = self.errand("file", lambda: self._fetched(sent))
        if not isinstance(got, tuple):
            raise NotUnderstood(got)
        if not volatile.has_room(self.connection, len(got[0].body)):
            raise NotUnderstood(FULL)
        case, public, place = self._place()
        return self._keep(complaint_attachments.sealed(public, case, *got, self.now, place)), got[1]

    def codes(self, text: str, locator: str) -> str:
        """Hold number and key until this turn ends; the number where the key is still missing. Raises NotUnderstood."""
        number, key = codes_in(text)
        if not key and not locator:
            number = locator_in(text)
            if number:
                return number
            raise NotUnderstood(_("The number has 8 letters and digits. The key has four groups of four."))
        self.has_key = bool(key)
        if not key or not (number or locator):
            raise NotUnderstood(_("The key has four groups of four letters and digits."))
        self.typed = (number or locator, key)
        return ""

    def _fetched(self, sent: Attachment) -> tuple[scrub.Clean, bool] | Phrase:
        """A file without what it hides and whether that is sure, or why we cannot take it."""
        fetch = self.ways.fetch
        if fetch is None or sent.size > scrub.LARGEST:
            return complaint_attachments.REFUSED["size" if fetch else "type"]
        with complaint_attachments.AT_ONCE:
            try:
                body = fetch(self.incoming.channel, sent.source, scrub.LARGEST)
                return complaint_attachments.cleaned(body, self.store)
            except failures.Refused as refused:
                return complaint_attachments.REFUSED.get(refused.reason, NOT_FETCHED)
            except failures.NotDelivered:
                return NOT_FETCHED
            except scrub.Refused as refused:
                return complaint_attachments.REFUSED[refused.reason]

    def _keep(self, part: SealedPart) -> str:
        volatile.keep_part(self.connection, self.chat, part.id, part.kind, part.body, self.now)
        return part.id

    def begun(self) -> cases.Begun:
        return cases.Begun.unpacked(self.kept)

    def _place(self) -> tuple[str, bytes, int]:
        """The case that answers belong to, its public key, and the place of the next part in it."""
        here = len(volatile.part_ids(self.connection, self.chat))
        if self.flow == "report":
            new = self.begun().new
            return new.id, new.public, here + 1
        case, public, parts = json.loads(self.kept)
        return case, bytes.fromhex(public), parts + here + 1

    def parts(self, ids: tuple[str, ...]) -> list[SealedPart]:
        """Parts of this conversation, sealed."""
        kept = volatile.parts(self.connection, self.chat)
        return [SealedPart(row.id, row.kind, bytes(row.body)) for row in kept if row.id in ids]

    def drop(self, ids: tuple[str, ...]) -> None:
        """Wipe parts that are in the case now."""
        for id in ids:
            volatile.drop_part(self.connection, self.chat, id)


def chat_of(incoming: Incoming) -> str:
    """What a chat is called in the volatile store."""
    return f"{incoming.channel}|{incoming.address}"


def busy_names(incoming: Incoming) -> tuple[str, str]:
    """The tallies of a chat for which something is being written, and of the message that had it written."""
    return busy(chat_of(incoming)), busy(name_of(incoming))


def busy(name: str) -> str:
    """The tally of a chat or message, by its name."""
    return f"busy:{sha256(name.encode()).hexdigest()}"


def name_of(incoming: Incoming) -> str:
    """What a message is called there, by its channel and the provider's id."""
    return f"{incoming.channel}|{incoming.provider_id}"


def late_of(desk: Desk, incoming: Incoming) -> str:
    """The tally of a chat whose person may go on telling after their time is over; hashed, as it outlives the draft."""
    key = sha256(desk.secret).digest()
    return f"late:{blake2b(chat_of(incoming).encode(), key=key, digest_size=16).hexdigest()}"
