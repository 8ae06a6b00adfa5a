"""A read folder written to the database, whole or not at all."""

import json
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from storage import catalogue, consultations, drafts, plans, texts
from storage.catalogue import CityText, PlaceRow
from storage.consultations import ConsultationRow
from storage.folder import Folder, ReadConsultation

TEXTS = "texts"
"""What names the city's texts beside the slugs of plans, where a file shall win over what staff have edited."""


@dataclass(frozen=True)
class Loaded:
    """What a folder brought: how many places and texts it has, whether they differ from before, and the slugs of its
    consultations, and what became of them; `plans` says of each plan whether it is new, changed, same or kept as staff
    have edited it. `kept` are the texts that say something else than the folder, because staff wrote them."""

    places: int
    texts: int
    places_changed: bool
    texts_changed: bool
    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    plans: Mapping[str, str]
    kept: tuple[str, ...] = ()

    def __str__(self) -> str:
        changed, same = "changed", "as before"
        parts = [
            f"{self.places} places ({changed if self.places_changed else same})",
            f"{self.texts} texts ({changed if self.texts_changed else same})",
        ]
        for what, slugs in (("new", self.new), (changed, self.changed), (same, self.same)):
            parts += [f"consultation {slug} ({what})" for slug in slugs]
        parts += [f"text {key} (edited by the staff, kept)" for key in self.kept]
        parts += [f"plan {slug} ({same if word == 'same' else word})" for slug, word in self.plans.items()]
        return ", ".join(parts)


class Edited(Exception):
    """These consultations are in work in the console, and the folder says something else than the database; nothing of
    the folder was written."""

    def __init__(self, slugs: Sequence[str]):
        self.slugs = tuple(slugs)
        super().__init__(f"in work in the console: {', '.join(slugs)}")


class Frozen(Exception):
    """These consultations were opened and their files say something else now; nothing of the folder was written."""

    def __init__(self, slugs: Sequence[str]):
        self.slugs = tuple(slugs)
        self.slug = ", ".join(slugs)
        super().__init__(f"already opened, and its files differ: {self.slug}")


def load(connection: Connection, folder: Folder, now: datetime | None = None, replace: Collection[str] = ()) -> Loaded:
    """Write the city in the transaction of `connection`; loading the same again changes nothing.

    Raises Frozen, Edited, and `plans.Edited`, `plans.Reported` or `plans.Taken` for a plan that cannot be written.
    `now` is when, for the history of the plans and texts. What staff have edited stays as it is, but for what `replace`
    names: plans whose file wins, and `texts`; what they said stays in their history either way.

    The tree of places becomes the file's. People keep the code of a place that is no longer in it, which is then
    unknown and lies in nothing. Consultations that are not in the folder stay as they are.
    """
    differing = _differing(connection, folder)
    frozen = [slug for slug, state in differing.items() if state not in ("draft", "new")]
    if frozen:
        raise Frozen(frozen)
    drafted = drafts.of_slugs(connection, list(differing))
    if drafted:
        raise Edited(drafted)
    catalogue.hold(connection)  # a text may be edited at the same time
    when = now or datetime.now(UTC)
    edited = frozenset[str]() if TEXTS in replace else texts.edited(connection)
    places_changed, kept = _load_places(connection, folder), _kept(connection, folder, edited)
    texts_changed = _load_texts(connection, folder, edited, when)
    if places_changed or texts_changed:
        catalogue.changed(connection)
    became: dict[str, list[str]] = {"new": [], "changed": [], "same": [], "frozen": []}
    for consultation in folder.consultations:
        became[consultations.load(connection, consultation_row(consultation))].append(consultation.slug)
    if became["frozen"]:
        raise Frozen(became["frozen"])
    written = {
        plan.slug: plans.load(connection, plan.slug, plan.as_json(), plan.digest, when, plan.slug in replace)
        for plan in folder.plans
    }
    return Loaded(
        len(folder.places),
        len(_texts(folder)),
        places_changed,
        texts_changed,
        tuple(became["new"]),
        tuple(became["changed"]),
        tuple(became["same"]),
        written,
        kept,
    )


def _differing(connection: Connection, folder: Folder) -> dict[str, str]:
    """The consultations that would be written, by slug, with their state; `new` are those that are not there."""
    # Locked: nobody may open one of them between this look and the writing below.
    columns = ConsultationRow.__table__.c  # type: ignore[attr-defined]
    digests = {consultation.slug: consultation.digest for consultation in folder.consultations}
    known = select(columns.slug, columns.state, columns.digest).where(columns.slug.in_(digests)).order_by(columns.slug)
    rows = connection.execute(known.with_for_update()).all()
    same = {row.slug for row in rows if row.digest == digests[row.slug]}
    states = {row.slug: row.state for row in rows}
    return {slug: states.get(slug, "new") for slug in sorted(digests) if slug not in same}


def _load_places(connection: Connection, folder: Folder) -> bool:
    """Put the tree in place of the one there was; whether it differs."""
    values = [
        {
            "code": place.code,
            "kind": place.kind,
            "name": place.name,
            "parent": place.parent,
            "names": "\n".join(place.names),
            "profile": place.profile,
            "position": position,
        }
        for position, place in enumerate(folder.places)
    ]
    if [row.model_dump() for row in catalogue.places(connection)] == values:
        return False
    connection.execute(delete(PlaceRow))
    connection.execute(insert(PlaceRow), values)
    return True


def _kept(connection: Connection, folder: Folder, edited: Set[str]) -> tuple[str, ...]:
    """The edited texts of which the folder says something else."""
    known = catalogue.texts(connection)
    return tuple(key for key, body in _texts(folder).items() if key in edited and known.get(key) != body)


def _load_texts(connection: Connection, folder: Folder, edited: Set[str], now: datetime) -> bool:
    """Put the texts in place of those with the same keys, except the edited ones; whether they differ."""
    known = catalogue.texts(connection)
    new = {key: body for key, body in _texts(folder).items() if key not in edited and known.get(key) != body}
    if not new:
        return False
    connection.execute(delete(CityText).where(CityText.key.in_(new)))  # type: ignore[attr-defined]
    connection.execute(insert(CityText), [{"key": key, "body": body} for key, body in new.items()])
    texts.note(connection, new, now)
    return True


def _texts(folder: Folder) -> dict[str, str]:
    questions = {name: [choice.as_json() for choice in choices] for name, choices in folder.questions.items()}
    words: dict[str, Any] = {"name": folder.name, **folder.texts, "questions": questions, "hours": dict(folder.hours)}
    if folder.retention:
        words["retention"] = dict(folder.retention)
    if folder.intake is not None:
        words["intake"] = folder.intake
    if folder.delivery:
        words["delivery"] = folder.delivery
    return {"zone": folder.zone, **{key: _json(value) for key, value in words.items()}}


def consultation_row(consultation: ReadConsultation) -> dict[str, Any]:
    """The columns of a consultation's row, as `storage.consultations.load` takes them."""
    return {
        "slug": consultation.slug,
        "title": _json(consultation.title),
        "opens_at": consultation.opens_at,
        "closes_at": consultation.closes_at,
        "paper_until": consultation.paper_until,
        "zone": consultation.zone,
        "rules": _json(consultation.rules),
        "proposals": _json([proposal.as_json() for proposal in consultation.proposals]),
        "digest": consultation.digest,
    }


def _json(value: Mapping[str, Any] | list[dict[str, Any]]) -> str:
    return json.dumps(value, ensure_ascii=False)
