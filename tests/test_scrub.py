"""Scrubbing: a file keeps what it shows and nothing else, and no file can do harm while that is done."""

import io
import json
import os
import signal
import socket
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Encryption, Name, Pdf, String
from PIL import Image, ImageCms, PngImagePlugin

from bot.complaints import formats, scrub, scrubber
from bot.complaints.scrub import Clean, NotStrippable, Refused

MARK = "HIDDEN-WORD"
COLOURS = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (220, 220, 40)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of which nothing may be left when a file is done."""
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


# What programs write into files


def quarters(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Red and green above, blue and yellow below."""
    small = Image.new("RGB", (2, 2))
    small.putdata(COLOURS)
    return small.resize(size, Image.Resampling.NEAREST).convert(mode)


def noted() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = MARK
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[29] = MARK
    return exif


def packed(picture: Image.Image, form: str, **more: Any) -> bytes:
    made = io.BytesIO()
    picture.save(made, form, **more)
    return made.getvalue()


def profile() -> bytes:
    plain = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return bytes(plain) + MARK.encode()


def with_thumbnail(body: bytes) -> bytes:
    """A small picture in the JFIF segment, as old cameras wrote it."""
    small = MARK.encode().ljust(3 * 4 * 4, b"\0")
    head = b"JFIF\0\x01\x02\x00\x00\x48\x00\x48\x04\x04" + small
    assert body[2:4] == b"\xff\xe0"
    return body[:2] + b"\xff\xe0" + struct.pack(">H", len(head) + 2) + head + body[20:]


def jpeg(**more: Any) -> bytes:
    told = MARK.encode()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + told + b"</x:xmpmeta>"
    body = packed(quarters(), "JPEG", quality=95, exif=noted(), comment=told, xmp=xmp, icc_profile=profile(), **more)
    photoshop = b"Photoshop 3.0\0" + told
    body = body[:20] + b"\xff\xed" + struct.pack(">H", len(photoshop) + 2) + photoshop + body[20:]
    return with_thumbnail(body) + told


def png() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", MARK)
    text.add_text("Comment", MARK * 9, zip=True)
    text.add_itxt("XML:com.adobe.xmp", MARK)
    return packed(quarters(), "PNG", pnginfo=text, exif=noted(), icc_profile=profile()) + MARK.encode()


def webp(mode: str = "RGB") -> bytes:
    made = quarters(mode)
    if mode == "RGBA":
        made.putpixel((0, 0), (0, 0, 0, 0))
    return packed(made, "WEBP", lossless=True, exif=noted(), xmp=MARK.encode(), icc_profile=profile())


def document(change: Callable[[Pdf], None] = lambda made: None, **more: Any) -> bytes:
    """A PDF with all that programs and people leave in one."""
    with Pdf.new() as made:
        made.add_blank_page(page_size=(300, 200))
        page = made.pages[0].obj
        photo = packed(quarters(), "JPEG", exif=noted(), comment=MARK.encode())
        image = made.make_stream(
            photo,
            {
                **{"/Type": Name.XObject, "/Subtype": Name.Image, "/Width": 64, "/Height": 48, "/BitsPerComponent": 8},
                **{"/Filter": Name.DCTDecode, "/Metadata": made.make_stream(MARK.encode()), "/PTEX.FileName": MARK},
            },
        )
        image.ColorSpace = Array([Name.ICCBased, made.make_stream(profile(), {"/N": 3})])
        text = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        page.Resources = Dictionary(XObject=Dictionary(Im0=image), Font=Dictionary(F1=made.make_indirect(text)))
        content = f"%{MARK}\n/Span <</ActualText ({MARK})>> BDC BT /F1 12 Tf 9 9 Td (shown) Tj ET EMC ({MARK}) XX"
        page.Contents = made.make_stream(content.encode() + b" q 64 0 0 48 0 0 cm /Im0 Do Q")
        leave_notes(made, page)
        change(made)
        kept = io.BytesIO()
        made.save(kept, **more)
        return kept.getvalue()


def leave_notes(made: Pdf, page: Any) -> None:
    told = made.make_stream(MARK.encode())
    stamp = made.make_stream(b"1 0 0 rg 0 0 20 10 re f", {"/Subtype": Name.Form, "/BBox": [0, 0, 20, 10]})
    script = Dictionary(S=Name.JavaScript, JS=MARK)
    note = {"/T": MARK, "/M": MARK, "/CreationDate": MARK, "/Contents": MARK, "/NM": MARK, "/F": 4}
    launch = Dictionary(S=Name.Launch, F=MARK)
    page.Annots = Array(
        [
            made.make_indirect(
                Dictionary({"/Subtype": Name.Stamp, "/Rect": [200, 100, 220, 110], "/AP": Dictionary(N=stamp), **note})
            ),
            made.make_indirect(Dictionary({"/Subtype": Name.Text, "/Rect": [0, 0, 9, 9], **note})),
            made.make_indirect(Dictionary(Subtype=Name.Link, Rect=[0, 0, 9, 9], A=launch)),
        ]
    )
    page.PieceInfo = Dictionary(Editor=Dictionary(LastModified="D:2030", Private=MARK))
    page.Thumb = made.make_stream(MARK.encode(), {"/Width": 1, "/Height": 1})
    page.AA = Dictionary(O=script)
    made.Root.Metadata = made.make_stream(MARK.encode(), {"/Type": Name.Metadata, "/Subtype": Name.XML})
    made.Root.PieceInfo = Dictionary(Editor=Dictionary(Private=MARK))
    made.Root.OpenAction = script
    made.Root.Names = Dictionary(
        EmbeddedFiles=Dictionary(Names=[String(MARK), Dictionary(F=MARK, UF=MARK, EF=Dictionary(F=told))]),
        JavaScript=Dictionary(Names=[String(MARK), script]),
    )
    made.Root.StructTreeRoot = Dictionary(Type=Name.StructTreeRoot, T=MARK)
    made.trailer.Info = made.make_indirect(Dictionary(Author=MARK, Title=MARK, Producer=MARK))
    made.trailer.ID = Array([String(MARK.ljust(16)), String(MARK.ljust(16))])


def with_earlier_version(body: bytes) -> bytes:
    """A later version, added behind the first as editors save, that names no author any more."""
    first = body.rindex(b"startxref")
    start = int(body[first:].split()[1])
    with Pdf.open(io.BytesIO(body)) as old:
        root, size = old.Root.objgen[0], int(old.trailer.Size)
    xref = len(body)
    trailer = f"trailer\n<< /Size {size} /Root {root} 0 R /Prev {start} >>\nstartxref\n{xref}\n%%EOF\n"
    return body + b"xref\n0 1\n0000000000 65535 f \n" + trailer.encode()


# What is looked at in what came out


def unfolded(body: bytes) -> bytes:
    """The bytes, and all that any part of them can be inflated to."""
    found = [body]
    for head in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        at = body.find(head)
        while at >= 0:
            with suppress(zlib.error):
                found.append(zlib.decompressobj().decompress(body[at:]))
            at = body.find(head, at + 1)
    return b"\n".join(found)


def tells(body: bytes) -> bool:
    everything = unfolded(body).lower()
    wordings = [MARK.encode(code).lower() for code in ("ascii", "utf-16-be", "utf-16-le")]
    return any(w in everything or w.hex().encode() in everything for w in wordings)


def corners(body: bytes) -> list[tuple[int, ...]]:
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    width, height = picture.size
    places = [(4, 4), (width - 5, 4), (4, height - 5), (width - 5, height - 5)]
    return [picture.getpixel(place) for place in places]  # type: ignore[misc]


def close_to(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(one, other, strict=True))


# What is kept


TURNED = [COLOURS[2], COLOURS[0], COLOURS[3], COLOURS[1]]
"""The quarters of a picture whose camera was held on its side."""


@pytest.mark.parametrize(
    ("body", "kind", "ending", "removed"),
    [
        (
            jpeg(),
            *("image/jpeg", "jpg"),
            ("exif", "gps", "comment", "profile", "thumbnail", "xmp", "trailer", "other"),
        ),
        (jpeg(progressive=True), "image/jpeg", "jpg", None),
        (png(), "image/png", "png", ("exif", "gps", "comment", "profile", "xmp", "trailer")),
        (webp(), "image/jpeg", "jpg", ("exif", "gps", "profile", "xmp")),
        (webp("RGBA"), "image/png", "png", ("exif", "gps", "profile", "xmp")),
    ],
    ids=["jpeg", "progressive", "png", "webp", "webp with transparency"],
)
def test_a_picture_keeps_what_it_shows_and_nothing_else(
    folder: Path, body: bytes, kind: str, ending: str, removed: tuple[str, ...] | None
) -> None:
    assert tells(body)
    clean = scrub.scrub(body, folder)
    assert (clean.kind, clean.ending) == (kind, ending)
    assert not tells(clean.body)
    assert Image.open(io.BytesIO(clean.body)).size == (48, 64)
    assert all(close_to(*pair) for pair in zip(corners(clean.body), TURNED, strict=True))
    assert removed is None or clean.removed == removed
    assert len(clean.original_sha256) == len(clean.clean_sha256) == 64
    assert clean.original_sha256 != clean.clean_sha256


def test_the_same_file_comes_out_the_same_and_a_clean_one_loses_nothing(folder: Path) -> None:
    for body in (jpeg(), png(), document()):
        clean = scrub.scrub(body, folder)
        assert scrub.scrub(body, folder) == clean
        assert scrub.scrub(clean.body, folder).removed == ()


def test_every_visible_pixel_of_a_png_is_kept(folder: Path) -> None:
    picture = quarters("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 90))
    clean = scrub.scrub(packed(picture, "PNG"), folder)
    assert Image.open(io.BytesIO(clean.body)).tobytes() == picture.tobytes()


def test_what_lies_under_full_transparency_is_gone(folder: Path) -> None:
    picture = quarters("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 0))
    clean = scrub.scrub(packed(picture, "PNG"), folder)
    assert Image.open(io.BytesIO(clean.body)).getpixel((0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16"])
def test_pictures_of_every_depth_stay_as_bright_as_they_are(folder: Path, mode: str) -> None:
    if mode == "I;16":
        picture = Image.frombytes("I;16", (2, 2), struct.pack("<4H", 0, 20000, 40000, 65535))
        picture = picture.resize((64, 48), Image.Resampling.NEAREST)
        shown = [0, 78, 156, 255]
    else:
        picture = quarters("L").point([0] * 128 + [255] * 128).convert(mode)
        shown = [value for (value, *_rest) in corners(packed(picture.convert("L"), "PNG"))]
    clean = scrub.scrub(packed(picture, "PNG"), folder)
    assert [value for (value, *_rest) in corners(clean.body)] == shown


def test_a_picture_of_many_pictures_keeps_the_first(folder: Path) -> None:
    body = packed(quarters(), "PNG", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    clean = scrub.scrub(body, folder)
    assert "frames" in clean.removed
    assert getattr(Image.open(io.BytesIO(clean.body)), "n_frames", 1) == 1
    assert close_to(corners(clean.body)[0], COLOURS[0])


@pytest.mark.parametrize(
    "pack", [{}, {"object_stream_mode": pikepdf.ObjectStreamMode.generate}], ids=["open", "packed"]
)
def test_a_document_keeps_what_its_pages_show_and_nothing_else(folder: Path, pack: dict[str, Any]) -> None:
    body = document(**pack)
    assert tells(body)
    clean = scrub.scrub(body, folder)
    assert (clean.kind, clean.ending) == ("application/pdf", "pdf")
    assert not tells(clean.body)
    assert set(clean.removed) == {
        *("exif", "comment", "profile", "thumbnail", "xmp", "docinfo", "pieceinfo", "attachments", "scripts", "links"),
        *("annotations-authors", "other"),
    }
    with Pdf.open(io.BytesIO(clean.body)) as made:
        assert set(made.Root.keys()) == {"/Type", "/Pages"}
        assert Name.Info not in made.trailer
        page = made.pages[0]
        assert set(page.obj.keys()) == {"/Type", "/Parent", "/MediaBox", "/Resources", "/Contents"}
        content = page.Contents.read_bytes()
        assert b"(shown) Tj" in content
        assert b"/Im0 Do" in content
        (stamp,) = (form for form in page.Resources.XObject.values() if form.Subtype == Name.Form)
        assert b"0 0 20 10 re" in stamp.read_bytes(), "a stamp is seen, so it stays"
        drawn = pikepdf.PdfImage(cast(Any, page.Resources.XObject.Im0)).as_pil_image()
        assert drawn.tobytes() == Image.open(io.BytesIO(packed(quarters(), "JPEG"))).tobytes()


def test_an_earlier_version_behind_a_document_is_gone(folder: Path) -> None:
    body = with_earlier_version(document(object_stream_mode=pikepdf.ObjectStreamMode.disable))
    assert tells(body)
    clean = scrub.scrub(body, folder)
    assert "revisions" in clean.removed
    assert not tells(clean.body)


def test_a_document_made_for_slow_lines_has_no_earlier_version(folder: Path) -> None:
    assert "revisions" not in scrub.scrub(document(linearize=True), folder).removed


def test_what_follows_the_end_of_a_document_is_gone(folder: Path) -> None:
    clean = scrub.scrub(document() + MARK.encode(), folder)
    assert "trailer" in clean.removed
    assert not tells(clean.body)


def test_a_filled_form_keeps_what_was_filled_in(folder: Path) -> None:
    def fill(made: Pdf) -> None:
        helvetica = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
        field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=MARK, V="FILLED", Rect=[9, 50, 99, 70])
        field.DA = String("/Helv 10 Tf 0 g")
        made.pages[0].obj.Annots.append(made.make_indirect(field))
        fields = Array([made.pages[0].obj.Annots[-1]])
        resources = Dictionary(Font=Dictionary(Helv=helvetica))
        made.Root.AcroForm = Dictionary(Fields=fields, NeedAppearances=True, DR=resources, DA="/Helv 10 Tf 0 g")

    clean = scrub.scrub(document(fill), folder)
    assert b"FILLED" in unfolded(clean.body)
    assert not tells(clean.body)


def test_a_document_that_only_forbids_printing_is_opened(folder: Path) -> None:
    clean = scrub.scrub(document(encryption=Encryption(owner="owner", user="")), folder)
    assert not tells(clean.body)


# What the person decides


def signed(made: Pdf) -> None:
    signature = Dictionary(Type=Name.Sig, Name=MARK, ByteRange=[0, 1, 2, 3], Contents=String("x"))
    made.Root.AcroForm = Dictionary(
        SigFlags=3, Fields=[Dictionary(FT=Name.Sig, T="a", V=made.make_indirect(signature))]
    )


def xfa(made: Pdf) -> None:
    made.Root.AcroForm = Dictionary(Fields=[], XFA=made.make_stream(MARK.encode()))


def layered(made: Pdf) -> None:
    layer = made.make_indirect(Dictionary(Type=Name.OCG, Name=MARK))
    made.Root.OCProperties = Dictionary(OCGs=[layer], D=Dictionary(OFF=[layer]))


def wavelets(made: Pdf) -> None:
    made.pages[0].obj.Resources.XObject.Im0.write(b"\0\0\0\x0cjP", filter=Name.JPXDecode)


def odd_jpeg(made: Pdf) -> None:
    made.pages[0].obj.Resources.XObject.Im0.write(b"\xff\xd8 no segments", filter=Name.DCTDecode)


def odd_stream(made: Pdf) -> None:
    made.pages[0].obj.Resources.XObject.Im0.write(MARK.encode(), filter=Name.FlateDecode)


def nameless_jpeg(made: Pdf) -> None:
    """A damaged word, and nothing says any more that this is a photo."""
    del made.pages[0].obj.Resources.XObject.Im0.Filter


def few_samples(made: Pdf) -> None:
    made.pages[0].obj.Resources.XObject.Im0.write(bytes(64 * 48 * 3 - 1))


ODD_PARTS = [signed, xfa, layered, wavelets, odd_jpeg, odd_stream, nameless_jpeg, few_samples]

UNSHOWN = [
    "q (M) 1 0 0 1 0 0 cm Q", "[(M)] 0 d", "[[(M)]] 0 d", "[(M)] rg", "<</A (M)>> gs",
    *(f"BT /F1 12 Tf {text} ET" for text in ("(M) (shown) Tj", "[(M)] Tj", "[<</A (M)>>] TJ", "[[(M)]] TJ", "(M) TJ",
                                             "(M) 0 (shown) \"", "0 (M) (shown) \"", "0 (shown) \"", "(M) (shown) '")),
]  # fmt: skip


@pytest.mark.parametrize("content", UNSHOWN)
def test_text_that_a_page_does_not_show_is_not_kept(folder: Path, content: str) -> None:
    def write(made: Pdf) -> None:
        made.pages[0].obj.Contents = made.make_stream(content.replace("M", MARK).encode())

    with pytest.raises(NotStrippable):
        scrub.scrub(document(write), folder)


def test_text_that_a_page_shows_is_kept_in_every_way_to_show_it(folder: Path) -> None:
    content = b"[3 1.5] 0 d /G0 gs BT /F1 12 Tf (one) Tj [(two) -1.5 (three)] TJ (four) ' 1 0.5 (five) \" ET"

    def write(made: Pdf) -> None:
        made.pages[0].obj.Contents = made.make_stream(content)

    with pikepdf.open(io.BytesIO(scrub.scrub(document(write), folder).body)) as clean:
        (page,) = clean.pages
        kept = pikepdf.unparse_content_stream(pikepdf.parse_content_stream(page))
    assert [
        each for each in (b"1.5 ] 0 d", b"(one) Tj", b"(three) ] TJ", b"(four) '", b'(five) "') if each not in kept
    ] == []


@pytest.mark.parametrize("space", [[Name.DeviceRGB], Name.DeviceRGB, [Name.DeviceGray]])
def test_a_colour_space_may_stand_in_a_list(folder: Path, space: Any) -> None:
    def write(made: Pdf) -> None:
        image, each = made.pages[0].obj.Resources.XObject.Im0, 1 if space == [Name.DeviceGray] else 3
        image.ColorSpace = Array(space) if isinstance(space, list) else space
        image.write(bytes(64 * 48 * each))

    assert scrub.scrub(document(write), folder).kind == "application/pdf"


@pytest.mark.parametrize("change", ODD_PARTS)
def test_what_cannot_be_removed_for_sure_is_the_persons_choice(folder: Path, change: Callable[[Pdf], None]) -> None:
    body = document(change, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    with pytest.raises(NotStrippable) as choice:
        scrub.scrub(body, folder)
    assert (choice.value.kind, choice.value.ending) == ("application/pdf", "pdf")
    as_it_is = scrub.as_it_is(body)
    assert (as_it_is.body, as_it_is.kind, as_it_is.removed) == (body, "application/pdf", ())
    assert as_it_is.original_sha256 == as_it_is.clean_sha256


def test_what_follows_the_samples_of_a_picture_is_left_out(folder: Path) -> None:
    def longer(made: Pdf) -> None:
        made.pages[0].obj.Resources.XObject.Im0.write(bytes(64 * 48 * 3) + MARK.encode())

    clean = scrub.scrub(document(longer), folder)
    assert not tells(clean.body)
    assert "trailer" in clean.removed
    with Pdf.open(io.BytesIO(clean.body)) as made:
        assert made.pages[0].obj.Resources.XObject.Im0.read_bytes() == bytes(64 * 48 * 3)


def test_a_part_of_a_photo_that_is_not_as_long_as_it_says_is_no_part() -> None:
    whole = packed(quarters(), "JPEG")
    assert formats.bare(whole).endswith(b"\xff\xd9")
    table = whole.index(b"\xff\xdb") + 5
    codes = whole.index(b"\xff\xc4") + 5
    frame, scan = whole.index(b"\xff\xc0") + 9, whole.index(b"\xff\xda") + 4
    changed = {
        "a zero among the numbers of a table": whole[:table] + b"\0" + whole[table + 1 :],
        "more codes than there are": whole[:codes] + bytes([whole[codes] + 1]) + whole[codes + 1 :],
        "more components than there are": whole[:frame] + b"\4" + whole[frame + 1 :],
        "more of them in the scan": whole[:scan] + b"\4" + whole[scan + 1 :],
        "no end": whole[:-2],
        "notes that pass for conditioning": whole[:2] + b"\xff\xcc\x00\x16" + b"Exif" * 5 + whole[2:],
        "a restart of four bytes": whole[:2] + b"\xff\xdd\x00\x06" + b"Exif" + whole[2:],
    }
    for what, body in changed.items():
        with pytest.raises(formats.Malformed):
            pytest.fail(f"{what}: {formats.bare(body)!r}")


def test_a_picture_as_it_is_keeps_its_notes() -> None:
    assert scrub.as_it_is(jpeg()).body == jpeg()
    assert (scrub.as_it_is(png()).kind, scrub.as_it_is(png()).ending) == ("image/png", "png")


# What is refused


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("word/document.xml", "x")
    return made.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A few bytes of PNG that claim to be this large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return body + b"\0\0\0\0IEND\xaeB`\x82"


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "21 MB": (b"\xff\xd8\xff" + bytes(21_000_000), "size"),
    "a program renamed": (b"MZ\x90\0" + bytes(500), "type"),
    "a program of Linux": (b"\x7fELF" + bytes(500), "type"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "type"),
    "html": (b"<!doctype html><script>alert(1)</script>", "type"),
    "gif and jar": (b"GIF89a" + bytes(50) + archive(), "type"),
    "jpeg and jar": (packed(quarters(), "JPEG") + archive(), "type"),
    "pdf and zip": (document() + archive(), "type"),
    "pdf behind junk": (b"MZ junk\n" + document(), "type"),
    "docx": (archive(), "type"),
    "gz": (b"\x1f\x8b\x08" + bytes(40), "type"),
    "tiff": (b"II*\0" + bytes(40), "type"),
    "audio": (b"OggS" + bytes(40), "type"),
    "png of 30,000 by 30,000": (claiming(30_000, 30_000), "pixels"),
    "a cut jpeg": (jpeg()[:400], "broken"),
    "a cut png": (png()[:300], "broken"),
    "a cut webp": (webp()[:25], "broken"),
    "only the first bytes of a pdf": (b"%PDF-1.7\n", "broken"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_taken_is_refused_with_the_right_reason(folder: Path, name: str) -> None:
    body, reason = HOSTILE[name]
    with pytest.raises(Refused) as refused:
        scrub.scrub(body, folder)
    assert refused.value.reason == reason


@pytest.mark.parametrize("name", [name for name, (_body, reason) in HOSTILE.items() if reason != "broken"])
def test_the_limits_hold_for_a_file_as_it_is_too(name: str) -> None:
    body, reason = HOSTILE[name]
    with pytest.raises(Refused) as refused:
        scrub.as_it_is(body)
    assert refused.value.reason == reason


def test_a_locked_document_is_refused(folder: Path) -> None:
    with pytest.raises(Refused) as refused:
        scrub.scrub(document(encryption=Encryption(owner="owner", user="user")), folder)
    assert refused.value.reason == "locked"


def test_the_size_that_a_picture_says_it_has_is_read_without_decoding_it() -> None:
    plain = Image.new("RGB", (300, 200))
    for form, more in (("JPEG", {}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("WEBP", {"exif": b"x"})):
        body = packed(plain, form, **more)
        assert formats.size_of(formats.kind_of(body) or "", body) == (300, 200)


# Confinement


def bomb() -> bytes:
    """A page whose content unpacks to two gigabytes."""
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(1)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    times = 128
    size = 1 + times * 2**24
    content = head + block * times + b"\x03\x00" + struct.pack(">I", (size % 65521) << 16 | 1)

    def swell(made: Pdf) -> None:
        image = made.pages[0].obj.Resources.XObject.Im0
        image.write(content, filter=Name.FlateDecode)

    return document(swell, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def test_a_document_that_unpacks_without_end_meets_the_memory_cap(folder: Path) -> None:
    body = bomb()
    assert len(body) < 3_000_000
    with pytest.raises(Refused) as refused:
        scrub.scrub(body, folder)
    assert refused.value.reason == "size"


def test_the_largest_picture_fits_under_the_memory_cap(folder: Path) -> None:
    clean = scrub.scrub(packed(Image.new("RGB", (8000, 5000), "#336699"), "JPEG"), folder)
    assert Image.open(io.BytesIO(clean.body)).size == (8000, 5000)


def probe(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> Any:
    """What a process of the scrubber's kind says of itself as JSON."""
    start = f"import json, os, resource, socket, sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    monkeypatch.setattr(scrub, "CHILD", start + "from bot.complaints import scrubber\n" + code)
    return json.loads(scrub._asked(b"given", folder))


def test_the_child_knows_nothing_of_ours(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("CUENTA_SECRET", MARK)
    ours = os.memfd_create("ours", 0)
    os.set_inheritable(ours, True)
    code = """
said = {"env": dict(os.environ), "argv": sys.argv, "fds": os.listdir("/proc/self/fd"), "cwd": os.getcwd()}
print(json.dumps(said | {"mode": os.stat(".").st_mode, "inside": os.listdir("."), "session": os.getsid(0)}))
"""
    said = probe(monkeypatch, folder, code)
    os.close(ours)
    assert MARK not in str(said["env"])
    assert set(said["env"]) <= {"LC_CTYPE"}
    assert said["argv"] == ["-c"]
    assert len(said["fds"]) == 4, "three, and the one that lists them"
    assert Path(said["cwd"]).parent == folder
    assert stat.S_IMODE(said["mode"]) == 0o700
    assert said["inside"] == []
    assert said["session"] != os.getsid(0)


def test_the_child_may_use_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    code = """
scrubber.limit()
names = ("AS", "CPU", "FSIZE", "NOFILE", "CORE")
said = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names}
try:
    bytes(1_100_000_000)
except MemoryError:
    said["large"] = "no"
print(json.dumps(said))
"""
    said = probe(monkeypatch, folder, code)
    assert said["AS"] == [scrubber.MEMORY] * 2
    assert said["CPU"][0] == scrubber.PROCESSOR
    assert said["FSIZE"] == [scrub.LARGEST * 2] * 2
    assert said["CORE"] == [0, 0]
    assert said["large"] == "no"


def test_the_child_reaches_nobody_and_opens_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"""
def tried(what):
    try:
        what()
        return "done"
    except OSError as error:
        return type(error).__name__
call = lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}))
scrubber.limit()
said = {{"alone": scrubber.leave_network(), "called": tried(call)}}
scrubber.close()
said |= {{"socket": tried(socket.socket), "file": tried(lambda: open("/etc/hostname"))}}
said |= {{"written": tried(lambda: open("x", "w"))}}
print(json.dumps(said))
"""
        said = probe(monkeypatch, folder, code)
    assert said["called"] == ("OSError" if said["alone"] else "done")
    assert (said["socket"], said["file"], said["written"]) == ("OSError", "OSError", "OSError")


def test_a_file_is_opened_only_by_a_child_that_is_confined(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    code = """
class Maker:
    def made_anew(body):
        names = ("AS", "NOFILE", "NPROC")
        network = os.readlink("/proc/self/ns/net")
        found = [f"{name} {resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[1]}" for name in names]
        return body.decode(), b"", [*found, network]
scrubber.maker_of = lambda body: Maker
scrubber.main()
"""
    said = probe(monkeypatch, folder, code)
    assert said["kind"] == "given"
    assert set(said["removed"]) >= {f"AS {scrubber.MEMORY}", "NOFILE 3", "NPROC 0"}
    alone = probe(monkeypatch, folder, "print(json.dumps(scrubber.leave_network()))")
    assert (str(Path("/proc/self/ns/net").readlink()) not in said["removed"]) == alone


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (f"import os; os.kill(os.getpid(), {signal.SIGKILL})", "broken"),
        (f"import os; os.kill(os.getpid(), {signal.SIGSEGV})", "broken"),
        (f"import os; os.kill(os.getpid(), {signal.SIGXCPU})", "timeout"),
        ("raise SystemExit(1)", "broken"),
        ("pass", "broken"),
        ("print('not json')", "broken"),
        ("print('[]')", "broken"),
        ("""print('{"answer": "refused", "reason": "<script>"}')""", "broken"),
        ("""print('{"answer": "refused"}')""", "broken"),
        ("""print('{"answer": "clean", "kind": "image/jpeg", "removed": []}\\nMZ')""", "broken"),
        ("""print('{"answer": "clean", "kind": "image/png", "removed": ["x"]}\\n\\x89PNG')""", "broken"),
    ],
)
def test_whatever_becomes_of_the_child_the_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: Path, code: str, reason: str
) -> None:
    monkeypatch.setattr(scrub, "CHILD", code)
    with pytest.raises(Refused) as refused:
        scrub.scrub(jpeg(), folder)
    assert refused.value.reason == reason


def test_a_child_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(scrub, "CHILD", "import signal; signal.pause()")
    monkeypatch.setattr(scrub, "LONGEST", 0.2)
    with pytest.raises(Refused) as refused:
        scrub.scrub(jpeg(), folder)
    assert refused.value.reason == "timeout"


def test_a_folder_that_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        scrub.scrub(jpeg(), tmp_path / "gone")


def test_neither_a_clean_file_nor_what_was_raised_shows_a_digest_or_the_content(folder: Path) -> None:
    clean = scrub.scrub(jpeg(), folder)
    assert clean.clean_sha256 not in repr(clean)
    assert clean.original_sha256 not in repr(clean)
    assert "JFIF" not in repr(clean)


# Files that nobody thought of


WHOLE = [jpeg(), png(), webp(), document(), document(object_stream_mode=pikepdf.ObjectStreamMode.disable, qdf=True)]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with some of its bytes changed, cut out or doubled."""
    body = bytearray(draw(st.sampled_from(WHOLE)))
    for _time in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(body) - 1))
        match draw(st.sampled_from(("change", "cut", "double"))):
            case "change":
                body[at] = draw(st.integers(0, 255))
            case "cut":
                del body[at : at + draw(st.integers(1, 40))]
            case "double":
                body[at:at] = body[at : at + draw(st.integers(1, 200))]
    return bytes(body)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_a_damaged_file_is_made_anew_or_refused(body: bytes) -> None:
    line, _newline, made = scrubber.answer(scrubber.maker_of(body), body).partition(b"\n")
    told = json.loads(line)
    assert not tells(made)
    assert told["answer"] in ("clean", "refused", "not strippable")
    assert set(told.get("removed", ())) <= set(scrub.CODES)
    assert told.get("reason", "type") in scrub.REASONS


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_scrubbing_ends_in_one_of_three_ways(tmp_path: Path, body: bytes) -> None:
    with suppress(Refused, NotStrippable):
        assert isinstance(scrub.scrub(body, tmp_path), Clean)
    assert list(tmp_path.iterdir()) == []


def test_the_codes_are_told_in_their_order_and_once() -> None:
    assert len(set(scrub.CODES)) == len(scrub.CODES)
