"""Stop and start: opting out of all that we send first, and in again."""

from flows.language import Do, Look, Say, Talk, _
from flows.people import AllowNotices, Facts, Me, StopNotices
from flows.plan import Follow
from flows.topics import REMINDED, VOTES


def stop() -> Talk:
    yield Do("stopped", StopNotices())
    yield Say(
        _(
            "Done. We will not write to you first any more. If you write to us, we answer. To get notices again write"
            " ALTA."
        ),
        lasting=True,
    )
    return None


def allow() -> Talk:
    """In again; from somebody who never opted out it is how they agree to hear of votes."""
    me: Facts = yield from Look(Me(), "me")
    if me.stopped:
        yield Do("allowed", AllowNotices())
        yield Say(_("Done. You will get our notices again. To stop them write BAJA."))
    elif me.consented:
        yield Do("followed", Follow(VOTES))
        yield Say(REMINDED)
    else:
        yield Say(_("If you want us to remind you of votes write REMIND ME."))
    return None
