"""Consultations in the console, from a draft to the acta: what staff type is kept, what people chose is nowhere."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from bot import lifecycle
from bot.catalogue import read as read_catalogue
from cli import wiring
from storage import approvals, consultations, drafts
from storage.audit import Audited
from storage.ballots import Ballot
from storage.database import reading, transaction
from storage.definition import PROPOSAL_COLUMNS
from storage.folder import read_folder
from storage.proposal_sheet import HEADINGS
from storage.sheets import LARGEST
from tests.console import SITE, Signed, signed_in
from tests.test_proposal_sheet import HEADER, ROWS, as_csv, as_xlsx, hostile
from tests.test_site import SMUGGLED
from tests.test_typed import plaza
from tests.visitor import read
from tests.world import CARTAGENA, EXAMPLE, Clock, World
from web.console.access import Role
from web.poster import SIZES

NOW = datetime(2030, 1, 10, 12, tzinfo=UTC)
SLUG = "ejemplo-plaza"
SENTENCE = {
    "es": "La propuesta 2 dice doce bancas y son veinte.",
    "en": "Proposal 2 says twelve benches: it is 20.",
}


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The example's desk before its consultation."""
    made = World.on(sqlite_url, tmp_path, Clock(NOW)).load(EXAMPLE)
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def app(city: World) -> Flask:
    return wiring.app(city.settings, city.clock)


@pytest.fixture
def clerk(app: Flask, city: World) -> Signed:
    return signed_in(app, city, Role.PARTICIPATION)


def fields(**change: Any) -> dict[str, Any]:
    """The form of a complete draft, as a browser sends it."""
    return {name: value for name, value in plaza(**change).items() if name != "proposals"}


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found
    return found[1]


def begin(clerk: Signed, **typed: str) -> str:
    """A new draft; its address."""
    answer = clerk.post("/consola/borradores/nuevo", {"title_es": "Parques", "title_en": "Parks", **typed})
    assert answer.status_code == 303
    return answer.headers["Location"]


def save(clerk: Signed, where: str, typed: dict[str, Any], mark: str = "") -> Any:
    return clerk.post(where, {"seen": mark or seen(clerk.get(where).text), **typed})


def bring(clerk: Signed, where: str, body: bytes, name: str = "propuestas.xlsx") -> Any:
    return clerk.post(f"{where}/hoja", {"archivo": (io.BytesIO(body), name)}, content_type="multipart/form-data")


def full(clerk: Signed, **change: Any) -> str:
    """A draft that lacks nothing."""
    where = begin(clerk)
    save(clerk, where, fields(slug="parques", **change))
    bring(clerk, where, as_xlsx([HEADER, *ROWS]))
    clerk.post(f"{where}/hoja/usar", {"seen": seen(clerk.get(f"{where}/hoja").text)})
    return where


def scheduled(clerk: Signed, **change: Any) -> str:
    where = full(clerk, **change)
    answer = clerk.post(f"{where}/programar", {"seen": seen(clerk.get(f"{where}/programar").text)})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/consola/consultas/parques"
    return answer.headers["Location"]


# From a spreadsheet with two bad cells to the acta


def test_a_consultation_from_a_spreadsheet_to_the_acta(city: World, app: Flask, clerk: Signed) -> None:
    where = begin(clerk)
    rows = [row[:] for row in ROWS]
    rows[0][4], rows[2][2] = "Árboles", "x" * 61
    assert bring(clerk, where, as_xlsx([HEADER, *rows])).status_code == 303
    page = clerk.get(f"{where}/hoja").text
    assert page.count('class="bad"') == 2
    assert "2 filas tienen algo por corregir" in page
    assert "Tiene 61 letras y caben 60." in read(page).text
    clerk.post(f"{where}/hoja/usar", {"seen": seen(page)})
    listed = clerk.get(f"{where}/propuestas").text
    assert "2 tienen algo por corregir" in listed
    for place, column, good in ((0, "short_es", "Arboles"), (2, "title_es", "Una plaza")):
        at = f"{where}/propuestas/{place}"
        assert 'class="wrong"' in clerk.get(at).text
        row = dict(zip(PROPOSAL_COLUMNS, rows[place], strict=True))
        assert save(clerk, at, {**row, "id": f"p0{place + 1}", column: good}).status_code == 303
    save(clerk, where, fields(slug="parques"))
    assert "No falta nada" in clerk.get(where).text
    preview = clerk.get(f"{where}/vista").text
    assert "1. Título número 1" in preview
    assert "1. Arboles" in preview
    answer = clerk.post(f"{where}/programar", {"seen": seen(clerk.get(f"{where}/programar").text)})
    at = answer.headers["Location"]
    assert "Programada" in clerk.get(at).text
    city.clock.now = datetime(2030, 3, 5, 15, tzinfo=UTC)
    clerk = signed_in(app, city, Role.PARTICIPATION, login="again")
    for who in range(1, 7):
        for text in ("votar", "1", "la plaza", "1 2", "1"):
            city.say(text, who=who)
    assert "Abierta" in clerk.get(at).text
    city.clock.now = datetime(2030, 3, 12, 15, tzinfo=UTC)
    clerk = signed_in(app, city, Role.PARTICIPATION, login="later")
    assert clerk.get(f"{at}/publicar").status_code == 200
    assert clerk.post(f"{at}/publicar").status_code == 422, "it is not counted yet"
    assert clerk.post(f"{at}/contar", {"office": ""}).status_code == 422
    assert clerk.post(f"{at}/contar", {"office": "Secretaría de Planeación"}).status_code == 303
    assert clerk.post(f"{at}/contar", {"office": "Otra"}).status_code == 422, "once"
    assert "Secretaría de Planeación" in clerk.get(at).text
    assert app.test_client().get("/consultas/parques/papeletas.csv").status_code == 404
    assert clerk.post(f"{at}/publicar").status_code == 303
    public = app.test_client().get("/consultas/parques/papeletas.csv")
    assert public.status_code == 200
    assert len(public.text.splitlines()) == 7
    assert "Secretaría de Planeación" in app.test_client().get("/consultas/parques").text
    assert f"sha256:{lifecycle.publish(city.desk.engine, 'parques', city.clock())}" in clerk.get(at).text
    done = [row["action"] for row in city.rows(Audited) if row["action"].startswith("consultation.")]
    assert done == ["consultation.opened", "consultation.counted", "consultation.published"]


# Drafts


def test_what_is_wrong_is_kept_and_named_beside_its_field(clerk: Signed) -> None:
    where = begin(clerk)
    typed = fields(slug="La Plaza", closes_hour="6 pm", least="tres", title_es="x" * 81, most="1")
    assert save(clerk, where, typed).status_code == 303
    page = clerk.get(where).text
    for text in ("La Plaza", "6 pm", "tres", "x" * 81):
        assert f'value="{text}"' in page, text
    for id in ("slug", "closes_day", "least", "title_es"):
        assert f'id="{id}-wrong"' in page, id
    assert "81 de máximo 80 letras" in page
    assert clerk.get(f"{where}/programar").text.count("<form") < clerk.get(where).text.count("<form") + 1
    assert "seen" not in clerk.get(f"{where}/programar").text, "what is not finished cannot be scheduled"


def test_two_people_at_one_draft_see_what_the_other_wrote(app: Flask, city: World, clerk: Signed) -> None:
    where = full(clerk)
    other = signed_in(app, city, Role.PARTICIPATION, login="other")
    mark = seen(clerk.get(where).text)
    assert save(other, where, fields(slug="parques", title_es="Lo de la otra")).status_code == 303
    late = save(clerk, where, fields(slug="parques", title_es="Lo mío"), mark)
    assert late.status_code == 409
    assert 'value="Lo mío"' in late.text
    assert "Lo de la otra" in late.text
    assert save(clerk, where, fields(slug="parques", title_es="Lo mío"), seen(late.text)).status_code == 303
    at = f"{where}/propuestas/1"
    mark, row = seen(clerk.get(at).text), {"title_es": "Suya"}
    assert save(other, at, row).status_code == 303
    late = save(clerk, at, {"title_es": "Mía"}, mark)
    assert late.status_code == 409
    assert "Suya" in late.text
    assert 'value="Mía"' in late.text
    assert clerk.post(f"{at}/quitar", {"seen": mark}).status_code == 409
    assert clerk.post(f"{where}/descartar", {"seen": mark}).status_code == 200, "nothing was discarded"
    assert clerk.get(where).status_code == 200


def test_two_people_at_two_proposals_do_not_meet(app: Flask, city: World, clerk: Signed) -> None:
    where = full(clerk)
    marks = [seen(clerk.get(f"{where}/propuestas/{place}").text) for place in (0, 1)]
    for place, mark in enumerate(marks):
        assert save(clerk, f"{where}/propuestas/{place}", {"title_es": f"Nueva {place}"}, mark).status_code == 303


def test_a_proposal_is_added_moved_and_taken_out(city: World, clerk: Signed) -> None:
    where = full(clerk)
    answer = clerk.post(f"{where}/propuestas/nueva", {"title_es": "La primera", "place": "1"})
    assert answer.headers["Location"].startswith(f"{where}/propuestas/0")
    with reading(city.desk.engine) as connection:
        (kept,) = drafts.every(connection)
    assert [row["id"] for row in kept.proposals] == ["p04", "p01", "p02", "p03"]
    gone = f"{where}/propuestas/0/quitar"
    assert "La primera" in clerk.get(gone).text
    assert clerk.post(gone, {"seen": seen(clerk.get(gone).text)}).status_code == 303
    assert "La primera" not in clerk.get(f"{where}/propuestas").text
    assert clerk.get(f"{where}/propuestas/9").status_code == 404


def test_a_file_that_is_none_is_explained_beside_the_field(clerk: Signed) -> None:
    where = begin(clerk)
    for body in (b"", b"\x89PNG\r\n" + bytes(9), as_csv([HEADER]).encode(), *hostile().values()):
        answer = bring(clerk, where, body)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert bring(clerk, where, b"x" * (LARGEST + 1)).status_code == 422
    assert bring(clerk, where, b"x" * (LARGEST + 200_000)).status_code == 413
    assert clerk.post(f"{where}/hoja").status_code == 422, "no file at all"
    assert "Todavía no hay ninguna propuesta" in clerk.get(f"{where}/propuestas").text


def test_a_sheet_is_used_only_as_it_was_looked_at_and_can_be_left(city: World, clerk: Signed) -> None:
    where = full(clerk)
    bring(clerk, where, as_csv([HEADER, ROWS[0]]).encode(), "x.csv")
    clerk.post(f"{where}/hoja/usar", {"seen": "another"})
    with reading(city.desk.engine) as connection:
        (kept,) = drafts.every(connection)
    assert (len(kept.proposals), kept.sheet is None) == (3, False)
    page = clerk.get(f"{where}/hoja").text
    assert "toman el lugar de las 3 propuestas" in page
    clerk.post(f"{where}/hoja/dejar", {"seen": seen(page)})
    assert "Usar estas filas" not in clerk.get(f"{where}/hoja").text


def test_what_goes_out_to_a_spreadsheet_runs_nothing_and_comes_back_the_same(city: World, clerk: Signed) -> None:
    where = begin(clerk)
    rows = [[*ROWS[0][:2], "=HYPERLINK(1)", "+1", "-1", "@x", *ROWS[0][6:]]]
    bring(clerk, where, as_csv([HEADER, *rows]).encode())
    clerk.post(f"{where}/hoja/usar", {"seen": seen(clerk.get(f"{where}/hoja").text)})
    file = clerk.get(f"{where}/propuestas.csv")
    (cells,) = list(csv.reader(io.StringIO(file.text)))[1:]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert "attachment" in file.headers["Content-Disposition"]
    before = kept_rows(city)
    bring(clerk, where, file.data, "propuestas.csv")
    clerk.post(f"{where}/hoja/usar", {"seen": seen(clerk.get(f"{where}/hoja").text)})
    texts = [{name: text for name, text in row.items() if name != "number"} for row in kept_rows(city)]
    assert texts == [{name: text for name, text in row.items() if name != "number"} for row in before]


def kept_rows(city: World) -> Any:
    with reading(city.desk.engine) as connection:
        (kept,) = drafts.every(connection)
    return kept.proposals


@pytest.mark.parametrize("tongue", ["", "/en"])
def test_the_templates_have_our_headings(clerk: Signed, tongue: str) -> None:
    made = clerk.get(f"{tongue}/consola/borradores/plantilla.csv")
    assert made.data.decode("utf-8-sig").strip().split(",") == list(HEADINGS["en" if tongue else "es"].values())
    assert clerk.get(f"{tongue}/consola/borradores/plantilla.xlsx").data.startswith(b"PK")
    assert clerk.get(f"{tongue}/consola/borradores/plantilla.pdf").status_code == 404


def test_a_loaded_draft_is_taken_up_once(clerk: Signed) -> None:
    first = clerk.post(f"/consola/consultas/{SLUG}/retomar").headers["Location"]
    assert clerk.post(f"/consola/consultas/{SLUG}/retomar").headers["Location"] == first
    assert "No falta nada" in clerk.get(first).text
    assert "Alguien la está cambiando" in clerk.get(f"/consola/consultas/{SLUG}").text
    page = clerk.get(f"{first}/descartar").text
    assert clerk.post(f"{first}/descartar", {"seen": seen(page)}).status_code == 303
    assert clerk.get(first).status_code == 404


def test_residents_send_ideas_for_a_draft_of_the_console_and_scheduling_ends_it(city: World, clerk: Signed) -> None:
    where = begin(clerk)
    save(clerk, where, fields(slug="parques"))
    assert clerk.post(f"{where}/ideas", {"seen": seen_of(city)}).status_code == 409, "it has no day for them yet"
    save(clerk, where, fields(slug="parques", ideas_until_day="31/12/2029", ideas_until_hour="18:00"))
    assert clerk.post(f"{where}/ideas", {"seen": seen_of(city)}).status_code == 409, "that is past"
    save(clerk, where, fields(slug="parques", ideas_until_day="01/02/2030", ideas_until_hour="18:00"))
    assert 'value="01/02/2030"' in clerk.get(where).text
    page = clerk.get(f"{where}/ideas").text
    assert "pueden enviar ideas por el chat" in page
    assert clerk.post(f"{where}/ideas", {"seen": "another"}).status_code == 409
    assert clerk.post(f"{where}/ideas", {"seen": seen(page)}).headers["Location"] == "/consola/ideas/parques"
    with reading(city.desk.engine) as connection:
        assert read_catalogue(connection).collecting(city.clock()) == ["parques"]
    assert clerk.get("/consola/ideas/parques").status_code == 200
    bring(clerk, where, as_xlsx([HEADER, *ROWS]))
    clerk.post(f"{where}/hoja/usar", {"seen": seen(clerk.get(f"{where}/hoja").text)})
    clerk.post(f"{where}/programar", {"seen": seen(clerk.get(f"{where}/programar").text)})
    with reading(city.desk.engine) as connection:
        here = read_catalogue(connection)
    assert here.collecting(city.clock()) == []
    assert "parques" in here.collections, "what was sent is still there to be answered"


def seen_of(city: World) -> str:
    """The print of the only draft."""
    with reading(city.desk.engine) as connection:
        (kept,) = drafts.every(connection)
    return drafts.print_of(kept.typed)


# Under way


@pytest.fixture
def opened(city: World, app: Flask, clerk: Signed) -> str:
    """A consultation that is open; its address in the console."""
    at = scheduled(clerk, opens_day="2030-01-10", opens_hour="06:00", closes_day="2030-01-20", closes_hour="18:00",
                   paper_until_day="", paper_until_hour="")  # fmt: skip
    assert "Abierta" in clerk.get(at).text
    return at


def test_a_correction_stands_beside_the_frozen_text_everywhere(
    city: World, app: Flask, clerk: Signed, opened: str
) -> None:
    assert clerk.post(f"{opened}/corregir", {"es": SENTENCE["es"], "en": "x" * 301}).status_code == 422
    assert clerk.post(f"{opened}/corregir", SENTENCE).status_code == 303
    public = app.test_client()
    assert "Corrección del 10 de enero de 2030" in public.get("/consultas/parques").text
    assert SENTENCE["en"] in public.get("/en/consultas/parques").text
    for text in ("votar", "1", "la plaza"):
        got = city.say(text)
    assert "Hay una corrección de esta votación" in got[-1].text
    assert SENTENCE["es"] in city.say("reglas")[0].text
    city.say("1 2")
    city.say("1")
    city.clock.now = datetime(2030, 1, 21, tzinfo=UTC)
    lifecycle.count(city.desk.engine, city.desk.keys, "parques", city.clock())
    lifecycle.publish(city.desk.engine, "parques", city.clock())
    (notice,) = public.get("/consultas/parques/resultados.json").get_json()["notices"]
    assert (notice["kind"], notice["text"]) == ("erratum", SENTENCE)
    assert SENTENCE["es"] in public.get("/consultas/parques").text


@pytest.mark.parametrize(("step", "phase"), [("cerrar", "closed"), ("anular", "annulled")])
def test_closing_early_and_annulling_need_a_second_person_and_a_notice(
    city: World, app: Flask, clerk: Signed, opened: str, step: str, phase: str
) -> None:
    for text in ("votar", "1", "la plaza", "1 2", "1"):
        city.say(text)
    approver = signed_in(app, city, Role.APPROVER)
    assert clerk.post(f"{opened}/{step}", {"es": "", "en": ""}).status_code == 422
    assert clerk.post(f"{opened}/{step}", SENTENCE).status_code == 303
    assert "En espera de una segunda persona" in clerk.get(opened).text
    with reading(city.desk.engine) as connection:
        (asked,) = approvals.waiting(connection)
    assert clerk.post(f"/consola/pendientes/{asked.id}/aceptar").status_code == 403
    assert SENTENCE["es"] in approver.get(f"/consola/pendientes/{asked.id}").text
    assert now_phase(city) == "open"
    assert approver.post(f"/consola/pendientes/{asked.id}/aceptar").status_code == 303
    assert now_phase(city) == phase
    assert (len(city.rows(Ballot)), city.desk.keys.exists("parques")) == ((1, True) if step == "cerrar" else (0, False))
    assert SENTENCE["en"] in app.test_client().get("/en/consultas/parques").text
    city.say("menu")
    assert SENTENCE["es"] in city.say("/start v-parques")[-1].text
    actions = [(row["action"], row["by"]) for row in city.rows(Audited)]
    assert (f"consultation.{phase}", approver.id) in actions


def now_phase(city: World) -> str:
    with reading(city.desk.engine) as connection:
        row = consultations.one(connection, "parques")
    assert row is not None
    return consultations.phase(row.state, row.opens_at, row.closes_at, city.clock())


def test_what_was_agreed_to_is_void_when_the_vote_has_changed(
    city: World, app: Flask, clerk: Signed, opened: str
) -> None:
    approver = signed_in(app, city, Role.APPROVER)
    clerk.post(f"{opened}/anular", SENTENCE)
    lifecycle.close(city.desk.engine, "parques", city.clock())
    with reading(city.desk.engine) as connection:
        (asked,) = approvals.waiting(connection)
    answer = approver.post(f"/consola/pendientes/{asked.id}/aceptar")
    assert answer.status_code == 409
    assert "cambió después de pedir esto" in answer.text
    assert now_phase(city) == "closed"
    assert clerk.post(f"{opened}/cerrar", SENTENCE).status_code == 422, "it is closed already"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tongue", ["es", "en"])
def test_the_poster_is_a_pdf_with_letters_of_its_own(clerk: Signed, opened: str, size: str, tongue: str) -> None:
    made = clerk.get(f"{opened}/cartel-{size}.pdf?idioma={tongue}")
    assert made.mimetype == "application/pdf"
    assert made.data.startswith(b"%PDF-")
    assert made.data.count(b"/FontFile2") == 2, "a printer needs no font of ours"
    assert f"{SIZES[size][0]:.0f}".encode() in made.data
    assert made.data == clerk.get(f"{opened}/cartel-{size}.pdf?idioma={tongue}").data
    assert clerk.get(f"{opened}/cartel-a3.pdf").status_code == 404
    assert clerk.get(f"/consola/consultas/{SLUG}/cartel-a4.pdf").status_code == 404, "a draft has no poster"


# Everybody's own rights, and what strangers write


def test_each_page_is_for_those_it_is_for(app: Flask, city: World, clerk: Signed, opened: str) -> None:
    where = begin(clerk)
    monitor = signed_in(app, city, Role.MONITOR)
    assert (monitor.get(opened).status_code, monitor.get("/consola/consultas").status_code) == (200, 200)
    assert "corregir" not in monitor.get(opened).text
    for path in (where, f"{where}/hoja", f"{where}/programar", f"{opened}/corregir", "/consola/borradores/nuevo"):
        assert monitor.get(path).status_code == 403, path
    for path in ("/consola/borradores/7777", f"/consola/borradores/{10**30}", "/consola/consultas/no%00hay"):
        assert clerk.get(path).status_code == 404, path
    assert clerk.post(f"/consola/borradores/{10**30}", fields()).status_code == 404
    for step in ("corregir", "cerrar", "anular", "contar", "publicar"):
        assert clerk.get(f"/consola/consultas/no-hay/{step}").status_code == 404


def test_nothing_that_somebody_types_becomes_part_of_a_page(city: World, clerk: Signed) -> None:
    smuggled = " ".join(SMUGGLED)
    where = begin(clerk, title_es=smuggled, title_en=smuggled)
    row = dict.fromkeys(("title_es", "title_en", "short_es", "short_en", "more_es", "more_en", "official"), smuggled)
    clerk.post(f"{where}/propuestas/nueva", row)
    clerk.post(f"{where}/propuestas/nueva", row)
    bring(clerk, where, as_csv([HEADER, ["", "", *[smuggled] * 7]]).encode())
    texts = dict.fromkeys(("title_es", "title_en", "who_es", "who_en", "tie_es", "tie_en", "slug", "least"), smuggled)
    mark = seen(clerk.get(where).text)
    pages = [save(clerk, where, texts), save(clerk, where, fields(), mark)]
    pages += [clerk.get(f"{where}{part}") for part in PARTS]
    pages += [clerk.get("/consola/consultas"), clerk.get("/consola/")]
    for page in pages:
        for tag, attributes in read(page).elements:
            assert tag not in ("script", "iframe", "img", "svg"), (tag, page.request.path)
            assert not [name for name in attributes if name.startswith("on")], page.request.path


PARTS = ("", "/propuestas", "/propuestas/0", "/propuestas/0/quitar", "/hoja", "/vista", "/programar", "/descartar")


def test_a_page_costs_the_same_however_long_the_list_is(city: World, app: Flask, clerk: Signed) -> None:
    small, large = full(clerk), begin(clerk)
    rows = [["", "", f"Título {n} " + "é" * 40, f"Title {n} " + "e" * 40, f"Corto {n}", f"Short {n}", "m" * 500,
             "m" * 500, "o" * 3000] for n in range(200)]  # fmt: skip
    assert bring(clerk, large, as_xlsx([HEADER, *rows])).status_code == 303
    sheet = clerk.get(f"{large}/hoja")
    assert sheet.text.count("<tr id=") == 50
    clerk.post(f"{large}/hoja/usar", {"seen": seen(sheet.text)})
    save(clerk, large, fields(slug="parques-grandes"))
    assert "Página 1 de 4" in clerk.get(f"{large}/propuestas").text
    for part in PARTS:
        spent = []
        for where in (small, large):
            clerk.get(f"{where}{part}")
            city.statements.clear()
            assert clerk.get(f"{where}{part}").status_code == 200
            spent.append(len(city.statements))
        assert spent[0] == spent[1] <= 10, (part, spent)
    at = f"{large}/programar"
    assert clerk.post(at, {"seen": seen(clerk.get(at).text)}).status_code == 303
    city.statements.clear()
    assert clerk.get("/consola/consultas/parques-grandes").status_code == 200
    assert len(city.statements) <= 16


def test_empty_pages_say_what_to_do_next(clerk: Signed) -> None:
    assert "Empiece una consulta nueva" in clerk.get("/consola/consultas").text
    assert "Begin a new consultation" in clerk.get("/en/consola/consultas").text
    where = begin(clerk)
    assert "Escriba la primera" in clerk.get(f"{where}/propuestas").text
    assert "cuando no falte nada" in clerk.get(f"{where}/vista").text


def test_before_the_count_no_page_of_the_console_depends_on_what_people_chose(
    city: World, app: Flask, clerk: Signed, opened: str
) -> None:
    def told() -> str:
        return clerk.get(opened).text + clerk.get("/consola/consultas").text

    for who in range(1, 7):
        for text in ("votar", "1", "la plaza", "1", "1"):
            city.say(text, who=who)
    before = told()
    with transaction(city.desk.engine) as connection:
        connection.exec_driver_sql("UPDATE ballot SET choices = 'p02'")
    assert re.sub(r'value="[\w.-]{20,}"', "", before) == re.sub(r'value="[\w.-]{20,}"', "", told())


def test_a_form_needs_its_token(app: Flask, clerk: Signed) -> None:
    answer = clerk.client.post("/consola/borradores/nuevo", data={"title_es": "x"}, base_url=SITE)
    assert answer.status_code == 400


def test_several_boxes_are_kept(city: World, clerk: Signed) -> None:
    where = begin(clerk)
    data = MultiDict([*fields().items(), ("asks", "age"), ("asks", "sex"), ("asks", "income")])
    data.setlist("asks", ["age", "sex", "income"])
    data["seen"], data["csrf_token"] = seen(clerk.get(where).text), clerk.token()
    assert clerk.client.post(where, data=data, base_url=SITE).status_code == 303
    with reading(city.desk.engine) as connection:
        (kept,) = drafts.every(connection)
    assert kept.typed["asks"] == ["age", "sex"]


def test_the_cities_we_ship_can_be_taken_up_whole(tmp_path: Path, sqlite_url: str) -> None:
    world = World.on(sqlite_url, tmp_path, Clock(datetime(2022, 11, 1, tzinfo=UTC))).load(CARTAGENA)
    clerk = signed_in(wiring.app(world.settings, world.clock), world, Role.PARTICIPATION)
    where = clerk.post("/consola/consultas/cartagena-2022/retomar").headers["Location"]
    assert clerk.get(f"{where}/vista").text.count('class="bubble"') >= 15
    answer = clerk.post(f"{where}/programar", {"seen": seen(clerk.get(f"{where}/programar").text)})
    assert answer.status_code == 303
    with reading(world.desk.engine) as connection:
        row = consultations.one(connection, "cartagena-2022")
    assert row is not None
    assert row.digest == read_folder(CARTAGENA).consultations[0].digest
    world.desk.engine.dispose()
