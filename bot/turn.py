"""One turn: one message from a person, one transaction, one reply.

The message's id, the contact, the talk, what was done and the reply that tells of it are committed together; only then
does the provider get its answer. A message that comes again finds its id and changes nothing.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row

from bot import commands, connectivity, idea_commands, pictures, replies
from bot.announcements import trial as announcement_trial
from bot.catalogue import Catalogue, NothingLoaded
from bot.channels import Channel
from bot.messages import Incoming, Reply
from bot.speech import Speaker, best_language
from bot.thrift import PRICED, Reason, is_abroad
from bot.visit import Visit
from flows import register
from flows.answers import tidy
from flows.language import Command, Phrase, Said, Say, _
from flows.people import Facts
from flows.replay import NOT_READ, Advance, Journal, Stranded, advance
from storage import contacts, inbox, outbox, parked, spending, talks
from storage.announcements import Announcement
from storage.ballots import CODE_LENGTH, read_code

if TYPE_CHECKING:
    from bot.desk import Desk

IDLE = timedelta(hours=12)
"""After that long a typed answer may belong to something else: the question is shown again before it is answered."""

SILENT = timedelta(days=180)
"""A number may have a new owner after that: consent is asked again and nothing is inherited."""

LASTING_TOO = 2
"""Receipts and codes still arrive until twice as many messages."""

EARLY = 2.0
"""Seconds by which a provider's clock may be behind ours when it says when somebody wrote."""

HEARD_EVERY = timedelta(minutes=5)
MOST_FOLLOWED = 4
NEWS = {
    "blocked": contacts.block,
    "unblocked": contacts.unblock,
    "opted_out": contacts.opt_out,
    "opted_in": contacts.opt_in,
}
DRAFTS = frozenset({"vote", "profile", "progress", "propose"})
"""Conversations worth resuming when somebody turns to another one in the middle."""

LINKED = {"v-": "vote", "r-": "results", "h-": "milestones", "s-": "seat", "p-": "propose", "d-": "report"}
"""Links open a conversation: `/start v-<slug>`, `/start h-<commitment>`, `/start s-<code>`, `/start p-<code>`.
A complaint's (`/start d-<commitment>`) comes here only where none is taken (`bot/complaints/confidential.py`)."""

PASSED = _("That question has passed.")
RESUMED = _("Let us go on where you stopped. 0 goes back. MENU leaves.")
ENOUGH = _("We have answered you many times in this hour. We will read you again in an hour.")
LATE = _("An earlier message of yours came late. We did not take it as an answer.")
LEFT = _("All right. To begin again write MENU.")
CHANGED_WHILE_AWAY = _("This conversation changed while you were away. What you had confirmed is kept.")
APOLOGY = _(
    "We are sorry: something went wrong here. Nothing you confirmed before is lost. Please try again. Code: {code}"
)


@dataclass
class Turn:
    """The work of one message, inside its transaction."""

    desk: "Desk"
    connection: Connection
    incoming: Incoming
    now: datetime
    told: list[Say | Phrase] = field(default_factory=list)

    def run(self) -> bool:
        if not self._accept():
            return False
        row = self._contact()
        if self._only_news(row):
            return True
        self._open(row)
        self._understand()
        return True

    def apologise(self, code: str, place: str) -> bool:
        """Take the message in without its effects, and say that something went wrong."""
        if not self._accept():
            return False
        row = self._contact()
        parked.park(self.connection, code, self.incoming.channel, place, self.now)
        with suppress(NothingLoaded):  # without a city there are no rules of what answers may cost
            city = self.desk.catalogue(self.connection, row.revision)
            reason = self._unpaid(city, bool(row.people))
            if reason is not None:
                self._leave_unanswered(city, reason)
                return True
        self._say(row.language, Reply(Speaker(row.language).say(_(APOLOGY.msgid, code=code)), lasting=True), row.id)
        return True

    def _accept(self) -> bool:
        told = self.incoming
        return inbox.accept(self.connection, told.channel, told.provider_id, told.address, self.now)

    def _contact(self) -> Row[Any]:
        told = self.incoming
        row = contacts.arrive(self.connection, told.channel, told.address)
        if row is None:
            phone = self.desk.channels[told.channel].phone_of(told.address)
            # Twilio tells no language: the first word is all there is to go by.
            language = "en" if register.in_english(told.text) else best_language(told.language)
            contacts.add(self.connection, told.channel, told.address, phone, language, self.now)
            row = contacts.arrive(self.connection, told.channel, told.address)
            assert row is not None
        return row

    def _only_news(self, row: Row[Any]) -> bool:
        """News of the contact itself, which no reply follows."""
        kind = self.incoming.kind
        change = NEWS.get(kind)
        if change is None:
            return False
        change(self.connection, row.id)
        if kind in ("blocked", "opted_out"):
            outbox.stop(self.connection, row.id, kind, self.now)
        return True

    def _open(self, row: Row[Any]) -> None:
        """Who speaks, what is known of them, and the talk they are in."""
        person_id = row.person_id
        if self.now - row.heard_at > SILENT and row.people:
            proven = self.desk.channels[self.incoming.channel].phone_of(self.incoming.address)
            contacts.part(self.connection, row.id, proven)
            row, person_id = self._contact(), None
        wrote = self.incoming.sent_at or self.now  # WhatsApp's 24 hours count from when they wrote
        if wrote - row.heard_at > HEARD_EVERY:
            contacts.heard(self.connection, row.id, wrote)
        if row.state == "blocked":  # whoever writes can be written to again
            contacts.unblock(self.connection, row.id)
        if row.waiting:
            outbox.supersede(self.connection, row.id, self.now)
        facts = Facts(
            row.consented_at is not None, row.age, row.sex, row.group, row.place, row.phone is not None,
            row.state == "stopped", row.people, row.reminded,
        )  # fmt: skip
        self.visit = Visit(
            self.connection, self.desk.catalogue(self.connection, row.revision), self.desk.keys, self.desk.ink,
            self.desk.secret, self.desk.public_url, self.now,
            self.incoming.channel, self.incoming.address, row.id, row.language, row.state, row.phone, person_id, facts,
            self.incoming.sent_at,
        )  # fmt: skip
        self.talk_id: int | None = row.talk_id
        self.flow: str = row.flow or ""
        self.subject: str = row.subject or ""
        self.argument = ""
        self.late = self.resumed = False
        self.since = 0.0
        self.journal = Journal()
        if self.talk_id is not None:
            self._read_journal(row.sealed, row.touched_at)

    def _act(self, key: str, command: Command[Any]) -> Any:
        return commands.act(self.visit, key, command)

    def _read_journal(self, sealed: bytes, touched_at: datetime) -> None:
        if not sealed:
            return self._end()
        opened = self.desk.ink.open(sealed)
        if opened is None:
            self._strand()
            return
        # What opened the talk stays what it was: the subject is learnt later, from an answer perhaps.
        entries, asked, *rest = json.loads(opened)
        self.argument = rest[0] if rest else ""  # earlier releases kept less
        self.since = rest[1] if len(rest) > 1 else 0.0
        sent = self.incoming.sent_at
        self.late = sent is not None and sent.timestamp() + EARLY < self.since
        self.journal = Journal([(kind, key, value) for kind, key, value in entries], asked)
        # A button names its question; only what is typed may belong to something else.
        if self.now - touched_at > IDLE and self.journal.entries and self.incoming.kind != "press":
            self.journal.asked = None
            self.resumed = True

    def _understand(self) -> None:
        told = self.incoming
        text = tidy(told.text)
        if told.kind == "press":
            return self._pressed(told.pressed or "")
        if told.kind == "phone":
            return self._advance(Said(phone=told.phone))
        trial = announcement_trial.find(self.connection, self.desk.secret, text)
        if trial is not None and self._try(trial):
            return None
        named, argument = self._named(text)
        if named in register.ASIDES:
            return self._aside(named)
        if self.late:  # it was written before the question on screen, and comes only now
            self.told.append(LATE)
            return self._advance(None)
        if named:
            return self._start(named, argument)
        if register.leaves(text):
            return self._leave()
        if register.goes_back(text):
            return self._back()
        if told.kind == "media" and not text and (told.attachment is None or self.talk_id is None):
            self.told.append(NOT_READ)
            return self._advance(None)
        if self.talk_id is None:
            return self._start("hello")
        return self._advance(Said(text=text, attachment=told.attachment, says=Speaker(self.visit.language).say))

    def _try(self, trial: Announcement) -> bool:
        """Answer with an announcement as this chat would get it; a conversation that is open stays where it is."""
        channel, city = self.desk.channels[self.incoming.channel], self.visit.catalogue
        brief = connectivity.is_brief(connectivity.profile(city, self.visit.facts.place), channel.name)
        parts = announcement_trial.shown(trial, channel, self.visit.language, brief)
        for part in parts:
            sealed = self.desk.ink.seal(part.packed(), self.now)
            outbox.queue(
                self.connection, channel.name, self.visit.contact_id, "reply", sealed, self.now, None, part.segments
            )
        return bool(parts)

    def _named(self, text: str) -> tuple[str | None, str]:
        """The conversation a message opens, and its argument."""
        first, _space, rest = text.partition(" ")
        if first.lower() in ("/start", "start") and rest[:2] in LINKED:
            return self._linked(LINKED[rest[:2]], rest[2:62])
        ballot = register.ballot_in(text)
        if ballot:
            return "cast", ballot
        named, behind = register.called_with(text)
        if named and self._takes(named, behind):
            return named, behind
        return register.called(text), ""

    def _linked(self, name: str, argument: str) -> tuple[str, str]:
        """The conversation of a link; what it names is left out where there is no such thing."""
        known = self.visit.catalogue.consultations
        good = argument in known if name in register.WITH_SUBJECT else self._takes(name, argument)
        return name, argument if good else ""

    def _takes(self, name: str, behind: str) -> bool:
        """Whether a word and what stands behind it open a conversation, and are not the beginning of a sentence."""
        if name == "propose":
            return idea_commands.is_code(behind)
        if name == "seat":
            return len(read_code(behind)) == CODE_LENGTH == len(behind.replace("-", ""))
        return behind.isdecimal() or self.visit.catalogue.plan_of(behind) is not None

    def _pressed(self, data: str) -> None:
        """A button carries its talk and question; an old one says that its question has passed."""
        talk, _dot, rest = data.partition(".")
        key, _dot2, value = rest.partition(".")
        if self.talk_id is None or talk != str(self.talk_id) or key != self.journal.asked:
            self.told.append(PASSED)
            return self._advance(None) if self.talk_id is not None else self._start("menu")
        return self._advance(Said(pressed=value))

    def _aside(self, name: str) -> None:
        """Answer beside the talk, then show its question again."""
        outcome = advance(register.opened(name, self.subject), Journal(), None, self._act)
        self.told.extend(outcome.said)
        if self.talk_id is not None:
            return self._advance(None)
        if name in ("spanish", "english"):
            return self._start("hello")
        return self._tell(outcome)

    def _leave(self) -> None:
        self._finish()
        self.told.append(LEFT)
        self._tell(Advance(()))

    def _back(self) -> None:
        if self.talk_id is None or not self.journal.back():
            return self._start("menu")
        return self._advance(None)

    def _end(self) -> None:
        """The talk's subject ended since they last wrote, and the talk was wiped: say so, and take the message anew."""
        self.told.extend(advance(register.ENDED(self.subject), Journal(), None, self._act).said)
        self._finish()

    def _strand(self) -> None:
        self._finish()
        self.told.append(CHANGED_WHILE_AWAY)

    def _finish(self) -> None:
        """Delete the talk whole; one that began in this turn was never written."""
        if self.talk_id is not None:
            talks.finish(self.connection, self.talk_id)
        self.talk_id, self.flow = None, ""

    def _start(self, name: str, argument: str = "", followed: int = 0) -> None:
        """Open a conversation: the person's draft of it if there is one, else a new talk."""
        self._set_aside()
        self.resumed, draft = False, None
        if name in DRAFTS and not (argument and name in register.WITH_WORDS):
            draft = talks.resume(self.connection, self.visit.contact_id, self.visit.person_id, name, argument)
        self.flow, self.argument, self.journal = name, argument, Journal()
        begins = argument if name in register.WITH_SUBJECT else ""
        self.subject = begins if draft is None else draft.subject
        if draft is not None:
            self.talk_id = draft.id
            self._read_journal(draft.sealed, draft.touched_at)
            if self.late:  # they had not seen this draft yet: what they wrote until now was never for its question
                self.since = self.now.timestamp()
            self.journal.asked = None
            self.resumed = bool(self.journal.entries)
        self._advance(None, followed)

    def _set_aside(self) -> None:
        if self.talk_id is None:
            return
        if self.flow in DRAFTS and self.journal.waits:
            talks.set_aside(self.connection, self.talk_id)
            self.talk_id = None
        else:
            self._finish()

    def _advance(self, said: Said | None, followed: int = 0) -> None:
        """Take the talk on, keep where it is, and say what there is to say."""
        if not self.flow:
            return self._start("menu")
        try:
            if self.flow not in register.FLOWS:  # a conversation that a deploy has taken away
                raise Stranded
            talk = register.opened(self.flow, self.argument)
            outcome = advance(talk, self.journal, said, self._act)
        except Stranded:
            self._strand()
            return self._start("menu", followed=followed + 1)
        self.told.extend(outcome.said)
        if outcome.over:
            if self.flow in register.REPLACES and outcome.subject:
                whose = self.visit.contact_id, self.visit.person_id
                talks.drop(self.connection, *whose, register.REPLACES[self.flow], outcome.subject)
            self._finish()
            if outcome.follow and followed < MOST_FOLLOWED:
                return self._start(outcome.follow, followed=followed + 1)
            return self._tell(outcome)
        if self.resumed:
            self.told.insert(0, RESUMED)
        self.subject = outcome.subject or self.subject
        # A late message that was turned away must not make the next one look as if it were in time.
        since = max(self.since, (self.incoming.sent_at or self.now).timestamp())
        if self._is_kept_back:  # a question that nobody is shown is not answered by what they write next
            self.journal.asked = None
        kept = json.dumps([self.journal.entries, self.journal.asked, self.argument, since])
        sealed = self.desk.ink.seal(kept.encode(), self.now)
        where = talks.Where(self.visit.contact_id, self.visit.person_id, self.flow, self.subject, sealed)
        if self.talk_id is None:
            self.talk_id = talks.start(self.connection, where, self.now)
        else:
            talks.keep(self.connection, self.talk_id, where, self.now)
        return self._tell(outcome)

    def _tell(self, outcome: Advance) -> None:
        """Say what there is to say, and the question, in one reply."""
        speaker, short = Speaker(self.visit.language), self.desk.channels[self.incoming.channel].short
        reply = replies.compose(speaker, short, self.told, outcome, self.talk_id, self.incoming.pressed_on)
        reply = replace(reply, picture=self._picture(outcome))
        if not (reply.text or reply.edit):
            return
        reason = self._unpaid(self.visit.catalogue, self._is_known)
        if reason is None:
            self._say(self.visit.language, reply, self.visit.contact_id)
        else:
            self._leave_unanswered(self.visit.catalogue, reason)

    def _picture(self, outcome: Advance) -> str:
        """The address of the picture that goes with what is said; empty where the person's place has no good network.

        Of who has told us no place we do not know what a picture costs them.
        """
        shown = [said.picture for said in self.told if isinstance(said, Say)]
        if outcome.question is not None and outcome.hint is None:
            shown.append(outcome.question.picture)
        named = next(filter(None, shown), "")
        city, place = self.visit.catalogue, self.visit.facts.place
        if not named or place not in city.city.territory.places or connectivity.profile(city, place) != "good":
            return ""
        return pictures.address(self.desk.public_url, named, self.visit.language)

    def _say(self, language: str, reply: Reply, contact_id: int) -> None:
        """Queue the reply, in as many parts as its channel needs, each waiting for the one before."""
        channel = self.desk.channels[self.incoming.channel]
        kind = "receipt" if reply.lasting else "reply"
        before: int | None = None
        affordable = self._affordable(channel, reply, language, contact_id)
        for part in channel.shape(affordable) if affordable else ():
            sealed = self.desk.ink.seal(part.packed(), self.now)
            before = outbox.queue(
                self.connection, channel.name, contact_id, kind, sealed, self.now, before, part.segments
            )

    @property
    def _is_known(self) -> bool:
        return self.visit.person_id is not None or self.visit.facts.people > 0

    @property
    def _is_kept_back(self) -> bool:
        return self._unpaid(self.visit.catalogue, self._is_known) is not None

    def _unpaid(self, city: Catalogue, known: bool) -> Reason | None:
        """Why the city does not pay for an answer: by SMS to another country, or to strangers once the day's ceiling
        is reached. What they wrote is taken in all the same."""
        channel = self.incoming.channel
        if channel not in PRICED:
            return None
        if is_abroad(channel, self.incoming.address, city.delivery.countries):
            return "abroad"
        return "ceiling" if not known and city.exhausted_on == city.hours.today(self.now) else None

    def _leave_unanswered(self, city: Catalogue, reason: Reason) -> None:
        spending.leave(self.connection, city.hours.today(self.now), reason)

    def _affordable(self, channel: Channel, reply: Reply, language: str, contact_id: int) -> Reply | None:
        """The reply, unless this contact was given more than a person asks for in an hour.

        A machine that answers every message would otherwise talk with us for ever, at the city's cost.
        """
        if channel.most_hourly is None:
            return reply
        had = outbox.number_since(self.connection, contact_id, self.now - timedelta(hours=1))
        if had < channel.most_hourly * (1 if not reply.lasting else LASTING_TOO):
            return reply
        return Reply(Speaker(language).say(ENOUGH)) if had == channel.most_hourly else None
