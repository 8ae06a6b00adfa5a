"""Announcing: what staff write to many people, from the draft to a second person's agreement, and how it is stopped.

Whoever wrote or edited any of the words cannot be the one who agrees; every edit voids what was agreed to. Each step is
noted in the audit log in the transaction that takes it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.announcements.templates import Templates
from bot.announcements.words import composed
from bot.catalogue import Catalogue
from bot.channels import gsm7
from bot.channels.twilio import SMS, WHATSAPP, SmsShape
from bot.headcount import rounded, rounded_table
from bot.lifecycle import BUSY, NotPossible
from bot.messages import Reply
from bot.results import SMALLEST, cells, places
from bot.speech import LANGUAGES
from flows.language import Phrase, Text, _
from storage import announcements, approvals, audiences, audit
from storage.announcements import ANNOUNCEMENT, CATEGORIES, Announcement, Draft
from storage.audiences import TOPICS, Audience
from storage.pages import fault

KIND = "announcement.send"
"""What a second person is asked for."""

MOST_TITLE, MOST_TEXT, MOST_SHORT, MOST_SEGMENTS = 60, 900, 320, 2
LEAST_REASON, MOST_REASON = 20, 300
"""Letters of each text, text messages that the short form may take with how to stop, letters of why it is urgent."""

CHANNELS = ("whatsapp", "telegram", "sms", "web")
"""What an audience may be narrowed to."""

ROLES = ("seat", "office", "follower")
WINDOW = timedelta(hours=24)
"""How long after somebody wrote WhatsApp takes any words (channels.md 3.6)."""

SPOILT = ("audience", "words")
"""Why something is paused that can never go on: what was agreed to no longer holds."""

STOPPABLE = ("draft", "asked", "approved", "sending", "paused")


def faults(draft: Draft, city: Catalogue, now: datetime) -> dict[str, Phrase]:
    """What keeps a draft from being asked for, by field; one of the words has its language behind it: `title_es`."""
    found: dict[str, Phrase] = _audience(draft.audience, city) or _narrow(draft.audience, city)
    for language in LANGUAGES:
        found |= _words(draft, language)
    if draft.topic not in TOPICS:
        found["topic"] = _("is not one of: {known}", known=", ".join(TOPICS))
    if draft.category not in CATEGORIES:
        found["category"] = _("is not one of: {known}", known=", ".join(CATEGORIES))
    if draft.send_at <= now:
        found["send_at"] = _("is past: choose a later moment")
    if draft.until <= draft.send_at:
        found["until"] = _("has to be after it goes out")
    if draft.urgent and not LEAST_REASON <= len(draft.urgent) <= MOST_REASON:
        found["urgent"] = _("has to say why, in {least} to {most} letters", least=LEAST_REASON, most=MOST_REASON)
    return found


def _words(draft: Draft, language: str) -> dict[str, Phrase]:
    """What is wrong with the words in a language. The title is a variable of templates, which takes no line break."""
    words = draft.words.get(language, {})
    amiss = {
        "title": fault(words.get("title", ""), MOST_TITLE),
        "text": fault(words.get("text", ""), MOST_TEXT, breaks=True),
        "short": fault(words.get("short", ""), MOST_SHORT, breaks=True),
    }
    found: dict[str, Phrase] = {
        f"{name}_{language}": Text(each.msgid, each.values) for name, each in amiss.items() if each is not None
    }
    if amiss["short"] is None and (number := segments(draft, language)) > MOST_SEGMENTS:
        found[f"short_{language}"] = _(
            "takes {n} text messages with how to stop; at most {most}: make it shorter", n=number, most=MOST_SEGMENTS
        )
    return found


def segments(draft: Draft, language: str) -> int:
    """What the short form is charged as by SMS, with the words that say how to stop."""
    return sum(part.segments for part in SmsShape().shape(Reply(composed(draft.words, language, True))))


def uncarried(short: str) -> tuple[str, int]:
    """The letters that a cheap SMS leaves out, such as emoji, and how many text messages these words would be paid as
    with them."""
    left_out = "".join(dict.fromkeys(letter for letter in short if not letter.isspace() and not gsm7.plain(letter)))
    return left_out, gsm7.segments(gsm7.plain(short) + left_out) if left_out else 0


def _audience(audience: Audience, city: Catalogue) -> dict[str, Phrase]:
    known: Mapping[str, Collection[str]] = {
        "places": city.city.territory.places,
        "groups": [option.id for option in city.city.questions.get("group", ())],
        "languages": LANGUAGES,
        "channels": CHANNELS,
        "roles": ROLES,
        "follows": scopes(city),
        "voted_in": ["", *votes(city)],
    }
    given = {**vars(audience), "voted_in": (audience.voted_in,)}
    strange = {name: next((each for each in given[name] if each not in of), None) for name, of in known.items()}
    return {name: _('has "{value}", which is not there', value=each) for name, each in strange.items() if each}


def _narrow(audience: Audience, city: Catalogue) -> dict[str, Phrase]:
    """Who took part goes with whole parts of the city alone: joined with anything else, counting and sending would tell
    of one person whether they did."""
    tree = city.city.territory.places
    small = any(tree[code].kind == "barrio" for code in audience.places)
    others = (audience.groups, audience.languages, audience.channels, audience.roles, audience.follows)
    if not audience.voted_in or not (small or any(others)):
        return {}
    return {"voted_in": _("goes with large places only. Leave out barrios and all other choices: nobody may be found")}


def scopes(city: Catalogue) -> list[str]:
    """What people can follow: everything, a commitment, an office."""
    plans = city.plans.values()
    commitments = [f"commitment:{each.id}" for plan in plans for each in plan.commitments]
    return ["all", *commitments, *(f"office:{plan.slug}/{office}" for plan in plans for office in plan.offices)]


def votes(city: Catalogue) -> list[str]:
    """The consultations that people could take part in, the newest first."""
    return [slug for slug, listed in reversed(list(city.consultations.items())) if listed.row.state != "draft"]


def create(connection: Connection, draft: Draft, by: int | None, now: datetime) -> int:
    """A new draft, finished or not, of one of the staff, or the operator's; its id."""
    id = announcements.make(connection, draft, by, now)
    audit.note(connection, now, by, "announcement.made", str(id))
    return id


def edit(connection: Connection, id: int, revision: int, draft: Draft, by: int, now: datetime) -> None:
    """Put other words in place of a revision: what was asked or agreed to holds no more. The same words change nothing.

    Raises NotPossible.
    """
    found = _held(connection, id)
    if found.revision == revision and found.draft.digest == draft.digest:
        return
    if found.kind != ANNOUNCEMENT:
        raise NotPossible(_("A reminder is made by the clock and cannot be changed. It can be cancelled."))
    if found.state not in ("draft", "asked", "approved"):
        raise NotPossible(_("It is being sent, or is over: it cannot be changed any more."))
    if not announcements.edit(connection, id, revision, draft, by):
        raise NotPossible(BUSY)
    _withdraw(connection, id, by, now)
    audit.note(connection, now, by, "announcement.changed", str(id))


def ask(connection: Connection, city: Catalogue, id: int, digest: str, by: int, now: datetime) -> int:
    """Ask a second person to agree to exactly this draft; the request's id. Raises NotPossible."""
    found = _held(connection, id)
    if found.draft.digest != digest:
        raise NotPossible(_("Somebody changed it after you looked. Look at it again."))
    if faults(found.draft, city, now):
        raise NotPossible(_("It is not finished: something is missing or wrong in it."))
    if found.draft.audience.voted_in and estimate(connection, city, found.draft, now).people is None:
        raise NotPossible(_("By a vote it can only go to five people or more, so that nobody can be found."))
    if found.kind != ANNOUNCEMENT or not announcements.move(connection, id, ("draft", "asked"), "asked"):
        raise NotPossible(_("It was asked for or decided already."))
    titles = {language: words["title"] for language, words in found.draft.words.items()}
    request = approvals.ask(connection, KIND, str(id), {"digest": digest, "title": titles}, by, now)
    audit.note(connection, now, by, "approval.asked", str(request), kind=KIND, announcement=id)
    return request


def approve(connection: Connection, id: int, digest: str, by: int, now: datetime) -> None:
    """Agree to exactly what was asked for: from its moment on it goes out. Raises NotPossible."""
    found = _held(connection, id)
    if by in found.authors:
        raise NotPossible(_("You wrote some of these words: somebody who wrote none has to agree."))
    if found.state != "asked" or found.draft.digest != digest:
        raise NotPossible(_("It changed after this was asked for. Its author has to ask again."))
    if found.draft.until <= now:
        raise NotPossible(_("The moment until which it is of use is past. Its author has to choose another."))
    announcements.move(connection, id, ("asked",), "approved", approved_by=by)
    audit.note(connection, now, by, "announcement.approved", str(id))


def pause(connection: Connection, id: int, by: int, now: datetime) -> None:
    """Hold what is being sent, from the next message on. Raises NotPossible."""
    held = announcements.hold(connection, id)
    if held is None or not held.is_sent:
        raise NotPossible(_("It is not being sent now, so there is nothing to pause."))
    announcements.move(connection, id, (held.state,), "paused", hold="staff")
    audit.note(connection, now, by, "announcement.paused", str(id))


def resume(connection: Connection, id: int, by: int, now: datetime) -> None:
    """Go on where it was paused. Raises NotPossible."""
    if _held(connection, id).hold in SPOILT:
        raise NotPossible(_("It cannot go on as it is. Cancel it and write it again."))
    if not announcements.move(connection, id, ("paused",), "sending", hold=""):
        raise NotPossible(_("It is not paused."))
    audit.note(connection, now, by, "announcement.resumed", str(id))


def cancel(connection: Connection, id: int, by: int, now: datetime) -> None:
    """End it: nobody else gets it, and it cannot be taken up again. Raises NotPossible."""
    before, begun = ("draft", "asked", "approved"), ("sending", "paused")
    # What has begun is finished by the worker, which takes back what waits.
    if not announcements.move(connection, id, before, "cancelled", finished_at=now) and not announcements.move(
        connection, id, begun, "cancelled", hold=""
    ):
        raise NotPossible(_("It is over already."))
    _withdraw(connection, id, by, now)
    audit.note(connection, now, by, "announcement.cancelled", str(id))


def publish(connection: Connection, id: int, by: int, now: datetime) -> None:
    """Put its final figures on the site. Raises NotPossible."""
    found = _held(connection, id)
    if found.counted_at is None:
        raise NotPossible(_("Its figures are not final yet."))
    if found.published_at is not None:
        raise NotPossible(_("It was published already."))
    announcements.change(connection, id, published_at=now)
    audit.note(connection, now, by, "announcement.published", str(id))


def _held(connection: Connection, id: int) -> Announcement:
    """One that is there, locked until this transaction ends."""
    found = announcements.hold(connection, id)
    if found is None:
        raise NotPossible(_("There is no such announcement."))
    return found


def _withdraw(connection: Connection, id: int, by: int, now: datetime) -> None:
    for request in approvals.withdraw(connection, KIND, str(id), by, now):
        audit.note(connection, now, by, "approval.withdrawn", str(request))


@dataclass(frozen=True)
class Estimate:
    """Who an announcement would reach, as staff may see it: numbers are multiples of five, and None is fewer than that.

    Two audiences that differ by one person so look the same. `by_unit` and `by_channel` hide more where a small number
    would follow from the others. `templated` are those who wrote to us on WhatsApp longer ago than WINDOW, so that they
    get a template. `pesos` is rounded up in steps of the dearest price that the draft can have, whoever is in it, so
    that it does not tell whether anybody is. SMS that follow what WhatsApp did not deliver are no part of it. It goes
    out over `days` of the ceiling: None where that is 0. Numbers of countries that are not allowed are `abroad`, and
    are no part of the others.
    """

    people: int | None
    by_unit: Mapping[str, int | None]
    by_channel: Mapping[str, int | None]
    templated: int | None
    abroad: int | None
    pesos: int
    daily: int

    @property
    def days(self) -> int | None:
        if not self.pesos:
            return 1
        return -(-self.pesos // self.daily) if self.daily else None


def estimate(connection: Connection, city: Catalogue, draft: Draft, now: datetime) -> Estimate:
    """Who would get a draft if it went out now, and what that would cost at the city's prices."""
    delivery, tree, channels = city.delivery, city.city.territory, draft.audience.channels or CHANNELS
    price = {key: pesos for key, pesos in _prices(connection, city, draft).items() if key[0] in channels}
    by_place: Counter[tuple[str | None, str | None]] = Counter()
    by_channel: Counter[str] = Counter()
    templated = abroad = pesos = 0
    for row in audiences.reach(connection, draft.audience, draft.topic, delivery.countries, now - WINDOW):
        if row.abroad:
            abroad += row.people
            continue
        where = [tree.containing(row.place, kind) for kind in ("locality", "unit")]
        locality, unit = (each.code if each else None for each in where)
        by_place[locality, unit] += row.people
        by_channel[row.channel] += row.people
        templated += row.people if row.channel == WHATSAPP and not row.open else 0
        key = (row.channel, row.language, bool(row.open) and row.channel == WHATSAPP)
        pesos += price.get(key, 0) * row.people
    step = SMALLEST * max(price.values(), default=0)
    return Estimate(
        people=rounded(sum(by_channel.values())),
        by_unit=rounded_table(places(by_place)["unit"]),
        by_channel=rounded_table(cells(by_channel, small_too=False)),
        templated=rounded(templated),
        abroad=rounded(abroad),
        pesos=(pesos // step + 1) * step if step else 0,
        daily=delivery.daily,
    )


def _prices(connection: Connection, city: Catalogue, draft: Draft) -> dict[tuple[str, str, bool], int]:
    """What one message costs by channel, language and whether WhatsApp's window is open. A template costs what Meta
    takes it for; where none is approved, what the draft is written as."""
    templates, price = Templates.read(connection), city.delivery.price
    found: dict[tuple[str, str, bool], int] = {}
    for language in LANGUAGES:
        template = templates.for_(draft.topic, language)
        found[SMS, language, False] = price(SMS, "segment", segments(draft, language))
        found[WHATSAPP, language, True] = price(WHATSAPP, "message")
        found[WHATSAPP, language, False] = price(WHATSAPP, template.category if template else draft.category)
    return found
