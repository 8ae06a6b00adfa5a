"""The tables of the volatile store (`storage/volatile.py`): a file of its own, no part of the database."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table
from sqlmodel.sql.sqltypes import UTCDateTime

TABLES = MetaData()

DRAFT = Table(
    "draft", TABLES,
    Column("chat", String, primary_key=True),
    Column("flow", String, nullable=False),
    Column("subject", String, nullable=False, default=""),
    Column("journal", String, nullable=False, default=""),
    Column("language", String, nullable=False),
    Column("kept", LargeBinary, nullable=False, default=b""),
    Column("begun_at", UTCDateTime(), nullable=False),
    Column("touched_at", UTCDateTime(), nullable=False),
)  # fmt: skip
"""One confidential conversation: `chat` is channel and address; `kept` is what its commands need later, as JSON."""

TAKEN = Table(
    "taken", TABLES, Column("message", String, primary_key=True), Column("until", UTCDateTime(), nullable=False)
)
"""Messages that were taken in, by channel and the provider's id."""

PART = Table(
    "part", TABLES,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""Sealed parts of a draft (`owner` is its chat, or the hash of a visitor's token), until they are filed."""

OUTGOING = Table(
    "outgoing", TABLES,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("address", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("secret", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", UTCDateTime(), nullable=False),
    Column("until", UTCDateTime(), nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
"""Replies that wait to be sent; `secret` ones hold an access key. They are wiped when the provider has them."""

TRACE = Table(
    "trace", TABLES,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("address", String, nullable=False),
    Column("message", String, nullable=False),
    Column("secret", Boolean, nullable=False, default=False),
    Column("due_at", UTCDateTime(), nullable=False),
    Column("until", UTCDateTime(), nullable=False),
    Index("trace_message", "channel", "address", "message", unique=True),
)  # fmt: skip
"""Messages that a provider has and is to delete at `due_at`; it can until `until`."""

VISIT = Table(
    "visit", TABLES,
    Column("token", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""A browser that has a case open, or a receiver's key: `token` is the hash of what only the browser holds, `subject`
the case's id or the member of the staff, `kept` is sealed with the browser's token."""

TALLY = Table(
    "tally", TABLES,
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("until", UTCDateTime(), nullable=False),
)  # fmt: skip
"""How often something was tried, until then."""

PROBE = Table(
    "probe", TABLES, Column("token", String, primary_key=True), Column("until", UTCDateTime(), nullable=False)
)
"""What a worker writes so that the processes that take messages in can see it."""
