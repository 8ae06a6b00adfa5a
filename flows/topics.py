"""Topics: what somebody can agree to hear of, beside what they follow in a plan; and the question whether they do."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.answers import yes_or_no
from flows.city import TheCity
from flows.consent import consent, refused
from flows.language import Ask, Do, Look, Phrase, Query, Say, Talk, _
from flows.people import AllowNotices, Facts, Me
from flows.plan import Follow

VOTES, NEWS, BY_SMS = "topic:votes", "topic:news", "topic:sms"
"""Scopes of `Follow`: that a vote opens, reminders of it and its result; what else the city announces; and that an SMS
comes where WhatsApp does not deliver."""

TOPICS: Mapping[str, Phrase] = {
    VOTES: _("votes: when one opens, reminders, the result"),
    NEWS: _("other news of the city"),
    BY_SMS: _("an SMS when WhatsApp does not reach you"),
}
SHORT: Mapping[str, Phrase] = {VOTES: _("votes"), NEWS: _("other news"), BY_SMS: _("SMS if need be")}
"""The same for SMS."""


@dataclass(frozen=True)
class Offer(Query[str]):
    """How somebody who has just voted is offered reminders.

    `ask` with a question beside the receipt, where messages cost nobody anything; `word` with one word in the receipt;
    empty where they get them already, or asked us not to write to them.
    """


def remind() -> Talk:
    """Ask whether we may remind of votes and tell their results."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    if me.reminded and not me.stopped:
        yield Say(_("You get our reminders of votes already. To change that write ALERTS."))
        return None
    question = _("Shall we remind you of votes and tell you the result?")
    if not (yield from Ask("remind", question, yes_or_no(_("Yes, remind me"), _("No")))):
        yield Say(_("All right. If you change your mind, write ALTA."))
        return None
    if me.stopped:
        yield Do("allowed", AllowNotices())
    yield Do("followed", Follow(VOTES))
    yield Say(REMINDED)
    return None


REMINDED = _("Done. We will remind you of votes and tell you the result. To choose write ALERTS. To stop write BAJA.")
