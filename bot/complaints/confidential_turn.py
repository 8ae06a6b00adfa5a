"""The confidential turn: one message of a conversation about a complaint, in one transaction of the volatile store."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot import replies
from bot.complaints import commands as complaint_commands
from bot.complaints import redaction
from bot.complaints.safe import Safe, busy_names, late_of, name_of
from bot.complaints.typed_codes import codes_in, has_key
from bot.complaints.ways import Ways, opens
from bot.desk import Away, Desk
from bot.messages import Incoming, Reply
from bot.speech import Speaker, best_language
from flows import complaint, register
from flows.answers import tidy
from flows.language import Command, Phrase, Said, Say
from flows.replay import Advance, Journal, Stranded, advance
from storage import volatile, volatile_outbox, volatile_tallies
from storage.volatile import Draft

MARK = "d"
"""What the data of a confidential button begins with; ordinary ones begin with a talk's number."""

LEAVING = frozenset({"menu", "start", "stop"})
"""Words of other conversations that end this one. All others can be part of an answer: an office, a plan, an idea."""

LATE = timedelta(hours=24)
"""How long after its last message a person's next words are not taken for an answer to an ordinary question."""

CLAIMED = "claimed"
"""Among what errands brought: this message has something written, and others of its chat wait for it."""

LANGUAGES = {"spanish": "es", "english": "en"}


@dataclass
class ConfidentialTurn:
    """The work of one message, inside a transaction of the volatile store. `done` is what errands brought."""

    desk: Desk
    ways: Ways
    connection: Connection
    incoming: Incoming
    now: datetime
    done: dict[str, Any]
    told: list[Say | Phrase] = field(default_factory=list)
    journal: Journal = field(default_factory=Journal)
    subject: str = ""

    def __post_init__(self) -> None:
        self.safe = Safe(self.desk, self.ways, self.connection, self.incoming, self.now, self.done)

    def run(self) -> bool:
        if not self._accept():
            return False
        self._read_draft()
        if self._is_busy():
            self.told.append(complaint.ONE_MOMENT)
            self._tell(Advance(()))
        elif self._was_filed():
            self._advance(None)
        else:
            self._understand()
        self._trace()
        return True

    def _was_filed(self) -> bool:
        """Whether a complaint was filed that nobody noted: then its codes are told, whatever was written now."""
        if self.safe.flow != "report" or CLAIMED in self.done:
            return False
        if not redaction.is_filed_unnoticed(self.desk.engine, self.journal.asked, self.safe.kept):
            return False
        self.journal.entries += [("ask", "sure", "send"), ("do", "sent", None)]
        self.journal.asked = None
        self.safe.drop(tuple(volatile.part_ids(self.connection, self.safe.chat)))
        return True

    def _is_busy(self) -> bool:
        """Whether another message of this chat is having something written. Raises Away where this one did, and died.

        The turn that had it written ends that.
        """
        chat, message = busy_names(self.incoming)
        if CLAIMED in self.done:
            volatile_tallies.forgive(self.connection, chat)
            volatile_tallies.forgive(self.connection, message)
            return False
        if not volatile_tallies.tried(self.connection, chat, self.now):
            return False
        if volatile_tallies.tried(self.connection, message, self.now):
            raise Away
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
        return volatile.take(self.connection, name_of(self.incoming), self.now)

    def _trace(self) -> None:
        """Have the provider delete what the person wrote: soon if it held a key, else when the conversation ends."""
        told, secret = self.incoming, self.safe.has_key
        if told.message is not None:
            due = self.now if secret or not self.safe.flow else self.now + volatile.LONGEST
            volatile_outbox.trace(self.connection, told.channel, told.address, told.message, due, self.now, secret)

    def _read_draft(self) -> None:
        told = self.incoming
        draft = volatile.draft(self.connection, self.safe.chat, self.now)
        self.begun_at = self.now
        self.safe.seen = draft
        if draft is None:
            volatile.end_draft(self.connection, self.safe.chat)
            self.safe.language = "en" if _in_english(tidy(told.text)) else best_language(told.language)
            return
        self.safe.language, self.safe.flow, self.subject = draft.language, draft.flow, draft.subject
        self.safe.kept, self.begun_at = draft.kept, draft.begun_at
        entries, asked = json.loads(draft.journal)
        self.journal = Journal([(kind, key, value) for kind, key, value in entries], asked)

    def _understand(self) -> None:
        told, text = self.incoming, tidy(self.incoming.text)
        if self._goes_no_further():
            self.told.append(complaint.not_here_any_more(self.ways.link))
            self._end()
            return self._tell(Advance(()))
        if told.kind == "press":
            return self._pressed(told.pressed or "")
        called = register.called(text)
        if called in register.CONFIDENTIAL or text.lower().startswith("/start d-") or not self.safe.flow:
            return self._begin(text)
        if called == "help":
            return self._aside()
        if called in LANGUAGES:
            self.safe.language = LANGUAGES[called]
            return self._advance(None)
        if called in LEAVING or register.leaves(text):
            return self._leave()
        if register.goes_back(text):
            return self._back()
        if register.ballot_in(text):
            self.told.append(complaint.NO_VOTE)
            return self._advance(None)
        alone = told.channel in self.ways.checked
        if told.kind == "phone" or (told.kind == "media" and (alone or told.attachment is None)):
            self.told.append(complaint.WORDS_ALONE if alone else complaint.NOT_HERE)
            return self._advance(None)
        if alone and has_key(text, self.safe.begun().access_key if self.safe.kept else ""):
            self.told.append(complaint.KEY_HERE)
            return self._advance(None)
        says = Speaker(self.safe.language).say
        return self._advance(Said(text=text, attachment=told.attachment, says=says, safe=self.safe))

    def _goes_no_further(self) -> bool:
        """Whether a complaint is being told in a chat that may not take it any more."""
        telling = self.safe.flow == "report" and not redaction.is_filed(self.journal.entries)
        return telling and CLAIMED not in self.done and not complaint_commands.is_taken(self.safe)

    def _begin(self, text: str) -> None:
        """Open a conversation; one under way ends. Who writes number and key at once has answered its question."""
        if self.safe.flow:
            self._end()
            self.told.append(complaint.ANEW)
            self.safe.language = "en" if _in_english(text) else self.safe.language
        name, self.subject = opens(text)
        if not name and not any(codes_in(text)):  # the conversation that this continued ran out of time
            self.told.append(complaint.PASSED)
            volatile_tallies.forgive(self.connection, late_of(self.desk, self.incoming))
            return self._tell(Advance(()))
        self.safe.flow = name or "status"
        self.journal, self.begun_at = Journal(), self.now
        if name:
            return self._advance(None)
        talk = register.opened(self.safe.flow, self.subject)
        outcome = advance(talk, self.journal, None, self._act)
        if outcome.over:  # the chat only gives the page's address
            self.told.append(complaint.KEY_HERE)
            return self._follow(outcome)
        return self._advance(Said(text=text, says=Speaker(self.safe.language).say, safe=self.safe))

    def _pressed(self, data: str) -> None:
        talk, _dot, rest = data.partition(".")
        key, _dot2, value = rest.partition(".")
        if not self.safe.flow:
            self.told.append(complaint.PASSED)
            return self._tell(Advance(()))
        if talk != self._mark or key != self.journal.asked:
            self.told.append(complaint.PASSED)
            return self._advance(None)
        return self._advance(Said(pressed=value, says=Speaker(self.safe.language).say, safe=self.safe))

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
        volatile_tallies.forgive(self.connection, late_of(self.desk, self.incoming))
        self._tell(Advance(()))

    def _back(self) -> None:
        if not self.journal.back():
            self.told.append(complaint.NO_WAY_BACK)
        self._advance(None)

    def _end(self) -> None:
        """Wipe the conversation; what its provider has of it is deleted now, but for a key not yet written down."""
        volatile.end_draft(self.connection, self.safe.chat)
        volatile_outbox.hasten(self.connection, self.incoming.channel, self.incoming.address, self.now, secret=False)
        self.safe.empty()

    def _advance(self, said: Said | None) -> None:
        try:
            outcome = advance(register.opened(self.safe.flow, self.subject), self.journal, said, self._act)
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
        for id in volatile.part_ids(self.connection, self.safe.chat):
            if id not in journal:  # the person went back
                volatile.drop_part(self.connection, self.safe.chat, id)
        safe = self.safe
        draft = Draft(safe.chat, safe.flow, self.subject, journal, safe.language, safe.kept, self.begun_at, self.now)
        volatile.keep_draft(self.connection, draft)
        late = late_of(self.desk, self.incoming)
        volatile_tallies.forgive(self.connection, late)
        volatile_tallies.count(self.connection, late, self.now, LATE)
        self._tell(outcome)

    def _tell(self, outcome: Advance) -> None:
        """Queue what there is to say, each access key in a message of its own."""
        speaker, shape = Speaker(self.safe.language), self.desk.channels[self.incoming.channel]
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
        for part in self.desk.channels[told.channel].shape(reply) if reply.text or reply.edit else ():
            volatile_outbox.queue(self.connection, told.channel, told.address, part.packed(), self.now, secret)

    def _act(self, _key: str, command: Command[Any]) -> Any:
        return complaint_commands.act(self.safe, command)


def _in_english(text: str) -> bool:
    return register.in_english(text.partition(" ")[0])
