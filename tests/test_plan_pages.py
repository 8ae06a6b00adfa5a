"""The pages, feeds and files of what the city promised: every voice is there, nobody is named, nothing is heavy."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from PIL import Image

from bot import pictures, plan_files
from flows.plan import Span, Standing
from storage import voices
from storage.contacts import Contact
from storage.database import transaction
from storage.plan_folder import Named, ReadPlan
from storage.plan_folder import Span as Stated
from storage.voices import Evidence
from tests import promises
from tests.promises import COMMITMENT, SENT_AS, great_plan, load_plan, sqlite_copy, the_plan, words
from tests.test_site import LIGHT, NOT_THERE, SLUG, SMUGGLED, client_of, count_and_publish, people_vote, weight
from tests.visitor import everything, read
from tests.world import EXAMPLE, Clock, World, address
from web.timeline import Scale

PAGE = f"/plan/{COMMITMENT}"
ATOM = "{http://www.w3.org/2005/Atom}"
SPRING = datetime(2023, 4, 10, 15, tzinfo=UTC)
"""A day on which some milestones of 2023 are late and some have not begun."""


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """Cartagena in April 2023; nobody has said anything of its plan."""
    world = World.on(sqlite_url, tmp_path, Clock(SPRING)).load()
    load_plan(world, the_plan())
    yield world
    world.desk.engine.dispose()


@pytest.fixture
def client(city: World) -> FlaskClient:
    return client_of(city)


def section(page: str, heading: str) -> str:
    """The text of an article that begins with this heading."""
    return read(page.partition(heading)[2].partition("</article>")[0]).text


# The list


def test_every_commitment_is_listed_with_its_plan_its_objective_and_its_states(client: FlaskClient) -> None:
    told = read(client.get("/plan")).text
    for expected in (
        "Plan de Gobierno Abierto de Cartagena, 2023",
        "No dicen qué se cumplió",
        "Transparencia, instituciones fuertes y acceso a la información",
        "1. Rendición de cuentas todo el año",
        "5 retrasados, 1 en su tiempo, 1 sin empezar",
        "41 días de retraso",
        "Comité Ciudadano de Seguimiento: 12 sillas.",
        "Academia: 2",
    ):
        assert expected in told, expected
    assert told.count("La oficina dice: Sin dato") == 7, "no milestone has a status that nobody reported"


def test_an_assumption_is_marked_as_ours(city: World, client: FlaskClient) -> None:
    told = read(client.get("/plan")).text
    assert told.count("El plan no lo dice. Es un supuesto nuestro.") == 4
    assert "4 reglas de este plan son supuestos nuestros y están marcadas" in told
    plan = the_plan()
    load_plan(city, replace(plan, rules={**plan.rules, "assumed": ()}))
    assert "supuesto" not in client.get("/plan").text


def test_a_plan_that_is_an_example_says_so_everywhere(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path).load(EXAMPLE)
    client = client_of(world)
    for path in ("/plan", "/plan/agua-diaria", "/plan/agua-diaria/historia"):
        assert "Esto es un ejemplo inventado" in client.get(path).text
        assert "This is a made-up example" in client.get(f"/en{path}").text
    assert {str(event["summary"])[:9] for event in events(client)} == {"Ejemplo: "}
    assert {row["example"] for row in client.get("/plan.json").get_json()["milestones"]} == {True}
    with transaction(world.desk.engine) as connection:
        voices.report(connection, "agua-diaria.1", "obras", "stalled", "x", "cli", world.clock())
    assert entries(client)[0].findtext(f"{ATOM}title", "").startswith("Ejemplo: ")
    world.desk.engine.dispose()


def test_a_city_without_a_plan_says_so(city: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.plans.every", lambda _connection: [])
    for path in ("/plan", "/en/plan"):
        assert client.get(path).status_code == 200
    assert "todavía no ha cargado ningún plan" in client.get("/plan").text
    assert [client.get(f"/plan.{kind}").status_code for kind in ("atom", "ics", "json", "csv")] == [200] * 4


def test_people_find_a_commitment_by_its_words_but_for_a_slip(client: FlaskClient) -> None:
    for typed in ("Comunicaciones", "planeacion", "CARTAGENACUENTA", "espacio civico", "instituciones furetes"):
        found = client.get("/plan", query_string={"buscar": typed}).text
        assert "1 promesa tiene estas palabras" in found, typed
        assert f'href="{PAGE}"' in found, typed
    for typed in ("zapatos rojos", "ab", "%", "\x00", "🗳️"):
        found = client.get("/plan", query_string={"buscar": typed}).text
        assert "0 promesas tienen estas palabras" in found, typed
        assert f'href="{PAGE}"' not in found, typed


def test_what_somebody_searches_is_text_and_stays_in_the_links(city: World, client: FlaskClient) -> None:
    smuggled = client.get("/plan", query_string={"buscar": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in smuggled
    load_plan(city, great_plan(60))
    page = client.get("/plan?buscar=información")
    assert "buscar=informaci%C3%B3n&amp;pagina=2" in page.text
    assert read(page).languages["en"] == "/en/plan?buscar=informaci%C3%B3n"


def test_a_plan_of_a_country_stands_whole_on_light_pages(city: World, client: FlaskClient) -> None:
    load_plan(city, great_plan(14, 9))
    load_plan(city, great_plan(1, 60, slug="largo"))
    speak_at_length(city)
    pages = {where: page for where, page in everything(client).items() if page.mimetype == "text/html"}
    assert {where: weight(client, page) for where, page in pages.items() if weight(client, page) > LIGHT} == {}
    pages = {where: page for where, page in pages.items() if not where.endswith("pagina=1")}  # those without a number
    parts = [page.text for where, page in pages.items() if re.fullmatch(r"/plan(\?pagina=\d+)?", where)]
    listed = [id for part in parts for id in re.findall(r'<h4><a href="/plan/([\w-]+)"', part)]
    assert sorted(listed) == sorted([COMMITMENT, "largo-1", *(f"grande-{n}" for n in range(1, 15))])
    steps = [
        number
        for where, page in pages.items() if re.fullmatch(r"/plan/largo-1(\?pagina=\d+)?", where)
        for number in re.findall(r'id="hito-(\d+)"', page.text)
    ]  # fmt: skip
    assert sorted(map(int, steps)) == list(range(1, 61))


def speak_at_length(world: World) -> None:
    """Texts as long as they may be, with letters that a page has to write out."""
    long = ("ñ" * 200 + '"') * 5
    for number in (1, 2, 3):
        for _again in range(4):
            promises.speak(world, f"grande-1.{number}", long[:970])


def test_a_page_reads_the_same_number_of_times_however_much_was_promised(city: World) -> None:
    promises.speak(city)
    client = client_of(city)
    before = reads(city, client, "/plan"), reads(city, client, PAGE)
    load_plan(city, great_plan(30, 20))
    assert reads(city, client, "/plan?pagina=2") <= before[0], "once for the plan on the page"
    assert reads(city, client, PAGE) == before[1]


def reads(world: World, client: FlaskClient, path: str) -> int:
    """How many statements a page takes once the catalogue is in memory."""
    client.get(path)
    world.statements.clear()
    assert client.get(path).status_code == 200
    return len(world.statements)


# One commitment


def test_the_three_voices_stand_side_by_side(city: World, client: FlaskClient) -> None:
    promises.speak(city, text="Hicimos dos jornadas con vecinos.")
    told = section(client.get(PAGE).text, "Hito 1. Diseñar")
    for expected in (
        "Reportado como cumplido", "Cumplido", "Hicimos dos jornadas con vecinos.", "Secretaría de Planeación",
        "Validado (7 a favor, 2 en contra)", "Sociedad civil: 1 a favor, 1 en contra, de 2", "Valida el informe",
        "Avance importante", "Escuela de Gobierno de la Universidad de los Andes", "10 de abril de 2023",
    ):  # fmt: skip
        assert expected in told, expected
    assert "Primero." not in told, "an earlier report is in the history"
    assert "Falta el acta" not in told
    links = re.findall(r"/plan/pruebas/(\d+)", client.get(PAGE).text.partition('id="historia"')[0])
    assert len(links) == 3
    quiet = section(client.get(PAGE).text, "Hito 2. ")
    assert "Sin dato" in quiet
    assert "Lleva 68 días sin informar" in quiet
    assert "Todavía no hay qué opinar" in quiet
    assert "hay pocas personas" in client.get(PAGE).text


def test_an_objection_is_shown_with_its_answer_and_not_before(city: World, client: FlaskClient) -> None:
    said = promises.speak(city)
    for path in (PAGE, f"{PAGE}/historia", "/plan.atom", "/plan.json", "/plan.csv"):
        assert "Yo estuve y no hubo" not in client.get(path).text, path
    told = section(client.get(PAGE).text, "Hito 1. Diseñar")
    assert f"Controversia número {said['open']}, 10 de abril de 2023" in told
    assert "No fue todo." in told
    assert "Adjuntamos el acta." in told
    with transaction(city.desk.engine) as connection:
        voices.answer(connection, said["open"], "escuela", "Sí hubo, vea la foto.", city.clock())
    for path in (PAGE, f"{PAGE}/historia"):
        assert "Yo estuve y no hubo reunión" in client.get(path).text
        assert "Sí hubo, vea la foto." in client.get(path).text


def test_the_promise_tells_what_it_is_who_answers_and_what_it_serves(client: FlaskClient) -> None:
    told = read(client.get(PAGE)).text
    for expected in (
        "La gente ayuda a escoger los temas", "Design and implementation of the comprehensive", "Funcicar",
        "Oficina Asesora de Comunicaciones", "Derecho a la información", "Rendición de cuentas",
        "Del 1 de enero de 2023 al 31 de diciembre de 2023", "Design of the 2023 accountability strategy.",
    ):  # fmt: skip
        assert expected in told, expected
    assert "Objetivos de Desarrollo Sostenible" not in told, "the plan names none"


def test_one_can_walk_from_the_proposal_to_the_milestones_and_back(little_world: World, tmp_path: Path) -> None:
    client = client_of(little_world)
    page = client.get(PAGE)
    assert "Propuesta 6:" in page.text
    assert f"/consultas/{SLUG}" in read(page).links
    people_vote(little_world)
    count_and_publish(little_world, tmp_path / "public")
    (first, *_rest) = client.get("/plan.json").get_json()["milestones"]
    assert (first["consultation"], first["proposal"]) == (SLUG, "p06")
    results = client.get(f"/consultas/{SLUG}")
    assert "Lo que la ciudad prometió después" in results.text
    assert PAGE in read(results).links
    assert f"/en{PAGE}" in read(client.get(f"/en/consultas/{SLUG}")).links


def test_a_consultation_that_is_a_draft_is_not_named(city: World, client: FlaskClient) -> None:
    assert SLUG not in client.get(PAGE).text
    assert "Propuesta 6" not in client.get(PAGE).text


def test_a_withdrawn_commitment_says_why(city: World, client: FlaskClient) -> None:
    plan = the_plan()
    (promised,) = plan.commitments
    why = words("No hubo plata para hacerlo")
    load_plan(city, replace(plan, commitments=(replace(promised, withdrawn=why),)))
    for path in ("/plan", PAGE, f"{PAGE}/historia"):
        assert "No hubo plata para hacerlo" in client.get(path).text, path
    assert "7 retirados" in client.get("/plan").text
    assert {str(event["status"]) for event in events(client)} == {"CANCELLED"}


def test_ways_to_follow_write_the_commitment(city: World) -> None:
    page = client_of(city, BROWSER_CHAT="on").get(PAGE)
    for link in (
        f"https://wa.me/15550000001?text=hitos%20{COMMITMENT}",
        f"https://t.me/cuenta_bot?start=h-{COMMITMENT}",
        f"sms:+15550000002?body=hitos%20{COMMITMENT}",
    ):
        assert link in read(page).links
    assert page.text.count('role="img"') == 4
    assert f"text=milestones%20{COMMITMENT}" in client_of(city).get(f"/en{PAGE}").text


# The history


def test_the_history_has_everything_oldest_first(city: World, client: FlaskClient) -> None:
    said = promises.speak(city)
    plan = the_plan()
    (promised,) = plan.commitments
    first, *rest = promised.milestones
    later = replace(first, span=Stated("2023-01", "2023-03"), title=words("Otro título"), offices=("escuela",))
    city.clock.forward(days=1)
    load_plan(city, replace(plan, commitments=(replace(promised, milestones=(later, *rest[:-1])),)))
    page = client.get(f"{PAGE}/historia").text
    kinds = re.findall(r'<li id="(\w+)-\d+"', page)
    assert kinds == [
        "informe", "juicio", "objecion", "informe", *["juicio"] * 9, "objecion", "respuesta", "nota", "nota",
        *["cambio"] * 4,
    ]  # fmt: skip
    told = read(page).text
    for expected in (
        "Primero. Hicimos dos jornadas.", "Falta el acta.", "Antes: enero de 2023. Ahora: De enero de 2023 a marzo",
        "Antes: Diseñar cómo se rendirán cuentas en 2023. Ahora: Otro título.", "Salió del plan", "Responden otros",
        "Ahora: Escuela de Gobierno y Liderazgo.",
    ):  # fmt: skip
        assert expected in told, expected
    assert f'id="informe-{said["first"]}"' in page
    latest = client.get(PAGE).text.partition('id="historia"')[2]
    assert "Ver toda la historia: 21 pasos" in latest
    assert re.findall(r'<li id="(\w+)-\d+"', latest) == kinds[-6:]


def test_a_long_history_is_whole_on_its_pages(city: World, client: FlaskClient) -> None:
    for n in range(40):
        with transaction(city.desk.engine) as connection:
            voices.report(connection, f"{COMMITMENT}.1", "escuela", "stalled", f"{n} {'ñ' * 900}", "cli", city.clock())
    where, seen = f"{PAGE}/historia", []
    while where:
        page = client.get(where)
        assert weight(client, page) <= LIGHT
        seen += [int(n) for n in re.findall(r"<blockquote>(\d+) ñ", page.text)]
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        where = following[1] if following else ""
    assert seen == list(range(40))


# Ratings


@pytest.mark.parametrize(("people", "told"), [(4, "Menos de 5 personas"), (5, "Fue claro: 3. Escucharon: 4.")])
def test_ratings_are_shown_from_five_people_on(city: World, client: FlaskClient, people: int, told: str) -> None:
    promises.rate(city, people)
    page = client.get("/plan").text
    assert told in page
    assert ("Escucharon:" in page) == (people >= 5)


def test_an_event_that_has_not_begun_is_not_told(city: World, client: FlaskClient) -> None:
    city.clock.now = datetime(2023, 1, 10, 12, tzinfo=UTC)
    assert "Cuentas en la plaza" not in client.get("/plan").text


# Evidence


def test_a_file_of_evidence_is_harmless_and_kept(city: World, client: FlaskClient) -> None:
    promises.speak(city)
    photo, document, _report = (f"/plan/pruebas/{row['id']}" for row in city.rows(Evidence))
    answer = client.get(photo)
    assert (answer.mimetype, answer.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert answer.headers["Content-Disposition"] == 'inline; filename="prueba-1.jpg"'
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(photo, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(document).headers["Content-Disposition"] == 'attachment; filename="prueba-2.pdf"'


@pytest.mark.parametrize("number", ["0", "99", "2147483648", "9" * 30, "-1", "1.0", "x", "%00", "..%2f1"])
def test_a_file_that_is_not_there_is_not_found(city: World, client: FlaskClient, number: str) -> None:
    promises.speak(city)
    assert client.get(f"/plan/pruebas/{number}").status_code == 404


def test_a_file_that_was_not_fetched_yet_is_not_served(city: World, client: FlaskClient) -> None:
    said = promises.speak(city)
    with transaction(city.desk.engine) as connection:
        voices.await_file(connection, said["report"], 1, "telegram", b"sealed", "x.jpg", city.clock())
    last = city.rows(Evidence)[-1]["id"]
    assert client.get(f"/plan/pruebas/{last}").status_code == 404
    assert f"/plan/pruebas/{last}" not in client.get(PAGE).text


# Feeds and files


def entries(client: FlaskClient, path: str = "/plan.atom") -> list[ElementTree.Element]:
    return ElementTree.fromstring(client.get(path).data).findall(f"{ATOM}entry")


def events(client: FlaskClient, path: str = "/plan.ics") -> list[Any]:
    return list(Calendar.from_ical(client.get(path).data).walk("VEVENT"))


def test_the_feed_has_the_newest_changes_first(city: World, client: FlaskClient) -> None:
    for _n in range(4):
        promises.speak(city, text="Con \x08 letras \u202e & <b>raras</b>")
    found = entries(client)
    assert len(found) == 50
    days = [entry.findtext(f"{ATOM}updated", "") for entry in found]
    assert days == sorted(days, reverse=True)
    names = [entry.findtext(f"{ATOM}id", "") for entry in found]
    assert len(set(names)) == 50
    assert {name.partition(":plan/es/")[0] for name in names} == {"tag:cuenta.example.test,2022"}
    links = {link.get("href", "").partition("#")[0] for link in found[0].iter(f"{ATOM}link")}
    assert links == {f"https://cuenta.example.test{PAGE}"}
    assert (
        found[0].findtext(f"{ATOM}title") == "Avance limitado. Rendición de cuentas todo el año: #CartagenaCuenta 2023"
    )
    assert "&lt;b&gt;" in found[0].findtext(f"{ATOM}summary", "")
    english = [entry.findtext(f"{ATOM}title", "") for entry in entries(client, "/en/plan.atom")]
    assert english[0].startswith("Limited progress. Accountability all year round")


def test_the_calendar_has_the_last_day_of_each_milestone(city: World, client: FlaskClient) -> None:
    found = {str(event["uid"]): event for event in events(client)}
    assert set(found) == {f"{COMMITMENT}.{n}@cuenta.example.test" for n in range(1, 8)}
    last = found[f"{COMMITMENT}.2@cuenta.example.test"]
    assert last.decoded("dtstart") == date(2023, 2, 28)
    assert last.decoded("dtend") == date(2023, 3, 1)
    assert str(last["summary"]) == "Hito 2. La gente ayuda a priorizar los temas"
    assert str(last["url"]) == f"https://cuenta.example.test{PAGE}"
    moved = the_plan()
    (promised,) = moved.commitments
    steps = tuple(replace(step, span=Stated("2023-02", "2023-05")) for step in promised.milestones)
    load_plan(city, replace(moved, commitments=(replace(promised, milestones=steps),)))
    again = {str(event["uid"]): event.decoded("dtstart") for event in events(client)}
    assert again == dict.fromkeys(found, date(2023, 5, 31))


def test_every_milestone_is_data_with_every_field_described(city: World, client: FlaskClient) -> None:
    promises.speak(city, text="Hicimos, y no una vez: dos jornadas\nen la plaza.")
    told = client.get("/plan.json").get_json()
    assert len(told["milestones"]) == 7
    assert {tuple(row) for row in told["milestones"]} == {tuple(plan_files.COLUMNS)}
    assert set(told["columns"]) == set(plan_files.COLUMNS)
    first = told["milestones"][0]
    expected = {
        "milestone": f"{COMMITMENT}.1", "end_date": "2023-01-31", "by_month": True, "phase": "done",
        "reported": "complete", "reported_on": "2023-04-10", "evidence": 2, "committee": "validated",
        "committee_validated": 7, "committee_objected": 2, "objections": 1, "objections_answered": 1,
        "completion": "substantial", "consultation": None, "proposal": None,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert [row["reported"] for row in told["milestones"][1:]] == [None] * 6
    lines = list(csv.DictReader(io.StringIO(client.get("/plan.csv").text, newline="")))
    described = {row["column"] for row in csv.DictReader(io.StringIO(client.get("/plan/columnas.csv").text))}
    assert set(lines[0]) == described
    assert [row["milestone"] for row in lines] == [row["milestone"] for row in told["milestones"]]
    assert lines[0]["report_text"] == first["report_text"]
    assert lines[0]["lead_institutions"].count("|") == 3
    assert lines[1]["completion"] == ""


FILES = ("/plan.atom", "/plan.ics", "/plan.json", "/plan.csv", "/plan/columnas.csv", f"{PAGE}/tarjeta.png")


@pytest.mark.parametrize("spoken", [False, True])
@pytest.mark.parametrize(
    "path", ["/plan", PAGE, f"{PAGE}/historia", "/en/plan", "/en/plan.atom", "/en/plan.ics", *FILES]
)
def test_who_has_it_is_told_that_it_is_the_same(city: World, client: FlaskClient, path: str, spoken: bool) -> None:
    if spoken:
        promises.speak(city)
    first = client.get(path)
    assert first.status_code == 200
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = client.head(path)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
    assert client.post(path).status_code == 405


def test_a_new_voice_shows_at_once(city: World, client: FlaskClient) -> None:
    changing = ("/plan", PAGE, f"{PAGE}/historia", "/plan.atom", "/plan.json", "/plan.csv", f"{PAGE}/tarjeta.png")
    before = {path: client.get(path).headers["ETag"] for path in changing}
    promises.speak(city)
    assert [path for path in changing if client.get(path).headers["ETag"] == before[path]] == []


@pytest.mark.parametrize("id", [*NOT_THERE, f"{COMMITMENT}.1", "plan-2023"])
def test_a_commitment_that_is_not_there_is_not_found(client: FlaskClient, id: str) -> None:
    for page in ("", "/historia", "/tarjeta.png"):
        assert client.get(f"/plan/{id}{page}").status_code == 404, (id, page)
    for part in ("0", "2", "99999999999999999999"):
        assert client.get(f"{PAGE}/historia?pagina={part}").status_code == 404


# The picture


def test_a_commitment_has_a_picture_in_both_languages(city: World, client: FlaskClient) -> None:
    spanish, english = client.get(f"{PAGE}/tarjeta.png"), client.get(f"/en{PAGE}/tarjeta.png")
    assert spanish.content_type == english.content_type == "image/png"
    assert spanish.data != english.data
    assert Image.open(io.BytesIO(spanish.data)).width == 1080
    assert len(spanish.data) < 60_000
    assert f'content="https://cuenta.example.test{PAGE}/tarjeta.png"' in client.get(PAGE).text
    named = pictures.address("https://cuenta.example.test", f"progress/{COMMITMENT}", "en")
    assert client.get(named.removeprefix("https://cuenta.example.test")).data == english.data


def test_a_picture_of_many_long_milestones_is_drawn(city: World, client: FlaskClient) -> None:
    load_plan(city, great_plan(1, 40))
    drawn = Image.open(io.BytesIO(client.get("/plan/grande-1/tarjeta.png").data))
    assert drawn.height < 4000


# Who is never shown


def test_nobody_is_named(city: World, client: FlaskClient) -> None:
    for channel, who in (("telegram", 1), ("whatsapp", 2)):
        for text in (f"hitos {COMMITMENT}", "1"):
            city.say(text, channel, who)
    promises.speak(city)
    promises.rate(city, 7)
    secrets = {str(row["address"]).removeprefix("whatsapp:") for row in city.rows(Contact)}
    assert address("telegram", 1) in secrets
    secrets |= {SENT_AS, "academia-1", "comunales-2-1", city.settings.secret_key}
    for path, answer in everything(client).items():
        assert [secret for secret in secrets if secret.encode() in answer.data] == [], path
        assert not any(SENT_AS in value for _name, value in answer.headers), path


# What somebody smuggles in


def smuggling(text: str) -> ReadPlan:
    """The plan of 2023 with this in everything that a city writes."""
    plan, told = the_plan(), words(text)

    def named(each: tuple[Named, ...]) -> tuple[Named, ...]:
        return tuple(replace(one, words=told, short=told if one.short else None) for one in each)

    (promised,) = plan.commitments
    steps = tuple(replace(step, title=told, short=told, official=text) for step in promised.milestones)
    promised = replace(
        promised, title=told, short=told, more=told, official=text, partners=(text, text), milestones=steps
    )
    return replace(
        plan, title=told, source=told, committee=told, monitor=told, objectives=named(plan.objectives),
        areas=named(plan.areas), values=named(plan.values), offices=named(plan.offices), commitments=(promised,),
        sectors=tuple(replace(sector, words=told) for sector in plan.sectors),
        events=tuple(replace(event, words=told) for event in plan.events),
    )  # fmt: skip


def skeletons(template: Path, folder: Path, text: str) -> dict[str, Any]:
    """The elements of every page of a plan in which everybody writes this."""
    world = World.on(sqlite_copy(template, folder), folder, Clock(SPRING)).load()
    load_plan(world, smuggling(text))
    promises.speak(world, text=text)
    promises.rate(world, 6)
    client = client_of(world)
    pages = {path: page for path, page in everything(client).items() if page.mimetype == "text/html" and "plan" in path}
    for path in (PAGE, f"{PAGE}/historia"):
        assert text in read(pages[path]).text
    for name in ("/plan.atom", "/plan.ics"):
        assert client.get(name).status_code == 200
    assert entries(client)
    assert len(events(client)) == 7
    world.desk.engine.dispose()
    return {path: read(page).elements for path, page in pages.items()}


def test_whatever_people_write_is_text(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.plans.MOST_BYTES", 10**6)  # longer words would fall on other parts of a page
    smuggled = skeletons(sqlite_template, tmp_path / "one", " ".join(SMUGGLED))
    assert smuggled == skeletons(sqlite_template, tmp_path / "other", "harmless")


# The timeline

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
SPANS = st.tuples(DAYS, DAYS).map(lambda days: Span(min(days), max(days), False))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(SPANS, min_size=1, max_size=5), DAYS, st.sampled_from(["ahead", "late", "done"]))
def test_nothing_is_drawn_outside(spans: list[Span], today: date, phase: str) -> None:
    scale = Scale.over(spans, today)
    for span in spans:
        bar = scale.bar(span, Standing("c.1", phase))
        assert bar.left >= 0
        assert bar.width > 0
        assert bar.left + bar.width + bar.tail <= 100.11
    assert scale.mark is None or 0 <= scale.mark <= 100


def test_a_bar_is_as_long_as_its_milestone() -> None:
    year = Span(date(2023, 1, 1), date(2023, 12, 31), True)
    scale = Scale.over([year], date(2023, 7, 2))
    assert scale.mark == 49.9
    whole = scale.bar(year, Standing("c.1", "running"))
    assert (whole.left, whole.width) == (0, 100)
    january = scale.bar(Span(date(2023, 1, 1), date(2023, 1, 31), True), Standing("c.1", "late"))
    assert (january.left, january.width, january.tail) == (0, 8.5, 41.4)
    assert Scale.over([year], date(2024, 1, 1)).mark is None


def test_every_phase_has_a_shape_of_its_own_and_words(city: World, client: FlaskClient) -> None:
    legend = client.get("/plan").text.partition('<ul class="legend">')[2].partition("</ul>")[0]
    shapes = re.findall(r'<rect class="(\w+)"', legend)
    assert shapes == ["ahead", "running", "soon", "late", "ended", "done", "withdrawn"]
    for told in (
        "sin empezar",
        "va a tiempo",
        "le queda poco",
        "va tarde",
        "pasó su plazo",
        "se retiró",
        "hoy, 10 de abril de 2023",
    ):
        assert told in legend
