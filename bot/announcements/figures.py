"""The figures of an announcement as they may be read: whom it reached, and why not others, pointing at nobody."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import failures
from bot.announcements.progress import Line, number, published
from bot.catalogue import Catalogue
from bot.channels import twilio_codes
from bot.results import SMALLEST, cells
from flows.language import Phrase, Text, _

MEASURES: Mapping[str, Text] = {
    "reached": _("Reached"),
    "read": _("Read it"),
    "failed": _("Failed"),
    "stopped": _("Want no more"),
    "answered": _("Wrote back"),
}
"""What is told by part of the city."""

OUTCOMES: Mapping[str, Text] = {
    "waiting": _("Wait for their turn"),
    "under-way": _("On its way"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "read": _("Read"),
    "failed": _("Failed"),
    "uncertain": _("Uncertain: nobody knows whether it came. It is not sent again"),
    "skipped": _("Left out"),
}

WHY: Mapping[str, Text] = {
    "withdrawn": _("They no longer want this kind of news"),
    "stopped": _("They want no more messages"),
    "voted": _("They took part in the meantime"),
    "changed": _("They are no longer part of the audience"),
    "abroad": _("Their number is of another country"),
    "declined": _("They take no advertising on WhatsApp"),
    "blocked": _("They blocked us, or the number no longer exists"),
    "cap": _("They had the messages of the week already"),
    "template": _("WhatsApp needs a template, and none is approved"),
    "late": _("It came too late to be of use"),
    "closed": _("The vote was closed before"),
    "cancelled": _("It was cancelled before their turn"),
    "expired": _("Nothing could be sent until it was of no more use"),
}
"""Why somebody was left out, or a message failed, by the reasons that have a name."""

AWAY = _("The phone was off, or takes no messages of this channel")
HELD = _("The network or WhatsApp held it back")
REFUSED = _("The company that carries it did not take it")
OURS = _("Something of ours was not in order. Whoever runs the desk finds it in the log")

FAILED: Mapping[type[failures.NotDelivered], Text] = {
    failures.Throttled: HELD,
    failures.NotNow: AWAY,
    failures.Unsure: OUTCOMES["uncertain"],
    failures.Refused: REFUSED,
    failures.Unexplained: AWAY,
    failures.Filtered: HELD,
    failures.Shut: WHY["template"],
    failures.Rejected: WHY["template"],
    failures.Paused: WHY["template"],
    failures.Disabled: WHY["template"],
    failures.Declined: HELD,
    failures.Unreachable: AWAY,
    failures.OptedOut: WHY["stopped"],
    failures.Misconfigured: OURS,
}
"""What a code of Twilio means, by what follows from it (`bot/channels/twilio_codes.py`)."""

OTHERS: Mapping[str, Text] = {
    "21610": WHY["stopped"],
    "63033": WHY["stopped"],
    "400": WHY["blocked"],
    "403": WHY["blocked"],
    "migrated": WHY["blocked"],
    "uncertain": OUTCOMES["uncertain"],
    "429": HELD,
    "resting": HELD,
    "connect": HELD,
    "network": HELD,
    "timeout": OUTCOMES["uncertain"],
    "401": OURS,
    "404": OURS,
    "token": OURS,
    "bug": OURS,
    "part": OURS,
    "picture": OURS,
    "unreadable": OURS,
    "answer": REFUSED,
}
"""Telegram's answers, words of our own, and codes that say more than their kind."""


def why(reason: str) -> Text:
    """A reason in words: ours, or what follows from a provider's code (channels.md 3.10)."""
    known = WHY.get(reason) or OTHERS.get(reason)
    if known is not None:
        return known
    return FAILED[twilio_codes.of(int(reason))] if reason.isdecimal() else _("Another reason")


@dataclass(frozen=True)
class Figures:
    """`people` is for how many it was meant. None is fewer than five, or what would show such a number."""

    people: int | None
    totals: Mapping[str, int | None]
    units: Sequence[tuple[str, str, Mapping[str, int | None]]]
    reasons: Sequence[tuple[Phrase, int | None]]

    def as_json(self) -> dict[str, Any]:
        return {
            "people": self.people, **self.totals,
            "units": [{"code": code, "name": name, **numbers} for code, name, numbers in self.units],
        }  # fmt: skip


def of(lines: Sequence[Line], city: Catalogue) -> Figures:
    """An announcement's figures: in all, by part of the city, and why it did not come."""
    tables = {name: table for name, table in published(lines).items() if name in MEASURES}
    codes = sorted({code for table in tables.values() for code in table if code})
    places = city.city.territory.places
    named = [(code, places[code].name if code in places else code) for code in codes]
    reached = {"reached": ("sent", "delivered", "read")}
    reasons: Counter[str] = Counter()
    for line in (each for each in lines if each.outcome in ("failed", "skipped")):
        reasons[why(line.reason).msgid] += line.people
    return Figures(
        people=few(number(lines, *OUTCOMES)),
        totals={name: few(number(lines, *reached.get(name, (name,)))) for name in MEASURES},
        units=[(code, name, {measure: tables[measure].get(code, 0) for measure in tables}) for code, name in named],
        reasons=[(Text(msgid), people) for msgid, people in cells(reasons, small_too=False).items()],
    )


def few(people: int) -> int | None:
    """A number as everybody may read it; none at all is no secret."""
    return people if people >= SMALLEST or not people else None
