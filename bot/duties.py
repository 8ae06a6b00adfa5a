"""The calendar of a milestone: on which days somebody is told that it ends, that it is late, that nobody reports.

Pure: from a span, a day and what was reported. Each function names the newest day that has come, so that whoever was
away for a while is told once, of where things stand now, and not of each day that was missed.
"""

from datetime import date, timedelta

BEFORE = (30, 7, 1, 0)
"""Days before the last day of a milestone on which it is announced."""

WEEK, MONTH = timedelta(days=7), timedelta(days=30)


def stage(last: date, today: date) -> tuple[str, date] | None:
    """The newest stage on the way to the end of a milestone and past it, with its day; None while it is far off.

    The stages: due-30, due-7, due-1, due-0, then late each week after the end.
    """
    late = (today - last) // WEEK
    if late >= 1:
        return "late", last + late * WEEK
    reached = [days for days in BEFORE if last - timedelta(days=days) <= today]
    return (f"due-{reached[-1]}", last - timedelta(days=reached[-1])) if reached else None


def silent_since(first: date, reported: date | None, silent_after: int, today: date) -> date | None:
    """The newest day on which an office is reminded that it has said nothing: monthly; None while it owes nothing."""
    begins = (max(first, reported) if reported else first) + timedelta(days=silent_after + 1)
    return begins + (today - begins) // MONTH * MONTH if today >= begins else None


def month_of(today: date) -> date:
    """The day of the monthly digest: the first of the month."""
    return today.replace(day=1)
