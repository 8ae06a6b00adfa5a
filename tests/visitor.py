"""A visitor of the public pages: follows every link of the site, and reads pages as a browser would take them apart."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ADDRESSES = ("href", "src", "action", "data-list", "data-results")
"""Attributes that name another address."""

FILES = ("papeletas.csv", "resultados.csv", "resultados.json", "columnas.csv")


@dataclass
class Read(HTMLParser):
    """What a page is made of: its elements with the names of their attributes, its text, and where it leads."""

    elements: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    languages: dict[str, str] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.elements.append((tag, tuple(name for name, _value in attributes)))
        self.values += given.values()
        self.links += [given[name] for name in ADDRESSES if name in given]
        if "hreflang" in given:
            self.languages[given["hreflang"]] = given["href"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def read(answer: TestResponse | str) -> Read:
    """A page, taken apart."""
    found = Read()
    found.feed(answer if isinstance(answer, str) else answer.text)
    found.close()
    return found


def everything(client: FlaskClient, *slugs: str) -> dict[str, TestResponse]:
    """The answer of every address that one can reach, and of those that one can guess for these consultations."""
    waiting = ["/", "/en/", "/openapi.json", "/no-hay"]
    for slug in slugs:
        waiting += [f"{tongue}/consultas/{slug}{page}" for tongue in ("", "/en") for page in ("", "/recuento")]
        waiting += [f"/consultas/{slug}/{name}" for name in FILES]
    found: dict[str, TestResponse] = {}
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        answer = found[address] = client.get(address)
        if answer.mimetype == "text/html":
            waiting += [
                link for link in (urljoin(address, each) for each in read(answer).links) if not urlsplit(link).netloc
                and link.startswith("/")
            ]  # fmt: skip
            waiting = [link.partition("#")[0] for link in waiting]
    return found
