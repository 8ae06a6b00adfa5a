"""The plan's pages of the console in a real browser: on a phone, in the dark, full of long words, without script."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cli import wiring
from storage import voices
from storage.database import transaction
from tests.browser import CHROMIUM, DESKTOP, PHONE, follow, overflows, press, serving
from tests.console import SITE, signed_in
from tests.promises import COMMITMENT, UNBROKEN, great_plan, load_plan, person, speak, the_plan
from tests.test_browser_site import LOOKS, WHOLE, faults
from tests.test_plan_pages import SPRING
from tests.world import Clock, World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PLAN, MILESTONE = "/consola/planes/plan-2023", f"/consola/hitos/{COMMITMENT}.1"
ROLES = {
    Role.PARTICIPATION: (
        "/consola/planes", "/consola/planes/grande", "/consola/planes/grande?buscar=nada",
        "/consola/compromisos/grande-1",
        f"/consola/compromisos/{COMMITMENT}/editar", "/consola/compromisos/grande-1/editar", MILESTONE,
        f"{MILESTONE}/editar", f"{MILESTONE}/quitar", "/consola/hitos/grande-1.1/quitar", "/consola/objeciones",
        f"/consola/compromisos/{COMMITMENT}/retirar", f"{PLAN}/sillas", "/consola/planes/grande/oficinas",
        f"{PLAN}/compromisos", f"{PLAN}/sillas/academia-1/codigo", f"{PLAN}/sillas/academia-1/terminar",
        "/consola/camino",
    ),
    Role.OFFICE: ("/consola/planes/plan-2023", f"{MILESTONE}/informe", "/consola/objeciones", "/consola/objeciones/1"),
    Role.MONITOR: (f"{PLAN}/calificaciones/{COMMITMENT}",),
}  # fmt: skip
"""Pages full, empty and with what may not be done."""


@dataclass
class Office:
    """A browser, where the site is, the world behind it, and the cookie of each role."""

    browser: Browser
    url: str
    world: World
    cookies: Mapping[Role, str]

    def page(self, role: Role, size: ViewportSize, dark: bool = False, script: bool = True) -> Page:
        scheme = "dark" if dark else "light"
        context = self.browser.new_context(
            viewport=size,
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=script,
            bypass_csp=script,
        )
        context.add_cookies([{"name": "cuenta_staff", "value": self.cookies[role], "url": self.url}])
        return context.new_page()


@pytest.fixture(scope="module")
def office(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    path = folder / "cuenta.db"
    path.write_bytes(sqlite_template.read_bytes())
    # The test client wants the cookie that a site without TLS has.
    world = World.on(f"sqlite:///{path}", folder, Clock(SPRING), PUBLIC_URL=SITE.replace("https", "http")).load()
    load_plan(world, the_plan())
    load_plan(world, great_plan(50, 20))
    speak(world, text=UNBROKEN)
    with transaction(world.desk.engine) as connection:
        report = voices.report(connection, "grande-1.1", "o1", "stalled", UNBROKEN * 5, "chat", world.clock())
        voices.object_to(connection, report, person(connection, world), UNBROKEN, world.clock())
    app = wiring.app(world.settings, world.clock)
    cookies = {}
    for role in ROLES:
        offices = ["plan-2023/planeacion"] if role is Role.OFFICE else []
        cookie = signed_in(app, world, role, offices=offices).client.get_cookie(
            "cuenta_staff", domain="cuenta.example.test"
        )
        assert cookie is not None
        cookies[role] = cookie.value
    with serving(app) as url:
        yield Office(browser, url, world, cookies)
    world.desk.engine.dispose()


# Colours do not depend on the size of a screen: two of the four pairs see every size and every scheme.
@pytest.mark.parametrize(("size", "dark"), [(PHONE, False), (DESKTOP, True)], ids=["phone", "desktop"])
def test_every_page_is_for_everybody(office: Office, size: ViewportSize, dark: bool) -> None:
    for role, paths in ROLES.items():
        page = office.page(role, size, dark)
        for path in paths:
            answer = page.goto(office.url + path)
            assert answer is not None
            assert answer.status == 200, path
            assert not overflows(page), path
            assert faults(page, WHOLE if size == PHONE and not dark else LOOKS) == [], path
        page.context.close()


def test_an_office_reports_on_a_phone_without_script(office: Office, tmp_path: Path) -> None:
    page = office.page(Role.OFFICE, PHONE, script=False)
    page.goto(f"{office.url}/consola/planes/plan-2023")
    follow(page, "1.2")
    follow(page, "Informar cómo va")
    press(page, "Enviar el informe")
    expect(page.get_by_role("alert")).to_contain_text("Escriba algo aquí")
    page.get_by_label("Cumplido").check()
    page.get_by_label("Qué se hizo").fill("Se hicieron dos jornadas")
    (tmp_path / "acta.pdf").write_bytes(b"%PDF-1.4 acta")
    page.get_by_label("Pruebas").set_input_files(tmp_path / "acta.pdf")
    press(page, "Enviar el informe")
    expect(page.get_by_text("Se hicieron dos jornadas").first).to_be_visible()
    expect(page.get_by_role("link", name="Documento").first).to_be_visible()
    page.context.close()
