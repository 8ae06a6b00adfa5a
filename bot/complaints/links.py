"""Links to an access key: made for a chat whose companies must not see one, good for a quarter of an hour and once.

Only the chat has the token; what is kept is found by its hash and opens with it.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.complaints.cases import Begun
from bot.tokens import Token
from storage import vault, volatile_visits

KIND = "link"
LASTS = timedelta(minutes=15)


def make(connection: Connection, begun: Begun, now: datetime) -> str:
    """The token of a new link; an earlier one to the same key opens nothing any more."""
    token = Token.new()
    volatile_visits.end_visits(connection, KIND, begun.new.id)
    body = vault.enclose(begun.packed(), token.secret)
    volatile_visits.begin_visit(connection, token.hashed, KIND, begun.new.id, body, now + LASTS)
    return token.shown


def works(connection: Connection, token: Token, now: datetime) -> bool:
    """Whether a link would show its key. To ask does not use it up."""
    return volatile_visits.visit(connection, token.hashed, KIND, now) is not None


def use_up(connection: Connection, token: Token, now: datetime) -> Begun | None:
    """The complaint whose key a link shows, this once; None if it ran out or was used."""
    row = volatile_visits.visit(connection, token.hashed, KIND, now)
    volatile_visits.end_visit(connection, token.hashed)
    return None if row is None else Begun.unpacked(vault.disclose(bytes(row.kept), token.secret))
