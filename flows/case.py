"""Cases: what becomes of a complaint. Words and rules alone; nobody's identity and no content is known here.

The states and their order are those of Colombian practice (Ley 1755 de 2015 and the city's own routine).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from flows.language import Local, Phrase, _

STATES: Mapping[str, Phrase] = {
    "received": _("Received"),
    "reviewing": _("Being looked at"),
    "asked": _("We asked you for more"),
    "admitted": _("Admitted"),
    "referred": _("Sent to another body"),
    "not-admitted": _("Not admitted"),
    "handling": _("Being worked on"),
    "answered": _("Answered"),
    "closed": _("Closed"),
    "reopened": _("Opened again"),
}
"""Where a case stands, as everybody may read it."""

MOVES: Mapping[str, tuple[str, ...]] = {
    "received": ("reviewing",),
    "reviewing": ("asked", "admitted", "referred", "not-admitted"),
    "asked": ("reviewing",),
    "admitted": ("handling",),
    "handling": ("answered",),
    "answered": ("closed",),
    "closed": ("reopened",),
    "reopened": ("handling",),
    "referred": (),
    "not-admitted": (),
}
"""Where a case can go from each state; every other step is refused."""

REASONS: Mapping[str, tuple[str, ...]] = {
    "reviewing": ("begun", "heard", "unheard"),
    "asked": ("unclear", "unproven"),
    "admitted": ("concrete",),
    "referred": ("theirs", "crime", "discipline", "money"),
    "not-admitted": ("nothing-concrete", "known-already", "other-matter"),
    "handling": ("inquiry",),
    "answered": ("confirmed", "partly", "not-confirmed"),
    "closed": ("done", "silence"),
    "reopened": ("new-facts", "second-look"),
}
"""Why a case can go to a state, as codes; the first is the usual one."""

EXTENDED = "extended"
"""The reason of a step that gave more time and left the state as it was."""

SAID: Mapping[str, Phrase] = {
    "begun": _("We began to look at it."),
    "heard": _("You answered what we asked."),
    "unheard": _("We go on with what we have."),
    "unclear": _("We need to know more about what happened."),
    "unproven": _("We need something that shows what happened."),
    "concrete": _("It tells of facts that can be looked into."),
    "theirs": _("The law gives this matter to another body."),
    "crime": _("It may be a crime. The Prosecutor's Office looks into it."),
    "discipline": _("It is about the conduct of an official. Another body looks into it."),
    "money": _("It is about public money. Another body looks into it."),
    "nothing-concrete": _("It tells of no facts that can be looked into."),
    "known-already": _("We are looking into these facts already."),
    "other-matter": _("It is about something else than corruption."),
    "inquiry": _("We are looking into the facts."),
    "confirmed": _("We found that it happened."),
    "partly": _("We found that a part of it happened."),
    "not-confirmed": _("We could not find that it happened."),
    "done": _("There is nothing more to be done here."),
    "silence": _("Nobody answered us, and we can do nothing more."),
    "new-facts": _("There are new facts."),
    "second-look": _("The decision is looked at once more."),
    EXTENDED: _("We need more time to answer."),
}
"""What everybody who has the key of a case reads of why a step was taken, by its code."""

STOPPED = frozenset({"answered", "referred", "not-admitted", "closed"})
"""Where the clock stands still for good."""

MOST_FILES = 10
"""Files that come with a complaint, or with one message to its case."""

FULL = _("There are too many files just now. Try again in half an hour, or send it without files.")
"""What is told where no file can be taken, whoever sends it."""

ASKED: Mapping[str, Phrase] = {
    "subject": _("About"),
    "what": _("What happened?"),
    "where": _("Where did it happen?"),
    "when": _("When did it happen?"),
    "who": _("Who did it?"),
    "how": _("How do you know?"),
    "elsewhere": _("Have you told somebody else?"),
    "danger": _("Is somebody in danger?"),
    "name": _("Name"),
    "caption": _("Beside a file"),
}
"""What a complainant was asked, by the key that stands beside their answer: the questions of ISO 37002 (8.2), those
that decide whether an anonymous complaint can be followed, and what it is about where a commitment led to it."""


@dataclass(frozen=True)
class Office:
    """An office that receives complaints, or that may be what one is about."""

    id: str
    name: Local


@dataclass(frozen=True)
class Intake:
    """What a city says of its complaints.

    `offices` receive them; `others` are the official ways beside this one; `protection` names who protects people in
    danger; `minors` is what the law says to those below age; `days` are working days to answer; on `closures` the city
    does not work; `kept` are days after a case is closed until nobody can open it any more; `pauses` says whether the
    clock waits while the complainant was asked for more.
    """

    offices: tuple[Office, ...]
    others: Local
    protection: Local
    minors: Local
    days: int
    closures: frozenset[date]
    kept: int
    pauses: bool = False

    def office(self, id: str) -> Office | None:
        return next((office for office in self.offices if office.id == id), None)
