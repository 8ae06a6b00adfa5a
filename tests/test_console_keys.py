"""Keys of receivers in the console: made, unlocked, recovered, handed on, taken away; and the paper key."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from sqlalchemy import text, update
from typer.testing import CliRunner

from bot.complaints import cases, casework, exports
from bot.complaints.cases import Told
from cli import wiring
from cli.main import app as command
from storage import audit, printed, receivers, sessions, vault
from storage import cases as shelf
from storage.approvals import ApprovalRow
from storage.database import columns, reading, transaction
from storage.receivers import ReceiverKey
from storage.staff import StaffInvitation
from tests.casebook import Receiver, cheap, filed, receiver
from tests.console import PASSWORD, SITE, TOKEN, Signed, signed_in
from tests.test_console_entrance import LINK
from tests.vaults import OFFICES, PASSPHRASE, redacts, taking_complaints
from tests.world import World, environment
from web.console.access import RECEIVES, Role
from web.console.credentials import Safe

CODE = re.compile(r"<code>((?:[0-9A-Z]{4}-){7}[0-9A-Z]{4})</code>")
OTHER = "otra frase muy larga de ensayo"
STORY = "Pidieron plata en la plaza"
MINE = "/consola/mi-clave"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap(monkeypatch)


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(sqlite_url, tmp_path) as world:
        yield world


@pytest.fixture
def app(desk: World) -> Flask:
    return wiring.app(desk.settings, desk.clock)


def newcomer(app: Flask, desk: World, login: str = "nora", office: str = OFFICES[0]) -> Signed:
    return signed_in(app, desk, Role.RECEIVER, offices=[f"{RECEIVES}{office}"], login=login)


def done(desk: World, action: str = "key") -> list[str]:
    with reading(desk.desk.engine) as connection:
        return [row.action for row in reversed(audit.rows(connection, action=action))]


def key_of(desk: World, who: Signed) -> int:
    with reading(desk.desk.engine) as connection:
        row = receivers.of(connection, who.id)
    assert row is not None
    return int(row.id)


def written_down(who: Signed, page: str) -> str:
    """Copy the code from the page, and type its end back."""
    found = CODE.search(page)
    assert found, page
    assert who.post(f"{MINE}/guardar", {"last": found[1][-9:].lower().replace("-", " ")}).status_code == 303
    return found[1]


def test_a_key_is_made_once_its_code_is_on_paper(app: Flask, desk: World) -> None:
    who = newcomer(app, desk)
    assert "Haga su clave" in who.get(MINE).text
    for weak in ("corta", "aaaaaaaaaaaaaaaaaaaa", PASSWORD):
        assert who.post(f"{MINE}/nueva", {"new": weak}).status_code == 422
    page = who.post(f"{MINE}/nueva", {"new": PASSPHRASE}).text
    with reading(desk.desk.engine) as connection:
        assert receivers.of(connection, who.id) is None
    assert who.post(f"{MINE}/guardar", {"last": "AAAA-AAAA"}).status_code == 422
    written_down(who, page)
    assert "Su clave está abierta" in who.get(MINE).text
    begun = filed(desk, STORY)
    assert STORY in who.get(f"/consola/denuncias/{begun.new.id}").text
    assert who.post(f"{MINE}/nueva", {"new": OTHER}).status_code == 409, "there is one already"
    assert done(desk) == ["key.begun", "key.made"]
    with reading(desk.desk.engine) as connection:
        row = receivers.of(connection, who.id)
    assert row is not None
    assert row.office == OFFICES[0]


def test_five_wrong_passphrases_make_a_key_wait(app: Flask, desk: World) -> None:
    who = receiver(app, desk, "ana")
    for _n in range(5):
        assert who.unlock("no es esa frase").status_code == 403
    assert who.unlock().status_code == 403
    assert done(desk) == ["key.refused"] * 6
    desk.clock.forward(minutes=14)
    assert who.unlock().status_code == 403
    assert who.get(MINE).status_code == 200
    desk.clock.forward(minutes=14)
    who.get(MINE)
    desk.clock.forward(minutes=14)
    who.get(MINE)
    desk.clock.forward(minutes=14)
    who.get(MINE)
    desk.clock.forward(minutes=14)
    assert who.unlock().status_code == 303
    assert done(desk)[-1] == "key.unlocked"


def test_the_code_on_paper_brings_a_key_back_and_is_then_void(app: Flask, desk: World) -> None:
    who, begun = receiver(app, desk, "ana"), filed(desk, STORY)
    form = {"recovery": who.recovery, "new": OTHER}
    assert who.post(f"{MINE}/recuperar", {**form, "recovery": vault.new_recovery()}).status_code == 422
    assert who.post(f"{MINE}/recuperar", {**form, "recovery": "1"}).status_code == 422
    code = written_down(who, who.post(f"{MINE}/recuperar", {**form, "recovery": who.recovery.lower()}).text)
    assert STORY in who.page(begun).text, "the same key with another passphrase"
    who.post(f"{MINE}/cerrar")
    assert who.page(begun).status_code == 303
    assert who.unlock().status_code == 403
    assert who.unlock(OTHER).status_code == 303
    assert who.post(f"{MINE}/recuperar", form).status_code == 422, "the code from before"
    assert who.post(f"{MINE}/cambiar", {"passphrase": PASSPHRASE, "new": OTHER}).status_code == 422
    assert code != written_down(who, who.post(f"{MINE}/cambiar", {"passphrase": OTHER, "new": PASSPHRASE}).text)
    assert STORY in who.page(begun).text


def test_without_a_place_in_memory_the_pages_say_so(little_world: World) -> None:
    app = wiring.app(little_world.settings, little_world.clock)
    who = receiver(app, little_world, "ana")
    assert "no tiene lugar en memoria" in who.get(MINE).text
    for path in ("abrir", "nueva", "cambiar", "recuperar", "guardar"):
        assert who.post(f"{MINE}/{path}", {"passphrase": PASSPHRASE, "new": OTHER}).status_code == 409
    assert "Ahora no se reciben denuncias" in who.get("/consola/claves").text
    assert "Ahora no se reciben denuncias" in who.get("/consola/").text


def test_an_account_without_an_office_or_of_another_one_has_no_key(app: Flask, desk: World) -> None:
    who = signed_in(app, desk, Role.RECEIVER, login="sola")
    assert "Su cuenta no tiene oficina" in who.get(MINE).text
    assert who.post(f"{MINE}/nueva", {"new": PASSPHRASE}).status_code == 409
    one = receiver(app, desk, "ana")
    begun = filed(desk, STORY)
    with transaction(desk.desk.engine) as connection:
        connection.execute(text("UPDATE staff SET offices = :o WHERE id = :id"), {
            "o": f"{RECEIVES}{OFFICES[1]}", "id": one.id,
        })  # fmt: skip
    assert one.unlock().status_code == 409
    assert one.page(begun).status_code == 404


def test_a_newcomer_opens_what_another_receiver_hands_on(app: Flask, desk: World) -> None:
    one = receiver(app, desk, "ana")
    begun, theirs, over = filed(desk, STORY), filed(desk, STORY, excluded=OFFICES[1]), filed(desk, STORY)
    with transaction(desk.desk.engine) as connection:
        connection.execute(text("UPDATE sealedcase SET state = 'closed' WHERE id = :id"), {"id": over.new.id})
    new = receiver(app, desk, "nora", OFFICES[1])
    assert new.unlock().status_code == 303
    assert new.page(begun).status_code == 404
    path = f"/consola/claves/{new.key}/dar"
    assert one.post(path).status_code == 303
    assert new.page(begun).status_code == 404, "who has locked their key hands nothing on"
    one.unlock()
    page = one.get(path).text
    assert printed.mark(new.pair.public) in page
    assert "Allá falta 1 denuncia abierta" in page
    assert printed.mark(new.pair.public) in new.get(MINE).text
    assert [one.post(path).status_code for _n in range(2)] == [303, 303]
    assert STORY in new.page(begun).text
    assert [new.page(each).status_code for each in (theirs, over)] == [404, 404]


def test_a_leaver_opens_nothing_and_is_signed_out(app: Flask, desk: World) -> None:
    one, admin = receiver(app, desk, "ana"), signed_in(app, desk, Role.ADMINISTRATOR)
    begun = filed(desk, STORY)
    one.unlock()
    assert STORY in one.page(begun).text
    path = f"/consola/claves/{one.key}/quitar"
    assert one.post(path).status_code == 403, "an administrator does"
    assert "ana" in admin.get(path).text
    assert admin.post(path).status_code == 303
    assert one.page(begun).status_code == 303
    _nothing_of(desk, one)
    with reading(desk.desk.engine) as connection:
        assert cases.begin(connection, "").new.wraps.keys().isdisjoint({one.key})
    back = signed_again(app, desk, one)
    assert back.get(f"/consola/denuncias/{begun.new.id}").status_code == 404
    assert "Haga su clave" in back.get(MINE).text
    assert admin.post(path).status_code == 404


def _nothing_of(desk: World, one: Receiver) -> None:
    store = desk.desk.volatile
    assert store is not None
    with reading(store) as connection:
        assert connection.execute(text("SELECT count(*) FROM visit")).scalar() == 0
    with reading(desk.desk.engine) as connection:
        assert receivers.of(connection, one.id) is None
        assert shelf.openable(connection, one.key) == set()


def signed_again(app: Flask, desk: World, one: Receiver) -> Signed:
    client = app.test_client()
    with transaction(desk.desk.engine) as connection:
        sessions.begin(connection, Safe(desk.desk.secret).hashed("session", "again"), one.id, desk.clock())
    with client.session_transaction(base_url=SITE) as session:
        session["token"] = "again"
    return Signed(client, one.id, one.login)


@pytest.mark.parametrize("how", ["close", "role", "office"])
def test_a_key_ends_with_what_it_was_given_for(app: Flask, desk: World, how: str) -> None:
    one, admin = receiver(app, desk, "ana"), signed_in(app, desk, Role.ADMINISTRATOR)
    filed(desk, STORY)
    one.unlock()
    if how == "close":
        assert admin.post(f"/consola/personal/{one.id}/cerrar").status_code == 303
    elif how == "role":
        assert admin.post(f"/consola/personal/{one.id}", {"roles": ["monitor"]}).status_code == 303
    else:
        form = {"roles": ["receiver"], "offices": [f"{RECEIVES}{OFFICES[1]}"]}
        answer = admin.post(f"/consola/personal/{one.id}", form)
        assert answer.headers["Location"].endswith("/pendientes"), "to move a receiver needs two people"
        approver = signed_in(app, desk, Role.APPROVER)
        (id,) = [row["id"] for row in desk.rows(ApprovalRow)]
        assert approver.post(f"/consola/pendientes/{id}/aceptar").status_code == 303
    _nothing_of(desk, one)
    assert "key.removed" in done(desk)


def test_a_new_start_opens_the_console_and_no_complaint(app: Flask, desk: World) -> None:
    one, admin = receiver(app, desk, "ana"), signed_in(app, desk, Role.ADMINISTRATOR)
    begun = filed(desk, STORY)
    one.unlock()
    page = admin.post(f"/consola/personal/{one.id}/nuevo-comienzo").text
    (id,) = [row["id"] for row in desk.rows(ApprovalRow)]
    signed_in(app, desk, Role.APPROVER).post(f"/consola/pendientes/{id}/aceptar")
    (link,) = LINK.findall(page)
    client = app.test_client()
    shown = client.get(link, base_url=SITE).text
    token = TOKEN.search(shown)
    assert token
    secret = Safe(desk.desk.secret).generator(link.rpartition("/")[2])
    code = pyotp.TOTP(secret).at(desk.clock())
    form = {"csrf_token": token[1], "password": OTHER, "code": code}
    assert client.post(link, data=form, base_url=SITE).status_code == 200
    reset = Signed(client, one.id, one.login)
    assert one.page(begun).status_code == 303, "the sessions from before ended"
    answer = reset.get(f"/consola/denuncias/{begun.new.id}")
    assert (answer.status_code, "mi-clave" in answer.headers["Location"]) == (303, True)
    assert reset.post(f"{MINE}/abrir", {"passphrase": OTHER}).status_code == 403
    assert reset.post(f"{MINE}/abrir", {"passphrase": PASSPHRASE}).status_code == 303
    assert STORY in reset.get(f"/consola/denuncias/{begun.new.id}").text


def test_a_paper_key_is_taken_into_use_by_two_people(app: Flask, desk: World) -> None:
    one, admin = receiver(app, desk, "ana"), signed_in(app, desk, Role.ADMINISTRATOR)
    pair = vault.key_pair()
    for wrong in ("", "AAAA", printed.shown_private(pair.private), printed.shown_public(pair.public)[:-1] + "?"):
        assert admin.post("/consola/claves/papel", {"public": wrong, "office": "*"}).status_code == 422
    form = {"public": printed.shown_public(pair.public), "office": "*"}
    assert admin.post("/consola/claves/papel", form).status_code == 303
    assert pair.public not in [row["public"] for row in desk.rows(ReceiverKey)]
    (id,) = [row["id"] for row in desk.rows(ApprovalRow)]
    assert printed.mark(pair.public) in one.get(f"/consola/pendientes/{id}").text
    assert admin.post(f"/consola/pendientes/{id}/aceptar").status_code == 403
    assert one.post(f"/consola/pendientes/{id}/aceptar").status_code == 303
    begun = filed(desk, STORY)
    (paper,) = [row for row in desk.rows(ReceiverKey) if row["public"] == pair.public]
    with reading(desk.desk.engine) as connection:
        wrapped = shelf.wrap_for(connection, begun.new.id, paper["id"])
    assert wrapped is not None
    assert vault.unwrap(wrapped, pair.private)
    assert admin.post(f"/consola/claves/{paper['id']}/quitar").headers["Location"].endswith("/pendientes")
    assert desk.rows(ReceiverKey)[-1]["removed_on"] is None, "to take it away needs two as well"
    assert one.post(f"/consola/pendientes/{id + 1}/aceptar").status_code == 303
    assert desk.rows(ReceiverKey)[-1]["removed_on"] is not None


def test_the_page_says_in_words_what_is_lacking(app: Flask, desk: World) -> None:
    who = signed_in(app, desk, Role.APPROVER)
    assert "Se reciben denuncias" in who.get("/consola/claves").text
    with transaction(desk.desk.engine) as connection:
        first = next(key for key in receivers.active(connection) if key.office == OFFICES[0])
        receivers.remove(connection, first.id, desk.clock().date())
    page = who.get("/consola/claves").text
    assert "Ahora no se reciben denuncias" in page
    assert "Una denuncia sobre Oficina Asesora de Control Interno no se podría abrir" in page


def test_the_paper_key_is_tried_each_quarter(app: Flask, desk: World) -> None:
    one = receiver(app, desk, "ana")
    pair = vault.key_pair()
    with transaction(desk.desk.engine) as connection:
        today = desk.clock().date()
        paper = receivers.add_paper(connection, "*", pair.public, today)
        mine = columns(ReceiverKey).staff_id.is_(None)
        connection.execute(update(ReceiverKey).where(mine).values(made_on=today))
    assert "tres meses" not in one.get("/consola/").text
    path = f"/consola/claves/{paper}/prueba"
    assert one.post(path, {"word": ""}).status_code == 422
    export = one.post(f"{path}/archivo").data
    old = exports_word(export, pair)
    word = exports_word(one.post(f"{path}/archivo").data, pair)
    for wrong in (old, "ABCD", vault.new_access_key()):
        assert one.post(path, {"word": wrong}).status_code == 422
    assert one.post(path, {"word": word.lower().replace("-", " ")}).status_code == 303
    assert one.post(path, {"word": word}).status_code == 422, "a word serves once"
    assert {row["drilled_on"] for row in desk.rows(ReceiverKey) if row["id"] == paper} == {today}
    assert one.get(f"/consola/claves/{one.key}/prueba").status_code == 404
    with transaction(desk.desk.engine) as connection:
        past = today.fromordinal(today.toordinal() - casework.DRILLED - 1)
        connection.execute(update(ReceiverKey).where(mine).values(drilled_on=past))
    for page in ("/consola/", "/consola/claves", path):
        assert "tres meses" in one.get(page).text


def exports_word(export: bytes, pair: vault.KeyPair) -> str:
    (told,) = exports.opened(export, pair.private).parts
    assert isinstance(told, Told)
    return told.text


def test_the_operator_says_of_which_office_a_receiver_is(
    desk: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment(desk.settings.database_url, tmp_path).items():
        monkeypatch.setenv(name, value)

    def invite(*more: str) -> int:
        return CliRunner().invoke(command, ["staff", "invite", "ana@example.gov.co", *more]).exit_code

    receiving = [f"{RECEIVES}{office}" for office in OFFICES]
    assert invite("--role", "receiver") == 1
    assert invite("--role", "receiver", "--office", receiving[0], "--office", receiving[1]) == 1
    assert invite("--role", "monitor", "--office", receiving[0]) == 1
    assert invite("--role", "receiver", "--office", receiving[0]) == 0
    assert invite("--role", "monitor") == 0


def test_a_receiver_is_of_one_office(app: Flask, desk: World) -> None:
    admin = signed_in(app, desk, Role.ADMINISTRATOR)
    receiving = [f"{RECEIVES}{office}" for office in OFFICES]
    form = {"login": "nora.p", "name": "Nora", "roles": ["receiver"], "offices": receiving}
    assert admin.post("/consola/personal/invitar", form).status_code == 422
    assert admin.post("/consola/personal/invitar", {**form, "offices": receiving[:1]}).status_code == 200
    assert [row["offices"] for row in desk.rows(StaffInvitation)] == [receiving[0]]
    assert admin.post("/consola/personal/invitar", {**form, "roles": ["monitor"]}).status_code == 200
    assert [row["offices"] for row in desk.rows(StaffInvitation)] == [""], "only receivers receive"


def test_no_number_rises_in_the_minute_in_which_a_complaint_is_filed(app: Flask, desk: World) -> None:
    who = signed_in(app, desk, Role.ADMINISTRATOR, login="alma")
    before = re.findall(r'class="num"[^>]*>(\d+)', who.get("/consola/claves").text)
    filed(desk, STORY)
    assert set(before) == {"0"}
    assert re.findall(r'class="num"[^>]*>(\d+)', who.get("/consola/claves").text) == before
    with reading(desk.desk.engine) as connection:
        today = desk.clock().date()
        assert set(shelf.openable_by(connection, today + timedelta(days=1)).values()) == {1}


def test_the_keys_page_says_whether_whatsapp_takes_complaints_and_why(desk: World) -> None:
    logins = count()

    def says(world: World) -> str:
        app = wiring.app(world.settings, world.clock)
        page = signed_in(app, world, Role.ADMINISTRATOR, login=f"nora-{next(logins)}").get("/consola/claves").text
        found = re.search(r'id="whatsapp">(.*?)</p>', page)
        return found[1] if found else ""

    assert "la ciudad no ha activado" in says(desk)
    desk.settings = replace(desk.settings, whatsapp_complaints="whatsapp:+573009999999")
    assert "Todavía no se ha visto" in says(desk)
    redacts(desk)
    assert "16 de noviembre" in says(desk)
    redacts(desk, passes=False)
    assert "guardó un texto" in says(desk)
    desk.settings = replace(desk.settings, twilio_whatsapp_from="")
    assert says(desk) == ""
