"""What needs two people: asked for by one, it happens only when a second one agrees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort
from sqlalchemy import Connection

from bot.desk import Desk
from bot.lifecycle import NotPossible
from flows.language import Phrase, Text, _
from storage import approvals, audit
from storage import staff as accounts
from storage.approvals import Approval, Decided, SamePerson
from storage.database import reading, transaction
from web.console.access import Role, allows, has, shown, staff
from web.console.answers import see

LATEST = 20
"""Decided ones that are still shown."""


def _nothing_more(_desk: Desk, _asked: Approval) -> None:
    pass


def _all(_asked: Approval) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """One kind of thing that needs two people.

    `act` carries it out in the transaction in which it is granted, by whom and when; it raises NotPossible, with the
    reason, when what was asked has changed since. `after` does what can only follow the commit. `compare` says what
    a second person looks at before agreeing, and `look` names the page that has it.
    `sees` says whether who is signed in may know of it at all.
    """

    kind: str
    asks: tuple[Role, ...]
    grants: tuple[Role, ...]
    says: Callable[[Approval], Phrase]
    act: Callable[[Connection, Approval, int, datetime], None]
    after: Callable[[Desk, Approval], None] = _nothing_more
    compare: Phrase = ""
    look: Callable[[Approval], str] | None = None
    sees: Callable[[Approval], bool] = _all


OUTCOMES: Mapping[str, Text] = {
    "granted": _("Agreed"),
    "refused": _("Refused"),
    "withdrawn": _("Withdrawn"),
    "expired": _("Ran out before anybody decided"),
}


def withdraw_request(connection: Connection, kind: str, subject: str, by: int | None, now: datetime) -> None:
    """What waits for a second person about something ends with it."""
    for id in approvals.withdraw(connection, kind, subject, by, now):
        audit.note(connection, now, by, "approval.withdrawn", str(id))


def mine(steps: Sequence[Step], found: Sequence[Approval]) -> list[Approval]:
    """Those that who is signed in may grant, or ask for."""
    seen = {step.kind: step for step in steps if has(*step.asks, *step.grants)}
    return [each for each in found if each.kind in seen and seen[each.kind].sees(each)]


def add(blueprint: Blueprint, desk: Desk, steps: Sequence[Step]) -> None:
    """Add the pages; whoever may grant or ask for one of the steps sees those."""
    known = {step.kind: step for step in steps}

    @blueprint.get("/pendientes")
    @allows(*Role)
    def pending() -> Response:
        with reading(desk.engine) as connection:
            waiting = mine(steps, approvals.waiting(connection))
            decided = mine(steps, approvals.latest(connection, LATEST))
            ids = {each.asked_by for each in (*waiting, *decided)} | {each.decided_by for each in decided}
            who = accounts.logins(connection, ids)
        return shown(
            "console/pending.html",
            waiting=waiting,
            decided=decided,
            who=who,
            steps=known,
            me=staff().id,
            outcomes=OUTCOMES,
        )

    @blueprint.get("/pendientes/<int(max=2147483647):id>")
    @allows(*Role, fresh=True)
    def request_(id: int) -> Response:
        return _page(id, None)

    @blueprint.post("/pendientes/<int(max=2147483647):id>/<outcome>")
    @allows(*Role, fresh=True)
    def decide(id: int, outcome: str) -> Response:
        word = {"aceptar": "granted", "rechazar": "refused", "retirar": "withdrawn"}.get(outcome) or abort(404)
        asked, step = _known(id)
        right = staff().id == asked.asked_by if word == "withdrawn" else has(*step.grants)
        if not right:
            return shown("console/refused.html", 403)
        try:
            with transaction(desk.engine) as connection:
                asked = approvals.decide(connection, id, staff().id, word, desk.clock())
                if word == "granted":
                    step.act(connection, asked, staff().id, desk.clock())
                audit.note(connection, desk.clock(), staff().id, f"approval.{word}", str(id))
        except SamePerson:
            return _page(id, _("You asked for this yourself: somebody else has to agree."))
        except Decided:
            return _page(id, _("Somebody decided this before you."))
        except NotPossible as problem:
            return _page(id, problem.reason)
        if word == "granted":
            step.after(desk, asked)
        return see(".pending")

    def _known(id: int) -> tuple[Approval, Step]:
        with reading(desk.engine) as connection:
            asked = approvals.one(connection, id)
        if asked is None or not mine(steps, [asked]):
            abort(404)
        return asked, known[asked.kind]

    def _page(id: int, problem: Phrase | None) -> Response:
        asked, step = _known(id)
        with reading(desk.engine) as connection:
            who = accounts.logins(connection, (asked.asked_by, asked.decided_by))
        own = asked.asked_by == staff().id
        return shown(
            "console/request.html", 409 if problem else 200, asked=asked, step=step, who=who, own=own,
            may=has(*step.grants) and not own, problem=problem, outcomes=OUTCOMES,
        )  # fmt: skip
