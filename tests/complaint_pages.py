"""A person at the pages of complaints, as a browser without script would go through them."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import text
from sqlmodel import SQLModel
from werkzeug.test import TestResponse

from bot.complaints import cases, scrub
from bot.complaints.scrub import Clean
from cli import wiring
from cli.settings import Settings, read_settings
from storage import cases as shelf
from storage import vault
from storage.database import reading, transaction
from tests.world import World, environment

NONE = "ninguna"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
CODE = re.compile(r'<dd id="(?:numero|clave)">(.*?)</dd>')
SEALED = frozenset({"sealedcase", "sealedwrap", "sealedpart", "caseevent"})


def picture(note: str = "", size: int = 40) -> bytes:
    """A photo; its hidden data holds a note."""
    exif = Image.Exif()
    exif[0x010E] = note
    body = io.BytesIO()
    Image.new("RGB", (size, size), (90, 120, 40)).save(body, "JPEG", exif=exif)
    return body.getvalue()


class Page(Protocol):
    """An answer to a test's client, or to a real one."""

    @property
    def text(self) -> str: ...


def codes(page: Page) -> tuple[str, str]:
    """The locator and the access key that a page shows."""
    locator, key = ("".join(re.sub(r"<[^>]+>", "", each).split()) for each in CODE.findall(page.text))
    return locator, key


def hidden(page: Page) -> dict[str, str]:
    """What the first form of a page carries."""
    return dict(HIDDEN.findall(page.text.partition("<form")[2].partition("</form>")[0]))


def multipart(fields: dict[str, str], files: tuple[tuple[bytes, str], ...] = ()) -> tuple[bytes, str]:
    """A form as a browser sends it, and its content type. The test client's own way would use temporary files."""
    head = "--x\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [f'{head}"archivos"; filename="{name}"\r\n\r\n'.encode() + body for body, name in files]
    return b"\r\n".join([*parts, b"--x--\r\n"]), "multipart/form-data; boundary=x"


@dataclass
class Person:
    """Somebody at a phone; `page` is what they see."""

    client: FlaskClient
    tongue: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str = "") -> TestResponse:
        self.page = self.client.get(f"{self.tongue}/denuncia{path}", **self.options)
        return self.page

    def send(self, path: str = "", files: tuple[tuple[bytes, str], ...] = (), **fields: str) -> TestResponse:
        """Send the form of this page, with what is typed and chosen."""
        return self.post({**hidden(self.page), **fields}, path, files)

    def post(self, given: dict[str, str], path: str = "", files: tuple[tuple[bytes, str], ...] = ()) -> TestResponse:
        body, kind = multipart(given, files)
        self.page = self.client.post(f"{self.tongue}/denuncia{path}", data=body, content_type=kind, **self.options)
        return self.page

    def begin(self, office: str = NONE) -> TestResponse:
        """As far as the questions."""
        self.get()
        return self.send(oficina=office)

    def filed(self, office: str = NONE, files: tuple[tuple[bytes, str], ...] = (), **told: str) -> tuple[str, str]:
        """A whole complaint; its codes."""
        self.begin(office)
        return codes(self.send(files=files, **(told or {"what": "Pasó en la plaza."})))

    def enter(self, locator: str, key: str, **more: str) -> TestResponse:
        """With the codes to the case."""
        self.page = self.post({"paso": "entrar", "numero": locator, "clave": key, **more}, "/consultar")
        if self.page.status_code == 303:
            self.get("/consultar?abierta")
        return self.page


def person(world: World, tongue: str = "", secure: bool = False, **more: str) -> Person:
    """Somebody at the pages of this world."""
    app = wiring.app(settings_of(world, **more), world.clock)
    options = {"base_url": "https://cuenta.example.test"} if secure else {}
    return Person(app.test_client(), tongue, options)


def settings_of(world: World, **more: str) -> Settings:
    """The settings of another web process on this world's database and store."""
    more = {"VOLATILE_PATH": str(world.settings.volatile_path), **more}
    return read_settings(environment(world.settings.database_url, world.folder, **more))


def tables(world: World, sealed: bool = False) -> dict[str, list[str]]:
    """Every row of the database's tables: of those of complaints, or of all the others."""
    return {
        name: sorted(repr(row) for row in world.rows(_Of(table)))
        for name, table in SQLModel.metadata.tables.items()
        if (name in SEALED) == sealed
    }


@dataclass
class _Of:
    __table__: Any


def number_of_cases(world: World) -> int:
    with reading(world.desk.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM sealedcase")).scalar_one())


def inside(world: World, locator: str, key: str) -> tuple[list[cases.Told], list[cases.File]]:
    """What whoever has the codes' key can open of a case: its words and its files, in order."""
    assert world.desk.volatile is not None
    opened = cases.open_case(world.desk.engine, world.desk.volatile, locator, key, "test", world.clock())
    assert opened is not None
    assert opened.private is not None
    case, told, files = opened.case.id, [], []
    with reading(world.desk.engine) as connection:
        for row in shelf.parts(connection, case, ("told", "file")):
            if row.kind == "told":
                told.append(cases.Told.unpacked(vault.unseal(opened.private, case, row.id, "told", bytes(row.body))))
            else:
                files.append(cases.File.unpacked(vault.unseal_file(opened.private, case, row.id, bytes(row.body))))
    return sorted(told, key=lambda each: (each.at, each.place)), sorted(files, key=lambda each: (each.at, each.place))


def reply(world: World, locator: str, words: str) -> None:
    """The office tells the complainant something."""
    with transaction(world.desk.engine) as connection:
        case = shelf.by_locator(connection, locator)
        assert case is not None
        told = cases.Told(world.clock(), 0, "", words)
        shelf.add(connection, case.id, cases.seal_told(bytes(case.public), case.id, "reply", told))


class Odd:
    """A scrubber that finds nothing to clean, and refuses what says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(scrub, "scrub", self.scrub)
        monkeypatch.setattr(scrub, "as_it_is", self.as_it_is)

    def scrub(self, body: bytes, folder: Path) -> Clean:
        if body.startswith(b"refuse "):
            raise scrub.Refused(body.removeprefix(b"refuse ").decode())
        if body.startswith(b"hides "):
            raise scrub.NotStrippable("application/pdf")
        return self.as_it_is(body)

    def as_it_is(self, body: bytes) -> Clean:
        return Clean("application/pdf", "pdf", body, "0" * 64, "0" * 64, ())
