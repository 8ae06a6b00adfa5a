"""What somebody sends who means ill, or whose program is broken: no address and no field breaks a page."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from nacl.pwhash import argon2id
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from bot import idea_commands, results
from cli import wiring
from storage import consultations, ideas
from storage.database import transaction
from tests.booths import assisted_table, paper_table
from tests.console import PASSWORD, SITE, TOKEN, Signed, account, signed_in
from tests.promises import load_plan, speak, the_plan
from tests.test_console_access import console_rules
from tests.test_console_entrance import LINK, code_of
from tests.test_ideas import UNTIL
from tests.test_one_vote import rules
from tests.transcripts import COLLECTS, collecting
from tests.world import World
from web.console import credentials
from web.console.access import Role

FIELDS = ("\0", "9" * 30, "x" * 3000, "\u202e{0} %s %(x)s")
PARTS = ("%00", "9" * 30, "%FF%FE", "x" * 3000, "%2e%2e%2f", "%0d%0aX:y")
ASKED = (
    "accion",
    "antes",
    "buscar",
    "de",
    "desde",
    "estado",
    "hasta",
    "idioma",
    "lugar",
    "oficina",
    "por",
    "quien",
    "seguir",
    "via",
)
"""What addresses of the console ask for."""

PLAUSIBLE = {
    "contact": "+573000000001", "login": "otra.persona", "name": "Nombre", "once_more": "1047382119",
    "opens_day": "30/11/2026", "place": "bocagrande", "received_on": "2022-11-16", "rows": "1047382119; 1 4",
    "shown": "1047382119", "valid": "1",
}  # fmt: skip
ENDS = re.compile(r"salir|sesiones|descartar|quitar|retirar|cerrar|terminar|borrar|anular|nuevo-comienzo")
"""Forms that end what the others need."""

Fields = dict[str, list[str]]


class Page(HTMLParser):
    """The links of a page, and its forms that change something: their addresses and fields."""

    def __init__(self, text: str, path: str):
        super().__init__()
        self.forms: list[tuple[str, Fields]] = []
        self.links: list[str] = []
        self._path, self._fields = path, Fields()
        self._area = self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in given}
        name, fields = of.get("name", ""), self._fields
        if tag == "a":
            self.links.append(of.get("href", "").partition("#")[0])
        elif tag == "form":
            self._fields = {}
            if of.get("method") == "post":
                self.forms.append((of.get("action") or self._path, self._fields))
        elif tag in ("input", "button") and name:
            if of.get("type") not in ("checkbox", "radio") or "checked" in of or not fields.get(name):
                fields.setdefault(name, []).append(of.get("value", ""))
        elif tag == "textarea":
            self._area, fields[name] = name, [""]
        elif tag == "select":
            self._select, fields[name] = name, []
        elif tag == "option" and self._select and ("selected" in of or not any(fields[self._select])):
            fields[self._select] = [of.get("value", "")]

    def handle_data(self, data: str) -> None:
        if self._area:
            self._fields[self._area] = [data.strip()]

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area
        self._select = "" if tag == "select" else self._select


@pytest.fixture
def busy(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A city where something of each kind is under way."""
    world = World.on(database_url, tmp_path).load().open()
    rules(world, desk=["document", "slips"])
    load_plan(world, the_plan())
    speak(world)
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
        row = {
            "collection": COLLECTS,
            "via": "workshop",
            "place": None,
            "code": idea_commands.new_code(),
            "text": "Luz",
        }
        ideas.enter(connection, [row], world.clock())
    assisted_table(world)
    paper_table(world)
    world.vote("1", "whatsapp")
    yield world
    world.desk.engine.dispose()


@pytest.fixture
def app(busy: World) -> Flask:
    return wiring.app(busy.settings, busy.clock)


@pytest.fixture
def everybody(app: Flask, busy: World) -> Signed:
    """Somebody who may open everything."""
    return signed_in(app, busy, *Role, offices=["plan-2023/planeacion"], login="everybody")


def view(app: Flask, path: str) -> str:
    """The name of a route by an address of it."""
    for method in ("GET", "POST"):
        try:
            return str(app.url_map.bind("x").match(path.partition("?")[0], method)[0])
        except HTTPException:
            continue
    return ""


def forms(app: Flask, who: Signed) -> dict[str, tuple[str, Fields]]:
    """A form of each route that somebody comes to by following links, with its address."""
    found: dict[str, tuple[str, Fields]] = {}
    waiting, seen, times = ["/consola/"], set[str](), dict[str, int]()
    while waiting:
        path = waiting.pop()
        name = view(app, path)
        times[name] = times.get(name, 0) + 1
        if path in seen or not path.startswith("/consola") or times[name] > 12:
            continue
        seen.add(path)
        answer = who.get(path)
        assert answer.status_code < 500, path
        if answer.mimetype == "text/html":
            page = Page(answer.text, path)
            waiting += page.links
            found |= {view(app, action): (action, fields) for action, fields in page.forms if not ENDS.search(action)}
    return found


def filled(fields: Fields) -> Fields:
    """A form as somebody could send it who does not mind what it says."""
    return {name: values if any(values) else [PLAUSIBLE.get(name, "Palabra")] for name, values in fields.items()}


def test_no_field_breaks_a_page(app: Flask, everybody: Signed) -> None:
    token = everybody.token()
    first = forms(app, everybody)

    def send(action: str, fields: Fields) -> int:
        kind = "multipart/form-data" if "file" in fields else None
        data = {**fields, "csrf_token": token}
        return everybody.client.post(action, data=data, base_url=SITE, content_type=kind).status_code

    for action, fields in first.values():
        assert send(action, filled(fields)) < 500, action
    known = first | forms(app, everybody)
    assert len(known) > 30
    broken = [
        (action, name, odd[:10])
        for action, fields in known.values()
        for name in fields
        for odd in FIELDS
        if name != "csrf_token" and send(action, {**filled(fields), name: [odd]}) >= 500
    ]
    assert broken == []


def addresses(app: Flask) -> Iterator[tuple[str, str]]:
    """Each route with each of its parts odd in turn, and each page with odd wishes."""
    for rule in console_rules(app):
        methods = sorted({"GET", "POST"} & (rule.methods or set()))
        places = re.findall(r"<[^>]*>", rule.rule)
        for odd in PARTS:
            for place in places:
                path = rule.rule.replace(place, odd)
                yield from ((method, re.sub(r"<(int)?[^>]*>", _usual, path)) for method in methods)
            if "GET" in methods:
                wishes = "&".join(f"{name}={odd[:1000]}" for name in ASKED)
                yield "GET", f"{re.sub(r'<(int)?[^>]*>', _usual, rule.rule)}?{wishes}"


def _usual(place: re.Match[str]) -> str:
    return "1" if place[1] else {"<key>": "help", "<plan>": "plan-2023"}.get(place[0], "cartagena-2022")


def test_no_address_breaks_a_page(app: Flask, everybody: Signed) -> None:
    token = everybody.token()
    broken = []
    for method, path in addresses(app):
        if ENDS.search(path):
            continue
        given = {"csrf_token": token} if method == "POST" else None
        if everybody.client.open(path, method=method, data=given, base_url=SITE).status_code >= 500:
            broken.append((method, path[:80]))
    assert broken == []


@pytest.mark.parametrize("login", ["x" * 81, "ana<script>", "ana maria", "ana\u200b", "aná"])
def test_a_user_name_is_looked_at_to_its_end(busy: World, everybody: Signed, login: str) -> None:
    form = {"login": login, "name": "Ana", "roles": ["monitor"]}
    assert everybody.post("/consola/personal/invitar", form).status_code == 422


def together(works: Sequence[Callable[[], TestResponse]]) -> list[TestResponse]:
    """What all get who do something at one moment."""
    gate, answers = Barrier(len(works)), list[TestResponse]()

    def run(work: Callable[[], TestResponse]) -> None:
        gate.wait()
        answers.append(work())

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def sending(world: World, path: str, data: dict[str, Any], who: Signed | None = None) -> Callable[[], TestResponse]:
    """A form as a process of its own takes it; of nobody in particular, or of somebody who is signed in."""
    client = who.client if who else wiring.app(world.settings, world.clock).test_client()
    found = TOKEN.search(client.get("/consola/cuenta" if who else "/consola/entrar", base_url=SITE).text)
    assert found
    return partial(client.post, path, data={"csrf_token": found[1], **data}, base_url=SITE)


def colleagues(world: World, role: Role) -> list[Signed]:
    """Three with the same role, each at a process of their own."""
    return [signed_in(wiring.app(world.settings, world.clock), world, role, login=f"{role}{n}") for n in range(3)]


def test_of_some_who_invite_the_same_person_at_once_the_last_ones_link_serves(busy: World, app: Flask) -> None:
    form = {"login": "eva.p", "name": "Eva", "roles": ["monitor"]}
    who = colleagues(busy, Role.ADMINISTRATOR)
    answers = together([sending(busy, "/consola/personal/invitar", form, each) for each in who])
    links = [link for answer in answers for link in LINK.findall(answer.text)]
    assert len(links) == len(who)
    client = app.test_client()
    assert [client.get(link, base_url=SITE).status_code for link in links].count(200) == 1


def test_a_code_lets_one_in_of_all_who_use_it_at_once(busy: World) -> None:
    account(busy, "ana", [Role.AUDITOR])
    form = {"login": "ana", "password": PASSWORD, "code": code_of(busy, "ana")}
    answers = together([sending(busy, "/consola/entrar", form) for _n in range(4)])
    assert sorted(answer.status_code for answer in answers) == [303, 403, 403, 403]


def test_of_some_who_agree_at_once_one_does(busy: World, everybody: Signed) -> None:
    everybody.post("/consola/personal/invitar", {"login": "eva.p", "name": "Eva", "roles": ["approver"]})
    who = colleagues(busy, Role.APPROVER)
    answers = together([sending(busy, "/consola/pendientes/1/aceptar", {}, each) for each in who])
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]


def test_totals_that_no_table_has_are_named_beside_their_field(busy: World, everybody: Signed) -> None:
    form = {"valid": "-1", "blank": "x", "void": "9" * 30, "rows": ""}
    answer = everybody.post("/consola/mesas/2/filas", form, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert len(re.findall(r'-wrong">[^<]*número entero', answer.text)) == 3


def test_who_knocks_all_at_once_does_not_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    left = []

    def count(*_given: Any) -> Any:
        with ExitStack() as taken:
            while credentials._ROOM.acquire(blocking=False):
                taken.callback(credentials._ROOM.release)
                left.append(1)
        return b""

    monkeypatch.setattr(argon2id, "verify", count)
    monkeypatch.setattr(argon2id, "str", count)
    credentials.is_password("", "")
    credentials.hash_password("")
    assert len(left) == 2 * (credentials.AT_ONCE - 1)


def test_a_title_runs_in_no_spreadsheet_that_is_published() -> None:
    title = {"es": "=HYPERLINK(1)", "en": "@SUM(1)"}
    proposal = {"id": "p01", "number": 1, "title": title, "votes": 3, "rank": 1}
    (line,) = results.as_csv({"proposals": [proposal]}).decode().splitlines()[1:]
    assert line == "p01,1,'=HYPERLINK(1),'@SUM(1),3,1"


def test_no_form_of_another_site_or_without_a_token_is_taken(app: Flask, everybody: Signed) -> None:
    """At the entrance too: else somebody could be signed in as somebody else without noticing it."""
    for rule in console_rules(app):
        if "POST" not in (rule.methods or ()):
            continue
        path = re.sub(r"<(int)?[^>]*>", _usual, rule.rule)
        assert everybody.client.post(path, base_url=SITE).status_code == 400, path
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            assert everybody.post(path, headers=headers).status_code == 403, path
