"""The console's pages of ideas and the public page of what came of them: from what people said to what was decided."""

import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, event
from sqlalchemy.engine import Engine

from bot import idea_commands, idea_notices
from cli import wiring
from storage import audit, consultations, ideas
from storage.contacts import Contact, Person
from storage.database import reading, transaction
from storage.ideas import Idea, Outcome, Proposer
from storage.outbox import Outgoing
from tests.console import SITE, Signed, signed_in
from tests.test_ideas import UNTIL, answer, got, propose
from tests.test_site import SMUGGLED
from tests.transcripts import COLLECTS, collecting
from tests.world import World
from web.console.access import Role

LIST = f"/consola/ideas/{COLLECTS}"
MERGED = {"what": "merged", "subject": "p02", "summary_es": "Sombra en los parques", "reason_es": "Ya se siembra."}


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Cartagena, where one draft collects ideas and another did; on each kind of database."""
    made = World.on(database_url, tmp_path).load()
    with transaction(made.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
        consultations.load(connection, collecting(UNTIL, slug="other"))
        consultations.move(connection, "other", "draft", state="opened")
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def app(city: World) -> Flask:
    return wiring.app(city.settings, city.clock)


@pytest.fixture
def clerk(app: Flask, city: World) -> Signed:
    return signed_in(app, city, Role.PARTICIPATION)


def enter(
    world: World, number: int, text: str = "Sembrar árboles en el parque", collection: str = COLLECTS
) -> list[int]:
    """So many ideas from a workshop; their numbers."""
    row = {"collection": collection, "via": "workshop", "place": None}
    with transaction(world.desk.engine) as connection:
        ideas.enter(
            connection, [{**row, "code": idea_commands.new_code(), "text": text} for _n in range(number)], world.clock()
        )
        return [row.id for row in ideas.listed(connection, collection, most=number + 100)[0]]


def gathered(clerk: Signed, ids: list[int], into: str = "") -> str:
    """The address of the answer under which these ideas are now."""
    done = clerk.post(f"{LIST}/juntar", {"idea": [str(id) for id in ids], "respuesta": into})
    assert done.status_code == 303, done.text
    return done.headers["Location"]


def digest(page: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert found, page
    return found[1]


def send(clerk: Signed, path: str, **words: str) -> None:
    """Write an answer, look at it, and send it."""
    done = clerk.post(path, {**MERGED, **words})
    assert (done.status_code, done.headers.get("Location")) == (303, f"{path}/enviar"), done.text
    assert clerk.post(f"{path}/enviar", {"seen": digest(clerk.get(f"{path}/enviar").text)}).status_code == 303


def test_from_what_people_said_to_what_they_are_told(city: World, app: Flask, clerk: Signed) -> None:
    propose(city)
    propose(city, "Que haya sombra en las canchas.", who=2, channel="sms")
    listed = clerk.get(LIST).text
    assert "Sembrar árboles en el parque." in listed
    assert "Que haya sombra" in listed
    for row in city.rows(Contact):
        assert row["address"] not in listed
    path = gathered(clerk, [row["id"] for row in city.rows(Idea)])
    send(clerk, path)
    assert idea_notices.tell(city.desk, city.clock()) == 2
    assert "Ahora es parte de la propuesta 2: Más árboles.\nYa se siembra." in got(city)[0]
    public = app.test_client().get(f"/ideas/{COLLECTS}").text
    for told in ("Sombra en los parques", "Ahora es parte de la propuesta 2: Más árboles.", "Ya se siembra."):
        assert told in public
    for words in ("Sembrar", "canchas", *(row["code"] for row in city.rows(Idea))):
        assert words not in public


def test_a_draft_is_public_to_nobody(city: World, app: Flask, clerk: Signed) -> None:
    path = gathered(clerk, enter(city, 1))
    clerk.post(path, MERGED)
    assert "Sombra en los parques" not in app.test_client().get(f"/ideas/{COLLECTS}").text
    assert '"answers": []' in app.test_client().get(f"/ideas/{COLLECTS}.json").text


def test_the_proposal_names_its_ideas_and_so_does_the_commitment(city: World, app: Flask, clerk: Signed) -> None:
    send(clerk, gathered(clerk, enter(city, 1)))
    send(clerk, gathered(clerk, enter(city, 1)[-1:]), what="not-selected", subject="", summary_es="Un tren a la isla")
    with transaction(city.desk.engine) as connection:
        consultations.move(connection, COLLECTS, "draft", state="opened")
    reader = app.test_client()
    link = f"/ideas/{COLLECTS}?propuesta=p02"
    assert link in reader.get(f"/consultas/{COLLECTS}").text
    shown = reader.get(link).text
    assert "Sombra en los parques" in shown
    assert "Un tren a la isla" not in shown


def test_few_ideas_are_not_counted_in_public(city: World, app: Flask, clerk: Signed) -> None:
    ids = enter(city, 9)
    send(clerk, gathered(clerk, ids[:4]))
    send(clerk, gathered(clerk, ids[4:]), summary_es="Otra cosa")
    reader = app.test_client()
    assert [each["ideas"] for each in json.loads(reader.get(f"/ideas/{COLLECTS}.json").text)["answers"]] == [None, 5]
    page = reader.get(f"/ideas/{COLLECTS}").text
    assert "5 ideas lo decían" in page
    assert "4 ideas" not in page


def test_the_file_says_the_same_and_no_cell_is_a_formula(city: World, app: Flask, clerk: Signed) -> None:
    send(clerk, gathered(clerk, enter(city, 1)), summary_es="=cmd|' /C calc'!A0", reason_en="@SUM(A1)")
    (row,) = csv.DictReader(io.StringIO(app.test_client().get(f"/ideas/{COLLECTS}.csv").text))
    assert row["proposed_es"].startswith("'=")
    assert row["reason_en"].startswith("'@")
    assert (row["outcome"], row["became"], row["became_number"]) == ("merged", "p02", "2")
    told = {line["column"] for line in csv.DictReader(io.StringIO(app.test_client().get("/ideas/columnas.csv").text))}
    assert told == set(row)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"subject": ""}, "Elija cuál."),
        ({"subject": "p99"}, "subject"),
        ({"what": "bogus"}, "what"),
        ({"what": "not-selected", "reason_es": ""}, "se le debe una razón"),
        ({"what": "outside", "reason_es": " \u0000 "}, "se le debe una razón"),
        ({"summary_es": "x"}, "Escriba de 5 a 200 letras."),
        ({"summary_es": "x" * 201}, "Escriba de 5 a 200 letras."),
        ({"reason_es": "x" * 401}, "Escriba máximo 400 letras."),
    ],
)
def test_an_answer_that_is_not_whole_is_not_kept(city: World, clerk: Signed, given: dict[str, str], wrong: str) -> None:
    path = gathered(clerk, enter(city, 1))
    answered = clerk.post(path, {**MERGED, **given})
    assert answered.status_code == 422
    assert wrong in answered.text
    assert city.rows(Outcome)[0]["what"] == ""


def test_an_answer_is_sent_as_it_was_looked_at_and_once(city: World, clerk: Signed) -> None:
    propose(city)
    path = gathered(clerk, [row["id"] for row in city.rows(Idea)])
    assert clerk.post(f"{path}/enviar", {"seen": "0" * 32}).status_code == 409  # nothing is written yet
    clerk.post(path, MERGED)
    looked = digest(clerk.get(f"{path}/enviar").text)
    clerk.post(path, {**MERGED, "reason_es": "Otra razón."})
    assert clerk.post(f"{path}/enviar", {"seen": looked}).status_code == 409
    looked = digest(clerk.get(f"{path}/enviar").text)
    assert clerk.post(f"{path}/enviar", {"seen": looked}).status_code == 303
    assert clerk.post(f"{path}/enviar", {"seen": looked}).status_code == 409
    assert clerk.get(f"{path}/descartar").status_code == clerk.post(f"{path}/descartar").status_code == 404


def test_of_two_who_send_at_once_one_does(city: World, clerk: Signed) -> None:
    path = gathered(clerk, enter(city, 1))
    clerk.post(path, MERGED)
    data = {"seen": digest(clerk.get(f"{path}/enviar").text), "csrf_token": clerk.token()}
    statuses: list[int] = []

    def go() -> None:
        statuses.append(clerk.client.post(f"{path}/enviar", data=data, base_url=SITE).status_code)

    threads = [threading.Thread(target=go) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409]


def test_words_that_were_sent_can_be_mended_and_what_was_decided_cannot(city: World, app: Flask, clerk: Signed) -> None:
    propose(city)
    path = gathered(clerk, [row["id"] for row in city.rows(Idea)])
    send(clerk, path, summary_es="Lo que dijo la vecina")
    assert idea_notices.tell(city.desk, city.clock()) == 1
    mended = {**MERGED, "summary_es": "Sombra para todos", "what": "not-selected", "subject": "p01"}
    assert clerk.post(path, mended).status_code == 303
    (row,) = city.rows(Outcome)
    assert (row["what"], row["subject"]) == ("merged", "p02")
    public = app.test_client().get(f"/ideas/{COLLECTS}").text
    assert "Sombra para todos" in public
    assert "vecina" not in public
    assert idea_notices.tell(city.desk, city.clock()) == 0


def test_one_that_says_the_same_gets_the_answer_after_a_second_look(city: World, clerk: Signed) -> None:
    path = gathered(clerk, enter(city, 1))
    send(clerk, path)
    propose(city)
    late = city.rows(Idea)[-1]["id"]
    asked = {"idea": str(late), "respuesta": path.rpartition("/")[2]}
    looked = clerk.post(f"{LIST}/juntar", asked)
    assert looked.status_code == 200
    assert "Sembrar árboles en el parque." in looked.text
    assert idea_notices.tell(city.desk, city.clock()) == 0
    assert clerk.post(f"{LIST}/juntar", {**asked, "seguro": "1"}).status_code == 303
    assert idea_notices.tell(city.desk, city.clock()) == 1


def test_ideas_are_taken_out_and_a_draft_is_discarded(city: World, clerk: Signed) -> None:
    ids = enter(city, 3)
    path = gathered(clerk, ids)
    clerk.post(f"{path}/sacar", {"idea": str(ids[0])})
    assert {row["id"] for row in city.rows(Idea) if row["outcome_id"] is None} == {ids[0]}
    assert "Sus palabras se pierden" in clerk.get(f"{path}/descartar").text
    assert clerk.post(f"{path}/descartar").status_code == 303
    assert all(row["outcome_id"] is None for row in city.rows(Idea))


def test_what_is_of_another_collection_is_not_there(city: World, clerk: Signed) -> None:
    path, strange = gathered(clerk, enter(city, 1)), enter(city, 1, collection="other")
    number = path.rpartition("/")[2]
    for end in ("", "/enviar", "/descartar"):
        missing = clerk.get(f"/consola/ideas/other/respuestas/{number}{end}")
        assert missing.status_code == clerk.get(f"/consola/ideas/other/respuestas/999999{end}").status_code == 404
        assert clerk.post(f"/consola/ideas/other/respuestas/{number}{end}", MERGED).status_code == 404
    assert clerk.post(f"/consola/ideas/other/respuestas/{number}/sacar", {"idea": "1"}).status_code == 404
    clerk.post(f"{path}/sacar", {"idea": str(strange[0])})
    with reading(city.desk.engine) as connection:
        assert "ideas.parted" not in audit.actions(connection)
    gathered(clerk, strange, number)
    assert [row["outcome_id"] for row in city.rows(Idea) if row["collection"] == "other"] == [None]
    assert clerk.get("/consola/ideas/cartagena-2022").status_code == 404  # it collects none
    assert clerk.get("/consola/ideas/no-such").status_code == 404


@pytest.mark.parametrize("junk", ["", "x", "-1", "9" * 40, "1; DROP TABLE idea", "\u0661", "\u0000"])
def test_junk_in_a_form_or_an_address_changes_nothing(city: World, clerk: Signed, junk: str) -> None:
    enter(city, 1)
    assert clerk.post(f"{LIST}/juntar", {"idea": junk, "respuesta": junk}).status_code in (303, 404)
    assert clerk.get(
        LIST, query_string={"pagina": junk, "buscar": junk, "lugar": junk, "estado": junk}
    ).status_code in (
        200,
        404,
    )
    assert clerk.get(f"{LIST}/papeles", query_string={"desde": junk}).status_code == 200
    assert len(city.rows(Idea)) == 1


def test_ideas_of_a_workshop_are_entered_once_and_have_slips(city: World, clerk: Signed) -> None:
    form = clerk.get(f"{LIST}/anotar").text
    once = re.search(r'name="once"[^>]* value="([^"]+)"', form)
    assert once
    given = {"once": once[1], "via": "workshop", "texts": "Más sombra\n\n  Más bancas  \nUn bus de noche"}
    where = clerk.post(f"{LIST}/anotar", given).headers["Location"]
    assert clerk.post(f"{LIST}/anotar", given).headers["Location"] == where
    rows = city.rows(Idea)
    assert [row["text"] for row in rows] == ["Más sombra", "Más bancas", "Un bus de noche"]
    slips = clerk.get(where).text
    for row in rows:
        assert slips.count(row["code"]) >= 2
    assert "svg" in slips
    city.say(f"proponer {rows[1]['code']}")
    city.say("1")
    send(clerk, gathered(clerk, [row["id"] for row in rows]))
    assert idea_notices.tell(city.desk, city.clock()) == 1


@pytest.mark.parametrize("texts", ["", " \n ", "x" * 501, "\n".join("idea" for _n in range(61))])
def test_too_many_or_too_long_ideas_are_not_entered(city: World, clerk: Signed, texts: str) -> None:
    given = {"once": idea_commands.new_code(), "via": "paper", "texts": texts}
    assert clerk.post(f"{LIST}/anotar", given).status_code == 422
    assert city.rows(Idea) == []


def test_the_record_has_what_was_done_and_no_words(city: World, clerk: Signed) -> None:
    propose(city, "Secreto de la vecina del parque.")
    path = gathered(clerk, [row["id"] for row in city.rows(Idea)])
    send(clerk, path, summary_es="Algo de un parque")
    with reading(city.desk.engine) as connection:
        rows = audit.rows(connection)
    assert [row.action for row in rows][::-1] == ["ideas.gathered", "ideas.written", "ideas.answered"]
    assert {row.by for row in rows} == {clerk.id}
    told = " ".join(f"{row.subject} {row.facts}" for row in rows)
    for word in ("vecina", "parque", city.rows(Idea)[0]["code"]):
        assert word not in told


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.bones: list[tuple[str, ...]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bones.append((tag, *(name for name, _value in attrs)))


@pytest.mark.parametrize("text", SMUGGLED)
def test_whatever_is_smuggled_into_an_idea_or_an_answer_is_text(little: World, text: str) -> None:
    app = wiring.app(little.settings, little.clock)
    clerk, told = signed_in(app, little, Role.PARTICIPATION), dict[str, list[list[tuple[str, ...]]]]()
    for words in ("palabras inocentes", f"{text} y algo más"):
        with transaction(little.desk.engine) as connection:
            for table in (Proposer, Idea, Outcome):
                connection.execute(delete(table))
        propose(little, words)
        path = gathered(clerk, [row["id"] for row in little.rows(Idea)])
        pages = [clerk.get(LIST).text, clerk.get(path).text]
        send(clerk, path, summary_es=words, reason_es=words, reason_en=words)
        pages += [
            clerk.get(each).text for each in (LIST, path, f"{path}/enviar", f"{LIST}/respuestas", f"{LIST}/papeles")
        ]
        pages += [app.test_client().get(each).text for each in (f"/ideas/{COLLECTS}", f"/en/ideas/{COLLECTS}")]
        with transaction(little.desk.engine) as connection:
            ideas.withdraw(connection, little.rows(Person)[0]["id"], little.rows(Idea)[0]["code"], little.clock())
        told[words] = [Skeleton(page).bones for page in pages]
    harmless, smuggled = told.values()
    assert smuggled == harmless


@pytest.fixture
def little(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """The same on SQLite only."""
    made = World.on(sqlite_url, tmp_path).load()
    with transaction(made.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
    yield made
    made.desk.engine.dispose()


def statements(who: Signed, path: str) -> tuple[int, int]:
    """How many statements a page takes, and its bytes."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, _p: object, _context: object, _many: bool) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        told = who.get(path)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert told.status_code == 200, path
    return len(seen), len(told.data)


def test_a_thousand_ideas_cost_no_statement_more_and_come_in_pages(little: World) -> None:
    app = wiring.app(little.settings, little.clock)
    clerk = signed_in(app, little, Role.PARTICIPATION)
    send(clerk, gathered(clerk, enter(little, 3)))
    number = little.rows(Outcome)[0]["id"]
    paths = (
        "/consola/ideas", LIST, f"{LIST}?estado=new&buscar=parque", f"{LIST}/respuestas", f"{LIST}/respuestas/{number}",
        f"{LIST}/respuestas/{number}/enviar", f"{LIST}/anotar", f"{LIST}/papeles", f"/ideas/{COLLECTS}",
    )  # fmt: skip
    before = [statements(clerk, path)[0] for path in paths]
    enter(little, 1000, "Sembrar árboles en el parque, y agua. " * 13)
    for _n in range(30):
        answer(little)  # the first has all, the others none
    after = [statements(clerk, path) for path in paths]
    assert [count for count, _bytes in after] == before
    assert max(before) <= 9, before
    assert clerk.get(f"{LIST}?pagina=21").status_code == 200
    assert clerk.get(f"{LIST}?pagina=22").status_code == 404
    assert after[-1][1] < 50_000
    assert len(little.rows(Outgoing)) == 0
