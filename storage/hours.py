"""Hours of the day at which people may be written to, as a city states them."""

DAYS = ("weekdays", "saturdays", "sundays")
"""The kinds of day."""


def is_span(span: object) -> bool:
    """Whether this can be the hours of a kind of day: the first and the last, or nothing."""
    whole = isinstance(span, list) and all(type(hour) is int and 0 <= hour <= 24 for hour in span)
    return whole and (not span or (len(span) == 2 and span[0] < span[1]))  # type: ignore[arg-type, index]
