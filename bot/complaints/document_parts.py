"""Parts of documents: how each kind of value of a PDF is copied.

What is kept is listed, what is left out is not: programs leave their notes in places that no list knows (pdfTeX writes
the path of each figure beside it). Keys are those of ISO 32000-1; each has a kind that says how its value is copied.
"""

import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream, String

from bot.complaints import formats
from bot.complaints.document_drawing import Uncertain, drawing

Copy = Callable[["Anew", Any], Any]


class Anew:
    """Copies parts into a new file; each indirect object once for each way it is read."""

    def __init__(self, new: Pdf, removed: set[str]):
        self.new = new
        self.removed = removed
        self.copied: dict[tuple[tuple[int, int], Copy], Object] = {}

    def add(self, page: pikepdf.Page) -> None:
        """A page, with what it takes from the nodes above it."""
        old = {key: _inherited(page.obj, key) for key in PAGE}
        kept = {key: PAGE[key](self, value) for key, value in old.items() if value is not None}
        kept["/Contents"] = self.new.make_stream(drawing(page))
        made = Dictionary({"/Type": Name.Page, **{key: value for key, value in kept.items() if value is not None}})
        self.new.pages.append(pikepdf.Page(self.new.make_indirect(made)))

    def once(self, old: Any, copy: Copy, make: Callable[[Object], Object]) -> Object:
        """The copy of what may be used in several places; known before it is filled, as it may be used in itself."""
        key = (old.objgen, copy)
        if not old.is_indirect:
            return make(self.new.make_indirect(self.empty(old)))
        if key not in self.copied:
            self.copied[key] = self.new.make_indirect(self.empty(old))
            make(self.copied[key])
        return self.copied[key]

    def empty(self, old: Object) -> Object:
        return Stream(self.new, b"") if isinstance(old, Stream) else Dictionary()


def _inherited(node: Any, key: str) -> Any:
    for _level in range(50):
        if key in node:
            return node[key]
        if key not in _INHERITED or not isinstance(node.get("/Parent"), Dictionary):
            return None
        node = node["/Parent"]
    return None


def plain(anew: Anew, value: Any) -> Any:
    """Numbers, names, truth values and lists of them; text is where people's names are, so there is none."""
    if isinstance(value, Array):
        return Array([part for part in (plain(anew, part) for part in value) if part is not None])
    if isinstance(value, Name):
        return Name(str(value))  # the old one may belong to the old file
    return value if isinstance(value, int | bool | Decimal) else None


def text(anew: Anew, value: Any) -> Any:
    """Short text of a technical kind."""
    return String(bytes(value)) if isinstance(value, String) else None


def record(keys: dict[str, Copy]) -> Copy:
    """A dictionary of which these keys are kept."""

    def copy(anew: Anew, value: Any) -> Any:
        if not isinstance(value, Dictionary):
            return plain(anew, value)
        return anew.once(value, copy, lambda made: _fill(anew, value, made, keys))

    return copy


def _fill(anew: Anew, old: Any, made: Any, keys: dict[str, Copy]) -> Any:
    for key in old.keys():  # noqa: SIM118
        kept = keys[key](anew, old[key]) if key in keys else None
        if kept is not None:
            made[key] = kept
    return made


def named(copied: Copy) -> Copy:
    """A dictionary whose keys are names that the content uses."""

    def copy(anew: Anew, value: Any) -> Any:
        if not isinstance(value, Dictionary):
            return None
        parts = {key: copied(anew, value[key]) for key in value.keys()}  # noqa: SIM118
        return Dictionary({key: part for key, part in parts.items() if part is not None})

    return copy


def listed(copied: Copy) -> Copy:
    """One value, or a list of them."""

    def copy(anew: Anew, value: Any) -> Any:
        if isinstance(value, Array):
            return Array([part for part in (copied(anew, part) for part in value) if part is not None])
        return copied(anew, value)

    return copy


def data(keys: dict[str, Copy], read: Callable[[Any], bytes] = lambda old: _unpacked(old)) -> Copy:
    """A stream, its content packed anew, of whose dictionary these keys are kept."""

    without = record(keys)

    def copy(anew: Anew, value: Any) -> Any:
        if not isinstance(value, Stream):
            return without(anew, value)

        def make(made: Any) -> Any:
            made.write(zlib.compress(read(value)), filter=Name.FlateDecode)
            return _fill(anew, value, made, keys)

        return anew.once(value, copy, make)

    return copy


def _unpacked(old: Any) -> bytes:
    try:
        return bytes(old.read_bytes())
    except pikepdf.PdfError as error:
        if "bad_alloc" in str(error):  # how qpdf says that a stream did not fit into the memory there is
            raise MemoryError from None
        raise Uncertain from None


# Colours: a profile can name the device, so it gives way to the colours of its kind


_DEVICES = {b"GRAY": Name.DeviceGray, b"RGB ": Name.DeviceRGB, b"CMYK": Name.DeviceCMYK}


def colours(anew: Anew, value: Any) -> Any:
    """A colour space."""
    if not isinstance(value, Array) or not len(value):
        return plain(anew, value)
    family = value[0]
    if family == Name.ICCBased:
        anew.removed.add("profile")
        return _device(value[1])
    parts: dict[str, tuple[Copy, ...]] = {
        "/CalGray": (CALIBRATED,),
        "/CalRGB": (CALIBRATED,),
        "/Lab": (CALIBRATED,),
        "/Indexed": (colours, plain, palette),
        "/Separation": (plain, colours, function),
        "/DeviceN": (plain, colours, function),
        "/Pattern": (colours,),
    }
    return Array(
        [family, *(copy(anew, part) for copy, part in zip(parts.get(str(family), ()), list(value)[1:], strict=False))]
    )


def _device(profile: Any) -> Name:
    device = _DEVICES.get(_unpacked(profile)[16:20]) if isinstance(profile, Stream) else None
    if device is None:
        raise Uncertain
    return device


def palette(anew: Anew, value: Any) -> Any:
    """The colours of an indexed space, as text or stream."""
    return text(anew, value) if isinstance(value, String) else data({})(anew, value)


# Pictures


_CODED = (Name.DCTDecode, Name.JPXDecode, Name.CCITTFaxDecode, Name.JBIG2Decode)


def picture(anew: Anew, value: Any) -> Any:
    """A picture: JPEG without its notes, a fax as it is, anything else packed anew."""
    return anew.once(value, picture, lambda made: _draw(anew, value, made))


def _draw(anew: Anew, old: Any, made: Any) -> Any:
    _fill(anew, old, made, IMAGE)
    filters, parameters = _each(old.get(Name.Filter)), _each(old.get(Name.DecodeParms))
    if not filters or filters[-1] not in _CODED:
        made.write(zlib.compress(_samples(anew, _unpacked(old), made)), filter=Name.FlateDecode)
        return made
    if filters[-1] == Name.JPXDecode:
        raise Uncertain
    raw = _outer(anew, old, filters[:-1], parameters)
    made.write(_bare(anew, raw) if filters[-1] == Name.DCTDecode else raw, filter=filters[-1])
    if len(parameters) == len(filters):
        made.DecodeParms = PARAMETERS(anew, parameters[-1])
    return made


def _samples(anew: Anew, raw: bytes, made: Any) -> bytes:
    """As many samples as the picture draws: nothing shows what follows them. Raises Uncertain where there are fewer.

    Fewer are no picture: a photo that nothing calls one any more would stay whole, with its notes.
    """
    is_mask = made.get(Name.ImageMask) is True
    bits = 1 if is_mask else made.get(Name.BitsPerComponent)
    each = 1 if is_mask else _components(made.get(Name.ColorSpace))
    width, height = made.get(Name.Width), made.get(Name.Height)
    if not all(isinstance(value, int) and value > 0 for value in (width, height, bits, each)):
        raise Uncertain
    drawn = (width * each * bits + 7) // 8 * height
    if len(raw) < drawn:
        raise Uncertain
    if len(raw) > drawn:
        anew.removed.add("trailer")
    return raw[:drawn]


_COMPONENTS = {
    **dict.fromkeys(("/DeviceGray", "/CalGray", "/Indexed", "/Separation"), 1),
    **dict.fromkeys(("/DeviceRGB", "/CalRGB", "/Lab"), 3),
    "/DeviceCMYK": 4,
}


def _components(space: Any) -> int | None:
    """How many numbers make a colour of a space, None where that is not known (ISO 32000-1, 8.6)."""
    family = str(space[0]) if isinstance(space, Array) and len(space) else str(space)
    if family == "/DeviceN":
        return len(space[1]) if isinstance(space[1], Array) else None
    return _COMPONENTS.get(family)


def _each(value: Any) -> list[Any]:
    values = list(value) if isinstance(value, Array) else [] if value is None else [value]
    return [Name(str(value)) if isinstance(value, Name) else value for value in values]


def _outer(anew: Anew, old: Any, filters: list[Any], parameters: list[Any]) -> bytes:
    """A coded picture without what it was packed in once more."""
    raw = bytes(old.read_raw_bytes())
    if not filters:
        return raw
    if any(isinstance(given, Dictionary) for given in parameters[: len(filters)]):
        raise Uncertain
    return _unpacked(anew.new.make_stream(raw, {"/Filter": Array(filters)}))


def _bare(anew: Anew, raw: bytes) -> bytes:
    try:
        anew.removed |= formats.hidden(raw)
        return formats.bare(raw)
    except formats.Malformed:
        raise Uncertain from None


# Keys that are kept, and how


def _all(keys: str, copy: Copy) -> dict[str, Copy]:
    return {f"/{key}": copy for key in keys.split()}


def function(anew: Anew, value: Any) -> Any:
    return FUNCTION(anew, value)


def resources(anew: Anew, value: Any) -> Any:
    return RESOURCES(anew, value)


def font(anew: Anew, value: Any) -> Any:
    return FONT(anew, value)


def state(anew: Anew, value: Any) -> Any:
    return STATE(anew, value)


def drawn(anew: Anew, value: Any) -> Any:
    """A picture or a form; nothing else is drawn by name."""
    if not isinstance(value, Stream):
        return None
    return picture(anew, value) if value.get(Name.Subtype) == Name.Image else FORM(anew, value)


def mask(anew: Anew, value: Any) -> Any:
    return picture(anew, value) if isinstance(value, Stream) else plain(anew, value)


FUNCTION: Copy = listed(
    data(
        _all("FunctionType Domain Range C0 C1 N Bounds Encode Decode Size BitsPerSample Order", plain)
        | {"/Functions": function}
    )
)
CALIBRATED: Copy = record(_all("WhitePoint BlackPoint Gamma Matrix Range", plain))
GROUP: Copy = record(_all("Type S I K", plain) | {"/CS": colours})
FORM: Copy = data(
    _all("Type Subtype FormType BBox Matrix", plain) | {"/Resources": resources, "/Group": GROUP}, drawing
)
SOFT_MASK: Copy = record(_all("Type S BC", plain) | {"/G": FORM, "/TR": function})
SHADING: Copy = data(
    _all("ShadingType Background BBox AntiAlias Domain Coords Extend Matrix", plain)
    | _all("BitsPerCoordinate BitsPerComponent BitsPerFlag Decode VerticesPerRow", plain)
    | {"/ColorSpace": colours, "/Function": function}
)

PATTERN: Copy = data(
    _all("Type PatternType PaintType TilingType BBox XStep YStep Matrix", plain)
    | {"/Resources": resources, "/Shading": SHADING, "/ExtGState": state},
    drawing,
)
PARAMETERS: Copy = record(
    _all("K EndOfLine EncodedByteAlign Columns Rows EndOfBlock BlackIs1 DamagedRowsBeforeError ColorTransform", plain)
    | {"/JBIG2Globals": data({})}
)
IMAGE: dict[str, Copy] = _all(
    "Type Subtype Width Height BitsPerComponent Decode Intent ImageMask Interpolate Matte", plain
) | {"/ColorSpace": colours, "/Mask": mask, "/SMask": mask}

CMAP: Copy = data(
    _all("Type CMapName WMode UseCMap", plain)
    | {"/CIDSystemInfo": record(_all("Registry Ordering", text) | _all("Supplement", plain))}
)
ENCODING: Copy = data(_all("Type BaseEncoding Differences CMapName WMode UseCMap", plain))
FILE: Copy = data(_all("Length1 Length2 Length3 Subtype", plain))
DESCRIPTOR: Copy = record(
    _all("Type FontName FontStretch FontWeight Flags FontBBox ItalicAngle Ascent Descent Leading CapHeight", plain)
    | _all("XHeight StemV StemH AvgWidth MaxWidth MissingWidth", plain)
    | _all("FontFile FontFile2 FontFile3", FILE)
)
FONT: Copy = record(
    _all("Type Subtype BaseFont Name FirstChar LastChar Widths DW W DW2 W2 FontBBox FontMatrix", plain)
    | _all("CIDToGIDMap", data({}))
    | {"/FontDescriptor": DESCRIPTOR, "/Encoding": ENCODING, "/ToUnicode": CMAP, "/Resources": resources}
    | {"/CIDSystemInfo": record(_all("Registry Ordering", text) | _all("Supplement", plain))}
    | {"/CharProcs": named(data({}, drawing)), "/DescendantFonts": listed(font)}
)

STATE: Copy = record(
    _all("Type LW LC LJ ML D RI OP op OPM FL SM SA BM CA ca AIS TK", plain)
    | {"/Font": listed(font), "/SMask": SOFT_MASK, "/TR": function, "/TR2": function}
)
RESOURCES: Copy = record(
    {
        "/ExtGState": named(STATE),
        "/ColorSpace": named(colours),
        "/Pattern": named(PATTERN),
        "/Shading": named(SHADING),
        "/XObject": named(drawn),
        "/Font": named(FONT),
    }
)
PAGE: dict[str, Copy] = _all("MediaBox CropBox Rotate UserUnit", plain) | {"/Resources": resources, "/Group": GROUP}
_INHERITED = ("/MediaBox", "/CropBox", "/Rotate", "/Resources")
