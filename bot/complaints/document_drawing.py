"""Drawings: the instructions of a page or form of a PDF that draw, and nothing that only programs read."""

from typing import Any

import pikepdf
from pikepdf import Dictionary, String


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


_TEXT = {"Tj": 1, "TJ": 1, "'": 1, '"': 3}
"""What shows text, and with how many operands."""


def _is_shown(instruction: Any) -> bool:
    """Whether nothing among the operands of what draws is text that it does not show."""
    name, operands = str(instruction.operator), instruction.operands
    if name not in _OPERATORS:
        return True
    if name in _TEXT:
        return len(operands) == _TEXT[name]
    return not any(isinstance(operand, String | Dictionary) for operand in operands)


def _check_inline(image: Any) -> None:
    known = set(image.obj.keys()) <= _INLINE
    if not known or set(image.filters) & {"/DCTDecode", "/DCT", "/JPXDecode"}:
        raise Uncertain
