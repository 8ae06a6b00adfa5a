"""The rules of delivery in the console: whatever the folder may say can be typed, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bot.catalogue import Catalogue
from bot.catalogue import read as read_catalogue
from cli import wiring
from storage.audit import Audited
from storage.database import reading
from storage.texts import TextVersion
from tests.console import Signed, signed_in
from tests.visitor import read
from tests.world import World
from web.console.access import Role

PATH = "/consola/entrega"


@pytest.fixture
def city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    made = World.on(sqlite_url, tmp_path).load()
    yield made
    made.desk.engine.dispose()


@pytest.fixture
def app(city: World) -> Flask:
    return wiring.app(city.settings, city.clock)


@pytest.fixture
def chief(app: Flask, city: World) -> Signed:
    return signed_in(app, city, Role.ADMINISTRATOR)


def fields(**change: Any) -> dict[str, Any]:
    """The form as a browser sends it."""
    return {
        "prices.whatsapp.message": "20", "prices.whatsapp.utility": "30", "prices.whatsapp.marketing": "80",
        "prices.sms.segment": "210", "daily": "500000", "replies": "100000", "weekly": "2", "sms_after": "6",
        "countries": "+57, +58", **change,
    }  # fmt: skip


def seen(chief: Signed) -> str:
    found = re.search(r'name="seen" value="(\d+)"', chief.get(PATH).text)
    assert found
    return found[1]


def kept(chief: Signed, **change: Any) -> Any:
    return chief.post(PATH, {**fields(**change), "seen": seen(chief), "hacer": "guardar"})


def rules(city: World) -> Catalogue:
    with reading(city.desk.engine) as connection:
        return read_catalogue(connection)


def test_the_rules_are_seen_first_and_hold_once_they_are_kept(city: World, chief: Signed) -> None:
    assert "Estos precios son supuestos." in read(chief.get(PATH).text).text
    page = read(chief.post(PATH, fields()).text).text
    assert "WhatsApp, una plantilla con noticias: 75 → 80" in page
    assert "Códigos de los países a los que se escribe: +57 → +57 +58" in page
    assert "Los precios están revisados." in page
    assert rules(city).delivery.daily == 400_000
    assert kept(chief).status_code == 303
    found = rules(city).delivery
    assert (found.daily, found.replies, found.weekly, found.countries) == (500_000, 100_000, 2, ("+57", "+58"))
    assert (found.price("sms", "segment", 2), found.assumed, found.sms_after.total_seconds()) == (420, False, 6 * 3600)
    assert ("text.changed", "delivery") in {(row["action"], row["subject"]) for row in city.rows(Audited)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prices.sms.segment": "mucho"}, "Escriba pesos enteros, de 0 a 100000"),
        ({"prices.whatsapp.message": "100001"}, "Escriba pesos enteros"),
        ({"daily": ""}, "SMS"),
        ({"weekly": "0"}, "1"),
        ({"sms_after": "73"}, "72"),
        ({"countries": "57"}, "Escriba códigos de países"),
        ({"countries": ""}, "Escriba códigos de países"),
        ({"lugar": "bocagrande", "bocagrande-weekdays-first": "9", "bocagrande-weekdays-last": "9"}, "La primera hora"),
    ],
)
def test_what_the_folder_may_not_say_cannot_be_typed_either(
    city: World, chief: Signed, change: dict[str, str], said: str
) -> None:
    answer = kept(chief, **change)
    assert answer.status_code == 422
    assert said in read(answer.text).text
    assert rules(city).delivery.daily == 400_000


def test_a_place_gets_hours_of_its_own_and_loses_them(city: World, chief: Signed) -> None:
    page = chief.post(PATH, fields(nuevo="bocagrande")).text
    assert 'name="lugar" value="bocagrande"' in page
    own = {
        "lugar": "bocagrande", "bocagrande-weekdays-first": "6", "bocagrande-weekdays-last": "20",
        "bocagrande-saturdays-first": "-1", "bocagrande-saturdays-last": "-1", "bocagrande-sundays-first": "8",
        "bocagrande-sundays-last": "10",
    }  # fmt: skip
    assert kept(chief, **own).status_code == 303
    here = rules(city)
    spans = here.delivery.hours_at(here.city.territory, "bocagrande").spans
    assert spans == {"weekdays": (6, 20), "saturdays": (), "sundays": (8, 10)}
    assert kept(chief, **own, **{"quitar-bocagrande": "1"}).status_code == 303
    assert rules(city).delivery.hours == {}


def test_of_two_who_edit_at_once_the_second_is_told_and_an_older_one_is_put_back(city: World, chief: Signed) -> None:
    mark = seen(chief)
    kept(chief)
    late = chief.post(PATH, {**fields(daily="1"), "seen": mark, "hacer": "guardar"})
    assert late.status_code == 409
    kept(chief, daily="700000")
    mine = [row for row in city.rows(TextVersion) if row["key"] == "delivery"]
    first = next(row for row in mine if json.loads(row["body"]).get("daily") == 500_000)
    where = f"/consola/textos/delivery/historia/{first['id']}"
    assert chief.post(where, {"seen": seen(chief)}).status_code == 303
    assert rules(city).delivery.daily == 500_000


def test_a_city_that_states_nothing_has_assumed_prices(sqlite_url: str, tmp_path: Path) -> None:
    bare = World.on(sqlite_url, tmp_path).load()
    with bare.desk.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM citytext WHERE key = 'delivery'")
    chief = signed_in(wiring.app(bare.settings, bare.clock), bare, Role.ADMINISTRATOR)
    assert "Estos precios son supuestos." in read(chief.get(PATH).text).text
    assert chief.post(PATH).status_code == 422
    bare.desk.engine.dispose()
