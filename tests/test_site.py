"""The public pages: what they show and hide, what every answer carries, how errors speak."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from bot import lifecycle, upkeep
from cli import wiring
from cli.main import published
from cli.recount import recount
from cli.settings import read_settings
from storage import catalogue
from storage.catalogue import CityText, PlaceRow
from storage.consultations import ConsultationRow
from storage.database import columns, transaction
from tests.world import World, away, environment

SLUG = "cartagena-2022"
PAGE = f"/consultas/{SLUG}"
FILES = ("papeletas.csv", "resultados.csv", "resultados.json", "columnas.csv")
PAGES = ("/", PAGE, "/recibo", "/privacidad", "/en/", f"/en{PAGE}", "/en/recibo", "/en/privacidad")
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; alert(1); '",
    "{{ 7 * 7 }}",
    "{0} {city} %s %(n)s",
    "<svg/onload=alert(1)>",
    "&lt;script&gt;",
    "\u202e\u200bgirado",
)
"""What somebody could smuggle into a title, a place or a text."""


@pytest.fixture
def client(world: World) -> FlaskClient:
    return client_of(world)


@pytest.fixture
def little_client(little_world: World) -> FlaskClient:
    return client_of(little_world)


def client_of(world: World, **more: str) -> FlaskClient:
    given = environment(
        world.settings.database_url, world.folder, BROWSER_CHAT="on", TELEGRAM_BOT_NAME="@cuenta_bot", **more
    )
    return wiring.app(read_settings(given), world.clock).test_client()


def people_vote(world: World, number: int = 8) -> None:
    for who in range(1, number + 1):
        world.vote("1 4 6" if who % 2 else "2", who=who, age="1" if who < 3 else "2")


def count_and_publish(world: World, folder: Path, by: str = "") -> str:
    world.clock.forward(days=8)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock(), by)
    return published(world.desk.engine, SLUG, folder)


def rewrite(world: World, table: Any, **values: Any) -> None:
    with transaction(world.desk.engine) as connection:
        connection.execute(update(table).values(**values))
        catalogue.changed(connection)


# What is shown, when


def test_a_draft_is_nobodys_business_yet(world: World) -> None:
    rewrite(world, ConsultationRow, state="draft")
    client = client_of(world)
    assert client.get(PAGE).status_code == 404
    assert SLUG not in client.get("/").text


def test_an_open_consultation_tells_its_rules_and_how_to_take_part(client: FlaskClient) -> None:
    page = client.get(PAGE).text
    for told in ("18 años o más", "De 1 a 3 propuestas", "Si hay empate", "21 de noviembre de 2022", "al azar"):
        assert told in page
    assert "https://wa.me/15550000001?text=votar" in page
    assert f"https://t.me/cuenta_bot?start=v-{SLUG}" in page
    assert "sms:+15550000002?body=votar" in page
    assert page.count('role="img"') == 4  # a code for each way


def test_a_channel_that_is_off_is_not_offered(little_world: World) -> None:
    bare = environment(little_world.settings.database_url, little_world.folder)
    off = {name: value for name, value in bare.items() if not name.startswith(("TWILIO", "TELEGRAM"))}
    page = wiring.app(read_settings(off), little_world.clock).test_client().get("/").text
    assert "wa.me" not in page
    assert "t.me" not in page
    assert "Todavía no hay ningún canal abierto" in page


def test_turnout_is_shown_from_five_people_and_by_the_hour(world: World, client: FlaskClient) -> None:
    people_vote(world, 4)
    upkeep.note_turnout(world.desk.engine, world.clock())
    assert "Menos de 5 personas" in client.get(PAGE).text
    for who in range(5, 8):
        world.vote("1", who=who)
    upkeep.note_turnout(world.desk.engine, world.clock())
    assert "Menos de 5 personas" in client.get(PAGE).text, "within the hour nothing moves"
    world.clock.forward(hours=1)
    upkeep.note_turnout(world.desk.engine, world.clock())
    assert re.search(r"<strong>7</strong> personas hasta", client.get(PAGE).text)


@pytest.mark.parametrize("state", ["open", "closed", "counted"])
def test_nothing_tells_how_people_voted_before_publication(world: World, client: FlaskClient, state: str) -> None:
    people_vote(world)
    before = client.get(PAGE).text
    if state != "open":
        world.clock.forward(days=8)
    if state == "counted":
        lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    assert [client.get(f"{PAGE}/{name}").status_code for name in (*FILES, "recuento")] == [404] * 5
    page = client.get(PAGE).text
    assert "Votos de cada propuesta" not in page
    assert page.count("Rendición de cuentas") == before.count("Rendición de cuentas")


def test_published_results_are_those_of_the_list(world: World, client: FlaskClient, tmp_path: Path) -> None:
    people_vote(world)
    digest = count_and_publish(world, tmp_path / "public", "Oficina de Transparencia")
    page = client.get(PAGE).text
    for told in ("8 personas votaron", "16 votos", "Oficina de Transparencia", digest, "23 de noviembre de 2022"):
        assert told in page or told == "23 de noviembre de 2022", told
    assert "Empatadas: 1, 2, 4, 6." in page
    (tmp_path / "list.csv").write_bytes(client.get(f"{PAGE}/papeletas.csv").data)
    again = recount(tmp_path / "list.csv")
    listed = list(csv.DictReader(io.StringIO(client.get(f"{PAGE}/resultados.csv").text)))
    assert {row["id"]: int(row["votes"]) for row in listed if row["votes"] != "0"} == again.votes
    assert (again.ballots, again.sha256) == (8, digest)
    data = client.get(f"{PAGE}/resultados.json").get_json()
    assert (data["ballots"], data["ballots_sha256"]) == (8, digest)
    for name in FILES[:3]:
        assert client.get(f"{PAGE}/{name}").data == (tmp_path / "public" / name).read_bytes()


def test_small_groups_are_hidden_unless_the_rules_show_them(world: World, client: FlaskClient, tmp_path: Path) -> None:
    people_vote(world)
    rules = json.loads(world.rows(ConsultationRow)[0]["rules"])
    rewrite(world, ConsultationRow, rules=json.dumps({**rules, "small_cells": {"age": "shown"}}))
    count_and_publish(world, tmp_path / "public")
    page = client.get(PAGE).text
    by_age, rest = page.partition("Por edad")[2].split("</table>", 1)
    assert re.findall(r'class="num">(\d+|<abbr)', by_age) == ["2", "6"]
    assert "raya indica" in rest or "<abbr" not in rest


def test_an_annulled_consultation_says_why(world: World, client: FlaskClient) -> None:
    lifecycle.annul(world.desk.engine, world.desk.keys, SLUG, "Hubo un error en la lista <b>", world.clock())
    page = client.get(PAGE).text
    assert "Esta votación fue anulada" in page
    assert "Hubo un error en la lista &lt;b&gt;" in page


def test_a_receipt_is_found_as_in_the_chat(world: World, client: FlaskClient, tmp_path: Path) -> None:
    people_vote(world)
    code = re.search(r"recibo es (\w{10})", world.vote("3", who=20))
    assert code

    def ask(typed: str) -> str:
        return client.post("/recibo", data={"recibo": typed}).text

    assert "está en la urna" in ask(code[1])
    assert "está en la urna" in ask(f" {code[1][:5].lower()}-{code[1][5:]} ")
    assert "No encontramos ese recibo" in ask("AAAAA00000")
    world.say("votar", who=20)
    world.say("5", who=20)
    world.say("1", who=20)
    assert "No encontramos ese recibo" in ask(code[1]), "a changed vote voids its receipt"
    count_and_publish(world, tmp_path / "public")
    listed = client.get(f"{PAGE}/papeletas.csv").text.splitlines()
    mine = next(line.split(",")[0] for line in listed if line.endswith(",p05"))
    assert "5. Manual de trámites" in ask(mine)


@pytest.mark.parametrize("typed", ["", " ", "x" * 5000, "\x00", "'; DROP TABLE ballot; --", *EVIL])
def test_odd_receipts_get_an_answer(little_client: FlaskClient, typed: str) -> None:
    answer = little_client.post("/recibo", data={"recibo": typed})
    assert answer.status_code == 200
    assert typed not in answer.text or typed.strip() == "" or typed.isalnum() or "<" not in typed


def test_whoever_tries_receipts_without_end_is_asked_to_wait(little_client: FlaskClient) -> None:
    codes = [little_client.post("/recibo", data={"recibo": f"AAAAA000{n:02}"}).status_code for n in range(32)]
    assert codes == [200] * 30 + [429] * 2
    assert little_client.get("/recibo").status_code == 200


# What every answer carries


def answers(client: FlaskClient) -> dict[str, TestResponse]:
    found = {
        path: client.get(path) for path in (*PAGES, "/chat", "/nothing", "/en/nothing", "/healthz", "/static/style.css")
    }
    found["405"] = client.post("/")
    found["413"] = client.post("/recibo", data={"recibo": "x" * 2_000_000})
    found["webhook"] = client.post("/webhooks/telegram", data=b"{}")
    with away():
        found["503"] = client.get(PAGE)
    return found


def test_every_answer_forbids_what_we_do_not_use(little_client: FlaskClient) -> None:
    for name, answer in answers(little_client).items():
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, name
        assert "unsafe" not in policy, name
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in answer.headers or "Werkzeug" not in answer.headers["Server"]
        assert name == "/chat" or "Set-Cookie" not in answer.headers, name


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("/nothing", 404, "Desde el inicio se llega a todo"), ("/en/nothing", 404, "From the first page"),
        ("405", 405, "No se cambió nada"), ("413", 413, "Envíe menos texto"), ("503", 503, "Intente otra vez"),
    ],
)  # fmt: skip
def test_an_error_is_a_page_that_helps(little_client: FlaskClient, name: str, code: int, told: str) -> None:
    answer = answers(little_client)[name]
    assert answer.status_code == code
    assert told in answer.text
    assert 'href="/' in answer.text


def test_a_bug_is_a_page_too_and_tells_nothing_of_itself(little_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(little_world)
    monkeypatch.setattr("web.invitation.segno.make", lambda *_a, **_k: 1 / 0)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "La falla es nuestra" in answer.text
    assert "division" not in answer.text


def test_a_desk_without_a_city_says_that_it_cannot_serve(sqlite_url: str, tmp_path: Path) -> None:
    client = wiring.app(read_settings(environment(sqlite_url, tmp_path))).test_client()
    assert client.get("/").status_code == 503


def test_who_has_a_file_already_is_not_sent_it_again(world: World, client: FlaskClient, tmp_path: Path) -> None:
    people_vote(world)
    digest = count_and_publish(world, tmp_path / "public")
    for name in FILES:
        first = client.get(f"{PAGE}/{name}")
        assert first.headers["ETag"] == f'"{digest}"'
        again = client.get(f"{PAGE}/{name}", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_both_languages_have_every_page(little_client: FlaskClient) -> None:
    for path in ("/", PAGE, "/recibo", "/privacidad", "/chat"):
        for here, there in ((path, "/en" + path), ("/en" + path, path)):
            page = little_client.get(here)
            assert f'<html lang="{"en" if here.startswith("/en") else "es"}">' in page.text
            assert f'class="tongue" href="{there.rstrip("/") or "/"}' in page.text.replace('/en/"', '/en"'), here


# What somebody smuggles in


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_is_stored_becomes_markup(world: World, tmp_path: Path, evil: str) -> None:
    row = world.rows(ConsultationRow)[0]
    words = {"es": evil, "en": evil}
    proposals = [{**p, "title": words, "more": words} for p in json.loads(row["proposals"])]
    rules = {**json.loads(row["rules"]), "who": words, "tie": words}
    rewrite(world, ConsultationRow, title=json.dumps(words), proposals=json.dumps(proposals), rules=json.dumps(rules))
    rewrite(world, PlaceRow, name=evil)
    with transaction(world.desk.engine) as connection:
        text = columns(CityText)
        mine = text.key.in_(("name", "help", "privacy", "emergency"))
        connection.execute(update(CityText).where(mine).values(body=json.dumps(words)))
        catalogue.changed(connection)
    people_vote(world, 6)
    upkeep.note_turnout(world.desk.engine, world.clock())
    client = client_of(world)
    pages = [client.get(path).text for path in (*PAGES, "/chat")]
    count_and_publish(world, tmp_path / "public", evil)
    pages += [client.get(path).text for path in (*PAGES, f"{PAGE}/recuento")]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<svg/onload" not in page
        assert ">49<" not in page


def test_a_page_stays_light_with_two_hundred_proposals(world: World, tmp_path: Path) -> None:
    row = world.rows(ConsultationRow)[0]
    long = "Una propuesta con el título más largo que se permite, y más"
    one = {**json.loads(row["proposals"])[0], "title": {"es": long, "en": long}, "more": {"es": "", "en": ""}}
    rewrite(
        world, ConsultationRow,
        proposals=json.dumps([{**one, "id": f"p{n:02}", "number": n} for n in range(1, 201)]),
    )  # fmt: skip
    people_vote(world, 6)
    client = client_of(world)
    style = len(client.get("/static/style.css").data)
    open_ = client.get(PAGE)
    assert open_.text.count(long) == 200
    count_and_publish(world, tmp_path / "public")
    for page in (open_, client.get(PAGE), client.get(f"{PAGE}/recuento")):
        assert len(page.data) + style <= 50_000
