"""Complaints in a real browser: on a phone and a desk, by keyboard, without script, light enough for an old phone."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cli import wiring
from cli.settings import read_settings
from tests.browser import CHROMIUM, DESKTOP, PHONE, enter, overflows, press, serving
from tests.complaint_pages import person, picture
from tests.test_site import LIGHT
from tests.vaults import taking_complaints
from tests.world import World, environment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")

SIZES = {"phone": PHONE, "desktop": DESKTOP}
WHOLE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
LARGE = "html { font-size: 200% !important; }"


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a desk that takes complaints."""
    folder = tmp_path_factory.mktemp("complaints")
    shutil.copy(sqlite_template, folder / "cuenta.db")
    url = f"sqlite:///{folder / 'cuenta.db'}"
    with taking_complaints(url, folder) as world, serving(person(world).client.application) as address:
        yield address


def opened(browser: Browser, size: ViewportSize, **options: Any) -> Page:
    return browser.new_context(viewport=size, locale="es-CO", **options).new_page()


def look(page: Page, heading: str) -> None:
    """The page of that heading is there; it is light and fits its screen."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert not overflows(page), page.url
    assert len(page.content().encode()) < LIGHT


def reach(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).focus()


def send(page: Page, name: str) -> None:
    """Press a button by keyboard."""
    reach(page, name)
    enter(page)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_complaint_is_filed_and_followed_by_keyboard_without_script(
    site: str, browser: Browser, size: ViewportSize, tmp_path: Path
) -> None:
    (tmp_path / "foto.jpg").write_bytes(picture("hidden"))
    page = opened(browser, size, java_script_enabled=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/denuncia")
    look(page, "Denunciar corrupción")
    reach(page, "Seguir")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Denunciar corrupción · Cuenta")  # the browser itself asks for a choice
    page.get_by_role("radio", name="No, de ninguna").focus()
    page.keyboard.press("Space")
    send(page, "Seguir")
    look(page, "Cuéntenos")
    send(page, "Enviar la denuncia")
    expect(page.locator("#what-fault")).to_contain_text("Cuéntenos algo")
    look(page, "Cuéntenos")
    for _n in range(30):
        page.keyboard.press("Tab")
        if page.locator("#what:focus").count():
            break
    page.keyboard.type("Pasó en la plaza.")
    page.keyboard.press("Tab")
    page.keyboard.type("Plaza mayor")
    page.locator("#archivos").set_input_files(tmp_path / "foto.jpg")
    send(page, "Enviar la denuncia")
    look(page, "Ya tenemos su denuncia")
    locator, key = (page.locator(where).inner_text().replace("\n", " ") for where in ("#numero", "#clave"))
    page.locator("#final").focus()
    page.keyboard.type(key.split()[-1].lower())
    send(page, "Ya los escribí")
    look(page, "Su denuncia está guardada")
    with page.expect_navigation():
        page.locator("main").get_by_role("link", name="Ver su denuncia").click()
    look(page, "Ver su denuncia")
    page.locator("#numero").focus()
    page.keyboard.type(locator)
    page.keyboard.press("Tab")
    page.keyboard.type(key)
    enter(page)
    expect(page.locator("main")).to_contain_text("3 textos y archivos")
    look(page, "Su denuncia")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (
        "cuenta_caso", True, "Strict", -1
    )  # fmt: skip
    page.get_by_label("Sus palabras").focus()
    page.keyboard.type("También de noche.")
    send(page, "Enviar")
    expect(page.get_by_role("status")).to_have_text("Ya tenemos lo que usted agregó.")
    expect(page.locator("main")).to_contain_text("4 textos y archivos")
    send(page, "Salir")
    look(page, "Usted salió")
    assert page.context.cookies() == []
    assert {url.startswith(site) for url in asked} == {True}, "nobody else is asked for anything"
    page.context.close()


PAGES = {
    "/denuncia": "Denunciar corrupción",
    "/denuncia/reserva": "Qué sabe cada quien",
    "/denuncia/consultar": "Ver su denuncia",
    "/en/denuncia": "Report corruption",
    "/en/denuncia/reserva": "Who knows what",
    "/en/denuncia/consultar": "See your complaint",
}


# Colours do not depend on the size of a screen: two of the four pairs see every size and every scheme.
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=SIZES)
def test_every_page_is_for_everybody(site: str, browser: Browser, size: ViewportSize, scheme: Any) -> None:
    """axe-core finds nothing, and no page is wider than its screen, with letters twice as large neither."""
    page = opened(browser, size, color_scheme=scheme, bypass_csp=True)  # axe is a script that is not ours

    def check(heading: str) -> None:
        look(page, heading)
        found = Axe().run(page, options=WHOLE).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == [], page.url
        page.add_style_tag(content=LARGE)
        assert not overflows(page), page.url

    for path, heading in PAGES.items():
        page.goto(site + path)
        check(heading)
    page.goto(f"{site}/denuncia")
    page.get_by_role("radio", name="No, de ninguna").check()
    press(page, "Seguir")
    check("Cuéntenos")
    press(page, "Enviar la denuncia")
    expect(page.locator("#what-fault")).to_be_visible()
    check("Cuéntenos")
    page.get_by_label("¿Qué pasó?").fill("Pasó.")
    press(page, "Enviar la denuncia")
    check("Ya tenemos su denuncia")
    codes = [page.locator(where).inner_text() for where in ("#numero", "#clave")]
    page.get_by_label("últimas 4 letras").fill("????")
    press(page, "Ya los escribí")
    expect(page.locator("#final-fault")).to_be_visible()
    check("Ya tenemos su denuncia")
    page.goto(f"{site}/denuncia/consultar")
    page.get_by_label("Número de su denuncia").fill(codes[0])
    page.get_by_label("Su clave").fill(codes[1])
    press(page, "Ver", exact=True)
    check("Su denuncia")
    page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_after_a_complaint_in_the_browser_chat_ordinary_answers_are_shown(
    little: World, browser: Browser, script: bool
) -> None:
    settings = read_settings({**environment(little.settings.database_url, little.folder), "BROWSER_CHAT": "on"})
    settings = replace(settings, volatile_path=little.settings.volatile_path)
    with serving(wiring.app(settings, little.clock)) as address:
        page = opened(browser, PHONE, java_script_enabled=script)
        page.goto(f"{address}/chat")
        for words, answer in (
            ("hola", "¿Acepta?"), ("denunciar", "No guardamos quién es usted"), ("salir", "Borramos lo que escribió"),
            ("hola", "¿Acepta?"),
        ):  # fmt: skip
            page.get_by_label("Escriba aquí").fill(words)
            page.get_by_role("button", name="Enviar", exact=True).click()
            expect(page.locator("#log .theirs").last).to_contain_text(answer)
