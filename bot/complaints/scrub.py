"""Scrub: a file that comes with a complaint, made anew in a confined process so that it holds what it shows and nothing
else. What a file is says its content; names are never read here, and nothing here is logged."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from bot.complaints import formats

LARGEST = 20_000_000
"""Bytes of one file: what Telegram hands out to a bot."""

MOST_PIXELS = 40_000_000
"""Of one picture: a scanned page of A4 at 600 dots an inch has 35 million."""

LONGEST = 60
"""Seconds of wall time for one file."""

REASONS = ("empty", "size", "type", "pixels", "broken", "locked", "timeout")

CODES = (
    "exif",
    "gps",
    "comment",
    "profile",
    "thumbnail",
    "xmp",
    "frames",
    "trailer",
    "docinfo",
    "pieceinfo",
    "attachments",
    "scripts",
    "links",
    "annotations-authors",
    "revisions",
    "other",
)
"""What can be taken out. From pictures: what the camera noted, the place, comments, the colour profile, a small copy of
the picture, Adobe's notes, further pictures behind the first. From both: what follows the end of the file. From PDF:
title and author, what programs left for themselves, attached files, scripts, links and other actions, notes with their
authors and dates (what they show is drawn on the page), earlier versions. `other`: bookmarks, tags for reading aloud,
form fields (drawn too), and what belongs to no picture or page."""

SENT = ("image/jpeg", "image/png", "application/pdf")
"""The kinds that reach a receiver; WebP becomes one of them."""


@dataclass(frozen=True)
class Clean:
    """A file without what it did not show. `kind` and `ending` by content; `removed` are CODES, in their order."""

    kind: str
    ending: str
    body: bytes = field(repr=False)
    original_sha256: str = field(repr=False)
    clean_sha256: str = field(repr=False)
    removed: tuple[str, ...]


class Refused(Exception):
    """A file that cannot be taken; `reason` is one of REASONS."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class NotStrippable(Exception):
    """A file whose hidden data cannot be removed for sure, though its kind is known: the person decides."""

    def __init__(self, kind: str):
        super().__init__(kind)
        self.kind = kind
        self.ending = formats.ENDINGS[kind]


def scrub(body: bytes, folder: Path) -> Clean:
    """The file without what it did not show. Blocks for up to LONGEST seconds.

    `folder` is a directory on tmpfs: what the child reads and writes lies there under no name. Raises Refused and
    NotStrippable, and nothing else of what a file or the child can bring about.
    """
    kind = _checked(body)
    try:
        answer = _asked(body, folder)
        told, made = _understood(answer)
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused("broken") from None
    if told["answer"] == "refused":
        raise Refused(told["reason"])
    if told["answer"] == "not strippable":
        raise NotStrippable(kind)
    return _clean(told["kind"], made, body, tuple(code for code in CODES if code in told["removed"]))


def as_it_is(body: bytes) -> Clean:
    """The file unchanged, as the person chose: only its kind and its limits are looked at. Raises Refused."""
    kind = _checked(body)
    if kind not in SENT:
        raise Refused("type")
    return _clean(kind, body, body, ())


def _clean(kind: str, made: bytes, original: bytes, removed: tuple[str, ...]) -> Clean:
    digests = (hashlib.sha256(original).hexdigest(), hashlib.sha256(made).hexdigest())
    return Clean(kind, formats.ENDINGS[kind], made, *digests, removed)


def _checked(body: bytes) -> str:
    """The kind of a file that is within the limits. Raises Refused."""
    if not body:
        raise Refused("empty")
    if len(body) > LARGEST:
        raise Refused("size")
    kind = formats.kind_of(body)
    # One file that is two: a picture or a PDF to one program and an archive to another.
    if kind is None or zipfile.is_zipfile(io.BytesIO(body)):
        raise Refused("type")
    if kind != "application/pdf":
        _check_pixels(kind, body)
    return kind


def _check_pixels(kind: str, body: bytes) -> None:
    try:
        width, height = formats.size_of(kind, body)
    except formats.Malformed:
        raise Refused("broken") from None
    if width * height > MOST_PIXELS:
        raise Refused("pixels")


ROOT = Path(__file__).parents[2]
CHILD = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bot.complaints import scrubber; scrubber.main()"
"""-I keeps out what the environment and the working directory could bring in, so it is told where this code is."""


def _asked(body: bytes, folder: Path) -> bytes:
    """What the child answers. Raises Refused, OSError."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as corner,
        tempfile.TemporaryFile(dir=corner) as given,
        tempfile.TemporaryFile(dir=corner) as taken,
    ):
        given.write(body)
        given.seek(0)
        _run(Path(corner), given, taken)
        taken.seek(0)
        return taken.read()


def _run(corner: Path, given: BinaryIO, taken: BinaryIO) -> None:
    try:
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-B", "-c", CHILD],
            stdin=given,
            stdout=taken,
            stderr=subprocess.DEVNULL,
            cwd=corner,
            env={},
            close_fds=True,
            start_new_session=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused("timeout") from None
    if ended.returncode == -signal.SIGXCPU:  # it had used up its seconds of processor
        raise Refused("timeout")
    if ended.returncode != 0:
        raise Refused("broken")


def _understood(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """A line of JSON, then the file. The child read what a stranger sent: only what it may say is believed."""
    line, _newline, made = answer.partition(b"\n")
    told = json.loads(line)
    if told["answer"] == "clean":
        if told["kind"] not in SENT or formats.kind_of(made) != told["kind"] or not set(told["removed"]) <= set(CODES):
            raise ValueError
        if len(made) > LARGEST:
            raise Refused("size")
    elif told["answer"] == "refused":
        REASONS.index(told["reason"])
    elif told["answer"] != "not strippable":
        raise ValueError
    return told, made
