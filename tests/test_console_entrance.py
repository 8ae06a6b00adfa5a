"""Signing in: what lets somebody into the console, and everything that does not."""

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from bot import upkeep
from cli import wiring
from storage import audit, sessions
from storage import staff as accounts
from storage.approvals import ApprovalRow
from storage.database import reading, transaction
from tests.console import PASSWORD, SITE, TOKEN, Signed, account, signed_in
from tests.world import World
from web.console import credentials
from web.console.access import Role
from web.console.credentials import Safe

GOOD = "mango lluvia tambor 7 silla"
KEY = re.compile(r"<code>([A-Z2-7 ]{39})</code>")
LINK = re.compile(r"/consola/invitacion/[\w-]+")
CODES = re.compile(r"<li><code>([0-9A-Z ]+)</code>")


@pytest.fixture
def app(world: World) -> Flask:
    return wiring.app(world.settings, world.clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def code_of(world: World, login: str, steps: int = 0) -> str:
    secret = Safe(world.desk.secret).generator(login)
    return pyotp.TOTP(secret).at(world.clock() + timedelta(seconds=30 * steps))


def sent(client: FlaskClient, path: str, data: dict[str, Any]) -> TestResponse:
    """A form as a browser sends it, with the token of the page that it stands on."""
    token = TOKEN.search(client.get(path, base_url=SITE).text)
    assert token
    return client.post(path, data={"csrf_token": token[1], **data}, base_url=SITE)


def enter(client: FlaskClient, login: str, code: str, password: str = PASSWORD, **more: str) -> TestResponse:
    return sent(client, "/consola/entrar", {"login": login, "password": password, "code": code, **more})


def inside(client: FlaskClient) -> bool:
    return client.get("/consola/", base_url=SITE).status_code == 200


def actions(world: World) -> list[str]:
    """What was noted of the staff, the oldest first; the world itself opened a vote before."""
    with reading(world.desk.engine) as connection:
        return [row.action for row in audit.rows(connection) if not row.action.startswith("consultation.")][::-1]


def test_password_and_code_let_somebody_in_where_they_wanted_to_go(world: World, client: FlaskClient) -> None:
    account(world, "ana", [Role.AUDITOR])
    answer = enter(client, " ANA ", code_of(world, "ana"), sigue="/consola/registro?quien=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/consola/registro?quien=1")
    assert inside(client)
    assert actions(world) == ["session.begun"]


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/consola//evil.example", "/", "/chat", "x"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(world: World, client: FlaskClient, elsewhere: str) -> None:
    account(world, "ana", [Role.AUDITOR])
    assert enter(client, "ana", code_of(world, "ana"), sigue=elsewhere).headers["Location"] == "/consola/"


@pytest.mark.parametrize("spaced", ["{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}", " {0} "])
def test_a_code_may_have_spaces(world: World, client: FlaskClient, spaced: str) -> None:
    account(world, "ana", [Role.AUDITOR])
    enter(client, "ana", spaced.format(code_of(world, "ana")))
    assert inside(client)


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_of_a_neighbouring_half_minute_is_taken(
    world: World, client: FlaskClient, steps: int, taken: bool
) -> None:
    account(world, "ana", [Role.AUDITOR])
    enter(client, "ana", code_of(world, "ana", steps))
    assert inside(client) == taken


def test_a_code_works_once_and_none_before_it_after_that(world: World, app: Flask) -> None:
    account(world, "ana", [Role.AUDITOR])
    first, again, earlier = app.test_client(), app.test_client(), app.test_client()
    enter(first, "ana", code_of(world, "ana"))
    enter(again, "ana", code_of(world, "ana"))
    enter(earlier, "ana", code_of(world, "ana", -1))
    assert (inside(first), inside(again), inside(earlier)) == (True, False, False)


@pytest.mark.parametrize(
    ("login", "password", "code"),
    [
        ("ana", "another password, long", None), ("ana", PASSWORD, "000000"), ("ana", PASSWORD, ""), ("ana", "", None),
        ("nobody", PASSWORD, None), ("", "", ""), ("ana\0", PASSWORD, "x"), ("ana", PASSWORD, "１２３４５６"),
        ("a" * 500, "b" * 5000, "c" * 500), ("ana", PASSWORD, "é" * 6), ("' OR 1=1 --", "x", "1"),
    ],
)  # fmt: skip
def test_every_wrong_entry_gets_the_same_page_and_the_same_row(
    world: World, client: FlaskClient, login: str, password: str, code: str | None
) -> None:
    account(world, "ana", [Role.AUDITOR])
    code = code_of(world, "ana") if code is None else code
    answer = enter(client, login, code, password)
    assert answer.status_code == 403
    assert "no es correcto" in answer.text
    assert not inside(client)
    assert actions(world) == []
    world.clock.forward(hours=1)
    upkeep.note_refused(world.desk.engine, world.clock())
    assert actions(world) == ["session.refused"]


def test_whether_an_account_exists_cannot_be_told_from_the_work_or_the_answer(world: World, app: Flask) -> None:
    account(world, "ana", [Role.AUDITOR])
    seen = []
    for login in ("ana", "eva"):
        client = app.test_client()
        statements: list[str] = []
        client.get("/consola/entrar", base_url=SITE)

        def note(_c: Any, _u: Any, statement: str, *_more: Any, told: list[str] = statements) -> None:
            told.append(statement)

        event.listen(world.desk.engine, "before_cursor_execute", note)
        answer = enter(client, login, "000000", "wrong password, long")
        event.remove(world.desk.engine, "before_cursor_execute", note)
        page = re.sub(TOKEN, "", answer.text).replace(login, "")
        seen.append((answer.status_code, page, sorted(answer.headers.keys()), statements))
    assert seen[0] == seen[1]


def test_the_record_grows_by_a_row_an_hour_for_an_account_however_often_somebody_guesses(
    world: World, app: Flask
) -> None:
    ana = account(world, "ana", [Role.AUDITOR])
    for _hour in range(2):
        for login in ("ana", "eva", "ana", "eva", "ivo", *["ana"] * 5):
            enter(app.test_client(), login, "000000")
        for _n in range(2):
            upkeep.note_refused(world.desk.engine, world.clock())
            world.clock.forward(hours=1)
    upkeep.note_refused(world.desk.engine, world.clock())
    with reading(world.desk.engine) as connection:
        rows = [(row.by, row.facts) for row in audit.rows(connection, action="session")]
        assert audit.verify(connection) is None
    assert sorted(rows, key=str) == sorted([(ana, '{"number": 7}'), (None, '{"number": 3}')] * 2, key=str)


def test_the_password_is_compared_also_where_there_is_no_account(
    world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def compare(hashed: str, _password: str) -> bool:
        compared.append(hashed)
        return False

    monkeypatch.setattr(credentials, "is_password", compare)
    enter(client, "nobody", "000000")
    assert compared == [credentials.nobodys()]


def test_the_sixth_attempt_within_a_minute_waits_even_with_everything_right(world: World, app: Flask) -> None:
    account(world, "ana", [Role.AUDITOR])
    for _n in range(5):
        assert "no es correcto" in enter(app.test_client(), "ana", "000000").text
    late = app.test_client()
    assert "Espere un minuto" in enter(late, "ana", code_of(world, "ana")).text
    assert "Espere un minuto" not in enter(app.test_client(), "eva", "000000").text, "others are not kept waiting"
    world.clock.forward(minutes=1)
    enter(late, "ana", code_of(world, "ana"))
    assert inside(late)


def test_a_session_of_before_signing_in_is_not_the_one_after(world: World, client: FlaskClient) -> None:
    account(world, "ana", [Role.AUDITOR])
    with client.session_transaction(base_url=SITE) as session:
        session["token"] = "chosen-by-somebody-else"
    enter(client, "ana", code_of(world, "ana"))
    with client.session_transaction(base_url=SITE) as session:
        assert session["token"] != "chosen-by-somebody-else"


def test_the_cookie_is_for_this_host_only_and_not_for_scripts(world: World, client: FlaskClient) -> None:
    account(world, "ana", [Role.AUDITOR])
    cookie = enter(client, "ana", code_of(world, "ana")).headers["Set-Cookie"]
    assert cookie.startswith("__Host-cuenta_staff=")
    for flag in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert flag in cookie
    assert "Domain" not in cookie


def test_a_copied_cookie_is_dead_after_signing_out(world: World, app: Flask) -> None:
    who = signed_in(app, world, Role.AUDITOR)
    copy = app.test_client()
    with who.client.session_transaction(base_url=SITE) as session, copy.session_transaction(base_url=SITE) as copied:
        copied.update(session)
    assert inside(copy)
    answer = who.post("/consola/salir")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not inside(copy)
    assert actions(world)[-1] == "session.ended"


@pytest.mark.parametrize(
    ("roles", "minutes", "open_"),
    [
        ([Role.AUDITOR], 29, True), ([Role.AUDITOR], 30, False),
        ([Role.RECEIVER], 14, True), ([Role.RECEIVER, Role.MONITOR], 15, False),
    ],
)  # fmt: skip
def test_an_idle_session_asks_whether_it_is_still_you(
    world: World, app: Flask, roles: list[Role], minutes: int, open_: bool
) -> None:
    who = signed_in(app, world, *roles)
    world.clock.forward(minutes=minutes)
    answer = who.get("/consola/")
    assert answer.status_code == (200 if open_ else 303)
    assert open_ or answer.headers["Location"] == "/consola/confirmar?sigue=/consola/"


def test_use_keeps_a_session_open_but_not_beyond_eight_hours(world: World, app: Flask) -> None:
    who = signed_in(app, world, Role.AUDITOR)
    for _n in range(7 * 3 + 2):
        world.clock.forward(minutes=20)
        assert who.get("/consola/").status_code == 200
    world.clock.forward(minutes=20)
    assert who.get("/consola/").headers["Location"].startswith("/consola/entrar")


def test_a_form_that_stood_open_over_lunch_can_be_sent_after_a_proof_in_another_window(
    world: World, app: Flask
) -> None:
    who = signed_in(app, world, Role.ADMINISTRATOR)
    token = who.token()
    form = {"csrf_token": token, "login": "new.person", "name": "New", "roles": ["monitor"]}
    world.clock.forward(minutes=45)
    answer = who.client.post("/consola/personal/invitar", data=form, base_url=SITE)
    assert answer.status_code == 401
    assert "sigue en su formulario" in answer.text
    assert 'href="/consola/confirmar"' in answer.text
    proof = {"csrf_token": token, "password": PASSWORD, "code": code_of(world, who.login)}
    assert who.client.post("/consola/confirmar", data=proof, base_url=SITE).status_code == 303
    assert who.client.post("/consola/personal/invitar", data=form, base_url=SITE).status_code == 200


def test_what_is_sensitive_asks_for_a_fresh_proof(world: World, app: Flask) -> None:
    who = signed_in(app, world, Role.ADMINISTRATOR)
    for _n in range(2):
        world.clock.forward(minutes=8)
        assert who.get("/consola/personal").status_code == 200
    assert who.get("/consola/personal/invitar").headers["Location"].startswith("/consola/confirmar?sigue=")
    proof = {"password": PASSWORD, "code": "000000", "sigue": "/consola/personal/invitar"}
    assert who.post("/consola/confirmar", proof).status_code == 403
    assert who.get("/consola/personal/invitar").status_code == 303
    answer = who.post("/consola/confirmar", {**proof, "code": code_of(world, who.login)})
    assert answer.headers["Location"] == "/consola/personal/invitar"
    assert who.get("/consola/personal/invitar").status_code == 200


def test_a_proof_puts_another_session_in_the_place_of_the_one_before(world: World, app: Flask) -> None:
    who, copy = signed_in(app, world, Role.AUDITOR), app.test_client()
    with who.client.session_transaction(base_url=SITE) as session, copy.session_transaction(base_url=SITE) as copied:
        copied.update(session)
    assert inside(copy)
    assert who.post("/consola/confirmar", {"password": PASSWORD, "code": "000000"}).status_code == 403
    assert inside(copy)
    proof = {"password": PASSWORD, "code": code_of(world, who.login)}
    assert who.post("/consola/confirmar", proof).status_code == 303
    assert (inside(who.client), inside(copy)) == (True, False)
    assert len(world.rows(sessions.StaffSession)) == 1
    assert who.post("/consola/cuenta/sesiones").status_code == 303, "a form that stood open is still good"


def test_rights_that_are_taken_away_end_with_the_next_click(world: World, app: Flask) -> None:
    who = signed_in(app, world, Role.AUDITOR)
    with transaction(world.desk.engine) as connection:
        accounts.change(connection, who.id, roles=Role.MONITOR.value)
    assert who.get("/consola/registro").status_code == 403
    with transaction(world.desk.engine) as connection:
        accounts.change(connection, who.id, active=False)
    assert who.get("/consola/").status_code == 303
    world.clock.forward(minutes=2)
    enter(who.client, who.login, code_of(world, who.login))
    assert not inside(who.client), "a closed account does not open again"


# --- Links, and the account that they make -------------------------------------------------------------------------


def invite(who: Signed, login: str, *roles: Role, **more: Any) -> str:
    """The address of a new invitation."""
    answer = who.post("/consola/personal/invitar", {"login": login, "name": "Eva", "roles": list(roles), **more})
    found = LINK.search(answer.text)
    assert found, answer.text
    return found[0]


def begin(world: World, client: FlaskClient, link: str, password: str = GOOD) -> TestResponse:
    """Fill in the form of a link."""
    shown = client.get(link, base_url=SITE)
    key, token = KEY.search(shown.text), TOKEN.search(shown.text)
    if key is None or token is None:
        return shown
    code = pyotp.TOTP(key[1].replace(" ", "")).at(world.clock())
    return client.post(link, data={"csrf_token": token[1], "password": password, "code": code}, base_url=SITE)


def test_a_link_makes_an_account_with_recovery_codes_that_each_work_once(world: World, app: Flask) -> None:
    link = invite(signed_in(app, world, Role.ADMINISTRATOR), "eva", Role.MONITOR)
    eva = app.test_client()
    answer = begin(world, eva, link)
    codes = CODES.findall(answer.text)
    assert (answer.status_code, len(codes)) == (200, 10)
    assert inside(eva)
    for code, lets_in in ((codes[0].lower(), True), (codes[0], False), (codes[1], True)):
        client = app.test_client()
        enter(client, "eva", code, GOOD)
        assert inside(client) == lets_in
    assert "Quedan 8 códigos" in eva.get("/consola/cuenta", base_url=SITE).text


def test_a_link_works_once(world: World, app: Flask) -> None:
    link = invite(signed_in(app, world, Role.ADMINISTRATOR), "eva", Role.MONITOR)
    begin(world, app.test_client(), link)
    answer = begin(world, app.test_client(), link)
    assert answer.status_code == 404
    assert "ya no sirve" in answer.text


@pytest.mark.parametrize("how", ["late", "withdrawn", "replaced", "guessed"])
def test_a_link_that_does_not_serve_says_so(world: World, app: Flask, how: str) -> None:
    admin = signed_in(app, world, Role.ADMINISTRATOR)
    link = invite(admin, "eva", Role.MONITOR)
    if how == "late":
        world.clock.forward(hours=72)
    elif how == "withdrawn":
        code = re.findall(r"invitaciones/(\w+)/retirar", admin.get("/consola/personal").text)[0]
        assert admin.post(f"/consola/personal/invitaciones/{code}/retirar").status_code == 303
    elif how == "replaced":
        invite(admin, "eva", Role.AUDITOR)
    else:
        link = f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}"
    assert begin(world, app.test_client(), link).status_code == 404


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "15 letras o más"), ("", "15 letras o más"), ("x" * 201, "como máximo 200"),
        ("password12345678", "fácil de adivinar"), ("aaaaaaaaaaaaaaaa", "fácil de adivinar"),
        ("123456789012345678", "fácil de adivinar"), ("qwertyuiopasdfghjkl", "fácil de adivinar"),
        ("evaevaevaevaeva", "fácil de adivinar"),
    ],
)  # fmt: skip
def test_a_weak_password_is_refused_with_the_reason_beside_the_field(
    world: World, app: Flask, password: str, reason: str
) -> None:
    link = invite(signed_in(app, world, Role.ADMINISTRATOR), "eva", Role.MONITOR)
    answer = begin(world, app.test_client(), link, password)
    assert answer.status_code == 422
    assert re.search(rf'id="password-wrong">[^<]*{reason}', answer.text)
    assert begin(world, app.test_client(), link).status_code == 200, "nothing was used up"


@pytest.mark.parametrize(
    "password", ["ñandú " * 4 + "zorro", "correcto caballo pila grapa", "🌋🎻🦜🧭" * 5, "x y" * 66]
)
def test_any_composition_of_a_long_password_is_taken(password: str) -> None:
    hashed = credentials.hash_password(password)
    assert credentials.is_password(hashed, password)
    assert not credentials.is_password(hashed, f"x{password}")


def test_an_approver_is_invited_by_two_people(world: World, app: Flask) -> None:
    one, other = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.ADMINISTRATOR, login="second")
    link = invite(one, "eva", Role.APPROVER)
    waiting = begin(world, app.test_client(), link)
    assert waiting.status_code == 404
    assert "segunda persona" in waiting.text
    own = one.post("/consola/pendientes/1/aceptar")
    assert own.status_code == 409
    assert "debe aceptarlo otra persona" in own.text
    assert other.post("/consola/pendientes/1/aceptar").status_code == 303
    assert other.post("/consola/pendientes/1/aceptar").status_code == 409, "once"
    assert begin(world, app.test_client(), link).status_code == 200


@pytest.mark.parametrize(
    ("how", "outcome", "shown"),
    [
        ("withdrawn", "withdrawn", "Retirado"), ("replaced", "withdrawn", "Retirado"),
        ("closed", "withdrawn", "Retirado"),
        ("late", "expired", "Se venció"),
    ],
)  # fmt: skip
def test_what_waits_about_an_invitation_ends_with_it(
    world: World, app: Flask, how: str, outcome: str, shown: str
) -> None:
    admin = signed_in(app, world, Role.ADMINISTRATOR)
    if how == "closed":
        eva = account(world, "eva", [Role.APPROVER])
        admin.post(f"/consola/personal/{eva}/nuevo-comienzo")
        assert admin.post(f"/consola/personal/{eva}/cerrar").status_code == 303
    else:
        invite(admin, "eva", Role.APPROVER)
    if how == "withdrawn":
        code = re.findall(r"invitaciones/(\w+)/retirar", admin.get("/consola/personal").text)[0]
        admin.post(f"/consola/personal/invitaciones/{code}/retirar")
    elif how == "replaced":
        invite(admin, "eva", Role.MONITOR)
    elif how == "late":
        world.clock.forward(hours=71)
        upkeep.expire_requests(world.desk.engine, world.clock())
        assert world.rows(ApprovalRow)[0]["outcome"] == ""
        world.clock.forward(hours=1)
        second = signed_in(app, world, Role.APPROVER)
        assert second.post("/consola/pendientes/1/aceptar").status_code == 409, "nobody agrees to what has run out"
        for _n in range(2):
            upkeep.expire_requests(world.desk.engine, world.clock())
    assert [row["outcome"] for row in world.rows(ApprovalRow)] == [outcome]
    assert actions(world).count(f"approval.{outcome}") == 1
    page = signed_in(app, world, Role.APPROVER, login="later").get("/consola/pendientes").text
    assert shown in page
    assert "/consola/pendientes/1" not in page, "it waits for nobody"


def test_rights_to_approve_are_given_by_two_people_and_others_by_one(world: World, app: Flask) -> None:
    one, other = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.ADMINISTRATOR, login="second")
    third = signed_in(app, world, Role.MONITOR)
    assert one.post(f"/consola/personal/{third.id}", {"roles": ["auditor"]}).status_code == 303
    assert third.get("/consola/registro").status_code == 200
    one.post(f"/consola/personal/{third.id}", {"roles": ["auditor", "approver"]})
    assert third.get("/consola/pendientes/1").status_code == 404, "not an approver yet"
    other.post("/consola/pendientes/1/aceptar")
    with reading(world.desk.engine) as connection:
        row = accounts.one(connection, third.id)
    assert row is not None
    assert row.roles == "auditor approver"


def test_an_administrator_makes_no_other_one_alone(world: World, app: Flask) -> None:
    """With two accounts one person could agree to what they asked themselves."""
    one, other = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.ADMINISTRATOR, login="second")
    third = signed_in(app, world, Role.MONITOR)
    made = invite(one, "eva", Role.ADMINISTRATOR)
    over = LINK.search(one.post(f"/consola/personal/{other.id}/nuevo-comienzo").text)
    assert over
    for link in (made, over[0]):
        assert begin(world, app.test_client(), link).status_code == 404
    one.post(f"/consola/personal/{third.id}", {"roles": ["administrator"]})
    assert third.get("/consola/personal").status_code == 403
    asked = other.get("/consola/pendientes/1").text
    assert "eva" in asked
    assert "Administra" in asked
    assert other.post("/consola/pendientes/1/aceptar").status_code == 303
    assert begin(world, app.test_client(), made).status_code == 200


@pytest.mark.parametrize("how", ["closed", "rights"])
def test_a_link_brings_nothing_back_that_was_taken_away_since(world: World, app: Flask, how: str) -> None:
    admin, eva = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.PARTICIPATION, login="eva")
    found = LINK.search(admin.post(f"/consola/personal/{eva.id}/nuevo-comienzo").text)
    assert found
    if how == "closed":
        admin.post(f"/consola/personal/{eva.id}/cerrar")
    else:
        admin.post(f"/consola/personal/{eva.id}", {"roles": ["monitor"]})
    assert begin(world, app.test_client(), found[0]).status_code == 404


@pytest.mark.parametrize("how", ["closed", "rights"])
def test_rights_are_not_given_to_an_account_that_changed_since(world: World, app: Flask, how: str) -> None:
    one, other = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.ADMINISTRATOR, login="second")
    eva = signed_in(app, world, Role.PARTICIPATION, login="eva")
    one.post(f"/consola/personal/{eva.id}", {"roles": ["participation", "approver"]})
    if how == "closed":
        one.post(f"/consola/personal/{eva.id}/cerrar")
    else:
        one.post(f"/consola/personal/{eva.id}", {"roles": ["monitor"]})
    answer = other.post("/consola/pendientes/1/aceptar")
    assert answer.status_code == 409
    assert "cambió después" in answer.text
    with reading(world.desk.engine) as connection:
        row = accounts.one(connection, eva.id)
    assert row is not None
    assert row.roles == ("participation" if how == "closed" else "monitor")


@pytest.mark.parametrize(
    ("roles", "field"),
    [([], "roles"), (["administrator", "approver"], "roles"), (["emperor"], "roles"), (["office"], "offices")],
)
def test_roles_that_do_not_go_together_are_refused_beside_the_field(
    little_world: World, roles: list[str], field: str
) -> None:
    admin = signed_in(wiring.app(little_world.settings, little_world.clock), little_world, Role.ADMINISTRATOR)
    answer = admin.post("/consola/personal/invitar", {"login": "eva", "name": "Eva", "roles": roles})
    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert 'value="Eva"' in answer.text, "what was typed stays"


def test_a_new_start_replaces_password_and_phone_and_ends_every_session(world: World, app: Flask) -> None:
    admin, eva = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.MONITOR, login="eva")
    found = LINK.search(admin.post(f"/consola/personal/{eva.id}/nuevo-comienzo").text)
    assert found
    assert inside(eva.client), "nothing changes until the link is used"
    assert begin(world, app.test_client(), found[0]).status_code == 200
    assert not inside(eva.client)
    enter(eva.client, "eva", code_of(world, "eva"))
    assert not inside(eva.client), "the old phone's codes ended"


def test_closing_an_account_ends_its_sessions_and_nobody_closes_their_own(world: World, app: Flask) -> None:
    admin, eva = signed_in(app, world, Role.ADMINISTRATOR), signed_in(app, world, Role.MONITOR)
    admin.post(f"/consola/personal/{admin.id}/cerrar")
    assert inside(admin.client)
    assert admin.post(f"/consola/personal/{eva.id}/cerrar").status_code == 303
    assert not inside(eva.client)
    assert "account.closed" in actions(world)


def test_another_password_or_phone_signs_out_everywhere_else(world: World, app: Flask) -> None:
    who, elsewhere = signed_in(app, world, Role.MONITOR), app.test_client()
    with transaction(world.desk.engine) as connection:
        token = Safe(world.desk.secret).hashed("session", "elsewhere")
        sessions.begin(connection, token, who.id, world.clock())
    with elsewhere.session_transaction(base_url=SITE) as session:
        session["token"] = "elsewhere"
    assert inside(elsewhere)
    assert who.post("/consola/cuenta/clave", {"password": "short"}).status_code == 422
    assert who.post("/consola/cuenta/clave", {"password": GOOD}).status_code == 303
    assert not inside(elsewhere)
    shown = who.get("/consola/cuenta/generador").text
    key = KEY.search(shown)
    assert key
    code = pyotp.TOTP(key[1].replace(" ", "")).at(world.clock())
    assert who.post("/consola/cuenta/generador", {"code": "000000"}).status_code == 422
    assert who.post("/consola/cuenta/generador", {"code": code}).status_code == 303
    client = app.test_client()
    world.clock.forward(minutes=1)
    enter(client, who.login, pyotp.TOTP(key[1].replace(" ", "")).at(world.clock()), GOOD)
    assert inside(client)


def test_nothing_of_a_password_link_or_code_is_in_the_database_or_the_record(world: World, app: Flask) -> None:
    link = invite(signed_in(app, world, Role.ADMINISTRATOR), "eva", Role.MONITOR)
    answer = begin(world, app.test_client(), link)
    kept = ""
    with reading(world.desk.engine) as connection:
        for table in ("staff", "staffinvitation", "recoverycode", "staffsession", "audit", "attempt"):
            kept += str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
    for secret in (GOOD, link.rpartition("/")[2], *(code.replace(" ", "") for code in CODES.findall(answer.text))):
        assert secret not in kept
