"""The page of the WhatsApp templates: what they say and how they stand, for those whose work it is."""

import pytest

from bot.announcements.templates import DECLARED
from cli import wiring
from storage import templates
from storage.database import transaction
from tests.console import Signed, signed_in
from tests.world import DURING, World
from web.console.access import Role
from web.console.templates import CATEGORIES, STATUSES, TONGUES, TOPICS

PAGE = "/consola/plantillas"
MAY = {Role.ADMINISTRATOR, Role.COMMUNICATIONS, Role.PARTICIPATION, Role.AUDITOR}


def console(world: World, *roles: Role) -> Signed:
    return signed_in(wiring.app(world.settings, world.clock), world, *roles)


def put(world: World, status: str, reason: str = "") -> None:
    first = DECLARED[0]
    with transaction(world.desk.engine) as connection:
        templates.put(
            connection, DURING, name=first.name, language=first.language, sid="HX" + "5" * 32, category="marketing",
            digest=first.digest, status=status, reason=reason,
        )  # fmt: skip


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.RECEIVER])
def test_those_whose_work_it_is_may_look(little_world: World, role: Role) -> None:
    assert console(little_world, role).get(PAGE).status_code == (200 if role in MAY else 403)


def test_it_says_what_people_will_read_and_how_it_stands(little_world: World) -> None:
    put(little_world, "rejected", "demasiado <b>comercial</b>")
    shown = console(little_world, Role.COMMUNICATIONS).get(PAGE).text
    for wording in DECLARED:
        assert wording.sample in shown or wording.sample.replace("'", "&#39;") in shown
        assert wording.button in shown
    assert "Meta dijo que no" in shown
    assert "demasiado &lt;b&gt;comercial" in shown
    assert "Otras noticias, que cuestan más" in shown
    assert shown.count("Todavía no se envió a Meta") == len(DECLARED) - 1
    assert "HX" + "5" * 32 not in shown


def test_every_status_category_topic_and_language_has_its_words() -> None:
    assert set(templates.STATUSES) | {"missing", "changed"} == set(STATUSES)
    assert {wording.category for wording in DECLARED} <= set(CATEGORIES)
    assert {wording.name for wording in DECLARED} == set(TOPICS)
    assert {wording.language for wording in DECLARED} == set(TONGUES)


@pytest.mark.parametrize(("status", "told"), [("approved", False), ("pending", False), ("paused", True)])
def test_the_first_page_names_what_may_not_be_used(little_world: World, status: str, told: bool) -> None:
    put(little_world, status)
    shown = console(little_world, Role.PARTICIPATION).get("/consola/").text
    assert ("plantilla de WhatsApp no se puede usar" in shown) is told
    assert (f'href="{PAGE}">' in shown) or not told
