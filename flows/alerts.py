"""What somebody follows, and how to stop it."""

from collections.abc import Sequence

from flows.language import Do, Look, Option, Phrase, Say, Talk, _
from flows.lists import pick_from
from flows.plan import Following, Plan, Plans, Unfollow


def alerts() -> Talk:
    """List what one follows, and stop some or all of it."""
    scopes: list[str] = yield from Look(Following(), "following")
    plans: Sequence[Plan] = yield from Look(Plans())
    if not scopes:
        yield Say(_("You follow nothing yet. To find something write MILESTONES."))
        return None
    options = [Option(f"n{n}", named(scope, plans)) for n, scope in enumerate(scopes)]
    keep, stop = Option("keep", _("Keep all of it")), Option("stop", _("Stop all of it"))
    picked = yield from pick_from("alerts", _("You follow this. What shall we stop?"), options, [stop, keep])
    if picked == "keep":
        yield Say(_("All right. You go on getting it."))
        return None
    yield Do("stopped", Unfollow("" if picked == "stop" else scopes[int(picked[1:])]))
    yield Say(_("Done. We stopped it. To follow something else write MILESTONES."))
    return None


def named(scope: str, plans: Sequence[Plan]) -> Phrase:
    """What a scope is called."""
    kind, _colon, rest = scope.partition(":")
    if kind == "commitment":
        return next((c.title for plan in plans for c in plan.commitments if c.id == rest), rest)
    if kind == "office":
        slug, _slash, id = rest.partition("/")
        return next((plan.offices[id].name for plan in plans if plan.slug == slug and id in plan.offices), id)
    return _("Everything in the plan")
