"""Recipients: the people an announcement was selected for, one row each, and what became of it.

waiting → queued (its message is in the outbox) or skipped (with the reason). A row is all that says who was told of
what: it goes with the person, and after the announcement's figures are final.
"""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.database import columns

WAITING = "state = 'waiting'"


class Recipient(SQLModel, table=True):
    """One person of one announcement.

    Nobody is told twice: one row for each person, and one for each contact, since several people may share a phone.
    `place` is the person's at that time. It may go from `due_at` on. `tries` counts the messages that were queued for
    it, `message_id` is the last of them, `cost` what it is charged at in pesos, over all tries.
    """

    announcement_id: int = Field(primary_key=True, foreign_key="announcement.id", ondelete="CASCADE")
    person_id: int = Field(primary_key=True, foreign_key="person.id", ondelete="CASCADE")
    contact_id: int = Field(foreign_key="contact.id", ondelete="CASCADE")
    channel: str = Field(max_length=16)
    place: str = Field(default="", max_length=80)
    state: str = Field(default="waiting", max_length=8)
    reason: str = Field(default="", max_length=16)
    due_at: datetime
    tries: int = Field(default=0)
    cost: int = Field(default=0)
    message_id: int | None = Field(default=None)
    queued_at: datetime | None = Field(default=None)

    __table_args__ = (
        Index("recipient_contact", "contact_id", "announcement_id", unique=True),
        Index("recipient_person", "person_id"),
        Index(
            "recipient_message", "message_id", unique=True,
            sqlite_where=text("message_id IS NOT NULL"), postgresql_where=text("message_id IS NOT NULL"),
        ),
        Index(
            "recipient_waiting", "channel", "announcement_id", "due_at", "person_id",
            sqlite_where=text(WAITING), postgresql_where=text(WAITING),
        ),
        {"sqlite_with_rowid": False},
    )  # fmt: skip


class Reached(SQLModel, table=True):
    """The final figures of an announcement: by unit (or empty), channel and outcome, with the reason of a failure."""

    announcement_id: int = Field(primary_key=True, foreign_key="announcement.id", ondelete="CASCADE")
    unit: str = Field(primary_key=True, max_length=80)
    channel: str = Field(primary_key=True, max_length=16)
    outcome: str = Field(primary_key=True, max_length=16)
    reason: str = Field(primary_key=True, max_length=40)
    people: int


_R, _F = columns(Recipient), columns(Reached)
