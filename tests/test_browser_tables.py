"""The console's tables in a real browser: on a phone, without script, and with nothing serious for axe to find."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from cli import wiring
from storage.ballots import Ballot
from tests.booths import SLUG, assisted_table, keep, paper_table
from tests.browser import CHROMIUM, DESKTOP, PHONE, follow, overflows, press, serving
from tests.console import signed_in
from tests.test_one_vote import rules
from tests.world import World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
LONG = "Institución Educativa Nuestra Señora de la Candelaria, sede 2"


class Console:
    """The console with two officers, ana and bea, and their browsers."""

    def __init__(self, url: str, browser: Browser, world: World, cookies: dict[str, tuple[str, str]]):
        self.url, self.browser, self.world, self.cookies = url, browser, world, cookies

    def __call__(self, path: str, who: str = "ana", **options: object) -> Page:
        made: BrowserContext = self.browser.new_context(**{"viewport": PHONE, "locale": "es-CO", **options})  # type: ignore[arg-type]
        name, value = self.cookies[who]
        made.add_cookies([{"name": name, "value": value, "url": self.url}])
        page = made.new_page()
        page.goto(f"{self.url}/consola{path}")
        return page


@pytest.fixture(scope="module")
def console(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    shutil.copy(sqlite_template, folder / "cuenta.db")
    world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder, PUBLIC_URL="http://127.0.0.1").load().open()
    rules(world, desk=["document", "slips"])
    app = wiring.app(world.settings, world.clock)
    cookies = {}
    for login, role in (("ana", Role.PARTICIPATION), ("bea", Role.APPROVER)):
        client = signed_in(app, world, role, login=login).client
        cookie = client.get_cookie("cuenta_staff", domain="cuenta.example.test")
        assert cookie
        cookies[login] = ("cuenta_staff", cookie.value)
    with serving(app) as url:
        yield Console(url, browser, world, cookies)
    world.desk.engine.dispose()


def test_every_page_fits_a_phone_and_axe_finds_nothing_serious(console: Console) -> None:
    world = console.world
    table, paper = assisted_table(world), paper_table(world, (1, 500), LONG[:60])
    keep(world, paper, *[[str(n), "1 4 6", "35-44", "f", "", "Bocagrande"] for n in range(1, 40)],
         ["x" * 200, "99 " * 60, "w" * 200, "", "", "recreo"])  # fmt: skip
    pages = ("", f"/abrir/{SLUG}", f"/{table}", f"/{table}/terminar", f"/{paper}", f"/{paper}/descartar")
    # The policy forbids scripts that are not ours, and axe is one.
    page = console("/mesas", bypass_csp=True)
    for path in pages:
        page.set_viewport_size(PHONE)
        page.goto(f"{console.url}/consola/mesas{path}")
        assert page.locator("h1").count() == 1, path
        assert not overflows(page), path
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == [], path
        page.set_viewport_size(DESKTOP)
        assert not overflows(page), path
    page.context.close()


def test_a_day_at_the_tables_without_script(console: Console) -> None:
    ana = console("/mesas", java_script_enabled=False)
    follow(ana, "Abrir una mesa")
    ana.get_by_label("Nombre de la mesa").fill("Parque")
    ana.get_by_label("Con documento de identidad").check()
    press(ana, "Abrir la mesa")
    ana.get_by_label("Le leí el aviso").check()
    ana.get_by_label("no votó por chat").check()
    ana.get_by_label("Número del documento").fill("45.678.901")
    ana.get_by_label("El mismo número otra vez").fill("45678901")
    ana.locator("input[value=p03]").check()
    press(ana, "Poner el voto")
    assert ana.get_by_role("alert").is_visible()  # the two numbers are not written the same
    ana.get_by_label("El mismo número otra vez").fill("45.678.901")
    press(ana, "Poner el voto")
    receipt = ana.locator(".figure strong").inner_text()
    assert receipt in {row["id"] for row in console.world.rows(Ballot)}
    ana.goto(f"{console.url}/consola/mesas/abrir/{SLUG}")
    ana.get_by_label("Papel: las personas").check()
    ana.get_by_label("Nombre de la mesa").fill("Vereda")
    ana.get_by_label("Con papeletas numeradas").check()
    ana.get_by_label("Primera papeleta").fill("901")
    ana.get_by_label("Última papeleta").fill("910")
    press(ana, "Abrir la mesa")
    for label, number in (("Votos que eligen algo", "2"), ("en blanco", "1"), ("nulas", "0")):
        ana.get_by_label(label).fill(number)
    ana.get_by_label("O escriba las filas").fill("901; 1 4 6\n902; 2; 35-44; f")
    press(ana, "Guardar y revisar")
    follow(ana, "Enviarlo a una segunda persona")
    press(ana, "Enviar las filas")
    table = ana.url.rpartition("/")[2]
    bea = console(f"/mesas/{table}", who="bea", java_script_enabled=False)
    follow(bea, "Confirmar o no")
    press(bea, "Acepto: hágalo")
    bea.goto(f"{console.url}/consola/mesas/{table}")
    assert "está en la urna" in bea.locator("main").inner_text()
    assert {"p01 p04 p06", "p02"} <= {row["choices"] for row in console.world.rows(Ballot)}
    for page in (ana, bea):
        page.context.close()
