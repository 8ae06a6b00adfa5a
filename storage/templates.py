"""Templates: the WhatsApp messages that Meta has to approve before they may open a conversation."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from storage.database import columns

STATUSES = ("unsubmitted", "pending", "approved", "rejected", "paused", "disabled")


class TemplateRow(SQLModel, table=True):
    """A template as Twilio has it; `sid` is its content, `digest` that of the words it was made with, `status` one of
    STATUSES, and `reason` what Meta says of it."""

    __tablename__ = "template"

    name: str = Field(primary_key=True, max_length=40)
    language: str = Field(primary_key=True, max_length=8)
    sid: str = Field(max_length=40)
    category: str = Field(max_length=12)
    digest: str = Field(max_length=64)
    status: str = Field(max_length=16)
    reason: str = Field(default="", max_length=200)
    checked_at: datetime


_T = columns(TemplateRow)
