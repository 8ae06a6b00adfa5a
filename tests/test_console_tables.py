"""The console's tables: assisted ballots and signed paper, as officers enter them."""

import io
import json
import re
import threading

import openpyxl
import pytest
from flask import Flask

from bot import lifecycle
from cli import wiring
from storage import audit
from storage.ballots import Ballot, Roll
from storage.batches import Batch
from storage.database import reading
from storage.sheets import LARGEST
from tests.booths import SLUG, batch, confirm, keep, paper_table, send
from tests.console import SITE, Signed, signed_in
from tests.test_booths import paper_until
from tests.test_one_vote import rules
from tests.world import World
from web.console.access import Role

DOCUMENT = "1.047.382.119"
BALLOT = {
    "agreed": "y", "no_chat": "y", "shown": DOCUMENT, "once_more": DOCUMENT, "choices": ["p01", "p04"], "age": "35-44",
    "sex": "", "group": "", "place": "bocagrande",
}  # fmt: skip
CODE = re.compile(r"<strong>([0-9A-Z]{10})</strong>")


def app_of(world: World) -> Flask:
    return wiring.app(world.settings, world.clock)


@pytest.fixture
def ana(world: World) -> Signed:
    rules(world, desk=["document", "slips"])
    return signed_in(app_of(world), world, Role.PARTICIPATION, login="ana")


def opened(who: Signed, origin: str = "assisted", way: str = "document", **more: object) -> int:
    """A table that somebody opens; its number."""
    form = {"origin": origin, "name": "Mesa del parque", "way": way, **more}
    answer = who.post(f"/consola/mesas/abrir/{SLUG}", form)
    assert answer.status_code == 303, answer.text
    return int(answer.headers["Location"].rpartition("/")[2])


def typed(who: Signed, table: int, rows: str, valid: int, blank: int = 0, void: int = 0) -> str:
    form = {"rows": rows, "valid": valid, "blank": blank, "void": void}
    answer = who.post(f"/consola/mesas/{table}/filas", form, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return who.get(f"/consola/mesas/{table}").text


def actions(world: World) -> list[tuple[str, str]]:
    """What the record has besides the life of the consultation itself."""
    with reading(world.desk.engine) as connection:
        rows = audit.rows(connection)[::-1]
    return [(row.action, row.facts) for row in rows if not row.action.startswith("consultation.")]


# Assisted


def test_an_officer_enters_a_ballot_and_the_person_gets_a_receipt_once(world: World, ana: Signed) -> None:
    table = opened(ana)
    answer = ana.post(f"/consola/mesas/{table}", BALLOT)
    assert answer.status_code == 200
    code = CODE.search(answer.text)
    assert code
    (ballot,), (part,) = world.rows(Ballot), world.rows(Roll)
    assert (ballot["id"], ballot["choices"], ballot["origin"]) == (code[1], "p01 p04", "assisted")
    assert (part["level"], part["age"], part["unit"], part["batch"]) == ("document", "35-44", "ucg-1", table)
    assert code[1] not in ana.get(f"/consola/mesas/{table}").text
    assert "1 voto en la urna" in ana.get(f"/consola/mesas/{table}").text


def test_the_record_names_the_table_and_never_a_ballot(world: World, ana: Signed) -> None:
    table = opened(ana)
    before = actions(world)
    ana.post(f"/consola/mesas/{table}", BALLOT)
    assert actions(world) == before
    assert ana.post(f"/consola/mesas/{table}/terminar").status_code == 303
    told = actions(world)
    assert [action for action, _facts in told] == ["table.opened", "table.ended"]
    assert '"ballots": 1' in told[-1][1]
    for hidden in ("1047382119", "Mesa del parque", "p01", world.rows(Ballot)[0]["id"]):
        assert hidden not in str(told)


def test_the_same_document_again_is_asked_about_and_sending_the_page_again_changes_nothing(
    world: World, ana: Signed
) -> None:
    table = opened(ana)
    assert "again" not in ana.get(f"/consola/mesas/{table}").text
    ana.post(f"/consola/mesas/{table}", BALLOT)
    answer = ana.post(f"/consola/mesas/{table}", {**BALLOT, "choices": ["p02"]})
    assert answer.status_code == 422
    assert "Ya se recibió un voto con este documento" in answer.text
    assert [row["choices"] for row in world.rows(Ballot)] == ["p01 p04"]
    answer = ana.post(f"/consola/mesas/{table}", {**BALLOT, "choices": ["p02"], "again": "y"})
    assert "ya no cuenta" in answer.text
    assert [row["choices"] for row in world.rows(Ballot)] == ["p02"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agreed": None}, "Sin el acuerdo"),
        ({"no_chat": None}, "cambia su voto en el chat"),
        ({"once_more": "1.047.382.118"}, "no son iguales"),
        ({"shown": "x", "once_more": "x"}, "de 4 a 10 cifras"),
        ({"choices": []}, "Marque de 1 a 3"),
        ({"choices": ["p01", "p02", "p03", "p04"]}, "Marque de 1 a 3"),
        ({"choices": ["p99"]}, "lista"),
        ({"age": "1000"}, ""),
        ({"place": "recreo"}, "#el-recreo"),
        ({"place": "no such place"}, "No conocemos ese barrio"),
    ],
)
def test_what_is_wrong_stands_on_the_page_and_what_was_typed_stays(
    little_world: World, change: dict[str, object], said: str
) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    table = opened(who)
    form = {name: value for name, value in {**BALLOT, **change}.items() if value is not None}
    answer = who.post(f"/consola/mesas/{table}", form)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'role="alert"' in answer.text
    assert little_world.rows(Roll) == []
    if "choices" not in change:
        assert 'value="p04" checked' in answer.text


def test_slips_are_told_apart_and_printed(world: World, ana: Signed) -> None:
    table = opened(ana, way="slips", first="101", last="116")
    answer = ana.post(f"/consola/mesas/{table}", {**BALLOT, "shown": "101"})
    assert CODE.search(answer.text)
    assert "una sola vez" in ana.post(f"/consola/mesas/{table}", {**BALLOT, "shown": "101"}).text
    printed = ana.get(f"/consola/mesas/{table}/papeletas.pdf")
    assert printed.data.startswith(b"%PDF")
    assert printed.data.count(b"/Type /Page\n") == 2
    assert ana.get(f"/consola/mesas/{opened(ana)}/papeletas.pdf").status_code == 404
    refused = ana.post(
        f"/consola/mesas/abrir/{SLUG}",
        {"origin": "paper", "name": "Otra", "way": "slips", "first": "110", "last": "120"},
    )
    assert refused.status_code == 422
    assert "Mesa del parque" in refused.text


def test_after_the_close_no_assisted_ballot_is_taken_and_the_page_says_why(world: World, ana: Signed) -> None:
    paper_until(world, hours=3)
    table = opened(ana)
    lifecycle.close(world.desk.engine, SLUG, world.clock())
    world.clock.forward(minutes=1)
    assert "cerró esta votación" in ana.get(f"/consola/mesas/{table}").text
    assert ana.post(f"/consola/mesas/{table}", BALLOT).status_code == 422
    assert world.rows(Ballot) == []
    assert "Mesa del parque" in ana.get("/consola/mesas").text


# Paper


def test_paper_is_typed_corrected_sent_and_confirmed_by_somebody_else(world: World, ana: Signed) -> None:
    bea = signed_in(app_of(world), world, Role.APPROVER, login="bea")
    table = opened(ana, "paper", "slips", first="1", last="20")
    page = typed(ana, table, "1; 1 4 6; 35-44; f; ; bocagrande\n2; 2\n3; 99\n2; 5", 3, blank=1, void=1)
    assert page.count("Error:") == 2
    assert "Filas por corregir: 2" in page
    assert "acta de la mesa dice 3 votos válidos, y aquí hay 4" in page
    assert ana.post(f"/consola/mesas/{table}/enviar").status_code == 409
    page = typed(ana, table, "1; 1 4 6; 35-44; f; ; bocagrande\n2; 2\n3; 9", 3, blank=1, void=1)
    assert "Todo coincide" in page
    assert "Válidos: 3. En blanco: 1. Nulos: 1." in ana.get(f"/consola/mesas/{table}/enviar").text
    assert ana.post(f"/consola/mesas/{table}/enviar").status_code == 303
    assert world.rows(Ballot) == []
    assert "otra persona" in ana.get(f"/consola/mesas/{table}").text
    page = bea.get(f"/consola/mesas/{table}").text
    asked = re.search(r"/consola/pendientes/(\d+)", page)
    assert asked
    told = bea.get(f"/consola/pendientes/{asked[1]}").text
    for part in (
        "Mesa del parque",
        "papeletas 1 a 20",
        "Gobierno Abierto",
        "3 votos",
        f'href="/consola/mesas/{table}"',
    ):
        assert part in told
    colleague = signed_in(app_of(world), world, Role.PARTICIPATION, login="colleague")
    for clerk in (ana, colleague):  # an administrator makes clerks alone; an approver is made by two people
        assert clerk.post(f"/consola/pendientes/{asked[1]}/aceptar").status_code == 403
    assert bea.post(f"/consola/pendientes/{asked[1]}/aceptar").status_code == 303
    assert sorted(row["choices"] for row in world.rows(Ballot)) == ["p01 p04 p06", "p02", "p09"]
    assert (batch(world, table).state, batch(world, table).sealed) == ("boxed", None)
    assert "está en la urna" in bea.get(f"/consola/mesas/{table}").text
    assert [a for a, _f in actions(world)] == [
        "table.opened", "paper.typed", "paper.typed", "paper.sent", "paper.boxed", "approval.granted",
    ]  # fmt: skip


def test_what_was_taken_back_cannot_be_confirmed_any_more(world: World, ana: Signed) -> None:
    bea = signed_in(app_of(world), world, Role.PARTICIPATION, Role.APPROVER, login="bea")
    table = opened(ana, "paper")
    typed(ana, table, f"{DOCUMENT}; 1", 1)
    ana.post(f"/consola/mesas/{table}/enviar")
    asked = re.search(r"/consola/pendientes/(\d+)", bea.get(f"/consola/mesas/{table}").text)
    assert asked
    ana.post(f"/consola/mesas/{table}/devolver")
    assert bea.post(f"/consola/pendientes/{asked[1]}/aceptar").status_code == 409
    typed(ana, table, f"{DOCUMENT}; 2", 1)
    ana.post(f"/consola/mesas/{table}/enviar")
    assert bea.post(f"/consola/pendientes/{asked[1]}/aceptar").status_code == 409
    assert world.rows(Ballot) == []
    assert ana.post(f"/consola/mesas/{table}/descartar").status_code == 303
    assert "se descartó" in ana.get(f"/consola/mesas/{table}").text
    assert (batch(world, table).state, batch(world, table).sealed) == ("discarded", None)


def test_confirmed_and_taken_back_at_one_moment_only_one_happens(world: World, ana: Signed) -> None:
    app = app_of(world)
    bea = signed_in(app, world, Role.APPROVER, login="bea")
    table = opened(ana, "paper")
    typed(ana, table, f"{DOCUMENT}; 1", 1)
    ana.post(f"/consola/mesas/{table}/enviar")
    asked = re.search(r"/consola/pendientes/(\d+)", bea.get(f"/consola/mesas/{table}").text)
    assert asked
    ready, got = threading.Barrier(2), {}
    tokens = {who.login: who.token() for who in (ana, bea)}

    def act(who: Signed, path: str) -> None:
        ready.wait(10)
        data = {"csrf_token": tokens[who.login]}
        got[who.login] = who.client.post(path, data=data, base_url=SITE).status_code

    both = [
        threading.Thread(target=act, args=(ana, f"/consola/mesas/{table}/devolver")),
        threading.Thread(target=act, args=(bea, f"/consola/pendientes/{asked[1]}/aceptar")),
    ]
    for each in both:
        each.start()
    for each in both:
        each.join(30)
    assert sorted(got.values()) == [303, 409]
    state, number = batch(world, table).state, len(world.rows(Ballot))
    assert (state, number) == (("boxed", 1) if got["bea"] == 303 else ("open", 0))


def test_what_the_second_person_refused_can_be_corrected_and_sent_again(world: World, ana: Signed) -> None:
    bea = signed_in(app_of(world), world, Role.APPROVER, login="bea")
    table = opened(ana, "paper")
    for choices in ("1", "2"):
        typed(ana, table, f"{DOCUMENT}; {choices}", 1)
        ana.post(f"/consola/mesas/{table}/enviar")
        asked = re.search(r"/consola/pendientes/(\d+)", bea.get(f"/consola/mesas/{table}").text)
        assert asked
        answer = "rechazar" if choices == "1" else "aceptar"
        assert bea.post(f"/consola/pendientes/{asked[1]}/{answer}").status_code == 303
        if choices == "1":
            assert "no lo aceptaron" in bea.get(f"/consola/mesas/{table}").text
            assert world.rows(Ballot) == []
            ana.post(f"/consola/mesas/{table}/devolver")
    assert [row["choices"] for row in world.rows(Ballot)] == ["p02"]


def test_late_paper_enters_until_its_hour_and_not_after(world: World, ana: Signed) -> None:
    paper_until(world, hours=3)
    bea = signed_in(app_of(world), world, Role.APPROVER, login="bea")
    lifecycle.close(world.desk.engine, SLUG, world.clock())
    world.clock.forward(minutes=10)
    table = opened(ana, "paper")
    typed(ana, table, f"{DOCUMENT}; 1", 1)
    ana.post(f"/consola/mesas/{table}/enviar")
    asked = re.search(r"/consola/pendientes/(\d+)", bea.get(f"/consola/mesas/{table}").text)
    assert asked
    world.clock.forward(days=8)
    bea = signed_in(app_of(world), world, Role.APPROVER, login="caro")
    answer = bea.post(f"/consola/pendientes/{asked[1]}/aceptar")
    assert answer.status_code == 409
    assert "se recibió papel firmado" in answer.text
    assert world.rows(Ballot) == []


def test_a_spreadsheet_is_sent_and_its_template_reads_back(world: World, ana: Signed) -> None:
    table = opened(ana, "paper", "slips", first="31", last="40")
    book = openpyxl.load_workbook(io.BytesIO(ana.get(f"/consola/mesas/{table}/plantilla.xlsx").data))
    sheet = book.active
    assert [cell.value for cell in sheet[1]] == ["papeleta", "propuestas", "edad", "sexo", "grupo", "barrio"]
    assert sheet["B2"].number_format == "@"
    sheet["B2"], sheet["B3"] = "1-4-6", "2"
    sheet.delete_rows(4, 20)
    made = io.BytesIO()
    book.save(made)
    form = {"valid": "2", "blank": "0", "void": "0", "file": (io.BytesIO(made.getvalue()), "mesa.xlsx")}
    assert ana.post(f"/consola/mesas/{table}/filas", form, content_type="multipart/form-data").status_code == 303
    assert "Todo coincide" in ana.get(f"/consola/mesas/{table}").text
    bad = {"valid": "2", "blank": "0", "void": "0", "file": (io.BytesIO(b"PK\x03\x04broken"), "mesa.xlsx")}
    answer = ana.post(f"/consola/mesas/{table}/filas", bad, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "El archivo no se puede leer" in answer.text
    assert "Todo coincide" in ana.get(f"/consola/mesas/{table}").text  # what was there before stays


def test_a_formula_of_a_spreadsheet_is_shown_and_marked_and_a_full_file_fits(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    table = opened(who, "paper")

    def sent(body: bytes) -> str:
        form = {"valid": "1", "blank": "0", "void": "0", "file": (io.BytesIO(body), "mesa.xlsx")}
        page = who.post(f"/consola/mesas/{table}/filas", form, content_type="multipart/form-data")
        return page.text + who.get(f"/consola/mesas/{table}").text

    book = openpyxl.Workbook()
    book.active.append([DOCUMENT, "=1+4"])
    made = io.BytesIO()
    book.save(made)
    page = sent(made.getvalue())
    assert "=1+4" in page
    assert "El programa lo tomó por una fecha o una fórmula" in page
    assert "El archivo no es XLSX ni CSV" in sent(b"\0" * LARGEST)
    assert "El archivo pesa más de 2 megabytes" in sent(b"\0" * (LARGEST + 1))


def test_what_officers_type_is_text_on_the_page(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    evil = "<script>alert(1)</script>"
    table = opened(who, "paper", name=f"Mesa {evil}")
    page = typed(who, table, f"{evil}; {evil}; {evil}; {evil}; {evil}; {evil}", 1)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_full_page_of_paper_stays_light_and_costs_the_same_statements(little_world: World) -> None:
    rules(little_world, desk=["slips"])
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    spent = []
    for first, number in ((1, 3), (2_001, 1_000)):
        table = opened(who, "paper", "slips", first=str(first), last=str(first + 1_200), name="Mesa larga " * 5)
        typed(who, table, "\n".join(f"{n}; 1 4 6" for n in range(first, first + number)), number)
        little_world.statements.clear()
        page = who.get(f"/consola/mesas/{table}").text
        spent.append(len(little_world.statements))
    assert spent[0] == spent[1] < 12, spent
    assert len(page) < 100_000
    assert "pagina=2" in page
    assert who.get(f"/consola/mesas/{table}?pagina=20").status_code == 200
    assert who.get(f"/consola/mesas/{table}?pagina=21").status_code == 404


def test_the_list_of_tables_costs_the_same_with_a_hundred(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    assert "todavía no tiene mesas" in who.get("/consola/mesas").text
    spent = []
    for number in (1, 100):
        row = {"consultation": SLUG, "name": "Mesa", "origin": "paper", "way": "document", "state": "open",
               "valid": 0, "blank": 0, "void": 0, "opened_by": 1, "opened_at": little_world.clock()}  # fmt: skip
        little_world.put(Batch, *[row] * number)
        little_world.statements.clear()
        assert who.get("/consola/mesas").status_code == 200
        spent.append(len(little_world.statements))
    assert spent[0] == spent[1] < 10, spent


def test_in_english_too(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    table = opened(who)
    for path in ("mesas", f"mesas/abrir/{SLUG}", f"mesas/{table}", f"mesas/{table}/terminar"):
        page = who.get(f"/en/consola/{path}")
        assert page.status_code == 200
        assert 'lang="en"' in page.text


def test_the_approver_looks_and_enters_nothing(little_world: World) -> None:
    app = app_of(little_world)
    ana, bea = signed_in(app, little_world, Role.PARTICIPATION), signed_in(app, little_world, Role.APPROVER)
    table = opened(ana)
    assert "Poner el voto" not in bea.get(f"/consola/mesas/{table}").text
    assert bea.post(f"/consola/mesas/{table}", BALLOT).status_code == 403
    assert bea.post(f"/consola/mesas/{table}/terminar").status_code == 403
    assert little_world.rows(Ballot) == []


def test_nothing_opens_in_a_vote_that_is_counted_or_unknown(little_world: World) -> None:
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    assert who.get("/consola/mesas/abrir/no-such-vote").status_code == 404
    assert who.get("/consola/mesas/777").status_code == 404
    little_world.clock.forward(days=30)
    lifecycle.count(little_world.desk.engine, little_world.desk.keys, SLUG, little_world.clock())
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION, login="late")
    assert "ya está contada" in who.get(f"/consola/mesas/abrir/{SLUG}").text
    assert "Ahora ninguna votación" in who.get("/consola/mesas").text
    form = {"origin": "paper", "name": "Mesa", "way": "document"}
    assert who.post(f"/consola/mesas/abrir/{SLUG}", form).status_code == 422


def test_the_public_record_tells_of_the_paper_and_the_rules_of_the_tables(little_world: World) -> None:
    world = little_world
    client = app_of(world).test_client()
    assert "Sin teléfono" not in client.get(f"/consultas/{SLUG}").text
    rules(world, desk=["document", "slips"])
    assert "papeletas numeradas" in client.get(f"/consultas/{SLUG}").text
    assert "mesa de la ciudad" in world.say("reglas")[-1].text
    table = paper_table(world, (1, 50))
    keep(world, table, *[[str(n), "1"] for n in range(1, 13)], blank=2, void=1)
    confirm(world, table, send(world, table))
    world.clock.forward(days=30)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    lifecycle.publish(world.desk.engine, SLUG, world.clock())
    page = client.get(f"/consultas/{SLUG}").text
    assert "1 mesa. 12 votos válidos, contados arriba. 2 en blanco. 1 nula." in page
    assert json.loads(client.get(f"/consultas/{SLUG}/resultados.json").data)["paper"] == {
        "tables": 1, "valid": 12, "blank": 2, "void": 1,
    }  # fmt: skip


def test_a_table_with_an_odd_name_is_printed(little_world: World) -> None:
    rules(little_world, desk=["slips"])
    who = signed_in(app_of(little_world), little_world, Role.PARTICIPATION)
    for number, name in ((1, "Mesa 😀 ñandú"), (11, "x" * 60)):
        table = opened(who, way="slips", first=str(number), last=str(number + 1), name=name)
        assert who.get(f"/en/consola/mesas/{table}/papeletas.pdf").data.startswith(b"%PDF")


def test_who_counts_is_told_first_what_paper_nobody_confirmed(world: World, ana: Signed) -> None:
    warning, count = "no fue confirmado", f"/consola/consultas/{SLUG}/contar"
    opened(ana)
    assert warning not in ana.get(count).text
    sent, begun = opened(ana, "paper", "slips", first="1", last="20"), opened(ana, "paper")
    typed(ana, sent, "1; 1\n2; 2", 2, blank=1)
    ana.post(f"/consola/mesas/{sent}/enviar")
    typed(ana, begun, f"{DOCUMENT}; 1", 1, void=2)
    world.clock.forward(days=30)
    later = signed_in(app_of(world), world, Role.PARTICIPATION, login="later")
    page = later.get(count).text
    assert page.index("El papel de 2 mesas") < page.index("6 papeles") < page.index("Contar ahora")
    assert later.post(count, {"office": "Planeación"}).status_code == 303
    assert (batch(world, sent).state, batch(world, begun).state) == ("discarded", "discarded")
