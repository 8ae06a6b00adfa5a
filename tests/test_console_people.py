"""People and data requests in the console, as an officer meets them."""

import json
import re

import pytest
from flask import Flask

from bot import headcount, requests
from cli import wiring
from storage import audit, ideas, voices
from storage.approvals import ApprovalRow
from storage.contacts import Person
from storage.database import reading, transaction
from storage.requests import DataRequest
from tests.console import Signed, signed_in
from tests.promises import great_plan, load_plan
from tests.test_data_requests import given, household, sent_code
from tests.test_headcount import settle
from tests.world import World
from web.console.access import Role

NEW = "/consola/personas/solicitudes/nueva"


@pytest.fixture
def app(little_world: World) -> Flask:
    return wiring.app(little_world.settings, little_world.clock)


@pytest.fixture
def officer(app: Flask, little_world: World) -> Signed:
    return signed_in(app, little_world, Role.PARTICIPATION)


def enter(officer: Signed, kind: str = "export", contact: str | None = None) -> str:
    """A request, entered in the form; the path of its page."""
    form = {"kind": kind, "channel": "whatsapp", "contact": contact or given(), "received_on": "2022-11-16"}
    answer = officer.post(NEW, form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def proven(world: World, officer: Signed, kind: str = "export") -> str:
    page = enter(officer, kind)
    assert officer.post(f"{page}/codigo", {"code": sent_code(world)}).status_code == 303
    return page


def done(world: World) -> list[tuple[str, str]]:
    with reading(world.desk.engine) as connection:
        return [(row.action, row.facts) for row in reversed(audit.rows(connection, action="request"))]


def test_the_page_says_the_same_of_a_number_we_know_and_of_one_we_do_not(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    pages = [enter(officer, contact=contact) for contact in (given(), "+573009999999")]
    texts = [re.sub(r"value=\"[^\"]*\"|solicitudes/\d+|Solicitud \d+", "", officer.get(page).text) for page in pages]
    assert texts[0] == texts[1]
    wrong = [officer.post(f"{page}/codigo", {"code": "000000"}).text for page in pages]
    assert len({re.sub(r"value=\"[^\"]*\"|solicitudes/\d+|Solicitud \d+", "", text) for text in wrong}) == 1


def test_the_record_says_that_a_search_happened_and_no_number(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    enter(officer)
    enter(officer, contact="+573009999999")
    assert [action for action, _facts in done(little_world)] == ["request.received"] * 2
    assert [json.loads(facts)["found"] for _action, facts in done(little_world)] == [True, False]
    everything = json.dumps([*done(little_world), *map(str, little_world.rows(DataRequest))])
    assert "57300" not in everything


def test_a_person_is_shown_their_data_and_then_the_request_is_ended(little_world: World, officer: Signed) -> None:
    little_world.vote("1 4 6", "whatsapp")
    page = proven(little_world, officer)
    read = officer.get(f"{page}/datos").text
    assert "18 a 24 años" in read
    assert "cartagena-2022" in read
    file = officer.get(f"{page}/datos.json")
    assert file.headers["Content-Disposition"] == 'attachment; filename="mis-datos.json"'
    assert file.get_json()["took_part"] == ["cartagena-2022"]
    assert officer.post(f"{page}/cerrar", {"outcome": "done"}).status_code == 303
    assert officer.get(f"{page}/datos").status_code == 409
    assert "Hecho" in officer.get("/consola/personas/solicitudes").text
    assert [action for action, _facts in done(little_world)][1:] == [
        "request.proven", "request.shown", "request.shown", "request.closed",
    ]  # fmt: skip


def test_before_the_code_every_door_is_shut(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    for kind in ("export", "correct", "delete"):
        page = enter(officer, kind)
        for door in ("datos", "datos.json", "corregir", "borrar"):
            answer = officer.get(f"{page}/{door}")
            assert answer.status_code == 409
            assert "18 a 24" not in answer.text
        for door in ("corregir", "borrar", "persona"):
            assert officer.post(f"{page}/{door}", {"numero": "1"}).status_code == 409
    assert len(little_world.rows(Person)) == 1


def test_what_somebody_said_is_part_of_their_data(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    (person,) = (row["id"] for row in little_world.rows(Person))
    now = little_world.clock()
    load_plan(little_world, great_plan(1, 1))
    with transaction(little_world.desk.engine) as connection:
        ideas.send(connection, "cartagena-2022", person, "AAAAA11111", "Una banca <b>", None, now)
        number = voices.report(connection, "grande-1.1", "o1", "stalled", "Nada", "chat", now)
        voices.object_to(connection, number, person, "No es <i>cierto</i>", now)
        voices.rate(connection, "plan", "feria", person, 4, 2)
    page = officer.get(f"{proven(little_world, officer)}/datos").text
    for told in (
        "AAAAA11111: Una banca &lt;b&gt;",
        "grande-1.1: No es &lt;i&gt;cierto",
        "feria: 4, 2",
    ):
        assert told in page


def test_wrong_codes_are_counted_and_noted(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    page = enter(officer)
    code = sent_code(little_world)
    for _n in range(requests.MOST_TRIES):
        assert "no es el código" in officer.post(f"{page}/codigo", {"code": "1"}).text
    assert officer.post(f"{page}/codigo", {"code": code}).status_code == 409
    assert [action for action, _facts in done(little_world)].count("request.refused") == requests.MOST_TRIES + 1


def test_what_is_wrong_stands_beside_its_field(officer: Signed) -> None:
    form = {"kind": "export", "channel": "sms", "contact": "300", "received_on": "2022-11-16"}
    answer = officer.post(NEW, form)
    assert answer.status_code == 422
    assert 'id="contact-wrong"' in answer.text
    answer = officer.post(NEW, {**form, "contact": given(), "received_on": "2022-11-18"})
    assert 'id="received_on-wrong"' in answer.text
    assert officer.post(NEW, {}).status_code == 422


def test_deleting_says_first_what_will_happen(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    page = proven(little_world, officer, "delete")
    assert "sin nombre" in officer.get(f"{page}/borrar").text
    assert len(little_world.rows(Person)) == 1
    assert officer.post(f"{page}/borrar").status_code == 303
    assert little_world.rows(Person) == []


def test_what_is_corrected_was_never_shown(little_world: World, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    page = proven(little_world, officer, "correct")
    assert not re.search(r'<option value="18-24" selected', officer.get(f"{page}/corregir").text)
    form = {"age": "25-34", "sex": "-", "group": "", "place": "nelson mandel", "forget_place": "", "language": ""}
    assert officer.post(f"{page}/corregir", form).status_code == 422
    assert officer.post(f"{page}/corregir", {**form, "place": "Bocagrande"}).status_code == 303
    (person,) = little_world.rows(Person)
    assert (person["age"], person["sex"], person["place"]) == ("25-34", None, "bocagrande")


def test_of_a_family_one_is_chosen_by_the_number_of_the_chat(little_world: World, officer: Signed) -> None:
    household(little_world)
    page = proven(little_world, officer)
    assert "OTRA PERSONA" in officer.get(page).text
    assert officer.get(f"{page}/datos").status_code == 409
    officer.post(f"{page}/persona", {"numero": "2"})
    assert "35 a 44 años" in officer.get(f"{page}/datos").text


def signed(number: str = "7", contact: str | None = None) -> dict[str, str]:
    """The form of a signed paper."""
    return {"reason": "lost-phone", "number": number, "channel": "whatsapp", "contact": contact or given()}


def test_a_paper_needs_a_second_person(little_world: World, app: Flask, officer: Signed) -> None:
    little_world.vote("1", "whatsapp")
    page = enter(officer, "delete")
    assert officer.post(f"{page}/papel", signed("Ana Pérez")).status_code == 422
    assert officer.post(f"{page}/papel", signed("2022-118", "12")).status_code == 409
    assert officer.post(f"{page}/papel", signed("2022-118")).status_code == 303
    (waiting,) = set(re.findall(r"/consola/pendientes/\d+", officer.get("/consola/pendientes").text))
    assert officer.post(f"{waiting}/aceptar").status_code == 403
    assert officer.get(f"{page}/borrar").status_code == 409
    approver = signed_in(app, little_world, Role.APPROVER)
    shown = approver.get(waiting).text
    for part in ("2022-118", "Borrar sus datos", f"WhatsApp, número que termina en {given()[-3:]}", "Compare con"):
        assert part in shown
    assert given()[-4:] not in shown
    assert given()[-4:] not in json.dumps(list(map(str, little_world.rows(ApprovalRow))))
    assert approver.post(f"{waiting}/aceptar").status_code == 303
    assert officer.post(f"{page}/borrar").status_code == 303
    assert little_world.rows(Person) == []


def test_a_paper_for_one_number_is_none_for_another(little_world: World, app: Flask, officer: Signed) -> None:
    """Else an officer could have the paper of whoever stands there accepted for the number of somebody else."""
    little_world.vote("1", "whatsapp")
    page = enter(officer, contact="+573009999999")
    officer.post(f"{page}/papel", signed(contact="+573009999999"))
    (waiting,) = set(re.findall(r"/consola/pendientes/\d+", officer.get("/consola/pendientes").text))
    assert officer.post(f"{page}/otro-codigo", {"channel": "whatsapp", "contact": given()}).status_code == 303
    approver = signed_in(app, little_world, Role.APPROVER)
    assert approver.post(f"{waiting}/aceptar").status_code == 409
    assert officer.get(f"{page}/datos").status_code == 409


@pytest.mark.parametrize(
    ("of_request", "of_paper", "accepted"),
    [(1, 1, True), (1, 2, False), (1, 9, False), (9, 1, False), (9, 9, True)],
)
def test_a_paper_is_for_the_number_of_its_request_and_who_asks_learns_nothing_of_it(
    little_world: World, app: Flask, officer: Signed, of_request: int, of_paper: int, accepted: bool
) -> None:
    for number in (1, 2):
        little_world.vote("1", "whatsapp", number)
    page = enter(officer, contact=given(of_request))
    assert officer.post(f"{page}/papel", signed(contact=given(of_paper))).status_code == 303
    (waiting,) = set(re.findall(r"/consola/pendientes/\d+", officer.get("/consola/pendientes").text))
    answer = signed_in(app, little_world, Role.APPROVER).post(f"{waiting}/aceptar")
    assert answer.status_code == (303 if accepted else 409)


def test_a_paper_comes_too_late_for_a_request_that_ended(little_world: World, app: Flask, officer: Signed) -> None:
    page = enter(officer)
    officer.post(f"{page}/papel", signed())
    (waiting,) = set(re.findall(r"/consola/pendientes/\d+", officer.get("/consola/pendientes").text))
    officer.post(f"{page}/cerrar", {"outcome": "withdrawn"})
    approver = signed_in(app, little_world, Role.APPROVER)
    assert "No hay nada pendiente" in approver.get("/consola/pendientes").text
    assert approver.post(f"{waiting}/aceptar").status_code == 409


def test_the_answer_is_put_off_once(little_world: World, officer: Signed) -> None:
    page = enter(officer)
    assert "5 días" in officer.get(f"{page}/aplazar").text
    assert officer.post(f"{page}/aplazar").status_code == 303
    assert officer.post(f"{page}/aplazar").status_code == 409


def test_numbers_of_people_are_shown_and_filtered_and_nobody_listed(little_world: World, app: Flask) -> None:
    settle(little_world, 1, 20, place="bocagrande", group="women")
    settle(little_world, 101, 15, place="bocagrande", group="youth")
    settle(little_world, 201, 2, place="bocagrande", group="migrant")
    headcount.take(little_world.desk)
    who = signed_in(app, little_world, Role.COMMUNICATIONS)
    page = who.get("/consola/personas")
    assert page.status_code == 200
    assert "+57" not in page.text
    assert "35 o unas pocas más" in who.get("/consola/personas?por=channel:sms").text
    assert "Menos de 5" in who.get("/consola/personas?por=group:migrant").text
    assert who.get("/consola/personas?lugar='&por=x:y").status_code == 200
    assert "solicitudes" not in page.text


def test_pages_take_a_few_statements_among_many_people(little_world: World, officer: Signed) -> None:
    now = little_world.clock()
    day = {"received_on": now.date(), "due_on": now.date(), "tries": 0, "sent": 1, "by": 1, "created_at": now}
    little_world.put(DataRequest, *[{"kind": "export", **day} for _n in range(500)])
    settle(little_world, 1, 2_000)
    headcount.take(little_world.desk)
    for page in ("/consola/personas", "/consola/personas/solicitudes", "/consola/personas/solicitudes/7"):
        officer.get(page)
        little_world.statements.clear()
        assert officer.get(page).status_code == 200
        assert len(little_world.statements) <= 10
