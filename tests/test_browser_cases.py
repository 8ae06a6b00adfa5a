"""A receiver's day in a real browser: on a phone and a desktop, without script, and with nothing for axe to find."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from bot.complaints.cases import Begun
from cli import wiring
from tests.browser import CHROMIUM, DESKTOP, PHONE, follow, overflows, press, serving
from tests.casebook import PHOTO, cheap, filed, receiver
from tests.console import signed_in
from tests.vaults import OFFICES, PASSPHRASE, give_keys, in_memory
from tests.world import World
from web.console.access import RECEIVES, Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
ACTS = ("", "/paso/asked", "/paso/not-admitted", "/remision", "/copia", "/respuesta", "/nota", "/plazo", "/retener")
PAGES = (
    "/denuncias",
    "/mi-clave",
    "/mi-clave/cambiar",
    "/mi-clave/recuperar",
    "/claves",
    "/claves/papel",
    "/claves/5/prueba",
)


class Office:
    """A receiver and an administrator, and a case."""

    def __init__(self, url: str, browser: Browser, cookies: dict[str, str], begun: Begun, other: int):
        self.url, self.browser, self.cookies, self.begun, self.other = url, browser, cookies, begun, other

    def page(self, who: str, viewport: ViewportSize, script: bool) -> Page:
        context = self.browser.new_context(
            viewport=viewport, locale="es-CO", java_script_enabled=script, bypass_csp=script
        )  # fmt: skip
        context.add_cookies([{"name": "cuenta_staff", "value": self.cookies[who], "url": self.url}])
        return context.new_page()

    def unlocked(self, viewport: ViewportSize, script: bool) -> Page:
        page = self.page("ana", viewport, script)
        page.goto(f"{self.url}/consola/mi-clave")
        page.get_by_label("Frase de su clave").fill(PASSPHRASE)
        press(page, "Abrir")
        return page


@pytest.fixture(scope="module")
def office(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("cases")
    shutil.copy(sqlite_template, folder / "cuenta.db")
    with in_memory() as memory, pytest.MonkeyPatch.context() as monkeypatch:
        cheap(monkeypatch)
        url, store = f"sqlite:///{folder / 'cuenta.db'}", str(memory / "volatile.db")
        world = World.on(url, folder, PUBLIC_URL="http://127.0.0.1", VOLATILE_PATH=store).load().open()
        give_keys(world)
        app = wiring.app(world.settings, world.clock)
        one, other = receiver(app, world, "ana"), receiver(app, world, "berta")
        cookies = {}
        new = signed_in(app, world, Role.RECEIVER, offices=[f"{RECEIVES}{OFFICES[1]}"], login="nora")
        for who in (one, new, signed_in(app, world, Role.ADMINISTRATOR, login="admin")):
            cookie = who.client.get_cookie("cuenta_staff", domain="cuenta.example.test")
            assert cookie
            cookies[who.login] = cookie.value
        begun = filed(world, "Pidieron plata en la plaza", files=[PHOTO])
        with serving(app) as url:
            yield Office(url, browser, cookies, begun, other.key)
        world.desk.engine.dispose()
        assert world.desk.volatile is not None
        world.desk.volatile.dispose()


@pytest.mark.parametrize(("viewport", "note"), [(PHONE, "Desde el teléfono"), (DESKTOP, "Desde el computador")])
def test_a_receiver_works_without_script(office: Office, viewport: ViewportSize, note: str) -> None:
    page = office.unlocked(viewport, script=False)
    follow(page, office.begun.new.locator)
    assert "Pidieron plata en la plaza" in page.inner_text("main")
    with page.expect_download() as download:
        page.get_by_role("link", name="adjunto-01.jpg").click()
    assert Path(download.value.path()).read_bytes() == PHOTO
    if page.get_by_role("link", name="Pasar a:").count() and viewport == PHONE:
        follow(page, "Pasar a:")
        page.get_by_label("Respuesta para quien denunció").fill("Hola, ya la leímos.")
        press(page, "Pasar a:")
        assert "Hola, ya la leímos." in page.inner_text("main")
    follow(page, "Nota interna")
    page.get_by_label("Sus palabras").fill(note)
    press(page, "Cerrar y guardar")
    assert note in page.inner_text("main")
    page.goto(f"{office.url}/consola/mi-clave")
    press(page, "Cerrarla ya")
    page.goto(f"{office.url}/consola/denuncias/{office.begun.new.id}")
    assert "Su clave está cerrada" in page.inner_text("main")
    page.context.close()


def test_a_newcomer_makes_a_key(office: Office) -> None:
    page, axe = office.page("nora", PHONE, script=True), Axe()
    assert _wrong(page, axe, f"{office.url}/consola/mi-clave/nueva") == []
    page.get_by_label("Frase nueva").fill(PASSPHRASE)
    press(page, "Hacer la clave")
    assert not overflows(page)
    assert axe.run(page).response["violations"] == []
    page.get_by_label("Los dos últimos grupos").fill(page.inner_text("main code")[-9:])
    press(page, "Ya lo escribí")
    assert "Su clave está abierta" in page.inner_text("main")
    page.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_a_phone_and_axe_finds_nothing(office: Office, dark: bool) -> None:
    page, axe = office.unlocked(PHONE, script=True), Axe()
    page.emulate_media(color_scheme="dark" if dark else "light")
    paths = [*PAGES, f"/claves/{office.other}/dar", *(f"/denuncias/{office.begun.new.id}{act}" for act in ACTS)]
    found = {path: _wrong(page, axe, f"{office.url}/consola{path}") for path in paths}
    page.context.close()
    admin = office.page("admin", PHONE, script=True)
    admin.emulate_media(color_scheme="dark" if dark else "light")
    for path in ("/claves", f"/claves/{office.other}/quitar"):
        found[f"admin {path}"] = _wrong(admin, axe, f"{office.url}/consola{path}")
    admin.context.close()
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def _wrong(page: Page, axe: Axe, address: str) -> list[str]:
    answer = page.goto(address)
    assert answer is not None
    status = [] if answer.status in (200, 409) else [f"status {answer.status}"]
    wide = ["wider than the screen"] if overflows(page) else []
    return [*status, *wide, *(each["id"] for each in axe.run(page).response["violations"])]
