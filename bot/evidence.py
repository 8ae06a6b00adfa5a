"""Evidence: files that show what a report says. Fetched from the chat's provider, checked, and cleaned before anybody
sees them: a photo tells where and with what it was taken, and that is nobody's business."""

import asyncio
import hashlib
import io
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from PIL import Image, ImageOps
from sqlalchemy import Connection, Row

from bot import failures
from bot.desk import Desk
from bot.messages import Reply
from bot.speech import Speaker
from flows.answers import tidy
from flows.language import Phrase, _
from flows.office import LARGEST
from storage import contacts, outbox, voices
from storage.database import reading, transaction

log = structlog.get_logger()

LONGEST_SIDE = 2000
"""Pixels: enough to read a poster, and a tenth of what a phone's camera sends."""

MOST_PIXELS = {"JPEG": 60_000_000, "MPO": 60_000_000, "PNG": 36_000_000, "WEBP": 16_000_000}
"""By kind, so that reading one takes less than 350 MB: a few bytes can claim to be any size. A scanned page of A4 at
600 dots an inch has 35 million."""

QUALITY = 82
MOST_TRIES = 8
LEADS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/jpeg", "MPO": "image/jpeg"}
"""What becomes of each kind of picture; PDF is kept as it is."""

WHY: Mapping[str, Phrase] = {
    "size": _(
        "Your file was too large, so it was not added to the report. Send one of at most 10 megabytes: write PROGRESS."
    ),
    "type": _("Your file is neither a photo nor a PDF file, so it was not added to the report. To send one: PROGRESS."),
    "gone": _("We could not get your file, so it was not added to the report. Please send it again: write PROGRESS."),
}


class Fetches(Protocol):
    """A channel whose provider keeps files."""

    async def fetch(self, source: str, most: int) -> bytes:
        """The file. Raises failures.NotDelivered."""
        ...


@dataclass(frozen=True)
class File:
    """A file as it is kept: its media type as found in its own bytes, and a name that is safe to show."""

    kind: str
    name: str
    body: bytes

    def row(self) -> dict[str, Any]:
        """The columns of its row."""
        digest = hashlib.sha256(self.body).hexdigest()
        return {"kind": self.kind, "name": self.name, "size": len(self.body), "sha256": digest, "body": self.body}


class Unfit(Exception):
    """A file that cannot be kept; `reason` is size or type."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def checked(body: bytes, name: str = "") -> File:
    """The file to keep: a picture made anew without what is hidden in it, or a PDF. Raises Unfit."""
    if len(body) > LARGEST:
        raise Unfit("size")
    if body.startswith(b"%PDF-"):
        return File("application/pdf", _clean(name, "pdf"), body)
    kind, made = _redrawn(body)
    return File(kind, _clean(name, "png" if kind == "image/png" else "jpg"), made)


def _redrawn(body: bytes) -> tuple[str, bytes]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(io.BytesIO(body), formats=list(LEADS))
        form = picture.format or ""
        if picture.width * picture.height > MOST_PIXELS[form]:
            raise Unfit("size")
        # Made small before anything else: each step before that would keep the whole picture in memory once more.
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        picture = ImageOps.exif_transpose(picture)
        return LEADS[form], _packed(picture, LEADS[form])
    except Unfit:
        raise
    except Exception:  # whatever Pillow cannot read, hostile or broken, is no picture
        raise Unfit("type") from None


def _packed(picture: Image.Image, kind: str) -> bytes:
    clear = kind == "image/png" and "A" in picture.getbands()
    made = picture.convert("RGBA" if clear else "RGB")
    made.info.clear()  # or Pillow would write comments and the camera's colour profile again
    packed = io.BytesIO()
    if kind == "image/png":
        made.save(packed, "PNG", optimize=True)
    else:
        made.save(packed, "JPEG", quality=QUALITY, optimize=True)
    return packed.getvalue()


def _clean(name: str, ending: str) -> str:
    """A name to show: nothing of a path, nothing invisible, with the ending of what the file really is."""
    last = tidy(name.replace("\\", "/").rpartition("/")[2])
    stem = "".join(c for c in last.rpartition(".")[0] or last if c.isalnum() or c in " -_.")[:60].strip(" .")
    return f"{stem or 'evidencia'}.{ending}"


def attach(connection: Connection, files: Iterable[File], now: datetime, **to: int) -> None:
    """Keep files that are here already for a report (`report_id`) or a grade (`grade_id`)."""
    for file in files:
        voices.keep_file(connection, {**to, **file.row()}, now)


async def fetch_awaited(desk: Desk, fetchers: Mapping[str, Fetches]) -> int:
    """Fetch what reports wait for; who sent what cannot be kept is told why. How many files were settled."""
    now = desk.clock()
    with reading(desk.engine) as connection:
        rows = voices.awaited(connection, now)
    settled = 0
    for row in rows:
        settled += await _fetch(desk, fetchers.get(row.channel), row, now)
    return settled


async def _fetch(desk: Desk, fetcher: Fetches | None, row: Row[Any], now: datetime) -> bool:
    source = desk.ink.open(row.source) if row.source else None
    try:
        if fetcher is None or source is None:
            raise failures.Refused("gone")
        body = await fetcher.fetch(source.decode(), LARGEST)
        file = await asyncio.to_thread(checked, body, row.name)  # the sender's lanes go on beside it
    except failures.Refused as refused:
        return _refuse(desk, row, "size" if refused.reason == "size" else "gone", now)
    except failures.NotDelivered as failure:
        if row.tries + 1 >= MOST_TRIES:
            return _refuse(desk, row, "gone", now)
        log.warning("evidence.later", reason=failure.reason)
        with transaction(desk.engine) as connection:
            later = now + timedelta(seconds=30 * 2**row.tries)
            voices.settle_file(connection, row.id, tries=row.tries + 1, due_at=later)
        return False
    except Unfit as unfit:
        return _refuse(desk, row, unfit.reason, now)
    with transaction(desk.engine) as connection:
        voices.settle_file(connection, row.id, state="kept", source=None, **file.row())
    return True


def _refuse(desk: Desk, row: Row[Any], reason: str, now: datetime) -> bool:
    log.warning("evidence.refused", reason=reason)
    with transaction(desk.engine) as connection:
        settled = voices.settle_file(connection, row.id, state="refused", source=None, reason=reason)
        if settled and row.contact_id is not None:
            _tell(connection, desk, row, reason, now)
    return True


def _tell(connection: Connection, desk: Desk, row: Row[Any], reason: str, now: datetime) -> None:
    language = contacts.language_of(connection, row.contact_id)
    for part in desk.channels[row.channel].shape(Reply(Speaker(language).say(WHY[reason]))):
        sealed = desk.ink.seal(part.packed(), now)
        outbox.queue(connection, row.channel, row.contact_id, "receipt", sealed, now, segments=part.segments)
