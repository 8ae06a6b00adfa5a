"""What everybody sees of complaints: a list of the week and figures of a quarter, and nothing in between."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import schemathesis
from flask.testing import FlaskClient

from bot.complaints import case_files, case_upkeep
from cli import wiring
from storage import receivers
from storage.database import transaction
from storage.folder import read_folder
from storage.loading import load
from storage.vault import Locked
from tests.console import signed_in
from tests.docket import case_of, go, write_down
from tests.test_case_upkeep import MONDAY
from tests.test_site import client_of
from tests.vaults import OFFICES, taking_complaints
from tests.world import EXAMPLE, World
from web import case_list
from web.console.access import Role

LIGHT = 50_000
STYLE = (Path(case_list.__file__).parent / "static" / "style.css").read_bytes()


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(sqlite_url, tmp_path) as world:
        world.clock.now = MONDAY
        yield world


@pytest.fixture
def client(desk: World) -> FlaskClient:
    return client_of(desk)


def test_before_the_first_list_there_is_a_page(client: FlaskClient) -> None:
    assert "Todavía no hay una primera lista" in client.get("/denuncias").text
    assert "cuando termine el primer trimestre" in client.get("/denuncias/cifras").text
    assert client.get("/denuncias.json").get_json()["rows"] == []
    assert client.get("/denuncias.json").get_json()["as_of"] is None
    assert client.get("/denuncias/cifras.csv").text == "quarter,table,value,complaints\n"


def test_a_complaint_is_listed_with_its_week_and_its_state(desk: World, client: FlaskClient) -> None:
    old, new = write_down(desk, date(2026, 7, 1)), write_down(desk, date(2026, 7, 6))
    go(desk, old, date(2026, 7, 2), "reviewing")
    case_upkeep.look_after(desk.desk)
    go(desk, old, date(2026, 7, 6), "admitted")
    shown = client.get("/denuncias").text
    assert case_of(desk, old).locator in shown
    assert case_of(desk, new).locator not in shown
    assert "29 de junio de 2026 – 5 de julio de 2026" in shown
    assert "Admitida" not in shown, "nobody can watch it move"
    assert "no puede saber cuándo alguien denunció" in shown
    assert "1 de julio" not in shown
    in_english = client.get("/en/denuncias").text
    assert "Being looked at" in in_english
    assert "29 June 2026 – 5 July 2026" in in_english
    row = {
        "locator": case_of(desk, old).locator, "state": "reviewing", "received_from": "2026-06-29",
        "received_to": "2026-07-05",
    }  # fmt: skip
    found = client.get("/denuncias.json").get_json()
    assert (found["rows"], found["as_of"]) == ([row], "2026-07-06T00:00:00-05:00")
    assert set(found["columns"]) == set(row)
    assert list(csv.DictReader(io.StringIO(client.get("/denuncias.csv").text))) == [row]


def test_a_long_list_comes_in_light_pages(desk: World, client: FlaskClient) -> None:
    ids = [write_down(desk, date(2026, 7, 1)) for _n in range(200)]
    case_upkeep.look_after(desk.desk)
    locators = sorted(case_of(desk, id).locator for id in ids)
    first, second = client.get("/denuncias"), client.get("/denuncias?pagina=2")
    assert len(first.data) + len(STYLE) < LIGHT
    assert [each for each in locators if each in first.text] == locators[:150]
    assert [each for each in locators if each in second.text] == locators[150:]
    assert client.get("/denuncias?pagina=3").status_code == 404


def test_figures_are_shown_by_one_property_at_a_time(desk: World, client: FlaskClient) -> None:
    ids = [write_down(desk, date(2026, 4, 13)) for _n in range(27)]
    for id in ids[:12]:
        go(desk, id, date(2026, 4, 22), "reviewing", "not-admitted")
    case_upkeep.look_after(desk.desk)
    shown = client.get("/denuncias/cifras").text
    assert "1 de abril de 2026 – 30 de junio de 2026" in shown
    assert "Recibidas en estos meses: 25" in shown
    assert "Respondidas por primera vez en estos meses: 10" in shown
    assert "Hasta 10 días hábiles" in shown
    assert client.get("/en/denuncias/cifras").status_code == 200
    numbers = [tuple(row.values()) for row in client.get("/denuncias/cifras.json").get_json()["rows"]]
    assert numbers == [
        ("2026-Q2", "received", "all", 25),
        ("2026-Q2", "received", "not-admitted", 10),
        ("2026-Q2", "received", "received", 15),
        ("2026-Q2", "answered", "all", 10),
        ("2026-Q2", "answered", "10", 10),
    ]
    assert "2026-Q2,received,all,25" in client.get("/denuncias/cifras.csv").text


def test_every_column_of_the_files_is_explained(client: FlaskClient) -> None:
    told = list(csv.DictReader(io.StringIO(client.get("/denuncias/columnas.csv").text)))
    for name, columns in case_files.COLUMNS.items():
        assert [row["column"] for row in told if row["file"] == name] == list(columns)
        assert client.get(f"/denuncias/{name}" if name == "cifras.csv" else f"/{name}").text.split("\n")[0] == ",".join(
            columns
        )


def test_where_the_city_takes_complaints_every_page_leads_to_the_list(client: FlaskClient) -> None:
    assert 'href="/denuncias"' in client.get("/").text
    assert 'href="/en/denuncias"' in client.get("/en/").text


def test_a_city_without_an_intake_has_none_of_it(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path)
    with transaction(world.desk.engine) as connection:
        load(connection, replace(read_folder(EXAMPLE), intake=None))
    client = client_of(world)
    case_upkeep.look_after(world.desk)
    for path in ("/denuncias", "/denuncias/cifras", "/denuncias.json", "/denuncias/cifras.csv", "/en/denuncias"):
        assert client.get(path).status_code == 404, path
    assert "/denuncias" not in client.get("/").text
    world.desk.engine.dispose()


def home(world: World, *roles: Role, key: str = "") -> str:
    who = signed_in(wiring.app(world.settings, world.clock), world, *roles, login=f"staff-{key or roles[0]}")
    if key:
        with transaction(world.desk.engine) as connection:
            made = receivers.active(connection)[0]
            locked = Locked(made.public[::-1] + key.encode(), b"", b"", b"")
            receivers.add(connection, who.id, key, locked, date(2026, 7, 1))
    return who.get("/consola/").text


def test_receivers_see_counts_of_a_fixed_hour_and_others_see_none(desk: World) -> None:
    write_down(desk, date(2026, 6, 11))
    write_down(desk, date(2026, 7, 1), excluded=OFFICES[0])
    desk.clock.now = datetime(2026, 7, 6, 13, tzinfo=UTC)
    case_upkeep.look_after(desk.desk)
    write_down(desk, date(2026, 7, 6))
    line = "esperan respuesta {}. Vencen en 5 días hábiles o menos: 1. Vencen hoy: 1. Vencidas: 0."
    assert line.format(1) in home(desk, Role.RECEIVER, key=OFFICES[0]), "nothing of what concerns their office"
    assert line.format(2) in home(desk, Role.RECEIVER, key=OFFICES[1])
    assert line.format(2) in home(desk, Role.CASE_OFFICER)
    assert "esperan respuesta" not in home(desk, Role.RECEIVER)
    assert "esperan respuesta" not in home(desk, Role.PARTICIPATION)


@pytest.mark.parametrize(
    "path", ["/denuncias.json", "/denuncias.csv", "/denuncias/cifras.json", "/denuncias/cifras.csv"]
)
def test_the_files_are_as_described(desk: World, path: str) -> None:
    for received in (date(2026, 4, 13), date(2026, 7, 1)):
        for _n in range(6):
            write_down(desk, received)
    case_upkeep.look_after(desk.desk)
    document = schemathesis.openapi.from_wsgi("/openapi.json", wiring.app(desk.settings, desk.clock))
    assert document[path]["GET"].Case().call_and_validate().status_code == 200
