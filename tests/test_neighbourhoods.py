"""The sheet of a neighbourhood: it says how to vote with the words that vote, and is light."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from flows import register
from storage.ballots import Ballot
from storage.catalogue import changed
from storage.connectivity import state
from storage.database import transaction
from tests.test_console_networks import clerk_id
from tests.test_site import FILE, LIGHT, PAGE, SLUG, client_of
from tests.visitor import read
from tests.world import World
from web.poster import SIZES

CHOOSER = f"{PAGE}/barrios"
SHEET = f"{CHOOSER}/el-pozon"


@pytest.fixture
def client(little_world: World) -> FlaskClient:
    return client_of(little_world)


def test_the_sheet_has_what_somebody_needs_who_has_no_internet(client: FlaskClient) -> None:
    page = read(client.get(SHEET)).text
    for told in (
        "El Pozón (Unidad Comunera 6)", "Consulta de Gobierno Abierto 2022", "hasta el lunes 21 de noviembre",
        "Laboratorios de cultura ciudadana y transparencia", "VOTAR 1 4 6", "+15550000001", "+15550000002",
        "@cuenta_bot", "Votar es gratis.", "Nadie puede pedírselo", "transparenciayanticorrupcion@cartagena.gov.co",
    ):  # fmt: skip
        assert told in page, told
    assert "VOTE 1 4 6" in read(client.get(f"/en{SHEET}")).text


@pytest.mark.parametrize("tongue", ["", "/en"])
def test_the_words_on_the_sheet_cast_a_vote(client: FlaskClient, little_world: World, tongue: str) -> None:
    found = re.search(r'class="exact">([^<]+)<', client.get(f"{tongue}{SHEET}").text)
    assert found
    little_world.vote("2 5")
    assert register.ballot_in(found[1])
    little_world.say(found[1])
    assert [row["choices"] for row in little_world.rows(Ballot)] == ["p01 p04 p06"]


def test_where_there_are_no_data_the_sms_comes_first(client: FlaskClient, little_world: World) -> None:
    def order() -> list[str]:
        return re.findall(r"<strong>(\+1555\d+|@cuenta_bot)</strong>", client.get(SHEET).text)

    assert order() == ["+15550000001", "@cuenta_bot", "+15550000002"]
    clerk = clerk_id(little_world)
    with transaction(little_world.desk.engine) as connection:
        state(connection, "ucg-6", "sms", clerk, little_world.clock())
        changed(connection)
    assert order() == ["+15550000002", "+15550000001", "@cuenta_bot"]


def test_a_neighbourhood_is_chosen_from_a_list_that_the_page_of_the_vote_leads_to(client: FlaskClient) -> None:
    assert CHOOSER in client.get(PAGE).text
    chooser = client.get(CHOOSER).text
    assert chooser.count("<optgroup") == 18
    assert '<option value="el-pozon">El Pozón</option>' in chooser
    answer = client.get(f"{CHOOSER}?lugar=el-pozon")
    assert (answer.status_code, answer.headers["Location"]) == (303, SHEET)
    assert client.get(f"{CHOOSER}?lugar=//evil.example").status_code == 200


@pytest.mark.parametrize("path", [CHOOSER, SHEET, f"/en{SHEET}"])
def test_it_is_light(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    files = sum(len(client.get(file).data) for file in FILE.findall(answer.text))
    assert len(answer.data) + files < LIGHT


def test_the_poster_has_its_name_and_is_light(client: FlaskClient) -> None:
    made = client.get(f"{SHEET}/cartel.pdf")
    assert (made.mimetype, made.data[:5]) == ("application/pdf", b"%PDF-")
    assert f"{SIZES['a4'][0]:.0f}".encode() in made.data
    assert len(made.data) < LIGHT
    assert made.data != client.get(f"{CHOOSER}/bocachica/cartel.pdf").data


@pytest.mark.parametrize("path", [f"{CHOOSER}/atlantis", f"{CHOOSER}/atlantis/cartel.pdf", "/consultas/x/barrios"])
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_of_a_vote_that_has_ended_there_is_no_sheet(client: FlaskClient, little_world: World) -> None:
    little_world.clock.forward(days=8)
    assert [client.get(path).status_code for path in (CHOOSER, SHEET, f"{SHEET}/cartel.pdf")] == [404] * 3
    assert CHOOSER not in client.get(PAGE).text


def test_of_a_draft_there_is_none(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path).load()
    assert client_of(world).get(f"/consultas/{SLUG}/barrios/el-pozon").status_code == 404
    world.desk.engine.dispose()
