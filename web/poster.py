"""The poster of a consultation: a PDF for a wall or a counter, with a QR code for each way to vote, in large type."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from xml.sax.saxutils import escape

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from bot.speech import Speaker
from flows.consultation import Consultation
from flows.language import Local, Phrase, _
from web.card import BAR, FONTS, INK, MUTED
from web.invitation import OPENS, Way

SIZES = {"a4": A4, "media": (139.7 * mm, 215.9 * mm)}
"""A4, and half a letter sheet, as it is cut in Colombia: width and height in points."""

QUIET = 4
"""Modules of white around a QR code, as its standard asks."""

LARGEST, SMALLEST = 1.0, 0.45
"""How far a text may shrink so that its page holds it."""


@dataclass(frozen=True)
class _Sheet:
    """A page that is being drawn, from the top down; `unit` makes one size of all sizes."""

    canvas: Canvas
    wide: float
    high: float

    @property
    def unit(self) -> float:
        return self.wide / float(A4[0])

    @property
    def edge(self) -> float:
        return 42 * self.unit

    def text(self, words: str, top: float, size: float, most: float, ink: str = INK, bold: bool = False) -> float:
        """Words in the middle, in letters as large as `most` points of height allow; where they end."""
        shrink = LARGEST
        while True:
            made = _paragraph(words, size * self.unit * shrink, ink, bold)
            _wide, high = made.wrap(self.wide - 2 * self.edge, self.high)
            if high <= most * self.unit or shrink <= SMALLEST:
                made.drawOn(self.canvas, self.edge, top - high)
                return float(top - high)
            shrink -= 0.05


def draw(
    seen: Consultation, city: Local, ways: Sequence[Way], site: str, language: str, size: str, place: str = ""
) -> bytes:
    """The poster as PDF in one language. `site` is the address of the consultation's page, `place` a neighbourhood."""
    _register()
    speaker, (wide, high) = Speaker(language), SIZES[size]
    made = io.BytesIO()
    canvas = Canvas(made, (wide, high), invariant=1, lang=language)
    canvas.setTitle(speaker.say(seen.title))
    sheet = _Sheet(canvas, wide, high)
    _head(sheet, speaker, seen, f"{speaker.say(city)} · {place}" if place else speaker.say(city))
    _codes(sheet, speaker, ways)
    foot = _("Your vote is secret. Proposals and rules: {page}", page=site)
    sheet.text(speaker.say(foot), sheet.edge + 46 * sheet.unit, 13, 46, MUTED)
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _head(sheet: _Sheet, speaker: Speaker, seen: Consultation, where: str) -> None:
    band = 62 * sheet.unit
    sheet.canvas.setFillColor(HexColor(BAR))
    sheet.canvas.rect(0, sheet.high - band, sheet.wide, band, stroke=0, fill=1)
    sheet.text(where, sheet.high - 16 * sheet.unit, 24, 32, "#ffffff", bold=True)
    at = sheet.text(speaker.say(seen.title), sheet.high - band - 22 * sheet.unit, 46, 170, bold=True)
    when = _("You can vote from {opens} to {closes}", opens=seen.first_minute, closes=seen.closes)
    sheet.text(speaker.say(when), at - 16 * sheet.unit, 20, 56)


def _codes(sheet: _Sheet, speaker: Speaker, ways: Sequence[Way]) -> None:
    """A code for each way, two in a row, with what to do where no camera is at hand."""
    rows = -(-len(ways) // 2) or 1
    top, bottom = sheet.high - 340 * sheet.unit, sheet.edge + 60 * sheet.unit
    cell_wide, cell_high = (sheet.wide - 2 * sheet.edge) / min(2, len(ways) or 1), (top - bottom) / rows
    side = min(cell_wide * 0.8, cell_high - 62 * sheet.unit)
    for n, way in enumerate(ways):
        middle = sheet.edge + cell_wide * (n % 2 + 0.5)
        if n % 2 == 0 and n == len(ways) - 1:
            middle = sheet.wide / 2
        head = top - cell_high * (n // 2)
        _code(sheet.canvas, way.link, middle - side / 2, head - side, side)
        _under(sheet, speaker, way, middle, head - side)


def _under(sheet: _Sheet, speaker: Speaker, way: Way, middle: float, top: float) -> None:
    word = OPENS[speaker.language].upper()
    typed: Phrase = _("Write {word} to {address}", word=word, address=way.shown) if way.shown else way.link
    name: Phrase = _("In a browser") if way.channel == "web" else way.name
    for words, size, bold, ink, down in ((name, 20, True, INK, 20), (typed, 14, False, MUTED, 40)):
        text = speaker.say(words)
        font, points = "VeraBd" if bold else "Vera", size * sheet.unit
        room = (sheet.wide - 2 * sheet.edge) / 2
        points *= min(1, room / pdfmetrics.stringWidth(text, font, points))
        sheet.canvas.setFont(font, points)
        sheet.canvas.setFillColor(HexColor(ink))
        sheet.canvas.drawCentredString(middle, top - down * sheet.unit, text)


def _code(canvas: Canvas, link: str, left: float, bottom: float, side: float) -> None:
    rows = list(segno.make(link, error="m", micro=False).matrix_iter(border=QUIET))
    module = side / len(rows)
    canvas.setFillColor(HexColor("#000000"))
    path = canvas.beginPath()
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                path.rect(left + x * module, bottom + side - (y + 1) * module, module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _paragraph(words: str, size: float, ink: str, bold: bool) -> Paragraph:
    name = "VeraBd" if bold else "Vera"
    style = ParagraphStyle(
        name, fontName=name, fontSize=size, leading=size * 1.2, alignment=TA_CENTER, textColor=HexColor(ink),
        splitLongWords=1,
    )  # fmt: skip
    return Paragraph(escape("".join(c for c in words if c.isprintable())), style)


@cache
def _register() -> None:
    """Bitstream Vera has every letter of Spanish; it goes into the file, so that any printer has it too."""
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, str(FONTS / f"{name}.ttf")))
