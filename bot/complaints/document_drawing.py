"""Drawings: the instructions of a page or form of a PDF that draw, and nothing that only programs read."""

from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import Array, Name, String


class Uncertain(Exception):
    """A part that may hide something and cannot be put together anew."""


_KNOWN = """
q Q cm w J j M d ri i gs m l c v y h re S s f F f* B B* b b* n W W* BT ET Tc Tw Tz TL Tf Tr Ts Td TD Tm T* Tj TJ ' "
d0 d1 CS cs SC SCN sc scn G g RG rg K k sh Do
"""
"""ISO 32000-1, table 51, without those that mark where something begins and ends for programs (BDC and its like): they
name layers and carry text of their own."""

_OPERATORS = {*_KNOWN.split(), "INLINE IMAGE"}

_INLINE = {
    *("/BPC", "/BitsPerComponent", "/CS", "/ColorSpace", "/D", "/Decode", "/DP", "/DecodeParms", "/F", "/Filter", "/H"),
    *("/Height", "/IM", "/ImageMask", "/Intent", "/I", "/Interpolate", "/W", "/Width", "/L", "/Length"),
}


def drawing(source: Any) -> bytes:
    """The instructions of a page or form that draw, without comments. Raises Uncertain."""
    try:
        instructions = pikepdf.parse_content_stream(source)
    except pikepdf.PdfError:
        raise Uncertain from None
    kept = []
    for instruction in instructions:
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            _check_inline(instruction.iimage)
        elif not _is_shown(instruction):
            raise Uncertain
        if str(instruction.operator) in _OPERATORS:
            kept.append(instruction)
    return pikepdf.unparse_content_stream(kept)


def _is_shown(instruction: Any) -> bool:
    """Whether nothing among the operands of what draws is text that it does not show (ISO 32000-1, table 109)."""
    name, operands = str(instruction.operator), list(instruction.operands)
    if name not in _OPERATORS:
        return True
    match name, operands:
        case (("Tj" | "'"), [String()]):
            return True
        case '"', [word_space, letter_space, String()]:
            return _is_number(word_space) and _is_number(letter_space)
        case "TJ", [Array() as shown]:
            return all(isinstance(each, String) or _is_number(each) for each in shown)
        case (("Tj" | "'" | '"' | "TJ"), _):
            return False
    return all(_is_plain(each) for each in operands)


def _is_plain(operand: Any) -> bool:
    """A number, a name, or a list of numbers."""
    if isinstance(operand, Array):
        return all(_is_number(each) for each in operand)
    return isinstance(operand, Name) or _is_number(operand)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal)


def _check_inline(image: Any) -> None:
    known = set(image.obj.keys()) <= _INLINE
    if not known or set(image.filters) & {"/DCTDecode", "/DCT", "/JPXDecode"}:
        raise Uncertain
