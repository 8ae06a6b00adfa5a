"""Logs: one line of JSON for each event on standard error, for an operator; never what people write or who they are."""

import logging
import sys

import structlog

QUIET = (
    "sqlalchemy",
    "httpx",
    "telegram",
    "twilio",
    "twilio.http_client",
    "aiohttp.access",
    "apscheduler",
    "urllib3",
    "alembic",
    "asyncio",
)
"""Libraries that would log addresses, tokens or bodies at a lower level (complaints-and-security.md 3.5)."""


def set_up(level: int = logging.INFO) -> None:
    """Send our events to standard error as JSON, and keep the libraries to warnings."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr),  # looked up each time: it may be replaced
    )
