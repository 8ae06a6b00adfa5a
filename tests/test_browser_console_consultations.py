"""The consultations' pages of the console in a real browser: on a phone, in the dark, full, wrong, without script."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cli import wiring
from tests.browser import CHROMIUM, DESKTOP, PHONE, enter, overflows, serving
from tests.console import SITE, Signed, signed_in
from tests.test_browser_site import LOOKS, WHOLE, faults
from tests.test_console_consultations import NOW, SENTENCE, begin, bring, fields, save, scheduled, seen
from tests.test_proposal_sheet import HEADER, ROWS, as_xlsx
from tests.world import EXAMPLE, Clock, World
from web.console.access import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

LONG = "Ñ" * 500
Scheme = Literal["light", "dark"]


@dataclass
class Office:
    """A clerk's desk: the browser, where the site is, and their cookie."""

    browser: Browser
    url: str
    cookie: str
    pages: dict[str, str]

    def page(self, size: ViewportSize, scheme: Scheme = "light", script: bool = True) -> Page:
        context = self.browser.new_context(
            viewport=size, color_scheme=scheme, java_script_enabled=script, bypass_csp=script
        )
        context.add_cookies([{"name": "cuenta_staff", "value": self.cookie, "url": self.url}])
        return context.new_page()


@pytest.fixture(scope="module")
def office(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    path = folder / "cuenta.db"
    path.write_bytes(sqlite_template.read_bytes())
    # The test client wants the cookie that a site without TLS has.
    world = World.on(f"sqlite:///{path}", folder, Clock(NOW), PUBLIC_URL=SITE.replace("https", "http")).load(EXAMPLE)
    app = wiring.app(world.settings, world.clock)
    clerk = signed_in(app, world, Role.PARTICIPATION)
    pages = prepared(clerk)
    cookie = clerk.client.get_cookie("cuenta_staff", domain="cuenta.example.test")
    assert cookie is not None
    with serving(app) as url:
        yield Office(browser, url, cookie.value, pages)
    world.desk.engine.dispose()


def prepared(clerk: Signed) -> dict[str, str]:
    """Pages empty, full and in error, by name."""
    running = scheduled(clerk, opens_day="2030-01-10", opens_hour="06:00")
    clerk.post(f"{running}/corregir", SENTENCE)
    clerk.post(f"{running}/cerrar", SENTENCE)
    empty, good, bad = begin(clerk), begin(clerk), begin(clerk)
    rows = [["", "", LONG, LONG, LONG, LONG, LONG, LONG, LONG * 3] for _n in range(60)]
    for where, sheet in ((good, ROWS), (bad, rows)):
        bring(clerk, where, as_xlsx([HEADER, *sheet]))
        clerk.post(f"{where}/hoja/usar", {"seen": seen(clerk.get(f"{where}/hoja").text)})
    save(clerk, good, fields(slug="parques-2"))
    save(clerk, bad, fields(slug="La Plaza", title_es=LONG, who_es=LONG, least=LONG, opens_day="mañana"))
    bring(clerk, bad, as_xlsx([HEADER, *rows]))
    found = {"list": "/consola/consultas", "new": "/consola/borradores/nuevo", "empty": empty, "bad": bad}
    parts = ("propuestas", "propuestas/0", "propuestas/0/quitar", "hoja", "vista", "programar", "descartar")
    found |= {f"bad {part}": f"{bad}/{part}" for part in parts}
    found |= {f"good {part}": f"{good}/{part}" for part in ("vista", "programar")}
    found |= {"empty proposals": f"{empty}/propuestas", "empty sheet": f"{empty}/hoja", "running": running}
    return found | {step: f"{running}/{step}" for step in ("corregir", "cerrar", "anular", "contar", "publicar")}


# Colours do not depend on the size of a screen: two of the four pairs see every size and every scheme.
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone", "desktop"])
def test_every_page_is_for_everybody(office: Office, size: ViewportSize, scheme: Scheme) -> None:
    page = office.page(size, scheme)
    for name, path in office.pages.items():
        answer = page.goto(office.url + path)
        assert answer is not None
        assert answer.status == 200, name
        assert not overflows(page), name
        assert faults(page, WHOLE if size == PHONE and scheme == "light" else LOOKS) == [], name
    page.context.close()


def test_a_fault_is_reached_by_keyboard_and_saving_needs_no_script(office: Office) -> None:
    page = office.page(PHONE, script=False)
    page.goto(office.url + office.pages["empty"])
    page.get_by_role("link", name="Apertura: día").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#opens_day")
    page.get_by_label("Título en inglés").fill("Another title")
    page.get_by_role("button", name="Guardar el borrador").focus()
    enter(page)
    expect(page.get_by_role("status")).to_have_text("Guardado.")
    expect(page.get_by_label("Título en inglés")).to_have_value("Another title")
    page.context.close()
