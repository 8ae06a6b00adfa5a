"""Complaints in the console: a receiver's day, what a thief gets, and who finds nothing at all."""

import re

import pytest
from flask import Flask
from sqlalchemy import text, update

from bot.complaints import cases, exports
from bot.complaints.cases import Begun
from cli import wiring
from flows.case import MOVES, REASONS, SAID, STATES
from storage import audit, case_keeping, catalogue, printed, sessions, vault, volatile_visits
from storage import cases as shelf
from storage.cases import Part, Wrap
from storage.database import columns, reading, transaction
from storage.vault import Unopened
from tests.casebook import PHOTO, Receiver, cheap, filed, happened, hidden, inside, receiver, state
from tests.console import SITE, signed_in
from tests.test_console_attacks import sending, together
from tests.vaults import OFFICES
from tests.world import DURING, World
from web.console.access import Role
from web.console.credentials import Safe

STORY = "Pidieron plata en la plaza por un contrato"
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "javascript:alert(1)",
    "</div><svg onload=x>",
)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap(monkeypatch)


def app_of(world: World) -> Flask:
    return wiring.app(world.settings, world.clock)


def at_work(world: World, login: str = "ana", office: str = OFFICES[0]) -> Receiver:
    """A receiver with an unlocked key."""
    who = receiver(app_of(world), world, login, office)
    assert who.unlock().status_code == 303
    return who


def private_of(begun: Begun) -> bytes:
    """A case's private key, as its complainant gets it."""
    return vault.unwrap_own(begun.new.own_wrap, vault.derive(begun.access_key, begun.new.salt).kek, begun.new.id)


def noted(world: World) -> list[tuple[str, str]]:
    with reading(world.desk.engine) as connection:
        return [(row.action, row.subject) for row in reversed(audit.rows(connection, action="case"))]


def moved(world: World, begun: Begun, *states: str) -> None:
    """Take a case through states, without a console."""
    for after in states:
        with transaction(world.desk.engine) as connection:
            row = shelf.case(connection, begun.new.id)
            assert row is not None
            assert shelf.move(connection, begun.new.id, row.state, after, row.changed_on, REASONS[after][0], None)


def test_a_receivers_day(desk: World) -> None:
    one = at_work(desk)
    begun = filed(desk, STORY, files=[PHOTO])
    queue = one.get("/consola/denuncias").text
    assert begun.new.locator in queue
    assert "Quedan 15 días hábiles" in queue
    page = one.page(begun)
    assert STORY in page.text
    assert "adjunto-01.jpg" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert one.send(begun, "/paso/reviewing", {"reason": "begun", "text": "Hola, ya la leímos."}).status_code == 303
    assert one.send(begun, "/paso/asked", {"reason": "unclear", "text": ""}).status_code == 422, "a question has words"
    assert one.send(begun, "/paso/asked", {"reason": "unclear", "text": "¿Qué día fue?"}).status_code == 303
    assert one.send(begun, "/nota", {"text": "Llamar a Hacienda"}).status_code == 303
    assert one.send(begun, "/paso/reviewing", {"reason": "heard", "text": ""}).status_code == 303
    assert one.send(begun, "/plazo", {"days": "5", "text": "Faltan papeles"}).status_code == 303
    for step, reason in (
        ("admitted", "concrete"),
        ("handling", "inquiry"),
        ("answered", "confirmed"),
        ("closed", "done"),
    ):
        assert one.send(begun, f"/paso/{step}", {"reason": reason, "text": ""}).status_code == 303
    assert [after for _before, after, _reason in happened(desk, begun)] == [
        "reviewing", "asked", "reviewing", "reviewing", "admitted", "handling", "answered", "closed",
    ]  # fmt: skip
    assert inside(desk, begun, one) == [
        ("told", STORY), ("file", ""), ("reply", "Hola, ya la leímos."), ("reply", "¿Qué día fue?"),
        ("note", "Llamar a Hacienda"), ("reply", "Faltan papeles"),
    ]  # fmt: skip
    assert state(desk, begun).closed_on == state(desk, begun).changed_on
    with transaction(desk.desk.engine) as connection:
        found = cases.Opened(state(desk, begun), private_of(begun))
        said = [told.text for told in cases.replies(connection, found)]
    assert said == ["Hola, ya la leímos.", "¿Qué día fue?", "Faltan papeles"], "notes are for receivers alone"


def test_a_database_and_a_configuration_open_nothing_even_while_somebody_works(little: World) -> None:
    one = at_work(little)
    begun = filed(little, STORY)
    assert STORY in one.page(begun).text
    store = little.desk.volatile
    assert store is not None
    with reading(store) as connection:
        (visit,) = connection.execute(text("SELECT * FROM visit")).mappings().all()
    kept = bytes(visit["kept"])
    assert one.pair.private not in kept
    secret = little.settings.secret_key.encode()
    for guess in (bytes.fromhex(visit["token"]), vault.NO_SALT * 2, secret[:32]):
        with pytest.raises(Unopened):
            vault.disclose(kept, guess)
    for path in little.folder.rglob("*"):
        if path.is_file():
            assert one.pair.private not in path.read_bytes()
            assert STORY.encode() not in path.read_bytes()
    stolen = app_of(little).test_client()
    with one.client.session_transaction(base_url=SITE) as session, stolen.session_transaction(base_url=SITE) as other:
        other["token"] = session["token"]  # a signed cookie, made with the stolen settings
    answer = stolen.get(f"/consola/denuncias/{begun.new.id}", base_url=SITE)
    assert (answer.status_code, STORY in answer.text) == (303, False)


def test_a_key_is_unlocked_in_one_session_and_for_a_quarter_of_an_hour(little: World) -> None:
    one, begun = at_work(little), filed(little, STORY)
    little.clock.forward(minutes=14)
    assert STORY in one.page(begun).text
    little.clock.forward(minutes=14)
    assert STORY in one.page(begun).text, "each use begins a quarter of an hour anew"
    cookie = one.client.get_cookie("__Host-cuenta_key", domain="cuenta.example.test")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.same_site, cookie.path) == (True, True, "Strict", "/")
    assert one.post("/consola/salir").status_code == 303
    store = little.desk.volatile
    assert store is not None
    with reading(store) as connection:
        assert connection.execute(text("SELECT count(*) FROM visit")).scalar() == 0
    two = at_work(little, "berta")
    little.clock.forward(minutes=15)
    with reading(store) as connection:
        (token,) = connection.execute(text("SELECT token FROM visit")).scalars().all()
        assert volatile_visits.visit(connection, token, "receiver", little.clock()) is None
    two = at_work(little, "diana")
    with two.client.session_transaction(base_url=SITE) as session:
        session["token"] = "another session"
    with transaction(little.desk.engine) as connection:
        hashed = Safe(little.desk.secret).hashed("session", "another session")
        sessions.begin(connection, hashed, two.id, little.clock())
    assert "Su clave está cerrada" in two.get("/consola/mi-clave").text, "the cookie of another session opens nothing"


ACTS = ("copia", "nota", "paso/reviewing", "plazo", "remision", "respuesta", "retener")
"""What can be done with a complaint that one can open."""


def test_whom_it_concerns_finds_nothing(desk: World) -> None:
    one, accused = at_work(desk), at_work(desk, "carlos", OFFICES[1])
    begun = filed(desk, STORY, excluded=OFFICES[1], files=[PHOTO])
    assert STORY in one.page(begun).text
    assert begun.new.locator not in accused.get("/consola/denuncias").text
    part = re.search(r"/adjuntos/([0-9a-f]{32})", one.page(begun).text)
    assert part
    nothing = accused.get(f"/consola/denuncias/{'0' * 32}")
    for address in (
        f"/consola/denuncias/{begun.new.id}",
        f"/consola/denuncias/{begun.new.id}/adjuntos/{part[1]}",
        *(f"/consola/denuncias/{begun.new.id}/{act}" for act in ACTS),
        f"/consola/denuncias/{begun.new.locator}",
    ):
        answer = accused.get(address)
        assert (answer.status_code, _same(answer.text)) == (404, _same(nothing.text))
    assert {accused.sent(begun, f"/{act}", {"text": "x"}).status_code for act in ACTS} == {404}
    with transaction(desk.desk.engine) as connection:  # who can write the database gives themselves some wrap
        shelf.give(connection, begun.new.id, accused.key, shelf.wrap_for(connection, begun.new.id, one.key) or b"")
    answer = accused.page(begun)
    assert answer.status_code == 200
    assert STORY not in answer.text
    assert "case.damaged" in [action for action, _subject in noted(desk)]


def test_whom_it_concerns_learns_the_day_after_that_it_is_there(little: World) -> None:
    accused, begun = at_work(little, "carlos", OFFICES[1]), filed(little, STORY, excluded=OFFICES[1])
    assert begun.new.locator not in accused.get("/consola/denuncias").text
    little.clock.forward(days=1)
    listed = again(little, accused).get("/consola/denuncias").text
    assert begun.new.locator in listed
    assert "sin clave" in listed
    assert begun.new.id not in listed


def _same(page: str) -> str:
    return re.sub(r'href="[^"]*"|value="[^"]*"', "", page)


def test_a_file_of_another_case_is_not_found_under_this_one(little: World) -> None:
    one = at_work(little)
    mine, other = filed(little, STORY), filed(little, STORY, files=[PHOTO])
    part = re.search(r"/adjuntos/([0-9a-f]{32})", one.page(other).text)
    assert part
    for where in (part[1], "../" + part[1], "0" * 32, other.new.locator):
        assert one.page(mine, f"/adjuntos/{where}").status_code == 404


def test_a_file_can_only_be_kept(little: World) -> None:
    one, begun = at_work(little), filed(little, STORY, files=[PHOTO])
    part = re.search(r"/adjuntos/([0-9a-f]{32})", one.page(begun).text)
    assert part
    answer = one.page(begun, f"/adjuntos/{part[1]}")
    assert answer.data == PHOTO
    assert answer.headers["Content-Disposition"] == 'attachment; filename="adjunto-01.jpg"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("ending", ["../../x", "JPG", "html\r\nX: y", "", "тхт", "a" * 300])
def test_a_name_is_made_of_nothing_that_its_sender_chose(ending: str) -> None:
    file = cases.File(DURING, 3, {"ending": ending, "name": "con.pdf"}, b"")
    assert exports.name("file", 3, file) in ("adjunto-03.bin", "adjunto-03.jpg")


def test_smuggled_marks_are_words(little: World) -> None:
    one, begun = at_work(little), filed(little, *XSS)
    page = one.page(begun).text
    for smuggled in ("<script>alert", "<img src=x", "<svg", "49"):
        assert smuggled not in page.partition('id="main"')[2].partition("<h2>Qué se puede")[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_what_was_changed_does_not_open_and_is_noted(desk: World) -> None:
    one = at_work(desk)
    begun, other = filed(desk, STORY, files=[PHOTO]), filed(desk, "Otra historia")
    with transaction(desk.desk.engine) as connection:
        p = columns(Part)
        (told,) = shelf.parts(connection, begun.new.id, ("told",))
        (file,) = shelf.parts(connection, begun.new.id, ("file",))
        (swapped,) = shelf.parts(connection, other.new.id, ("told",))
        connection.execute(update(Part).where(p.id == told.id).values(body=swapped.body))
        flipped = bytearray(file.body)
        flipped[-1] ^= 1
        connection.execute(update(Part).where(p.id == file.id).values(body=bytes(flipped)))
        connection.execute(update(Part).where(p.id == swapped.id).values(kind="note"))
    page = one.page(begun)
    assert page.text.count("Una parte no se abre") == 2
    assert STORY not in page.text
    assert one.page(begun, f"/adjuntos/{file.id}").status_code == 409
    assert "Otra historia" not in one.page(other).text, "it opens as its own kind alone"
    assert [action for action, _subject in noted(desk)].count("case.damaged") == 3
    with transaction(desk.desk.engine) as connection:
        wrapped = shelf.wrap_for(connection, other.new.id, one.key)
        mine = (columns(Wrap).case_id == begun.new.id) & (columns(Wrap).receiver_id == one.key)
        connection.execute(update(Wrap).where(mine).values(body=wrapped))
    assert STORY not in one.page(begun).text


def test_no_step_is_taken_out_of_order_twice_or_by_two(desk: World) -> None:
    one, begun = at_work(desk), filed(desk, STORY)
    assert one.page(begun, "/paso/closed").status_code == 409
    form = {**hidden(one.page(begun, "/paso/reviewing").text), "reason": "begun", "text": "Hola"}
    assert one.sent(begun, "/paso/closed", {**form, "reason": "done"}).status_code == 409
    assert one.sent(begun, "/paso/reviewing", {**form, "reason": "done"}).status_code == 422
    assert one.sent(begun, "/paso/reviewing", form).status_code == 303
    assert one.sent(begun, "/paso/reviewing", form).status_code == 409, "a form that is sent again"
    assert happened(desk, begun) == [("received", "reviewing", "begun")]
    note = {**hidden(one.page(begun, "/nota").text), "text": "Nota"}
    assert [one.sent(begun, "/nota", note).status_code for _n in range(2)] == [303, 409]
    stale = {**note, "seen": form["seen"], "part": vault.new_id()}
    assert one.sent(begun, "/nota", stale).status_code == 409, "somebody moved it meanwhile"
    assert [kind for kind, _text in inside(desk, begun, one)] == ["told", "reply", "note"]


def test_of_two_who_move_a_case_at_once_one_does(desk: World) -> None:
    begun = filed(desk, STORY)
    for _n in range(2):
        assert not happened(desk, begun)
    people = [receiver(app_of(desk), desk, f"r{n}") for n in range(2)]
    with transaction(desk.desk.engine) as connection:
        for who in people:
            shelf.give(connection, begun.new.id, who.key, vault.wrap(private_of(begun), who.pair.public))
    forms = [{**hidden(who.page(begun, "/paso/reviewing").text), "reason": "begun", "text": ""} for who in people]
    path = f"/consola/denuncias/{begun.new.id}/paso/reviewing"
    answers = together([sending(desk, path, form, who) for form, who in zip(forms, people, strict=True)])
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(happened(desk, begun)) == 1


def test_more_time_is_taken_once_and_until_the_last_day(little: World) -> None:
    one, begun, late = at_work(little), filed(little, STORY), filed(little, STORY)
    row = state(little, begun)
    for days in ("0", "16", "x"):
        assert one.send(begun, "/plazo", {"days": days, "text": "Razones"}).status_code == 422
    assert one.send(begun, "/plazo", {"days": "15", "text": ""}).status_code == 422, "with its reasons"
    little.clock.forward(days=(row.due_on - row.received_on).days)
    one = at_work(little, "berta")
    with transaction(little.desk.engine) as connection:
        for case in (begun, late):
            shelf.give(connection, case.new.id, one.key, vault.wrap(private_of(case), one.pair.public))
    assert one.send(begun, "/plazo", {"days": "15", "text": "Faltan papeles"}).status_code == 303
    after = state(little, begun)
    city = little.desk.catalogue
    assert after.extended
    with reading(little.desk.engine) as connection:
        seen = city(connection, catalogue.revision(connection))
    assert seen.city.intake is not None
    assert after.due_on == cases.due_on(seen, seen.city.intake, row.received_on, 30)
    assert one.page(begun, "/plazo").status_code == 409, "once"
    little.clock.forward(days=1)
    one = again(little, one)
    assert ">Tarde<" in one.page(late).text
    assert one.page(late, "/plazo").status_code == 409, "one day late"
    assert not state(little, late).extended


def test_not_admitting_needs_a_second_receiver_who_can_open_it(desk: World) -> None:
    one, two, accused = at_work(desk), at_work(desk, "berta"), at_work(desk, "carlos", OFFICES[1])
    begun = filed(desk, STORY, excluded=OFFICES[1])
    moved(desk, begun, "reviewing")
    act, form = "/paso/not-admitted", {"reason": "nothing-concrete", "text": "Falta saber dónde"}
    assert one.send(begun, act, form).status_code == 409, "not on the day on which it came"
    desk.clock.forward(days=1)
    one, two, accused = (again(desk, who) for who in (one, two, accused))
    assert one.send(begun, act, form).status_code == 303
    assert state(desk, begun).state == "reviewing"
    assert one.send(begun, act, form).status_code == 409, "it is asked for already"
    waits = re.search(r"/consola/pendientes/(\d+)", two.page(begun).text)
    assert waits
    agree = f"/consola/pendientes/{waits[1]}/aceptar"
    assert one.post(agree).status_code == 409, "who asks does not agree"
    assert begun.new.locator not in accused.get("/consola/pendientes").text
    assert accused.post(agree).status_code == 404
    assert two.post(agree).status_code == 303
    assert state(desk, begun).state == "not-admitted"
    assert inside(desk, begun, two)[-1] == ("reply", "Falta saber dónde")
    assert two.post(agree).status_code == 409
    assert len(happened(desk, begun)) == 2


def again(world: World, who: Receiver) -> Receiver:
    """The same receiver, signed in on another day."""
    with transaction(world.desk.engine) as connection:
        hashed = Safe(world.desk.secret).hashed("session", f"token-{who.login}")
        sessions.end(connection, hashed)
        sessions.begin(connection, hashed, who.id, world.clock())
    assert who.unlock().status_code == 303
    return who


def test_an_agreement_to_what_changed_does_nothing(little: World) -> None:
    one, two, begun = at_work(little), at_work(little, "berta"), filed(little, STORY)
    moved(little, begun, "reviewing")
    little.clock.forward(days=1)
    one, two = again(little, one), again(little, two)
    one.send(begun, "/paso/not-admitted", {"reason": "other-matter", "text": ""})
    moved(little, begun, "admitted")
    with reading(little.desk.engine) as connection:
        (id,) = [row.id for row in connection.execute(text("SELECT id FROM approval"))]
    assert two.post(f"/consola/pendientes/{id}/aceptar").status_code == 409
    assert state(little, begun).state == "admitted"


def test_another_body_gets_a_copy_that_its_key_alone_opens(little: World) -> None:
    one, begun = at_work(little), filed(little, STORY, files=[PHOTO])
    one.send(begun, "/nota", {"text": "Solo para nosotros"})
    moved(little, begun, "reviewing")
    answer = one.send(
        begun, "/remision", {"reason": "crime", "entity": "Fiscalía", "number": "F-7", "text": "La pasamos."}
    )
    assert answer.headers["Location"].endswith("/copia")
    assert state(little, begun).state == "referred"
    assert ("note", "Fiscalía\nF-7") in inside(little, begun, one)
    theirs = vault.key_pair()
    for wrong in ("", "ABCD", printed.shown_private(theirs.private)):
        assert one.sent(begun, "/copia", {"public": wrong}).status_code == 422
    made = one.sent(begun, "/copia", {"public": printed.shown_public(theirs.public).lower()})
    assert made.headers["Content-Disposition"] == 'attachment; filename="denuncia.zip"'
    assert STORY.encode() not in made.data
    found = exports.opened(made.data, theirs.private)
    assert found.facts["case"] == begun.new.locator
    named = [
        exports.name(kind, n, part) for n, (kind, part) in enumerate(zip(found.kinds, found.parts, strict=True), 1)
    ]
    assert named == ["relato-01.txt", "adjunto-02.jpg", "respuesta-03.txt"]
    with pytest.raises(Unopened):
        exports.opened(made.data, one.pair.private)
    assert "case.exported" in [action for action, _subject in noted(little)]


def test_the_record_names_no_case_on_the_day_on_which_it_came(little: World) -> None:
    one, begun = at_work(little), filed(little, STORY)
    one.page(begun)
    one.send(begun, "/retener", {"reason": "court"})
    assert {subject for _action, subject in noted(little)} == {""}
    assert state(little, begun).held
    little.clock.forward(days=1)
    one = again(little, one)
    one.send(begun, "/retener", {"reason": "over"})
    assert not state(little, begun).held
    assert noted(little)[-1] == ("case.released", begun.new.id[:8])
    with reading(little.desk.engine) as connection:
        record = " ".join(f"{row.subject} {row.facts}" for row in audit.whole(connection))
    assert begun.new.locator not in record
    assert begun.new.id not in record


def test_the_offices_own_number_stands_on_its_page(little: World) -> None:
    one, begun = at_work(little), filed(little, STORY)
    assert "Número propio de la oficina" not in one.page(begun).text
    with transaction(little.desk.engine) as connection:
        case_keeping.give_number(connection, begun.new.id, "2022-0007")
    assert "Número propio de la oficina: 2022-0007." in one.page(begun).text


def test_a_case_officer_sees_dates_and_nothing_else(little: World) -> None:
    begun = filed(little, STORY)
    who = signed_in(app_of(little), little, Role.CASE_OFFICER)
    assert begun.new.locator not in who.get("/consola/denuncias").text, "it would tell when it was filed"
    little.clock.forward(days=1)
    who = signed_in(app_of(little), little, Role.CASE_OFFICER, login="next-day")
    page = who.get("/consola/denuncias").text
    assert begun.new.locator in page
    assert begun.new.id not in page
    assert "Quedan 14 días hábiles" in page
    assert who.get(f"/consola/denuncias/{begun.new.id}").status_code == 403


def test_every_reason_has_its_words_and_leads_from_somewhere() -> None:
    assert {code for codes in REASONS.values() for code in codes} | {"extended"} == set(SAID)
    assert set(REASONS) == {after for afters in MOVES.values() for after in afters}
    assert set(MOVES) == set(STATES)
