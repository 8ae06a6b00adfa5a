"""What somebody hears of without asking each time: topics and what they follow, to start and to stop."""

from collections.abc import Sequence

from flows.city import TheCity
from flows.consent import consent, refused
from flows.language import Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _
from flows.lists import pick_from
from flows.people import AllowNotices, Facts, Me
from flows.plan import Follow, Following, Plan, Plans, Unfollow
from flows.topics import BY_SMS, NEWS, REMINDED, SHORT, TOPICS, VOTES


def alerts() -> Talk:
    """Show what one gets, and start or stop one thing of it, or stop all."""
    me: Facts = yield from Look(Me(), "me")
    scopes: list[str] = yield from Look(Following(), "following")
    plans: Sequence[Plan] = yield from Look(Plans())
    followed = [scope for scope in scopes if scope not in TOPICS]
    topics = [topic for topic in TOPICS if topic != BY_SMS or _needs_sms(me, scopes)]
    options = [_switch(topic, topic in scopes) for topic in topics]
    options += [Option(f"n{n}", _("Stop: {title}", title=named(scope, plans))) for n, scope in enumerate(followed)]
    beside = [Option("stop", _("Stop all of it"))] if scopes else []
    beside.append(Option("keep", _("Change nothing")))
    picked = yield from pick_from("topics", _shown(me, scopes), options, beside)
    if picked == "keep":
        yield Say(_("That is fine. Nothing changed."))
    elif picked in TOPICS and picked not in scopes:
        yield from start(me, picked)
    else:
        stopped = "" if picked == "stop" else followed[int(picked[1:])] if picked not in TOPICS else picked
        yield Do("stopped", Unfollow(stopped))
        yield Say(_("Done. We stopped it. To start something else write ALERTS."))
    return None


def start(me: Facts, topic: str) -> Flow[None]:
    """Agree to hear of a topic; who had asked us not to write is written to again."""
    city = yield from Look(TheCity())
    if not (yield from consent(me, city)):
        yield refused()
        return
    if me.stopped:
        yield Do("allowed", AllowNotices())
    yield Do("followed", Follow(topic))
    yield Say(STARTED[topic])


STARTED = {
    VOTES: REMINDED,
    NEWS: _("Done. We will write to you when the city has news. To stop write BAJA."),
    BY_SMS: _(
        "Done. If a notice does not reach you by WhatsApp, we send it by SMS. That one comes without internet too. To"
        " stop write ALERTS."
    ),
}
"""What is told, with what it is good for, when a topic begins."""


def _needs_sms(me: Facts, scopes: Sequence[str]) -> bool:
    """Whether an SMS could take the place of a notice: there is a number, and something that is sent by topic."""
    return BY_SMS in scopes or (me.phone and any(topic in scopes for topic in (VOTES, NEWS)))


def _switch(topic: str, on: bool) -> Option:
    """What starts a topic, or stops it where it is on."""
    if on:
        return Option(topic, _("Stop: {title}", title=TOPICS[topic]), _("Stop: {title}", title=SHORT[topic]))
    return Option(topic, _("Get: {title}", title=TOPICS[topic]), _("Get: {title}", title=SHORT[topic]))


def _shown(me: Facts, scopes: Sequence[str]) -> Phrase:
    """What somebody gets today, as the question says it."""
    told = _("You get no notices from us yet. What would you like?")
    if scopes:
        told = _("What you get you can stop. What you do not get yet you can ask for.")
    return (
        Joined([_("You asked us not to write to you. If you ask for something, we write again."), told])
        if me.stopped
        else told
    )


def named(scope: str, plans: Sequence[Plan]) -> Phrase:
    """What a scope is called."""
    kind, _colon, rest = scope.partition(":")
    if kind == "commitment":
        return next((c.title for plan in plans for c in plan.commitments if c.id == rest), rest)
    if kind == "office":
        slug, _slash, id = rest.partition("/")
        return next((plan.offices[id].name for plan in plans if plan.slug == slug and id in plan.offices), id)
    return _("Everything in the plan")
