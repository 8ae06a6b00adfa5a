"""Barrios found from what people type, over the real tree of Cartagena."""

from pathlib import Path

import pytest

from flows.territory import MOST_OFFERED, Place, Territory
from storage.folder import read_folder


@pytest.fixture(scope="module")
def cartagena() -> Territory:
    folder = read_folder(Path(__file__).parent.parent / "territories/cartagena")
    places = (Place(p.code, p.kind, p.name, p.parent, p.names, p.profile) for p in folder.places)
    return Territory({place.code: place for place in places})


ONE = [
    ("Manga", "manga"),
    ("MANGA", "manga"),
    ("ｍａｎｇａ", "manga"),
    ("  manga. ", "manga"),
    ("manga 🏖️", "manga"),
    ("barrio manga", "manga"),
    ("B. Manga", "manga"),
    ("Manga, Cartagena", "manga"),
    ("vivo en manga", "manga"),
    ("I live in Manga", "manga"),
    ("7 de agosto", "siete-de-agosto"),
    ("siete de agosto", "siete-de-agosto"),
    ("7deagosto", "siete-de-agosto"),
    ("9 abril", "nueve-de-abril"),
    ("20 de julio", "veinte-de-julio-sur"),
    ("juan 23", "juan-xxiii"),
    ("pozon", "el-pozon"),
    ("El Pozón", "el-pozon"),
    ("elpozon", "el-pozon"),
    ("nelson mandela", "nelson-mandela"),
    ("nelson mandella", "nelson-mandela"),
    ("mandela", "nelson-mandela"),
    ("bocagrnde", "bocagrande"),
    ("Vocagrande", "bocagrande"),
    ("saragosilla", "zaragocilla"),
    ("hetsemani", "getsemani"),
    ("blas de leso", "blas-de-lezo"),
    ("Sta. Lucía", "santa-lucia"),
    ("tierrabomba", "tierra-bomba"),
    ("caño de loro", "cano-del-oro"),
    ("chino", "barrio-chino"),
    ("la victoria", "la-victoria"),
    ("la maría", "la-maria"),
    ("san pedro mártir", "san-pedro-martir"),
    ("ciudadela 11 de noviembre", "ciudadela-11-de-noviembre"),
    ("olaya 11 de noviembre", "olaya-herrera-sector-11-de-noviembre"),
    ("Olaya St. Rafael Núñez", "olaya-herrera-sector-rafael-nunez"),
    ("sector central de olaya", "olaya-herrera-sector-central"),
]


@pytest.mark.parametrize(("typed", "code"), ONE, ids=[typed for typed, _code in ONE])
def test_one_barrio_is_clear(cartagena: Territory, typed: str, code: str) -> None:
    assert [place.code for place in cartagena.find(typed)] == [code]


SEVERAL = [
    ("11 de noviembre", {"ciudadela-11-de-noviembre", "olaya-herrera-sector-11-de-noviembre"}),
    ("ONCE DE NOVIEMBRE", {"ciudadela-11-de-noviembre", "olaya-herrera-sector-11-de-noviembre"}),
    ("recreo", {"el-recreo", "recreo"}),
    ("el recreo", {"el-recreo", "recreo"}),
    ("san pedro", {"san-pedro", "san-pedro-martir", "san-pedro-y-libertad"}),
    ("pablo sexto", {"pablo-vi-i", "pablo-vi-ii"}),
    ("la esmeralda", {"la-esmeralda-i", "la-esmeralda-ii"}),
    ("villa rosia", {"villa-rosa", "villa-rosita"}),
    ("galán", {"jose-antonio-galan", "luis-carlos-galan"}),
]


@pytest.mark.parametrize(("typed", "codes"), SEVERAL, ids=[typed for typed, _codes in SEVERAL])
def test_several_barrios_are_asked_back(cartagena: Territory, typed: str, codes: set[str]) -> None:
    assert {place.code for place in cartagena.find(typed)} == codes


@pytest.mark.parametrize("typed", ["olaya", "Olaya Herrera", "olalla", "olaya herrra"])
def test_olaya_lies_in_two_units(cartagena: Territory, typed: str) -> None:
    found = cartagena.find(typed)
    assert len(found) == 11
    assert {cartagena.containing(place.code, "unit") for place in found} == {
        cartagena.places["ucg-5"],
        cartagena.places["ucg-6"],
    }


def test_the_two_of_a_name_lie_in_different_localities(cartagena: Territory) -> None:
    localities = [cartagena.containing(place.code, "locality") for place in cartagena.find("11 de noviembre")]
    assert [place.code for place in localities if place] == ["l3", "l2"]


NONE = [
    "xyz",
    "",
    " ",
    "🏖️",
    "12",
    "123",
    "no sé",
    "hola",
    "buenas",
    "votar",
    "Cartagena",
    "la",
    "san",
    "isla",
    "x" * 4000,
]

ESTATES = [
    "Los Cocos", "Villa Andrea", "18 de Enero", "Villa del Sol", "Las Américas", "Nuevo Chile", "Sevilla", "Crespito",
    "Parque de Zaragocilla", "Lomas de San Francisco", "Altos de San Pedro Mártir", "Terraza Los Alpes", "Buenavista",
    "7 de Diciembre", "2 de Noviembre", "13 de Mayo", "Las Colinas", "Valencia", "Villa Carmen", "Villa Ángela",
]  # fmt: skip
"""Estates inside barrios that have no row of their own: a guess would count people in the wrong place."""


@pytest.mark.parametrize("typed", [*NONE, *ESTATES], ids=lambda typed: typed[:30] or "nothing")
def test_what_is_no_barrio_is_not_guessed(cartagena: Territory, typed: str) -> None:
    assert cartagena.find(typed) == []


def test_every_name_of_a_barrio_finds_it(cartagena: Territory) -> None:
    barrios = [place for place in cartagena.places.values() if place.kind == "barrio"]
    missed = [name for place in barrios for name in (place.name, *place.names) if place not in cartagena.find(name)]
    assert missed == []


def test_a_full_name_is_seldom_asked_back(cartagena: Territory) -> None:
    barrios = [place for place in cartagena.places.values() if place.kind == "barrio"]
    asked = {place.code for place in barrios if len(cartagena.find(place.name)) > 1}
    assert asked == {"san-pedro", "el-recreo", "recreo"}


def test_what_is_asked_back_is_a_list_that_can_be_read(cartagena: Territory) -> None:
    words = {word for p in cartagena.places.values() for word in p.name.split()}
    assert max(len(cartagena.find(word)) for word in words) <= MOST_OFFERED


def test_options_tell_two_of_a_name_apart(cartagena: Territory) -> None:
    options = cartagena.options(cartagena.find("recreo"))
    assert [option.label for option in options] == [
        "El Recreo (Unidad Comunera 13)",
        "Recreo (Zona rural e insular 3)",
    ]


def test_industrial_land_is_no_barrio(cartagena: Territory) -> None:
    assert not {"mamonal", "zona-industrial"} & set(cartagena.places)


def test_a_tree_without_units_describes_a_place_by_its_name() -> None:
    town = Territory({"town": Place("town", "municipality", "Pueblo"), "sea": Place("sea", "barrio", "El Mar", "town")})
    assert [town.described(place) for place in town.find("el mar")] == ["El Mar"]
    assert town.find("mar pueblo") == town.find("mar")
