"""What follows from each error code of Twilio, in an answer or in a delivery status (channels.md 3.10)."""

from collections.abc import Mapping

from bot import failures

FAILURES: Mapping[int, type[failures.NotDelivered]] = {
    20003: failures.Misconfigured,
    20404: failures.Misconfigured,
    20429: failures.Throttled,
    20500: failures.Unsure,
    21211: failures.Unreachable,
    21408: failures.Unreachable,
    21602: failures.Refused,
    21606: failures.Misconfigured,
    21610: failures.OptedOut,
    21612: failures.Unreachable,
    21614: failures.Unreachable,
    21617: failures.Refused,
    30001: failures.Throttled,
    30003: failures.NotNow,
    30004: failures.Refused,
    30005: failures.Unreachable,
    30006: failures.Unreachable,
    30007: failures.Filtered,
    30008: failures.Unexplained,
    63001: failures.Misconfigured,
    63003: failures.Unreachable,
    63005: failures.Refused,
    63007: failures.Misconfigured,
    63012: failures.Throttled,
    63013: failures.Refused,
    63015: failures.Refused,
    63016: failures.Shut,
    63018: failures.Throttled,
    63019: failures.Refused,
    63021: failures.Refused,
    63024: failures.Unreachable,
    63032: failures.Unreachable,
    63033: failures.Declined,
    63040: failures.Rejected,
    63041: failures.Paused,
    63042: failures.Disabled,
    63049: failures.Declined,
    63051: failures.Misconfigured,
    63112: failures.Misconfigured,
}
"""Any other code is a refusal of that message."""


def of(code: int) -> type[failures.NotDelivered]:
    """What a code means."""
    return FAILURES.get(code, failures.Refused)
