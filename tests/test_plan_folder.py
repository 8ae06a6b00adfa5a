"""A plan's files: what is wrong in them is named by file and line, and what changes in them is kept."""

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.catalogue import read
from storage import plans, voices
from storage.database import reading, transaction
from storage.folder import Invalid, read_folder
from storage.loading import load
from storage.plan_folder import COMMITMENT_COLUMNS, MILESTONE_COLUMNS, OFFICE_COLUMNS, Span
from tests.world import CARTAGENA, EXAMPLE, Clock, World

HERE = "plans/plan-ejemplo"
PLAN, OFFICES = f"{HERE}/plan.toml", f"{HERE}/offices.csv"
COMMITMENTS, MILESTONES = f"{HERE}/commitments.csv", f"{HERE}/milestones.csv"
AT = datetime(2030, 3, 5, 15, tzinfo=UTC)

Change = Callable[[Path], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "city"))


def change(file: str, before: str, after: str) -> Change:
    def make(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(before) >= 1, f"{file} has no {before!r}"
        (folder / file).write_text(text.replace(before, after, 1), encoding="utf-8")

    return make


def remove(file: str) -> Change:
    return lambda folder: (folder / file).unlink()


MISTAKES = [
    (change(PLAN, 'ends = "2030-12"', 'ends = "2029-12"'), f"{PLAN}:5: ends is before starts"),
    (change(PLAN, 'starts = "2030-01"', 'starts = "2030-13"'), f'{PLAN}:4: starts "2030-13" is not in the calendar'),
    (change(PLAN, 'starts = "2030-01"', 'starts = "٢٠٣٠-٠١"'), f'{PLAN}:4: starts "٢٠٣٠-٠١" must be a month like'),
    (change(PLAN, "quorum = 2", "quorum = 4"), f"{PLAN}:8: quorum must be from 1 to 3"),
    (change(PLAN, "quorum = 2", ""), f'{PLAN}:1: missing key "quorum"'),
    (change(PLAN, 'tie = "pending"', 'tie = "chair"'), f"{PLAN}:9: tie must be one of: pending, objected, validated"),
    (change(PLAN, "example = true", "example = 1"), f"{PLAN}:3: example must be true or false, without quotes"),
    (change(PLAN, "seats = 2", "seats = 0"), f"{PLAN}:54: seats must be a whole number from 1 to 50"),
    (change(PLAN, 'id = "pueblo"', 'id = "campo"'), f'{PLAN}:59: the id "campo" is given twice in sectors'),
    (change(PLAN, "closes = 2030-06-30", "closes = 2030-06-01"), f"{PLAN}:69: closes is before opens"),
    (change(PLAN, "silent_after = 30", "silent_after = 30\nsilence = 1"), f'{PLAN}:8: unknown key "silence"'),
    (change(OFFICES, "agua,Oficina", "obras,Oficina"), f"{OFFICES}:3: the id obras was given on line 2"),
    (change(OFFICES, ",Obras,", ",Obras públicas,"), f'{OFFICES}:2: short_es has "ú"'),
    (change(COMMITMENTS, "arboles-plaza,1", "Árboles,1"), f'{COMMITMENTS}:2: id "Árboles" must be'),
    (change(COMMITMENTS, "agua-diaria,2", "agua-diaria,1"), f"{COMMITMENTS}:3: the number 1 was given on line 2"),
    (change(COMMITMENTS, ",plaza,", ",plazas,"), f'{COMMITMENTS}:2: the objective "plazas" is not in plan.toml'),
    (
        change(COMMITMENTS, ",obras,", ",parques,"),
        f'{COMMITMENTS}:2: leads has "parques", which is not among the leads',
    ),
    (change(COMMITMENTS, ",11|15,", ",11|18,"), f"{COMMITMENTS}:2: sdgs must be numbers from 1 to 17"),
    (change(COMMITMENTS, ",arboles,2030", ",palmas,2030"), f'{COMMITMENTS}:2: "palmas" is no proposal'),
    (change(COMMITMENTS, "ejemplo-plaza", "otra"), f'{COMMITMENTS}:2: there is no consultation "otra" in this folder'),
    (
        change(COMMITMENTS, "2030-02-15,2030-12-15", "2030-12-15,2030-02-15"),
        f"{COMMITMENTS}:3: it ends (2030-02-15) be",
    ),
    (change(COMMITMENTS, "2030-12-15,,", "2030-12-15,Porque sí,"), f"{COMMITMENTS}:3: withdrawn_en is empty"),
    (
        change(MILESTONES, "arboles-plaza,2", "arboles-plaza,1"),
        f"{MILESTONES}:3: the commitment and number arboles-plaz",
    ),
    (change(MILESTONES, ",obras,2030", ",parques,2030"), f'{MILESTONES}:4: the office "parques" is not in offices.csv'),
    (change(MILESTONES, "2030-06,", "2030-6,"), f'{MILESTONES}:5: starts "2030-6" must be a month like 2023-02'),
    (change(MILESTONES, "2030-05-31", "2030-02-30"), f'{MILESTONES}:4: ends "2030-02-30" is not in the calendar'),
    (change(MILESTONES, "agua-diaria,1", "agua,1"), f'{MILESTONES}:4: the commitment "agua" is not in commitments.csv'),
    (change(MILESTONES, "agua-diaria,1", "agua-diaria,0"), f'{MILESTONES}:4: number "0" must be a whole number from 1'),
    (remove(MILESTONES), f"{MILESTONES}:1: the file is missing"),
    (remove(PLAN), f"{PLAN}:1: the file is missing"),
    (change("city.toml", "[name]", "[hours]\nweekdays = [18, 8]\n[name]"), "city.toml:6: weekdays must be two hours"),
    (change("city.toml", "[name]", '[hours]\nholidays = "XX"\n[name]'), 'city.toml:6: holidays "XX" must be the code'),
]


@pytest.mark.parametrize(
    ("make", "told"), MISTAKES, ids=[told.partition(":")[0] + told[-20:] for _make, told in MISTAKES]
)
def test_a_mistake_is_named_by_file_and_line(folder: Path, make: Change, told: str) -> None:
    make(folder)
    with pytest.raises(Invalid) as invalid:
        read_folder(folder)
    assert any(str(problem).startswith(told) for problem in invalid.value.problems), "\n".join(
        map(str, invalid.value.problems)
    )


def test_a_month_is_from_its_first_to_its_last_day() -> None:
    assert (Span("2024-02", "2024-02").first, Span("2024-02", "2024-02").last) == (date(2024, 2, 1), date(2024, 2, 29))
    assert Span("2023-12-15", "2024-01").last == date(2024, 1, 31)


def loaded(world: World, folder: Path) -> str:
    with transaction(world.desk.engine) as connection:
        return load(connection, read_folder(folder), AT).plans["plan-ejemplo"]


def test_loading_the_same_again_changes_nothing(world: World, folder: Path) -> None:
    assert [loaded(world, folder), loaded(world, folder)] == ["new", "same"]


def test_what_a_new_file_moves_is_kept_beside_what_it_was(world: World, folder: Path) -> None:
    loaded(world, folder)
    change(MILESTONES, "2030-02-15,2030-05-31", "2030-02-15,2030-08-31")(folder)
    change(COMMITMENTS, ",2030-01,2030-09,,", ",2030-01,2030-09,No hay plata.,There is no money.")(folder)
    assert loaded(world, folder) == "changed"
    with reading(world.desk.engine) as connection:
        found = plans.changes(connection, "plan-ejemplo")
    moved = [(each.subject, each.what, json.loads(each.before), json.loads(each.after)) for each in found]
    assert moved == [
        ("arboles-plaza", "withdrawn", {}, {"es": "No hay plata.", "en": "There is no money."}),
        (
            "agua-diaria.1",
            "span",
            {"starts": "2030-02-15", "ends": "2030-05-31"},
            {"starts": "2030-02-15", "ends": "2030-08-31"},
        ),
    ]


def test_a_milestone_that_was_reported_on_cannot_disappear(world: World, folder: Path) -> None:
    loaded(world, folder)
    with transaction(world.desk.engine) as connection:
        voices.report(connection, "agua-diaria.2", "agua", "stalled", "Falta la bomba.", "cli", AT)
    text = (folder / MILESTONES).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / MILESTONES).write_text("".join(text[:-1]), encoding="utf-8")
    with pytest.raises(plans.Reported) as refused:
        loaded(world, folder)
    assert refused.value.milestones == ["agua-diaria.2"]
    with reading(world.desk.engine) as connection:
        assert "agua-diaria.2" in read(connection).plans["plan-ejemplo"].milestones, "nothing of the file was written"


def test_a_milestone_nobody_reported_on_may_go(world: World, folder: Path) -> None:
    loaded(world, folder)
    text = (folder / MILESTONES).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / MILESTONES).write_text("".join(text[:-1]), encoding="utf-8")
    assert loaded(world, folder) == "changed"
    with reading(world.desk.engine) as connection:
        assert [each.what for each in plans.changes(connection, "plan-ejemplo")] == ["removed"]


def test_two_plans_cannot_share_a_commitment(world: World, folder: Path) -> None:
    shutil.copytree(folder / HERE, folder / "plans" / "otro")
    with pytest.raises(Invalid, match="is also in the plan otro"):
        read_folder(folder)
    shutil.rmtree(folder / "plans" / "plan-ejemplo")
    with transaction(world.desk.engine) as connection:
        load(connection, read_folder(EXAMPLE), AT)
    with pytest.raises(plans.Taken), transaction(world.desk.engine) as connection:
        load(connection, read_folder(folder), AT)


def test_cartagenas_plan_is_what_was_published() -> None:
    (plan,) = read_folder(CARTAGENA).plans
    (commitment,) = plan.commitments
    months = [(m.span.starts, m.span.ends) for m in commitment.milestones]
    assert months == [
        ("2023-01", "2023-01"), ("2023-02", "2023-02"), ("2023-02", "2023-02"), ("2023-02", "2023-03"),
        ("2023-01", "2023-03"), ("2023-05", "2023-12"), ("2023-02", "2023-12"),
    ]  # fmt: skip
    assert sum(sector.seats for sector in plan.sectors) == 12
    assert {sector.seats for sector in plan.sectors} == {2}
    assert (commitment.consultation, commitment.proposal) == ("cartagena-2022", "p06")
    assert set(plan.rules["assumed"]) == {"quorum", "tie", "watched_until", "silent_after"}
    assert not plan.example
    assert all(m.offices == commitment.leads for m in commitment.milestones)


# A country's plan: 22 institutions, 25 commitments, made up

AIMS = ("Integridad", "Justicia abierta", "Gasto público", "Participación", "Ambiente")


def national(folder: Path) -> None:
    """A made-up plan of a country in place of the village's."""
    chance = random.Random(25)
    shutil.rmtree(folder / HERE)
    (folder / HERE).mkdir()
    named = "".join(f'\n[[objectives]]\nid = "aim-{n}"\nes = "{aim}"\nen = "Aim {n}"\n' for n, aim in enumerate(AIMS))
    head = (EXAMPLE / PLAN).read_text(encoding="utf-8").partition("[[objectives]]")[0]
    tail = '\n[[areas]]\nid = "area"\nes = "Integridad"\nen = "Integrity"\n\n[[values]]\nid = "value"\nes = "Acceso"\n'
    tail += 'en = "Access"\n\n[[sectors]]\nid = "sociedad"\nseats = 5\nes = "Sociedad civil"\nen = "Civil society"\n'
    (folder / PLAN).write_text(head + named + tail, encoding="utf-8")
    offices = [[f"e{n:02}", f"Entidad número {n}", f"Institution {n}", f"Entidad {n}", f"Inst. {n}"] for n in range(22)]
    commitments, milestones = [], []
    for n in range(1, 26):
        leads = "|".join(sorted({f"e{chance.randrange(22):02}" for _n in range(3)} | {f"e{(n - 1) % 22:02}"}))
        commitments.append(
            [
                f"c{n:02}", n, f"aim-{n % 5}", f"Compromiso {n} sobre {AIMS[n % 5].lower()}", f"Commitment {n}",
                f"Compromiso {n}", f"Commitment {n}", f"Las entidades harán la tarea {n}.", f"They will do task {n}.",
                "Texto oficial.", leads, "", "area", "value", "16", "", "", "2030-01", "2031-12", "", "",
            ]
        )  # fmt: skip
        for m in range(1, 5):
            span = [f"2030-{m:02}", f"2030-{m + chance.randrange(1, 8):02}"]
            milestones.append([f"c{n:02}", m, f"Paso {m}", f"Step {m}", f"Paso {m}", f"Step {m}", "Texto.", "", *span])
    for file, header, rows in (
        (OFFICES, OFFICE_COLUMNS, offices),
        (COMMITMENTS, COMMITMENT_COLUMNS, commitments),
        (MILESTONES, MILESTONE_COLUMNS, milestones),
    ):
        with (folder / file).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows([header, *rows])


@pytest.fixture
def country(database_url: str, tmp_path: Path, folder: Path) -> Iterator[World]:
    """A desk with that plan and no other."""
    national(folder)
    made = World.on(database_url, tmp_path, Clock(AT))
    assert loaded(made, folder) == "new"
    yield made
    made.desk.engine.dispose()


def test_a_countrys_plan_loads_and_reads_well(country: World) -> None:
    world = country
    first = world.say("hitos")[-1].text
    assert [line for line in first.splitlines() if line.startswith(("1.", "5.", "6."))] == [
        "1. Integridad", "5. Ambiente", "6. Compromiso 1 sobre justicia abierta",
    ], first  # fmt: skip
    assert "Ver más" in first
    inside = world.say("Gasto público")[-1].text
    assert inside.splitlines()[0] == "Gasto público"
    assert inside.count("sobre gasto público") == 5
    world.say("0")
    found = world.say("entidad número 21")[-1].text
    assert "Compromiso 22" in found, "an office leads to its commitments"
    world.say("0")
    assert "Quién responde" in world.say("tarea 13")[-1].text, "one that is found alone is opened"
    for text in ("hitos 25", "hitos c07"):
        assert "Paso 4" in world.say(text)[-1].text


def test_every_screen_of_a_countrys_plan_fits_its_channel(country: World) -> None:
    here = "+5190000001"  # a number of the example's country: no SMS goes to another
    for channel, who, most in (("telegram", 1, 4096), ("whatsapp", 1, 1600), ("sms", here, 918)):
        for text in ("hitos", "1", "1", "1"):
            (message,) = country.say(text, channel, who)
            assert len(message.text) <= most
            assert len(message.buttons) <= 10
