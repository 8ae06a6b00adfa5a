"""Announcements in the console: written in both languages, seen as people get them, agreed to by another, followed.

Whoever writes sees before asking who gets it, in words and in numbers that point at nobody, and what it costs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Connection
from wtforms import Form, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields import SelectChoice

from bot import texts
from bot.announcements import announcing, audience_words, figures, progress
from bot.announcements import preview as announcement_preview
from bot.announcements import trial as announcement_trial
from bot.announcements.templates import Templates
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.lifecycle import NotPossible
from bot.speech import LANGUAGES
from flows.language import Joined, Local, Phrase, Text, _
from storage import announcements, approvals, typed
from storage import catalogue as shelf
from storage import staff as accounts
from storage.announcements import Announcement, Draft
from storage.approvals import Approval
from storage.audiences import Audience
from storage.database import reading, transaction
from web.console.access import Role, allows, shown, staff
from web.console.answers import see
from web.console.approvals import Step
from web.console.forms import PLAIN, Boxes, asked_number, choices, phrase
from web.invitation import Public

MOST = 20
"""Announcements of a page."""

EVERY = 10
"""Seconds after which a page that is asked to follow the sending is loaded again."""

WRITERS = (Role.PARTICIPATION, Role.COMMUNICATIONS)
STOPPERS = (*WRITERS, Role.APPROVER)
READERS = (*STOPPERS, Role.AUDITOR)

STATES: Mapping[str, Text] = {
    "draft": _("Draft"),
    "asked": _("Waits for a second person"),
    "approved": _("Agreed to: goes out at its hour"),
    "sending": _("Being sent"),
    "paused": _("Paused"),
    "sent": _("Sent"),
    "cancelled": _("Cancelled"),
    "dropped": _("Dropped: it came too late to be of use"),
}
HOLDS: Mapping[str, Text] = {
    "staff": _("Somebody of the team paused it."),
    "ceiling": _("The money of the day is spent. Free channels go on. The others go on by themselves tomorrow."),
    "audience": _("A place of its audience is no longer in the list of places. Cancel it and write it again."),
    "words": _("Its words do not fit into one message. Cancel it and write it again."),
    "closed": _("Its vote was closed before everybody had it."),
}
KINDS: Mapping[str, Text] = {
    "announcement": _("Announcement"),
    "opens": _("Reminder: a vote opens"),
    "half": _("Reminder: half of the time is over"),
    "two-days": _("Reminder: two days are left"),
    "three-hours": _("Reminder: three hours are left"),
    "result": _("Reminder: there is a result"),
}
CATEGORIES: Mapping[str, Text] = {
    "utility": _("Something that people asked to know, such as a date"),
    "marketing": _("News and invitations"),
}
LANGUAGE_NAMES = {"es": "Español", "en": "English"}
VOTED: Mapping[str, Text] = {"no": _("Those who have not taken part"), "yes": _("Those who took part")}
HOUR = _("In hours of 24, such as 18:00")
DAY = _("Day, month and year, such as 30/11/2026")
TITLE = _("One line of at most {most} letters.", most=announcing.MOST_TITLE)
TEXT = _("At most {most} letters.", most=announcing.MOST_TEXT)
SHORT = _("For SMS and where the signal is weak: at most {most} text messages.", most=announcing.MOST_SEGMENTS)


class Compose(Form):
    """What is said, to whom, and when."""

    topic = SelectField(_("What it is about"), choices=choices(audience_words.TOPICS))
    category = SelectField(
        _("What kind of message it is"), choices=choices(CATEGORIES), description=_("WhatsApp charges by it.")
    )
    title_es = StringField(_("Title in Spanish"), filters=PLAIN, description=TITLE)
    text_es = TextAreaField(_("Text in Spanish"), filters=PLAIN, description=TEXT)
    short_es = TextAreaField(_("Short text in Spanish"), filters=PLAIN, description=SHORT)
    title_en = StringField(_("Title in English"), filters=PLAIN, description=TITLE)
    text_en = TextAreaField(_("Text in English"), filters=PLAIN, description=TEXT)
    short_en = TextAreaField(_("Short text in English"), filters=PLAIN, description=SHORT)
    roles = Boxes(
        _("Only people with a duty"), choices=choices(audience_words.ROLES),
        description=_("They get it even if they did not ask for this kind of news. It is none of those of a week."),
    )  # fmt: skip
    groups = Boxes(_("Groups"))
    languages = Boxes(_("Language"), choices=choices(audience_words.LANGUAGES))
    channels = Boxes(
        _("Channels"), choices=choices({name: audience_words.CHANNELS[name] for name in announcing.CHANNELS})
    )
    follows = Boxes(_("People who follow one of these"))
    voted_in = SelectField(_("Depending on a vote"))
    voted = RadioField(_("Who, of that vote"), choices=choices(VOTED), default="no")
    send_day = StringField(_("Goes out: day"), filters=PLAIN, description=DAY)
    send_hour = StringField(_("Goes out: hour"), filters=PLAIN, description=HOUR)
    until_day = StringField(_("Of use until: day"), filters=PLAIN, description=DAY)
    until_hour = StringField(_("Of use until: hour"), filters=PLAIN, description=HOUR)
    urgent = TextAreaField(
        _("Why it cannot wait for the usual hours"), filters=PLAIN,
        description=_("Leave it empty. Only danger or harm goes out at night, and above the number for a week."),
    )  # fmt: skip


WHEN = {"send_at": "send_day", "until": "until_day"}
"""The field that shows what is wrong with a moment."""


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def known(connection: Connection, id: int) -> Announcement:
        return announcements.one(connection, id) or abort(404)

    @blueprint.get("/anuncios", endpoint="announcements")
    @allows(*READERS)
    def index() -> Response:
        before = asked_number("antes")
        with reading(desk.engine) as connection:
            here, found = city(connection), announcements.every(connection, before, MOST + 1)
            # To count takes seconds for a million people: not for every one of a page.
            told = [each for each in found[:MOST] if each.selected_at and (each.counted_at or each.is_sent)]
            reach = {each.id: progress.progress(connection, each) for each in told}
        return shown(
            "console/announcements.html", found=found[:MOST], reach=reach, states=STATES, kinds=KINDS,
            more=found[MOST - 1].id if len(found) > MOST else None, who=_who(found, here), title=title,
            few=figures.few,
        )  # fmt: skip

    @blueprint.route("/anuncios/nuevo", methods=["GET", "POST"])
    @allows(*WRITERS)
    def announcement_new() -> Response:
        with reading(desk.engine) as connection:
            here = city(connection)
        form = _form(here, None if request.method == "POST" else _blank(here, desk.clock()))
        return _write(form, here, None)

    @blueprint.route("/anuncios/<int(max=2147483647):id>/editar", methods=["GET", "POST"])
    @allows(*WRITERS)
    def announcement_edit(id: int) -> Response:
        with reading(desk.engine) as connection:
            here, found = city(connection), known(connection, id)
        if found.kind != "announcement" or found.state not in ("draft", "asked", "approved"):
            abort(404)
        form = _form(here, None if request.method == "POST" else _as_typed(found.draft, here.hours.zone))
        return _write(form, here, found)

    def _write(form: Compose, here: Catalogue, found: Announcement | None) -> Response:
        """The form, what comes of it, and keeping it; the typed words stay whatever happens."""
        problem: Phrase | None = None
        draft, faults = _read(form, here)
        posted = request.method == "POST"
        if posted and request.form.get("hacer") == "guardar" and draft is not None:
            try:
                with transaction(desk.engine) as connection:
                    id = _keep(connection, draft, found)
                return see(".announcement", id=id)
            except NotPossible as reason:
                problem = reason.reason
        if draft is not None:
            faults = announcing.faults(draft, here, desk.clock())
        if posted:
            _mark(form, faults)
        return shown(
            "console/announcement_edit.html", 409 if problem else 422 if posted and draft is None else 200,
            form=form, found=found, problem=problem, tree=_tree(here), chosen=request.form.getlist("places") if posted
            else list(found.draft.audience.places) if found else [], revision=found.revision if found else 0,
            **(_looked(draft, here, faults) if posted and draft is not None else {"draft": None}),
        )  # fmt: skip

    def _keep(connection: Connection, draft: Draft, found: Announcement | None) -> int:
        if found is None:
            return announcing.create(connection, draft, staff().id, desk.clock())
        revision = request.form.get("seen", 0, int)
        announcing.edit(connection, found.id, revision, draft, staff().id, desk.clock())
        return found.id

    def _looked(draft: Draft, here: Catalogue, faults: Mapping[str, Phrase]) -> dict[str, Any]:
        """What a page shows of a draft: its messages, who gets it and what it costs."""
        with reading(desk.engine) as connection:
            templates = Templates.read(connection)
            estimate = None if faults.keys() & AUDIENCE else announcing.estimate(connection, here, draft, desk.clock())
        return {
            "draft": draft, "faults": faults, "estimate": estimate, "delivery": here.delivery,
            "previews": announcement_preview.preview(draft, desk.channels, templates), "tongues": LANGUAGE_NAMES,
            "reading": {each: announcement_reading(draft, each) for each in ("text_es", "short_es")},
            "uncarried": {each: announcing.uncarried(draft.words[each]["short"]) for each in LANGUAGES},
            "told": audience_words.told(draft.audience, draft.topic, here), "units": _units(here),
            "everybody": audience_words.is_everybody(draft.audience), "channels": audience_words.CHANNELS,
            "goes": _goes(draft, here), "labels": _labels(), "ready": dict(_ready(templates, draft)),
        }  # fmt: skip

    @blueprint.get("/anuncios/<int(max=2147483647):id>")
    @allows(*READERS)
    def announcement(id: int) -> Response:
        return _page(id, None)

    def _page(id: int, problem: Phrase | None) -> Response:
        now = desk.clock()
        with reading(desk.engine) as connection:
            here, found = city(connection), known(connection, id)
            asked = approvals.about(connection, announcing.KIND, str(id))
            begun = found.state not in BEFORE
            lines = progress.results(connection, here, found) if begun else []
            going = progress.of(lines, found) if begun else None
            ids = {found.made_by, found.approved_by, *found.authors} - {None}
            who = accounts.logins(connection, ids)
        faults = announcing.faults(found.draft, here, now) if found.state in ("draft", "asked") else {}
        follow = found.state == "sending" and "seguir" in request.args
        answer = shown(
            "console/announcement.html", 409 if problem else 200, found=found, problem=problem, asked=asked,
            states=STATES, holds=HOLDS, kinds=KINDS, categories=CATEGORIES, topics=audience_words.TOPICS, who=who,
            going=going, figures=figures.of(lines, here) if lines else None, outcomes=figures.OUTCOMES,
            measures=figures.MEASURES, why=figures.why, few=figures.few, follow=follow, every=EVERY, title=title,
            may_write=not staff().roles.isdisjoint(WRITERS), may_stop=not staff().roles.isdisjoint(STOPPERS),
            stoppable=found.state in announcing.STOPPABLE, spoilt=found.hold in announcing.SPOILT, now=now,
            trial=_trial(found),
            **_looked(found.draft, here, faults),
        )  # fmt: skip
        if follow:
            answer.headers["Refresh"] = str(EVERY)
        return answer

    def _trial(found: Announcement) -> str:
        """What one writes to one's own chat to see it there; nothing once it goes out."""
        if found.state not in announcement_trial.STATES:
            return ""
        word = announcement_trial.WORDS[request.path.startswith("/en/")]
        return f"{word} {announcement_trial.code(desk.secret, found)}"

    @blueprint.post("/anuncios/<int(max=2147483647):id>/<what>")
    @allows(*STOPPERS)
    def announcement_step(id: int, what: str) -> Response:
        steps = {"pausar": announcing.pause, "seguir": announcing.resume}
        own = {"pedir": _ask, "publicar": announcing.publish}
        if what not in (steps | own):
            abort(404)
        if what in own and staff().roles.isdisjoint(WRITERS):
            return shown("console/refused.html", 403)
        with reading(desk.engine) as connection:
            known(connection, id)
        try:
            with transaction(desk.engine) as connection:
                (steps | own)[what](connection, id, staff().id, desk.clock())
        except NotPossible as reason:
            return _page(id, reason.reason)
        return see(".announcement", id=id)

    def _ask(connection: Connection, id: int, by: int, now: datetime) -> None:
        announcing.ask(connection, city(connection), id, request.form.get("seen", ""), by, now)

    @blueprint.route("/anuncios/<int(max=2147483647):id>/cancelar", methods=["GET", "POST"])
    @allows(*STOPPERS)
    def announcement_end(id: int) -> Response:
        problem: Phrase | None = None
        if request.method == "POST":
            with reading(desk.engine) as connection:
                known(connection, id)
            try:
                with transaction(desk.engine) as connection:
                    announcing.cancel(connection, id, staff().id, desk.clock())
                return see(".announcement", id=id)
            except NotPossible as reason:
                problem = reason.reason
        with reading(desk.engine) as connection:
            found = known(connection, id)
        if found.state not in announcing.STOPPABLE and problem is None:
            abort(404)
        return shown(
            "console/announcement_end.html", 409 if problem else 200, found=found, problem=problem, title=title
        )


BEFORE = ("draft", "asked", "approved")
AUDIENCE = frozenset(Audience.__dataclass_fields__)


def announcement_reading(draft: Draft, field: str) -> Any:
    """How easy the Spanish is."""
    name, language = field.split("_")
    return texts.reading(draft.words[language][name])


def title(found: Announcement, language: str) -> str:
    """What an announcement is called in a list."""
    words = found.draft.words
    return next((each for of in (language, *LANGUAGES) if (each := words.get(of, {}).get("title"))), "")


def _who(found: Sequence[Announcement], here: Catalogue) -> dict[int, Phrase]:
    return {each.id: Joined(audience_words.told(each.draft.audience, each.draft.topic, here), " · ") for each in found}


def _units(here: Catalogue) -> dict[str, str]:
    return {code: place.name for code, place in here.city.territory.places.items()}


def _labels() -> dict[str, Phrase]:
    return {field.name: field.label.text for field in Compose()} | {"places": _("Places"), **_moments()}


def _moments() -> dict[str, Phrase]:
    return {"send_at": _("Goes out"), "until": _("Of use until")}


def _ready(templates: Templates, draft: Draft) -> list[tuple[str, bool]]:
    return [(language, templates.for_(draft.topic, language) is not None) for language in LANGUAGES]


def _goes(draft: Draft, here: Catalogue) -> datetime | None:
    """When the city's hours let it out, where that is later than it should go."""
    if draft.urgent:
        return None
    goes = here.hours.next(draft.send_at)
    return goes if goes > draft.send_at else None


def _tree(here: Catalogue) -> list[tuple[Any, list[Any]]]:
    """The places of the city, each with those that lie in it."""
    inside: dict[str | None, list[Any]] = {}
    for place in here.city.territory.places.values():
        inside.setdefault(place.parent, []).append(place)

    def branch(parent: str | None) -> list[tuple[Any, list[Any]]]:
        return [(place, branch(place.code)) for place in inside.get(parent, ())]

    return branch(None)


def _form(here: Catalogue, data: Mapping[str, Any] | None) -> Compose:
    """The form with what this city has to choose from."""
    form = Compose(request.form) if data is None else Compose(data=data)
    form.groups.choices = choices({option.id: option.label for option in here.city.questions.get("group", ())})
    form.follows.choices = choices(audience_words.followed(here))
    votes = {slug: here.consultations[slug].seen.title for slug in announcing.votes(here)}
    form.voted_in.choices = [SelectChoice("", _("No matter")), *choices(votes)]
    return form


def _blank(here: Catalogue, now: datetime) -> dict[str, Any]:
    """A new announcement: it goes out tomorrow at nine, or on the next day with hours, and is of use for three days."""
    zone = here.hours.zone
    nine = datetime.combine(here.hours.today(now) + timedelta(days=1), time(9), zone)
    return _times(here.hours.next(nine), here.hours.next(nine) + timedelta(days=3), zone)


def _times(send_at: datetime, until: datetime, zone: ZoneInfo) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, moment in (("send", send_at.astimezone(zone)), ("until", until.astimezone(zone))):
        found |= {f"{name}_day": f"{moment:%d/%m/%Y}", f"{name}_hour": f"{moment:%H:%M}"}
    return found


def _as_typed(draft: Draft, zone: ZoneInfo) -> dict[str, Any]:
    """A draft as somebody would have typed it."""
    words = {f"{name}_{language}": text for language, each in draft.words.items() for name, text in each.items()}
    audience = {**vars(draft.audience), "voted": "yes" if draft.audience.voted else "no"}
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in audience.items()}
    plain = {"topic": draft.topic, "category": draft.category, "urgent": draft.urgent}
    return {**words, **lists, **plain, **_times(draft.send_at, draft.until, zone)}


def _read(form: Compose, here: Catalogue) -> tuple[Draft | None, dict[str, Phrase]]:
    """What was typed as a draft, finished or not; nothing, and why, where its moments are none."""
    given = {name: field.data or "" for name, field in form._fields.items()}
    moments = {
        name: typed.moment(given[f"{key}_day"], given[f"{key}_hour"], here.hours.zone)
        for name, key in (("send_at", "send"), ("until", "until"))
    }
    good = {name: moment for name, moment in moments.items() if isinstance(moment, datetime)}
    if len(good) < len(moments):
        return None, {name: phrase(each) for name, each in moments.items() if not isinstance(each, datetime)}
    words = {
        language: {name: typed.cut(given[f"{name}_{language}"]) for name in ("title", "text", "short")}
        for language in LANGUAGES
    }
    lists = {name: tuple(given[name]) for name in ("groups", "languages", "channels", "roles", "follows")}
    audience = Audience(
        places=_outermost(here, request.form.getlist("places")), voted_in=given["voted_in"],
        voted=bool(given["voted_in"]) and given["voted"] == "yes", **lists,
    )  # fmt: skip
    draft = Draft(
        topic=given["topic"], category=given["category"], words=words, audience=audience,
        urgent=typed.cut(given["urgent"])[: announcing.MOST_REASON], **good,
    )  # fmt: skip
    return draft, {}


def _outermost(here: Catalogue, chosen: Sequence[str]) -> tuple[str, ...]:
    """The chosen places, without those that lie in another chosen one."""
    above = {code: {place.code for place in here.city.territory.above(code)} - {code} for code in chosen}
    return tuple(code for code in dict.fromkeys(chosen) if not above[code] & set(chosen))


def _mark(form: Compose, faults: Mapping[str, Phrase]) -> None:
    """Put what is wrong beside each field."""
    for name, fault in faults.items():
        field = WHEN.get(name, name)
        if field in form:
            form[field].errors = [fault]


def _approve(connection: Connection, asked: Approval, by: int, now: datetime) -> None:
    announcing.approve(connection, int(asked.subject), str(asked.detail["digest"]), by, now)


def _address(asked: Approval) -> str:
    return url_for(".announcement", id=int(asked.subject))


SAYS = _("Send the announcement {title}", title="")

STEPS = (
    Step(
        announcing.KIND, WRITERS, (Role.APPROVER,),
        lambda asked: Text(SAYS.msgid, {"title": Local(asked.detail["title"])}), _approve, look=_address,
        compare=_(
            "Read the words in both languages, to whom they go, how many people that is, what it costs, and when."
            " Whoever wrote any of the words cannot agree."
        ),
    ),
)  # fmt: skip
"""Sending: one asks, another agrees who wrote none of it."""
