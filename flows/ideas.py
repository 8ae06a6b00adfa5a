"""Propose: send an idea, see what came of it, take it back, or give the code of a slip to be told.

The words are the person's own: the city's staff read them, nobody else does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from textwrap import shorten
from typing import Any, ClassVar

from flows.answers import pick_one, tidy, yes_or_no
from flows.city import City, TheCity
from flows.consent import consent, refused
from flows.language import (
    Ask,
    Command,
    Do,
    Flow,
    Joined,
    Local,
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
from flows.people import Facts, Me
from flows.profile import barrio

MOST_LETTERS, FEWEST_LETTERS = 500, 10
MOST_ATTEMPTS = 5
LABEL, SHORT_LABEL = 40, 28
"""Letters of an idea's beginning in a list, and in one by SMS."""


@dataclass(frozen=True)
class Target:
    """A proposal of a consultation, or a commitment of a plan, that ideas can become part of."""

    id: str
    number: int
    title: Local


@dataclass(frozen=True)
class Collection:
    """A consultation or a plan that collects ideas until a moment; `kind` is consultation or plan."""

    slug: str
    kind: str
    title: Local
    until: datetime
    targets: Mapping[str, Target] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came of an idea. `what` is selected, merged, not-selected or outside; `target` what it names, if anything.

    `summary` (what was proposed) and `reason` are the city's public words.
    """

    what: str
    kind: str
    target: Target | None
    summary: Local
    reason: Local


@dataclass(frozen=True)
class Collecting(Query[list[str]]):
    """The slugs of what collects ideas now; what ends first comes first."""


@dataclass(frozen=True)
class TheCollection(Query[Collection | None]):
    slug: str


@dataclass(frozen=True)
class MyIdeas(Query[list[list[str]]]):
    """This person's ideas, newest first: code, beginning (empty once erased), and waiting or answered, each."""


@dataclass(frozen=True)
class OneIdea:
    """One of this person's ideas. `own` is whether they sent it; otherwise they have its slip."""

    code: str
    text: str
    on: date
    own: bool
    title: Local
    place: str = ""
    answer: Answer | None = None


@dataclass(frozen=True)
class MyIdea(Query[OneIdea | None]):
    code: str


@dataclass(frozen=True)
class Kept:
    """What became of an idea: kept (with its code), closed, many (of one person) or often (from one chat in a day)."""

    status: str
    code: str = ""


@dataclass(frozen=True)
class SendIdea(Command[Kept]):
    outcome: ClassVar[type | None] = Kept
    collection: str
    text: str
    place: str | None = None


@dataclass(frozen=True)
class WithdrawIdea(Command[bool]):
    """Erase an idea; false where it is not this person's own."""

    code: str


@dataclass(frozen=True)
class HearOf(Command[Kept]):
    """Be told what comes of the idea on a slip: kept, unknown or full."""

    outcome: ClassVar[type | None] = Kept
    code: str


@dataclass(frozen=True)
class Words:
    """An idea in words."""

    options: Sequence[Option] = ()

    def read(self, said: Said) -> str:
        text = tidy(said.text)
        if len(text) < FEWEST_LETTERS:
            raise NotUnderstood(_("Please write your idea in a few words."))
        if len(text) > MOST_LETTERS:
            raise NotUnderstood(_("That is too long. Write at most {n} letters.", n=MOST_LETTERS))
        return text

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


NEW = Option("new", _("Send an idea"), words=("nueva", "new", "otra", "enviar", "send"))
KEEP = Option("keep", _("Leave it as it is"))
WITHDRAW = Option("withdraw", _("Take it back"), words=("retirar", "withdraw"))
SEND = Option("send", _("Send it"), words=("si", "yes", "enviar"))
AGAIN = Option("again", _("Write it again"), words=("cambiar", "change"))
LEAVE = Option("leave", _("Do not send it"), words=("no",))
NOBODY_COLLECTS = _(
    "The city is not collecting ideas now. You can vote: VOTE. You can see what the city promised, and object:"
    " MILESTONES. To find the office: HELP. If you have a slip with a code, write PROPOSE and the code."
)


def propose(code: str = "") -> Talk:
    """Send an idea, or look after those one has sent. `code` is that of a slip."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    if code:
        return (yield from hear(code))
    collecting: list[str] = yield from Look(Collecting(), "collecting")
    mine: list[list[str]] = yield from Look(MyIdeas(), "mine")
    if not collecting and not mine:
        yield Say(NOBODY_COLLECTS)
        return None
    if mine:
        picked = yield from which(mine, bool(collecting))
        if picked != NEW.id:
            return (yield from look_after(picked))
    return (yield from send(me, city, collecting))


def which(mine: Sequence[Sequence[str]], more: bool) -> Flow[str]:
    """The idea that somebody wants to look at, or a new one."""
    options = [NEW] if more else []
    for code, beginning, standing in mine:
        words = beginning or code
        label = _("{idea} (answered)", idea=words) if standing == "answered" else words
        options.append(Option(code, label, shorten(words, SHORT_LABEL, placeholder="...")))
    text = many(
        "You have {n} idea here. What would you like?", "You have {n} ideas here. What would you like?", len(mine)
    )
    return (yield from Ask("which", text, pick_one(options)))


def send(me: Facts, city: City, collecting: Sequence[str]) -> Talk:
    """What, where, and is that right?"""
    collection = yield from which_collection(collecting)
    if collection is None:
        yield Say(NOBODY_COLLECTS)
        return None
    place: str | None = None
    for attempt in range(1, MOST_ATTEMPTS + 1):
        text = yield from Ask(f"idea-{attempt}", asked(collection), Words(), short=ASKED_SHORT)
        if attempt == 1:
            place = yield from barrio(city, WHERE, optional=True)
        sure = yield from Ask(
            f"sure-{attempt}",
            Joined([_("Your idea:"), text, *where(city, place), _("Shall we send it?")]),
            pick_one((SEND, AGAIN, LEAVE)),
            short=_("Shall we send your idea?"),
        )
        if sure == SEND.id:
            kept: Kept = yield from Do("kept", SendIdea(collection.slug, text, place))
            yield became(kept, collection, me.stopped)
            return None
        if sure == LEAVE.id:
            break
    yield Say(_("Your idea was not sent, and we kept nothing of it."))
    return None


WHERE = _("Is it about one barrio or village? Write its name, or write SKIP.")
ASKED_SHORT = _("Write your idea in one message, with at most 500 letters and no names or numbers of people.")


def asked(collection: Collection) -> Phrase:
    return Joined(
        [
            collection.title,
            _("Until {day} the city collects ideas.", day=collection.until),
            _(
                "Write yours in one message: what, and what for. At most {n} letters. Do not write names, numbers or"
                " addresses of people. The city's team reads it; it is not published.",
                n=MOST_LETTERS,
            ),
        ]
    )


def where(city: City, place: str | None) -> list[Phrase]:
    found = city.territory.places.get(place or "")
    return [_("Barrio: {value}", value=city.territory.described(found))] if found else []


def which_collection(slugs: Sequence[str]) -> Flow[Collection | None]:
    """The only one that collects ideas, or the one that the person picks; None when there is none."""
    found: list[Collection] = []
    for slug in slugs:
        collection = yield from Look(TheCollection(slug))
        if collection is not None:
            found.append(collection)
    if len(found) <= 1:
        return found[0] if found else None
    options = pick_one([Option(c.slug, c.title) for c in found])
    picked = yield from Ask("collection", _("What is your idea for?"), options)
    return next(c for c in found if c.slug == picked)


def became(kept: Kept, collection: Collection, stopped: bool) -> Say:
    """What became of an idea that was sent."""
    match kept.status:
        case "kept":
            told = UNTOLD if stopped else TOLD
            received = _("We have your idea. Its code is {code}.", code=kept.code)
            return Say(Joined([received, told]), lasting=True)
        case "many":
            return Say(
                _("You have sent as many ideas as one person can. To take one back write PROPOSE."), lasting=True
            )
        case "often":
            return Say(_("Many ideas came from this chat today. Please send yours tomorrow."), lasting=True)
        case _closed:
            over = _("Ideas were collected until {day}, so this one was not kept.", day=collection.until)
            return Say(over, lasting=True)


TOLD = _("When the city answers, we write to you here. To see it or take it back write PROPOSE.")
TOLD_OF_SLIP = _("When the city answers, we write to you here. To see it write PROPOSE.")
UNTOLD = _("You asked us not to write to you: to see the answer write PROPOSE. To get our notices again write ALTA.")


def look_after(code: str) -> Talk:
    """One idea: what it says, what came of it, and taking it back."""
    idea = yield from Look(MyIdea(code))
    if idea is None:
        yield Say(_("That idea is not here any more."))
        return None
    lines = told(idea)
    if not idea.own:
        yield Say(Joined(lines))
        return None
    if (yield from Ask("then", Joined(lines), pick_one((KEEP, WITHDRAW)))) == KEEP.id:
        yield Say(_("That is fine. Nothing changed."))
        return None
    sure = _("We will erase your words. What the city has published in its own words stays. Shall we take it back?")
    if not (yield from Ask("sure", sure, yes_or_no(_("Yes, take it back"), _("No")))):
        yield Say(_("That is fine. Nothing changed."))
        return None
    yield Do("withdrawn", WithdrawIdea(code))
    yield Say(_("Done. Your idea was taken back and its words are erased."), lasting=True)
    return None


def told(idea: OneIdea) -> list[Phrase]:
    """All there is to tell of an idea."""
    head = _("Idea {code}, {day}, for: {title}", code=idea.code, day=idea.on, title=idea.title)
    lines: list[Phrase] = [head]
    if idea.own:
        lines += [idea.text, *([_("Barrio: {value}", value=idea.place)] if idea.place else [])]
    if idea.answer is None:
        return [*lines, _("The city has not answered yet.")]
    return [*lines, came_of(idea.answer), *reason(idea.answer)]


def reason(answer: Answer) -> list[Phrase]:
    """Why, where the city gave a reason."""
    return [answer.reason] if answer.reason.by_language else []


def came_of(answer: Answer) -> Phrase:
    """What came of an idea, in one sentence."""
    target = {"number": answer.target.number, "title": answer.target.title} if answer.target else {}
    match answer.what, answer.kind:
        case "outside", _kind:
            return _("The city has no power to decide this.")
        case "selected", "plan" if target:
            return _("It is now commitment {number}: {title}.", **target)
        case "selected", _kind if target:
            return _("It is now proposal {number}: {title}.", **target)
        case "merged", "plan" if target:
            return _("It is now part of commitment {number}: {title}.", **target)
        case "merged", _kind if target:
            return _("It is now part of proposal {number}: {title}.", **target)
        case "selected" | "merged", _kind:  # what it named is not there any more
            return _("It was taken up.")
        case _other:
            return _("It was not selected.")


def hear(code: str) -> Talk:
    """Be told of the idea on a slip."""
    heard: Kept = yield from Do("heard", HearOf(code))
    if heard.status == "unknown":
        yield Say(_("We do not know that code. Please check each letter and write: PROPOSE and the code."))
        return None
    if heard.status == "full":
        yield Say(_("Too many people have used this slip already. Ask the office that gave it to you."))
        return None
    idea = yield from Look(MyIdea(heard.code))
    if idea is not None:
        yield Say(Joined([*told(idea), *([] if idea.answer else [TOLD_OF_SLIP])]), lasting=True)
    return None
