"""Complaints on the web: filed once, followed with two codes, and nowhere to be read but by who holds a key."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import werkzeug.formparser
from sqlalchemy import Connection, text

from bot import cases, complaint_attachments, scrub
from bot.scrub import Clean
from bot.speech import Speaker
from storage import cases as shelf
from storage import receivers, vault
from storage.database import reading, transaction
from tests.complaint_pages import NONE, Person, codes, hidden, multipart, person, picture, tables
from tests.vaults import OFFICES, taking_complaints
from tests.world import EXAMPLE, World, away
from web import complaint_visits, complaints, confidential

CANARY = "canario-quetzal-8841"


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(database_url, tmp_path) as world:
        yield world


@pytest.fixture
def little(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """On SQLite only, for what no database can change."""
    with taking_complaints(sqlite_url, tmp_path) as world:
        yield world


def number_of_cases(world: World) -> int:
    with reading(world.desk.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM sealedcase")).scalar_one())


def inside(world: World, locator: str, key: str) -> tuple[list[cases.Told], list[cases.File]]:
    """What whoever has the codes' key can open of a case: its words and its files, in order."""
    assert world.desk.volatile is not None
    opened = cases.open_case(world.desk.engine, world.desk.volatile, locator, key, "test", world.clock())
    assert opened is not None
    assert opened.private is not None
    case, told, files = opened.case.id, [], []
    with reading(world.desk.engine) as connection:
        for row in shelf.parts(connection, case, ("told", "file")):
            if row.kind == "told":
                told.append(cases.Told.unpacked(vault.unseal(opened.private, case, row.id, "told", bytes(row.body))))
            else:
                files.append(cases.File.unpacked(vault.unseal_file(opened.private, case, row.id, bytes(row.body))))
    return sorted(told, key=lambda each: (each.at, each.place)), sorted(files, key=lambda each: (each.at, each.place))


def reply(world: World, locator: str, words: str) -> None:
    """The office tells the complainant something."""
    with transaction(world.desk.engine) as connection:
        case = shelf.by_locator(connection, locator)
        assert case is not None
        told = cases.Told(world.clock(), 0, "", words)
        shelf.add(connection, case.id, cases.seal_told(bytes(case.public), case.id, "reply", told))


# A whole complaint


def test_a_complaint_is_told_filed_and_readable_by_its_receivers_alone(
    desk: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = (picture(f"{CANARY}-exif"), f"{CANARY}-name.jpg")
    caplog.clear()
    before = tables(desk)
    who = person(desk)
    start = who.get().text
    for promised in ("123", "línea 122", "menos de 18 años", "No guardamos quién denuncia", "gov.co/denuncia"):
        assert promised in start
    locator, key = who.filed(files=(photo,), what=f"{CANARY} pasó", name="")
    told, (file,) = inside(desk, locator, key)
    assert [(each.question, each.text) for each in told] == [("what", f"{CANARY} pasó")]
    assert file.facts["kind"] == "image/jpeg"
    assert "exif" in file.facts["removed"]
    assert file.facts["as_it_is"] is False
    assert CANARY.encode() not in file.packed()
    assert set(desk.rows(shelf.Case)[0]) >= {"received_on", "due_on"}
    assert tables(desk) == before, "nothing but the case was written"
    assert CANARY not in repr(tables(desk, sealed=True))
    assert locator not in "".join(before)
    done = who.send(final=key[-4:].lower().replace("0", "o"))
    assert "Su denuncia está guardada" in done.text
    assert key.replace("-", "") not in done.text
    everywhere = (*desk.folder.rglob("*"), *desk.settings.volatile_path.parent.rglob("*"))
    kept = b"".join(path.read_bytes() for path in everywhere if path.is_file())
    for secret in (CANARY, key, key.replace("-", "")):
        assert secret.encode() not in kept
        assert secret not in caplog.text
        assert secret not in "".join(capsys.readouterr())


def test_the_office_that_it_is_about_has_no_key_to_it(desk: World) -> None:
    who = person(desk, "/en")
    assert "Is it about one of these offices?" in who.get().text
    assert "Choose one of these answers" in who.send().text
    assert "Choose one of these answers" in who.send(oficina="another").text
    locator, _key = who.filed(OFFICES[0])
    with reading(desk.desk.engine) as connection:
        case = shelf.by_locator(connection, locator)
        assert case is not None
        assert case.excluded == OFFICES[0]
        for each in receivers.active(connection):
            assert (shelf.wrap_for(connection, case.id, each.id) is None) == (each.office == OFFICES[0])


def test_a_form_that_is_sent_again_files_nothing_twice(desk: World) -> None:
    who = person(desk)
    who.begin()
    form = {**hidden(who.page), "what": "Pasó."}
    first = codes(who.post(form))
    desk.clock.forward(minutes=14)
    assert codes(person(desk).post(form)) == first, "also in another process"
    desk.clock.forward(minutes=2)
    late = who.post(form)
    assert "Su denuncia está guardada" in late.text
    assert codes_are_hidden(late.text, first)
    assert number_of_cases(desk) == 1


def codes_are_hidden(page: str, shown: tuple[str, str]) -> bool:
    return not any(part in page for part in (shown[0][:4], shown[1][:4], shown[1][-4:]))


def test_two_that_come_at_the_same_moment_are_one(desk: World) -> None:
    who = person(desk)
    who.begin()
    form = {**hidden(who.page), "what": "Pasó."}
    found: list[tuple[str, str]] = []
    both = threading.Barrier(2)

    def send() -> None:
        other = Person(who.client.application.test_client())
        both.wait()
        found.append(codes(other.post(form)))

    threads = [threading.Thread(target=send) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert number_of_cases(desk) == 1


def test_what_a_crash_left_unfiled_is_filed_with_the_same_codes(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    who = person(little)
    who.begin()
    form = {**hidden(who.page), "what": "Pasó."}
    made: list[cases.Begun] = []
    begin = cases.begin

    def note(connection: Connection, excluded: str) -> cases.Begun:
        made.append(begin(connection, excluded))
        return made[-1]

    monkeypatch.setattr(cases, "begin", note)
    file = cases.file

    def crash(*_given: Any) -> bool:
        raise RuntimeError

    monkeypatch.setattr(cases, "file", crash)
    assert who.post(form).status_code == 500
    monkeypatch.setattr(cases, "file", file)
    assert codes(who.post(form))[1] == made[0].access_key.replace("-", "")
    assert len(made) == number_of_cases(little) == 1


def test_the_last_group_typed_back_wrong_shows_the_codes_again(little: World) -> None:
    who = person(little)
    shown = who.filed()
    wrong = who.send(final="????")
    assert "La clave no termina así" in wrong.text
    assert codes(wrong) == shown
    assert "Su denuncia está guardada" in who.send(final="").text
    assert "Se acabó el tiempo" in who.post({"paso": "clave", "hoja": confidential.Token.new().shown}).text


def test_where_complaints_would_be_lost_the_page_is_closed_and_names_other_ways(desk: World) -> None:
    who = person(desk)
    who.begin()
    form = hidden(who.page)
    with transaction(desk.desk.engine) as connection:
        for each in receivers.active(connection):
            receivers.remove(connection, each.id, desk.clock().date())
    page = who.get()
    assert page.status_code == 200
    assert "Ahora no recibimos denuncias aquí" in page.text
    assert "www.cartagena.gov.co/denuncia" in page.text
    assert "<form" not in page.text
    assert who.post({**form, "what": "Pasó."}).status_code == 503
    assert number_of_cases(desk) == 0
    on_disk = person(desk, VOLATILE_PATH=str(desk.folder / "volatile.db"))
    assert "Ahora no recibimos denuncias aquí" in on_disk.get().text
    assert on_disk.get("/consultar").status_code == 503


def test_a_city_that_takes_no_complaints_has_no_such_page(sqlite_url: str, tmp_path: Path) -> None:
    city = shutil.copytree(EXAMPLE, tmp_path / "city")
    (city / "complaints.toml").unlink()
    world = World.on(sqlite_url, tmp_path).load(city)
    who = person(world)
    assert [who.get(path).status_code for path in ("", "/reserva")] == [404, 404]
    assert "/denuncia" not in who.client.get("/").text
    world.desk.engine.dispose()


def test_the_first_page_leads_there(little: World) -> None:
    assert 'href="/denuncia"' in person(little).client.get("/").text
    assert 'href="/en/denuncia"' in person(little).client.get("/en/").text
    apart = person(little, COMPLAINTS_HOST="denuncia.example.test")
    assert 'href="https://denuncia.example.test/denuncia"' in apart.client.get("/").text


@pytest.mark.parametrize(("tongue", "told"), [("", "No guardamos quién denuncia"), ("/en", "We do not store who")])
def test_what_is_promised_and_what_is_not_stands_on_a_page(little: World, tongue: str, told: str) -> None:
    page = person(little, tongue).get("/reserva").text
    for each in (told, "Telegram", "WhatsApp", "Meta", "Twilio"):
        assert each in page


# Files


class Odd:
    """A scrubber that finds nothing to clean, and refuses what says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(scrub, "scrub", self.scrub)
        monkeypatch.setattr(scrub, "as_it_is", self.as_it_is)

    def scrub(self, body: bytes, folder: Path) -> Clean:
        if body.startswith(b"refuse "):
            raise scrub.Refused(body.removeprefix(b"refuse ").decode())
        if body.startswith(b"hides "):
            raise scrub.NotStrippable("application/pdf")
        return self.as_it_is(body)

    def as_it_is(self, body: bytes) -> Clean:
        return Clean("application/pdf", "pdf", body, "0" * 64, "0" * 64, ())


@pytest.mark.parametrize("reason", scrub.REASONS)
def test_a_file_that_is_refused_says_why_and_what_was_typed_stays(
    little: World, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    Odd(monkeypatch)
    who = person(little)
    who.begin()
    page = who.send(
        files=((b"good", "a.pdf"), (f"refuse {reason}".encode(), "malo<1>.pdf")), what="Pasó <ayer>.", where="Aquí"
    )
    assert page.status_code == 200
    assert "malo&lt;1&gt;.pdf" in page.text
    assert Speaker("es").say(complaint_attachments.REFUSED[reason]) in page.text, "in the reader's language"
    for kept in ("Pasó &lt;ayer&gt;.", "Aquí", "Escoja otra vez sus archivos"):
        assert kept in page.text
    assert number_of_cases(little) == 0
    assert len(codes(who.send(what="Pasó."))[0]) == 8


def test_more_than_ten_files_are_too_many(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Odd(monkeypatch)
    who = person(little)
    who.begin()
    page = who.send(files=((b"good", "a.pdf"),) * 11)
    assert "hasta 10 archivos a la vez" in page.text
    locator, key = codes(who.send(files=((b"good", "a.pdf"),) * 10))
    told, files = inside(little, locator, key)
    assert told == []
    assert len(files) == 10


@pytest.mark.parametrize("answer", ["si", "no"])
def test_a_file_that_cannot_be_cleaned_waits_sealed_for_a_decision(
    desk: World, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    Odd(monkeypatch)
    who = person(desk)
    who.begin()
    page = who.send(files=((b"good", "a.pdf"), (b"hides " + CANARY.encode(), "b.pdf")), what=CANARY)
    assert "Pueden mostrar quién los hizo" in page.text
    assert "b.pdf" in page.text
    assert "a.pdf" not in page.text
    assert number_of_cases(desk) == 0
    assert desk.desk.volatile is not None
    for path in desk.settings.volatile_path.parent.iterdir():
        assert CANARY.encode() not in path.read_bytes()
    again = {**hidden(page), "archivo-2": answer}
    locator, key = codes(who.post(again))
    assert codes(who.post(again)) == (locator, key)
    told, files = inside(desk, locator, key)
    assert [each.text for each in told] == [CANARY]
    assert [each.facts["as_it_is"] for each in files] == ([False, True] if answer == "si" else [False])
    assert number_of_cases(desk) == 1
    with reading(desk.desk.volatile) as connection:
        assert connection.execute(text("SELECT count(*) FROM part")).scalar_one() == 0


def test_a_decision_that_comes_too_late_files_nothing_and_says_so(
    little: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Odd(monkeypatch)
    who = person(little)
    who.begin()
    who.send(files=((b"hides x", "b.pdf"),))
    left_out = dict(hidden(who.page))
    assert "No hay nada para enviar" in who.post({**left_out, "archivo-1": "no"}).text
    little.clock.forward(minutes=31)
    late = who.post({**left_out, "archivo-1": "si"})
    assert late.status_code == 410
    assert "No se envió nada" in late.text
    assert number_of_cases(little) == 0


def test_no_plaintext_goes_to_a_disk(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: Any, **_more: Any) -> Any:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")  # what names no folder of its own would go there
    monkeypatch.setattr(werkzeug.formparser, "SpooledTemporaryFile", refuse)
    who = person(little)
    large = picture(size=300) + b"\0" * 700_000  # more than the framework keeps in memory
    body, kind = multipart({}, ((large, "a.jpg"),))
    assert who.client.post("/recibo", data=body, content_type=kind).status_code == 500, "elsewhere it would"
    locator, key = who.filed(files=((large, "a.jpg"),))
    assert len(inside(little, locator, key)[1]) == 1
    assert list(little.settings.volatile_path.parent.glob("tmp*")) == []


# Odd input


def test_nothing_at_all_is_no_complaint(little: World) -> None:
    who = person(little)
    who.begin()
    for field, typed in (("what", ""), ("what", " \x00\n "), ("name", "Alguien")):
        page = who.post({**hidden(who.page), field: typed})
        assert "Cuéntenos algo o escoja un archivo" in page.text
    assert number_of_cases(little) == 0


def test_odd_letters_are_taken_as_they_are_and_those_nobody_sees_left_out(little: World) -> None:
    who = person(little)
    who.begin()
    raw, kind = multipart({**hidden(who.page), "what": "a\x00b\x1b[2J\r\nñ 🗳️ SURROGATE"})
    page = who.client.post("/denuncia", data=raw.replace(b"SURROGATE", b"\xed\xa0\x80\xff"), content_type=kind)
    told, _files = inside(little, *codes(page))
    assert told[0].text.startswith("ab[2J\nñ 🗳️ ")


def test_what_is_too_long_stays_in_its_field_and_what_is_huge_is_refused(little: World) -> None:
    who = person(little)
    who.begin()
    form = hidden(who.page)
    long = "ñ\r\n" * (complaints.LONGEST // 2)
    page = who.post({**form, "where": f"{long}xxx"})
    assert "Es demasiado largo" in page.text
    assert "ñ\nñ\nñ" in page.text
    huge = {**form, "what": "x" * 10_000_000}
    assert who.post(huge).status_code == 413
    assert who.client.post("/denuncia", data=huge).status_code == 413
    page = who.post(form, files=((bytes(confidential.MOST_BYTES), "a.jpg"),))
    assert page.status_code == 413
    assert "60 megas" in page.text
    assert who.post({**form, "what": long}).status_code == 200
    assert number_of_cases(little) == 1


@pytest.mark.parametrize("given", [{}, *({"paso": step, "hoja": "x"} for step in ("", "contar", "archivos", "clave"))])
def test_a_form_that_is_not_ours_is_not_read(little: World, given: dict[str, str]) -> None:
    assert person(little).post({"oficina": NONE, **given}).status_code == 400


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
    who = person(little, COMPLAINTS_HOST="denuncia.example.test", CONSOLE_HOST="consola.example.test")
    own, other = "https://denuncia.example.test", "https://cuenta.example.test"
    assert who.client.get("/denuncia", base_url=own).status_code == 200
    assert who.client.get("/en/", base_url=own).headers["Location"] == "/en/denuncia"
    for path in ("/recibo", "/consola", "/webhooks/telegram", "/metrics"):
        answer = who.client.get(path, base_url=own)
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
