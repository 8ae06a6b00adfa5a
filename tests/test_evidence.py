"""Evidence: what is kept, what is refused and told, and that nothing hidden in a photo is ever shown."""

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot import evidence, failures
from bot.channels.files import download
from bot.channels.telegram import TelegramSender
from bot.channels.twilio import Account, TwilioLine
from flows.office import LARGEST
from storage import voices
from storage.database import reading, transaction
from storage.voices import Evidence
from tests.world import EXAMPLE, Clock, World, address

MARCH = datetime(2030, 3, 5, 15, tzinfo=UTC)


def picture(form: str = "JPEG", size: tuple[int, int] = (40, 30), **more: Any) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", size, "#336699").save(packed, form, **more)
    return packed.getvalue()


def with_place() -> bytes:
    """A photo that tells where it was taken, as phones make them."""
    exif = Image.Exif()
    exif[0x010F] = "MAKER-OF-THE-PHONE"
    exif.get_ifd(0x8825)[29] = "2030:03:05"
    return picture(exif=exif)


# What is kept


def test_a_photo_is_made_anew_without_what_is_hidden_in_it() -> None:
    assert b"MAKER-OF-THE-PHONE" in with_place()
    file = evidence.checked(with_place(), "IMG_2030.JPG")
    assert (file.kind, file.name) == ("image/jpeg", "IMG_2030.jpg")
    assert b"MAKER" not in file.body
    assert b"Exif" not in file.body
    assert not Image.open(io.BytesIO(file.body)).getexif()


def test_no_comment_and_no_profile_of_a_camera_stays() -> None:
    told = b"MARIA-OF-THE-OFFICE"
    for body in (picture(comment=told), picture(xmp=told), picture("PNG", icc_profile=told), picture("WEBP", xmp=told)):
        file = evidence.checked(body)
        shown = Image.open(io.BytesIO(file.body)).info
        assert told not in file.body
        assert set(shown) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(("form", "side"), [("JPEG", 7700), ("PNG", 5900), ("WEBP", 3900)])
def test_a_few_bytes_that_claim_to_be_a_huge_picture_do_not_fill_the_memory(form: str, side: int) -> None:
    body = picture(form, (side, side))
    used = int(subprocess.run([sys.executable, "-c", MEASURED], input=body, capture_output=True, check=True).stdout)
    assert used < 350
    with pytest.raises(evidence.Unfit):
        evidence.checked(picture(form, (side + 200, side + 200)))


MEASURED = """
import re, sys
from pathlib import Path
from bot import evidence
body = sys.stdin.buffer.read()
def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
evidence.checked(body)
print(peak() - before)
"""
"""MB that reading a file takes at most, told by a process of its own."""


def test_a_photo_stands_upright_and_is_no_larger_than_needed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    file = evidence.checked(picture(size=(4000, 1000), exif=exif))
    assert Image.open(io.BytesIO(file.body)).size == (500, 2000)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (picture(), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/jpeg"),
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n", "application/pdf"),
    ],
)
def test_what_a_file_is_decides_and_not_what_it_says(body: bytes, kind: str) -> None:
    assert evidence.checked(body, "virus.exe").kind == kind
    assert not evidence.checked(body, "virus.exe").name.endswith(".exe")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "type"),
        (b"GIF89a" + b"\0" * 50, "type"),
        (b"<svg onload=alert(1)>", "type"),
        (b"<html>%PDF-", "type"),
        (picture()[:200], "type"),
        (b"PK\x03\x04 a document of an office", "type"),
        (b"%PDF-" + b"0" * LARGEST, "size"),
        (picture("PNG", (9000, 9000)), "size"),
    ],
    ids=["empty", "gif", "svg", "html", "cut", "zip", "25 MB", "a bomb"],
)
def test_what_cannot_be_kept_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(evidence.Unfit) as unfit:
        evidence.checked(body, "x")
    assert unfit.value.reason == reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\temp\\foto uno.jpeg", "foto uno.jpg"),
        ("<script>alert(1)</script>.png", "script.jpg"),
        ("a\u202egpj.exe", "agpj.jpg"),
        ("", "evidencia.jpg"),
        ("....", "evidencia.jpg"),
        ("x" * 300, "x" * 60 + ".jpg"),
        ("acta número 3.PDF", "acta número 3.jpg"),
    ],
)
def test_a_hostile_name_becomes_a_harmless_one(name: str, shown: str) -> None:
    assert evidence.checked(picture(), name).name == shown


# Where it comes from


@dataclass
class Store:
    """A provider's file store: what each path answers, and who asked with which password."""

    url: str = ""
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def stored() -> Iterator[Store]:
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            store.asked.append((self.path, self.headers.get("Authorization")))
            status, body, headers = store.answers.get(self.path, (404, b"", {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_parts: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as running:
        yield running


def line(store: Store) -> TwilioLine:
    return TwilioLine(Account("AC1", "password", store.url, ""))


async def fetched(fetcher: Any, source: str, most: int = LARGEST) -> bytes:
    try:
        return await fetcher.fetch(source, most)  # type: ignore[no-any-return]
    finally:
        await fetcher.close()


def test_telegrams_file_is_asked_for_by_its_id(store: Store) -> None:
    told = b'{"ok":true,"result":{"file_id":"a","file_unique_id":"b","file_size":3,"file_path":"photos/1.jpg"}}'
    store.answers |= {"/botT/getFile": (200, told, {}), "/file/botT/photos/1.jpg": (200, b"abc", {})}
    assert asyncio.run(fetched(TelegramSender("T", store.url), "a")) == b"abc"


def test_a_file_larger_than_telegram_hands_out_is_refused(store: Store) -> None:
    told = b'{"ok":false,"error_code":400,"description":"Bad Request: file is too big"}'
    store.answers["/botT/getFile"] = (400, told, {})
    with pytest.raises(failures.Refused):
        asyncio.run(fetched(TelegramSender("T", store.url), "a"))


def test_twilios_password_stays_with_twilio(store: Store) -> None:
    with stored() as elsewhere:
        elsewhere.answers["/cdn"] = (200, b"abc", {})
        store.answers["/media"] = (307, b"", {"Location": f"{elsewhere.url}/cdn"})
        assert asyncio.run(fetched(line(store), f"{store.url}/media")) == b"abc"
        assert store.asked[0][1] is not None
        assert elsewhere.asked == [("/cdn", None)]
        with pytest.raises(failures.Refused):
            asyncio.run(fetched(line(store), f"{elsewhere.url}/cdn"))
        assert len(elsewhere.asked) == 1


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((404, b"", {}), failures.Refused),
        ((500, b"", {}), failures.NotNow),
        ((200, b"0" * 1001, {}), failures.Refused),
        ((200, b"", {"Content-Length": "99999999"}), failures.Refused),
        ((302, b"", {"Location": "https://elsewhere.example.test/"}), failures.Refused),
        ((302, b"", {"Location": "/a"}), failures.Refused),
    ],
    ids=["gone", "broken", "longer than told", "too long", "to another scheme", "in a circle"],
)
def test_a_download_ends(store: Store, answer: tuple[int, bytes, dict[str, str]], failure: type[Exception]) -> None:
    store.answers["/a"] = answer
    with pytest.raises(failure):
        asyncio.run(download(f"{store.url}/a", 1000))


def test_a_store_that_is_not_there_is_asked_again_later() -> None:
    with pytest.raises(failures.NotNow):
        asyncio.run(download("http://127.0.0.1:9/a", 1000))


# The worker


class Gives:
    """A provider that gives this file, or fails this way."""

    def __init__(self, what: bytes | Exception):
        self.what = what

    async def fetch(self, _source: str, _most: int) -> bytes:
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A report from a chat, whose file the worker has still to fetch."""
    world = World.on(database_url, tmp_path, Clock(MARCH)).load(EXAMPLE)
    world.say("hola")
    with transaction(world.desk.engine) as connection:
        number = voices.report(connection, "arboles-plaza.1", "obras", "complete", "Hecho", "chat", MARCH)
        source = world.desk.ink.seal(b"file-id", MARCH)
        voices.await_file(connection, number, 1, "telegram", source, "foto.jpg", MARCH)
    yield world
    world.desk.engine.dispose()


def fetch(town: World, what: bytes | Exception) -> int:
    return asyncio.run(evidence.fetch_awaited(town.desk, {"telegram": Gives(what)}))


def the_file(town: World) -> dict[str, Any]:
    (row,) = town.rows(Evidence)
    return row


def test_what_is_fetched_is_kept_once(town: World) -> None:
    assert fetch(town, picture()) == 1
    row = the_file(town)
    assert (row["state"], row["kind"], row["name"], row["source"]) == ("kept", "image/jpeg", "foto.jpg", None)
    assert row["size"] == len(row["body"])
    assert fetch(town, picture("PNG")) == 0
    assert the_file(town)["kind"] == "image/jpeg"
    with reading(town.desk.engine) as connection:
        kept = voices.file(connection, row["id"])
    assert kept is not None
    assert kept.body == row["body"]


@pytest.mark.parametrize(
    ("what", "reason", "told"),
    [
        (b"not a picture", "type", "no es una foto"),
        (b"%PDF-" + b"0" * LARGEST, "size", "muy grande"),
        (failures.Refused("size"), "size", "muy grande"),
        (failures.Refused("gone"), "gone", "Envíelo otra vez"),
    ],
)
def test_what_cannot_be_kept_is_told_to_whoever_sent_it(
    town: World, what: bytes | Exception, reason: str, told: str
) -> None:
    assert fetch(town, what) == 1
    row = the_file(town)
    assert (row["state"], row["reason"], row["source"], row["body"]) == ("refused", reason, None, None)
    (message,) = town.delivered("telegram", address("telegram", 1))
    assert told in message.text
    assert fetch(town, picture()) == 0


def test_a_refusal_is_told_once_though_two_workers_fetched_it(town: World) -> None:
    class Slow(Gives):
        """Another worker is done before this one has the file."""

        async def fetch(self, source: str, most: int) -> bytes:
            await evidence.fetch_awaited(town.desk, {"telegram": Gives(b"not a picture")})
            return await super().fetch(source, most)

    asyncio.run(evidence.fetch_awaited(town.desk, {"telegram": Slow(b"not a picture")}))
    assert len(town.delivered("telegram", address("telegram", 1))) == 1


def test_a_provider_that_is_away_is_asked_again_ever_later_and_not_for_ever(town: World) -> None:
    waits = []
    for _try in range(evidence.MOST_TRIES - 1):
        assert fetch(town, failures.NotNow("away")) == 0
        waits.append((the_file(town)["due_at"] - town.clock()).total_seconds())
        assert fetch(town, picture()) == 0, "not before its time"
        town.clock.forward(seconds=waits[-1])
    assert waits == sorted(waits)
    assert fetch(town, failures.NotNow("away")) == 1
    assert the_file(town)["reason"] == "gone"


def test_a_file_of_a_channel_that_was_switched_off_is_refused(town: World) -> None:
    assert asyncio.run(evidence.fetch_awaited(town.desk, {})) == 1
    assert the_file(town)["state"] == "refused"


def test_whoever_left_before_it_was_fetched_is_not_written_to(town: World) -> None:
    for text in ("1", "privacidad", "3", "1"):
        town.say(text)
    town.delivered("telegram", address("telegram", 1))
    assert fetch(town, b"not a picture") == 1


def test_nothing_of_a_file_is_in_the_log(town: World, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(town, b"not a picture")
    said = "".join(capsys.readouterr())
    for word in ("file-id", "foto", address("telegram", 1)):
        assert word not in said
