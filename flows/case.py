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

STOPPED = frozenset({"answered", "referred", "not-admitted", "closed"})
"""Where the clock stands still for good."""


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
