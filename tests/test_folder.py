"""A city's folder: what is right loads once, what is wrong is named with its file, its line and its reason."""

import csv
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from bot import catalogue as shown
from bot import connectivity, plain
from storage import catalogue, consultations
from storage.consultations import ConsultationRow
from storage.database import open_database, transaction
from storage.folder import Invalid, read_folder
from storage.loading import Frozen, load
from storage.pages import LARGEST, sms_fault

CITIES = Path(__file__).parent.parent / "territories"
CARTAGENA, EXAMPLE = CITIES / "cartagena", CITIES / "ejemplo"

CITY, TREE, COMPLAINTS, DELIVERY = "city.toml", "territory.csv", "complaints.toml", "delivery.toml"
RULES = "consultations/ejemplo-plaza/consultation.toml"
PROPOSALS = "consultations/ejemplo-plaza/proposals.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "city"))


@pytest.fixture
def database(database_url: str) -> Iterator[Connection]:
    engine = open_database(database_url)
    with transaction(engine) as connection:
        yield connection
    engine.dispose()


def change(file: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text, f"the example no longer has {old!r}"
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return edit


def write(file: str, content: bytes) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        (folder / file).write_bytes(content)

    return put


def remove(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


def problems(folder: Path) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_folder(folder)
    return [str(problem) for problem in caught.value.problems]


BROKEN = [
    # The files as such.
    (remove(CITY), f"{CITY}:1: the file is missing"),
    (remove(TREE), f"{TREE}:1: the file is missing"),
    (remove(RULES), f"{RULES}:1: the file is missing"),
    (remove(PROPOSALS), f"{PROPOSALS}:1: the file is missing"),
    (write(TREE, b""), f"{TREE}:1: the file is empty"),
    (write(TREE, b"x" * (LARGEST + 1)), f"{TREE}:1: the file is larger than 5 MB"),
    (write(TREE, b"code,kind\nuno,\xf1\n"), f"{TREE}:2: the file is not UTF-8: save it again with that encoding"),
    (write(CITY, b"# ok\n\xff"), f"{CITY}:2: the file is not UTF-8: save it again with that encoding"),
    (write(CITY, b'zone = "UTC"\nzone = "UTC"\n'), f"{CITY}:2: not TOML: Cannot overwrite a value"),
    (write(CITY, b'zone = "UTC"\n[name'), f"{CITY}:2: not TOML: Expected ']' at the end of a table declaration"),
    (change(TREE, "plaza,barrio,La Plaza", 'plaza,barrio,"La" Plaza'), f"{TREE}:6: not CSV from here on: ',' expected"),
    (change(TREE, "campo,,low", 'campo,,"low'), f"{TREE}:10: not CSV from here on: unexpected end of data"),
    (
        write(TREE, b"code;kind;name;parent;names;profile\n"),
        f"{TREE}:1: the columns are separated by semicolons: save the file again with commas",
    ),
    (change(TREE, "code,kind,name", "code,kind,nombre"), f'{TREE}:1: missing column "name"'),
    (change(TREE, "code,kind,name", "code,kind,nombre"), f'{TREE}:1: unknown column "nombre"'),
    (change(TREE, "code,kind", "code,kind,kind"), f'{TREE}:1: column given twice "kind"'),
    (change(TREE, "El Puente,pueblo,,good", "El Puente,pueblo,good"), f"{TREE}:8: 5 cells where the header has 6"),
    (write(CITY, b"zone = " + b"[" * 100_000), f"{CITY}:1: not TOML: lists or tables are nested too deeply"),
    (write(CITY, b"zone = " + b"9" * 5_000), f"{CITY}:1: not TOML: Exceeds the limit"),
    # The city.
    (change(CITY, "[name]", 'colour = "red"\n[name]'), f'{CITY}:5: unknown key "colour"'),
    (change(CITY, "[help]", "[ayuda]"), f'{CITY}:1: missing key "help"'),
    (change(CITY, "[help]", "[ayuda]"), f'{CITY}:9: unknown key "ayuda"'),
    (change(CITY, 'en = "Villa Ejemplo"\n', ""), f'{CITY}:5: missing key "name.en"'),
    (change(CITY, 'en = "Villa Ejemplo"', 'en = "Villa"\nfr = "Ville"'), f'{CITY}:8: unknown key "name.fr"'),
    (change(CITY, 'en = "Villa Ejemplo"', "en = 7"), f"{CITY}:7: name.en must be a text in quotes"),
    (change(CITY, 'en = "Villa Ejemplo"', 'en = " "'), f"{CITY}:7: name.en is empty"),
    (change(CITY, "Villa Ejemplo", "Villa \\u0007"), f"{CITY}:6: name.es has the invisible character U+0007"),
    (change(CITY, "Villa Ejemplo", "Villa \\u202E"), f"{CITY}:6: name.es has the invisible character U+202E"),
    (change(CITY, "El municipio", "m" * 300), f"{CITY}:18: privacy.es has 404 characters; at most 300 fit"),
    (
        change(CITY, "America/Lima", "America/Callao"),
        f'{CITY}:3: "America/Callao" is not a time zone of the IANA list, such as America/Bogota',
    ),
    (change(CITY, '"America/Lima"', "5"), f"{CITY}:3: zone must be a text in quotes"),
    (change(CITY, "group = [", "gender = ["), f'{CITY}:21: missing key "questions.group"'),
    (change(CITY, "group = [", "gender = ["), f'{CITY}:32: unknown key "questions.gender"'),
    (
        change(CITY, 'id = "f"', 'id = "F f"'),
        f'{CITY}:29: id "F f" must be 1 to 40 of a-z, 0-9 and -, and begin with a letter or digit',
    ),
    (change(CITY, 'id = "f"', 'id = "m"'), f'{CITY}:29: the id "m" is given twice in questions.sex'),
    (change(CITY, ', en = "Woman"', ""), f'{CITY}:29: missing key "questions.sex.1.en"'),
    (change(CITY, 'en = "Woman"', 'en = "Woman", no = 1'), f'{CITY}:29: unknown key "questions.sex.1.no"'),
    # The territory.
    (change(TREE, "\nplaza,", "\nLa Plaza,"), f'{TREE}:6: code "La Plaza" must be 1 to 40 of a-z, 0-9 and -,'),
    (change(TREE, "\nplaza,", "\n,"), f'{TREE}:6: code "" must be 1 to 40 of a-z, 0-9 and -,'),
    (change(TREE, "\npuente,", "\nplaza,"), f'{TREE}:8: the code "plaza" was given on line 6'),
    (change(TREE, "El Puente", "la plaza"), f'{TREE}:8: "la plaza" was given on line 6 in the same pueblo'),
    (change(TREE, "El Puente", ""), f"{TREE}:8: name is empty"),
    (change(TREE, "El Puente", "P" * 61), f"{TREE}:8: name has 61 characters; at most 60 fit"),
    (change(TREE, "El Puente", '"El\nPuente"'), f"{TREE}:8: name has the invisible character U+000A"),
    (change(TREE, "puente,barrio", "puente,vereda"), f'{TREE}:8: kind "vereda" must be one of: municipality, locality'),
    (change(TREE, "campo,,low", "campo,,slow"), f'{TREE}:10: profile "slow" must be one of: good, low, sms'),
    (change(TREE, "El Puente,pueblo", "El Puente,"), f'{TREE}:8: "puente" has no parent'),
    (change(TREE, "El Puente,pueblo", "El Puente,rio"), f'{TREE}:8: the parent "rio" is not in the file'),
    (change(TREE, "El Puente,pueblo", "El Puente,plaza"), f"{TREE}:8: a barrio cannot lie in a barrio"),
    (change(TREE, "Pueblo,distrito", "Pueblo,plaza"), f'{TREE}:4: "pueblo" lies in itself, by way of its parents'),
    (
        change(TREE, "Villa Ejemplo,", "Villa Ejemplo,plaza"),
        f"{TREE}:2: the municipality lies in nothing: leave its parent empty",
    ),
    (change(TREE, "distrito,locality", "distrito,municipality"), f"{TREE}:3: a second municipality; the first is on"),
    # The consultation's rules.
    (change(RULES, "least = 1", "least = 0"), f"{RULES}:8: least must be from 1 to 200"),
    (change(RULES, "least = 1", "least = true"), f"{RULES}:8: least must be a whole number"),
    (change(RULES, "least = 1", ""), f'{RULES}:1: missing key "least"'),
    (change(RULES, "least = 1", "least = 3"), f"{RULES}:9: most is 2, less than least, which is 3"),
    (change(RULES, "most = 2", "most = 6"), f"{RULES}:9: most is 6, but there are only 5 proposals"),
    (change(RULES, '"contact"', '"face"'), f"{RULES}:11: identity must be one of: contact, phone, document"),
    (change(RULES, '["place"]', '["place", "income"]'), f'{RULES}:12: asks has "income"; it may have: age, sex, group'),
    (change(RULES, '["place"]', '["age", "age"]'), f"{RULES}:12: asks names something twice"),
    (change(RULES, '["place"]', '"place"'), f"{RULES}:12: asks must be a list"),
    (change(RULES, "people_per_contact = 3", "people_per_contact = 0"), f"{RULES}:13: people_per_contact must be from"),
    (change(RULES, "= {}", '= {colour = "shown"}'), f'{RULES}:14: unknown key "small_cells.colour"'),
    (change(RULES, "= {}", '= {age = "all"}'), f"{RULES}:14: small_cells.age must be one of: shown, hidden"),
    (change(RULES, '["slips"]', '["slips", "phone"]'), f'{RULES}:16: desk has "phone"; it may have: document, slips'),
    (
        change(RULES, 'identity = "contact"', 'identity = "document"'),
        f"{RULES}:16: desk has slips, which show less than people have to show",
    ),
    (change(RULES, "= {}", '= ["age"]'), f"{RULES}:14: small_cells must be a table"),
    (
        change(RULES, "opens = 2030-03-04T08:00:00", 'opens = "4 de marzo"'),
        f"{RULES}:3: opens must be a date with its time, like 2022-11-15T08:00:00",
    ),
    (change(RULES, "2030-03-04T08:00:00", "2030-03-04"), f"{RULES}:3: opens must be a date with its time,"),
    (change(RULES, "2030-03-04T08:00:00", "2030-02-30T08:00:00"), f"{RULES}:3: not TOML: Invalid date or datetime"),
    (
        change(RULES, "2030-03-04T08:00:00", "2030-03-04T08:00:00Z"),
        f"{RULES}:3: opens must be local time, without Z or an offset",
    ),
    (change(RULES, "2030-03-04T08:00:00", "0001-01-01T00:00:00"), f"{RULES}:3: opens is not a date of our times"),
    (change(RULES, "opens = 2030-03-04", "opens = 2030-03-11"), f"{RULES}:4: closes must be later than opens"),
    (
        change(RULES, "paper_until = 2030-03-11", "paper_until = 2030-03-09"),
        f"{RULES}:6: paper_until cannot be earlier than closes; without paper it is the same",
    ),
    # Its proposals.
    (change(PROPOSALS, "\nbancas,", "\narboles,"), f'{PROPOSALS}:3: id "arboles" was given on line 2'),
    (change(PROPOSALS, "\nbancas,", "\nLas+Bancas,"), f'{PROPOSALS}:3: id "Las+Bancas" must be 1 to 40 of a-z,'),
    (
        change(PROPOSALS, "\nbancas,2", "\nbancas,1"),
        f'{PROPOSALS}:3: number is "1" where 2 is next: they run 1, 2, 3, without gaps',
    ),
    (change(PROPOSALS, "\nbancas,2", "\nbancas,dos"), f'{PROPOSALS}:3: number is "dos" where 2 is next:'),
    (change(PROPOSALS, "Poner bancas nuevas", ""), f"{PROPOSALS}:3: title_es is empty"),
    (
        change(PROPOSALS, "Poner bancas nuevas", "Sembrar árboles de sombra"),
        f'{PROPOSALS}:3: title_es "Sembrar árboles de sombra" was given on line 2',
    ),
    (
        change(PROPOSALS, "Poner bancas nuevas", "b" * 61),
        f"{PROPOSALS}:3: title_es has 61 characters; at most 60 fit",
    ),
    (change(PROPOSALS, "Bancas nuevas", "b" * 29), f"{PROPOSALS}:3: short_es has 29 characters; at most 28 fit"),
    (
        change(PROPOSALS, ",Arboles de sombra", ",Árboles de sombra"),
        f'{PROPOSALS}:2: short_es has "Á", which an SMS cannot carry: write it without',
    ),
    (
        change(COMPLAINTS, "pauses = false", 'pauses = "no"'),
        f"{COMPLAINTS}:6: pauses must be true or false, without quotes",
    ),
    (change(COMPLAINTS, "closures = []", "closures = [24]"), f"{COMPLAINTS}:5: closures must be a list of days"),
    (change(DELIVERY, "segment = 220", "segment = -1"), f"{DELIVERY}:25: prices.sms.segment must be whole pesos"),
    (change(DELIVERY, "weekly = 3", "weekly = 50"), f"{DELIVERY}:11: weekly must be from 1 to 21"),
    (change(DELIVERY, '["+51"]', '["51"]'), f"{DELIVERY}:17: countries must be a list of calling codes"),
    (change(DELIVERY, "daily =", "dayly ="), f'{DELIVERY}:7: unknown key "dayly"'),
    (
        change(DELIVERY, "[prices.sms]", '[[hours]]\nplace = "nowhere"\nsundays = []\n\n[prices.sms]'),
        f'{DELIVERY}:1: hours are given for "nowhere", and no place has that code',
    ),
    (
        change(DELIVERY, "[prices.sms]", '[[hours]]\nplace = "plaza"\nsundays = [9]\n\n[prices.sms]'),
        f"{DELIVERY}:24: sundays must be two hours",
    ),
    (
        write(PROPOSALS, b"id,number,title_es,title_en,short_es,short_en,more_es,more_en,official\n"),
        f"{PROPOSALS}:1: there is no proposal",
    ),
]


@pytest.mark.parametrize(("spoil", "expected"), BROKEN, ids=[expected for _spoil, expected in BROKEN])
def test_a_mistake_is_named_with_its_file_line_and_reason(
    folder: Path, spoil: Callable[[Path], None], expected: str
) -> None:
    spoil(folder)
    found = problems(folder)
    assert any(problem.startswith(expected) for problem in found), found


def test_every_mistake_is_named_at_once_in_the_order_of_files_and_lines(folder: Path) -> None:
    change(CITY, "America/Lima", "Lima")(folder)
    change(TREE, "campo,,low", "campo,,slow")(folder)
    change(TREE, "El Puente,pueblo", "El Puente,rio")(folder)
    change(RULES, "least = 1", "least = 0")(folder)
    change(PROPOSALS, "\nbancas,2", "\nbancas,9")(folder)
    assert [problem.split(" ")[0] for problem in problems(folder)] == [
        f"{CITY}:3:", f"{RULES}:8:", f"{PROPOSALS}:3:", f"{TREE}:8:", f"{TREE}:10:",
    ]  # fmt: skip


def test_the_days_stop_only_where_the_city_says_so(folder: Path) -> None:
    def pauses() -> bool:
        intake = read_folder(folder).intake
        return intake is not None and intake["pauses"] is True

    assert not pauses()
    change(COMPLAINTS, "pauses = false", "")(folder)
    assert not pauses()
    change(COMPLAINTS, "days = 15", "pauses = true\ndays = 15")(folder)
    assert pauses()


def test_a_clock_change_is_no_hour_to_open_at(folder: Path) -> None:
    change(CITY, "America/Lima", "America/Santiago")(folder)
    change(RULES, "opens = 2030-03-04T08:00:00", "opens = 2029-09-02T00:30:00")(folder)
    reason = "opens falls where the clocks change in America/Santiago: choose another hour"
    assert problems(folder) == [f"{RULES}:3: {reason}"]


def test_a_consultation_folder_needs_a_name_that_fits_an_address(folder: Path) -> None:
    (folder / "consultations/ejemplo-plaza").rename(folder / "consultations/La Plaza")
    assert problems(folder)[0].startswith("consultations/La Plaza:1: the folder's name must be 1 to 40 of a-z")


def test_a_path_that_is_no_folder_is_said_so(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == ["nowhere:1: this is not a folder"]


def test_a_table_saved_by_a_spreadsheet_reads_the_same(folder: Path) -> None:
    before = read_folder(folder)
    for file in (TREE, PROPOSALS):
        text = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert read_folder(folder) == before


def test_a_text_that_looks_like_a_formula_stays_a_text(folder: Path) -> None:
    change(PROPOSALS, "Bancas nuevas", "=1+1")(folder)
    assert read_folder(folder).consultations[0].proposals[1].short["es"] == "=1+1"


def test_a_folder_without_consultations_is_a_city_all_the_same(folder: Path) -> None:
    shutil.rmtree(folder / "consultations")
    shutil.rmtree(folder / "plans")
    assert read_folder(folder).consultations == ()


def test_the_digest_changes_with_a_rule_and_not_with_the_layout(folder: Path) -> None:
    (before,) = read_folder(folder).consultations
    change(RULES, "least = 1\nmost = 2\n", "\nmost = 2\nleast = 1 # one\n")(folder)
    (moved,) = read_folder(folder).consultations
    change(RULES, "most = 2", "most = 3")(folder)
    (changed,) = read_folder(folder).consultations
    assert before.digest == moved.digest != changed.digest


def test_cartagena_2022_is_the_ballot_that_was_voted_on() -> None:
    (consultation,) = read_folder(CARTAGENA).consultations
    assert (consultation.slug, consultation.rules["least"], consultation.rules["most"]) == ("cartagena-2022", 1, 3)
    assert consultation.opens_at == datetime(2022, 11, 15, 5, tzinfo=UTC)
    assert consultation.closes_at == datetime(2022, 11, 22, 5, tzinfo=UTC)
    assert [proposal.id for proposal in consultation.proposals] == [f"p{n:02}" for n in range(1, 13)]
    begins = {p.number: p.official.split()[0] for p in consultation.proposals}
    assert (begins[6], begins[11], begins[12]) == ("Estrategia", "Crear", "Laboratorios/estrategias")


def test_cartagena_asks_what_the_form_of_2022_asked() -> None:
    questions = read_folder(CARTAGENA).questions
    assert [c.id for c in questions["age"]] == ["18-24", "25-34", "35-44", "45-54", "55-69", "70-more"]
    assert [c.words["es"] for c in questions["sex"]] == ["Masculino", "Femenino", "No binario", "No específica"]


def test_the_official_results_name_every_proposal_and_option_and_add_up() -> None:
    folder = read_folder(CARTAGENA)
    official = tomllib.loads((CARTAGENA / "consultations/cartagena-2022/official.toml").read_text(encoding="utf-8"))
    assert list(official["votes"]) == [p.id for p in folder.consultations[0].proposals]
    for question in ("age", "sex"):
        assert list(official[question]) == [c.id for c in folder.questions[question]]
        assert sum(official[question].values()) == official["ballots"]
    least, most = (folder.consultations[0].rules[key] * official["ballots"] for key in ("least", "most"))
    assert least <= sum(official["votes"].values()) <= most


def test_cartagena_has_three_localities_fifteen_units_and_three_rural_zones() -> None:
    places = read_folder(CARTAGENA).places
    units = [p for p in places if p.kind == "unit"]
    assert [p.code for p in places if p.kind == "locality"] == ["l1", "l2", "l3"]
    assert len([p for p in units if p.code.startswith("ucg-")]) == 15
    assert {p.code: p.profile for p in units if not p.code.startswith("ucg-")} == dict.fromkeys(
        ("rural-l1", "rural-l2", "rural-l3"), "low"
    )
    assert len([p for p in places if p.kind == "barrio"]) == 212


def test_no_name_of_a_unit_has_an_unexplained_abbreviation() -> None:
    names = [p.name for p in read_folder(CARTAGENA).places if p.kind != "barrio"]
    assert not [name for name in names if "UCG" in name or " 20" in name]


def test_short_forms_of_both_cities_fit_a_cheap_sms() -> None:
    for city in (CARTAGENA, EXAMPLE):
        for consultation in read_folder(city).consultations:
            for proposal in consultation.proposals:
                assert not any(sms_fault(text) or len(text) > 28 for text in proposal.short.values())


SPANISH = [
    (f"{city.name}: {name}", text)
    for city in (CARTAGENA, EXAMPLE)
    for folder in [read_folder(city)]
    for name, text in [
        *((key, words["es"]) for key, words in folder.texts.items()),
        *((f"{c.slug} {key}", c.rules[key]["es"]) for c in folder.consultations for key in ("who", "tie")),
        *((f"{c.slug} {p.id}", p.more["es"]) for c in folder.consultations for p in c.proposals),
    ]
]


@pytest.mark.parametrize("text", [text for _name, text in SPANISH], ids=[name for name, _text in SPANISH])
def test_the_words_of_the_shipped_cities_are_plain(text: str) -> None:
    assert plain.faults(text, {"PRIVACIDAD"}) == []


def test_the_words_of_the_shipped_cities_are_easy_to_read() -> None:
    assert plain.measure("\n".join(text for _name, text in SPANISH)).inflesz >= plain.EASY


def test_the_tables_are_plain_csv_of_one_shape() -> None:
    for file in sorted(CITIES.rglob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            assert len({len(row) for row in csv.reader(lines)}) == 1, file


def test_a_city_loads_once_and_the_bot_reads_it(database: Connection) -> None:
    folder = read_folder(CARTAGENA)
    loaded = load(database, folder)
    assert (
        str(loaded)
        == "234 places (changed), 9 texts (changed), consultation cartagena-2022 (new), plan plan-2023 (new)"
    )
    revision = catalogue.revision(database)
    again = load(database, folder)
    assert str(again) == (
        "234 places (as before), 9 texts (as before), consultation cartagena-2022 (as before),"
        " plan plan-2023 (as before)"
    )
    assert catalogue.revision(database) == revision > 0
    read = shown.read(database)
    assert read.city.name.by_language["es"] == "Cartagena"
    assert read.city.zone == "America/Bogota"
    assert [o.id for o in read.city.questions["sex"]] == ["m", "f", "nb", "ns"]
    assert connectivity.profile(read, "bocachica") == "low"
    seen = read.consultations["cartagena-2022"].seen
    assert (seen.opens.isoformat(), seen.most, seen.asks) == ("2022-11-15T00:00:00-05:00", 3, ("age", "sex"))
    assert seen.proposal("p11").number == 11


def test_a_changed_draft_is_written_again_and_a_vanished_place_leaves_the_tree(database: Connection) -> None:
    folder = read_folder(EXAMPLE)
    load(database, folder)
    (consultation,) = folder.consultations
    changed = replace(consultation, rules={**consultation.rules, "most": 3})
    loaded = load(database, replace(folder, consultations=(changed,), places=folder.places[:-1]))
    assert (loaded.changed, loaded.places_changed, loaded.texts_changed) == (("ejemplo-plaza",), True, False)
    row = consultations.one(database, "ejemplo-plaza")
    assert row is not None
    assert json.loads(row.rules)["most"] == 3
    assert [place.code for place in catalogue.places(database)] == [place.code for place in folder.places[:-1]]


def test_an_opened_consultation_is_frozen_and_nothing_else_of_the_folder_is_written(database: Connection) -> None:
    folder = read_folder(EXAMPLE)
    load(database, folder)
    database.execute(update(ConsultationRow).values(state="opened"))
    assert load(database, folder).same == ("ejemplo-plaza",)
    (consultation,) = folder.consultations
    changed = replace(consultation, rules={**consultation.rules, "most": 3})
    before = (catalogue.revision(database), catalogue.places(database), catalogue.texts(database))
    with pytest.raises(Frozen) as caught:
        load(database, replace(folder, zone="UTC", places=folder.places[:-1], consultations=(changed,)))
    assert caught.value.slug == "ejemplo-plaza"
    assert (catalogue.revision(database), catalogue.places(database), catalogue.texts(database)) == before
