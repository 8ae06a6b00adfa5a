"""A person at the pages of complaints, as a browser without script would go through them."""

import io
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from flask.testing import FlaskClient
from PIL import Image
from sqlmodel import SQLModel
from werkzeug.test import TestResponse

from cli import wiring
from cli.settings import read_settings
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
    more = {"VOLATILE_PATH": str(world.settings.volatile_path), **more}
    given = environment(world.settings.database_url, world.folder, **more)
    app = wiring.app(read_settings(given), world.clock)
    options = {"base_url": "https://cuenta.example.test"} if secure else {}
    return Person(app.test_client(), tongue, options)


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
