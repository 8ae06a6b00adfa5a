"""The city's texts: written in both languages side by side, seen as people will see them, and put back if need be."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, request
from sqlalchemy import Connection

from bot import texts
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.speech import LANGUAGES
from flows.language import Phrase, Text, _
from storage import audit
from storage import catalogue as shelf
from storage import staff as accounts
from storage import texts as versions
from storage.database import reading, transaction
from storage.delivery_folder import RULES
from storage.folder import TEXTS
from storage.hours import DAYS
from storage.retention import HOUR, PERIODS, lengths
from storage.texts import Stale
from web.console import delivery
from web.console.access import Role, allows, has, shown, staff
from web.console.answers import see
from web.console.forms import asked_number, plain
from web.invitation import Public

MOST = 20
"""Versions of a page."""

LABELS: Mapping[str, Text] = {
    "name": _("Name of the city"),
    "help": _("Help: which office, where, phone and hours"),
    "emergency": _("Danger to life: whom to call"),
    "privacy": _("Legal notice: who answers for the data"),
    "hours": _("Hours in which notices go out"),
    "retention": _("How long data are kept"),
    "delivery": _("Delivery: what messages cost, how many and where to"),
}
DAY_LABELS: Mapping[str, Text] = {
    "weekdays": _("Monday to Friday"),
    "saturdays": _("Saturdays"),
    "sundays": _("Sundays and holidays"),
}
KIND_LABELS: Mapping[str, Text] = {
    "ids of messages": _("The number of each message from a person, so that none counts twice"),
    "drafts and open talks": _("What somebody began to answer and did not finish"),
    "messages not delivered": _("A message that could not be delivered"),
    "records of messages sent": _("That a message was sent, but not what it said"),
    "parked errors": _("That a message met a fault of ours"),
    "contacts without consent": _("The chat of somebody who did not agree to take part"),
    "people who fell silent": _("The data of somebody who does not write any more"),
    "what people were told": _("That somebody was told of something they follow"),
    "whom announcements reached": _("Who was sent an announcement"),
    "announcements": _("Announcements, and how many people each reached"),
    "words of ideas": _("The words of an idea that somebody sent"),
    "sessions and invitations of the staff": _("Where the staff signed in"),
    "data requests": _("That somebody asked for their data, and when it was answered"),
}
FAULTS: Mapping[str, Text] = {
    "empty": _("Write something here."),
    "long": _("That is too long. At most {n} letters fit."),
    "hidden": _("There is a letter in it that nobody can see. Type it again without copying."),
    "hours": _("The first hour has to be before the last one."),
    "retention": _("Write a whole number from {least} to {most}."),
}
STALE = _("Somebody else changed this text while you wrote. Compare your words with the newest, and keep them again.")
LEGAL = frozenset({"privacy", "hours", "retention", "delivery"})
"""What only an administrator changes: what the law and a promise to people hang on."""


def add(blueprint: Blueprint, desk: Desk, public: Public) -> None:
    """Add the pages."""

    def city(connection: Connection) -> Catalogue:
        return desk.catalogue(connection, shelf.revision(connection))

    def mine(key: str) -> str:
        """A key that who is signed in may edit; 404 otherwise."""
        if key not in texts.KEYS or (key in LEGAL and not has(Role.ADMINISTRATOR)):
            abort(404)
        return key

    def keep(key: str, words: Mapping[str, Any], version: int, action: str) -> bool:
        """Write a text; False where somebody was quicker."""
        try:
            with transaction(desk.engine) as connection:
                new = texts.write(connection, key, words, version, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, action, key, version=new)
        except Stale:
            return False
        return True

    @blueprint.get("/textos", endpoint="texts")
    @allows(Role.ADMINISTRATOR, Role.COMMUNICATIONS)
    def index() -> Response:
        keys = [key for key in texts.KEYS if key not in LEGAL or has(Role.ADMINISTRATOR)]
        with reading(desk.engine) as connection:
            known, edited = shelf.texts(connection), versions.edited(connection)
        bodies = {key: json.loads(known[key]) for key in texts.WORDS if key in known}
        return shown("console/texts.html", keys=keys, labels=LABELS, bodies=bodies, edited=edited, words=texts.WORDS)

    @blueprint.route("/textos/<key>", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, Role.COMMUNICATIONS)
    def text(key: str) -> Response:
        if mine(key) not in texts.WORDS:
            return see(f".{key}")
        with reading(desk.engine) as connection:
            now, seen = versions.current(connection, key), city(connection)
            known = json.loads(shelf.texts(connection).get(key, "{}"))
        given = {each: texts.tidy(plain(request.form.get(each))) for each in LANGUAGES}
        words = given if request.method == "POST" else known
        wrong = {each: _fault(key, words.get(each, "")) for each in LANGUAGES} if request.method == "POST" else {}
        wrong = {each: fault for each, fault in wrong.items() if fault is not None}
        problem: Phrase | None = None
        if request.method == "POST" and not wrong and request.form.get("hacer") == "guardar":
            if keep(key, words, request.form.get("seen", 0, int), "text.changed"):
                return see(".texts")
            problem = STALE
        previews = [] if wrong else [
            shown_on for each in LANGUAGES for shown_on in texts.preview(seen, desk.channels, key, words, each)
        ]  # fmt: skip
        return shown(
            "console/text.html", 409 if problem else 422 if wrong else 200, key=key, label=LABELS[key], words=words,
            known=known, seen=now.version, wrong=wrong, problem=problem, previews=previews, most=TEXTS[key],
            lines=key == "help", reading=texts.reading(words.get("es", "")), tried=request.method == "POST",
        )  # fmt: skip

    @blueprint.route("/textos/horas", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR)
    def hours() -> Response:
        def read(known: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Phrase]]:
            given = {**known, **{kind: _span(kind) for kind in DAYS}}
            return given, dict.fromkeys(texts.hours_faults(given), FAULTS["hours"])

        return table("hours", "console/hours.html", read, days=DAY_LABELS)

    @blueprint.route("/textos/plazos", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, fresh=True)
    def retention() -> Response:
        def read(known: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Phrase]]:
            given = {kind: request.form.get(kind, -1, int) for kind in PERIODS}
            wrong = {kind: texts.limits(kind, known) for kind in texts.retention_faults(given, known)}
            said = FAULTS["retention"].msgid
            return given, {kind: _(said, least=least, most=most) for kind, (least, most) in wrong.items()}

        return table("retention", "console/retention.html", read, kinds=KIND_LABELS)

    @blueprint.route("/entrega", methods=["GET", "POST"], endpoint="delivery")
    @allows(Role.ADMINISTRATOR)
    def delivery_() -> Response:
        with reading(desk.engine) as connection:
            here = city(connection)
        places, usual = here.city.territory.places, here.hours.spans
        return table(
            "delivery", "console/delivery.html", lambda _known: delivery.read(places, usual), days=DAY_LABELS,
            tree=places, usual=usual, names=delivery.names(), prices=delivery.price_fields(), rules=list(RULES),
            shown_as=delivery.shown_as,
        )  # fmt: skip

    def table(
        key: str, template: str, read: Callable[[Mapping[str, Any]], tuple[dict[str, Any], dict[str, Phrase]]],
        **more: Any,
    ) -> Response:  # fmt: skip
        """A text that is no words but numbers: shown, seen once more, and then kept."""
        with reading(desk.engine) as connection:
            now, seen = versions.current(connection, key), city(connection)
            known = json.loads(shelf.texts(connection).get(key, "{}"))
        chosen = _in_force(key, known, seen)
        given, wrong, problem = chosen, dict[str, Phrase](), None
        if request.method == "POST":
            given, wrong = read(chosen)
            if not wrong and request.form.get("hacer") == "guardar":
                if keep(key, given, request.form.get("seen", 0, int), "text.changed"):
                    return see(".texts")
                problem = STALE
        return shown(
            template, 409 if problem else 422 if wrong else 200, label=LABELS[key], given=given, known=chosen,
            seen=now.version, wrong=wrong, problem=problem, tried=request.method == "POST" and not wrong,
            limits={kind: texts.limits(kind, chosen) for kind in PERIODS}, key=key,
            hourly={kind for kind, period in PERIODS.items() if period.unit == HOUR}, **more,
        )  # fmt: skip

    @blueprint.get("/textos/<key>/historia")
    @allows(Role.ADMINISTRATOR, Role.COMMUNICATIONS)
    def text_history(key: str) -> Response:
        before = asked_number("antes")
        with reading(desk.engine) as connection:
            found = versions.history(connection, mine(key), before, MOST + 1)
            who = accounts.logins(connection, {row.by for row in found})
            newest = versions.current(connection, key).version
        rows = [(row, json.loads(row.body)) for row in found[:MOST]]
        more = found[MOST - 1].id if len(found) > MOST else None
        return shown(
            "console/text_history.html", key=key, label=LABELS[key], rows=rows, who=who, more=more, newest=newest,
            is_words=key in texts.WORDS,
        )  # fmt: skip

    @blueprint.route("/textos/<key>/historia/<int(max=2147483647):number>", methods=["GET", "POST"])
    @allows(Role.ADMINISTRATOR, Role.COMMUNICATIONS)
    def text_version(key: str, number: int) -> Response:
        with reading(desk.engine) as connection:
            row = versions.version(connection, mine(key), number) or abort(404)
            now, seen = versions.current(connection, key), city(connection)
            known = _in_force(key, json.loads(shelf.texts(connection).get(key, "{}")), seen)
            who = accounts.logins(connection, {row.by})
        words = json.loads(row.body)
        problem = _unfit(key, words, known)
        if request.method == "POST" and problem is None:
            if keep(key, words, request.form.get("seen", 0, int), "text.restored"):
                return see(".text_history", key=key)
            problem = STALE
        return shown(
            "console/text_version.html", 409 if request.method == "POST" else 200, key=key, label=LABELS[key], row=row,
            words=words, seen=now.version, who=who, problem=problem, is_words=key in texts.WORDS,
            current=number == now.version,
        )  # fmt: skip


def _in_force(key: str, known: Mapping[str, Any], city: Catalogue) -> dict[str, Any]:
    """Numbers as they hold now, also where the city has chosen none."""
    if key == "retention":
        return {kind: PERIODS[kind].number(length) for kind, length in lengths(known).items()}
    if key == "hours":
        return {**known, **{kind: list(span) for kind, span in city.hours.spans.items()}}
    return delivery.in_force(known) if key == "delivery" else dict(known)


def _unfit(key: str, words: Mapping[str, Any], known: Mapping[str, Any]) -> Phrase | None:
    """Why an older version cannot be put back today, or None."""
    if key in texts.WORDS:
        return next((fault for each in LANGUAGES if (fault := _fault(key, words.get(each, "")))), None)
    if key == "hours":
        return FAULTS["hours"] if texts.hours_faults(words) else None
    if key == "delivery":
        return next(iter(delivery.wrong(words).values()), None)
    return _("Some lengths in it are not allowed any more.") if texts.retention_faults(words, known) else None


def _fault(key: str, text: str) -> Phrase | None:
    if texts.fault(key, text) is None:
        return None
    if not text:
        return FAULTS["empty"]
    return Text(FAULTS["long"].msgid, {"n": TEXTS[key]}) if len(text) > TEXTS[key] else FAULTS["hidden"]


def _span(kind: str) -> list[int]:
    """The hours of a kind of day as they were chosen; none where nothing goes out."""
    first, last = (request.form.get(f"{kind}-{end}", -1, int) for end in ("first", "last"))
    return [] if first < 0 and last < 0 else [first, last]
