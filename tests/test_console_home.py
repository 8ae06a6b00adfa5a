"""The first page of the console: it names what needs attention, and nothing else."""

import asyncio
from typing import cast

import pytest
from sqlalchemy import insert, select

from bot import headcount, lifecycle, upkeep
from bot.attention import attention
from bot.catalogue import read
from bot.channels.telegram import LeanRequest, TelegramSender
from bot.reconciler import MISSED
from cli import wiring
from storage import announcements, approvals, ideas, parked, spending, ticks, voices
from storage.contacts import Contact
from storage.database import columns, reading, transaction
from storage.outbox import Outgoing
from tests import visitor
from tests.announcing import draft
from tests.console import Signed, signed_in
from tests.promises import great_plan, load_plan
from tests.test_console_people import enter
from tests.world import World
from web.console.access import Role
from web.console.application import NAVIGATION

SLUG = "cartagena-2022"
IDEA = {"collection": SLUG, "via": "paper", "place": None, "code": "K1", "text": "Sembrar árboles"}


def console(world: World, *roles: Role, offices: tuple[str, ...] = (), login: str = "") -> Signed:
    return signed_in(wiring.app(world.settings, world.clock), world, *roles, offices=offices, login=login)


def test_a_quiet_desk_says_that_it_works(world: World) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    shown = console(world, Role.PARTICIPATION).get("/consola/").text
    assert "El sistema funciona" in shown
    assert "se cierra el" in shown, "the vote of 2022 closes within a week"
    assert "No se está enviando nada" not in shown


def test_a_worker_that_was_not_seen_is_named(world: World) -> None:
    who = console(world, Role.PARTICIPATION)
    assert "nunca se ha encendido" in who.get("/consola/").text
    upkeep.beat(world.desk.engine, world.clock())
    world.clock.forward(minutes=3)
    assert "la parte que envía no da señal" in who.get("/consola/").text


@pytest.mark.parametrize(
    ("days", "said"),
    [(-3, "se abre el"), (0, "se cierra el"), (7, "Se recibe papel hasta"), (-30, "Ninguna abre ni cierra")],
)
def test_a_consultation_is_named_when_something_happens_at_it(world: World, days: int, said: str) -> None:
    world.clock.forward(days=days)
    assert said in console(world, Role.PARTICIPATION).get("/consola/").text


def test_a_counted_consultation_waits_to_be_published(world: World) -> None:
    world.vote("1")
    world.clock.forward(days=12)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    assert "todavía sin publicar" in console(world, Role.PARTICIPATION).get("/consola/").text


def test_what_is_announced_today_is_told_with_its_ceilings(world: World) -> None:
    now = world.clock()
    with transaction(world.desk.engine) as connection:
        made = draft(now)
        announcements.make(connection, made, None, now, state="sending")
        held = announcements.make(connection, made, None, now, state="sending")
        announcements.move(connection, held, ("sending",), "paused", hold="ceiling")
        spending.spend(connection, now.date(), "announcements", 400_000, 400_000)
        spending.note(connection, now.date(), spending.REPLIES, 9_340)
    who = console(world, Role.COMMUNICATIONS)
    told = visitor.read(who.get("/consola/").text).text
    for words in (
        "hoy se gastaron 400.000 de 400.000 pesos", "hoy se gastaron 9.340 de",
        "Se está enviando: Se cierra la Avenida",
        "El dinero del día se acabó", "WhatsApp no ha aprobado 4 plantillas.",
    ):  # fmt: skip
        assert words in told, words
    assert "cuenta_votes" not in told, "no names of the machine's"
    assert "hoy se gastaron" not in console(world, Role.OFFICE, offices=("plan-2023/planeacion",)).get("/consola/").text


def test_places_stand_in_groups_and_each_sees_those_of_their_own(world: World) -> None:
    listed = [name for group in NAVIGATION for name, _label in group]
    assert len(listed) == len(set(listed))
    groups = console(world, *Role, offices=("plan-2023/planeacion",), login="all").get("/consola/").text
    assert groups.partition("</nav>")[0].count("<li><ul>") == len(NAVIGATION) + 1
    few = console(world, Role.AUDITOR).get("/consola/").text.partition("</nav>")[0]
    assert "/consola/consultas" not in few
    assert few.count("<li><ul>") < len(NAVIGATION) + 1


def test_what_fails_is_counted_by_channel_for_a_day(world: World) -> None:
    world.vote("1")
    upkeep.beat(world.desk.engine, world.clock())
    with transaction(world.desk.engine) as connection:
        contact = connection.execute(select(columns(Contact).id)).scalars().first()
        message = {"lane": "sms", "contact_id": contact, "kind": "reply", "due_at": world.clock()}
        for state in ("failed", "failed", "sent"):
            made = {**message, "state": state, "created_at": world.clock(), "finished_at": world.clock()}
            connection.execute(insert(Outgoing), made)
        parked.park(connection, "ABC123", "sms", "here", world.clock())
        ticks.mark(connection, MISSED, world.clock())
    who = console(world, Role.PARTICIPATION)
    shown = who.get("/consola/").text
    assert "sms: no se pudieron entregar 2 de 3" in shown
    assert "1 mensaje del último día encontró una falla" in shown
    assert "Twilio no nos pudo entregar" in shown
    assert "ABC123" not in shown
    world.clock.forward(hours=25)
    upkeep.beat(world.desk.engine, world.clock())
    with reading(world.desk.engine) as connection:
        found = attention(connection, read(connection), world.clock())
    assert (dict(found.failed), found.parked, found.missed) == ({}, 0, None)


def test_places_that_are_hardly_heard_are_named_only_where_enough_took_part(world: World) -> None:
    def unheard() -> list[str]:
        upkeep.note_turnout(world.desk.engine, world.clock())
        with reading(world.desk.engine) as connection:
            found = attention(connection, read(connection), world.clock())
        return [each.place.code for each in found.unheard]

    assert unheard() == [], "nobody has voted: there is no average"
    for who in range(1, 9):
        world.vote("1", who=who)
    world.clock.forward(hours=1)
    named = unheard()
    assert len(named) > 10
    assert len(named) == len(set(named))


def test_the_plan_of_an_office_is_its_own(world: World) -> None:
    with reading(world.desk.engine) as connection:
        city = read(connection)
    plan = next(iter(city.plans.values()))
    world.clock.now = world.clock.now.replace(year=plan.span.last.year, month=12, day=1)
    with reading(world.desk.engine) as connection:
        all_of_it = attention(connection, city, world.clock())
        own = {office for each in all_of_it.late for office in each.milestone.offices}
        office = sorted(own)[0]
        mine = attention(connection, city, world.clock(), {f"{plan.slug}/{office}"})
        nobodys = attention(connection, city, world.clock(), set())
    assert all_of_it.late
    assert {each.milestone.id for each in mine.late} == {
        each.milestone.id for each in all_of_it.late if office in each.milestone.offices
    }
    assert nobodys.late == nobodys.soon == nobodys.silent == []


def test_reports_and_objections_that_wait_are_counted(world: World) -> None:
    with reading(world.desk.engine) as connection:
        city = read(connection)
    plan = next(iter(city.plans.values()))
    milestone = next(iter(plan.milestones.values()))
    with transaction(world.desk.engine) as connection:
        id = voices.report(connection, milestone.id, milestone.offices[0], "complete", "Hecho.", "web", world.clock())
        voices.object_to(connection, id, None, "No es cierto.", world.clock())
        approvals.ask(connection, "staff.rights", "1", {}, None, world.clock())
        found = attention(connection, city, world.clock())
    assert [each.milestone.id for each in found.judging] == [milestone.id]
    assert (found.objections, len(found.waiting)) == (1, 1)
    shown = console(world, Role.MONITOR).get("/consola/").text
    assert "1 objeción de un residente espera respuesta" in shown
    assert "No es cierto" not in shown
    assert "/consola/objeciones" in shown
    assert f"/consola/hitos/{milestone.id}" in shown
    assert '/consola/pendientes">1' not in shown, "a monitor has no part in it"
    assert 'href="/consola/pendientes">1 cosa espera' in console(world, Role.ADMINISTRATOR).get("/consola/").text


def test_what_waits_leads_to_the_page_that_answers_it_for_those_who_may(world: World) -> None:
    clerk, monitor = console(world, Role.PARTICIPATION), console(world, Role.MONITOR)
    quiet = clerk.get("/consola/").text
    with transaction(world.desk.engine) as connection:
        ideas.enter(connection, [IDEA, {**IDEA, "code": "K2"}], world.clock())
    enter(clerk)
    shown = clerk.get("/consola/").text
    for path, words in (
        ("/consola/ideas", "2 ideas de residentes no tienen respuesta todavía"),
        ("/consola/personas/solicitudes", "1 solicitud de datos espera respuesta"),
        ("/consola/consultas/cartagena-2022", ""),
    ):
        assert f'href="{path}">{words}' in shown
    assert "Por hacer" not in quiet
    assert "último día" not in shown
    world.clock.forward(days=8)
    later = console(world, Role.PARTICIPATION, Role.APPROVER)
    assert "1 tiene su último día en menos de una semana" in later.get("/consola/").text
    assert "solicitud de datos" not in monitor.get("/consola/").text


def test_the_page_asks_the_same_number_of_statements_whatever_there_is(world: World) -> None:
    who = console(world, Role.PARTICIPATION)
    who.get("/consola/")
    world.statements.clear()
    who.get("/consola/")
    few = len(world.statements)
    for each in range(1, 9):
        world.vote("1 2", who=each)
    world.statements.clear()
    who.get("/consola/")
    assert 0 < len(world.statements) <= few <= 30, world.statements


PEOPLE = 100_000
CROWD = (
    "INSERT INTO person (id, place, consented_at, notice) SELECT n, 'nowhere', {at}, 'x' FROM crowd",
    "INSERT INTO contact (id, channel, address, person_id, language, state, heard_at)"
    " SELECT n, 'sms', '+57' || n, n, 'es', 'active', {at} FROM crowd",
    "INSERT INTO housemate (contact_id, person_id, joined_at) SELECT n, n, {at} FROM crowd",
    "INSERT INTO roll (consultation, person_id, level, origin, cast_at)"
    " SELECT 'cartagena-2022', n, 'phone', 'sms', {at} FROM crowd",
)
PAGES = (
    "", "personas", "personas/solicitudes", "consultas", "consultas/cartagena-2022", "mesas", "ideas", "pendientes",
    "planes", "planes/grande", "planes/grande?pagina=3", "objeciones", "textos",
)  # fmt: skip


def test_among_a_hundred_thousand_people_and_a_thousand_milestones_pages_cost_the_same(little_world: World) -> None:
    load_plan(little_world, great_plan(1, 1))
    who = console(little_world, *(role for role in Role if role not in (Role.OFFICE, Role.AUDITOR)))
    upkeep.note_turnout(little_world.desk.engine, little_world.clock())
    headcount.take(little_world.desk)

    def spent(path: str) -> int:
        little_world.statements.clear()
        answer = who.get(f"/consola/{path}")
        assert answer.status_code == 200, path
        assert len(answer.data) < 120_000, path
        return len(little_world.statements)

    few = {path: spent(path) for path in PAGES if "pagina" not in path}
    crowd = f"WITH RECURSIVE crowd(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM crowd WHERE n < {PEOPLE + 999}) "
    with transaction(little_world.desk.engine) as connection:
        for statement in CROWD:
            into, _select, rows = statement.format(at="'2022-11-16 15:00:00.000000'").partition(" SELECT")
            connection.exec_driver_sql(f"{into} {crowd} SELECT{rows}")
    load_plan(little_world, great_plan(50, 20))
    little_world.clock.forward(hours=1)
    upkeep.note_turnout(little_world.desk.engine, little_world.clock())
    assert headcount.take(little_world.desk)
    who = console(little_world, *Role, login="later", offices=("grande/o1",))
    who.get("/consola/")  # what a process keeps in memory is read once
    assert "100.000" in who.get("/consola/personas").text
    many = {path: spent(path) for path in PAGES}
    assert {path: many[path] for path in few if many[path] > few[path]} == {}
    assert max(many.values()) <= 30, many


class Told:
    """Telegram's answer to getWebhookInfo."""

    def __init__(self, answer: object):
        self.answer = answer

    async def post(self, _url: str, _form: object) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "noted"), [({"last_error_date": 1668600000}, True), ({"url": "x"}, False), ({}, False), (None, False)]
)
def test_when_telegram_could_not_reach_us_is_noted(little_world: World, answer: object, noted: bool) -> None:
    sender = TelegramSender("123456:test", "http://127.0.0.1:1", cast(LeanRequest, Told(answer)))
    asyncio.run(upkeep.note_webhook(little_world.desk.engine, sender))
    with reading(little_world.desk.engine) as connection:
        assert (ticks.last(connection, upkeep.WEBHOOK_FAILED) is not None) == noted
