"""Every other page of the console in a real browser: none is wider than a phone, and axe-core finds nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.routing import MapAdapter

from cli import wiring
from storage import approvals, consultations, ideas, voices
from storage.database import transaction
from tests.booths import SLUG, keep, paper_table
from tests.browser import CHROMIUM, PHONE, overflows, serving
from tests.console import SITE, Signed, signed_in
from tests.promises import COMMITMENT, UNBROKEN, load_plan, person, the_plan
from tests.test_browser_site import LOOKS, WHOLE, faults, live
from tests.test_console_announcements import NEW, written
from tests.test_console_people import proven
from tests.test_console_texts import version_in
from tests.test_ideas import UNTIL
from tests.test_one_vote import rules
from tests.transcripts import COLLECTS, collecting
from tests.world import World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

LONG = "Oficina de la Participación y el Desarrollo Comunitario de la Localidad"
IDEAS, PLAN = f"/consola/ideas/{COLLECTS}", "/consola/planes/plan-2023"

ELSEWHERE = frozenset((
    "consultations", "draft_new", "draft", "proposals", "proposal", "proposal_gone", "sheet", "draft_preview",
    "scheduling", "draft_gone", "consultation", "correction", "early_close", "annulment", "counting", "publication",
    "plans", "plan", "commitment", "edit_commitment", "milestone", "edit_milestone", "remove_milestone",
    "objections", "withdraw_commitment", "seats", "offices", "new_commitment", "seat_code", "seat_end", "walks",
    "report", "objection", "grade", "people", "data_requests", "new_data_request", "data_request",
    "data_request_paper", "data_request_extend", "data_request_close", "data_request_data", "data_request_delete",
    "networks", "network", "texts", "text", "text_history", "hours", "retention", "tables", "open_table", "table",
    "end_table",
    "discard_paper", "cases", "case", "case_move", "case_refer", "case_copy", "case_reply", "case_note", "case_extend",
    "case_hold", "keys", "give_key", "remove_key", "paper_key", "drill", "own_key", "make_key", "change_key",
    "recover_key",
))  # fmt: skip
"""What the browser tests of the consultations, the plan, the people, the texts and networks, the tables and the
complaints visit."""

FILES = frozenset((
    "poster_file", "proposals_file", "template", "evidence_file", "printed_slips", "paper_template",
    "data_request_file", "exported", "case_file",
))  # fmt: skip


@dataclass
class Office:
    """A desk at work: its pages, by what they are, and those whose form is wrong when it is sent empty."""

    browser: Browser
    url: str
    app: Flask
    cookie: str
    pages: list[str]
    wrong: list[str]

    def page(self, dark: bool, cookie: bool = True) -> Page:
        # The policy forbids scripts that are not ours, and axe is one.
        context = self.browser.new_context(
            viewport=PHONE, color_scheme="dark" if dark else "light", locale="es-CO", bypass_csp=True
        )
        if cookie:
            context.add_cookies([{"name": "cuenta_staff", "value": self.cookie, "url": self.url}])
        return context.new_page()

    def endpoint(self, path: str) -> str:
        """The name of the route of a path."""
        adapter: MapAdapter = self.app.url_map.bind("127.0.0.1")
        return str(adapter.match(path.partition("?")[0])[0]).rpartition(".")[2]


@pytest.fixture(scope="module")
def office(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    path = folder / "cuenta.db"
    path.write_bytes(sqlite_template.read_bytes())
    # The test client wants the cookie that a site without TLS has.
    world = World.on(f"sqlite:///{path}", folder, PUBLIC_URL=SITE.replace("https", "http")).load().open()
    app = wiring.app(world.settings, world.clock)
    roles = (Role.ADMINISTRATOR, Role.PARTICIPATION, Role.MONITOR, Role.AUDITOR, Role.OFFICE)
    who = signed_in(app, world, *roles, login="todo")
    pages, wrong = prepared(world, who)
    cookie = who.client.get_cookie("cuenta_staff", domain="cuenta.example.test")
    assert cookie is not None
    with serving(app) as url:
        yield Office(browser, url, app, cookie.value, pages, wrong)
    world.desk.engine.dispose()


def prepared(world: World, who: Signed) -> tuple[list[str], list[str]]:
    """The pages: empty before something is there, full after it, and in the middle of something."""
    rules(world, desk=["document", "slips"])
    world.vote("1", "whatsapp")
    live(world, "publicada")
    load_plan(world, the_plan())
    row = {"via": "workshop", "place": None, "collection": COLLECTS}
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
        ideas.enter(
            connection, [{**row, "code": f"K{n}", "text": f"{n} {UNBROKEN} {LONG}"} for n in range(60)], world.clock()
        )
        approvals.ask(
            connection,
            "staff.rights",
            "1",
            {"login": "otra", "roles": ["approver"], "offices": []},
            None,
            world.clock(),
        )
        report = voices.report(connection, f"{COMMITMENT}.1", "planeacion", "complete", LONG, "chat", world.clock())
        voices.object_to(connection, report, person(connection, world), UNBROKEN, world.clock())
    gathered = who.post(f"{IDEAS}/juntar", {"idea": ["1", "2"], "respuesta": ""}).headers["Location"]
    invited = who.post("/consola/personal/invitar", {"login": "nueva", "name": LONG, "roles": "monitor"})
    link = re.search(r"/consola/invitacion/[\w-]+", invited.text)
    assert link, invited.text
    draft = who.post("/consola/borradores/nuevo", {"title_es": LONG[:80], "title_en": "x"}).headers["Location"]
    corrected = proven(world, who, "correct")
    old = version_in(who.get("/consola/textos/help").text)
    help = {"es": "Venga a la plaza.", "en": "Come to the square.", "hacer": "guardar", "seen": old}
    assert who.post("/consola/textos/help", help).status_code == 303
    told = written(who, title_es=UNBROKEN[:60], places=["bocagrande"], channels=["whatsapp", "sms"])
    table = paper_table(world, (1, 500), LONG[:60])
    keep(world, table, *[[str(n), "1 4 6"] for n in range(1, 40)])
    pages = [
        "/consola/", "/consola/pendientes", "/consola/pendientes/1", "/consola/registro", "/consola/registro/verificar",
        "/consola/registro?accion=nada", "/consola/cuenta", "/consola/cuenta/clave", "/consola/cuenta/generador",
        "/consola/personal", "/consola/personal/invitar", "/consola/personal/1", "/consola/personal/1/cerrar",
        "/consola/ideas", IDEAS, f"{IDEAS}?buscar=nada", f"{IDEAS}/anotar", f"{IDEAS}/papeles", f"{IDEAS}/respuestas",
        gathered, f"{gathered}/enviar", f"{gathered}/descartar", "/consola/camino/publicada",
        f"{draft}/propuestas/nueva", f"{draft}/ideas", f"/consola/mesas/{table}/enviar", f"{corrected}/corregir",
        f"/consola/compromisos/{COMMITMENT}/hitos", f"/consola/compromisos/{COMMITMENT}/reponer",
        f"{PLAN}/oficinas/planeacion/codigo", f"{PLAN}/oficinas/planeacion/terminar",
        f"/consola/textos/help/historia/{old}", "/consola/entrar", "/consola/confirmar", link[0],
        "/consola/anuncios", NEW, told, f"{told}/editar", f"{told}/cancelar", "/consola/entrega", "/consola/plantillas",
        f"/consola/consultas/{SLUG}/recordatorios",
    ]  # fmt: skip
    wrong = [
        NEW,
        "/consola/personal/invitar", "/consola/cuenta/clave", "/consola/cuenta/generador", f"{IDEAS}/anotar", gathered,
        f"/consola/compromisos/{COMMITMENT}/hitos", "/consola/entrar", "/consola/confirmar", link[0],
    ]  # fmt: skip
    return pages, wrong


def look(page: Page, dark: bool, where: str) -> list[str]:
    """What is wrong with the page that stands there."""
    wide = [f"{where}: too wide"] if overflows(page) else []
    return [*wide, *(f"{where}: {fault}" for fault in faults(page, LOOKS if dark else WHOLE))]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_is_for_everybody(office: Office, dark: bool) -> None:
    page, problems = office.page(dark), []
    for path in (*office.pages, "/en/consola/", "/en/consola/personal", f"/en{IDEAS}"):
        answer = page.goto(office.url + path)
        assert answer is not None
        assert answer.status == 200, path
        problems += look(page, dark, path)
    for path, status in (("/consola/no-hay", 404), ("/consola/objeciones/1", 404), ("/consola/invitacion/x", 404)):
        answer = page.goto(office.url + path)
        assert answer is not None
        assert answer.status == status, path
        problems += look(page, dark, path)
    assert problems == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_form_that_is_sent_empty_says_what_is_wrong(office: Office, dark: bool) -> None:
    page, problems = office.page(dark), []
    for path in office.wrong:
        page.goto(office.url + path)
        with page.expect_navigation():
            page.evaluate("document.querySelector('main form[method=post]').submit()")
        assert page.get_by_role("alert").count() == 1, path
        problems += look(page, dark, f"{path}, sent empty")
    assert problems == []


def test_no_page_is_left_out(office: Office) -> None:
    known = {
        rule.endpoint.rpartition(".")[2]
        for rule in office.app.url_map.iter_rules()
        if rule.endpoint.startswith("es.console.") and "GET" in (rule.methods or ())
    }
    assert known == {office.endpoint(path) for path in office.pages} | ELSEWHERE | FILES
