"""Stop and start: opting out of all that we send first, and in again."""

from flows.language import Do, Say, Talk, _
from flows.people import AllowNotices, StopNotices


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
    yield Do("allowed", AllowNotices())
    yield Say(_("Done. You will get our notices again. To stop them write BAJA."))
    return None
