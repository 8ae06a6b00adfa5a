"""Complaints on the web: filed once, followed with two codes, and nowhere to be read but by who holds a key."""

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
import werkzeug.formparser
from sqlalchemy import Connection, text

from bot.complaints import attachments as complaint_attachments
from bot.complaints import cases, scrub
from bot.speech import Speaker
from bot.tokens import Token
from storage import cases as shelf
from storage import receivers
from storage.database import reading, transaction
from tests.complaint_pages import (
    NONE,
    Odd,
    Person,
    codes,
    hidden,
    inside,
    multipart,
    number_of_cases,
    person,
    picture,
    tables,
)
from tests.vaults import OFFICES
from tests.world import EXAMPLE, World
from web import complaints, confidential

CANARY = "canario-quetzal-8841"


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
    assert "Se acabó el tiempo" in who.post({"paso": "clave", "hoja": Token.new().shown}).text


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
