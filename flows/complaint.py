"""Complaints about corruption: what their two conversations, `report` and `status`, ask of the desk and both say.

What people tell goes sealed into a safe as they tell it. A journal of these conversations holds ids, never words.
"""

from dataclasses import dataclass
from typing import ClassVar

from flows.city import City
from flows.language import Command, Joined, Phrase, Query, Say, _

MOST_TRIES = 5
"""How often a key may be typed wrong, or a group of it typed back."""


@dataclass(frozen=True)
class Offer:
    """How complaints are taken in this chat: `way` is chat, link (to the form, for all the same) or shut.

    `knows` names the company through which the chat goes; `erases` is whether it deletes what it is asked to. `apart`:
    the chat takes words alone, and never sees the access key, which is shown on a page.
    """

    way: str
    link: str = ""
    knows: str = ""
    erases: bool = False
    apart: bool = False


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
class MakeLink(Command[None]):
    """Make a link to the access key of the complaint that was sent; an earlier one shows it no more."""


@dataclass(frozen=True)
class TheLink(Query[str]):
    """The link that was made just now; empty after that."""


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


NOT_HERE = _("We can read words here, and at the end photos and PDF files. A voice or a video can show who you are.")
WORDS_ALONE = _("Here we can take words alone. You can add photos and PDF files later, on the page.")
NO_WAY_BACK = _("From here you cannot go back. To leave write EXIT.")
LEFT = _("We erased what you wrote. Nothing was sent. To begin again write REPORT. To see the menu write MENU.")
LEFT_AFTER = _("All right. We keep nothing of this conversation. To see the menu write MENU.")
NO_VOTE = _("You are in a report now, so this was no vote. To vote, finish it or write EXIT. Then vote again.")
PASSED = _("That question has passed. To begin again write REPORT.")
ANEW = _("What you had begun is erased. We begin anew.")
HAS_KEY = _("That has a key in it. We did not keep it, and we erase it from here. Please write without the key.")
KEY_HERE = _("That is the key of a complaint. Please do not write it here. Erase it from your phone.")
ONE_MOMENT = _("One moment: we are still keeping what you sent. Please wait for our next message, then write again.")
SORRY = _("We are sorry: something went wrong here. Please try again.")

DO_NOT_WRITE = _("Please do not tell it here: others can read this chat.")
DO_NOT_WRITE_SHORT = _("Please do not tell it here.")


def not_here_any_more(link: str) -> Phrase:
    """Its chat may not take a complaint any more that was being told."""
    return Joined(
        [
            _("We cannot take your complaint in this chat any more: we are not sure now that nobody keeps it."),
            _("We erased what you told us. Nothing was sent. Please do not tell more here."),
            _("You can tell it on this page, from any phone: {link}", link=link),
        ]
    )


def closed(city: City) -> Say:
    """Complaints are not taken: where else one can turn."""
    others = [city.intake.others] if city.intake else []
    words = _("You cannot report here now.")
    return Say(Joined([city.emergency, words, *others]))
