"""Documents: a PDF put together anew from what draws its pages, and nothing else.

What its parts are copied as is in `bot/complaints/document_parts.py`; here is what cannot be done, and what was left
out.
"""

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

from bot.complaints.document_drawing import Uncertain
from bot.complaints.document_parts import Anew
from bot.complaints.scrub import NotStrippable, Refused

TOO_LARGE = "size"
"""The reason to give when the memory does not do: streams that grow when they are unpacked."""

KIND = "application/pdf"

PACKED = pikepdf.ObjectStreamMode.generate

# qpdf opens the source of its random numbers once, for the first file that is locked; no file can be opened later.
with Pdf.new() as _first:
    _first.add_blank_page()
    _first.save(io.BytesIO(), encryption=pikepdf.Encryption(owner="", user=""))


def made_anew(body: bytes) -> tuple[str, bytes, set[str]]:
    """Kind, file and the codes of what was left out. Raises Refused, NotStrippable, and what pikepdf raises."""
    try:
        with Pdf.open(io.BytesIO(body)) as old:
            _check(old)
            removed = _found(old, body)
            _flatten(old)
            with Pdf.new() as new:
                copier = Anew(new, removed)
                for page in old.pages:
                    copier.add(page)
                made = io.BytesIO()
                new.save(made, force_version="1.7", deterministic_id=True, object_stream_mode=PACKED)
    except pikepdf.PasswordError:
        raise Refused("locked") from None
    except Uncertain:
        raise NotStrippable(KIND) from None
    return KIND, made.getvalue(), removed


# What cannot be done


def _check(old: Pdf) -> None:
    """Raises Refused, Uncertain: no pages, a signature, a form of another kind, or layers that are not shown."""
    if not old.pages:
        raise Refused("broken")
    form = _dictionary(old.Root.get(Name.AcroForm))
    if Name.XFA in form or Name.Perms in old.Root:
        raise Uncertain
    for part in _dictionaries(old):
        signed = part.get(Name.Type) in (Name.Sig, Name.DocTimeStamp) or Name.ByteRange in part
        maybe = part.get(Name.Type) == Name.OCMD and (Name.VE in part or part.get(Name.P) in (Name.AllOff, Name.AnyOff))
        if signed or maybe:
            raise Uncertain
    layers = _dictionary(_dictionary(old.Root.get(Name.OCProperties)).get(Name.D))
    if layers.get(Name.OFF) or layers.get(Name.BaseState, Name.ON) != Name.ON:
        raise Uncertain


def _dictionary(value: Any) -> Any:
    return value if isinstance(value, Dictionary) else Dictionary()


def _dictionaries(old: Pdf) -> Iterator[Object]:
    """Every dictionary of the file, also those inside others and those that nothing refers to."""
    for thing in old.objects:
        waiting = [thing]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Dictionary | Stream):
                yield part
                waiting += [value for value in part.values() if _inside(value)]
            elif isinstance(part, Array):
                waiting += [value for value in part if _inside(value)]


def _inside(value: Any) -> bool:
    return isinstance(value, Dictionary | Array) and not value.is_indirect


_TELLING = {
    "/Metadata": "xmp",
    "/PieceInfo": "pieceinfo",
    "/Thumb": "thumbnail",
    "/EmbeddedFiles": "attachments",
    "/EF": "attachments",
    "/AF": "attachments",
    "/JS": "scripts",
    "/JavaScript": "scripts",
    "/OpenAction": "links",
    "/AA": "links",
    "/A": "links",
    "/Annots": "annotations-authors",
    "/AcroForm": "other",
    "/Outlines": "other",
    "/StructTreeRoot": "other",
}


def _found(old: Pdf, body: bytes) -> set[str]:
    """What there is to leave out, as codes."""
    found = {_TELLING[key] for part in _dictionaries(old) for key in part.keys() if key in _TELLING}  # noqa: SIM118
    if Name.Info in old.trailer:
        found.add("docinfo")
    if body.count(b"startxref") > (2 if old.is_linearized else 1):
        found.add("revisions")
    if body.rstrip()[-5:] != b"%%EOF":
        found.add("trailer")
    return found


def _flatten(old: Pdf) -> None:
    """Draw what notes and filled fields show on their pages, so that they need not stay as objects."""
    if Name.AcroForm in old.Root:
        old.generate_appearance_streams()
    old.flatten_annotations("screen")
