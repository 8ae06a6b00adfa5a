"""The public pages in a real browser: on a phone and a desk, light and dark, by keyboard, without script, on paper."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from bot import lifecycle, upkeep
from storage import consultations
from storage.database import transaction
from storage.folder import read_folder
from storage.loading import consultation_row
from tests import promises
from tests.browser import CHROMIUM, DESKTOP, PHONE, overflows, press, serving
from tests.test_site import cast, client_of, crowd, crowded, publish
from tests.world import CARTAGENA, EXAMPLE, World

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")

STEPS = ("pronto", "abierta", "cerrada", "contada", "publicada", "anulada", "grande", "grande-publicada")
SIZES = {"phone": PHONE, "desktop": DESKTOP}
UNBROKEN = "https://cartagena.example/" + "una-palabra-sin-fin" * 4


@dataclass
class Site:
    """A desk with a consultation in each step of its life, and a browser to look at it."""

    url: str
    browser: Browser

    def page(self, path: str = "", **options: Any) -> Page:
        page = self.browser.new_context(**{"viewport": PHONE, "locale": "es-CO", **options}).new_page()
        if path:
            page.goto(self.url + path)
        return page


@pytest.fixture(scope="module")
def site(browser: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(sqlite_template, folder / "cuenta.db")
    world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder).load()
    for slug in STEPS:
        live(world, slug)
    promise(world)
    with serving(client_of(world).application) as url:
        yield Site(url, browser)
    world.desk.engine.dispose()


def live(world: World, slug: str) -> None:
    """Bring a consultation to the step after which it is called."""
    folder = read_folder(CARTAGENA)
    (known,) = folder.consultations
    whole = crowded(folder) if slug.startswith("grande") else known
    now = world.clock()
    opens = now + timedelta(days=2 if slug == "pronto" else -2)
    closes = now + timedelta(days=4)
    title = {**whole.title, "es": f"{whole.title['es']} {UNBROKEN}"} if slug == "grande" else whole.title
    made = replace(whole, slug=slug, title=title, opens_at=opens, closes_at=closes, paper_until=closes)
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, consultation_row(made))
    lifecycle.open_(world.desk.engine, world.desk.keys, slug, now)
    if slug == "pronto":
        return
    ids = [proposal.id for proposal in made.proposals]
    for n, unit in enumerate(place for place in folder.places if place.kind == "unit"):
        voters = crowd(3 + n, 100 * n + 1, age="18-24" if n % 3 else "35-44", sex="f" if n % 2 else "m",
                       group="youth", locality=unit.parent, unit=unit.code)  # fmt: skip
        cast(world, voters, f"{ids[n % 12]} {ids[(n + 5) % 12]}", slug)
    upkeep.note_turnout(world.desk.engine, now)
    if slug == "anulada":
        lifecycle.annul(world.desk.engine, world.desk.keys, slug, f"Faltaba una propuesta. Vea {UNBROKEN}", now)
    if slug in ("cerrada", "contada", "publicada", "grande-publicada"):
        lifecycle.close(world.desk.engine, slug, now)
        with transaction(world.desk.engine) as connection:
            consultations.move(connection, slug, "opened", paper_until=now)
    if slug in ("contada", "publicada", "grande-publicada"):
        lifecycle.count(world.desk.engine, world.desk.keys, slug, now, "Oficina Asesora de Transparencia")
    if slug.endswith("publicada"):
        publish(world, slug)


def promise(world: World) -> None:
    """Plans of every kind: one on which everybody spoke, a long one, an example of which nothing is known yet."""
    promises.load_plan(world, promises.the_plan())
    promises.load_plan(world, promises.great_plan(12, 9))
    (example,) = read_folder(EXAMPLE).plans
    (first, *_others) = example.commitments
    promises.load_plan(world, replace(example, commitments=(replace(first, consultation="", proposal=""),)))
    promises.speak(world)
    for number in (1, 2, 4):
        promises.speak(world, f"grande-1.{number}", f"{promises.long_words(800)} {UNBROKEN}")
    world.clock.forward(hours=-1)


PAGES = (
    "/plan", "/plan?pagina=2", "/plan?buscar=participacion", "/plan?buscar=nada+de+nada", "/en/plan",
    "/plan/cartagena-cuenta", "/plan/cartagena-cuenta/historia", "/en/plan/cartagena-cuenta", "/plan/grande-1",
    "/plan/grande-1?pagina=2", "/plan/grande-1/historia", "/plan/arboles-plaza", "/plan/arboles-plaza/historia",
    "/", "/recibo", "/privacidad", "/no-hay", "/consultas/publicada/recuento", "/en/", "/en/consultas/publicada",
    *(f"/consultas/{slug}" for slug in STEPS), "/consultas/grande?pagina=2", "/consultas/abierta/barrios",
    "/consultas/abierta/barrios/el-pozon", "/en/consultas/pronto/barrios/l1", "/consultas/grande/barrios/el-pozon",
)  # fmt: skip


WHOLE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
LOOKS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "target-size"]}
"""What another size or other colours can change."""


def faults(page: Page, rules: dict[str, Any]) -> list[tuple[str, str]]:
    """What axe-core finds to be wrong, with the first element of each."""
    found = Axe().run(page, options=rules).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


# Colours do not depend on the size of a screen: two of the four pairs see every size and every scheme.
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=SIZES)
def test_every_page_is_for_everybody(site: Site, size: ViewportSize, scheme: str) -> None:
    """axe-core finds nothing, and no page is wider than its screen."""
    # The policy forbids scripts that are not ours, and axe is one.
    page = site.page(viewport=size, color_scheme=scheme, bypass_csp=True)
    for path in PAGES:
        page.goto(site.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert not overflows(page), path
        assert faults(page, WHOLE if size == PHONE and scheme == "light" else LOOKS) == [], path
    page.context.close()


@pytest.mark.parametrize("width", [320, 360, 768])
def test_no_page_is_wider_than_its_screen_without_script(site: Site, width: int) -> None:
    page = site.page(viewport={"width": width, "height": 740}, java_script_enabled=False)
    for path in PAGES:
        page.goto(site.url + path)
        assert not overflows(page), path
        assert page.locator("main h1").is_visible(), path
        for dead in page.locator("form[data-list] button").all():
            assert dead.is_hidden(), path
    page.context.close()


LARGE = "html { font-size: 200% !important; } body { font-family: FONT !important; }"


@pytest.mark.parametrize("font", ["system-ui", "DejaVu Sans", "monospace"])
@pytest.mark.parametrize("width", [320, 360])
def test_text_can_be_twice_as_large(site: Site, width: int, font: str) -> None:
    """WCAG 1.4.4 and 1.4.10: nothing is cut or needs scrolling sideways when letters are 200 % on a phone."""
    page = site.page(viewport={"width": width, "height": 740}, bypass_csp=True)
    for path in PAGES:
        page.goto(site.url + path)
        page.add_style_tag(content=LARGE.replace("FONT", font))
        if path.endswith("/recuento"):
            recount(page)
        assert not overflows(page), path
    page.context.close()


STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, summary, textarea')]
    .filter(each => each.checkVisibility()).length"""
WHERE = """() => {
    const each = document.activeElement;
    if (each === document.body) return null;
    const style = getComputedStyle(each), box = each.getBoundingClientRect();
    const all = [...document.querySelectorAll('a[href], button, input, select, summary, textarea')];
    return {
        index: all.filter(one => one.checkVisibility()).indexOf(each),
        seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.left >= 0,
        html: each.outerHTML.slice(0, 120),
    };
}"""


@pytest.mark.parametrize("path", ["/", "/recibo", "/consultas/abierta", "/consultas/publicada", "/consultas/grande",
                                  "/consultas/publicada/recuento", "/no-hay",
                                  "/plan", "/plan/cartagena-cuenta", "/plan/grande-1/historia"])  # fmt: skip
def test_the_keyboard_reaches_everything_and_shows_where_it_is(site: Site, path: str) -> None:
    page = site.page(path)
    stops: int = page.evaluate(STOPS)
    reached: list[int] = []
    for _n in range(stops):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        assert where is not None, reached
        assert where["seen"], where["html"]
        reached.append(where["index"])
    assert reached == list(range(stops)), "in the order in which one reads"
    page.context.close()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(site: Site) -> None:
    page = site.page("/consultas/abierta")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.context.close()


def test_what_is_folded_is_on_paper(site: Site) -> None:
    page = site.page("/consultas/abierta", viewport={"width": 700, "height": 990})
    folded = page.locator("details table, details .code")
    assert folded.count() >= 4
    assert not any(each.is_visible() for each in folded.all())
    page.emulate_media(media="print")
    assert all(each.is_visible() for each in folded.all())
    assert not overflows(page)
    assert page.locator("header .tongue").is_hidden()
    page.context.close()


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("path", ["/consultas/abierta", "/en/consultas/abierta", "/consultas/pronto"])
def test_the_sheet_of_a_neighbourhood_is_one_page(site: Site, path: str, script: bool) -> None:
    page = site.page(f"{path}/barrios/el-pozon", java_script_enabled=script)
    assert len(re.findall(rb"/Type */Page\b", page.pdf(format="A4"))) == 1
    page.emulate_media(media="print")
    assert not page.locator("footer").is_visible()
    assert page.locator(".board-ways .code").first.is_visible()
    page.context.close()


def test_a_promise_is_on_paper_with_its_timeline_and_its_voices(site: Site) -> None:
    page = site.page("/plan/cartagena-cuenta", viewport={"width": 700, "height": 990})
    page.emulate_media(media="print")
    for shown in ("details blockquote", ".steps svg", ".voices section", ".history li"):
        found = page.locator(shown)
        assert found.count() >= 6, shown
        assert all(each.is_visible() for each in found.all()), shown
    assert not overflows(page)
    page.context.close()


def test_a_timeline_is_drawn_to_scale_on_any_screen(site: Site) -> None:
    for size in SIZES.values():
        page = site.page("/plan/cartagena-cuenta", viewport=size)
        drawn = page.locator(".steps li:nth-child(2) svg")
        whole, bar = drawn.bounding_box(), drawn.locator("rect").bounding_box()
        assert whole is not None
        assert bar is not None
        assert whole["width"] > 200
        assert bar["x"] - whole["x"] == pytest.approx(whole["width"] * 31 / 365, abs=2)
        assert bar["width"] == pytest.approx(whole["width"] * 28 / 365, abs=3)
        page.context.close()


def test_a_search_needs_no_script(site: Site) -> None:
    page = site.page("/plan", java_script_enabled=False)
    page.get_by_label("Busque en las promesas").fill("comunicaciones")
    press(page, "Buscar")
    expect(page.get_by_role("status")).to_contain_text("1 promesa tiene estas palabras")
    page.context.close()


def test_paper_is_white_also_where_the_screen_is_dark(site: Site) -> None:
    page = site.page("/consultas/publicada", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    colours = "getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color"
    assert page.evaluate(colours) == "rgb(255, 255, 255)rgb(0, 0, 0)"
    page.context.close()


# Counting again


def counted(page: Page) -> dict[str, list[str]]:
    rows = page.locator("#sum tbody tr, #sum tfoot tr").all_inner_texts()
    return {row.split("\t")[0].split(".")[0]: row.split("\t")[1:] for row in rows}


def recount(page: Page) -> str:
    page.get_by_role("button", name="Contar ahora").click()
    told = page.locator("#progress.state")
    told.wait_for()
    return told.inner_text()


def test_the_visitors_own_browser_counts_the_same(site: Site) -> None:
    page = site.page("/consultas/publicada/recuento")
    told = recount(page)
    assert "son iguales" in told
    assert "tiene la huella publicada" in told
    results = page.request.get(f"{site.url}/consultas/publicada/resultados.json").json()
    assert counted(page) == {
        **{str(each["number"]): [str(each["votes"])] * 2 for each in results["proposals"]},
        "Papeletas": [str(results["ballots"])] * 2,
    }
    page.context.close()


def add(lines: list[str]) -> list[str]:
    return [*lines, "ZZZZZZZZZZ,p07"]


def twice(lines: list[str]) -> list[str]:
    """One ballot in the place of its neighbour, so that the number of ballots stays."""
    return [*lines[:1], lines[1], lines[1], *lines[3:]]


def unknown(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].replace(",", ",p99 ")]


def broken(lines: list[str]) -> list[str]:
    return [*lines, "ZZZZZZZZZZ"]


@pytest.mark.parametrize("change", [add, twice, unknown, broken])
def test_a_list_that_somebody_changed_is_noticed(site: Site, change: Any) -> None:
    page = site.page("/consultas/publicada/recuento")
    page.route(
        "**/papeletas.csv",
        lambda route: route.fulfill(body="\n".join([*change(route.fetch().text().splitlines()), ""])),
    )
    told = recount(page)
    assert "son distintos" in told
    assert "no tiene la huella publicada" in told
    page.context.close()


def test_results_that_somebody_changed_are_noticed(site: Site) -> None:
    page = site.page("/consultas/publicada/recuento")
    results = page.request.get(f"{site.url}/consultas/publicada/resultados.json").json()
    results["proposals"][0]["votes"] += 1
    page.route("**/resultados.json", lambda route: route.fulfill(body=json.dumps(results)))
    assert "son distintos" in recount(page)
    page.context.close()


def test_a_list_that_does_not_come_can_be_asked_for_again(site: Site) -> None:
    page = site.page("/consultas/publicada/recuento")
    page.route("**/papeletas.csv", lambda route: route.abort())
    assert "No se pudo leer la lista" in recount(page)
    page.unroute("**/papeletas.csv")
    page.get_by_role("button", name="Contar ahora").click()
    expect(page.locator("#progress")).to_contain_text("son iguales")
    page.context.close()


def test_nothing_is_asked_of_another_site_and_nothing_is_refused(site: Site) -> None:
    """The strict policy holds without breaking a page, and visitors are told to nobody."""
    page, asked, refused = site.page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: refused.append(message.text))
    page.on("pageerror", lambda error: refused.append(str(error)))
    for path in PAGES:
        page.goto(site.url + path)
    assert [url for url in asked if not url.startswith(site.url)] == []
    assert [text for text in refused if "404 (NOT FOUND)" not in text] == []
    assert page.context.cookies() == []
    page.context.close()
