"""Complaints on the web, afterwards: seen and added to with two codes, and without a trace of who did."""

from typing import Any

import pytest

from bot.complaints import cases
from storage import vault
from tests.complaint_pages import (
    Odd,
    hidden,
    inside,
    number_of_cases,
    person,
    reply,
    settings_of,
)
from tests.served import served
from tests.world import World, away
from web import complaint_visits, complaints, confidential

# Following it


def test_with_the_codes_one_sees_the_case_and_adds_to_it_once(desk: World) -> None:
    who = person(desk)
    locator, key = who.filed()
    desk.clock.forward(minutes=1)
    reply(desk, locator, "¿En qué <plaza>?")
    page = who.enter(f" {locator.lower()} ", key.lower().replace("0", "O").replace("1", "l"))
    for shown in ("Recibida", "16 de noviembre de 2022", "7 de diciembre de 2022", "¿En qué &lt;plaza&gt;?", "1 texto"):
        assert shown in page.text
    assert "Pasó en la plaza" not in page.text, "who finds the key must not read the story"
    added = {**hidden(page), "texto": "En la mayor."}
    assert "agregado" in who.post(added, "/consultar").headers["Location"]
    assert "agregado" in who.post(added, "/consultar").headers["Location"]
    assert "Ya tenemos lo que usted agregó" in who.get("/consultar?agregado").text
    assert "2 textos y archivos" in who.page.text
    assert "Escriba algo o escoja un archivo" in who.send("/consultar").text
    told, _files = inside(desk, locator, key)
    assert [each.text for each in told] == ["Pasó en la plaza.", "En la mayor."]


def test_files_are_added_after_a_decision_too(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Odd(monkeypatch)
    who = person(little)
    locator, key = who.filed()
    little.clock.forward(minutes=1)
    who.enter(locator, key)
    refused = who.send("/consultar", files=((b"refuse locked", "c.pdf"),), texto="Con esto.")
    assert "tiene contraseña" in refused.text
    assert "Con esto." in refused.text
    who.send("/consultar", files=((b"good", "a.pdf"), (b"hides x", "b.pdf")), texto="Con esto.")
    assert len(inside(little, locator, key)[0]) == 1, "nothing is added before"
    decided = {**hidden(who.page), "archivo-2": "si"}
    for _n in range(2):
        assert who.post(decided, "/consultar").status_code == 303
    told, files = inside(little, locator, key)
    assert [each.text for each in told][1:] == ["Con esto."]
    assert [each.facts["as_it_is"] for each in files] == [False, True]


def test_a_visit_ends_when_one_leaves_and_after_a_quarter_of_an_hour(little: World) -> None:
    who = person(little)
    locator, key = who.filed()
    who.enter(locator, key)
    form = hidden(who.page)
    assert "Usted salió" in who.post({"paso": "salir", "sello": form["sello"]}, "/consultar").text
    assert "Escriba los dos códigos" in who.get("/consultar").text
    who.enter(locator, key)
    form = {**hidden(who.page), "texto": "Mucho que contar."}
    little.clock.forward(minutes=16)
    late = who.post(form, "/consultar")
    assert late.status_code == 403
    assert "Su visita terminó" in late.text
    assert "Mucho que contar." in late.text, "what was written is not lost"
    again = who.post({"paso": "entrar", "numero": locator, "clave": key, "texto": "Mucho que contar."}, "/consultar")
    assert "Mucho que contar." in again.text
    assert len(inside(little, locator, key)[0]) == 1


def test_a_wrong_key_and_an_unknown_number_are_the_same(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    who = person(desk)
    locator, _key = who.filed()
    worked: list[int] = []
    derive = vault.derive

    def note(key: str, salt: bytes) -> vault.Derived:
        worked.append(len(salt))
        return derive(key, salt)

    monkeypatch.setattr(vault, "derive", note)
    wrong, unknown = vault.new_access_key(), vault.new_locator()
    one, other = who.enter(locator, wrong), who.enter(unknown, wrong)
    assert (one.status_code, one.text.replace(locator, "X")) == (other.status_code, other.text.replace(unknown, "X"))
    assert worked == [16, 16]
    assert "Set-Cookie" not in one.headers
    misspelt = who.enter(locator, f"{wrong[:-1]}?")
    assert misspelt.text.replace(locator, "X") == one.text.replace(locator, "X")
    assert len(worked) == 2, "a letter typed wrong is found before any work"


# Limits


def test_whoever_tries_keys_without_end_is_asked_to_wait(little: World) -> None:
    who = person(little)
    locator, key = who.filed()
    for _n in range(cases.TRIES):
        assert who.enter(vault.new_locator(), vault.new_access_key()).status_code == 403
    page = who.enter(locator, key)
    assert page.status_code == 429
    assert "Espere una hora o use otra red" in page.text
    elsewhere = person(little)
    elsewhere.options = {"environ_base": {"REMOTE_ADDR": "198.51.100.7"}}
    assert "Recibida" in elsewhere.enter(locator, key).text
    little.clock.forward(hours=1, seconds=1)
    assert "Recibida" in who.enter(locator, key).text


def test_a_flood_from_one_address_is_asked_to_wait_and_loses_nothing(
    little: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complaints, "FILINGS", 1)
    monkeypatch.setattr(complaint_visits, "ADDINGS", 0)
    who = person(little)
    locator, key = who.filed()
    who.begin()
    page = who.send(what="Otra cosa.", where="Allá")
    assert page.status_code == 429
    for told in ("Espere una hora", "Otra cosa.", "Allá"):
        assert told in page.text
    assert number_of_cases(little) == 1
    who.enter(locator, key)
    page = who.send("/consultar", texto="Y esto.")
    assert page.status_code == 429
    assert "Y esto." in page.text


def test_no_address_is_kept_in_the_clear(little: World) -> None:
    who = person(little)
    who.options = {"environ_base": {"REMOTE_ADDR": "203.0.113.77"}}
    who.filed()
    who.enter(vault.new_locator(), vault.new_access_key())
    kept = b"".join(path.read_bytes() for path in little.settings.volatile_path.parent.iterdir())
    assert b"203.0.113.77" not in kept
    assert complaint_visits.KIND.encode() not in kept
    where = {"REMOTE_ADDR": "2001:db8:1:2::5"}, {"REMOTE_ADDR": "2001:db8:1:2:ffff::9"}, {"REMOTE_ADDR": "odd"}
    marks = []
    for each in where:
        with who.client.application.test_request_context("/denuncia", environ_base=each):
            marks.append(confidential.sender(little.desk))
    assert marks[0] == marks[1] != marks[2], "who has a network of IPv6 addresses is one"


# What every answer carries


def test_one_cookie_is_set_after_a_right_key_and_none_anywhere_else(little: World) -> None:
    for secure in (False, True):
        who = person(little, secure=secure)
        for path in ("", "/reserva", "/consultar", "/nada"):
            assert "Set-Cookie" not in who.get(path).headers
        locator, key = who.filed()
        assert "Set-Cookie" not in who.page.headers
        answer = who.post({"paso": "entrar", "numero": locator, "clave": key}, "/consultar")
        (cookie,) = answer.headers.getlist("Set-Cookie")
        name, *marks = cookie.split("; ")
        assert name.startswith("__Host-cuenta_caso=" if secure else "cuenta_caso=")
        assert sorted(marks) == ["HttpOnly", "Path=/", "SameSite=Strict", *(["Secure"] if secure else [])]
        page = who.get("/consultar")
        assert "Set-Cookie" not in page.headers
        assert name.partition("=")[2] not in page.text
        left = who.post({"paso": "salir", "sello": hidden(page)["sello"]}, "/consultar")
        (gone,) = left.headers.getlist("Set-Cookie")
        assert "Max-Age=0" in gone


def test_every_answer_has_its_headers_errors_too(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    who = person(little)
    answers = [who.get(path) for path in ("", "/reserva", "/consultar", "/nada")]
    who.begin()
    answers += [who.page, who.send(), who.send(what="Pasó."), who.post({"paso": "x"}), who.client.put("/denuncia")]
    answers += [who.client.post("/denuncia", data={"what": "x" * 600_000})]
    answers += [who.post({"paso": "entrar"}, "/consultar"), who.post({"paso": "agregar"}, "/consultar")]
    with away():
        answers.append(who.get())
    with monkeypatch.context() as patched:
        patched.setattr(complaints, "standing", lambda _desk: 1 / 0)
        answers.append(who.get("/reserva"))
    assert {answer.status_code for answer in answers} == {200, 400, 403, 404, 405, 413, 500, 503}
    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == confidential.POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for element in ("<script", "<img", "http://", "https://"):
            assert element not in answer.text.replace("https://www.cartagena.gov.co", "").replace("http://www.c", "")
    hidden_from = ["X-Robots-Tag" in answer.headers for answer in answers[:4]]
    assert hidden_from == [False, False, True, True]


def test_a_form_of_another_site_does_nothing_in_a_visit(little: World) -> None:
    who = person(little)
    locator, key = who.filed()
    enter = {"paso": "entrar", "numero": locator, "clave": key}
    foreign = {"headers": {"Origin": "https://evil.example"}}
    assert who.client.post("/denuncia/consultar", data=enter, **foreign).status_code == 403
    who.enter(locator, key)
    form = {**hidden(who.page), "texto": "No lo escribí yo."}
    assert who.client.post("/denuncia/consultar", data=form, **foreign).status_code == 403
    assert who.post({**form, "sello": "0" * 32}, "/consultar").status_code == 403
    assert who.post({**form, "sello": "ñ"}, "/consultar").status_code == 403
    assert who.client.get("/denuncia/consultar", query_string=form).status_code == 200
    assert len(inside(little, locator, key)[0]) == 1


def test_on_a_host_of_their_own_there_are_complaints_alone(little: World) -> None:
    hosts: dict[str, Any] = {"COMPLAINTS_HOST": "denuncia.example.test", "CONSOLE_HOST": "consola.example.test"}
    who, machines = person(little, **hosts), served(settings_of(little, **hosts), little.clock)
    own, other = "https://denuncia.example.test", "https://cuenta.example.test"
    assert who.client.get("/denuncia", base_url=own).status_code == 200
    assert who.client.get("/en/", base_url=own).headers["Location"] == "/en/denuncia"
    for path in ("/recibo", "/consola", "/webhooks/telegram", "/metrics"):
        answer = (who.client if path in ("/recibo", "/consola") else machines).get(path, base_url=own)
        assert answer.status_code == 404, path
        if path == "/recibo":
            assert answer.headers["Content-Security-Policy"] == confidential.POLICY
            assert "/plan" not in answer.text
    for path in ("/denuncia", "/en/denuncia/consultar", "/denuncia/reserva"):
        for host in (other, "https://consola.example.test"):
            assert who.client.get(path, base_url=host).headers["Location"] == own + path
        assert who.client.post(path, base_url=other).status_code == 404
    assert who.client.get("/denuncia/otra", base_url=other).status_code == 404
    assert who.client.get("/static/style.css", base_url=own).status_code == 200
    assert who.client.get("/consola", base_url=other).status_code == 404
    assert who.client.get("/", base_url=other).status_code == 200
