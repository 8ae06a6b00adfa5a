"""The console's page of networks: what holds at each place and why, and what the staff say of it."""

import pytest
from flask import Flask

from bot import connectivity
from cli import wiring
from storage import audit
from storage import catalogue as shelf
from storage.connectivity import Connectivity
from storage.database import reading
from tests.console import Signed, account, signed_in
from tests.test_connectivity import UNIT, weak_unit
from tests.world import World
from web.console.access import Role

PAGE = f"/consola/conexion/{UNIT}"
CASTS = ((Role.PARTICIPATION, 303), (Role.ADMINISTRATOR, 303), (Role.COMMUNICATIONS, 404))


@pytest.fixture
def app(little_world: World) -> Flask:
    return wiring.app(little_world.settings, little_world.clock)


@pytest.fixture
def clerk(app: Flask, little_world: World) -> Signed:
    return signed_in(app, little_world, Role.PARTICIPATION)


def clerk_id(world: World) -> int:
    """Somebody of the staff who may say how well a place is connected."""
    return account(world, "clerk", [Role.PARTICIPATION])


def holds(world: World, place: str) -> str:
    with reading(world.desk.engine) as connection:
        return connectivity.profile(world.desk.catalogue(connection, shelf.revision(connection)), place)


def test_a_place_shows_what_holds_there_and_why(little_world: World, clerk: Signed) -> None:
    before = clerk.get(PAGE).text
    assert "Buena: datos casi todo el día" in before
    assert "Todavía nada" in before
    weak_unit(little_world)
    page = clerk.get(PAGE).text
    assert "Débil: señal algunas horas al día" in page
    assert "Lo dice la carpeta de la ciudad." in page
    assert "Los mensajes llegan mucho peor" in page
    assert "De 40 mensajes, 30 de cada 100 tardaron más de un día." in page
    assert "La mitad de los otros tardó 10 horas o menos." in page
    assert "19:00" in page
    assert PAGE in clerk.get("/consola/conexion").text


def test_what_the_staff_say_holds_at_once_for_all_that_lies_in_it_and_is_in_the_record(
    little_world: World, clerk: Signed
) -> None:
    assert clerk.post(PAGE, {"profile": "sms"}).status_code == 303
    assert (holds(little_world, UNIT), holds(little_world, "el-pozon")) == ("sms", "sms")
    assert "Lo dijo el equipo de un lugar más grande." in clerk.get("/consola/conexion/el-pozon").text
    assert clerk.login in clerk.get(PAGE).text
    with reading(little_world.desk.engine) as connection:
        row = audit.rows(connection)[0]
    assert (row.action, row.subject, row.facts) == ("place.network", UNIT, '{"profile": "sms"}')
    record = signed_in(clerk.client.application, little_world, Role.AUDITOR).get("/consola/registro").text
    assert "Dijo qué tan bien conectado está un lugar" in record
    assert "Solo mensajes de texto (SMS)" in record
    clerk.post(PAGE, {"profile": ""})
    assert holds(little_world, UNIT) == "good"


@pytest.mark.parametrize(("role", "status"), CASTS)
def test_who_may_look_need_not_be_who_may_say(app: Flask, little_world: World, role: Role, status: int) -> None:
    who = signed_in(app, little_world, role)
    page = who.get(PAGE)
    assert page.status_code == 200
    assert ("<button>Guardar esta respuesta</button>" in page.text) == (status == 303)
    token = {"csrf_token": who.token(), "profile": "low"}
    assert who.client.post(PAGE, data=token, base_url="https://cuenta.example.test").status_code == status
    assert len(little_world.rows(Connectivity)) == (status == 303)


@pytest.mark.parametrize("chosen", [None, "bad", "good "])
def test_what_is_not_on_the_list_changes_nothing(little_world: World, clerk: Signed, chosen: str | None) -> None:
    given = {"csrf_token": clerk.token(), **({"profile": chosen} if chosen else {})}
    answer = clerk.client.post(PAGE, data=given, base_url="https://cuenta.example.test")
    assert answer.status_code == 422
    assert "Escoja de la lista" in answer.text
    assert little_world.rows(Connectivity) == []


def test_a_place_that_is_not_there_is_not_found(clerk: Signed) -> None:
    assert clerk.get("/consola/conexion/atlantis").status_code == 404
