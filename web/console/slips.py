"""Numbered slips as a sheet to print and cut: one for each person, with boxes to mark and a number that serves once."""

import io
from collections.abc import Callable

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from flows.consultation import Consultation
from flows.language import Phrase, _, many

ACROSS, DOWN = 2, 4
WIDE, HIGH = A4[0] / ACROSS, A4[1] / DOWN
EDGE = 7 * mm
FONT, STRONG = "Helvetica", "Helvetica-Bold"
LARGEST_BOX, GAP = 8 * mm, 1.2 * mm
ROOM = 30 * mm
"""For the boxes of a slip, from top to bottom."""

_FACE = "slip"


def sheet(consultation: Consultation, table: str, numbers: range, say: Callable[[Phrase], str]) -> bytes:
    """A PDF with these slips, eight on a page of A4, in the language of `say`."""
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=A4, invariant=1)
    canvas.setTitle(say(_("Slips {first} to {last}", first=numbers[0], last=numbers[-1])))
    canvas.beginForm(_FACE, 0, 0, WIDE, HIGH)
    _face(canvas, consultation, table, say)
    canvas.endForm()
    for place, number in enumerate(numbers):
        spot = place % (ACROSS * DOWN)
        if place and not spot:
            canvas.showPage()
        canvas.saveState()
        canvas.translate(spot % ACROSS * WIDE, A4[1] - (spot // ACROSS + 1) * HIGH)
        canvas.doForm(_FACE)
        canvas.setFont(STRONG, 15)
        canvas.drawRightString(WIDE - EDGE, HIGH - EDGE - 4 * mm, str(number))
        canvas.restoreState()
    canvas.save()
    return made.getvalue()


def _face(canvas: Canvas, consultation: Consultation, table: str, say: Callable[[Phrase], str]) -> None:
    """What all slips of a table have in common."""
    canvas.setStrokeGray(0.6)
    canvas.setDash(2, 3)
    canvas.rect(0, 0, WIDE, HIGH)
    canvas.setDash()
    canvas.setStrokeGray(0)
    top = HIGH - EDGE - 4 * mm
    canvas.setFont(FONT, 8)
    canvas.drawString(EDGE, top, table)
    canvas.setFont(STRONG, 10)
    for line in simpleSplit(say(consultation.title), STRONG, 10, WIDE - 2 * EDGE)[:2]:
        top -= 5 * mm
        canvas.drawString(EDGE, top, line)
    canvas.setFont(FONT, 9)
    top -= 5 * mm
    canvas.drawString(EDGE, top, say(_how(consultation)))
    _boxes(canvas, [p.number for p in consultation.proposals], top - 4 * mm)
    canvas.setFont(FONT, 7)
    canvas.drawString(EDGE, EDGE, say(_("Do not write your name. This slip serves once.")))


def _how(consultation: Consultation) -> Phrase:
    if consultation.least == consultation.most:
        return many("Mark {n} number.", "Mark {n} numbers.", consultation.most)
    return _("Mark from {least} to {most} numbers.", least=consultation.least, most=consultation.most)


def _boxes(canvas: Canvas, numbers: list[int], top: float) -> None:
    """A box for each proposal, as large as all of them fit."""
    size = LARGEST_BOX
    while len(numbers) > _columns(size) * int(ROOM // (size + GAP)):
        size -= 0.2 * mm
    canvas.setFont(FONT, size * 0.5)
    for place, number in enumerate(numbers):
        row, column = divmod(place, _columns(size))
        x, y = EDGE + column * (size + GAP), top - row * (size + GAP) - size
        canvas.rect(x, y, size, size)
        canvas.drawCentredString(x + size / 2, y + size * 0.33, str(number))


def _columns(size: float) -> int:
    return int((WIDE - 2 * EDGE + GAP) // (size + GAP))
