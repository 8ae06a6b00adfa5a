"""Fates: what follows when a message did not reach somebody, from its answer at once or from a status much later."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from bot import failures
from bot.channels import twilio_codes
from bot.failures import Fate
from storage import contacts, outbox, templates

ELSEWHERE = frozenset({"blocked", "403", "400", "migrated"})
"""Why a message fails that may reach the same person on another channel: our own word, and Telegram's (403: they
blocked the bot; 400: there is no such chat)."""

MOST_ONCE = 2
"""Messages for one person where a failure is worth one more try."""


MOST = 6
"""Messages for one person after which nothing is tried any more: two of their contacts, or a template that Meta takes
and gives back, must not go round for days."""


def fate(reason: str, tries: int) -> Fate:
    """What becomes of the recipient of an announcement after `tries` messages, the last of which failed for `reason`
    (`Outgoing.error`): stop, later, elsewhere (another channel) or template (wait for one)."""
    if tries >= MOST:
        return "stop"
    if not reason.isdecimal() or len(reason) < 5:
        return "elsewhere" if reason in ELSEWHERE else "stop"
    found = twilio_codes.of(int(reason)).fate
    if found == "once":
        return "later" if tries < MOST_ONCE else "stop"
    return found


CHANGES: Mapping[str, Callable[[Connection, int], None]] = {"blocked": contacts.block, "stopped": contacts.opt_out}

Kind = failures.NotDelivered | type[failures.NotDelivered]


def follow(connection: Connection, failure: Kind, contact_id: int, template: str, reason: str, now: datetime) -> None:
    """Keep what a failure says of the contact, and of the template (its id, if there was one), for later messages."""
    if failure.contact == "declined":
        contacts.decline(connection, contact_id, now)
    elif failure.contact:
        CHANGES[failure.contact](connection, contact_id)
        outbox.stop(connection, contact_id, failure.contact, now)
    if failure.template and template:
        templates.learn(connection, template, now, status=failure.template, reason=reason)
