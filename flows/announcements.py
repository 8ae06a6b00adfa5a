"""What we wrote to somebody first, read again; by WhatsApp a template may have told them no more than its title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flows.language import Joined, Local, Look, Query, Say, Talk, _


@dataclass(frozen=True)
class Told:
    """A notice as it was sent on a `day` of the city's calendar; `short` is its form for SMS."""

    day: date
    title: Local
    text: Local
    short: Local


@dataclass(frozen=True)
class Received(Query[Sequence[Told]]):
    """The announcements and reminders of the last two weeks that this chat or person was sent: three, newest first."""


def read() -> Talk:
    """Tell the last notices again."""
    found = yield from Look(Received())
    for told in found:
        day = _("Notice of {date}:", date=told.day)
        yield Say(Joined([day, told.title, told.text]), Joined([day, told.short]))
    if not found:
        yield Say(_("We sent you no notice in the last two weeks. To choose what we write about, write ALERTS."))
    return None
