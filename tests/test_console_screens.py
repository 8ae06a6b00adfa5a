"""The console's pages of people and texts on a phone: nothing to scroll sideways for, nothing axe-core finds."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from bot import headcount
from cli import wiring
from tests.browser import DESKTOP, PHONE, overflows
from tests.console import SITE, Signed, signed_in
from tests.test_connectivity import weak_unit
from tests.test_console_people import enter, proven
from tests.test_headcount import settle
from tests.world import World
from web.console.access import Role


@pytest.fixture
def paths(little_world: World) -> tuple[Signed, list[str]]:
    """Somebody who sees all of it, and every page: empty, full, in the middle of something."""
    app = wiring.app(little_world.settings, little_world.clock)
    who = signed_in(app, little_world, Role.ADMINISTRATOR, Role.PARTICIPATION)
    little_world.vote("1", "whatsapp")
    settle(little_world, 1_000, 60, place="bocagrande", group="women")
    settle(little_world, 2_000, 60, place="nelson-mandela", group="youth")
    headcount.take(little_world.desk)
    weak_unit(little_world)
    who.post("/consola/conexion/ucg-6", {"profile": "low"})
    seen, deletes = proven(little_world, who), proven(little_world, who, "delete")
    waits = enter(who)
    pages = [
        "/consola/personas", "/consola/personas?por=channel:sms", "/consola/personas/solicitudes",
        "/consola/personas/solicitudes/nueva", waits, f"{waits}/papel", f"{waits}/aplazar", f"{waits}/cerrar", seen,
        f"{seen}/datos", deletes, f"{deletes}/borrar", "/consola/textos", "/consola/textos/help",
        "/consola/textos/help/historia", "/consola/textos/horas", "/consola/textos/plazos", "/consola/textos/name",
        "/consola/conexion", "/consola/conexion/ucg-6", "/consola/conexion/el-pozon",
    ]  # fmt: skip
    return who, [*pages, *(f"/en{page}" for page in pages)]


def test_every_page_fits_a_phone_and_is_accessible(browser: Browser, paths: tuple[Signed, list[str]]) -> None:
    who, pages = paths

    def serve(route: Route) -> None:
        address = urlsplit(route.request.url)
        answer = who.get(f"{address.path}?{address.query}")
        route.fulfill(status=answer.status_code, content_type=answer.content_type, body=answer.data)

    # The policy forbids scripts that are not ours, and axe is one.
    context = browser.new_context(viewport=PHONE, bypass_csp=True)
    page = context.new_page()
    page.route("**/*", serve)
    problems = []
    for path in pages:
        answer = page.goto(f"{SITE}{path}")
        assert answer is not None
        assert answer.status == 200, path
        problems += [f"{path}: too wide"] if overflows(page) else []
        found = Axe().run(page).response["violations"]
        problems += [f"{path}: {each['id']} {each['nodes'][0]['html'][:160]}" for each in found]
    context.close()
    assert problems == []


@pytest.mark.parametrize("script", [True, False])
def test_the_places_are_one_row_on_a_phone_and_open_without_script(
    browser: Browser, little_world: World, script: bool
) -> None:
    app = wiring.app(little_world.settings, little_world.clock)
    who = signed_in(app, little_world, *Role, offices=["plan-2023/planeacion"])

    def serve(route: Route) -> None:
        answer = who.get(urlsplit(route.request.url).path)
        route.fulfill(status=answer.status_code, content_type=answer.content_type, body=answer.data)

    context = browser.new_context(viewport=PHONE, java_script_enabled=script)
    page = context.new_page()
    page.route("**/*", serve)
    page.goto(f"{SITE}/consola/personal")
    places, menu = page.locator(".places"), page.locator(".places summary")
    box, line = places.bounding_box(), menu.bounding_box()
    assert box is not None
    assert line is not None
    assert box["height"] < line["height"] + 2, "one row"
    assert not page.get_by_role("link", name="Personal", exact=True).is_visible()
    page.keyboard.press("Tab")  # past the content, the name and the language, as they stand on the page
    for _n in range(3):
        page.keyboard.press("Tab")
    assert page.locator(".places summary:focus").count() == 1
    page.keyboard.press("Enter")
    assert page.get_by_role("link", name="Personal", exact=True).is_visible()
    page.keyboard.press("Tab")
    assert page.locator(".places li:first-child a:focus").inner_text() == "Hoy"
    page.set_viewport_size(DESKTOP)
    assert not menu.is_visible()
    assert page.get_by_role("link", name="Personal", exact=True).is_visible()
    page.reload()
    assert page.get_by_role("link", name="Personal", exact=True).is_visible(), "without having been opened"
    if script:
        assert not overflows(page)
    context.close()
