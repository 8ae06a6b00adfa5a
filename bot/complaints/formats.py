"""Formats: what a file is and how large its picture is, read from its own bytes before anything decodes them; and the
segments of a JPEG file, of which only those that draw are kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}

PNG_END = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"

_COM = 0xFE
_DRAWING = {*range(0xC0, 0xD0)} - {0xC8} | {0xDA, 0xDB, 0xDC, 0xDD}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_END = 0xD9
_NEXT = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
"""What ends the coded data of a scan: a marker that is neither a stuffed 0xFF nor a restart (ITU T.81, B.1.1)."""


class Malformed(ValueError):
    """Not put together as its format says."""


@dataclass(frozen=True)
class Segment:
    """A part of a JPEG file: its marker, what it holds, and, of a scan, the coded data after it."""

    marker: int
    body: bytes
    coded: bytes = b""


def kind_of(body: bytes) -> str | None:
    """The media type of JPEG, PNG, WebP and PDF, which must begin at the first byte."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    if body.startswith(b"%PDF-"):
        return "application/pdf"
    return None


def size_of(kind: str, body: bytes) -> tuple[int, int]:
    """Width and height in pixels that a picture says it has. Raises Malformed."""
    size = {"image/jpeg": _jpeg_size, "image/png": _png_size, "image/webp": _webp_size}[kind](body)
    if size[0] < 1 or size[1] < 1:
        raise Malformed
    return size


def _jpeg_size(body: bytes) -> tuple[int, int]:
    for segment in segments(body):
        if segment.marker in _FRAMES and len(segment.body) >= 5:
            return int.from_bytes(segment.body[3:5], "big"), int.from_bytes(segment.body[1:3], "big")
    raise Malformed


def _png_size(body: bytes) -> tuple[int, int]:
    if body[12:16] != b"IHDR":
        raise Malformed
    return int.from_bytes(body[16:20], "big"), int.from_bytes(body[20:24], "big")


def _webp_size(body: bytes) -> tuple[int, int]:
    """RFC 9649: extended, without loss, or as a key frame of VP8."""
    form = body[12:16]
    if len(body) < 30:
        raise Malformed
    if form == b"VP8X":
        return int.from_bytes(body[24:27], "little") + 1, int.from_bytes(body[27:30], "little") + 1
    if form == b"VP8L":
        bits = int.from_bytes(body[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        return int.from_bytes(body[26:28], "little") & 0x3FFF, int.from_bytes(body[28:30], "little") & 0x3FFF
    raise Malformed


def segments(body: bytes) -> Iterator[Segment]:
    """The segments of a JPEG file up to the end of its picture, with the mark of that end. Raises Malformed."""
    at = 2
    while True:
        marker, start = _marker(body, at)
        if marker == _END:
            yield Segment(marker, b"")
            return
        end = start + int.from_bytes(body[start : start + 2], "big")
        if end < start + 2 or end > len(body):
            raise Malformed
        at = end
        if marker == 0xDA:
            after = _NEXT.search(body, end)
            at = after.start() if after else len(body)
        yield Segment(marker, body[start + 2 : end], body[end:at])
        if at == len(body):
            return


def _marker(body: bytes, at: int) -> tuple[int, int]:
    """The marker at a place, and where its length stands: any number of 0xFF may come before one."""
    found = re.compile(rb"\xff+([\x02-\xcf\xd8-\xfe])").match(body, at)
    if found is None:
        raise Malformed
    return found[1][0], found.end()


def bare(body: bytes) -> bytes:
    """A JPEG file with nothing but what draws its picture, not one pixel changed. Raises Malformed."""
    kept, last = [b"\xff\xd8"], 0
    for segment in segments(body):
        last = segment.marker
        if segment.marker in _DRAWING:
            _check_drawing(segment)
            kept.append(_packed(segment.marker, segment.body) + segment.coded)
        elif segment.marker == 0xE0 and segment.body.startswith(b"JFIF\x00"):
            kept.append(_JFIF)  # with neither thumbnail nor density: it only says which colours these are
        elif segment.marker == 0xEE and segment.body.startswith(b"Adobe"):
            kept.append(_packed(0xEE, segment.body[:12]))
    if last != _END:  # its coded data may go on into what was never a part of it
        raise Malformed
    return b"".join([*kept, b"\xff\xd9"])


def _check_drawing(segment: Segment) -> None:
    """Raises Malformed where a segment that draws is not exactly as long as what it says it holds (ITU-T T.81, B.2).

    One that was damaged would take its neighbour, the notes of a camera perhaps, for a part of itself.
    """
    body, whole = segment.body, False
    match segment.marker:
        case 0xDB:
            whole = _are_quantization_tables(body)
        case 0xC4:
            while len(body) >= 17:
                body = body[17 + sum(body[1:17]) :] if len(body) >= 17 + sum(body[1:17]) else b"too short"
            whole = not body
        case 0xDA:
            whole = len(body) == 4 + 2 * body[0] if body else False
        case 0xDC | 0xDD:
            whole = len(body) == 2
        case 0xCC:  # at most two of each of eight conditionings
            whole = len(body) % 2 == 0 and len(body) <= 16
        case _frame:
            whole = len(body) >= 6 and len(body) == 6 + 3 * body[5]
    if not whole:
        raise Malformed


def _are_quantization_tables(body: bytes) -> bool:
    """Whether it is tables of 64 numbers each, of one byte or two, none of which is zero."""
    while body:
        size = 2 if body[0] >> 4 else 1
        table, body = body[1 : 1 + 64 * size], body[1 + 64 * size :]
        numbers = [table[at : at + size] for at in range(0, len(table), size)]
        if len(table) < 64 * size or not all(map(any, numbers)):
            return False
    return True


def _packed(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def hidden(body: bytes) -> set[str]:
    """Codes of what a JPEG file holds beside its picture. Raises Malformed."""
    found, drawn = set(), 2
    for segment in segments(body):
        if segment.marker == _END:
            break
        drawn += 4 + len(segment.body) + len(segment.coded)
        if segment.marker not in _DRAWING:
            found.add(_code(segment))
    if drawn + 2 < len(body):
        found.add("trailer")
    return found - {""}


def _code(segment: Segment) -> str:
    if segment.marker == _COM:
        return "comment"
    if segment.marker == 0xE0 and segment.body.startswith(b"JFIF\x00"):
        return "thumbnail" if len(segment.body) > 14 else ""
    if segment.marker == 0xEE and segment.body.startswith(b"Adobe"):
        return ""
    for start, code in ((b"Exif\x00", "exif"), (b"http://ns.adobe.com/", "xmp"), (b"ICC_PROFILE\x00", "profile")):
        if segment.body.startswith(start):
            return code
    return "other"
