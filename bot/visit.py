"""A visit: who is speaking in a turn, and what the turn may use."""

import hmac
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from sqlalchemy import Connection

from bot.catalogue import Catalogue
from flows import people
from storage.ballot_keys import BallotKeys
from storage.ink import Ink


@dataclass
class Visit:
    """Who is speaking in this turn, and what the turn may use. Commands change it as they change the database."""

    connection: Connection
    catalogue: Catalogue
    keys: BallotKeys
    ink: Ink
    secret: bytes
    public_url: str
    now: datetime
    channel: str
    address: str
    contact_id: int
    language: str
    state: str
    phone: str | None
    person_id: int | None
    facts: people.Facts
    sent_at: datetime | None = None
    """When the message was written, where that is known of one that came late."""

    @property
    def today(self) -> date:
        """The day on the city's own calendar."""
        return self.catalogue.hours.today(self.now)


def hashed(secret: bytes, code: str) -> str:
    """A one-time code as it is kept: who reads the database cannot use it."""
    return hmac.new(secret, code.encode(), sha256).hexdigest()
