"""What other programs follow: the newest changes as an Atom feed, and the last days of the milestones as a calendar."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from html import escape
from urllib.parse import urlsplit

from feedgenerator import Atom1Feed
from icalendar import Calendar, Event

from bot.catalogue import Catalogue
from flows.language import Joined, Phrase, _
from flows.milestones import when
from flows.plan import Commitment, Milestone, Plan
from web.history import Entry, numbered, office_name

MOST = 50
"""Changes in the feed."""

SINCE = 2022
"""The year of the names of what is in the feed (RFC 4151: a name holds a date on which the address was its owner's)."""

Says = Callable[[Phrase], str]


class Feed(Atom1Feed):  # type: ignore[misc]  # the library has no types
    """A feed that says of itself when it changed last: without entries the library would say now, at every look."""

    def latest_post_date(self) -> datetime:
        changed: datetime = self.feed["changed"]
        return changed


def atom(entries: list[Entry], city: Catalogue, site: str, language: str, say: Says) -> bytes:
    """The newest changes, the newest first."""
    newest = sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST]
    home = _address(site, language, "/plan")
    feed = Feed(
        _plain(say(_("What the city promised: {city}", city=city.city.name))),
        home,
        _plain(say(_("What is new about each commitment."))),
        language=language,
        feed_url=_address(site, language, "/plan.atom"),
        feed_guid=_name(site, f"plan/{language}"),
        author_name=_plain(say(city.city.name)),
        changed=newest[0].at if newest else datetime(SINCE, 1, 1, tzinfo=UTC),
    )
    for entry in newest:
        plan = city.plan_of(entry.subject)
        title = Joined([entry.what, entry.about], ". ")
        feed.add_item(
            _plain(say(_marked(plan, title) if plan else title)),
            f"{home}/{entry.commitment}#{entry.id}",
            escape(_plain(say(Joined([entry.who, entry.text], ". ") if entry.text else entry.who))),
            pubdate=entry.at,
            updateddate=entry.at,
            unique_id=_name(site, f"plan/{language}/{entry.id}"),
        )
    made: str = feed.writeString("utf-8")
    return made.encode()


def calendar(city: Catalogue, site: str, language: str, say: Says) -> bytes:
    """The last day of each milestone, as an event of the whole day. States are not in it: calendars look rarely."""
    made = Calendar()
    made.add("prodid", "-//Cuenta//plan//")
    made.add("version", "2.0")
    made.add("x-wr-calname", _plain(say(_("What the city promised: {city}", city=city.city.name))))
    for plan, commitment, milestone in _milestones(city):
        made.add_component(_event(plan, commitment, milestone, _address(site, language, "/plan"), site, say))
    whole: bytes = made.to_ical()
    return whole


def _event(plan: Plan, commitment: Commitment, milestone: Milestone, home: str, site: str, say: Says) -> Event:
    last = milestone.span.last
    about = [commitment.title, when(milestone.span), *(office_name(plan, id) for id in milestone.offices)]
    event = Event()
    event.add("uid", f"{milestone.id}@{urlsplit(site).hostname or 'cuenta'}")
    # The day from which the plan runs: nobody who asks twice sees a difference where there is none.
    event.add("dtstamp", datetime.combine(plan.span.first, time(), UTC))
    event.add("dtstart", last)
    event.add("dtend", last + timedelta(days=1))
    event.add("summary", _plain(say(_marked(plan, numbered(milestone)))))
    event.add("description", _plain(say(Joined(about))))
    event.add("url", f"{home}/{commitment.id}")
    event.add("transp", "TRANSPARENT")
    event.add("status", "CANCELLED" if commitment.withdrawn else "CONFIRMED")
    return event


def _milestones(city: Catalogue) -> Iterator[tuple[Plan, Commitment, Milestone]]:
    for plan in city.plans.values():
        for commitment in plan.commitments:
            for milestone in commitment.milestones:
                yield plan, commitment, milestone


def _marked(plan: Plan, title: Phrase) -> Phrase:
    """A title that says so where the plan is an example."""
    return _("Example: {title}", title=title) if plan.example else title


def _address(site: str, language: str, path: str) -> str:
    return site + ("" if language == "es" else f"/{language}") + path


def _name(site: str, what: str) -> str:
    """A name that is nobody else's and never changes (RFC 4151)."""
    return f"tag:{urlsplit(site).hostname or 'cuenta'},{SINCE}:{what}"


def _plain(text: str) -> str:
    """Without what XML and calendars cannot hold."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")
