"""Status: who has the codes of a complaint sees how it stands, reads what the office says, and adds to it."""

from datetime import date

from flows.answers import pick_one
from flows.case import STATES
from flows.city import TheCity
from flows.complaint import (
    DO_NOT_WRITE,
    LEFT_AFTER,
    MOST_TRIES,
    AddParts,
    Found,
    Offer,
    OpenCase,
    Replies,
    TheOffer,
    closed,
)
from flows.complaint_answers import NumberAndKey, Sealed, one_file
from flows.language import Ask, Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _, many

MOST_ADDED = 10
"""Texts and files that one conversation may add to a case."""

ADD_WORDS, ADD_FILE = Option("words", _("Write more")), Option("file", _("Send a photo or PDF"))
LEAVE = Option("leave", _("Nothing more"), words=("nada", "nothing"))


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
            parts = [(yield from Ask(f"words-{n}", _("Write it in one message."), Sealed("")))]
        else:
            parts = (yield from one_file(f"added-file-{n}", _("Send the photo or PDF."))) or []
        given = tuple(filter(None, parts))
        if given:
            yield Do(f"added-{n}", AddParts(given))
            yield Say(_("The office has it."), lasting=True)
