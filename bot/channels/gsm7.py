"""GSM-7: a text in the alphabet of a cheap SMS, and how many segments it takes (3GPP TS 23.038; channels.md 3.8)."""

import unicodedata

from storage.gsm7 import BASIC, EXTENDED

INSTEAD = {
    "“": '"', "”": '"', "«": '"', "»": '"', "„": '"', "‘": "'", "’": "'", "`": "'", "´": "'", "–": "-", "—": "-",
    "…": "...", "•": "-", "·": ".", "✓": "*", "→": ">", "º": "o", "ª": "a", "°": "o", "ç": "c", "\t": " ",
    "‐": "-", "‑": "-", "‒": "-", "―": "-", "−": "-", "‹": "<", "›": ">", "‚": "'", "×": "x", "÷": "/", "≤": "<=",
    "≥": ">=", "⁄": "/",
}  # fmt: skip

SINGLE, PART = 160, 153
WIDE_SINGLE, WIDE_PART = 70, 67


def plain(text: str) -> str:
    """The text in GSM-7: á í ó ú lose their accent, é ñ ü ¿ ¡ stay, what has no letter there is left out."""
    return "".join(_letter(c) for c in unicodedata.normalize("NFC", text))


def _letter(character: str) -> str:
    if character in BASIC or character in EXTENDED:
        return character
    if character in INSTEAD:
        return INSTEAD[character]
    if character.isspace():
        return " "
    parts = (INSTEAD.get(c, c) for c in unicodedata.normalize("NFKD", character))
    return "".join(c for part in parts for c in part if c in BASIC or c in EXTENDED)


def segments(text: str) -> int:
    """How many SMS a text is charged as; one character outside GSM-7 makes every segment hold 70, or 67 in a chain."""
    if all(c in BASIC or c in EXTENDED for c in text):
        return _parts([2 if c in EXTENDED else 1 for c in text], SINGLE, PART)
    return _parts([2 if ord(c) > 0xFFFF else 1 for c in text], WIDE_SINGLE, WIDE_PART)


def _parts(widths: list[int], single: int, part: int) -> int:
    """How many parts hold characters of these widths; one of width two is never cut in half."""
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
