"""The cards: a published result, or how a commitment goes, as one picture to be passed on in chats. The text that goes
with it says the same."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import wrap

import reportlab
from PIL import Image, ImageDraw, ImageFont

from flows.language import Joined, Phrase
from web.dossier import Outline
from web.record import Record

FONTS = Path(reportlab.__file__).parent / "fonts"
WIDE, EDGE = 1080, 60
FULL = WIDE - 2 * EDGE
PAPER, INK, MUTED, BAR, SOFT = "#ffffff", "#1b2023", "#50595f", "#17594a", "#e6f2ee"
SHOWN = 5
"""The most voted; a phone shows no more of them at a size that can be read."""

MOST_MILESTONES = 8

LETTERS = 46
"""Characters of a title on one line."""

MOST_LINES = 3

Says = Callable[[Phrase], str]


@dataclass(frozen=True)
class Row:
    """One line of a card: what it is, in a few words how it stands, and its bar.

    The bar lies between two hundredths of its `length` (in pixels), `mark` is a line across it; `end` stands beside it.
    """

    title: Sequence[str]
    state: Sequence[str]
    bar: tuple[float, float]
    length: int = FULL
    mark: float | None = None
    end: str = ""

    @property
    def high(self) -> int:
        return 44 * len(self.title) + 42 * len(self.state) + 70


def draw(title: str, voted: str, record: Record, site: str, say: Says) -> bytes:
    """A result as PNG, 1080 pixels wide. `say` gives the words of a proposal's title."""
    rows = [
        Row(
            _wrapped(f"{line.proposal.number}. {say(line.proposal.title)}"),
            (),
            (0, line.width),
            FULL - 150,
            end=f"{line.votes}{' =' if line.tied else ''}",
        )
        for line in record.lines[:SHOWN]
    ]
    return _drawn(title, [voted], rows, site)


def progress(outline: Outline, site: str, say: Says) -> bytes:
    """A commitment with its milestones as PNG, 1080 pixels wide."""
    rows = [
        Row(
            _wrapped(f"{step.milestone.number}. {say(step.milestone.title)}"),
            _wrapped(say(Joined([step.when, step.until, step.told], ". ")), 54),
            (step.bar.left, step.bar.left + step.bar.width),
            mark=outline.scale.mark,
        )
        for step in outline.steps[:MOST_MILESTONES]
    ]
    under = [line for words in (outline.plan.title, *outline.marks) for line in _wrapped(say(words))]
    more = len(outline.commitment.milestones) - len(rows)
    foot = f"{site}  (+ {more})" if more else site
    return _drawn(say(outline.commitment.title), under, rows, foot)


def _drawn(title: str, under: Sequence[str], rows: Sequence[Row], foot: str) -> bytes:
    head = _wrapped(title, LETTERS - 16)
    high = EDGE + 74 * len(head) + 44 * len(under) + 26 + sum(row.high for row in rows) + 90
    picture = Image.new("RGB", (WIDE, high), PAPER)
    pen = ImageDraw.Draw(picture)
    at = _lines(pen, head, EDGE, 74, INK, 52)
    at = _lines(pen, under, at, 44, MUTED, 34) + 26
    for row in rows:
        at = _row(pen, row, at)
    pen.text((EDGE, high - 70), foot, MUTED, _font(28))
    packed = io.BytesIO()
    picture.quantize(32).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _lines(pen: ImageDraw.ImageDraw, lines: Sequence[str], at: int, high: int, ink: str, size: int) -> int:
    for line in lines:
        pen.text((EDGE, at), line, ink, _font(size))
        at += high
    return at


def _row(pen: ImageDraw.ImageDraw, row: Row, at: int) -> int:
    """One row with its bar; where the next one begins."""
    at = _lines(pen, row.title, at, 44, INK, 32)
    at = _lines(pen, row.state, at, 42, MUTED, 28)
    left, right = (EDGE + round(row.length * each / 100) for each in row.bar)
    pen.rectangle((EDGE, at, EDGE + row.length, at + 40), SOFT)
    pen.rectangle((left, at, right, at + 40), BAR)
    if row.mark is not None:
        here = EDGE + round(row.length * row.mark / 100)
        pen.rectangle((here - 2, at - 6, here + 2, at + 46), INK)
    pen.text((EDGE + row.length + 20, at - 2), row.end, INK, _font(34))
    return at + 70


def _wrapped(text: str, letters: int = LETTERS) -> list[str]:
    """A text in lines, cut after the last that fits; what has no form in the font is left out."""
    plain = "".join(c for c in text if c.isprintable() and ord(c) < 0x2000)
    rows = wrap(plain, letters, max_lines=MOST_LINES, placeholder="...")
    return rows or ["-"]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Bitstream Vera, which reportlab brings along: it has every letter of Spanish, as Pillow's own font has not."""
    return ImageFont.truetype(FONTS / "Vera.ttf", size)
