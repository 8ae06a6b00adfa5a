"""Drafts: a complaint between the form and the database. Its form's token finds it, opens it, and files it once."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from bot.catalogue import Catalogue
from bot.complaints import cases
from bot.complaints.cases import Begun
from bot.desk import Desk
from bot.tokens import Token
from storage import vault, volatile, volatile_visits
from storage.cases import SealedPart
from storage.database import reading, transaction

BEGUN, FILED = "begun", "filed"
"""What a form's token opens in the volatile store: a complaint that waits for a decision, or one that is filed."""

SHOWN = timedelta(minutes=15)
"""How long the page of the codes can be loaded again: a phone that lost the answer asks once more."""


def begin(desk: Desk, store: Engine, token: Token, excluded: str) -> Begun | None:
    """The complaint of this form: the one that it began before, or a new one (0.25 s of processor time).

    None if the form filed one whose codes are shown no more: it was sent twice at once, and the other was quicker.
    """
    known = begun(desk, store, token)
    if known is not None and known.excluded == excluded:
        return known
    with reading(desk.engine) as connection:
        made = cases.begin(connection, excluded)
    with transaction(store) as connection:
        if volatile.was_taken(connection, _once(token)):
            return _open(connection, desk, token, FILED)
        known = _open(connection, desk, token, BEGUN)
        if known is not None and known.excluded == excluded:
            return known
        body = vault.enclose(made.packed(), token.secret)
        volatile_visits.begin_visit(connection, token.hashed, BEGUN, "", body, desk.clock() + volatile.IDLE)
    return made


def begun(desk: Desk, store: Engine, token: Token) -> Begun | None:
    """The complaint that this form began, unless its time is over."""
    with reading(store) as connection:
        return _open(connection, desk, token, BEGUN)


def filed(desk: Desk, store: Engine, token: Token) -> Begun | None:
    """The complaint that this form filed, as long as its codes can be shown."""
    with reading(store) as connection:
        return _open(connection, desk, token, FILED)


def was_filed(store: Engine, token: Token) -> bool:
    """Whether this form filed a complaint, at whatever time."""
    with reading(store) as connection:
        return volatile.was_taken(connection, _once(token))


def file(desk: Desk, store: Engine, city: Catalogue, token: Token, new: Begun, parts: Collection[SealedPart]) -> None:
    """File the complaint. What is sent twice, also at the same time or after a crash, is filed once."""
    now = desk.clock()
    cases.file(desk.engine, city, new, parts, now)
    with transaction(store) as connection:
        volatile.end_draft(connection, token.hashed)
        volatile.take(connection, _once(token), now)  # not before: who reads "it is filed" must be able to rely on it
        _show(connection, token, new, now)


def show(desk: Desk, store: Engine, token: Token, new: Begun) -> None:
    """Have this token's page show the codes of a complaint that was filed elsewhere."""
    with transaction(store) as connection:
        volatile.take(connection, _once(token), desk.clock())
        _show(connection, token, new, desk.clock())


def _show(connection: Connection, token: Token, new: Begun, now: datetime) -> None:
    body = vault.enclose(new.packed(), token.secret)
    volatile_visits.begin_visit(connection, token.hashed, FILED, "", body, now + SHOWN)


def close(store: Engine, token: Token) -> None:
    """Show the codes no more."""
    with transaction(store) as connection:
        volatile_visits.end_visit(connection, token.hashed)


def _open(connection: Connection, desk: Desk, token: Token, kind: str) -> Begun | None:
    row = volatile_visits.visit(connection, token.hashed, kind, desk.clock())
    return None if row is None else Begun.unpacked(vault.disclose(bytes(row.kept), token.secret))


def _once(token: Token) -> str:
    return f"denuncia:{token.hashed}"
