"""Photos: a picture drawn anew, upright, from its visible pixels alone."""

import io

from PIL import ExifTags, Image, ImageOps, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from bot.complaints import formats
from bot.complaints.scrub import MOST_PIXELS, Refused

TOO_LARGE = "pixels"
"""The reason to give when the memory does not do."""

QUALITY = 90
"""Of JPEG: what is written on a photographed paper must stay readable."""

READ = {"image/jpeg": ["JPEG", "MPO"], "image/png": ["PNG"], "image/webp": ["WEBP"]}

# Loaded here because no file can be opened later; Pillow would do it when it first needs them.
Image.preinit()
LOADED = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)

_CODES = {"exif": "exif", "icc_profile": "profile", "xmp": "xmp", "XML:com.adobe.xmp": "xmp", "photoshop": "other"}
_SAYING_NOTHING = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression", "adobe"} | {
    *("adobe_transform", "dpi", "gamma", "srgb", "chromaticity", "transparency", "aspect", "interlace", "loop"),
    *("background", "timestamp", "duration", "default_image", "bbox", "disposal", "blend", "mp", "mpoffset"),
}


def made_anew(body: bytes) -> tuple[str, bytes, set[str]]:
    """Kind, file and the codes of what was left out. Raises Refused, and what Pillow raises."""
    kind = formats.kind_of(body)
    assert kind is not None
    picture: Image.Image = Image.open(io.BytesIO(body), formats=READ[kind])
    if picture.width * picture.height > MOST_PIXELS:
        raise Refused("pixels")
    picture.load()
    removed = _notes(picture) | _behind(kind, body)
    picture = _shown(_upright(picture))
    drawn = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    del picture  # a picture of 40 million pixels takes 160 million bytes
    made = io.BytesIO()
    if kind == "image/png" or drawn.mode == "RGBA":
        drawn.save(made, "PNG")
        return "image/png", made.getvalue(), removed
    drawn.save(made, "JPEG", quality=QUALITY)
    return "image/jpeg", made.getvalue(), removed


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as the camera was, if what it noted can be read at all."""
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except MemoryError:
        raise
    except Exception:  # notes that nobody can read turn no picture anywhere else either
        return picture
    return picture


def _shown(picture: Image.Image) -> Image.Image:
    """In grey, colour, or colour with transparency; without the colours under what is fully transparent."""
    if picture.mode in ("I", "I;16", "I;16B", "I;16L"):
        return _eight_bits(picture)
    if not picture.has_transparency_data:
        return picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")
    clear = picture.convert("RGBA")
    alpha = clear.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return clear.convert("RGB")
    clear.paste((0, 0, 0, 0), mask=alpha.point([255] + [0] * 255))
    return clear


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits of grey as eight: Pillow's own conversion would turn all but the darkest into white."""
    return picture.convert("I").point([value >> 8 for value in range(65536)], "L")


def _notes(picture: Image.Image) -> set[str]:
    found = {_CODES.get(str(name), "comment") for name in picture.info.keys() - _SAYING_NOTHING}
    if getattr(picture, "n_frames", 1) > 1:
        found.add("frames")
    try:
        exif = picture.getexif()
        found |= {"gps"} if exif.get_ifd(ExifTags.IFD.GPSInfo) else set()
        found |= {"thumbnail"} if exif.get_ifd(ExifTags.IFD.IFD1) else set()
    except MemoryError:
        raise
    except Exception:  # unreadable notes are left out all the same
        found.add("exif")
    return found


def _behind(kind: str, body: bytes) -> set[str]:
    """What only the bytes tell."""
    if kind == "image/jpeg":
        try:
            return formats.hidden(body)
        except formats.Malformed:  # Pillow reads past what stands between segments
            return {"other"}
    if kind == "image/png":
        return set() if body.endswith(formats.PNG_END) else {"trailer"}
    return {"trailer"} if len(body) > 8 + int.from_bytes(body[4:8], "little") + 1 else set()
