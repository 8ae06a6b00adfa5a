"""The chat in a real browser: by keyboard, without script, over a line that breaks, for every eye."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from cli import wiring
from cli.settings import read_settings
from storage.ballots import Ballot
from tests.browser import CHROMIUM, DESKTOP, PHONE, overflows, press, serving
from tests.world import World, environment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")


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


def test_what_waits_goes_as_soon_as_the_line_is_back(site: Site) -> None:
    page = site.open("/chat")
    page.clock.install(time=0)
    page.clock.pause_at(10_000)
    page.context.set_offline(True)
    page.locator("#choices").get_by_role("button", name="Votar").click()
    expect(page.locator("#state")).to_contain_text("Sin conexión")
    page.context.set_offline(False)
    expect(page.locator("#choices").get_by_role("button", name="Sí, acepto")).to_be_visible()


def test_without_its_cookie_the_chat_says_what_to_do(site: Site) -> None:
    page = site.open("/chat")
    page.context.clear_cookies()
    page.locator("#choices").get_by_role("button", name="Votar").click()
    expect(page.locator("#state")).to_contain_text("cookies")


def test_who_comes_after_sees_nothing_in_a_tab_that_was_left_open(site: Site) -> None:
    page = site.open("/chat")
    vote(page)
    left = page.context.new_page()
    left.goto(site.url + "/chat")
    press(left, "Salir de este chat")
    page.reload()
    assert "recibo es" not in page.locator("body").inner_text()
    assert page.evaluate("sessionStorage.length") == 0


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
    press(page, "Salir de este chat")
    page.goto(site.url + "/chat")
    assert "recibo es" not in page.locator("body").inner_text()


def test_in_the_demo_somebody_votes_by_sms(site: Site) -> None:
    page = site.open("/chat")
    page.locator(".play summary").click()
    page.locator("#channel").select_option("sms")
    press(page, "Empezar como esta persona")
    page.locator("#text").fill("votar")
    page.get_by_role("button", name="Enviar").click()
    expect(page.locator("#log small").last).to_contain_text("SMS")


# For every eye; the other pages are in test_browser_site.py


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chat_is_for_everybody(site: Site, scheme: str) -> None:
    """axe-core without findings from the first question to the receipt, and nothing wider than the screen."""
    for size in (PHONE, DESKTOP):
        # The policy forbids scripts that are not ours, and axe is one.
        page = site.context(viewport=size, color_scheme=scheme, bypass_csp=True).new_page()
        page.goto(site.url + "/chat")
        for label in ("Votar", "Sí, acepto", "25 a 34 años", "Femenino", ""):
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
            assert not overflows(page), (label, size)
            found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            assert not found, (label, [(each["id"], each["nodes"][0]["html"]) for each in found])
            if label:
                page.locator("#choices").get_by_role("button", name=label).click()
        page.context.close()
