"""The plan in the console: staff edit it, offices report and answer, the monitor grades, seats have codes."""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import event
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from bot import plan_edits
from cli import wiring
from flows.office import LARGEST, MOST_FILES
from storage import audit, catalogue, participants, plans, voices
from storage.database import reading, transaction
from tests.console import SITE, Signed, signed_in
from tests.promises import COMMITMENT, great_plan, load_plan, person, speak, the_plan
from tests.test_plan_pages import SPRING
from tests.test_site import SMUGGLED, count_and_publish, people_vote
from tests.visitor import read
from tests.world import Clock, World
from web.console.access import Role

PLAN = "plan-2023"
MILESTONE = f"{COMMITMENT}.1"
OWN = f"{PLAN}/planeacion"
MOST = 24
"""Statements of a page, with those of the session."""


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """Cartagena in April 2023."""
    world = World.on(sqlite_url, tmp_path, Clock(SPRING)).load()
    load_plan(world, the_plan())
    yield world
    world.desk.engine.dispose()


@pytest.fixture
def app(city: World) -> Flask:
    return wiring.app(city.settings, city.clock)


def clerk(app: Flask, world: World) -> Signed:
    return signed_in(app, world, Role.PARTICIPATION)


def officer(app: Flask, world: World, office: str = "planeacion") -> Signed:
    return signed_in(app, world, Role.OFFICE, offices=[f"{PLAN}/{office}"], login=f"office-{office}")


def typed(page: TestResponse) -> dict[str, Any]:
    """What a browser would send of the form on a page."""
    form = page.text.partition("<main")[2]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if given.get("type") in ("checkbox", "radio"):
            if " checked" in tag:
                found.setdefault(given["name"], []).append(unescape(given["value"]))
        elif given.get("type") != "file":
            found[given["name"]] = unescape(given.get("value", ""))
    for name, text in re.findall(r'<textarea\b[^>]*name="(\w+)"[^>]*>\s?(.*?)</textarea>', form, re.S):
        found[name] = unescape(text)
    for name, options in re.findall(r'<select\b[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    return found


def notes(world: World) -> list[tuple[str, str]]:
    with reading(world.desk.engine) as connection:
        return [(row.action, row.subject) for row in audit.rows(connection)]


def body(world: World, slug: str = PLAN) -> dict[str, Any]:
    with reading(world.desk.engine) as connection:
        found = plans.body_of(connection, slug)
    assert found is not None
    return found


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (30, 20), "#17594a").save(made, "JPEG")
    return made.getvalue()


# Editing


def test_a_clerk_moves_a_date_and_the_public_page_says_why(city: World, app: Flask) -> None:
    who = clerk(app, city)
    path = f"/consola/hitos/{MILESTONE}/editar"
    given = typed(who.get(path))
    refused = who.post(path, {**given, "ends": "2023-06"})
    assert refused.status_code == 422
    assert 'href="#reason"' in refused.text
    assert 'value="2023-06"' in refused.text, "what was typed is still there"
    kept = who.post(path, {**given, "ends": "2023-06", "reason": "Faltó <b>el contrato</b>"})
    assert kept.status_code == 303
    assert kept.headers["Location"] == f"/consola/hitos/{MILESTONE}"
    public = read(who.get(f"/plan/{COMMITMENT}/historia")).text
    assert "La ciudad" in public
    assert "Por qué: Faltó <b>el contrato</b>" in public
    assert who.login not in public, "who did it is for the staff"
    assert who.login in read(who.get(f"/consola/hitos/{MILESTONE}")).text
    assert ("milestone.edited", MILESTONE) in notes(city)


def test_each_edit_has_its_page_and_its_line_in_the_record(city: World, app: Flask) -> None:
    who, why = clerk(app, city), {"reason": "Así se acordó"}
    here = f"/consola/compromisos/{COMMITMENT}"
    assert (
        who.post(f"{here}/editar", {**typed(who.get(f"{here}/editar")), **why, "more_es": "Otra."}).status_code == 303
    )
    added = who.post(f"{here}/hitos", {**typed(who.get(f"/consola/hitos/{MILESTONE}/editar")), **why})
    assert added.headers["Location"] == f"/consola/hitos/{COMMITMENT}.8"
    out = f"/consola/hitos/{COMMITMENT}.8/quitar"
    assert who.post(out, typed(who.get(out))).status_code == 422, "without a reason"
    assert who.post(out, {**typed(who.get(out)), **why}).status_code == 303
    assert who.get(f"/consola/hitos/{COMMITMENT}.8").status_code == 404
    told = {"withdrawn_es": "No hay plata.", "withdrawn_en": "There is no money."}
    assert who.post(f"{here}/retirar", {**typed(who.get(f"{here}/retirar")), **told}).status_code == 303
    assert "Retirado: No hay plata." in read(who.get(here)).text
    assert who.post(f"{here}/reponer", {**typed(who.get(f"{here}/reponer")), **why}).status_code == 303
    assert "No hay plata" in read(who.get(f"/plan/{COMMITMENT}/historia")).text
    assert [action for action, _subject in notes(city)] == [
        "commitment.reinstated",
        "commitment.withdrawn",
        "milestone.removed",
        "milestone.added",
        "commitment.edited",
    ]


def test_two_who_edit_at_once_see_each_other(city: World, app: Flask) -> None:
    who, path = clerk(app, city), f"/consola/hitos/{MILESTONE}/editar"
    first, second = typed(who.get(path)), typed(who.get(path))
    assert who.post(path, {**first, "ends": "2023-06", "reason": "a"}).status_code == 303
    clash = who.post(path, {**second, "ends": "2023-07", "reason": "b"})
    assert clash.status_code == 422
    assert "2023-06" in read(clash).text
    assert 'value="2023-07"' in clash.text
    assert who.post(path, typed(clash)).status_code == 303
    assert body(city)["commitments"][0]["milestones"][0]["span"]["ends"] == "2023-07"


def test_a_milestone_with_reports_says_why_it_stays(city: World, app: Flask) -> None:
    speak(city)
    who, path = clerk(app, city), f"/consola/hitos/{MILESTONE}/quitar"
    assert "Tiene informes o calificaciones" in read(who.get(path)).text
    assert who.post(path, {"reason": "x", "seen": "x"}).status_code == 422
    assert len(body(city)["commitments"][0]["milestones"]) == 7


# Reporting, answering, grading


def test_an_office_reports_with_evidence(city: World, app: Flask) -> None:
    who, path = officer(app, city), f"/consola/hitos/{MILESTONE}/informe"
    given = {**typed(who.get(path)), "state": "complete", "text": "Se hizo\nla jornada"}
    files = [(io.BytesIO(picture()), "foto <b>.jpg"), (io.BytesIO(b"%PDF-1.4 acta"), "acta.pdf")]
    assert who.post(path, {**given, "files": files}).status_code == 303
    page = read(who.get(f"/consola/hitos/{MILESTONE}")).text
    assert "Se hizo la jornada" in page
    assert "Cumplido" in page
    with reading(city.desk.engine) as connection:
        row = voices.latest_reports(connection, [MILESTONE])[MILESTONE]
        kept = voices.evidence_of(connection, [row.id])
    assert (row.via, row.office, [each.kind for each in kept]) == (
        "console",
        "planeacion",
        ["image/jpeg", "application/pdf"],
    )
    assert ("milestone.reported", MILESTONE) in notes(city)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([(b"MZ not a photo", "virus<script>.jpg")], "virus<script>.jpg no es una foto ni un archivo PDF"),
        ([(b"%PDF-" + b"x" * LARGEST, "grande.pdf")], "grande.pdf es demasiado grande"),
        ([(b"%PDF-1.4", f"{n}.pdf") for n in range(MOST_FILES + 1)], "Son demasiados archivos"),
        ([(b"", "vacio.jpg")], "vacio.jpg no es una foto"),
    ],
)
def test_what_cannot_be_evidence_loses_nothing_that_was_written(
    city: World, app: Flask, files: Sequence[tuple[bytes, str]], told: str
) -> None:
    who, path = officer(app, city), f"/consola/hitos/{MILESTONE}/informe"
    given = {"state": "stalled", "office": "planeacion", "text": "Falta plata"}
    answer = who.post(path, {**given, "files": [(io.BytesIO(bytes_), name) for bytes_, name in files]})
    assert answer.status_code == 422
    page = read(answer).text
    assert told in page
    assert "escoja otra vez los archivos" in page
    assert ">Falta plata</textarea>" in answer.text.replace("\r\n", "")
    assert re.search(r'value="stalled" checked', answer.text)
    assert "<script>.jpg" not in answer.text
    with reading(city.desk.engine) as connection:
        assert voices.latest_reports(connection, [MILESTONE]) == {}


def test_a_report_needs_a_state_and_words(city: World, app: Flask) -> None:
    who, path = officer(app, city), f"/consola/hitos/{MILESTONE}/informe"
    for given in ({}, {"state": "x", "text": "y"}, {"state": "complete", "text": " \u200b "}, {"text": "x" * 1001}):
        assert who.post(path, {"office": "planeacion", **given}).status_code == 422, given
    assert who.post(path, {"state": "complete", "text": "x", "office": "otra"}).status_code == 422
    with reading(city.desk.engine) as connection:
        assert voices.latest_reports(connection, [MILESTONE]) == {}


def test_a_form_that_is_larger_than_all_its_files_may_be_is_refused(city: World, app: Flask) -> None:
    who, path = officer(app, city), f"/consola/hitos/{MILESTONE}/informe"
    files = [(io.BytesIO(b"x" * (LARGEST + 500_000)), f"{n}.pdf") for n in range(5)]
    assert who.post(path, {"files": files}).status_code == 413
    stranger = app.test_client().post(path, data={"files": (io.BytesIO(b"x" * 2_000_000), "x.pdf")}, base_url=SITE)
    assert stranger.status_code == 413, "who never signed in sends no more than any form of the site takes"


def told(page: str) -> str:
    """What a page says, without its addresses, and without which place of the console these are in."""
    return re.sub(r' aria-current="[^"]*"|"[^"]*"', "", page)


def test_what_is_of_another_office_is_not_there(city: World, app: Flask) -> None:
    said = speak(city)
    other = next(o.id for o in the_plan().offices if o.id != "planeacion")
    plan = the_plan()
    steps = tuple(replace(m, offices=("planeacion",)) for m in plan.commitments[0].milestones)
    load_plan(city, replace(plan, commitments=(replace(plan.commitments[0], milestones=steps),)))
    who = officer(app, city, other)
    missing = who.get("/consola/hitos/no-such.1").text
    for path in (
        f"/consola/hitos/{MILESTONE}",
        f"/consola/hitos/{MILESTONE}/informe",
        f"/consola/compromisos/{COMMITMENT}",
        f"/consola/objeciones/{said['open']}",
        f"/consola/objeciones/{said['answered']}",
    ):
        answer = who.get(path)
        assert answer.status_code == 404, path
        assert told(answer.text) == told(missing)
    given = {"state": "complete", "text": "x", "office": "planeacion"}
    assert who.post(f"/consola/hitos/{MILESTONE}/informe", given).status_code == 404
    assert who.post(f"/consola/objeciones/{said['open']}", {"text": "x"}).status_code == 404
    assert "0 hitos" in read(who.get(f"/consola/planes/{PLAN}")).text
    assert "No hay objeciones sin respuesta" in read(who.get("/consola/objeciones")).text
    assert (
        signed_in(app, city, Role.OFFICE, offices=["otro/planeacion"], login="o")
        .get(f"/consola/planes/{PLAN}")
        .status_code
        == 404
    ), "an office of another plan with the same id"


def test_only_an_office_answers_and_only_once(city: World, app: Flask) -> None:
    said = speak(city)
    assert clerk(app, city).get(f"/consola/objeciones/{said['open']}").status_code == 403
    who, path = officer(app, city), f"/consola/objeciones/{said['open']}"
    assert "Yo estuve y no hubo reunión" in read(who.get("/consola/objeciones")).text
    assert who.post(path, {"text": ""}).status_code == 422
    assert who.post(path, {"text": "Aquí está el acta"}).status_code == 303
    who.post(path, {"text": "Otra cosa"})
    page = read(who.get(path)).text
    assert "Aquí está el acta" in page
    assert "Otra cosa" not in page
    assert notes(city).count(("objection.answered", str(said["open"]))) == 1
    assert "Aquí está el acta" in read(who.get(f"/plan/{COMMITMENT}/historia")).text


def test_a_monitor_grades_with_evidence_and_takes_everything_along(city: World, app: Flask) -> None:
    who = signed_in(app, city, Role.MONITOR)
    for subject in (COMMITMENT, MILESTONE):
        path = f"/consola/planes/{PLAN}/calificaciones/{subject}"
        assert who.post(path, {"text": "Poco", "grade": "x"}).status_code == 422
        given = {"grade": "limited", "text": "Se hizo poco", "files": (io.BytesIO(b"%PDF-1.4 a"), "a.pdf")}
        assert who.post(path, given).status_code == 303
        assert ("plan.graded", subject) in notes(city)
    assert "Se hizo poco" in read(who.get(f"/plan/{COMMITMENT}")).text
    assert who.get(f"/consola/planes/{PLAN}/calificaciones/no-such").status_code == 404
    packed = who.get(f"/consola/planes/{PLAN}/monitor.zip")
    with zipfile.ZipFile(io.BytesIO(packed.data)) as found:
        assert "Se hizo poco" in found.read("grades.csv").decode()
        assert sum(name.startswith("evidence/") for name in found.namelist()) == 2
    assert packed.headers["Cache-Control"] == "no-store"


# Seats


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.PARTICIPATION])
def test_a_seat_gets_a_code_that_is_shown_once_and_is_passed_on_and_ended(city: World, app: Flask, role: Role) -> None:
    who, here = signed_in(app, city, role), f"/consola/planes/{PLAN}/sillas"
    seat = f"{here}/academia-1"
    assert "Nadie la ocupa" in read(who.get(here)).text
    made = read(who.post(f"{seat}/codigo")).text
    code = re.search(r"SILLA (\w+)", made)
    assert code
    assert code[1] not in who.get(here).text, "it is shown once"
    city.say("hola", "telegram")
    city.say("1", "telegram")
    city.say(f"silla {code[1]}", "telegram")
    with reading(city.desk.engine) as connection:
        assert [row.seat for row in participants.seats(connection, PLAN)] == ["academia-1"]
    assert "Alguien ocupa esta silla" in read(who.get(f"{seat}/codigo")).text
    assert who.post(f"{seat}/terminar").status_code == 303
    with reading(city.desk.engine) as connection:
        assert participants.seats(connection, PLAN) == []
    assert [action for action, _subject in notes(city)][:2] == ["seat.ended", "seat.invited"]
    assert code[1] not in str(notes(city))
    assert who.get(f"{here}/no-such/codigo").status_code == 404
    assert who.get(f"{here}/planeacion/terminar").status_code == 404


def test_an_office_gets_a_code_for_the_chat_and_it_is_ended_for_all(city: World, app: Flask) -> None:
    who, here = clerk(app, city), f"/consola/planes/{PLAN}/oficinas"
    assert "OFICINA " in read(who.post(f"{here}/planeacion/codigo")).text
    with transaction(city.desk.engine) as connection:
        participants.employ(connection, person(connection, city), PLAN, "planeacion", city.clock())
    assert "Terminar para todos" in read(who.get(here)).text
    assert who.post(f"{here}/planeacion/terminar").status_code == 303
    with reading(city.desk.engine) as connection:
        assert participants.clerks(connection, PLAN) == []
        assert participants.invited(connection, PLAN, "office", city.clock()) == {}


# The walk


def test_a_proposal_is_walked_to_its_milestones(world: World, tmp_path: Path) -> None:
    app = wiring.app(world.settings, world.clock)
    who = signed_in(app, world, Role.PARTICIPATION)
    assert "Todavía no hay ningún resultado" in read(who.get("/consola/camino")).text
    assert who.get("/consola/camino/cartagena-2022").status_code == 404, "a tally is nobody's before it is published"
    people_vote(world)
    count_and_publish(world, tmp_path)
    who = signed_in(app, world, Role.PARTICIPATION, login="after-eight-days")
    assert "cartagena-2022" in who.get("/consola/camino").text
    page = who.get("/consola/camino/cartagena-2022")
    assert f"/consola/compromisos/{COMMITMENT}" in page.text
    (begin,) = re.findall(r'href="(/consola/planes/plan-2023/compromisos\?de=[^"]*p02)"', page.text)
    form = typed(who.get(unescape(begin)))
    assert form["origin"] == "cartagena-2022/p02"
    assert form["title_es"]


# Any size, any words


@contextmanager
def counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def paths(slug: str, commitment: str) -> list[str]:
    return [
        "/consola/planes",
        f"/consola/planes/{slug}",
        f"/consola/planes/{slug}?pagina=2",
        f"/consola/planes/{slug}?estado=late",
        f"/consola/planes/{slug}?estado=unanswered&oficina=o2&buscar=participaci%C3%B3n",
        f"/consola/compromisos/{commitment}",
        f"/consola/compromisos/{commitment}/editar",
        f"/consola/hitos/{commitment}.1",
        f"/consola/hitos/{commitment}.1/editar",
        f"/consola/planes/{slug}/sillas",
        f"/consola/planes/{slug}/oficinas",
        "/consola/objeciones",
    ]


def test_a_thousand_milestones_cost_no_statement_more_and_stay_on_light_pages(city: World, app: Flask) -> None:
    who = clerk(app, city)
    speak(city)
    costs: dict[str, int] = {}
    for path in paths(PLAN, COMMITMENT):
        if "pagina" not in path:
            with counted() as seen:
                assert who.get(path).status_code == 200, path
            costs[path.replace(PLAN, "X").replace(COMMITMENT, "X")] = len(seen)
    load_plan(city, great_plan(50, 20))
    with transaction(city.desk.engine) as connection:
        for n in range(1, 51):
            for step in (1, 2):
                report = voices.report(connection, f"grande-{n}.{step}", "o1", "stalled", "x", "chat", city.clock())
                voices.object_to(connection, report, person(connection, city), "Falta", city.clock())
    who.get("/consola/planes")
    for path in paths("grande", "grande-1"):
        with counted() as seen:
            answer = who.get(path)
        assert answer.status_code == 200, path
        assert len(seen) <= MOST, (path, len(seen))
        before = costs.get(path.replace("grande-1", "X").replace("grande", "X"))
        assert before is None or len(seen) <= before + 2, (path, before, len(seen))
        assert len(answer.data) < 120_000, (path, len(answer.data))


def test_a_milestone_is_found_by_words_office_and_state(city: World, app: Flask) -> None:
    load_plan(city, great_plan(50, 20))
    who = clerk(app, city)
    assert "1000 hitos" in read(who.get("/consola/planes/grande")).text.replace(".", "")
    assert "20 hitos" in read(who.get("/consola/planes/grande?buscar=grande-7.")).text
    found = read(who.get("/consola/planes/grande?oficina=o5")).text
    assert re.search(r"\b\d+ hitos", found)
    none = read(who.get("/consola/planes/grande?buscar=zapatos")).text
    assert "Ningún hito es así" in none
    assert who.get("/consola/planes/grande?pagina=99").status_code == 404
    assert "pagina=3&amp;buscar=grande" in who.get("/consola/planes/grande?buscar=grande&pagina=2").text


def test_whatever_staff_write_is_text(city: World, app: Flask) -> None:
    text = " ".join(SMUGGLED).replace("\u202e", "")
    who = clerk(app, city)
    short = SMUGGLED[0]
    given = typed(who.get(f"/consola/hitos/{MILESTONE}/editar"))
    assert (
        who.post(
            f"/consola/hitos/{MILESTONE}/editar",
            {**given, "title_es": short, "title_en": short, "official": text[:2900], "reason": text[:290]},
        ).status_code
        == 303
    )
    office, monitor = officer(app, city), signed_in(app, city, Role.MONITOR)
    told = {
        "state": "complete",
        "office": "planeacion",
        "text": text[:1000],
        "files": (io.BytesIO(picture()), f"{short}.jpg"),
    }
    assert office.post(f"/consola/hitos/{MILESTONE}/informe", told).status_code == 303
    monitor.post(f"/consola/planes/{PLAN}/calificaciones/{MILESTONE}", {"grade": "limited", "text": text})
    with transaction(city.desk.engine) as connection:
        report = voices.latest_reports(connection, [MILESTONE])[MILESTONE].id
        voices.object_to(connection, report, person(connection, city), text, city.clock())
    for reader in (who, office, monitor):
        for path in (
            f"/consola/hitos/{MILESTONE}", f"/consola/compromisos/{COMMITMENT}", f"/consola/planes/{PLAN}",
            "/consola/objeciones", f"/consola/hitos/{MILESTONE}/editar", f"/plan/{COMMITMENT}/historia",
        ):  # fmt: skip
            page = reader.get(path)
            for smuggled in ("<script>alert", "<img src=x", "<svg", "<iframe", "<script src=//", "' onmouseover='"):
                assert smuggled not in page.text, (path, smuggled)
    refused = who.post(f"/consola/hitos/{MILESTONE}/editar", {"title_es": '"><script>alert(1)</script>'})
    assert refused.status_code == 422
    assert "<script>alert" not in refused.text


def test_a_city_without_a_plan_and_an_office_without_one_are_told_what_to_do(
    city: World, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = signed_in(app, city, Role.OFFICE, offices=["otro/x"], login="o")
    assert "Ningún plan nombra a su oficina" in read(stranger.get("/consola/planes")).text
    who = clerk(app, city)
    monkeypatch.setattr("storage.plans.every", lambda _connection: [])
    with transaction(city.desk.engine) as connection:
        catalogue.changed(connection)
    assert "Todavía no hay ningún plan" in read(who.get("/consola/planes")).text


def test_every_page_is_there_in_english(city: World, app: Flask) -> None:
    speak(city)
    who = clerk(app, city)
    for path in paths(PLAN, COMMITMENT):
        if "pagina" not in path:
            page = who.get(f"/en{path}")
            assert page.status_code == 200, path
            assert 'lang="en"' in page.text
            assert "?pagina" not in page.text or "/en/" in page.text


def test_the_digest_in_a_form_is_of_what_was_shown(city: World, app: Flask) -> None:
    given = typed(clerk(app, city).get(f"/consola/hitos/{MILESTONE}/editar"))
    assert given["seen"] == plan_edits.seen(body(city), MILESTONE)
    assert given["title_es"] == the_plan().commitments[0].milestones[0].title["es"]
