"""The timeline of a commitment: where each milestone lies between the first and the last day, and where today is.

Drawn as SVG by the server, in parts of a hundred of whatever width there is. Each phase has a shape of its own, so that
it can be read without colour; the words beside it say the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from flows.plan import Span, Standing

THINNEST = 1.5
"""Hundredths of the width: a milestone of one day in a plan of years can still be seen."""


@dataclass(frozen=True)
class Bar:
    """One milestone: from `left`, `width` long, in hundredths. `tail` is how far it is late, up to today."""

    left: float
    width: float
    shape: str
    tail: float = 0


@dataclass(frozen=True)
class Scale:
    """From the first to the last day, both included."""

    first: date
    last: date
    today: date

    @classmethod
    def over(cls, spans: Iterable[Span], today: date) -> "Scale":
        """The scale on which all of these can be drawn."""
        known = list(spans)
        return cls(min(span.first for span in known), max(span.last for span in known), today)

    @property
    def mark(self) -> float | None:
        """Where today is; None before the first and after the last day."""
        return self._at(self.today) if self.first <= self.today <= self.last else None

    def bar(self, span: Span, standing: Standing) -> Bar:
        left, right = self._at(span.first), self._at(span.last + timedelta(days=1))
        width = max(right - left, THINNEST)
        left = min(left, 100 - width)
        late = self._at(min(self.today, self.last)) - left - width if standing.phase == "late" else 0
        return Bar(left, round(width, 1), standing.phase, round(max(late, 0), 1))

    def _at(self, day: date) -> float:
        whole = (self.last - self.first).days + 1
        return round((day - self.first).days / whole * 100, 1)
