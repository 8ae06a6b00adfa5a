"""An announcement's whole way in a real browser: written, looked at, asked for, agreed to, sent, paused, published."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cli import wiring
from tests.announced import tick
from tests.announcing import WORDS, agree
from tests.browser import CHROMIUM, DESKTOP, PHONE, follow, overflows, press, serving
from tests.console import SITE, Signed, signed_in
from tests.test_browser_site import WHOLE, faults
from tests.world import World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

PEOPLE = 60


@dataclass
class City:
    """A desk with two of its staff, and where its site is."""

    world: World
    url: str
    writer: Signed
    second: Signed

    def page(self, browser: Browser, who: Signed, size: ViewportSize) -> Page:
        cookie = who.client.get_cookie("cuenta_staff", domain="cuenta.example.test")
        assert cookie is not None
        context = browser.new_context(viewport=size, bypass_csp=True)
        context.add_cookies([{"name": "cuenta_staff", "value": cookie.value, "url": self.url}])
        return context.new_page()


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[City]:
    # The test client wants the cookie that a site without TLS has.
    world = World.on(sqlite_url, tmp_path, PUBLIC_URL=SITE.replace("https", "http")).load().open()
    agree(world, 1, PEOPLE, place="bocagrande")
    app = wiring.app(world.settings, world.clock)
    writer = signed_in(app, world, Role.COMMUNICATIONS, login="ana")
    second = signed_in(app, world, Role.APPROVER, login="bea")
    with serving(app) as url:
        yield City(world, url, writer, second)
    world.desk.engine.dispose()


def good(page: Page, name: str) -> None:
    """A page that everybody can read: nothing to scroll sideways for, nothing axe-core finds."""
    assert not overflows(page), name
    assert faults(page, WHOLE) == [], name


def write(page: Page, url: str) -> None:
    page.goto(f"{url}/consola/anuncios")
    follow(page, "Nuevo anuncio")
    page.get_by_label("De qué trata").select_option("news")
    page.get_by_text("En inglés", exact=True).click()
    for language, tongue in (("es", "español"), ("en", "inglés")):
        for name, label in (("title", "Título"), ("text", "Texto"), ("short", "Texto corto")):
            page.get_by_label(f"{label} en {tongue}", exact=True).fill(WORDS[language][name])
    page.get_by_label("Sale: día").fill("16/11/2022")
    page.get_by_label("Sale: hora").fill("10:10")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_from_the_first_word_to_the_published_figures(browser: Browser, city: City, size: ViewportSize) -> None:
    world, url = city.world, city.url
    ana, bea = city.page(browser, city.writer, size), city.page(browser, city.second, size)
    write(ana, url)
    good(ana, "empty form")
    press(ana, "Ver primero")
    expect(ana.get_by_role("heading", name="SMS · Español")).to_be_visible()
    expect(ana.get_by_text("Va a todas las personas")).to_be_visible()
    good(ana, "preview")
    press(ana, "Guardar el borrador")
    expect(ana.get_by_text("cerca de 60").first).to_be_visible()
    good(ana, "draft")
    where = ana.url
    press(ana, "Pedir que otra persona acepte")
    expect(ana.get_by_text("Espera a otra persona").first).to_be_visible()
    bea.goto(f"{url}/consola/pendientes")
    follow(bea, "Ver y decidir")
    good(bea, "request")
    follow(bea, "Ver", exact=True)
    expect(bea.get_by_role("heading", name=WORDS["es"]["title"])).to_be_visible()
    bea.go_back()
    press(bea, "Acepto: hágalo")
    world.clock.forward(minutes=11)
    tick(world, {"sms": 1 / 60, "whatsapp": 80, "telegram": 30})
    ana.goto(where)
    expect(ana.get_by_role("progressbar")).to_be_visible()
    good(ana, "sending")
    follow(ana, "Actualizar esta página sola")
    expect(ana.get_by_role("status")).to_contain_text("cada 10 segundos")
    follow(ana, "No actualizarla más")
    press(ana, "Detener")
    expect(ana.get_by_text("Alguien del equipo lo detuvo.")).to_be_visible()
    tick(world)
    good(ana, "paused")
    press(ana, "Seguir enviando")
    for _n in range(4):
        tick(world)
        for number in range(1, PEOPLE + 1):
            world.delivered("sms", f"+57{number:010}")
        world.clock.forward(minutes=1)
    for _n in range(2):  # it is over, and three days later its figures are final
        world.clock.forward(hours=73)
        tick(world)
    again = signed_in(city.writer.client.application, world, Role.COMMUNICATIONS, login="carla")
    ana = city.page(browser, again, size)
    ana.goto(where)
    good(ana, "figures")
    press(ana, "Publicar estas cifras en la página")
    follow(ana, "Ver su página pública")
    expect(ana.get_by_text(f"Llegó a {PEOPLE} de {PEOPLE} personas")).to_be_visible()
    good(ana, "public")
    follow(ana, "Todos los avisos")
    good(ana, "public list")
    for each in (ana, bea):
        each.context.close()
