"""Who may open what in the console: every route with every role, and nothing without a rule."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule

from cli import wiring
from cli.settings import read_settings
from storage import audit
from storage.database import reading
from tests.console import SITE, Signed, signed_in
from tests.served import served
from tests.world import ROOT, World, environment
from web.console import access
from web.console.access import Role, Unruled, rule_of

TABLE = re.compile(r"^\| `(/consola[^`]*)` \| (.*?) \| (.*?) \|", re.MULTILINE)
"""The table of docs/console.md: path, who, and whether password and code are asked again."""

DOCUMENTED = {path: (who, fresh) for path, who, fresh in TABLE.findall((ROOT / "docs/console.md").read_text("utf-8"))}
LABELLED = {"everybody": frozenset[Role](), "all staff": frozenset(Role)}


def app_of(world: World) -> Flask:
    return wiring.app(world.settings, world.clock)


def console_rules(app: Flask) -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("es.console."):
            yield rule


def filled(rule: Rule) -> str:
    """An address of the route, with something that is not there in its places."""
    return re.sub(r"<(int)?[^>]*>", lambda place: "999999" if place[1] else "no-such-thing", rule.rule)


@pytest.fixture
def app(little_world: World) -> Flask:
    return app_of(little_world)


def test_every_route_is_in_the_table_of_the_documentation_with_its_rule(app: Flask) -> None:
    told: dict[str, set[tuple[str, str]]] = {}
    for rule in console_rules(app):
        found = rule_of(app, rule.endpoint)
        who = next((name for name, roles in LABELLED.items() if roles == found.roles), "") or ", ".join(
            role for role in Role if role in found.roles
        )
        told.setdefault(rule.rule, set()).add((who, "yes" if found.fresh else ""))
    assert {path: sorted(rules) for path, rules in told.items() if rules != {DOCUMENTED.get(path)}} == {}
    assert set(DOCUMENTED) <= set(told)


def test_a_route_without_a_rule_keeps_the_desk_from_starting(app: Flask) -> None:
    blueprint = Blueprint("console", __name__)
    blueprint.add_url_rule("/new", "new", lambda: "open to all")
    bare = Flask("bare")
    bare.register_blueprint(blueprint, name="es.console".replace(".", "_"))
    bare.view_functions["es.console.new"] = bare.view_functions.pop("es_console.new")
    with pytest.raises(Unruled):
        access.check(bare)


def test_who_is_not_signed_in_comes_to_the_entrance_and_nowhere_else(app: Flask) -> None:
    client = app.test_client()
    for rule in console_rules(app):
        if not rule_of(app, rule.endpoint).roles:
            continue
        if "GET" in (rule.methods or ()):
            answer = client.get(filled(rule), base_url=SITE)
            assert answer.status_code == 303
            assert answer.headers["Location"].startswith("/consola/entrar?sigue=")
        if "POST" in (rule.methods or ()):
            assert client.post(filled(rule), base_url=SITE).status_code == 400, "no token, no change"


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_its_own_routes_and_is_refused_at_the_others(little_world: World, role: Role) -> None:
    app = app_of(little_world)
    offices = ["plan-2023/no-such-office"] if role is Role.OFFICE else []
    who = signed_in(app, little_world, role, offices=offices)
    for rule in console_rules(app):
        roles = rule_of(app, rule.endpoint).roles
        for status in statuses(who, rule) if roles else ():
            assert (status == 403) == (role not in roles), (rule.rule, status)
            assert status < 500


def statuses(who: Signed, rule: Rule) -> Iterator[int]:
    """What somebody meets at a route, by each of its methods."""
    methods = rule.methods or set()
    if "GET" in methods:
        yield who.get(filled(rule)).status_code
    if "POST" in methods and not rule.endpoint.endswith(("sign_out", "end_others")):
        yield who.post(filled(rule)).status_code


def test_a_refusal_is_in_the_record(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.MONITOR)
    who.get("/consola/personal")
    with reading(little_world.desk.engine) as connection:
        row = audit.rows(connection)[0]
    assert (row.by, row.action, row.subject) == (who.id, "access.refused", "members")


def test_a_form_needs_the_token_of_its_own_session(little_world: World) -> None:
    app = app_of(little_world)
    one, other = signed_in(app, little_world, Role.ADMINISTRATOR), signed_in(app, little_world, Role.AUDITOR)
    form = {"login": "new.person", "name": "New", "roles": ["monitor"]}
    for token in ("", "x", other.token()):
        answer = one.client.post("/consola/personal/invitar", data={**form, "csrf_token": token}, base_url=SITE)
        assert answer.status_code == 400
    assert "new.person" not in one.get("/consola/personal").text
    assert one.post("/consola/personal/invitar", form).status_code == 200
    assert "new.person" in one.get("/consola/personal").text


def test_a_form_on_another_site_is_refused(little_world: World) -> None:
    one = signed_in(app_of(little_world), little_world, Role.ADMINISTRATOR)
    for headers in (
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert one.post("/consola/cuenta/sesiones", headers=headers).status_code == 403


def reached(view: Any) -> set[str]:
    """The names of all that a view may call, as far as its code and what that names tell."""
    names: set[str] = set()
    todo, seen = [view], set()
    while todo:
        at = inspect.unwrap(todo.pop())
        code = getattr(at, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        inside, used = [code], set()
        while inside:
            each = inside.pop()
            used |= {*each.co_names, *each.co_freevars}
            inside += [const for const in each.co_consts if isinstance(const, CodeType)]
        closed = dict(zip(code.co_freevars, (cell.cell_contents for cell in at.__closure__ or ()), strict=True))
        known = [closed.get(name, at.__globals__.get(name)) for name in used]
        for thing in known:
            ours = inspect.ismodule(thing) and thing.__name__.partition(".")[0] in ("bot", "storage", "web")
            todo += [getattr(thing, name) for name in used if hasattr(thing, name)] if ours else [thing]
        names |= {f"{at.__module__}.{at.__qualname__}"}
    return names


def test_every_form_leads_to_a_row_of_the_record(app: Flask) -> None:
    """What each then writes is held against the record whenever a test sends a form (`tests/console.py`)."""
    forms = [rule for rule in console_rules(app) if "POST" in (rule.methods or ())]
    assert len(forms) > 60
    silent = [rule.rule for rule in forms if "storage.audit.note" not in reached(app.view_functions[rule.endpoint])]
    assert silent == ["/consola/mesas/<int(max=2147483647):id>"], "an assisted ballot alone is not noted"


def test_nothing_is_changed_by_looking(app: Flask) -> None:
    looked_at = {rule.rule for rule in console_rules(app) if "GET" in (rule.methods or ())}
    changes = [rule for rule in console_rules(app) if rule.rule not in looked_at]
    assert changes
    for rule in changes:
        assert app.test_client().get(filled(rule), base_url=SITE).status_code == 405, rule.rule


def test_every_page_is_kept_nowhere_and_carries_the_policy(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.ADMINISTRATOR)
    for path in ("/consola/", "/consola/personal", "/consola/registro", "/consola/no-such-page", "/consola/entrar"):
        answer = who.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
        assert not re.search(r"<script|style=| on\w+=", answer.text)


@pytest.mark.parametrize(("prefix", "back"), [("", "Volver a la consola"), ("/en", "Back to the console")])
def test_who_gets_lost_in_the_console_stays_in_it(little_world: World, prefix: str, back: str) -> None:
    who = signed_in(app_of(little_world), little_world, Role.MONITOR)
    for path, known in (("no-such-page", False), ("consultas/no-such-vote", True)):
        answer = who.get(f"{prefix}/consola/{path}")
        assert answer.status_code == 404
        assert f'<a href="{prefix}/consola/">{back}</a>' in answer.text
        assert f'href="{prefix}/"' not in answer.text
        assert (f'href="{prefix}/consola/cuenta"' in answer.text) == known, "its places are still there"
    outside = who.get(f"{prefix}/no-such-page")
    assert (outside.status_code, back in outside.text) == (404, False)


def test_the_console_can_have_a_host_of_its_own(little_world: World, tmp_path: Path) -> None:
    given = environment(little_world.settings.database_url, little_world.folder, CONSOLE_HOST="consola.example.test")
    client = served(read_settings(given), little_world.clock)
    here, there = "https://consola.example.test", SITE
    assert client.get("/consola/entrar", base_url=here).status_code == 200
    assert client.get("/consola/entrar", base_url=there).status_code == 404
    assert client.get("/en/consola/entrar", base_url=there).status_code == 404
    assert client.get("/", base_url=there).status_code == 200
    assert client.get("/", base_url=here).status_code == 404
    lost = [client.get("/no-such-page", base_url=here).text, client.get("/consola/entrar", base_url=there).text]
    assert ["Volver a la consola" in text for text in lost] == [True, False]
    assert client.get("/static/style.css", base_url=here).status_code == 200
    assert client.get("/metrics", base_url=here).status_code == 404
    assert client.get("/metrics", base_url=there).status_code == 200
    assert client.get("/healthz", base_url=here).status_code == 200
