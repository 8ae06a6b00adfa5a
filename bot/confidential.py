"""The confidential turn: one message of a conversation about a complaint, in one transaction of the volatile store.

Nothing here touches the ordinary database, but for two things that name nobody: a complaint is filed whole, and a
sealed part is added to one. What takes long (keys, files) is done outside the transaction; then the turn runs anew.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from bot import cases, failures, replies, scrub
from bot.cases import File, Told
from bot.catalogue import Catalogue
from bot.messages import Incoming, Outbound, Reply
from bot.speech import Speaker, best_language
from bot.turn import NEWS, TRIES, Away, Desk, whereabouts
from flows import complaint, register
from flows.answers import tidy
from flows.city import City, TheCity
from flows.language import Attachment, Command, NotUnderstood, Phrase, Said, Say, _
from flows.plan import Plan
from flows.replay import Advance, Journal, Stranded, advance
from storage import cases as shelf
from storage import catalogue as city_shelf
from storage import vault, volatile
from storage.cases import SealedPart
from storage.database import is_away, may_succeed_again, reading, transaction
from storage.volatile import Draft

log = structlog.get_logger()

AN_HOUR = timedelta(hours=1)
MOST_BEGUN = 5
"""Complaints that one chat may begin in an hour."""

A_CROWD = 60
"""Complaints begun in an hour on all chats, after which a word has to be typed first: each costs a key derivation."""

PASSWORDS = ("mango", "coral", "playa", "mural", "bolso", "barco")
"""What is to be typed then: the same word in both languages would be understood anywhere."""

MARK = "d"
"""What the data of a confidential button begins with; ordinary ones begin with a talk's number."""

KNOWN_FOR = timedelta(hours=47)
"""How long a provider can be asked to delete a message: Telegram for 48 hours (Bot API, deleteMessages)."""

LEAVING = frozenset({"menu", "start", "stop"})
"""Words of other conversations that end this one. All others can be part of an answer: an office, a plan, an idea."""

LANGUAGES = {"spanish": "es", "english": "en"}

SUBJECT = re.compile(r"\d{1,3}(?:\.\d{1,3})?|(?=[a-z0-9.-]*[0-9-])[a-z0-9-]{1,60}(?:\.\d{1,3})?")
"""A commitment or milestone, by number or id."""

GROUPS = re.compile(r"(?<![0-9A-Za-z])(?=((?:[0-9A-Za-z]{4}[ -]?){3}[0-9A-Za-z]{4})(?![0-9A-Za-z]))")
"""Four groups of four, as an access key is written, wherever they begin."""

WORD = re.compile(r"[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*")

FETCHING = BoundedSemaphore(3)
"""Files that one process fetches and cleans at one time."""


@dataclass(frozen=True)
class Ways:
    """How complaints are taken: `link` is the form's address, `chats` the channels that take them themselves.

    `carried` are the channels whose replies a worker sends; `fetch` gets a file (channel, source, most bytes).
    """

    link: str
    chats: frozenset[str]
    carried: frozenset[str]
    fetch: Callable[[str, str, int], bytes] | None = None


KNOWS: Mapping[str, Phrase] = {
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "web": _("your internet company"),
    "terminal": _("this computer"),
}
"""Who sees that somebody writes to us."""

ERASES = frozenset({"telegram"})


class Errand(Exception):
    """Something slow that a turn needs: it is done with no transaction open, and the turn runs again with it."""

    def __init__(self, name: str, work: Callable[[], Any]):
        super().__init__(name)
        self.name, self.work = name, work


@dataclass(frozen=True)
class Confidential:
    """Takes in what is confidential, so that no ordinary turn ever sees it."""

    desk: Desk
    ways: Ways

    def claims(self, incoming: Incoming) -> bool:
        """Whether a message is part of a confidential conversation, or begins one. Raises Away.

        Its last message too, where it is delivered again, and the first after its time ran out: an ordinary turn
        would note who wrote it, and could take its words for the answer to another question.
        """
        if self.desk.volatile is None or incoming.kind in NEWS:
            return False
        text = tidy(incoming.text)
        named = (incoming.pressed or "").startswith(MARK) or opens(text)[0] or any(codes_in(text))
        try:
            with reading(self.desk.volatile) as connection:
                now = self.desk.clock()
                if volatile.concerns(connection, chat_of(incoming), name_of(incoming), now):
                    return True
                # Where no worker sees this store nobody would send our answer: an ordinary turn says that we are shut.
                return bool(named) and (
                    incoming.channel not in self.ways.carried or volatile.is_attended(connection, now)
                )
        except Exception as error:
            if is_away(error):
                raise Away from None
            raise

    def take(self, incoming: Incoming) -> bool:
        """Take a message in; False if it had been taken in before. Raises Away: nothing was taken in."""
        done: dict[str, Any] = {}
        tries = 0
        while True:
            try:
                with transaction(self._store) as connection:
                    return ConfidentialTurn(self, connection, incoming, self.desk.clock(), done).run()
            except Errand as errand:
                try:
                    done[errand.name] = errand.work()
                except Exception as error:
                    return self._mishap(incoming, error)
            except Exception as error:
                tries += 1
                # Two processes that filed one complaint at once: the second finds it filed.
                if (may_succeed_again(error) or isinstance(error, IntegrityError)) and tries < TRIES:
                    continue
                return self._mishap(incoming, error)

    @property
    def _store(self) -> Engine:
        assert self.desk.volatile is not None
        return self.desk.volatile

    def _mishap(self, incoming: Incoming, error: Exception) -> bool:
        """A bug must not block a chat: say so there, and keep its place alone, in the log."""
        if is_away(error) or may_succeed_again(error):
            raise Away from None
        log.error("confidential.bug", place=whereabouts(error))
        try:
            with transaction(self._store) as connection:
                return ConfidentialTurn(self, connection, incoming, self.desk.clock(), {}).apologise()
        except Exception as again:
            log.error("confidential.lost", place=whereabouts(again))
            raise Away from None


def chat_of(incoming: Incoming) -> str:
    return f"{incoming.channel}|{incoming.address}"


def name_of(incoming: Incoming) -> str:
    return f"{incoming.channel}|{incoming.provider_id}"


def opens(text: str) -> tuple[str, str]:
    """The confidential conversation that a message opens, and its subject; else two empty texts.

    Whoever begins with DENUNCIAR and goes on to tell is understood; `report` begins many an English sentence.
    """
    first, _space, rest = text.partition(" ")
    if first.lower() in ("/start", "start") and rest.startswith("d-"):
        return "report", rest[2:62]
    name = register.called(text)
    if name in register.CONFIDENTIAL:
        return name, ""
    if register.called(first) != "report":
        return "", ""
    if SUBJECT.fullmatch(rest.lower()):
        return "report", rest.lower()
    return ("report", "") if first.lower().removeprefix("/").startswith("denunci") else ("", "")


def codes_in(text: str) -> tuple[str, str]:
    """The number of a complaint and its access key, as somebody typed them in any order; empty where there is none."""
    keys = [(found, key) for found in _groups(text) if (key := vault.read_access_key(found)) is not None]
    for found, key in keys:
        locator = _locator_in(text.replace(found, " ", 1))
        if locator:
            return locator, key
    glued = "".join(WORD.findall(text)).replace("-", "")
    for one, other in ((glued[:8], glued[8:]), (glued[-8:], glued[:-8])):
        number, whole = vault.read_locator(one), vault.read_access_key(other)
        if number and whole:
            return number, whole
    return "", keys[0][1] if keys else ""


def _groups(text: str) -> list[str]:
    """What may be a key, the likeliest first: of other places that look like one, one in 32 passes its check."""
    found = [match[1] for match in GROUPS.finditer(text)]
    # Four words of four letters are no key.
    return sorted((each for each in found if " " not in each or any(c.isdigit() for c in each)), key=_unlikely)


def _unlikely(found: str) -> int:
    marks = "".join(re.findall("[ -]", found))
    return ("---", "", "   ").index(marks) if marks in ("---", "", "   ") else 3


def _locator_in(text: str) -> str:
    read = (vault.read_locator(word) for word in WORD.findall(text))
    return next(filter(None, read), "") or vault.read_locator(text) or ""


@dataclass
class ConfidentialTurn:
    """The work of one message, inside a transaction of the volatile store. `done` is what errands brought."""

    whole: Confidential
    connection: Connection
    incoming: Incoming
    now: datetime
    done: dict[str, Any]
    told: list[Say | Phrase] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    flow: str = ""
    subject: str = ""
    kept: bytes = field(default=b"", repr=False)
    has_key: bool = False
    _typed: tuple[str, str] = field(default=("", ""), repr=False)
    _opened: cases.Opened | None = field(default=None, repr=False)

    def run(self) -> bool:
        if not self._accept():
            return False
        self._read_draft()
        self._understand()
        self._trace()
        return True

    def apologise(self) -> bool:
        if not self._accept():
            return False
        self._read_draft()
        self.told.append(complaint.SORRY)
        self._tell(Advance(()))
        self._trace()
        return True

    def _accept(self) -> bool:
        self.chat = chat_of(self.incoming)
        return volatile.take(self.connection, name_of(self.incoming), self.now)

    def _trace(self) -> None:
        """Have the provider delete what the person wrote: soon if it held a key, else when the conversation ends."""
        if self.incoming.message is not None:
            due = self.now if self.has_key or not self.flow else self.now + volatile.LONGEST
            self._forget(self.incoming.message, due, self.has_key)

    def _forget(self, message: str, due: datetime, secret: bool) -> None:
        told = self.incoming
        volatile.trace(self.connection, told.channel, told.address, message, due, self.now + KNOWN_FOR, secret)

    def _read_draft(self) -> None:
        told = self.incoming
        draft = volatile.draft(self.connection, self.chat, self.now)
        self.begun_at = self.now
        if draft is None:
            volatile.end_draft(self.connection, self.chat)
            self.language = "en" if register.in_english(tidy(told.text)) else best_language(told.language)
            return
        self.language, self.flow, self.subject = draft.language, draft.flow, draft.subject
        self.kept, self.begun_at = draft.kept, draft.begun_at
        entries, asked = json.loads(draft.journal)
        self.journal = Journal([(kind, key, value) for kind, key, value in entries], asked)

    def _understand(self) -> None:
        told, text = self.incoming, tidy(self.incoming.text)
        if told.kind == "press":
            return self._pressed(told.pressed or "")
        called = register.called(text)
        if called in register.CONFIDENTIAL or text.lower().startswith("/start d-") or not self.flow:
            return self._begin(text)
        if called == "help":
            return self._aside()
        if called in LANGUAGES:
            self.language = LANGUAGES[called]
            return self._advance(None)
        if called in LEAVING or register.leaves(text):
            return self._leave()
        if register.goes_back(text):
            return self._back()
        if told.kind == "phone" or (told.kind == "media" and told.attachment is None):
            self.told.append(complaint.NOT_HERE)
            return self._advance(None)
        says = Speaker(self.language).say
        return self._advance(Said(text=text, attachment=told.attachment, says=says, safe=self))

    def _begin(self, text: str) -> None:
        """Open a conversation; one under way ends. Who writes number and key at once has answered its question."""
        if self.flow:
            self._end()
            self.told.append(complaint.ANEW)
            self.language = "en" if register.in_english(text) else self.language
        name, self.subject = opens(text)
        if not name and not any(codes_in(text)):  # the conversation that this continued ran out of time
            self.told.append(complaint.PASSED)
            return self._tell(Advance(()))
        self.flow = name or "status"
        self.journal, self.begun_at = Journal(), self.now
        if name:
            return self._advance(None)
        talk = register.opened(self.flow, self.subject)
        outcome = advance(talk, self.journal, None, self._act)
        if outcome.over:
            return self._follow(outcome)
        return self._advance(Said(text=text, says=Speaker(self.language).say, safe=self))

    def _pressed(self, data: str) -> None:
        talk, _dot, rest = data.partition(".")
        key, _dot2, value = rest.partition(".")
        if not self.flow:
            self.told.append(complaint.PASSED)
            return self._tell(Advance(()))
        if talk != self._mark or key != self.journal.asked:
            self.told.append(complaint.PASSED)
            return self._advance(None)
        return self._advance(Said(pressed=value, says=Speaker(self.language).say, safe=self))

    @property
    def _mark(self) -> str:
        """The beginning of this conversation's buttons: those of an earlier one do nothing."""
        return f"{MARK}{int(self.begun_at.timestamp() * 1000)}"

    def _aside(self) -> None:
        self.told.extend(advance(register.opened("help", ""), Journal(), None, self._act).said)
        self._advance(None)

    def _leave(self) -> None:
        sent = any(kind == "do" and key in ("sent", "opened-1") for kind, key, _value in self.journal.entries)
        self.told.append(complaint.LEFT_AFTER if sent else complaint.LEFT)
        self._end()
        self._tell(Advance(()))

    def _back(self) -> None:
        if not self.journal.back():
            self.told.append(complaint.NO_WAY_BACK)
        self._advance(None)

    def _end(self) -> None:
        """Wipe the conversation; what its provider has of it is deleted now, but for a key not yet written down."""
        volatile.end_draft(self.connection, self.chat)
        volatile.hasten(self.connection, self.incoming.channel, self.incoming.address, self.now, secret=False)
        self.flow, self.kept = "", b""

    def _advance(self, said: Said | None) -> None:
        try:
            outcome = advance(register.opened(self.flow, self.subject), self.journal, said, self._act)
        except Stranded:  # a deploy changed the questions after it was sent
            self.told.append(complaint.LEFT_AFTER)
            self._end()
            return self._tell(Advance(()))
        self._follow(outcome)

    def _follow(self, outcome: Advance) -> None:
        """Keep where the conversation is, and say what there is to say."""
        self.told.extend(outcome.said)
        if outcome.over:
            self._end()
            return self._tell(outcome)
        journal = json.dumps([self.journal.entries, self.journal.asked])
        for id in volatile.part_ids(self.connection, self.chat):
            if id not in journal:  # the person went back
                volatile.drop_part(self.connection, self.chat, id)
        draft = Draft(self.chat, self.flow, self.subject, journal, self.language, self.kept, self.begun_at, self.now)
        volatile.keep_draft(self.connection, draft)
        self._tell(outcome)

    def _tell(self, outcome: Advance) -> None:
        """Queue what there is to say, each access key in a message of its own."""
        speaker, shape = Speaker(self.language), self.whole.desk.channels[self.incoming.channel]
        before: list[Say | Phrase] = []
        for said in self.told:
            if isinstance(said, Say) and said.secret:
                self._say(replies.compose(speaker, shape.short, before, Advance(()), None, None))
                self._say(Reply(speaker.say(said.text)), secret=True)
                before = []
            else:
                before.append(said)
        self._say(replies.compose(speaker, shape.short, before, outcome, self._mark, self.incoming.pressed_on))

    def _say(self, reply: Reply, secret: bool = False) -> None:
        told = self.incoming
        for part in self.whole.desk.channels[told.channel].shape(reply) if reply.text or reply.edit else ():
            volatile.queue(self.connection, told.channel, told.address, part.packed(), self.now, secret)

    # The safe

    def words(self, question: str, text: str) -> str:
        """Seal words; the id of their part. Raises NotUnderstood where an access key is among them."""
        if _has_key(text, self._begun().access_key if self.flow == "report" else ""):
            self.has_key = True
            raise NotUnderstood(complaint.HAS_KEY)
        case, public, place = self._place()
        return self._keep(cases.seal_told(public, case, "told", Told(self.now, place, question, text)))

    def file(self, sent: Attachment) -> tuple[str, bool]:
        """Fetch, clean and seal a file; the id of its part, and whether it is clean. Raises NotUnderstood."""
        got: scrub.Clean | Phrase = self._errand("file", lambda: self._fetched(sent))
        if not isinstance(got, scrub.Clean):
            raise NotUnderstood(got)
        case, public, place = self._place()
        facts = {
            "kind": got.kind, "ending": got.ending, "original_sha256": got.original_sha256,
            "clean_sha256": got.clean_sha256, "removed": list(got.removed), "name": sent.name,
            "as_it_is": "bare" in self.done,
        }  # fmt: skip
        return self._keep(
            cases.seal_file(public, case, File(self.now, place, facts, got.body))
        ), "bare" not in self.done

    def codes(self, text: str, locator: str) -> str:
        """Hold number and key until this turn ends; the number where the key is still missing. Raises NotUnderstood."""
        number, key = codes_in(text)
        if not key and not locator:
            number = _locator_in(text)
            if number:
                return number
            raise NotUnderstood(_("The number has 8 letters and digits. The key has four groups of four."))
        self.has_key = bool(key)
        if not key or not (number or locator):
            raise NotUnderstood(_("The key has four groups of four letters and digits."))
        self._typed = (number or locator, key)
        return ""

    def _fetched(self, sent: Attachment) -> scrub.Clean | Phrase:
        """A file without what it hides, or why we cannot take it."""
        fetch = self.whole.ways.fetch
        if fetch is None or sent.size > scrub.LARGEST:
            return REFUSED["size" if fetch else "type"]
        store = self.whole.desk.volatile
        assert store is not None
        with FETCHING:
            try:
                body = fetch(self.incoming.channel, sent.source, scrub.LARGEST)
            except failures.Refused as refused:
                return REFUSED.get(refused.reason, NOT_FETCHED)
            except failures.NotDelivered:
                return NOT_FETCHED
            try:
                try:
                    return scrub.scrub(body, Path(str(store.url.database)).parent)
                except scrub.NotStrippable:
                    self.done["bare"] = True
                    return scrub.as_it_is(body)
            except scrub.Refused as refused:
                return REFUSED.get(refused.reason, REFUSED["broken"])

    def _keep(self, part: SealedPart) -> str:
        volatile.keep_part(self.connection, self.chat, part.id, part.kind, part.body, self.now)
        return part.id

    def _begun(self) -> cases.Begun:
        return cases.Begun.unpacked(self.kept)

    def _place(self) -> tuple[str, bytes, int]:
        """The case that answers belong to, its public key, and the place of the next part in it."""
        here = len(volatile.part_ids(self.connection, self.chat))
        if self.flow == "report":
            new = self._begun().new
            return new.id, new.public, here + 1
        case, public, parts = json.loads(self.kept)
        return case, bytes.fromhex(public), parts + here + 1

    # Commands

    def _act(self, _key: str, command: Command[Any]) -> Any:
        return HANDLERS[type(command)](self, command)

    def _errand(self, name: str, work: Callable[[], Any]) -> Any:
        if name not in self.done:
            raise Errand(name, work)
        return self.done[name]

    def _catalogue(self) -> Catalogue:
        with reading(self.whole.desk.engine) as connection:
            return self.whole.desk.catalogue(connection, city_shelf.revision(connection))

    def the_city(self, _query: TheCity) -> City:
        return self._catalogue().city

    def offer(self, query: complaint.TheOffer) -> complaint.Offer:
        ways, channel = self.whole.ways, self.incoming.channel
        if query.filing and self._shut():
            return complaint.Offer("shut")
        knows = Speaker(self.language).say(KNOWS.get(channel, ""))
        return complaint.Offer("chat" if channel in ways.chats else "link", ways.link, knows, channel in ERASES)

    def _shut(self) -> tuple[str, ...]:
        city = self._catalogue()
        with reading(self.whole.desk.engine) as connection:
            return cases.shut(connection, self.whole.desk.volatile, city)

    def the_subject(self, query: complaint.TheSubject) -> Phrase | None:
        return subject_of(self._catalogue().plans, query.wanted)

    def crowd(self, _query: complaint.Crowd) -> str:
        crowded = volatile.tried(self.connection, "begun", self.now) >= A_CROWD
        return secrets.choice(PASSWORDS) if crowded else ""

    def begin(self, command: complaint.Begin) -> complaint.Begun:
        mine = f"begun:{sha256(self.chat.encode()).hexdigest()}"
        if volatile.count(self.connection, mine, self.now + AN_HOUR, self.now) > MOST_BEGUN:
            return complaint.Begun("often")
        volatile.count(self.connection, "begun", self.now + AN_HOUR, self.now)
        if self._shut():
            return complaint.Begun("shut")
        begun: cases.Begun = self._errand("begin", lambda: self._new(command.excluded))
        self.kept = begun.packed()
        about = subject_of(self._catalogue().plans, command.subject)
        if about is None:
            return complaint.Begun("begun")
        return complaint.Begun("begun", self.words("subject", Speaker("es").say(about)))

    def _new(self, excluded: str) -> cases.Begun:
        with reading(self.whole.desk.engine) as connection:
            return cases.begin(connection, excluded)

    def send(self, command: complaint.SendIt) -> None:
        city, parts = self._catalogue(), self._parts(command.parts)
        with transaction(self.whole.desk.engine) as connection:
            cases.file(connection, city, self._begun(), parts, self.now)
        self._drop(command.parts)

    def codes_of(self, _query: complaint.Codes) -> list[str]:
        begun = self._begun()
        return [begun.new.locator, begun.access_key]

    def key_is_kept(self, _command: complaint.KeyIsKept) -> None:
        volatile.hasten(self.connection, self.incoming.channel, self.incoming.address, self.now, secret=True)

    def open_case(self, _command: complaint.OpenCase) -> complaint.Found:
        locator, key = self._typed
        desk = self.whole.desk
        assert desk.volatile is not None
        store = desk.volatile
        opened: cases.Opened | None = self._errand(
            "open", lambda: cases.open_case(desk.engine, store, locator, key, self.chat, self.now)
        )
        if opened is None:
            return complaint.Found()
        self._opened = opened
        with reading(desk.engine) as connection:
            parts = cases.own_parts(connection, opened)
        case = opened.case
        self.kept = json.dumps([case.id, bytes(case.public).hex(), parts]).encode()
        readable = opened.private is not None
        return complaint.Found(case.state, case.changed_on.isoformat(), case.due_on.isoformat(), parts, readable)

    def replies(self, _query: complaint.Replies) -> list[list[str]] | None:
        if self._opened is None:
            return None
        zone = self._catalogue().hours.zone
        with reading(self.whole.desk.engine) as connection:
            found = cases.replies(connection, self._opened)
        return [[told.at.astimezone(zone).date().isoformat(), told.text] for told in found]

    def add(self, command: complaint.AddParts) -> None:
        case, _public, parts = json.loads(self.kept)
        given = self._parts(command.parts)
        with transaction(self.whole.desk.engine) as connection:
            for part in given:
                shelf.add(connection, case, part)
        self._drop(command.parts)
        self.kept = json.dumps([case, _public, parts + len(given)]).encode()

    def _parts(self, ids: tuple[str, ...]) -> list[SealedPart]:
        kept = volatile.parts(self.connection, self.chat)
        return [SealedPart(row.id, row.kind, bytes(row.body)) for row in kept if row.id in ids]

    def _drop(self, ids: tuple[str, ...]) -> None:
        for id in ids:
            volatile.drop_part(self.connection, self.chat, id)


HANDLERS: dict[type[Command[Any]], Callable[[ConfidentialTurn, Any], Any]] = {
    TheCity: ConfidentialTurn.the_city,
    complaint.TheOffer: ConfidentialTurn.offer,
    complaint.TheSubject: ConfidentialTurn.the_subject,
    complaint.Crowd: ConfidentialTurn.crowd,
    complaint.Begin: ConfidentialTurn.begin,
    complaint.SendIt: ConfidentialTurn.send,
    complaint.Codes: ConfidentialTurn.codes_of,
    complaint.KeyIsKept: ConfidentialTurn.key_is_kept,
    complaint.OpenCase: ConfidentialTurn.open_case,
    complaint.Replies: ConfidentialTurn.replies,
    complaint.AddParts: ConfidentialTurn.add,
}

NOT_FETCHED = _("We could not get that file. Please send it once more.")
REFUSED: Mapping[str, Phrase] = {
    "empty": _("That file is empty."),
    "size": _("That file is too large. It can have at most 20 megabytes."),
    "type": _("We can take photos and PDF files only."),
    "pixels": _("That picture is too large. Please send it as a photo."),
    "broken": _("That file is damaged. We could not read it."),
    "locked": _("That PDF has a password. Please send one without."),
    "timeout": _("That file took too long to read. Please send a smaller one."),
}
"""Why a file is not taken, by `bot.scrub.REASONS`."""


def subject_of(plans: Mapping[str, Plan], wanted: str) -> Phrase | None:
    """The commitment or milestone that an id (`cartagena-cuenta.4`) or a number of the newest plan (`1.4`) names."""
    named, _dot, number = wanted.partition(".")
    newest = next(iter(plans.values()), None)
    found = next((c for plan in plans.values() if (c := plan.commitment(named)) is not None), None)
    if found is None and newest is not None:
        found = next((c for c in newest.commitments if str(c.number) == named), None)
    if found is None:
        return None
    if not number:
        return _("{number}. {title}", number=found.number, title=found.title)
    milestone = next((m for m in found.milestones if str(m.number) == number), None)
    if milestone is None:
        return None
    return _("{number}. {title}", number=f"{found.number}.{milestone.number}", title=milestone.title)


def _has_key(text: str, own: str) -> bool:
    """Whether an access key is in a text: this one however it is written, or any other as keys are written."""
    plain = "".join(text.upper().translate(vault.LOOKS_LIKE).replace("-", " ").split())
    return (bool(own) and own.replace("-", "") in plain) or bool(codes_in(text)[1])


def waiting(store: Engine, channel: str, address: str) -> list[Outbound]:
    """What waits for a chat that fetches its messages itself, which is then wiped."""
    with transaction(store) as connection:
        rows = volatile.waiting(connection, channel, address)
        if rows:
            volatile.shown(connection, channel, address, rows[-1].id)
    return [replace(Outbound.unpacked(bytes(row.body)), secret=row.secret) for row in rows]
