"""The chat and the pages in a real browser: by keyboard, without script, over a line that breaks, for every eye."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from bot import lifecycle, upkeep
from cli import wiring
from cli.main import published
from cli.settings import read_settings
from storage.ballots import Ballot
from tests.browser import CHROMIUM, DESKTOP, PHONE, launch, overflows, serving
from tests.world import World, environment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")

SLUG = "cartagena-2022"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = launch(playwright)
        yield opened
        opened.close()


@dataclass
class Site:
    """A desk that serves, and a browser to look at it."""

    world: World
    url: str
    browser: Browser

    def context(self, **options: Any) -> BrowserContext:
        return self.browser.new_context(**{"viewport": PHONE, "locale": "es-CO", **options})

    def open(self, path: str, **options: Any) -> Page:
        page = self.context(**options).new_page()
        page.goto(self.url + path)
        return page


@pytest.fixture
def site(little_world: World, browser: Browser) -> Iterator[Site]:
    given = environment(little_world.settings.database_url, little_world.folder, BROWSER_CHAT="on")
    with serving(wiring.app(read_settings(given), little_world.clock, demo=True)) as url:
        yield Site(little_world, url, browser)
        for context in browser.contexts:
            context.close()


def vote(page: Page) -> None:
    """A whole vote by buttons and boxes."""
    for label in ("Votar", "Sí, acepto", "25 a 34 años", "Femenino"):
        page.locator("#choices").get_by_role("button", name=label).click()
    for number in (1, 4):
        page.locator(f"input[name=pick][value='{number}']").check()
    page.locator("#choices").get_by_role("button", name="Listo").click()
    page.locator("#choices").get_by_role("button", name="Sí, votar").click()
    expect(page.locator("#log").get_by_text("Su recibo es")).to_be_visible()


def choices_of(world: World) -> list[str]:
    return [row["choices"] for row in world.rows(Ballot)]


# The whole vote


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_whole_vote_by_buttons(site: Site, script: bool) -> None:
    page = site.open("/chat", java_script_enabled=script)
    vote(page)
    assert choices_of(site.world) == ["p01 p04"]
    receipt = page.locator("#log").get_by_text("Su recibo es").inner_text()
    page.reload()
    assert receipt in page.locator("#log").inner_text()


def test_a_whole_vote_by_keyboard_alone(site: Site) -> None:
    page = site.open("/chat")
    page.locator("#text").focus()
    for line in ("votar", "1", "2", "1", "1 4", "1"):
        page.keyboard.type(line)
        before = page.locator("#log .theirs").count()
        page.keyboard.press("Enter")
        expect(page.locator("#log .theirs")).to_have_count(before + 1)
        assert page.evaluate("document.activeElement.id") == "text"
    assert choices_of(site.world) == ["p01 p04"]


def test_by_keyboard_the_next_answer_has_the_focus_after_a_button(site: Site) -> None:
    page = site.open("/chat")
    page.locator("#choices").get_by_role("button", name="Votar").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#choices").get_by_role("button", name="Sí, acepto")).to_be_focused()


@pytest.mark.parametrize("when", ["on the way there", "on the way back"])
def test_a_message_whose_connection_was_cut_is_sent_again_and_counted_once(site: Site, when: str) -> None:
    page = site.open("/chat")
    page.clock.install()
    for label in ("Votar", "Sí, acepto", "25 a 34 años", "Femenino"):
        page.locator("#choices").get_by_role("button", name=label).click()
    page.locator("input[name=pick][value='2']").check()
    page.locator("#choices").get_by_role("button", name="Listo").click()
    page.locator("#choices").get_by_role("button", name="Sí, votar").wait_for()
    tries: list[str] = []

    def cut(route: Route) -> None:
        tries.append("cut" if len(tries) < 2 else "through")
        if tries[-1] == "through":
            return route.continue_()
        if when == "on the way back":
            route.fetch()
        route.abort("connectionreset")

    page.route("**/chat", cut)
    page.locator("#choices").get_by_role("button", name="Sí, votar").click()
    expect(page.locator("#state")).to_contain_text("Sin conexión")
    for _n in range(4):
        page.clock.run_for(5_000)
        if page.locator("#log").get_by_text("Su recibo es").count():
            break
        page.wait_for_timeout(50)
    expect(page.locator("#log").get_by_text("Su recibo es")).to_have_count(1)
    assert tries == ["cut", "cut", "through"]
    assert choices_of(site.world) == ["p02"]


def test_what_was_said_while_the_line_was_off_goes_when_it_is_back(site: Site) -> None:
    page = site.open("/chat")
    page.clock.install()
    page.locator(".play summary").click()
    page.locator("#connection").select_option("off")
    page.locator("#choices").get_by_role("button", name="Votar").click()
    expect(page.locator("#state")).to_contain_text("Sin conexión")
    expect(page.locator("#log .sending")).to_have_count(1)
    page.locator("#connection").select_option("good")
    page.clock.run_for(3_000)
    expect(page.locator("#choices").get_by_role("button", name="Sí, acepto")).to_be_visible()
    expect(page.locator("#state")).to_be_empty()


def test_two_visitors_see_each_their_own_chat(site: Site) -> None:
    one, other = site.open("/chat"), site.open("/chat")
    vote(one)
    receipt = one.locator("#log").get_by_text("Su recibo es").inner_text()
    other.reload()
    assert receipt not in other.locator("body").inner_text()
    expect(other.locator("#choices").get_by_role("button", name="Votar")).to_be_visible()


def test_leaving_leaves_nothing_in_the_browser(site: Site) -> None:
    page = site.open("/chat")
    vote(page)
    page.get_by_role("button", name="Salir de este chat").click()
    page.goto(site.url + "/chat")
    assert "recibo es" not in page.locator("body").inner_text()


def test_in_the_demo_somebody_votes_by_sms(site: Site) -> None:
    page = site.open("/chat")
    page.locator(".play summary").click()
    page.locator("#channel").select_option("sms")
    page.get_by_role("button", name="Empezar como esta persona").click()
    page.locator("#text").fill("votar")
    page.get_by_role("button", name="Enviar").click()
    expect(page.locator("#log small").last).to_contain_text("SMS")


# The pages, for every eye


@pytest.fixture(params=["open", "published"])
def stage(site: Site, request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A consultation in which people vote, and one with its results."""
    world = site.world
    for who in range(1, 8):
        world.vote("1 4 6" if who < 4 else "2", who=who)
    upkeep.note_turnout(world.desk.engine, world.clock())
    if request.param == "published":
        world.clock.forward(days=8)
        lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock(), "Oficina de Transparencia")
        published(world.desk.engine, SLUG, tmp_path / "public")
    return site


PAGES = ("/", f"/consultas/{SLUG}", "/recibo", "/privacidad", "/chat", "/no-hay", "/en/", f"/en/consultas/{SLUG}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(stage: Site, scheme: str) -> None:
    """axe-core without findings, and no page wider than its screen, on a phone and on a desk."""
    for size in (PHONE, DESKTOP):
        # The policy forbids scripts that are not ours, and axe is one.
        context = stage.context(viewport=size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for path in (*PAGES, f"/consultas/{SLUG}/recuento"):
            page.goto(stage.url + path)
            for details in page.locator("details").all():
                details.evaluate("each => { each.open = true; }")
            assert not overflows(page), (path, size)
            found = Axe().run(page).response["violations"]
            assert not found, (path, [(each["id"], each["nodes"][0]["html"]) for each in found])
        context.close()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(stage: Site) -> None:
    page = stage.open(f"/consultas/{SLUG}")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("tampered", [False, True], ids=["whole", "tampered"])
def test_the_visitors_own_browser_counts_again(
    little_world: World, browser: Browser, tmp_path: Path, tampered: bool
) -> None:
    world = little_world
    for who in range(1, 7):
        world.vote("1 4 6" if who < 4 else "2", who=who)
    world.clock.forward(days=8)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    published(world.desk.engine, SLUG, tmp_path / "public")
    with serving(wiring.app(world.settings, world.clock)) as url:
        page = browser.new_context(viewport=PHONE, locale="es-CO").new_page()
        if tampered:
            page.route("**/papeletas.csv", lambda route: route.fulfill(body=route.fetch().text() + "ZZZZZ00000,p07\n"))
        page.goto(f"{url}/consultas/{SLUG}/recuento")
        page.get_by_role("button", name="Contar ahora").click()
        told = page.locator("#progress")
        expect(told).to_contain_text("son distintos" if tampered else "son iguales")
        expect(told).to_contain_text("no tiene la huella" if tampered else "tiene la huella publicada")
        assert page.locator("#sum tbody tr").first.inner_text().split("\t")[1:] == ["3", "3"]
        page.context.close()


def test_what_is_folded_is_printed(stage: Site) -> None:
    page = stage.open(f"/consultas/{SLUG}")
    page.emulate_media(media="print")
    assert not overflows(page)
    assert page.locator("header .tongue").is_hidden()
