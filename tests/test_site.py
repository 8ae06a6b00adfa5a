"""The public pages: what they show and hide, what every answer carries, how errors speak."""

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from bot import lifecycle, results, upkeep
from bot.speech import catalogue
from cli import wiring
from cli.recount import recount
from cli.settings import read_settings
from storage import ballots, consultations
from storage import catalogue as shelf
from storage.ballots import Voter
from storage.contacts import Contact
from storage.database import checkpoint, transaction
from storage.folder import Folder, ReadConsultation, ReadProposal, read_folder
from storage.loading import consultation_row, load
from storage.retention import RETENTION
from tests import promises
from tests.served import served
from tests.visitor import FILES, everything, read
from tests.world import CARTAGENA, World, address, away, environment
from web.paging import MOST

SLUG = "cartagena-2022"
PAGE = f"/consultas/{SLUG}"


LIGHT = 50_000
"""Bytes of a page with its stylesheet and scripts (phones with little data)."""


FILE = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@pytest.fixture
def client(world: World) -> FlaskClient:
    return client_of(world)


@pytest.fixture
def little_client(little_world: World) -> FlaskClient:
    return client_of(little_world)


def client_of(world: World, **more: str) -> FlaskClient:
    given = environment(world.settings.database_url, world.folder, TELEGRAM_BOT_NAME="@cuenta_bot", **more)
    return wiring.app(read_settings(given), world.clock).test_client()


def people_vote(world: World, number: int = 8) -> None:
    for who in range(1, number + 1):
        world.vote("1 4 6" if who % 2 else "2", who=who, age="1" if who < 3 else "2")


def count_and_publish(world: World, folder: Path, by: str = "") -> str:
    world.clock.forward(days=8)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock(), by)
    return lifecycle.publish(world.desk.engine, SLUG, world.clock(), folder)


def rewrite(world: World, table: Any, **values: Any) -> None:
    with transaction(world.desk.engine) as connection:
        connection.execute(update(table).values(**values))
        shelf.changed(connection)


def crowd(number: int, start: int = 1, **of: Any) -> list[Voter]:
    return [Voter(start + n, "contact", "telegram", **of) for n in range(number)]


def cast(world: World, voters: list[Voter], choices: str = "p01 p04", slug: str = SLUG) -> list[str]:
    """Put a ballot in the box for each voter; their receipts."""
    receipts = []
    with transaction(world.desk.engine) as connection:
        row = consultations.one(connection, slug)
        assert row is not None
        for voter in voters:
            mark = world.desk.keys.mark(slug, row.key_print or "", "person", str(voter.person_id))
            now = world.clock()
            receipts.append(ballots.cast(connection, slug, voter, mark, tuple(choices.split()), now)[0])
    return receipts


def count(world: World, slug: str = SLUG, by: str = "Oficina de Transparencia") -> None:
    world.clock.forward(days=30)
    lifecycle.count(world.desk.engine, world.desk.keys, slug, world.clock(), by)


def publish(world: World, slug: str = SLUG) -> None:
    lifecycle.publish(world.desk.engine, slug, world.clock())


# What is shown, when


def test_before_anything_is_opened_the_pages_say_so(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path)
    client = client_of(world)
    empty = client.get("/")
    assert (empty.status_code, empty.headers["Retry-After"]) == (503, "30")
    world.load()
    home = client.get("/")
    assert home.status_code == 200
    assert "Ahora no hay votaciones abiertas" in home.text or "no hay ninguna votación" in home.text.lower()
    assert SLUG not in home.text
    world.desk.engine.dispose()


def test_a_draft_is_nowhere(sqlite_url: str, tmp_path: Path) -> None:
    world = World.on(sqlite_url, tmp_path).load()
    answers = everything(client_of(world), SLUG)
    for where, answer in answers.items():
        if SLUG in where:
            assert answer.status_code == 404, where
        else:
            assert SLUG.encode() not in answer.data, where
    world.desk.engine.dispose()


def test_an_open_consultation_tells_its_rules_and_how_to_take_part(little_world: World) -> None:
    page = client_of(little_world, BROWSER_CHAT="on").get(PAGE).text
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


def test_an_annulled_consultation_says_why(world: World, client: FlaskClient) -> None:
    lifecycle.annul(world.desk.engine, world.desk.keys, SLUG, "Hubo un error en la lista <b>", world.clock())
    page = client.get(PAGE).text
    assert "Esta votación fue anulada" in page
    assert "Hubo un error en la lista &lt;b&gt;" in page


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


def test_the_record_says_who_counted_and_when_on_the_citys_clock(
    little_world: World, little_client: FlaskClient
) -> None:
    cast(little_world, crowd(6))
    little_world.clock.now = datetime(2022, 11, 25, 3, 30, tzinfo=UTC)
    lifecycle.count(little_world.desk.engine, little_world.desk.keys, SLUG, little_world.clock(), "Secretaría General")
    little_world.clock.forward(hours=12)
    publish(little_world)
    page = read(little_client.get(f"/consultas/{SLUG}")).text
    for told in ("Secretaría General", "jueves 24 de noviembre de 2022, 10:30", "sha256:"):
        assert told in page
    assert "Thursday 24 November 2022, 10:30" in read(little_client.get(f"/en/consultas/{SLUG}")).text


def test_a_page_that_was_made_once_follows_the_citys_texts(counted: tuple[World, FlaskClient]) -> None:
    """Published results are kept in memory; a corrected text of the city shows at once."""
    world, client = counted
    before = client.get(f"/consultas/{SLUG}").text
    folder = read_folder(CARTAGENA)
    with transaction(world.desk.engine) as connection:
        load(
            connection, replace(folder, texts={**folder.texts, "emergency": {"es": "Llame al 112.", "en": "Call 112."}})
        )
    after = client.get(f"/consultas/{SLUG}").text
    assert "Llame al 112." in after
    assert "Llame al 112." not in before


def test_a_page_that_was_made_once_keeps_nothing_of_who_asked_first(counted: tuple[World, FlaskClient]) -> None:
    _world, client = counted
    client.get(f"/consultas/{SLUG}?pagina=smuggled")
    client.get(f"/consultas/{SLUG}?pagina=7")
    assert "pagina" not in client.get(f"/consultas/{SLUG}").text


# A page of any size


def long_words(words: int) -> str:
    return " ".join(
        islice(cycle(("más", "información", "y", "participación", "para", "todos", "los", "barrios")), words)
    )


def crowded(folder: Folder) -> ReadConsultation:
    """A consultation as large as one may be, and a title that is longer than that."""

    def words(text: str) -> dict[str, str]:
        return dict.fromkeys(("es", "en"), text)

    proposals = tuple(
        ReadProposal(f"p{n:03}", n, words(f"{n} {long_words(20)}"[:60]), words(f"{n}"), words("ñ" * 500), "")
        for n in range(1, 201)
    )
    (known,) = folder.consultations
    rules = {**known.rules, "who": words(long_words(40)), "tie": words(long_words(40))}
    return replace(known, slug="grande", title=words(long_words(40)), rules=rules, proposals=proposals)


@pytest.fixture
def great(little_world: World) -> World:
    """Beside the consultation of 2022 one with 200 proposals; people from everywhere vote in both."""
    world, folder = little_world, read_folder(CARTAGENA)
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, consultation_row(crowded(folder)))
    lifecycle.open_(world.desk.engine, world.desk.keys, "grande", world.clock())
    units = [place for place in folder.places if place.kind == "unit"]
    start = 1
    for unit in units:
        for age, sex in (("18-24", "f"), ("25-34", "m"), ("70-more", "nb"), (None, None)):
            many = crowd(9, start, age=age, sex=sex, group="youth", locality=unit.parent, unit=unit.code)
            start += len(many)
            cast(world, many, "p001 p150", "grande")
            cast(world, many)
    upkeep.note_turnout(world.desk.engine, world.clock())
    return world


def weight(client: FlaskClient, page: TestResponse) -> int:
    return len(page.data) + sum(len(client.get(path).data) for path in set(FILE.findall(page.text)))


def test_no_page_is_heavy_even_with_200_proposals(great: World) -> None:
    client = client_of(great)
    for step in ("open", "published"):
        if step == "published":
            for slug in (SLUG, "grande"):
                count(great, slug)
                publish(great, slug)
        answers = everything(client, SLUG, "grande")
        pages = {where: page for where, page in answers.items() if page.mimetype == "text/html"}
        assert {where: weight(client, page) for where, page in pages.items() if weight(client, page) > LIGHT} == {}
        parts = {where for where in pages if where.startswith("/consultas/grande?pagina")}
        assert len(parts) == (200 // MOST - 1 if step == "open" else 0)


def test_every_proposal_of_a_long_list_stands_on_one_of_its_pages(great: World) -> None:
    client, where, seen = client_of(great), "/en/consultas/grande", []
    while where:
        page = client.get(where)
        assert page.status_code == 200
        seen += [int(n) for n in re.findall(r'<li value="(\d+)">', page.text)]
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        where = following[1] if following else ""
    assert sorted(seen) == list(range(1, 201))


@pytest.mark.parametrize("number", ["0", "-1", "2", "99999999999999999999"])
def test_a_part_that_is_not_there_is_not_found(little_client: FlaskClient, number: str) -> None:
    assert little_client.get(f"/consultas/{SLUG}?pagina={number}").status_code == 404


# What is never shown


@pytest.fixture
def twins(sqlite_template: Path, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two desks that differ only in what people choose."""
    made = []
    for name, choices in (("one", "p01 p04"), ("other", "p07")):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "cuenta.db")
        world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder).load().open()
        cast(world, crowd(23, age="18-24", sex="f", locality="l1", unit="ucg-1"), choices)
        cast(world, crowd(9, start=50, age="25-34", sex="m", locality="l2", unit="ucg-4"), "p02")
        made.append(world)
    yield made[0], made[1]
    for world in made:
        world.desk.engine.dispose()


def everywhere(world: World) -> dict[str, tuple[int, bytes]]:
    answers = everything(client_of(world), SLUG)
    return {path: (answer.status_code, answer.data) for path, answer in answers.items()}


def test_until_it_is_published_no_answer_depends_on_what_people_chose(twins: tuple[World, World]) -> None:
    steps: dict[str, Callable[[World], None]] = {
        "open": lambda world: upkeep.note_turnout(world.desk.engine, world.clock()),
        "closed": lambda world: world.clock.forward(days=30),
        "counted": lambda world: count(world),
    }
    for step, take in steps.items():
        for world in twins:
            take(world)
        one, other = map(everywhere, twins)
        assert one == other, step
        assert one[f"/consultas/{SLUG}"][0] == 200
        assert {one[f"/consultas/{SLUG}/{name}"][0] for name in FILES} == {404}
        assert one[f"/consultas/{SLUG}/recuento"][0] == 404
    for world in twins:
        publish(world)
    one, other = map(everywhere, twins)
    assert one[f"/consultas/{SLUG}"] != other[f"/consultas/{SLUG}"]


def shown(page: TestResponse, heading: str) -> dict[str, str]:
    """The rows of the table with that heading, as the page shows them."""
    table = page.text.partition(heading)[2].partition("</table>")[0]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td class="num">(.*?)</td>', table)
    return {name: re.sub(r"<[^>]+>", "", number) for name, number in rows}


UNITS = {"ucg-1": 20, "ucg-2": 3, "ucg-3": 8, "ucg-8": 9}
"""One is small, so the next smallest is hidden with it."""


def people_of_units(world: World) -> None:
    start = 1
    for unit, people in UNITS.items():
        cast(world, crowd(people, start, age="18-24", sex="nb", locality="l1", unit=unit))
        start += people
    cast(world, crowd(2, start, age="70-more", sex="m", locality="l2", unit="ucg-4"))
    cast(world, crowd(6, start + 10, age="25-34", sex="f", locality="l3", unit="ucg-11"))


def test_small_groups_are_hidden_while_open(world: World) -> None:
    people_of_units(world)
    upkeep.note_turnout(world.desk.engine, world.clock())
    page = client_of(world).get(f"/consultas/{SLUG}")
    assert shown(page, "Por zona de la ciudad") == {
        "Unidad Comunera 1": "20", "Unidad Comunera 2": "—", "Unidad Comunera 3": "—", "Unidad Comunera 8": "9",
    }  # fmt: skip


def test_small_groups_are_hidden_in_results_except_where_the_rules_show_them(world: World) -> None:
    people_of_units(world)
    count(world)
    publish(world)
    client = client_of(world)
    page = client.get(f"/consultas/{SLUG}")
    assert shown(page, "Por localidad") == {
        "Localidad Histórica y del Caribe Norte": "40", "Localidad de la Virgen y Turística": "—",
        "Localidad Industrial y de la Bahía": "—",
    }  # fmt: skip
    assert set(shown(page, "Por zona de la ciudad").values()) == {"20", "9", "—"}
    assert shown(page, "Por edad") == {"18 a 24 años": "40", "25 a 34 años": "6", "70 años o más": "2"}
    assert shown(page, "Por sexo") == {"Masculino": "2", "Femenino": "6", "No binario": "40"}
    turnout = client.get(f"/consultas/{SLUG}/resultados.json").get_json()["turnout"]
    assert turnout["unit"] == {"ucg-1": 20, "ucg-2": None, "ucg-3": None, "ucg-8": 9}
    assert turnout["locality"] == {"l1": 40, "l2": None, "l3": None}
    assert turnout["age"] == {"18-24": 40, "25-34": 6, "70-more": 2}


@pytest.mark.parametrize("step", ["open", "published"])
def test_no_page_names_a_person(little_world: World, little_client: FlaskClient, step: str) -> None:
    world = little_world
    for channel in ("telegram", "whatsapp", "sms"):
        for who in (1, 2):
            world.vote("1 4", channel, who)
    receipts = {row["id"] for row in world.rows(ballots.Ballot)}
    upkeep.note_turnout(world.desk.engine, world.clock())
    if step == "published":
        count(world)
        publish(world)
    known = {address(channel, who) for channel in ("telegram", "whatsapp", "sms") for who in (1, 2)}
    assert known == {row["address"] for row in world.rows(Contact)}
    secrets = {value.removeprefix("whatsapp:") for value in known} | receipts
    secrets |= {world.settings.secret_key, world.settings.telegram_webhook_secret, world.settings.twilio_auth_token}
    for path, answer in everything(little_client, SLUG).items():
        told = {secret for secret in secrets if secret.encode() in answer.data}
        assert told == (receipts if path.endswith("papeletas.csv") and step == "published" else set()), path


# Receipts


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


ABSURD = (
    "", " ", "0", "ABCDEFGHJK", "x" * 5000, "\x00", "'; DROP TABLE ballot; --", "%s", "{0}", "🗳️" * 40, "ßſİ",
    "<script>alert(1)</script>", "\xed\xa0\x80", "../../etc/passwd",
)  # fmt: skip


def test_absurd_receipts_get_an_answer(world: World) -> None:
    client = client_of(world)
    for typed in ABSURD:
        page = client.post("/en/recibo", data={"recibo": typed})
        assert page.status_code == 200, typed
        assert ("We cannot find that receipt" in page.text) == bool(typed.strip()), typed
        assert "<script>alert" not in page.text


def test_whoever_tries_receipts_without_end_is_asked_to_wait(little_client: FlaskClient) -> None:
    codes = [little_client.post("/recibo", data={"recibo": f"AAAAA000{n:02}"}).status_code for n in range(32)]
    assert codes == [200] * 30 + [429] * 2
    assert little_client.get("/recibo").status_code == 200


# The files


@pytest.fixture
def counted(world: World) -> tuple[World, FlaskClient]:
    cast(world, crowd(12, age="18-24"), "p01 p04")
    cast(world, crowd(7, start=20, age="25-34"), "p04 p07")
    count(world)
    publish(world)
    return world, client_of(world)


def test_every_column_is_described_in_both_languages(counted: tuple[World, FlaskClient]) -> None:
    _world, client = counted
    rows = list(csv.DictReader(io.StringIO(client.get(f"/consultas/{SLUG}/columnas.csv").text)))
    described = {(row["file"], row["column"]) for row in rows if row["description_es"] and row["description_en"]}
    for name in ("papeletas.csv", "resultados.csv"):
        header = client.get(f"/consultas/{SLUG}/{name}").text.splitlines()[0].split(",")
        assert {(name, column) for column in header} <= described
    told = client.get(f"/consultas/{SLUG}/resultados.json").get_json()
    assert set(told["columns"]) == set(results.COLUMNS)
    assert set(told) == set(told["columns"]["resultados.json"])


def test_a_file_is_sent_once(counted: tuple[World, FlaskClient]) -> None:
    _world, client = counted
    for name in FILES:
        path = f"/consultas/{SLUG}/{name}"
        first = client.get(path)
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert first.mimetype == ("application/json" if name.endswith("json") else "text/csv")
        again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        head = client.head(path)
        assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
        assert client.post(path).status_code == 405


NOT_THERE = ("nothing", "%00", "%ff%fe", "a" * 3000, "..%2f..", "<script>", "cartagena-2022 ", "cartagena%00-2022")


def test_what_is_not_there_is_not_found(world: World) -> None:
    client = client_of(world)
    for slug in NOT_THERE:
        for page in ("", "/recuento", *(f"/{name}" for name in FILES)):
            answer = client.get(f"/consultas/{slug}{page}")
            assert answer.status_code == 404, (slug, page)
            assert "<script>" not in answer.text


@pytest.mark.parametrize("tongue", ["", "/en"])
def test_the_page_of_privacy_tells_how_long_each_kind_is_kept(
    little_client: FlaskClient, tongue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = {kind: timedelta(days=1001 + n) for n, kind in enumerate(RETENTION)}
    monkeypatch.setattr("bot.catalogue.lengths", lambda _chosen: lengths)
    said = re.findall(r"\d+", "".join(re.findall("<li>(.*)</li>", little_client.get(f"{tongue}/privacidad").text)))
    wanted = {str(length.days) for kind, length in lengths.items() if kind != "messages not delivered"}
    wanted.add(str(lengths["messages not delivered"].days * 24))
    assert set(said) == wanted


@pytest.mark.parametrize("path", ["/consultas//x", "/en/consultas//x", "/en//chat"])
def test_nobody_is_sent_to_the_host_that_a_request_names(little_client: FlaskClient, path: str) -> None:
    answer = little_client.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers) + answer.text


def test_whoever_reads_the_list_slowly_keeps_nothing_from_being_erased(
    counted: tuple[World, FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, client = counted
    monkeypatch.setattr("storage.counts.SLICE", 2)
    monkeypatch.setattr("bot.results.PIECE", 1)
    slow = client.get(f"/consultas/{SLUG}/papeletas.csv", buffered=False)
    pieces = slow.iter_encoded()
    begun = [next(pieces) for _n in range(4)]
    rewrite(world, shelf.CityText, key=shelf.CityText.key)
    assert checkpoint(world.desk.engine)
    assert len(begun) + len(list(pieces)) == 1 + 12 + 7, "nor is the list made before it is asked for"
    assert "Content-Length" not in slow.headers
    slow.close()


# What every answer carries


ERRORS = {
    404: "There is no such page",
    405: "That cannot be done here",
    413: "That is too much at once",
    429: "Too many requests at once",
    500: "Something went wrong here",
    503: "We cannot serve you just now",
}


def trouble(client: FlaskClient, code: int, tongue: str, monkeypatch: pytest.MonkeyPatch) -> TestResponse:
    """An answer with that status."""
    where = f"{tongue}/recibo"
    if code == 404:
        return client.get(f"{tongue}/no-hay")
    if code == 405:
        return client.post(f"{tongue}/privacidad")
    if code == 413:
        return client.post(where, data={"recibo": "x" * 1_100_000})
    if code == 429:
        return [client.post(where, data={"recibo": "x"}) for _n in range(31)][-1]
    if code == 500:
        monkeypatch.setattr("web.invitation.ways", lambda *_a: 1 / 0)
        return client.get(f"{tongue}/")
    with away():
        return client.get(where)


@pytest.mark.parametrize("tongue", ["", "/en"], ids=["es", "en"])
@pytest.mark.parametrize("code", ERRORS)
def test_an_error_is_a_page_that_helps(
    little_client: FlaskClient, code: int, tongue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = trouble(little_client, code, tongue, monkeypatch)
    assert answer.status_code == code
    assert answer.mimetype == "text/html"
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'lang="{"en" if tongue else "es"}"' in answer.text
    assert catalogue("en" if tongue else "es").gettext(ERRORS[code]) in answer.text
    assert f'href="{tongue}/"' in answer.text
    assert "Traceback" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert {405: "Allow", 429: "Retry-After", 503: "Retry-After"}.get(code, "Content-Type") in answer.headers


def test_every_answer_has_its_headers(great: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client, machines = client_of(great), served(great.settings, great.clock)
    answers = [client.get(path) for path in ("/static/nothing.css", "/static/", "/en", "//en//")]
    answers += [machines.get(path) for path in ("/metrics", "/readyz", "/healthz")]
    answers += [client.open(path, method="TRACE") for path in ("/", "/consultas/x/papeletas.csv")]
    for path in ("/webhooks/telegram", "/webhooks/twilio", "/webhooks/twilio/status", "/webhooks/nothing"):
        big = machines.post(path, data=b"x" * 1_100_000)
        answers += [machines.get(path), machines.post(path), big, machines.options(path)]
    answers += [trouble(client, code, "", monkeypatch) for code in ERRORS]
    monkeypatch.undo()
    count(great)
    publish(great)
    promises.speak(great)
    answers += everything(client, SLUG).values()
    assert any(answer.mimetype == "application/pdf" for answer in answers), "evidence too"
    answers += [client.get("/", headers={"If-None-Match": client.get("/").headers["ETag"]})]
    assert {answer.status_code for answer in answers} >= {200, 304, 403, 404, 405, 413, 429, 500, 503}
    for answer in answers:
        where = (answer.request.path, answer.status_code)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, where
        assert "unsafe" not in policy, where
        assert "frame-ancestors 'none'" in policy, where
        assert answer.headers["X-Content-Type-Options"] == "nosniff", where
        assert answer.headers["X-Frame-Options"] == "DENY", where
        assert answer.headers["Referrer-Policy"] == "no-referrer", where
        assert "camera=()" in answer.headers["Permissions-Policy"], where
        assert "Set-Cookie" not in answer.headers, where
        assert "Server" not in answer.headers or "/" not in answer.headers["Server"], where
    insecure = client.get("/").headers
    assert "Strict-Transport-Security" not in insecure
    assert "Strict-Transport-Security" in client.get("/", base_url="https://cuenta.example.test").headers


def test_nothing_stands_inline_that_the_policy_forbids(great: World) -> None:
    count(great)
    publish(great)
    promises.speak(great)
    for where, answer in everything(client_of(great), SLUG).items():
        if answer.mimetype != "text/html":
            continue
        found = read(answer)
        assert not [tag for tag, names in found.elements if tag == "script" and "src" not in names], where
        assert not [tag for tag, _names in found.elements if tag in ("style", "iframe", "object", "base")], where
        assert not [n for _tag, names in found.elements for n in names if n == "style" or n.startswith("on")], where


@pytest.mark.parametrize("page", ["", f"consultas/{SLUG}", "privacidad", "plan"])
def test_who_has_a_page_is_told_that_it_is_the_same(little_client: FlaskClient, page: str) -> None:
    first = little_client.get(f"/{page}")
    again = little_client.get(f"/{page}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = little_client.head(f"/{page}")
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


def test_a_file_of_ours_is_kept_for_a_year_and_changes_its_address(little_client: FlaskClient) -> None:
    (style, *_others) = FILE.findall(little_client.get("/").text)
    assert re.search(r"\?v=[0-9a-f]{10}$", style)
    assert "max-age=31536000" in little_client.get(style).headers["Cache-Control"]


def test_every_page_leads_to_itself_in_the_other_language(great: World) -> None:
    count(great)
    publish(great)
    client = client_of(great)
    pages = {path: answer for path, answer in everything(client, SLUG, "grande").items() if "/static" not in path}
    for path, answer in pages.items():
        if answer.mimetype != "text/html" or path == "/no-hay" or path.endswith(FILES):
            continue
        english = path == "/en" or path.startswith("/en/")
        ((tongue, other),) = read(answer).languages.items()
        assert tongue == ("es" if english else "en"), path
        assert other.removeprefix("/en").rstrip("/") == path.removeprefix("/en").rstrip("/"), path
        assert client.get(other).status_code == answer.status_code, path
    found = client.post("/recibo", data={"recibo": "X"})
    assert read(found).languages == {"en": "/en/recibo"}


# What somebody smuggles in


SMUGGLED = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><svg/onload=a()>",
    "{{ 7*7 }} {% raw %} {0.__class__} {n} %(n)s",
    "&lt;b&gt; &#60;b&#62;",
    "javascript:alert(1)",
    "<!-- ]]>",
    "\u202eabc",
    "--><script src=//x.example/y.js>",
    "</main></body><iframe src=//x.example>",
)


def hostile(text: str) -> Folder:
    """Cartagena with this in everything that a city writes."""
    words = dict.fromkeys(("es", "en"), text)
    folder = read_folder(CARTAGENA)
    (known,) = folder.consultations
    proposals = tuple(replace(p, title=words, short=words, more=words) for p in known.proposals)
    rules = {**known.rules, "who": words, "tie": words}
    return replace(
        folder,
        name=words,
        texts=dict.fromkeys(folder.texts, words),
        questions={
            name: tuple(replace(choice, words=words) for choice in choices)
            for name, choices in folder.questions.items()
        },
        places=tuple(replace(place, name=text) for place in folder.places),
        consultations=(replace(known, title=words, rules=rules, proposals=proposals),),
    )


def skeletons(folder: Path, template: Path, text: str) -> Iterator[dict[str, Any]]:
    """The elements of every page of such a city in each step of a consultation's life."""
    folder.mkdir()
    shutil.copy(template, folder / "cuenta.db")
    for step in ("open", "published", "annulled"):
        world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder)
        if step == "open":
            with transaction(world.desk.engine) as connection:
                load(connection, hostile(text))
            world.open()
            cast(world, crowd(30, age="18-24", sex="f", locality="l1", unit="ucg-1"), "p01 p04")
            upkeep.note_turnout(world.desk.engine, world.clock())
        elif step == "published":
            count(world, by=text)
            publish(world)
        else:
            with transaction(world.desk.engine) as connection:
                consultations.move(connection, SLUG, "published", state="annulled", notice=text)
        client = client_of(world)
        pages = {path: answer for path, answer in everything(client, SLUG).items() if answer.mimetype == "text/html"}
        pages["found"] = client.post("/recibo", data={"recibo": text[:40]})
        assert any(text in read(page).text for page in pages.values())
        yield {path: read(page).elements for path, page in pages.items()}
        world.desk.engine.dispose()


@pytest.mark.parametrize("texts", [SMUGGLED, SMUGGLED[::-1]], ids=["in order", "backwards"])
def test_whatever_a_city_writes_is_text(texts: tuple[str, ...], tmp_path: Path, sqlite_template: Path) -> None:
    """Each page has the same elements, with the same attributes, as that of a city that writes plain words."""
    smuggled, plain = skeletons(tmp_path / "desk", sqlite_template, " ".join(texts)), "harmless"
    assert list(smuggled) == list(skeletons(tmp_path / plain, sqlite_template, plain))


@pytest.mark.parametrize(
    "text",
    ['https://x.example/"onmouseover="alert(1)', "https://x.example/<script>", "javascript:alert(1)", "a@b.co'onx='1"],
)
def test_links_in_the_citys_help_lead_only_to_the_web_or_to_mail(
    little_world: World, little_client: FlaskClient, text: str
) -> None:
    with transaction(little_world.desk.engine) as connection:
        load(
            connection,
            replace(read_folder(CARTAGENA), texts={**read_folder(CARTAGENA).texts, "help": {"es": text, "en": text}}),
        )
    found = read(little_client.get("/"))
    assert not [link for link in found.links if not link.startswith(("/", "#", "https://", "mailto:", "sms:"))]
    assert not [name for _tag, names in found.elements for name in names if name.startswith("on")]
