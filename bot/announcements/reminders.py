"""Reminders: what the clock tells of each consultation by itself: that it opens, that its time runs out, its result.

A tick computes what is due from the dates in the database and makes each as an approved announcement; one row for each
kind and consultation makes a second run harmless. A kind that came due while nothing ran is made once as long as it is
of use (`until`); after that its row says that it was dropped. Nothing is kept before: where a consultation is closed
early the rest is computed anew, and what is being sent of it is cancelled where broadcasts are fed.

When they go out, by the dates of the vote and the city's usual hours. A reminder begins with the first hour allowed
from its moment on; the hours of a place may put it off further.

    opens        when it opens, until half of the time is over or the next of these comes
    half         when half of the time is over
    two-days     48 hours before the close
    three-hours  3 hours before the close
    result       when its result is published, for 7 days

Where the hour of one of the last two or the next hour is not allowed, it goes out in the last three hours before it
that are. So of a vote that closes at 4 in the morning people are reminded at the end of the day before, while there is
time to vote; the words name the moment of the close, and no number of hours.

Each is of use until the next one comes, the last until the close. Whoever hears twice in a day stops listening, so in a
short vote the earlier of two that come too close together is left out (`GAPS`), and one that comes too soon after the
opening.

Half-time is told only in the units that are not shown with at least the average number of people (`behind`). A hidden
number is one under five, or one that would give another away; which of both cannot be seen, and all hidden units are
treated alike, as are those that are not in the table. So whoever is told, or sees who was told, learns nothing that the
public page does not show: neither the average nor the choice uses a number that is hidden there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot.announcements.announcing import MOST_TEXT, MOST_TITLE
from bot.announcements.words import composed
from bot.catalogue import Catalogue, Listed, NothingLoaded
from bot.channels import gsm7
from bot.desk import Desk
from bot.hours import Hours
from bot.speech import LANGUAGES, Speaker
from flows.answers import pick_some
from flows.consultation import Consultation
from flows.language import Joined, Phrase, Text, _
from storage import announcements, audit, counts, ticks, turnouts
from storage import catalogue as shelf
from storage.announcements import Announcement, Draft
from storage.audiences import Audience
from storage.database import reading, transaction

log = structlog.get_logger()

LAST = "reminders"
"""The tick that says when was last looked at what is due."""

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
TWO_DAYS, THREE_HOURS = timedelta(hours=48), timedelta(hours=3)
RESULT_LASTS = timedelta(days=7)
MOST_BACK = 14 * 24
"""Hours before a close in which an allowed one is looked for; no run of closed days is as long."""

GAPS: Mapping[str, timedelta] = {"half": A_DAY, "two-days": A_DAY / 2, "three-hours": 6 * AN_HOUR}
"""How long after the opening, and before the one that follows, each has to come to make sense."""

FIRST = 3
"""Proposals that the result names."""


@dataclass(frozen=True)
class Planned:
    """A reminder of a consultation: made at `at`, and of use until `until`."""

    kind: str
    at: datetime
    until: datetime


def calendar(opens: datetime, closes: datetime, published: datetime | None, hours: Hours) -> list[Planned]:
    """The reminders of a vote in their order."""
    half = opens + (closes - opens) / 2
    last, two = last_hours(closes - THREE_HOURS, hours), last_hours(closes - TWO_DAYS, hours)
    moments = {"three-hours": last, "two-days": two, "half": half}
    kept: list[Planned] = []
    for kind, at in moments.items():  # from the last: of two that come too close the earlier is left out
        if at is None:
            continue
        following = kept[-1] if kept else None
        until = following.at if following else closes
        starts = hours.next(at)
        late = following is not None and hours.next(following.at) - starts < GAPS[kind]
        if not late and starts < until and starts - hours.next(opens) >= GAPS[kind]:
            kept.append(Planned(kind, at, until))
    kept.append(Planned("opens", opens, min(half, kept[-1].at if kept else half)))
    if published is not None:
        kept.insert(0, Planned("result", published, published + RESULT_LASTS))
    return kept[::-1]


def last_hours(at: datetime, hours: Hours) -> datetime | None:
    """That moment, or when the last three allowed hours before it begin; None where there were none in a long time."""
    if hours.allow(at) and hours.allow(at + AN_HOUR):
        return at
    local = at.astimezone(hours.zone).replace(minute=0, second=0, microsecond=0)
    begins = next((m for n in range(MOST_BACK) if hours.allow(m := local.astimezone(at.tzinfo) - n * AN_HOUR)), None)
    for _n in range(2):
        if begins is not None and hours.allow(begins - AN_HOUR):
            begins -= AN_HOUR
    return begins


def of(listed: Listed, published: Mapping[str, datetime], hours: Hours) -> list[Planned]:
    """The reminders of a consultation as it stands; none of a draft, nor of one that was annulled."""
    row = listed.row
    if row.state in ("draft", "annulled"):
        return []
    return calendar(row.opens_at, row.closes_at, published.get(row.slug), hours)


def remind(desk: Desk, now: datetime) -> Counter[str]:
    """Make what is due; how many of each state."""
    made: Counter[str] = Counter()
    try:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            looked, published = ticks.last(connection, LAST), counts.published(connection)
    except NothingLoaded:
        return made
    for listed in city.consultations.values():
        for planned in of(listed, published, city.hours):
            state = _state(planned, looked, now)
            if state:
                made[_make(desk, city, listed, planned, state, now)] += 1
    with transaction(desk.engine) as connection:
        ticks.mark(connection, LAST, now)
    found = +Counter({state: number for state, number in made.items() if state})
    if found:
        log.info("reminders.made", **found)
    return found


def _state(planned: Planned, looked: datetime | None, now: datetime) -> str:
    """What becomes of a reminder that is not there yet: approved, dropped, or nothing.

    One that was due when we last looked and was not made then is due only since its vote was closed early.
    """
    if planned.at > now:
        return ""
    if now < planned.until:
        return "approved"
    return "dropped" if looked is not None and looked < planned.at else ""


def _make(desk: Desk, city: Catalogue, listed: Listed, planned: Planned, state: str, now: datetime) -> str:
    """Make a reminder unless it is there; the state it was made in, or nothing."""
    slug = listed.row.slug
    try:
        with transaction(desk.engine) as connection:
            if planned.kind in announcements.reminders_of(connection, slug):
                return ""
            places = _places(connection, city, slug) if planned.kind == "half" else ()
            if places is None:  # everywhere at least the average has voted
                state, places = "cancelled", ()
            made = draft(connection, city, listed, planned, desk.public_url, places)
            id = announcements.make(connection, made, None, now, planned.kind, slug, state)
            if state != "approved":
                announcements.change(connection, id, finished_at=now)
    except IntegrityError:  # somebody else has just made it
        return ""
    return state


def _places(connection: Connection, city: Catalogue, slug: str) -> tuple[str, ...] | None:
    """Where half-time is told; nothing means everywhere, None nowhere."""
    units = [place.code for place in city.city.territory.places.values() if place.kind == "unit"]
    noted = turnouts.latest(connection, slug)
    cells: Mapping[str, int | None] = noted[1]["unit"] if noted else {}
    found = behind(units, cells)
    return None if units and not found else tuple(found) if len(found) < len(units) else ()


def behind(units: Sequence[str], cells: Mapping[str, int | None]) -> list[str]:
    """The units that are not shown with at least the average of the numbers that are shown."""
    shown = {unit: number for unit in units if (number := cells.get(unit)) is not None}
    if not shown:
        return list(units)
    average = sum(shown.values()) / len(shown)
    return [unit for unit in units if unit not in shown or shown[unit] < average]


def draft(
    connection: Connection,
    city: Catalogue,
    listed: Listed,
    planned: Planned,
    public_url: str,
    places: tuple[str, ...] = (),
) -> Draft:
    """A reminder as an announcement: to those who agreed to hear of votes and have not voted, or took part in it."""
    seen, result = listed.seen, planned.kind == "result"
    votes = _votes(connection, listed) if result else ()
    words = {language: _in(language, planned.kind, seen, votes, public_url) for language in LANGUAGES}
    audience = Audience(places=places, voted_in=seen.slug, voted=result)
    return Draft("votes", "utility", words, audience, planned.at, planned.until)


def _votes(connection: Connection, listed: Listed) -> Sequence[tuple[str, int]]:
    """The proposals with the most votes; none before the count is published."""
    found = counts.results_of(connection, listed.row.slug) if listed.row.state == "published" else None
    if found is None:
        return ()
    ranked = sorted(found["proposals"], key=lambda each: -each["votes"])
    return [(each["id"], each["votes"]) for each in islice(ranked, FIRST)]


TITLES: Mapping[str, tuple[Text, Text]] = {
    "opens": (_("You can vote now: {title}"), _("There is a vote you can take part in now")),
    "half": (_("There is still time to vote: {title}"), _("There is still time to vote")),
    "two-days": (_("The vote closes soon: {title}"), _("A vote closes soon")),
    "three-hours": (_("Last hours to vote: {title}"), _("Last hours to vote")),
    "result": (_("The result is here: {title}"), _("The result of your vote is here")),
}
"""The title of each kind, and a shorter one for a consultation with a long title."""


def _in(
    language: str, kind: str, seen: Consultation, votes: Sequence[tuple[str, int]], public_url: str
) -> Mapping[str, str]:
    """The words of a reminder in a language: the longest of each that fits."""
    say = Speaker(language).say
    titles = [say(_(each.msgid, title=seen.title)) for each in TITLES[kind]]
    if kind == "result":
        prefix = "" if language == "es" else f"/{language}"
        texts, shorts = _result(seen, votes, f"{public_url}{prefix}/consultas/{seen.slug}")
    else:
        texts, shorts = _call(kind, seen)
    title = next(each for each in titles if len(each) <= MOST_TITLE)
    text = next((told for each in texts if len(told := say(each)) <= MOST_TEXT), say(texts[-1]))
    short = next((told for each in shorts if _is_one_sms(told := gsm7.plain(say(each)), language)), None)
    return {"title": title, "text": text, "short": short or gsm7.plain(say(shorts[-1]))}


def _is_one_sms(short: str, language: str) -> bool:
    return gsm7.segments(gsm7.plain(composed({language: {"short": short}}, language, True))) == 1


def _call(kind: str, seen: Consultation) -> tuple[list[Phrase], list[Phrase]]:
    """The texts that call to vote, and their short forms, the longest first; how to vote is always told."""
    until = _("Until {day} you can vote.", day=seen.closes)
    if seen.identity == "document":
        how = _("You vote in person, with your identity document. To know where write HELP.")
        return [Joined([until, how])], [Joined([until, how], " "), until]
    example = pick_some([p.option for p in seen.proposals], seen.least, seen.most).example if seen.most > 1 else "1"
    how = _("To see everything reply VOTE. If you know the numbers, reply like this: VOTE {example}", example=example)
    listed: Phrase = Joined([_("{number}. {title}", number=p.number, title=p.title) for p in seen.proposals])
    reply = _("Reply VOTE, or like this: VOTE {example}", example=example)
    return (
        [Joined([until, listed, how]), Joined([until, how])],
        [Joined([seen.title, until, reply], "\n"), Joined([until, reply], " "), reply],
    )


def _result(seen: Consultation, votes: Sequence[tuple[str, int]], page: str) -> tuple[list[Phrase], list[Phrase]]:
    """What is told to those who took part: the first three and the page."""
    named = [(seen.proposal(id), number) for id, number in votes]
    took = _("You took part. This is what came of it:")
    ranked = [_("{place}. {title}: {n} votes", place=n, title=p.title, n=v) for n, (p, v) in enumerate(named, 1)]
    everything = _("All of it: {page}", page=page)
    texts: list[Phrase] = [Joined([took, *ranked, everything]), Joined([took, everything])]
    lists: list[Phrase] = [Joined([p.short for p, _v in named[:n]], "; ") for n in range(len(named), 0, -1)]
    shorts: list[Phrase] = [Joined([_("You took part. It won:"), each, page], " ") for each in lists]
    return texts, [*shorts, _("You took part. The result: {page}", page=page), page]


def ahead(connection: Connection, city: Catalogue, listed: Listed, now: datetime) -> dict[str, Planned]:
    """The reminders that are still to come, by kind; that of the result counts from the close until it is published."""
    row, published = listed.row, counts.published(connection)
    planned = of(listed, published, city.hours)
    coming = {each.kind: each for each in planned if each.at > now}
    if planned and row.slug not in published:
        coming["result"] = Planned("result", row.closes_at, row.closes_at + RESULT_LASTS)
    return coming


def plan(
    connection: Connection, city: Catalogue, listed: Listed, now: datetime
) -> tuple[list[tuple[Planned, bool]], Mapping[str, Announcement]]:
    """The reminders of a consultation in their order, each with whether it is still to come; and those that are made.

    What was made stands with the moments it was made for, whatever became of the dates since.
    """
    made = announcements.reminders_of(connection, listed.row.slug)
    coming = ahead(connection, city, listed, now)
    every = {each.kind: each for each in of(listed, counts.published(connection), city.hours)} | coming
    every |= {kind: Planned(kind, each.draft.send_at, each.draft.until) for kind, each in made.items()}
    order = [kind for kind in announcements.REMINDERS if kind in every]
    return [(every[kind], kind in coming) for kind in order], made


def switch(
    connection: Connection, city: Catalogue, slug: str, kind: str, on: bool, public_url: str, by: int, now: datetime
) -> bool:
    """Switch a reminder that is not due yet off, or on again; False where it is too late for that, or unknown.

    Off is a row that says it was cancelled before it was made: the clock finds it and makes none.
    """
    listed = city.consultations.get(slug)
    mine = ahead(connection, city, listed, now).get(kind) if listed else None
    if listed is None or mine is None:
        return False
    if on:
        done = announcements.unmake(connection, slug, kind)
    else:
        made = draft(connection, city, listed, mine, public_url)
        done = _cancelled(connection, made, slug, kind, by, now)
    if done:
        audit.note(connection, now, by, "reminder.on" if on else "reminder.off", f"{slug}/{kind}")
    return done


def _cancelled(connection: Connection, made: Draft, slug: str, kind: str, by: int, now: datetime) -> bool:
    if kind in announcements.reminders_of(connection, slug):
        return False
    id = announcements.make(connection, made, by, now, kind, slug, "cancelled")
    announcements.change(connection, id, finished_at=now)
    return True
