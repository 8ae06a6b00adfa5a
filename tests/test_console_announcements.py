"""Announcements in the console: written, looked at, agreed to by another, followed, stopped and published."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from bot.announcements import announcing
from cli import wiring
from storage import announcements, approvals
from storage.announcements import Announcement, AnnouncementRow
from storage.audit import Audited
from storage.database import reading, transaction
from storage.reached import Reached
from storage.sessions import StaffSession
from tests.announced import announce, move, person, tick
from tests.announcing import WORDS, agree, draft
from tests.console import SITE, Signed, signed_in
from tests.visitor import read
from tests.world import World
from web.console.access import FRESH, Role

NEW = "/consola/anuncios/nuevo"


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    made = World.on(sqlite_url, tmp_path).load().open()
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def app(city: World) -> Flask:
    return wiring.app(city.settings, city.clock)


@pytest.fixture
def writer(app: Flask, city: World) -> Signed:
    return signed_in(app, city, Role.COMMUNICATIONS, login="writer")


def fields(**change: Any) -> dict[str, Any]:
    """The form of an announcement that lacks nothing, as a browser sends it."""
    words = {f"{name}_{language}": text for language, each in WORDS.items() for name, text in each.items()}
    times = {"send_day": "17/11/2022", "send_hour": "09:00", "until_day": "19/11/2022", "until_hour": "18:00"}
    return {"topic": "news", "category": "utility", "voted_in": "", "voted": "no", **words, **times, **change}


def written(writer: Signed, **change: Any) -> str:
    """A new draft; its address."""
    answer = writer.post(NEW, {**fields(**change), "hacer": "guardar"})
    assert answer.status_code == 303, read(answer.text).text
    return answer.headers["Location"]


def number(where: str) -> int:
    return int(where.rpartition("/")[2])


def stands(city: World, where: str) -> Announcement:
    with reading(city.desk.engine) as connection:
        found = announcements.one(connection, number(where))
    assert found is not None
    return found


def ask(writer: Signed, city: World, where: str) -> Any:
    return writer.post(f"{where}/pedir", {"seen": stands(city, where).draft.digest})


def grant(who: Signed, city: World, where: str, outcome: str = "aceptar") -> Any:
    with reading(city.desk.engine) as connection:
        asked = approvals.about(connection, announcing.KIND, str(number(where)))
    assert asked is not None
    return who.post(f"/consola/pendientes/{asked.id}/{outcome}")


def sending(city: World, where: str, state: str = "sending") -> None:
    with transaction(city.desk.engine) as connection:
        now = city.clock()
        announcements.move(connection, number(where), ("draft", "approved"), state, selected_at=now)


# Written and looked at


def test_an_announcement_is_seen_as_each_channel_sends_it_before_it_is_kept(city: World, writer: Signed) -> None:
    agree(city, 1, 52, place="bocagrande")
    page = writer.post(NEW, {**fields(), "hacer": "ver"}).text
    shown = read(page).text
    for words in (
        "WhatsApp · Español", "SMS · English", "WhatsApp, para quien no escribe desde hace un día",
        "se paga como 1 mensaje de texto", "cerca de 50", "todavía no ha aprobado esta plantilla",
        "Se cierra la Avenida Pedro de Heredia",
    ):  # fmt: skip
        assert words in shown, words
    assert "Para no recibir más: BAJA" in shown
    assert city.rows(AnnouncementRow) == []
    assert "El lunes se cierra la avenida por obras." in page


def test_what_is_typed_stays_whatever_is_wrong_with_it(city: World, writer: Signed) -> None:
    answer = writer.post(NEW, {**fields(send_day="mañana", title_es="<b>Hola</b>"), "hacer": "guardar"})
    assert answer.status_code == 422
    assert "&lt;b&gt;Hola&lt;/b&gt;" in answer.text
    assert "Ponga un día" in read(answer.text).text
    assert city.rows(AnnouncementRow) == []
    where = written(writer, title_es="")
    page = read(writer.get(where).text).text
    assert "Antes de pedirlo" in page
    assert "Título en español" in page
    assert "Pedir que otra persona acepte" not in page
    assert ask(writer, city, where).status_code == 409


def test_the_hour_that_clocks_skip_is_named(city: World, writer: Signed) -> None:
    with transaction(city.desk.engine) as connection:
        connection.exec_driver_sql("UPDATE citytext SET body = 'America/Santiago' WHERE key = 'zone'")
        connection.exec_driver_sql("UPDATE revision SET number = number + 1")
    answer = writer.post(NEW, {**fields(send_day="03/09/2023", send_hour="00:30"), "hacer": "ver"})
    assert answer.status_code == 422
    assert "cambian los relojes" in read(answer.text).text


def test_an_audience_is_told_in_words_and_a_place_counts_with_what_lies_in_it(city: World, writer: Signed) -> None:
    where = written(
        writer, places=["loc-1", "bocagrande", "la-boquilla"], groups=["women"], languages=["es"], channels=["sms"],
        voted_in="cartagena-2022", voted="no",
    )  # fmt: skip
    tree = stands(city, where).draft.audience
    assert "la-boquilla" in tree.places
    page = read(writer.get(where).text).text
    for words in ("La Boquilla", "De estos grupos: Mujer", "En estos canales: SMS", "no han participado en"):
        assert words in page, words


@pytest.mark.parametrize(("people", "said"), [(0, "a nadie, o a menos de 5"), (4, "a nadie, o a menos de 5")])
def test_nobody_and_hardly_anybody_are_said_before_asking(city: World, writer: Signed, people: int, said: str) -> None:
    if people:
        agree(city, 1, people)
    assert said in read(writer.get(written(writer)).text).text


def test_everybody_is_said_before_asking_and_what_it_costs(city: World, writer: Signed) -> None:
    agree(city, 1, 2_000)
    page = read(writer.get(written(writer)).text).text
    assert "Va a todas las personas" in page
    assert "441.100 pesos" in page
    assert "Tomaría 2 días" in page
    assert "Nadie ha revisado los precios" in page


def test_an_emoji_shows_what_it_would_cost_by_sms(city: World, writer: Signed) -> None:
    page = read(writer.get(written(writer, short_es="Mercado 🎉 hoy")).text).text
    assert "El SMS deja por fuera 🎉" in page


def test_who_wrote_meanwhile_is_not_overwritten(city: World, app: Flask, writer: Signed) -> None:
    where = written(writer)
    other = signed_in(app, city, Role.PARTICIPATION)
    assert other.post(f"{where}/editar", {**fields(title_es="Uno"), "seen": 1, "hacer": "guardar"}).status_code == 303
    late = writer.post(f"{where}/editar", {**fields(title_es="Dos"), "seen": 1, "hacer": "guardar"})
    assert late.status_code == 409
    assert 'value="Dos"' in late.text
    assert stands(city, where).draft.words["es"]["title"] == "Uno"


# Agreed to


def test_another_one_agrees_after_reading_and_nobody_who_wrote_any_of_it(
    city: World, app: Flask, writer: Signed
) -> None:
    both = signed_in(app, city, Role.COMMUNICATIONS, Role.APPROVER, login="both")
    second = signed_in(app, city, Role.APPROVER, login="second")
    where = written(writer)
    assert both.post(f"{where}/editar", {**fields(title_es="Otra"), "seen": 1, "hacer": "guardar"}).status_code == 303
    assert ask(writer, city, where).status_code == 303
    refused = grant(both, city, where)
    assert refused.status_code == 409
    assert "Usted escribió una parte" in refused.text
    assert stands(city, where).state == "asked"
    waits = second.get("/consola/pendientes").text
    assert "Enviar el anuncio Otra" in read(waits).text
    asked = second.get(re.findall(r"/consola/pendientes/\d+", waits)[0]).text
    assert f'href="{where}"' in asked
    assert "Otra" in second.get(where).text
    assert grant(second, city, where).status_code == 303
    assert stands(city, where).state == "approved"
    assert "announcement.approved" in {row["action"] for row in city.rows(Audited)}


def test_who_asks_for_what_others_wrote_does_not_agree_either(city: World, app: Flask, writer: Signed) -> None:
    both = signed_in(app, city, Role.COMMUNICATIONS, Role.APPROVER, login="both")
    where = written(writer)
    ask(both, city, where)
    assert "Usted mismo pidió esto" in read(grant(both, city, where).text).text or stands(city, where).state == "asked"
    assert stands(city, where).state == "asked"


def test_an_edit_after_the_agreement_voids_it(city: World, app: Flask, writer: Signed) -> None:
    second = signed_in(app, city, Role.APPROVER, login="second")
    where = written(writer)
    ask(writer, city, where)
    grant(second, city, where)
    assert "otra persona debe aceptarlo de nuevo" in read(writer.get(f"{where}/editar").text).text
    writer.post(f"{where}/editar", {**fields(text_es="Otra cosa."), "seen": 1, "hacer": "guardar"})
    found = stands(city, where)
    assert (found.state, found.approved_by) == ("draft", None)


def test_agreeing_needs_password_and_code_of_late(city: World, app: Flask, writer: Signed) -> None:
    second = signed_in(app, city, Role.APPROVER, login="second")
    where = written(writer)
    ask(writer, city, where)
    city.clock.forward(seconds=FRESH.total_seconds())
    assert grant(second, city, where).status_code == 401
    assert stands(city, where).state == "asked"


def test_what_was_refused_can_be_asked_for_again(city: World, app: Flask, writer: Signed) -> None:
    second = signed_in(app, city, Role.APPROVER, login="second")
    where = written(writer)
    ask(writer, city, where)
    grant(second, city, where, "rechazar")
    assert "Nadie aceptó" in read(writer.get(where).text).text
    assert ask(writer, city, where).status_code == 303
    assert grant(second, city, where).status_code == 303


def test_an_expired_session_keeps_what_was_typed_and_sends_nothing(city: World, writer: Signed) -> None:
    city.clock.forward(minutes=31)
    answer = writer.client.post(NEW, data={**fields(), "hacer": "guardar", "csrf_token": writer.token()}, base_url=SITE)
    assert answer.status_code == 401
    assert city.rows(AnnouncementRow) == []
    assert len(city.rows(StaffSession)) == 1


@pytest.mark.parametrize("end", ["pedir", "pausar", "seguir", "cancelar", "publicar", "editar"])
def test_no_step_is_taken_without_the_token_of_the_session(city: World, writer: Signed, end: str) -> None:
    where = written(writer)
    before = stands(city, where)
    answer = writer.client.post(f"{where}/{end}", data={"seen": before.draft.digest}, base_url=SITE)
    assert answer.status_code == 400
    assert stands(city, where) == before


# Followed, stopped, published


def test_sending_is_followed_paused_taken_up_and_cancelled(city: World, app: Flask, writer: Signed) -> None:
    second = signed_in(app, city, Role.APPROVER, login="second")
    where = written(writer)
    sending(city, where)
    page = writer.get(where)
    assert '<progress id="far" max="100"' in page.text
    assert "Refresh" not in page.headers
    assert writer.get(f"{where}?seguir=1").headers["Refresh"] == "10"
    assert second.post(f"{where}/pausar").status_code == 303
    assert "Alguien del equipo lo detuvo" in read(writer.get(where).text).text
    assert "Refresh" not in writer.get(f"{where}?seguir=1").headers
    assert writer.post(f"{where}/pausar").status_code == 409
    assert writer.post(f"{where}/seguir").status_code == 303
    assert writer.get(f"{where}/cancelar").status_code == 200
    assert stands(city, where).state == "sending"
    assert writer.post(f"{where}/cancelar").status_code == 303
    assert stands(city, where).state == "cancelled"
    assert writer.get(f"{where}/cancelar").status_code == 404
    assert writer.get(f"{where}/editar").status_code == 404


@pytest.mark.parametrize(
    ("hold", "said"), [("ceiling", "El dinero del día se acabó"), ("audience", "ya no está en la lista")]
)
def test_why_it_is_paused_is_said(city: World, writer: Signed, hold: str, said: str) -> None:
    where = written(writer)
    with transaction(city.desk.engine) as connection:
        announcements.move(connection, number(where), ("draft",), "paused", hold=hold, selected_at=city.clock())
    assert said in read(writer.get(where).text).text


def test_why_a_reminder_ended_is_said_and_what_is_spoilt_cannot_go_on(city: World, writer: Signed) -> None:
    ended, spoilt = written(writer), written(writer)
    with transaction(city.desk.engine) as connection:
        announcements.move(connection, number(ended), ("draft",), "cancelled", hold="closed")
        announcements.move(connection, number(spoilt), ("draft",), "paused", hold="words")
    assert "Su votación se cerró antes" in read(writer.get(ended).text).text
    assert "Seguir enviando" not in writer.get(spoilt).text
    assert writer.post(f"{spoilt}/seguir").status_code == 409


def test_numbers_under_five_are_not_told_while_it_is_sent(city: World, writer: Signed) -> None:
    where = written(writer)
    sending(city, where)
    names = ("unit", "channel", "outcome", "reason", "people")
    rows = (("ucg-1", "sms", "delivered", "", 3), ("ucg-1", "sms", "skipped", "voted", 1))
    with transaction(city.desk.engine) as connection:
        values = [{"announcement_id": number(where), "pesos": 0, **dict(zip(names, r, strict=True))} for r in rows]
        connection.execute(insert(Reached), values)
        announcements.change(connection, number(where), counted_at=city.clock())
    page = read(writer.get(where).text).text
    assert "Entregados: menos de 5" in page
    assert not re.search(r"Entregados: \d|Quedaron por fuera: \d", page)
    assert "pocas / pocas" in read(writer.get("/consola/anuncios").text).text


FIGURES = (
    ("ucg-1", "sms", "delivered", "", 40), ("ucg-1", "sms", "failed", "30003", 7),
    ("ucg-1", "whatsapp", "read", "", 20),
    ("ucg-14", "sms", "delivered", "", 3), ("ucg-14", "sms", "skipped", "cap", 6), ("ucg-2", "sms", "sent", "", 9),
    ("ucg-1", "sms", "answered", "", 8), ("ucg-1", "sms", "stopped", "", 6),
)  # fmt: skip


def counted(city: World, where: str) -> None:
    """It was sent, and its figures are final."""
    sending(city, where, "sent")
    id, now = number(where), city.clock()
    names = ("unit", "channel", "outcome", "reason", "people")
    with transaction(city.desk.engine) as connection:
        rows = [{"announcement_id": id, "pesos": 0, **dict(zip(names, each, strict=True))} for each in FIGURES]
        connection.execute(insert(Reached), rows)
        announcements.change(connection, id, counted_at=now, finished_at=now)


def test_final_figures_are_published_with_small_numbers_hidden(city: World, app: Flask, writer: Signed) -> None:
    where = written(writer)
    public = app.test_client()
    address = f"/avisos/{number(where)}"
    assert public.get(address).status_code == 404
    counted(city, where)
    assert public.get(address).status_code == 404, "not before somebody publishes it"
    page = read(writer.get(where).text).text
    assert "El teléfono estaba apagado" in page
    assert writer.post(f"{where}/publicar").status_code == 303
    told = read(public.get(address).text).text
    assert "Llegó a 72 de 85 personas; 20 lo leyeron, 8 respondieron y 6 no quieren más." in told
    assert "Todas las personas que pidieron noticias de la ciudad" in told
    row = next(row for row in re.findall(r"<tr>(.*?)</tr>", public.get(address).text, re.DOTALL) if "14" in row)
    assert "pocas" in row
    assert "It reached 72 of 85 people" in read(public.get(f"/en{address}").text).text
    assert "Llegó a 72 de 85" in read(public.get("/avisos").text).text
    (data,) = public.get("/avisos.json").get_json()["announcements"]
    assert (data["reached"], data["people"], data["stopped"]) == (72, 85, 6)
    small = next(each for each in data["units"] if each["code"] == "ucg-14")
    assert small["reached"] is None
    assert writer.post(f"{where}/publicar").status_code == 409


def test_what_is_not_published_is_nowhere_public(city: World, app: Flask, writer: Signed) -> None:
    counted(city, written(writer))
    public = app.test_client()
    assert "Todavía no se ha publicado nada" in read(public.get("/avisos").text).text
    assert public.get("/avisos.json").get_json() == {"announcements": []}


# Who may do what


def test_each_role_does_its_own_part(city: World, app: Flask, writer: Signed) -> None:
    where = written(writer)
    before = stands(city, where)
    seen = {"seen": before.draft.digest}
    for role in Role:
        who = signed_in(app, city, role, offices=["plan-2023/planeacion"] if role is Role.OFFICE else [])
        reads = role in (Role.COMMUNICATIONS, Role.PARTICIPATION, Role.APPROVER, Role.AUDITOR)
        writes = role in (Role.COMMUNICATIONS, Role.PARTICIPATION)
        assert (who.get("/consola/anuncios").status_code == 200) == reads, role
        assert (who.get(where).status_code == 200) == reads, role
        assert (who.get(NEW).status_code == 200) == writes, role
        assert (who.get(f"{where}/editar").status_code == 200) == writes, role
        page = who.get(where).text
        assert ("/pedir" in page) == writes, role
        if not writes:
            for end in ("pedir", "publicar"):
                assert who.post(f"{where}/{end}", seen).status_code == 403, role
        if role not in (Role.COMMUNICATIONS, Role.PARTICIPATION, Role.APPROVER):
            for end in ("pausar", "seguir", "cancelar"):
                assert who.post(f"{where}/{end}").status_code == 403, role
    assert stands(city, where) == before


def test_no_page_has_a_number_or_a_chat(city: World, app: Flask, writer: Signed) -> None:
    agree(city, 1, 8, place="bocagrande")
    where = written(writer)
    with transaction(city.desk.engine) as connection:
        announcements.move(connection, number(where), ("draft",), "sending", selected_at=city.clock())
    for path in ("/consola/anuncios", where):
        assert "+57" not in writer.get(path).text


def test_a_reminder_of_the_clock_can_be_stopped_and_not_changed(city: World, app: Flask, writer: Signed) -> None:
    with transaction(city.desk.engine) as connection:
        now = city.clock()
        made = draft(now, topic="votes", until=now + timedelta(hours=3))
        id = announcements.make(connection, made, None, now, "three-hours", "cartagena-2022", "approved")
    where = f"/consola/anuncios/{id}"
    assert "Recordatorio: faltan tres horas" in read(writer.get(where).text).text
    assert writer.get(f"{where}/editar").status_code == 404
    assert writer.post(f"{where}/cancelar").status_code == 303


def test_a_code_shows_it_in_the_writers_own_chat(city: World, writer: Signed) -> None:
    where = written(writer)
    found = re.search(r"PRUEBA \w{8}", writer.get(where).text)
    assert found
    city.say("hola", who=9)
    city.say("1", who=9)
    assert any("Se cierra la Avenida" in message.text for message in city.say(found[0], who=9))
    sending(city, where)
    assert "PRUEBA" not in read(writer.get(where).text).text


def test_people_are_counted_for_what_is_sent_now_alone(city: World, writer: Signed) -> None:
    for who in range(1, 7):
        person(city, who=who)
    paused, done, sending = (announce(city) for _n in range(3))
    tick(city)
    move(city, paused, "sending", "paused", hold="staff")
    move(city, done, "sending", "sent", finished_at=city.clock())
    city.statements.clear()
    page = read(writer.get("/consola/anuncios").text).text
    assert [line.strip() for line in re.findall(r"0 / 6|en su página", page)] == [
        "0 / 6",
        "en su página",
        "en su página",
    ]
    assert sum("FROM recipient" in each for each in city.statements) == 1
    city.statements.clear()
    assert "En camino: 6" in read(writer.get(f"/consola/anuncios/{sending}").text).text
    assert sum("FROM recipient" in each for each in city.statements) == 1
