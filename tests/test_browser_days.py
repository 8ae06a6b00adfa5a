"""The days of the city's staff in a real browser: each role does its main work, as its first user would."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cli import wiring
from storage import participants, voices
from storage.ballots import Ballot
from storage.contacts import Person
from storage.database import reading, transaction
from storage.voices import Objection
from tests.browser import CHROMIUM, DESKTOP, PHONE, enter, follow, overflows, press, serving
from tests.console import PASSWORD, SITE, signed_in
from tests.promises import COMMITMENT, load_plan, person, the_plan
from tests.test_console_consultations import NOW, fields, full, seen
from tests.test_data_requests import given, sent_code
from tests.test_plan_pages import SPRING
from tests.test_proposal_sheet import HEADER, ROWS, as_xlsx
from tests.world import CARTAGENA, DURING, EXAMPLE, Clock, World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

OPEN, LATE, DONE = (datetime(2030, 3, day, 15, tzinfo=UTC) for day in (5, 11, 12))
"""While the vote is open; closed, but paper still comes in; and after that."""


class Office:
    """A desk at work, and those who sit before it. Where the clock jumps, everybody signs in again."""

    def __init__(self, browser: Browser, world: World):
        self.browser, self.world = browser, world
        self.app = wiring.app(world.settings, world.clock)
        self.url, self.signed = "", 0

    def window(self, size: ViewportSize = DESKTOP, script: bool = True) -> Page:
        context = self.browser.new_context(viewport=size, locale="es-CO", java_script_enabled=script)
        context.set_default_timeout(10_000)
        return context.new_page()

    def at(self, path: str, *roles: Role, size: ViewportSize = DESKTOP, script: bool = True, office: str = "") -> Page:
        """A page, opened by somebody with these roles who has just signed in."""
        self.signed += 1
        who = signed_in(self.app, self.world, *roles, offices=[office] if office else [], login=f"staff-{self.signed}")
        cookie = who.client.get_cookie("cuenta_staff", domain="cuenta.example.test")
        assert cookie is not None
        page = self.window(size, script)
        page.context.add_cookies([{"name": "cuenta_staff", "value": cookie.value, "url": self.url}])
        page.goto(f"{self.url}/consola{path}")
        return page


@pytest.fixture
def work(browser: Browser, sqlite_template: Path, tmp_path: Path) -> "Work":
    return Work(browser, sqlite_template, tmp_path)


class Work:
    """Makes the desk of a city at a moment."""

    def __init__(self, browser: Browser, template: Path, folder: Path):
        self.browser, self.template, self.folder = browser, template, folder

    @contextmanager
    def begins(self, now: datetime, city: Path = CARTAGENA) -> Iterator[Office]:
        path = self.folder / "cuenta.db"
        path.write_bytes(self.template.read_bytes())
        # The test client wants the cookie that a site without TLS has.
        site = SITE.replace("https", "http")
        office = Office(
            self.browser, World.on(f"sqlite:///{path}", self.folder, Clock(now), PUBLIC_URL=site).load(city)
        )
        try:
            with serving(office.app) as office.url:
                yield office
        finally:
            for context in self.browser.contexts:
                context.close()
            office.world.desk.engine.dispose()


def reach(page: Page, name: str) -> None:
    """Go to a field, by its name, or to a button or link, by its words, with the Tab key alone."""
    told = "(e => e.name === {0} || (e.innerText || '').trim() === {0})(document.activeElement)".format(repr(name))
    for _press in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(told):
            return
    raise AssertionError(f"{name} is not reached by keyboard on {page.url}")


def type_into(page: Page, **typed: str) -> None:
    for name, text in typed.items():
        reach(page, name)
        page.keyboard.type(text)


# The administrator invites; whoever is invited signs in, by keyboard alone


def test_who_is_invited_makes_an_account_and_signs_in_by_keyboard(work: Work) -> None:
    with work.begins(DURING) as office:
        boss = office.at("/", Role.ADMINISTRATOR)
        follow(boss, "Personal")
        follow(boss, "Invitar a alguien")
        boss.locator("[name=login]").fill("participacion")
        boss.locator("[name=name]").fill("Oficina de participación")
        boss.locator("[name=roles][value=participation]").check()
        press(boss, "Crear el enlace")
        link = boss.locator("main code").inner_text()

        page = office.window()
        page.goto(link)
        generator = pyotp.TOTP(page.locator("main code").inner_text().replace(" ", ""))
        type_into(page, password=PASSWORD, code=generator.at(office.world.clock()))
        enter(page)
        codes = page.locator(".codes code").all_inner_texts()
        assert len(set(codes)) == 10
        reach(page, "Ya los anoté")
        enter(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Hoy")
        reach(page, "Salir")
        enter(page)

        office.world.clock.forward(seconds=31)
        type_into(page, login="participacion", password=PASSWORD, code=generator.at(office.world.clock()))
        enter(page)
        reach(page, "Consultas")
        enter(page)
        reach(page, "Nueva consulta")
        enter(page)
        type_into(page, title_es="Los parques", title_en="The parks")
        reach(page, "Empezar el borrador")
        enter(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Los parques")


# A consultation, without script


def test_a_consultation_from_a_spreadsheet_with_two_bad_cells_until_it_opens(work: Work, tmp_path: Path) -> None:
    rows = [row[:] for row in ROWS]
    rows[0][4], rows[2][2] = "Árboles", "x" * 61
    (tmp_path / "propuestas.xlsx").write_bytes(as_xlsx([HEADER, *rows]))
    with work.begins(NOW, EXAMPLE) as office:
        page = office.at("/consultas", Role.PARTICIPATION, script=False)
        follow(page, "Nueva consulta")
        page.get_by_label("Título en español").fill("Parques")
        page.get_by_label("Título en inglés").fill("Parks")
        press(page, "Empezar con una hoja")
        page.locator("[name=archivo]").set_input_files(tmp_path / "propuestas.xlsx")
        press(page, "Leer el archivo")
        assert page.locator("td.bad").count() == 2
        press(page, "Usar estas filas")
        for number, name, good in ((1, "short_es", "Arboles"), (3, "title_es", "Una plaza")):
            with page.expect_navigation():
                page.locator("tbody tr").nth(number - 1).get_by_role("link").click()
            assert page.locator(f"#{name}-wrong").is_visible()
            page.locator(f"[name={name}]").fill(good)
            press(page, "Guardar la propuesta")
            assert page.locator(".wrong").count() == 0
            follow(page, "Propuestas")
        follow(page, "Título, fechas y reglas")
        for name, value in fields(slug="parques", desk=[]).items():
            if isinstance(value, str) and name != "identity":
                page.locator(f"[name={name}]").fill(value)
        page.locator("[name=identity]").select_option("contact")
        press(page, "Guardar el borrador")
        assert "No falta nada" in page.locator("main").inner_text()
        follow(page, "Vista previa")
        assert "1. Arboles" in page.locator("main").inner_text()
        follow(page, "Programar")
        press(page, "Congelarla y programarla")
        assert "Programada" in page.locator("main").inner_text()

        office.world.clock.now = OPEN
        page = office.at("/consultas/parques", Role.PARTICIPATION, script=False)
        assert "Abierta" in page.locator("main").inner_text()
        follow(page, "Ver su página pública")
        assert "Una plaza" in page.locator("main").inner_text()


def test_ballots_at_a_table_late_paper_with_a_second_person_count_and_acta(work: Work) -> None:
    with work.begins(NOW, EXAMPLE) as office:
        clerk = signed_in(office.app, office.world, Role.PARTICIPATION)
        draft = full(clerk, desk=["document", "slips"])
        clerk.post(f"{draft}/programar", {"seen": seen(clerk.get(f"{draft}/programar").text)})

        office.world.clock.now = OPEN
        ana = office.at("/mesas", Role.PARTICIPATION, script=False)
        follow(ana, "Abrir una mesa")
        ana.locator("[name=origin][value=assisted]").check()
        ana.get_by_label("Nombre de la mesa").fill("Parque")
        ana.locator("[name=way][value=document]").check()
        press(ana, "Abrir la mesa")
        for document in ("45.678.901", "45.678.902"):
            ana.locator("[name=agreed]").check()
            ana.locator("[name=no_chat]").check()
            ana.locator("[name=shown]").fill(document)
            ana.locator("[name=once_more]").fill(document)
            ana.locator("[name=choices]").first.check()
            press(ana, "Poner el voto")
            assert ana.locator(".figure strong").is_visible()
            follow(ana, "Siguiente persona")

        office.world.clock.now = LATE
        ana = office.at("/mesas", Role.PARTICIPATION, script=False)
        follow(ana, "Abrir una mesa")
        ana.locator("[name=origin][value=paper]").check()
        ana.get_by_label("Nombre de la mesa").fill("Vereda")
        ana.locator("[name=way][value=slips]").check()
        ana.get_by_label("Primera papeleta").fill("901")
        ana.get_by_label("Última papeleta").fill("910")
        press(ana, "Abrir la mesa")
        for name, number in (("valid", "2"), ("blank", "1"), ("void", "0")):
            ana.locator(f"[name={name}]").fill(number)
        ana.locator("[name=rows]").fill("901; 1 2\n902; 3")
        press(ana, "Guardar y revisar")
        follow(ana, "Enviarlo a una segunda persona")
        press(ana, "Enviar las filas")
        bea = office.at("/", Role.APPROVER, script=False)
        follow(bea, "1 cosa espera a una segunda persona")
        follow(bea, "Ver y decidir")
        press(bea, "Acepto: hágalo")
        assert len(office.world.rows(Ballot)) == 4

        office.world.clock.now = DONE
        ana = office.at("/", Role.PARTICIPATION, script=False)
        follow(ana, "¿Qué hacemos primero en la plaza?")
        follow(ana, "Contar las papeletas")
        ana.locator("[name=office]").fill("Secretaría de Planeación")
        press(ana, "Contar ahora")
        follow(ana, "Publicar los resultados")
        press(ana, "Publicar ahora")
        assert "sha256:" in ana.locator("main").inner_text()
        follow(ana, "Ver su página pública")
        shown = ana.locator("main").inner_text()
        assert "Secretaría de Planeación" in shown
        assert "4 personas votaron" in shown


# The plan, at 360 px


def test_an_office_reports_with_evidence_and_answers_an_objection_on_a_phone(work: Work, tmp_path: Path) -> None:
    (tmp_path / "acta.pdf").write_bytes(b"%PDF-1.4 acta")
    with work.begins(SPRING) as office:
        load_plan(office.world, the_plan())
        page = office.at("/planes/plan-2023", Role.OFFICE, size=PHONE, office="plan-2023/planeacion")
        follow(page, "1.2")
        follow(page, "Informar cómo va")
        page.get_by_label("Cumplido").check()
        page.get_by_label("Qué se hizo").fill("Se hicieron dos jornadas")
        page.get_by_label("Pruebas").set_input_files(tmp_path / "acta.pdf")
        press(page, "Enviar el informe")
        expect(page.get_by_text("Se hicieron dos jornadas").first).to_be_visible()
        expect(page.get_by_role("link", name="Documento").first).to_be_visible()
        assert not overflows(page)

        with transaction(office.world.desk.engine) as connection:
            report = voices.report(
                connection, f"{COMMITMENT}.1", "planeacion", "complete", "Hecho", "chat", office.world.clock()
            )
            voices.object_to(
                connection, report, person(connection, office.world), "Falta un acta", office.world.clock()
            )
        page.locator(".places summary").click()
        follow(page, "Hoy")
        follow(page, "1 objeción de un residente")
        follow(page, "Responder")
        page.locator("[name=text]").fill("El acta está en la página")
        press(page, "Publicar la respuesta")
        expect(page.get_by_role("status")).to_contain_text("Ya tiene respuesta")
        assert not overflows(page)
        assert [row["answer"] for row in office.world.rows(Objection)] == ["El acta está en la página"]


def test_a_seat_is_passed_on_and_the_monitor_grades_on_a_phone(work: Work) -> None:
    with work.begins(SPRING) as office:
        load_plan(office.world, the_plan())
        page, holders = office.at("/planes", Role.PARTICIPATION, size=PHONE), []
        for who in (1, 2):
            follow(page, "Sillas del comité")
            with page.expect_navigation():
                page.locator("tbody tr").first.get_by_role("link").first.click()
            press(page, "Crear el código")
            assert not overflows(page)
            code = page.locator(".lead code").inner_text()
            for text in ("hola", "1", f"silla {code}"):
                office.world.say(text, who=who)
            with reading(office.world.desk.engine) as connection:
                (held,) = participants.seats(connection, "plan-2023")
            holders.append(held.person_id)
            follow(page, "Volver a la lista")
            follow(page, "Volver")
        assert len(set(holders)) == 2, "the second took the seat of the first"
        monitor = office.at(f"/planes/plan-2023/calificaciones/{COMMITMENT}", Role.MONITOR, size=PHONE)
        monitor.locator("[name=grade]").first.check()
        monitor.locator("[name=text]").fill("Falta casi todo")
        press(monitor, "Publicar la calificación")
        expect(monitor.get_by_text("Falta casi todo").first).to_be_visible()
        assert not overflows(monitor)


# People, and the record of all of it


def test_a_person_is_deleted_on_request_with_the_code_of_their_chat(work: Work) -> None:
    with work.begins(DURING) as office:
        office.world.open().vote("1 4", "whatsapp")
        page = office.at("/", Role.PARTICIPATION, size=PHONE)
        page.locator(".places summary").click()
        follow(page, "Personas")
        follow(page, "Solicitudes de datos")
        follow(page, "Anotar una solicitud")
        page.locator("[name=kind][value=delete]").check()
        page.locator("[name=channel][value=whatsapp]").check()
        page.locator("[name=contact]").fill(given())
        page.locator("[name=received_on]").fill("2022-11-16")
        press(page, "Anotar y enviar el código")
        page.locator("#code").fill(sent_code(office.world))
        press(page, "Revisar el código")
        follow(page, "Borrar")
        press(page, "Borrar los datos y cerrar la solicitud")
        assert not overflows(page)
        assert office.world.rows(Person) == []
        assert [row["choices"] for row in office.world.rows(Ballot)] == ["p01 p04"], "the vote stays, without a name"

        auditor = office.at("/registro", Role.AUDITOR, size=PHONE)
        shown = auditor.locator("main").inner_text()
        assert "solicitud de datos" in shown
        assert given() not in re.sub(r"\s", "", shown)
        follow(auditor, "Revisar que esté completo")
        expect(auditor.locator(".state.open")).to_be_visible()
