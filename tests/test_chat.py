"""The browser chat over HTTP: a vote by plain forms, nothing lost or doubled, and nobody in another's chat."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cli import sample, wiring
from cli.settings import read_settings
from storage.ballots import Ballot, Roll
from storage.contacts import Contact
from storage.database import transaction
from storage.folder import read_folder
from storage.outbox import Outgoing
from storage.participants import Seat
from tests import vaults
from tests.test_confidential import SEALED, changed, dump
from tests.world import EXAMPLE, World, away, environment

HIDDEN = re.compile(r'name="(id|seen)" value="([^"]*)"')
PRESS = re.compile(r'name="press" value="([^"]+)">([^<]+)<')
PICK = re.compile(r'name="pick" value="(\d+)"')
SAID = re.compile(r'<div class="theirs" data-id="\d+"><p>(.*?)</p>', re.DOTALL)


def settings_of(world: World, **more: str) -> Any:
    return read_settings(environment(world.settings.database_url, world.folder, BROWSER_CHAT="on", **more))


@pytest.fixture
def client(world: World) -> FlaskClient:
    return wiring.app(settings_of(world), world.clock).test_client()


@pytest.fixture
def little_client(little_world: World) -> FlaskClient:
    return wiring.app(settings_of(little_world), little_world.clock).test_client()


def fields(page: TestResponse, form: int = 1) -> dict[str, str]:
    """The hidden fields of the page's first form (buttons) or second (text)."""
    found = HIDDEN.findall(page.text)
    return dict(found[2 * (form - 1) : 2 * form])


def said(page: TestResponse) -> str:
    return "\n".join(SAID.findall(page.text))


def write(client: FlaskClient, page: TestResponse, text: str) -> TestResponse:
    return client.post("/chat", data={**fields(page, 2), "text": text}, follow_redirects=True)


def press(client: FlaskClient, page: TestResponse, label: str) -> TestResponse:
    value = next(value for value, words in PRESS.findall(page.text) if words.startswith(label))
    return client.post("/chat", data={**fields(page), "press": value}, follow_redirects=True)


def vote(client: FlaskClient, picks: tuple[str, ...] = ("1", "4", "6")) -> TestResponse:
    """A whole first vote by plain forms; the page with the receipt."""
    page = write(client, client.get("/chat"), "votar")
    for label in ("Sí", "25", "Femenino"):
        page = press(client, page, label)
    assert len(PICK.findall(page.text)) == 12
    page = client.post("/chat", data={**fields(page), "pick": list(picks)}, follow_redirects=True)
    return press(client, page, "Sí")


def test_a_whole_vote_without_script(world: World, client: FlaskClient) -> None:
    page = vote(client)
    assert "Su recibo es" in said(page)
    (ballot,) = world.rows(Ballot)
    assert ballot["choices"] == "p01 p04 p06"
    assert [row["origin"] for row in world.rows(Roll)] == ["web"]


def test_a_page_that_is_loaded_again_still_has_the_receipt(client: FlaskClient) -> None:
    receipt = said(vote(client))
    assert said(client.get("/chat")) == receipt


def test_what_was_shown_is_erased_when_the_next_message_says_so(world: World, client: FlaskClient) -> None:
    page = vote(client)
    assert "Su recibo" not in said(write(client, page, "ayuda"))
    states = {row["state"] for row in world.rows(Outgoing) if row["kind"] == "receipt"}
    assert states == {"read"}


def test_a_form_sent_twice_is_taken_once(world: World, client: FlaskClient) -> None:
    page = write(client, client.get("/chat"), "votar")
    for label in ("Sí", "25", "Femenino"):
        page = press(client, page, label)
    page = client.post("/chat", data={**fields(page), "pick": ["2"]}, follow_redirects=True)
    value = next(value for value, words in PRESS.findall(page.text) if words.startswith("Sí"))
    first = client.post("/chat", data={**fields(page), "press": value}, follow_redirects=True)
    again = client.post("/chat", data={**fields(page), "press": value, "seen": "0"}, follow_redirects=True)
    assert said(first) == said(again)
    assert len(world.rows(Ballot)) == 1


def test_going_back_and_answering_otherwise_is_heard(client: FlaskClient) -> None:
    page = client.get("/chat")
    assert "Acepta" in said(client.post("/chat", data={**fields(page), "text": "votar"}, follow_redirects=True))
    other = client.post("/chat", data={**fields(page), "text": "english"}, follow_redirects=True)
    assert "Do you agree" in said(other)


def test_an_answer_whose_page_was_lost_waits(client: FlaskClient) -> None:
    """The connection broke after the desk had the message: the same message again brings the same answer."""
    page = client.get("/chat")
    told = {**fields(page, 2), "text": "votar"}
    wants_json = {"Accept": "application/json"}
    lost = client.post("/chat", data=told, headers=wants_json)
    again = client.post("/chat", data=told, headers=wants_json)
    assert [m["id"] for m in json.loads(lost.data)] == [m["id"] for m in json.loads(again.data)]
    assert len(json.loads(client.get("/chat/mensajes", headers=wants_json).data)) == 1


def test_two_visitors_never_see_each_others_chat(world: World) -> None:
    app = wiring.app(settings_of(world), world.clock)
    one, other = app.test_client(), app.test_client()
    receipt = re.search(r"Su recibo es (\w+)", said(vote(one)))
    assert receipt
    page = other.get("/chat")
    assert receipt[1] not in page.text
    assert said(page) == ""
    # Nor does a message with another's id use it up.
    told = fields(one.get("/chat"), 2)
    assert "Acepta" in said(other.post("/chat", data={**told, "text": "votar"}, follow_redirects=True))


def test_the_cookie_is_the_visitors_alone(world: World, client: FlaskClient) -> None:
    given = client.get("/chat", base_url="https://cuenta.example.test").headers["Set-Cookie"]
    assert all(part in given for part in ("cuenta_chat=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"))
    assert given.startswith("__Host-"), "a neighbour under the same domain cannot set it"
    vote(client)
    token = client.get_cookie("cuenta_chat")
    assert token
    assert token.value not in json.dumps(world.rows(Contact), default=str)
    assert "Set-Cookie" not in client.get("/").headers


def test_over_https_a_token_that_a_neighbour_gave_is_not_taken(client: FlaskClient) -> None:
    client.set_cookie("cuenta_chat", "n" * 43, domain="example.test", origin_only=False)
    page = client.get("/chat", base_url="https://cuenta.example.test")
    assert "n" * 43 not in page.headers["Set-Cookie"]


def test_the_cookie_lasts_from_the_last_visit(client: FlaskClient) -> None:
    first, again = (client.get("/chat").headers["Set-Cookie"] for _n in range(2))
    assert first.partition(";")[0] == again.partition(";")[0]
    assert "Max-Age=15552000" in again


def test_leaving_forgets_the_visitor_here(client: FlaskClient) -> None:
    vote(client)
    assert client.post("/chat/salir").status_code == 303
    assert said(client.get("/chat")) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"}, {"Origin": "http://["}, {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_another_site_cannot_speak_for_a_visitor(
    little_world: World, little_client: FlaskClient, headers: dict[str, str]
) -> None:
    page = little_client.get("/chat")
    answer = little_client.post("/chat", data={**fields(page, 2), "text": "votar"}, headers=headers)
    assert answer.status_code == 403
    assert little_world.rows(Contact) == []


@pytest.mark.parametrize(
    "form",
    [
        {}, {"id": ""}, {"id": "x"}, {"id": "a" * 65}, {"id": "<script>alert(1)</script>", "text": "hola"},
        {"id": "\x00" * 12, "text": "hola"},
    ],
)  # fmt: skip
def test_a_form_without_a_right_id_is_refused_kindly(little_client: FlaskClient, form: dict[str, str]) -> None:
    little_client.get("/chat")
    answer = little_client.post("/chat", data=form)
    assert answer.status_code == 400
    assert "No pudimos leer eso" in answer.text


@pytest.mark.parametrize(
    "more",
    [
        {"text": ""}, {"text": "   "}, {"text": "\x00\ud800".encode("utf-8", "surrogatepass")}, {"text": "á" * 5000},
        {"press": "no.such.button"}, {"press": "x" * 5000}, {"pick": ["99"] * 500}, {"pick": ["<b>"]},
        {"seen": "-1", "text": "hola"}, {"seen": "9" * 40, "text": "hola"}, {"seen": "²", "text": "hola"},
    ],
)  # fmt: skip
def test_odd_input_gets_an_answer(client: FlaskClient, more: dict[str, Any]) -> None:
    page = client.get("/chat")
    answer = client.post("/chat", data={**fields(page, 2), **more}, follow_redirects=True)
    assert answer.status_code == 200
    assert 'id="log"' in answer.text


def test_without_a_cookie_it_says_so(little_world: World) -> None:
    client = wiring.app(settings_of(little_world), little_world.clock).test_client(use_cookies=False)
    answer = client.post("/chat", data={"id": "0123456789", "text": "votar"})
    assert answer.status_code == 400
    assert "cookie" in answer.text
    assert little_world.rows(Contact) == []


def test_too_many_messages_are_asked_to_wait(little_client: FlaskClient) -> None:
    page = little_client.get("/chat")
    codes = [
        little_client.post("/chat", data={"id": f"0123456789-{n}", "seen": "0", "text": "hola"}).status_code
        for n in range(45)
    ]
    assert codes[:40] == [303] * 40
    assert codes[40:] == [429] * 5
    refused = little_client.post("/chat", data={**fields(page, 2), "text": "hola"})
    assert "Espere un minuto" in refused.text


def test_a_database_that_is_away_loses_nothing(client: FlaskClient) -> None:
    page = client.get("/chat")
    told = {**fields(page, 2), "text": "votar"}
    with away():
        refused = client.post("/chat", data=told)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert "Intente otra vez en unos minutos" in refused.text
        assert client.get("/chat").status_code == 503
    assert "Acepta" in said(client.post("/chat", data=told, follow_redirects=True))


def test_it_is_off_unless_set(little_world: World) -> None:
    given = read_settings(environment(little_world.settings.database_url, little_world.folder))
    client = wiring.app(given, little_world.clock).test_client()
    assert client.get("/chat").status_code == 404
    assert client.post("/chat").status_code == 404
    assert "/chat" not in client.get("/").text


def test_it_is_light(client: FlaskClient) -> None:
    vote(client)
    page = client.get("/chat")
    parts = [page.data, *(client.get(path).data for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))]
    assert sum(map(len, parts)) < 60_000


def test_english_begins_in_english(client: FlaskClient) -> None:
    page = client.get("/en/chat")
    answer = client.post("/en/chat", data={**fields(page, 2), "text": "vote"}, follow_redirects=True)
    assert "Do you agree" in said(answer)
    assert answer.request.path == "/en/chat"


class TestDemo:
    """In the demo one plays others."""

    @pytest.fixture
    def stage(self, world: World) -> FlaskClient:
        return wiring.app(settings_of(world), world.clock, demo=True).test_client()

    @pytest.mark.parametrize("channel", ["whatsapp", "telegram", "sms"])
    def test_somebody_new_votes_on_a_channel(self, world: World, stage: FlaskClient, channel: str) -> None:
        stage.post("/chat/papel", data={"channel": channel, "persona": "new"})
        page = stage.get("/chat")
        for text in ("votar", "1", "2", "1", "1 4 6", "1"):
            page = write(stage, page, text)
        assert "ecibo" in said(page)
        assert [row["origin"] for row in world.rows(Roll)] == [channel]
        assert ("SMS</small>" in page.text) == (channel == "sms")
        assert "bytes" in page.text

    def test_somebody_of_2022_is_known(self, world: World, stage: FlaskClient) -> None:
        world.vote("1 4 6", "whatsapp", 7)
        stage.post("/chat/papel", data={"channel": "whatsapp", "persona": "resident"})
        assert "Usted ya votó" in said(write(stage, stage.get("/chat"), "votar"))

    @pytest.mark.parametrize(("persona", "word"), [("seat", "comité"), ("office", "avance")])
    def test_somebody_of_the_committee_or_an_office_has_their_place(
        self, world: World, stage: FlaskClient, persona: str, word: str
    ) -> None:
        (example,) = read_folder(EXAMPLE).plans
        with transaction(world.desk.engine) as connection:
            sample.add(connection, example, world.clock())
        stage.get("/chat")
        stage.post("/chat/papel", data={"channel": "whatsapp", "persona": persona})
        page = stage.get("/chat")
        assert {"seat": "Ahora usted ocupa la silla", "office": "Ahora usted informa"}[persona] in said(page)
        assert "hito" in said(write(stage, page, word)).lower()

    def test_without_the_example_nobody_sits(self, world: World, stage: FlaskClient) -> None:
        stage.get("/chat")
        assert stage.post("/chat/papel", data={"channel": "sms", "persona": "seat"}).status_code == 303
        assert world.rows(Seat) == []

    def test_nobody_plays_another_visitor(self, world: World, stage: FlaskClient) -> None:
        other = wiring.app(settings_of(world), world.clock).test_client()
        vote(other)
        stage.get("/chat")
        stage.post("/chat/papel", data={"channel": "web", "persona": "resident"})
        assert said(stage.get("/chat")) == ""

    def test_nobody_plays_outside_the_demo(self, client: FlaskClient) -> None:
        assert client.post("/chat/papel", data={"channel": "sms", "persona": "new"}).status_code == 404
        client.set_cookie("cuenta_demo", "sms-resident-1")
        assert "<small>" not in write(client, client.get("/chat"), "votar").text

    @pytest.mark.parametrize("role", ["sms", "sms-admin-1", "web-new-99999999", "<script>", "sms-new-²"])
    def test_an_odd_role_is_oneself(self, stage: FlaskClient, role: str) -> None:
        stage.set_cookie("cuenta_demo", role.encode("ascii", "replace").decode())
        assert stage.get("/chat").status_code == 200


def test_a_complaint_in_the_browser_touches_no_ordinary_row(sqlite_url: str, tmp_path: Path) -> None:
    with vaults.taking_complaints(sqlite_url, tmp_path) as world:
        settings = replace(settings_of(world), volatile_path=world.settings.volatile_path)
        client = wiring.app(settings, world.clock).test_client()
        page = write(client, client.get("/chat"), "hola")
        page = write(client, page, "denunciar")
        before = dump(world)
        page = press(client, page, "Ninguno")
        assert "No tiene que decir quién es" in said(client.get("/chat")), "it waits until it was shown"
        page = press(client, page, "Sin mi nombre")
        assert "Sin mi nombre" not in page.text
        for answer in ("pidieron plata", *["saltar"] * 6):
            page = write(client, page, answer)
        page = press(client, page, "Listo")
        assert changed(before, dump(world)) == set()
        page = press(client, page, "Enviarla")
        assert "Clave: " in said(page)
        assert changed(before, dump(world)) == SEALED
        page = write(client, page, re.findall(r"-([0-9A-Z]{4})\n", said(page) + "\n")[0])
        assert "Clave: " not in page.text
        page = write(client, page, "menú")
        assert "¿Acepta?" in said(page)
