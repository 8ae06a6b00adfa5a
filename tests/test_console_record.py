"""The record as an auditor reads it: every code that is noted anywhere has its words."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping

import pytest

from bot.complaints import casework
from cli import wiring
from storage import audit
from storage.database import transaction
from tests.console import signed_in
from tests.world import ROOT, World
from web.console import deeds, own_key, seats
from web.console.access import Role
from web.console.approvals import OUTCOMES

NOTERS = {"note", "_note", "_changed", "edited", "keep", "kept"}
"""The functions that an action is handed to."""

MADE: Mapping[str, Collection[str]] = {
    "approval.{}": OUTCOMES,
    "case.{}": casework.NOTED,
    "key.{}": own_key.NOTED,
    "{}.invited": seats.ENDS,
    "{}.ended": seats.ENDS,
}
"""Actions that are put together, and what of."""


def calls() -> Iterator[ast.Call]:
    for part in ("bot", "cli", "storage", "web/console"):
        for file in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                named = getattr(node, "func", None)
                if isinstance(node, ast.Call) and getattr(named, "attr", getattr(named, "id", "")) in NOTERS:
                    yield node


def words(node: ast.AST) -> Iterator[str]:
    """The actions among what is handed over; of one that is put together every one that can come of it."""
    if isinstance(node, ast.JoinedStr):
        form = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
        if "." in form and "/" not in form:
            yield from (form.format(part) for part in MADE[form])
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and audit.ACTION.fullmatch(node.value) and not node.value.endswith(".html"):
            yield node.value
    else:
        for each in ast.iter_child_nodes(node):
            yield from words(each)


def noted() -> set[str]:
    return {word for call in calls() for given in call.args for word in words(given)}


def test_every_action_that_is_noted_has_its_words_and_no_other() -> None:
    assert noted() == set(deeds.ACTIONS)


def test_every_detail_that_is_noted_has_its_name() -> None:
    notes = [call for call in calls() if getattr(call.func, "attr", getattr(call.func, "id", "")) in ("note", "_note")]
    assert {each.arg for call in notes for each in call.keywords if each.arg} == set(deeds.FACTS)


@pytest.mark.parametrize(
    ("prefix", "action", "details"),
    [
        ("", "Inscribió una solicitud de datos", "5; el número es conocido: no; qué: Borrar sus datos"),
        ("/en", "Entered a data request", "5; the number is known: no; what: Delete their data"),
    ],
)
def test_a_row_is_read_in_words_and_kept_in_codes(little_world: World, prefix: str, action: str, details: str) -> None:
    with transaction(little_world.desk.engine) as connection:
        now = little_world.clock()
        audit.note(connection, now, 7, "request.received", "5", kind="delete", found=False)
        audit.note(connection, now, 7, "access.refused", "members")
        audit.note(connection, now, None, "invitation.made", roles=["monitor", "auditor"])
        audit.note(connection, now, 7, "text.changed", "help", version=3)
    auditor = signed_in(wiring.app(little_world.settings, little_world.clock), little_world, Role.AUDITOR)
    page = auditor.get(f"{prefix}/consola/registro").text
    main = re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL).partition("<main")[2]
    cells = re.findall(r'<td data-label="[^"]*">([^<]*)</td>', main)
    assert action in cells
    assert details in cells
    assert "/consola/personal" in cells
    assert not re.search(r"[{}]|request\.received|invitation\.made|access\.refused", main)
    assert 'value="request.received"' in page
    rows = auditor.get("/consola/registro.csv").text
    assert 'request.received,5,"{""found"": false, ""kind"": ""delete""}"' in rows
