"""Report: a complaint about corruption is told, looked over and sent, and its codes are handed over."""

from collections.abc import Sequence

from flows.answers import pick_one
from flows.case import MOST_FILES, Intake
from flows.city import City, TheCity
from flows.complaint import (
    DO_NOT_WRITE,
    DO_NOT_WRITE_SHORT,
    LEFT,
    MOST_TRIES,
    Begin,
    Begun,
    Codes,
    Crowd,
    KeyIsKept,
    MakeLink,
    Offer,
    SendIt,
    TheLink,
    TheOffer,
    TheSubject,
    closed,
)
from flows.complaint_answers import Exactly, Sealed, TypedBack, one_file
from flows.language import Ask, Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _, many
from flows.profile import SKIP

FREE_TRIES = 2
"""After so many wrong groups one may go on without."""

NONE = Option("none", _("None of these"), words=("ninguna", "ninguno", "none", "no"))
ANONYMOUS, NAMED = Option("anonymous", _("Without my name")), Option("named", _("With my name"))
SEND = Option("send", _("Send it"), words=("si", "yes", "enviar"))

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
    kept: tuple[list[str], int] = ([], 0) if offer.apart else (yield from files())
    parts = [*([begun.subject] if begun.subject else []), *parts, *kept[0]]
    if not (yield from sure(lines, kept[1])):
        yield Say(LEFT)
        return None
    yield Do("sent", SendIt(tuple(parts)))
    yield from show_apart(offer) if offer.apart else hand_over(offer)
    return None


def by_link(offer: Offer, city: City) -> Say:
    words = _("To report corruption use this page, from any phone: {link}", link=offer.link)
    short = _("To report corruption: {link}", link=offer.link)
    return Say(Joined([city.emergency, words, DO_NOT_WRITE]), short=Joined([city.emergency, short, DO_NOT_WRITE_SHORT]))


CARRIED = (
    _("Two companies carry what you write here: Meta and Twilio. We test each day that Twilio keeps no text."),
    _("Write words alone here. You can add photos later, on the page."),
)
"""What whoever writes by WhatsApp has to know besides."""


def warned(city: City, intake: Intake, offer: Offer) -> Flow[None]:
    """Danger to life first; then what we promise and what we cannot."""
    yield Say(Joined([city.emergency, intake.protection, intake.minors]))
    yield Say(
        Joined(
            [
                _("We do not keep who you are. But {knows} knows that you write to us.", knows=offer.knows),
                *(CARRIED if offer.apart else ()),
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


SEEN = Option("seen", _("Yes, I wrote it down"), words=("si", "yes", "listo", "done"))
AGAIN = Option("again", _("Send me another link"), words=("otro", "enlace", "link", "another"))
MOST_LINKS = 10


def show_apart(offer: Offer) -> Flow[None]:
    """The number here; the key on a page, behind a button, since programs that show what a link is open the page."""
    locator, _key = yield from Look(Codes())
    for n in range(1, MOST_LINKS + 1):
        yield Do(f"link-{n}", MakeLink())
        link = yield from Look(TheLink())
        if n == 1 and link:
            yield Say(_("Your complaint was sent."), lasting=True)
            yield Say(_("Number: {number}", number=locator), lasting=True, secret=True)
        if link:
            yield Say(_("This page shows your key, once. Press its button in the next 15 minutes: {link}", link=link))
        seen = yield from Ask(f"seen-{n}", _("Did you write the number and the key on paper?"), pick_one((SEEN, AGAIN)))
        if seen == SEEN.id:
            yield Do("kept", KeyIsKept())
            break
    page = f"{offer.link}/consultar"
    last = _("To see what comes of it, or to add photos, use this page from any phone: {link}", link=page)
    yield Say(Joined([_("Done."), last, _("Without the key nobody can. Delete this chat.")]), lasting=True)
