"""The result card: a published result as one picture, to be passed on in chats. Its text says the same."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from textwrap import wrap

import reportlab
from PIL import Image, ImageDraw, ImageFont

from flows.language import Phrase
from web.record import Line, Record

FONTS = Path(reportlab.__file__).parent / "fonts"
WIDE, EDGE = 1080, 60
PAPER, INK, MUTED, BAR, SOFT = "#ffffff", "#1b2023", "#50595f", "#17594a", "#e6f2ee"
SHOWN = 5
"""The most voted; a phone shows no more of them at a size that can be read."""

LETTERS = 46
"""Characters of a title on one line."""

MOST_LINES = 3


def draw(title: str, voted: str, record: Record, site: str, say: Callable[[Phrase], str]) -> bytes:
    """The card as PNG, 1080 pixels wide. `say` gives the words of a proposal's title."""
    lines = [(line, _wrapped(f"{line.proposal.number}. {say(line.proposal.title)}")) for line in record.lines[:SHOWN]]
    head = _wrapped(title, LETTERS - 16)
    high = EDGE + 74 * len(head) + 70 + sum(44 * len(rows) + 70 for _line, rows in lines) + 90
    picture = Image.new("RGB", (WIDE, high), PAPER)
    pen = ImageDraw.Draw(picture)
    at = EDGE
    for row in head:
        pen.text((EDGE, at), row, INK, _font(52))
        at += 74
    pen.text((EDGE, at), voted, MUTED, _font(34))
    at += 70
    for line, rows in lines:
        at = _bar(pen, line, rows, at)
    pen.text((EDGE, high - 70), site, MUTED, _font(28))
    packed = io.BytesIO()
    picture.quantize(32).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _bar(pen: ImageDraw.ImageDraw, line: Line, rows: list[str], at: int) -> int:
    """One proposal: its title, and its bar with the number; where the next one begins."""
    for row in rows:
        pen.text((EDGE, at), row, INK, _font(32))
        at += 44
    full = WIDE - 2 * EDGE - 150
    pen.rectangle((EDGE, at, EDGE + full, at + 40), SOFT)
    pen.rectangle((EDGE, at, EDGE + full * line.width // 100, at + 40), BAR)
    pen.text((EDGE + full + 20, at - 2), f"{line.votes}{' =' if line.tied else ''}", INK, _font(34))
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
