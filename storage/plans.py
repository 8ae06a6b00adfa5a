"""Plans: what was promised, as its file states it now, and every change that the file has gone through."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage import catalogue, voices
from storage.database import columns
from storage.plan_folder import digest_of
from storage.voices import MilestoneRow


class PlanRow(SQLModel, table=True):
    """`body` is the plan as JSON, with its offices, committee, commitments and milestones; `digest` is its SHA-256.

    `loaded` is the digest of the file that was loaded last: where the two differ, staff have edited the plan since.
    """

    __tablename__ = "plan"

    slug: str = Field(primary_key=True, max_length=40)
    body: str
    digest: str = Field(max_length=64)
    loaded: str = Field(max_length=64)


class PlanChange(SQLModel, table=True):
    """One thing that a new version of the plan changed. `subject` is a commitment or milestone; texts are JSON.

    `staff_id` is who edited it, None where it was the file; `reason` why, in their words.
    """

    id: int | None = Field(default=None, primary_key=True)
    plan: str = Field(max_length=40, index=True)
    subject: str = Field(max_length=50)
    what: str = Field(max_length=20)
    before: str
    after: str
    at: datetime
    staff_id: int | None = Field(default=None)
    reason: str = Field(default="")


_P, _M, _C = columns(PlanRow), columns(MilestoneRow), columns(PlanChange)

FOLLOWED = (
    "title", "short", "more", "official", "number", "objective", "span", "offices", "leads", "partners", "areas",
    "values", "sdgs", "consultation", "proposal", "withdrawn",
)  # fmt: skip
"""What of a commitment or milestone is kept in the history when it changes."""


class Reported(Exception):
    """These milestones have reports or grades and would disappear; nothing of the plan was written."""

    def __init__(self, milestones: list[str]):
        self.milestones = milestones
        super().__init__(", ".join(milestones))


class Taken(Exception):
    """Another plan that is loaded already has this commitment; nothing of this one was written."""

    def __init__(self, commitment: str, plan: str):
        self.commitment, self.plan = commitment, plan
        super().__init__(f"{commitment} is in {plan}")


class Edited(Exception):
    """Staff have edited this plan since its file was loaded, and the file says something new; nothing was written."""

    def __init__(self, plan: str):
        self.plan = plan
        super().__init__(plan)


def every(connection: Connection) -> list[PlanRow]:
    """All plans, in the order of their slugs."""
    rows = connection.execute(select(*_P).order_by(_P.slug))
    return [PlanRow(**row._asdict()) for row in rows]


def load(
    connection: Connection, slug: str, body: Mapping[str, Any], digest: str, now: datetime, replace: bool = False
) -> str:
    """Write a plan from its file: new, changed, same, or kept where staff have edited what this same file brought.

    `replace` lets the file win over what staff have edited. Raises Edited, Reported and Taken.
    """
    known = connection.execute(select(*_P).where(_P.slug == slug).with_for_update()).one_or_none()
    if known is None:
        _keep_milestones(connection, slug, {"commitments": []}, body)
        connection.execute(insert(PlanRow), {"slug": slug, "body": _json(body), "digest": digest, "loaded": digest})
        catalogue.changed(connection)
        return "new"
    if known.digest == digest:
        connection.execute(update(PlanRow).where(_P.slug == slug).values(loaded=digest))
        return "same"
    if known.digest != known.loaded and not replace:
        if known.loaded == digest:
            return "kept"
        raise Edited(slug)
    _rewrite(connection, slug, json.loads(known.body), body, {"at": now})
    connection.execute(update(PlanRow).where(_P.slug == slug).values(loaded=digest))
    return "changed"


def body_of(connection: Connection, slug: str) -> dict[str, Any] | None:
    """A plan as JSON."""
    found = connection.execute(select(_P.body).where(_P.slug == slug)).scalar_one_or_none()
    return None if found is None else json.loads(found)


def held(connection: Connection, slug: str) -> dict[str, Any] | None:
    """A plan as JSON, which nobody else can change before this transaction ends."""
    found = connection.execute(select(_P.body).where(_P.slug == slug).with_for_update()).scalar_one_or_none()
    return None if found is None else json.loads(found)


def edit(
    connection: Connection, slug: str, body: Mapping[str, Any], staff_id: int, reason: str, now: datetime
) -> list[str]:
    """Write a plan as staff have edited it; the fields that changed. Raises KeyError without that plan, Reported and
    Taken."""
    before = held(connection, slug)
    if before is None:
        raise KeyError(slug)
    return _rewrite(connection, slug, before, body, {"at": now, "staff_id": staff_id, "reason": reason})


def has_commitment(connection: Connection, id: str) -> bool:
    """Whether any plan has a commitment with this id."""
    return connection.execute(select(_M.id).where(_M.id.startswith(f"{id}.")).limit(1)).first() is not None


def used_numbers(connection: Connection, slug: str, commitment: str) -> list[int]:
    """The numbers of milestones that a commitment once had: what was said of them stays in its history."""
    gone = select(_C.subject).where(_C.plan == slug, _C.what == "removed", _C.subject.startswith(f"{commitment}."))
    return [int(subject.rpartition(".")[2]) for subject in connection.scalars(gone)]


def changes(connection: Connection, slug: str) -> list[PlanChange]:
    """What has changed in a plan, oldest first."""
    rows = connection.execute(select(*_C).where(_C.plan == slug).order_by(_C.id))
    return [PlanChange(**row._asdict()) for row in rows]


def moved(connection: Connection, slug: str, since: datetime) -> list[Row[Any]]:
    """What was moved to other dates or withdrawn since then, oldest first: id, subject, what, before, after, at."""
    mine = select(*_C).where(_C.plan == slug, _C.at >= since, _C.what.in_(("span", "withdrawn")))
    return list(connection.execute(mine.order_by(_C.id)))


def milestone_ids(body: Mapping[str, Any]) -> list[str]:
    return [f"{c['id']}.{m['number']}" for c in body["commitments"] for m in c["milestones"]]


def _rewrite(
    connection: Connection, slug: str, before: Mapping[str, Any], after: Mapping[str, Any], whence: Mapping[str, Any]
) -> list[str]:
    """Put one body in place of another and keep what changed; `whence` are the columns that tell who, when and why."""
    _keep_milestones(connection, slug, before, after)
    values = {"body": _json(after), "digest": digest_of(after)}
    connection.execute(update(PlanRow).where(_P.slug == slug).values(**values))
    found = _changes(_parts(before), _parts(after))
    if found:
        connection.execute(insert(PlanChange), [{**change, "plan": slug, **_NOBODY, **whence} for change in found])
    catalogue.changed(connection)
    return [change["what"] for change in found]


_NOBODY: Mapping[str, Any] = {"staff_id": None, "reason": ""}


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _keep_milestones(connection: Connection, slug: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    gone, new = set(milestone_ids(before)), set(milestone_ids(after))
    gone, new = gone - new, new - gone
    kept = voices.reported_among(connection, sorted(gone))
    if kept:
        raise Reported(kept)
    if gone:
        connection.execute(delete(MilestoneRow).where(_M.id.in_(gone)))
    if new:
        other = connection.execute(select(_M.id, _M.plan).where(_M.id.in_(new)).limit(1)).one_or_none()
        if other is not None:
            raise Taken(other.id.rpartition(".")[0], other.plan)
        connection.execute(insert(MilestoneRow), [{"id": id, "plan": slug} for id in sorted(new)])


def _parts(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Commitments and milestones by id."""
    found: dict[str, Mapping[str, Any]] = {}
    for commitment in body["commitments"]:
        found[commitment["id"]] = commitment
        for milestone in commitment["milestones"]:
            found[f"{commitment['id']}.{milestone['number']}"] = milestone
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for subject in (*before, *(each for each in after if each not in before)):
        old, new = before.get(subject), after.get(subject)
        if old is None or new is None:
            title = (old or new or {})["title"]
            found.append(_change(subject, "removed" if new is None else "added", title, {}))
            continue
        for what in FOLLOWED:
            # JSON has lists where Python has tuples: compare what is kept.
            one, other = json.dumps(old.get(what)), json.dumps(new.get(what))
            if one != other:
                found.append(_change(subject, what, old.get(what), new.get(what)))
    return found


def _change(subject: str, what: str, before: Any, after: Any) -> dict[str, str]:
    texts = [json.dumps(each, ensure_ascii=False) for each in (before, after)]
    return {"subject": subject, "what": what, "before": texts[0], "after": texts[1]}
