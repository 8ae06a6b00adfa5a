"""Plans: what was promised, as its file states it now, and every change that the file has gone through."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import Field, SQLModel

from storage import catalogue, voices
from storage.database import columns
from storage.voices import MilestoneRow


class PlanRow(SQLModel, table=True):
    """`body` is the plan as JSON, with its offices, committee, commitments and milestones."""

    __tablename__ = "plan"

    slug: str = Field(primary_key=True, max_length=40)
    body: str
    digest: str = Field(max_length=64)


class PlanChange(SQLModel, table=True):
    """One thing that a new version of the file changed. `subject` is a commitment or milestone; texts are JSON."""

    id: int | None = Field(default=None, primary_key=True)
    plan: str = Field(max_length=40, index=True)
    subject: str = Field(max_length=50)
    what: str = Field(max_length=20)
    before: str
    after: str
    at: datetime


_P, _M, _C = columns(PlanRow), columns(MilestoneRow), columns(PlanChange)

FOLLOWED = ("title", "span", "offices", "leads", "withdrawn")
"""What of a commitment or milestone is kept in the history when it changes."""


class Reported(Exception):
    """These milestones have reports and would disappear; nothing of the plan was written."""

    def __init__(self, milestones: list[str]):
        self.milestones = milestones
        super().__init__(", ".join(milestones))


class Taken(Exception):
    """Another plan that is loaded already has this commitment; nothing of this one was written."""

    def __init__(self, commitment: str, plan: str):
        self.commitment, self.plan = commitment, plan
        super().__init__(f"{commitment} is in {plan}")


def every(connection: Connection) -> list[PlanRow]:
    """All plans, in the order of their slugs."""
    rows = connection.execute(select(*_P).order_by(_P.slug))
    return [PlanRow(**row._asdict()) for row in rows]


def load(connection: Connection, slug: str, body: Mapping[str, Any], digest: str, now: datetime) -> str:
    """Write a plan from its file: new, changed or same. Raises Reported and Taken."""
    known = connection.execute(select(_P.body, _P.digest).where(_P.slug == slug).with_for_update()).one_or_none()
    if known is not None and known.digest == digest:
        return "same"
    before = json.loads(known.body) if known is not None else {"commitments": []}
    _keep_milestones(connection, slug, before, body)
    row = {"slug": slug, "body": json.dumps(body, ensure_ascii=False), "digest": digest}
    if known is None:
        connection.execute(insert(PlanRow), row)
    else:
        connection.execute(update(PlanRow).where(_P.slug == slug).values(**row))
        changes = [{**change, "plan": slug, "at": now} for change in _changes(_parts(before), _parts(body))]
        if changes:
            connection.execute(insert(PlanChange), changes)
    catalogue.changed(connection)
    return "new" if known is None else "changed"


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
