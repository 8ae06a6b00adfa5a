"""The press: what the clock tells somebody, as one message; put into words and sealed once for all who get the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.desk import Desk
from bot.events import Event
from bot.messages import Reply
from bot.speech import Speaker
from flows.language import Joined, Phrase, _
from flows.plan import Plan

MOST_LINES, MOST_SHORT = 6, 3
"""Things told in one message, and by SMS; more are counted, and stand on the page."""


@dataclass
class Press:
    """Words of messages, put and sealed once for all who get the same."""

    desk: Desk
    plans: Mapping[str, Plan]
    now: datetime
    _made: dict[tuple[Any, ...], tuple[bytes, int]] = field(default_factory=dict)

    def message(self, told: Sequence[Event], role: str, channel: str, language: str) -> tuple[bytes, int]:
        """The sealed message, and its segments."""
        key = (tuple(event.key for event in told), role, channel, language)
        if key not in self._made:
            self._made[key] = self._printed(told, role, channel, language)
        return self._made[key]

    def _printed(self, told: Sequence[Event], role: str, channel: str, language: str) -> tuple[bytes, int]:
        shape, say = self.desk.channels[channel], Speaker(language).say
        page = f"{self.desk.public_url}{'' if language == 'es' else '/' + language}/plan"
        for lines in range(MOST_SHORT if shape.short else MOST_LINES, -1, -1):
            text = say(composed(self.plans, told, role, lines, shape.short, page))
            parts = shape.shape(Reply(text))
            if len(parts) == 1:
                break
        return self.desk.ink.seal(parts[0].packed(), self.now), parts[0].segments


def composed(plans: Mapping[str, Plan], told: Sequence[Event], role: str, most: int, short: bool, page: str) -> Phrase:
    """One message: of which plans, what there is, why one gets it and how to stop it."""
    lines: list[Phrase] = []
    for slug in dict.fromkeys(event.plan for event in told):
        mine = [event for event in told[:most] if event.plan == slug]
        if mine or not lines:
            lines.append(heading(plans[slug], role))
        lines += [event.short if short else event.line for event in mine]
    if len(told) > most:
        lines.append(_("And {n} more: {page}", n=len(told) - most, page=page))
    return Joined([*lines, WHY[role]])


def heading(plan: Plan, role: str) -> Phrase:
    if plan.example:
        return Joined([plan.title, _("(made-up example)")], " ")
    return plan.committee if role == "seat" else plan.title


WHY: Mapping[str, Phrase] = {
    "seat": _("You get this because you hold a seat of the committee. To judge: COMMITTEE. To stop: BAJA."),
    "clerk": _(
        "You get this because you report for your office. To report: PROGRESS. To answer: ANSWER. To stop: BAJA."
    ),
    "person": _("You get this because you objected. To see the report: MILESTONES. To stop: BAJA."),
    "follower": _("You get this because you follow it. To change that: ALERTS. To stop: BAJA."),
}
