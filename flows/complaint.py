"""Complaints about corruption: to report, and to see what came of it.

What people tell goes sealed into a safe as they tell it. A journal of these conversations holds ids, never words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from flows.answers import DONE, PickOne, fold, pick_one, tidy, yes_or_no
from flows.case import STATES, Intake
from flows.city import City, TheCity
from flows.language import (
    Ask,
    Command,
    Do,
    Flow,
    Joined,
    Look,
    NotUnderstood,
    Option,
    Phrase,
    Query,
    Said,
    Say,
    Talk,
    _,
    many,
)
from flows.profile import SKIP

MOST_FILES = 10
MOST_TRIES = 5
"""How often a key may be typed wrong, or a group of it typed back."""

FREE_TRIES = 2
"""After so many wrong groups one may go on without."""

MOST_ADDED = 10
"""Texts and files that one conversation may add to a case."""


@dataclass(frozen=True)
class Offer:
    """How complaints are taken in this chat: `way` is chat, link (to the form, for all the same) or shut.

    `knows` names the company through which the chat goes; `erases` is whether it deletes what it is asked to.
    """

    way: str
    link: str = ""
    knows: str = ""
    erases: bool = False


@dataclass(frozen=True)
class TheOffer(Query[Offer]):
    """`filing` a new one needs more than looking after an old one."""

    outcome: ClassVar[type | None] = Offer
    filing: bool = True


@dataclass(frozen=True)
class TheSubject(Query[Phrase | None]):
    """The commitment or milestone that an id or a number names."""

    wanted: str


@dataclass(frozen=True)
class Crowd(Query[str]):
    """A word to be typed while very many begin at once; nothing at other times."""


@dataclass(frozen=True)
class Begun:
    """What became of a beginning: begun, often (in this chat) or shut; `subject` is the id of the part with it."""

    status: str
    subject: str = ""


@dataclass(frozen=True)
class Begin(Command[Begun]):
    """Make the keys, for all receivers but those of an office that it concerns."""

    outcome: ClassVar[type | None] = Begun
    excluded: str
    subject: str


@dataclass(frozen=True)
class SendIt(Command[None]):
    """File the complaint with these parts."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Codes(Query[list[str]]):
    """The number and the access key of the complaint that was just sent."""


@dataclass(frozen=True)
class KeyIsKept(Command[None]):
    """The person has the key: the message with it can go."""


@dataclass(frozen=True)
class Found:
    """A case that its key opened; `state` is empty where number and key do not belong together."""

    state: str = ""
    since: str = ""
    due: str = ""
    parts: int = 0
    readable: bool = False


@dataclass(frozen=True)
class OpenCase(Command[Found]):
    """Open the case whose number and key were typed just now."""

    outcome: ClassVar[type | None] = Found


@dataclass(frozen=True)
class Replies(Query[list[list[str]] | None]):
    """What the office told or asked in the case that was opened just now: day and words, each. None after that."""


@dataclass(frozen=True)
class AddParts(Command[None]):
    """Add these parts to the case that was opened."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Sealed:
    """An answer in words, sealed; its value is its id, or nothing where it was skipped."""

    question: str
    options: Sequence[Option] = (SKIP,)

    def read(self, said: Said) -> str:
        if said.attachment is not None:
            raise NotUnderstood(_("Please answer in words. You can send photos and PDF files at the end."))
        if self._skips(said):
            return ""
        text = tidy(said.text)
        if not text:
            raise NotUnderstood(_("Please write it in words."))
        assert said.safe is not None
        return said.safe.words(self.question, text)

    takes_files = True  # only to say where they belong

    def _skips(self, said: Said) -> bool:
        try:
            return bool(PickOne(self.options).read(said))
        except NotUnderstood:
            return False

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class SealedFile:
    """A photo or PDF, sealed, with the words that came with it; its value is nothing where there are no more."""

    options: Sequence[Option]
    takes_files: bool = True

    def read(self, said: Said) -> list[str]:
        """What was sent: its id, whether it is clean (clean or bare), and the id of its words if it had any."""
        if said.attachment is None:
            try:
                PickOne(self.options).read(said)
            except NotUnderstood:
                raise NotUnderstood(ONLY_FILES) from None
            return []
        assert said.safe is not None
        id, clean = said.safe.file(said.attachment)
        words = tidy(said.text)
        return [id, "clean" if clean else "bare", *([said.safe.words("caption", words)] if words else [])]

    def still(self, value: Any) -> bool:
        return isinstance(value, list)


@dataclass(frozen=True)
class TypedBack:
    """The last group of an access key; its value is whether that is it, or `-` where the person goes on without."""

    group: str
    options: Sequence[Option] = ()

    def read(self, said: Said) -> Any:
        typed = "".join(c for c in said.text.upper().translate(LOOKS_LIKE) if c.isalnum())
        if typed and typed.endswith(self.group):
            return True
        try:
            return PickOne(self.options).read(said)
        except NotUnderstood:
            return False

    def still(self, value: Any) -> bool:
        return isinstance(value, bool | str)


LOOKS_LIKE = str.maketrans("OIL", "011")
"""Letters of a key that people take for others."""


@dataclass(frozen=True)
class NumberAndKey:
    """The number of a complaint and its access key. Its value is the number while the key is missing, or nothing."""

    locator: str = ""
    options: Sequence[Option] = ()

    def read(self, said: Said) -> str:
        assert said.safe is not None
        return said.safe.codes(tidy(said.text), self.locator)

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class Exactly:
    """A word that must be typed as it stands."""

    word: str
    options: Sequence[Option] = ()

    def read(self, said: Said) -> bool:
        if fold(said.text) != self.word:
            raise NotUnderstood(_("Please type the word {word}.", word=self.word.upper()))
        return True

    def still(self, value: Any) -> bool:
        return value is True


ONLY_FILES = _("You can send photos and PDF files here. A voice or a video can show who you are. To go on reply 1.")
NOT_HERE = _("We can read words here, and at the end photos and PDF files. A voice or a video can show who you are.")
NO_WAY_BACK = _("From here you cannot go back. To leave write EXIT.")
LEFT = _("We erased what you wrote. Nothing was sent. To begin again write REPORT. To see the menu write MENU.")
LEFT_AFTER = _("All right. We keep nothing of this conversation. To see the menu write MENU.")
PASSED = _("That question has passed. To begin again write REPORT.")
ANEW = _("What you had begun is erased. We begin anew.")
HAS_KEY = _("That has a key in it. We did not keep it, and we erase it from here. Please write without the key.")
SORRY = _("We are sorry: something went wrong here. Please try again.")

NONE = Option("none", _("None of these"), words=("ninguna", "ninguno", "none", "no"))
ANONYMOUS, NAMED = Option("anonymous", _("Without my name")), Option("named", _("With my name"))
SEND = Option("send", _("Send it"), words=("si", "yes", "enviar"))
ADD_WORDS, ADD_FILE = Option("words", _("Write more")), Option("file", _("Send a photo or PDF"))
LEAVE = Option("leave", _("Nothing more"), words=("nada", "nothing"))
GO_ON = Option("done", DONE, words=("seguir", "continuar", "go on", "no"))

QUESTIONS: Sequence[tuple[str, Phrase, Phrase]] = (
    ("what", _("What happened? Tell it in one message."), _("what happened")),
    ("where", _("Where was it?"), _("where")),
    ("when", _("When was it? Does it go on?"), _("when")),
    ("who", _("Who did it? Write names or jobs, if you know them."), _("who")),
    ("how", _("How do you know? Did you see it, did someone tell you, is there a paper?"), _("how you know")),
    ("elsewhere", _("Did you report it somewhere else too? Where?"), _("where else you reported it")),
    ("danger", _("Is somebody in danger because of this? Who, and why?"), _("who is in danger")),
)
"""What is asked of each complaint: key, question, and what it is called when all is looked over.

They are the questions of ISO 37002 (8.2), and those that decide whether an anonymous complaint can be followed.
"""


def report(subject: str = "") -> Talk:
    """Report corruption; `subject` is the commitment or milestone that a link or a number names."""
    city = yield from Look(TheCity())
    offer: Offer = yield from Look(TheOffer(), "offer")
    intake = city.intake
    if intake is None or offer.way == "shut":
        yield closed(city)
        return None
    if offer.way == "link":
        yield by_link(offer, city)
        return None
    about = yield from Look(TheSubject(subject))
    yield from warned(city, intake, offer)
    begun = yield from begin(city, intake, subject, about)
    if begun is None:
        return None
    parts, lines = yield from story()
    kept = yield from files()
    parts = [*([begun.subject] if begun.subject else []), *parts, *kept[0]]
    if not (yield from sure(lines, kept[1])):
        yield Say(LEFT)
        return None
    yield Do("sent", SendIt(tuple(parts)))
    yield from hand_over(offer)
    return None


def closed(city: City) -> Say:
    """Complaints are not taken: where else one can turn."""
    others = [city.intake.others] if city.intake else []
    words = _("You cannot report here now.")
    return Say(Joined([city.emergency, words, *others]))


def by_link(offer: Offer, city: City) -> Say:
    words = _("To report corruption use this page, from any phone: {link}", link=offer.link)
    short = _("To report corruption: {link}", link=offer.link)
    return Say(Joined([city.emergency, words, DO_NOT_WRITE]), short=Joined([city.emergency, short, DO_NOT_WRITE_SHORT]))


DO_NOT_WRITE = _("Please do not tell it here: others can read this chat.")
DO_NOT_WRITE_SHORT = _("Please do not tell it here.")


def warned(city: City, intake: Intake, offer: Offer) -> Flow[None]:
    """Danger to life first; then what we promise and what we cannot."""
    yield Say(Joined([city.emergency, intake.protection, intake.minors]))
    yield Say(
        Joined(
            [
                _("We do not keep who you are. But {knows} knows that you write to us.", knows=offer.knows),
                _("The form is safer. Open it on another phone: {link}", link=offer.link),
                _("Do not write your name. Do not use a phone or Wi-Fi of your job. Delete this chat at the end."),
                _("You get a key at the end. If you lose it, we cannot get it back."),
            ]
        )
    )


def begin(city: City, intake: Intake, subject: str, about: Phrase | None) -> Flow[Begun | None]:
    """Whom it concerns, before any key is made: those get none."""
    offices = [Option(office.id, office.name) for office in intake.offices]
    question: Phrase = _("These offices read complaints. Is yours about one of them? Then that one cannot read it.")
    if about is not None:
        question = Joined([_("Your complaint is about this promise: {title}", title=about), question])
    concerns = yield from Ask("concerns", question, pick_one((*offices, NONE)))
    word = yield from Look(Crowd(), "crowd")
    if word:
        many_now = _("Many people are writing just now. To go on, type this word: {word}", word=word.upper())
        yield from Ask("word", many_now, Exactly(word))
    excluded = "" if concerns == NONE.id else concerns
    begun: Begun = yield from Do("begun", Begin(excluded, subject))
    if begun.status == "shut":
        yield closed(city)
    elif begun.status == "often":
        yield Say(_("You have begun many times in this hour. Please try again in an hour."))
    return begun if begun.status == "begun" else None


def story() -> Flow[tuple[list[str], list[Phrase]]]:
    """The guided questions; the ids of what was answered, and what the answers are called."""
    parts: list[str] = []
    lines: list[Phrase] = []
    ask_name = _("You do not have to say who you are. If you give your name, only those who read complaints see it.")
    if (yield from Ask("named", ask_name, pick_one((ANONYMOUS, NAMED)))) == NAMED.id:
        questions: Sequence[tuple[str, Phrase, Phrase]] = (NAME, *QUESTIONS)
    else:
        questions = QUESTIONS
    for key, question, called in questions:
        part = yield from Ask(key, question, Sealed(key))
        if part:
            parts.append(part)
            lines.append(called)
    return parts, lines


NAME = ("name", _("What is your name, and how can the office reach you?"), _("your name"))


def files() -> Flow[tuple[list[str], int]]:
    """Photos and PDF files, one after another: ids of all parts, and how many files."""
    parts: list[str] = []
    number = 0
    for n in range(1, MOST_FILES + 1):
        got = yield from one_file(f"file-{n}", SEND_FILES if number == 0 else more_files(number))
        if got is None:
            break
        parts.extend(got)
        number += bool(got)
    return parts, number


SEND_FILES = _("Do you have photos or PDF files? Send them one by one. We take out what they hide, such as the place.")


def more_files(number: int) -> Phrase:
    return many("We have {n} file. Send another, or go on.", "We have {n} files. Send another, or go on.", number)


def one_file(key: str, text: Phrase) -> Flow[list[str] | None]:
    """One file: the ids of its parts, none where the person would rather not send it, None when there are no more."""
    got: list[str] = yield from Ask(key, text, SealedFile((GO_ON,)))
    if not got:
        return None
    id, clean, *words = got
    bare = _("We could not take out what this file hides. It could show who you are. Shall we keep it as it is?")
    if clean == "bare" and not (yield from Ask(f"{key}-bare", bare, yes_or_no(_("Yes, keep it"), _("No")))):
        return []
    return [id, *words]


def sure(lines: Sequence[Phrase], number: int) -> Flow[bool]:
    """Look it over: what was answered, never its words."""
    stop = Option("stop", _("Do not send it"))
    if not lines and not number:
        nothing = _("You have not told us anything yet. 0 goes back.")
        yield from Ask("nothing", nothing, pick_one((stop,)))
        return False
    with_files = [many("{n} file", "{n} files", number)] if number else []
    told = Joined([_("You told us:"), *lines, *with_files], mark="\n- ")
    question = Joined([told, _("Shall we send it? 0 goes back.")])
    return (yield from Ask("sure", question, pick_one((SEND, stop)))) == SEND.id


def hand_over(offer: Offer) -> Flow[None]:
    """The number and the key, once; typed back in part, so that nobody goes without having written them down."""
    locator, key = yield from Look(Codes())
    yield Say(
        _("Your complaint was sent. Write the number and the key on paper. We show them only once."), lasting=True
    )
    yield Say(_("Number: {number}\nKey: {key}", number=locator, key=key), lasting=True, secret=True)
    for n in range(1, MOST_TRIES + 1):
        again = [_("That is not it.")] if n > 1 else []
        text = Joined([*again, _("To be sure, type the last four letters of the key.")], mark=" ")
        typed = yield from Ask(f"typed-{n}", text, TypedBack(key[-4:], (SKIP,) if n > FREE_TRIES else ()))
        if typed is True:
            yield Do("kept", KeyIsKept())
        if typed:
            break
    erased = [_("We erase the key from this chat.")] if offer.erases else []
    last = _("To see what comes of it write STATUS from any phone. Without the key nobody can. Delete this chat.")
    yield Say(Joined([_("Done."), *erased, last], mark=" "), lasting=True)


def status() -> Talk:
    """See what came of a complaint, read what the office asks, and add to it."""
    city = yield from Look(TheCity())
    offer: Offer = yield from Look(TheOffer(filing=False), "offer")
    if city.intake is None or offer.way == "shut":
        yield closed(city)
        return None
    if offer.way == "link":
        page = _("To see what came of a complaint use this page: {link}", link=f"{offer.link}/consultar")
        yield Say(Joined([page, DO_NOT_WRITE]), short=page)
        return None
    found = yield from opened()
    if found is None:
        yield Say(_("To try again write STATUS."))
        return None
    yield from told(found)
    if found.readable:
        yield from add()
    yield Say(LEFT_AFTER)
    return None


def opened() -> Flow[Found | None]:
    """The case, by number and key; None after too many tries."""
    for n in range(1, MOST_TRIES + 1):
        locator = yield from Ask(f"codes-{n}", _("Write the number of your complaint and its key."), NumberAndKey())
        if locator:
            yield from Ask(f"key-{n}", _("Now write the key."), NumberAndKey(locator))
        found: Found = yield from Do(f"opened-{n}", OpenCase())
        if found.state:
            return found
        yield Say(
            _("That number and that key do not go together. Look at each letter. You can try five times in an hour.")
        )
    return None


def told(found: Found) -> Flow[None]:
    """How it stands, and what the office says."""
    said = yield from Look(Replies())
    if said is None:
        return
    lines: list[Phrase] = [
        _("How it stands: {state}, since {date}.", state=STATES[found.state], date=date.fromisoformat(found.since)),
        _("The office has until {date}.", date=date.fromisoformat(found.due)),
        many("You have sent {n} text or file.", "You have sent {n} texts and files.", found.parts),
    ]
    for day, words in said:
        lines.append(Joined([_("The office, {day}:", day=date.fromisoformat(day)), words]))
    if not said:
        lines.append(_("The office has not written to you yet."))
    yield Say(Joined(lines), lasting=True)


def add() -> Flow[None]:
    """Words and files for a case, as many as there are."""
    for n in range(1, MOST_ADDED + 1):
        what = yield from Ask(
            f"then-{n}", _("Would you like to add something?"), pick_one((ADD_WORDS, ADD_FILE, LEAVE))
        )
        if what == LEAVE.id:
            return
        if what == ADD_WORDS.id:
            parts = [(yield from Ask(f"words-{n}", _("Write it in one message."), Sealed("more")))]
        else:
            parts = (yield from one_file(f"added-file-{n}", _("Send the photo or PDF."))) or []
        given = tuple(filter(None, parts))
        if given:
            yield Do(f"added-{n}", AddParts(given))
            yield Say(_("The office has it."), lasting=True)
