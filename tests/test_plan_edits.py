"""What staff edit of a plan: checked, with a reason, in the history; the voices stay, and a file never wins unasked."""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from typer.testing import CliRunner

from bot import plan_edits
from bot.catalogue import read
from bot.plan_edits import Edit, Missing, Stale, Unfit
from bot.speech import Speaker
from cli.main import app
from storage import participants, plans, voices
from storage.database import reading, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.pages import Problem
from storage.plan_folder import ReadPlan, digest_of, read_plan
from storage.plan_sheets import sheets
from tests.promises import great_plan, person, the_plan
from tests.world import CARTAGENA, EXAMPLE, World, environment
from web.history import History

PLAN = "plan-ejemplo"
COMMITMENT = "agua-diaria"
MILESTONE = f"{COMMITMENT}.1"
WHY = "La bomba llega en agosto"


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Villa Ejemplo with its plan, as its file states it."""
    world = World.on(database_url, tmp_path).load(EXAMPLE)
    yield world
    world.desk.engine.dispose()


@pytest.fixture
def little_city(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    world = World.on(sqlite_url, tmp_path).load(EXAMPLE)
    yield world
    world.desk.engine.dispose()


def body(connection: Connection) -> dict[str, Any]:
    found = plans.body_of(connection, PLAN)
    assert found is not None
    return found


def edit(world: World, connection: Connection, subject: str = "", reason: str = WHY) -> Edit:
    seen = plan_edits.seen(body(connection), subject) if subject else ""
    return Edit(PLAN, 7, reason, world.clock(), seen)


def change(world: World, subject: str = MILESTONE, reason: str = WHY, **fields: Any) -> None:
    """Change a commitment or milestone as somebody who has just seen it."""
    with transaction(world.desk.engine) as connection:
        typed = {**plan_edits.fields_of(body(connection), subject), **fields}
        if "." in subject:
            plan_edits.change_milestone(connection, subject, typed, edit(world, connection, subject, reason))
        else:
            plan_edits.change_commitment(connection, subject, typed, (), edit(world, connection, subject, reason))


def history(world: World) -> list[str]:
    with reading(world.desk.engine) as connection:
        city = read(connection)
        found = History(connection, city.plans[PLAN], city.hours.zone).entries()
    say = Speaker("es").say
    return [f"{entry.subject}: {say(entry.who)}: {say(entry.what)}: {say(entry.text)}" for entry in found]


def now(world: World) -> dict[str, Any]:
    with reading(world.desk.engine) as connection:
        return body(connection)


def report(world: World, milestone: str = MILESTONE) -> int:
    with transaction(world.desk.engine) as connection:
        return voices.report(connection, milestone, "agua", "stalled", "Falta la bomba.", "chat", world.clock())


# Changing


def test_a_date_that_staff_move_is_in_the_public_history_with_the_reason(city: World) -> None:
    change(city, ends="2030-08")
    (told,) = history(city)
    assert told.startswith(f"{MILESTONE}: La ciudad: Fechas nuevas: Antes: ")
    assert told.endswith(f"Por qué: {WHY}")
    with reading(city.desk.engine) as connection:
        (kept,) = plans.changes(connection, PLAN)
        assert (kept.staff_id, kept.reason, kept.what) == (7, WHY, "span")
        assert read(connection).plans[PLAN].milestones[MILESTONE].span.last.isoformat() == "2030-08-31"


def test_every_field_of_a_commitment_that_changes_is_in_the_history(city: World) -> None:
    change(
        city,
        COMMITMENT,
        title_es="Agua cada día",
        short_es="Agua cada dia",
        more_en="Water, each day.",
        official="Texto nuevo.",
        objective="plaza",
        leads=["agua"],
        partners="Junta de agua\nColegio",
        sdgs="6, 11",
        starts="2030-02",
    )
    with reading(city.desk.engine) as connection:
        whats = [each.what for each in plans.changes(connection, PLAN)]
    assert sorted(whats) == sorted(
        ["title", "short", "more", "official", "objective", "leads", "partners", "sdgs", "span"]
    )
    told = "\n".join(history(city))
    for words in ("Agua cada día", "Texto nuevo.", "Una plaza para todos", "Junta de agua; Colegio", "6; 11"):
        assert words in told, words


def test_no_edit_is_kept_without_a_reason_or_without_a_change(city: World) -> None:
    for reason in ("", "  ", "x" * 301, "a\u202eb"):
        with pytest.raises(Unfit) as unfit:
            change(city, reason=reason, ends="2030-08")
        assert list(unfit.value.faults) == ["reason"]
    with pytest.raises(Unfit) as unfit:
        change(city)
    assert list(unfit.value.faults) == [""]
    assert history(city) == []


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("title_es", ""),
        ("title_en", "x" * 91),
        ("title_es", "a\u200bb"),
        ("short_es", "Añadir un árbol"),
        ("short_en", "x" * 29),
        ("official", ""),
        ("official", "x" * 3001),
        ("offices", []),
        ("offices", ["nobody"]),
        ("starts", "mañana"),
        ("starts", "2030-13"),
        ("ends", "2029-12"),
        ("ends", "2030-02-30"),
        ("ends", ""),
    ],
)
def test_what_the_files_would_refuse_is_refused_beside_its_field(little_city: World, field: str, typed: Any) -> None:
    before = now(little_city)
    with pytest.raises(Unfit) as unfit:
        change(little_city, **{field: typed})
    assert list(unfit.value.faults) == [field]
    assert now(little_city) == before


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("objective", "none"),
        ("leads", []),
        ("areas", ["none"]),
        ("partners", "a|b"),
        ("partners", "x" * 91),
        ("sdgs", "0"),
        ("sdgs", "18"),
        ("sdgs", "²"),
        ("sdgs", "uno"),
        ("origin", "no-such-consultation"),
        ("more_es", "x" * 601),
    ],
)
def test_a_commitment_is_checked_as_its_file_is(little_city: World, field: str, typed: Any) -> None:
    with pytest.raises(Unfit) as unfit:
        change(little_city, COMMITMENT, **{field: typed})
    assert list(unfit.value.faults) == [field]


def test_ticking_the_same_offices_in_another_order_changes_nothing(little_city: World) -> None:
    change(little_city, leads=None, offices=["obras", "agua"])
    with pytest.raises(Unfit) as unfit:
        change(little_city, offices=["agua", "obras"])
    assert list(unfit.value.faults) == [""]


def test_two_who_edit_the_same_thing_do_not_overwrite_each_other(city: World) -> None:
    with transaction(city.desk.engine) as connection:
        early = edit(city, connection, MILESTONE)
        fields = {**plan_edits.fields_of(body(connection), MILESTONE), "ends": "2030-09"}
    change(city, f"{COMMITMENT}.2", official="Otra cosa.")
    change(city, COMMITMENT, official="Otra cosa.")
    with transaction(city.desk.engine) as connection:
        plan_edits.change_milestone(connection, MILESTONE, fields, early)
    with pytest.raises(Stale), transaction(city.desk.engine) as connection:
        plan_edits.change_milestone(connection, MILESTONE, {**fields, "ends": "2030-10"}, early)
    found = next(c for c in now(city)["commitments"] if c["id"] == COMMITMENT)
    assert found["milestones"][0]["span"]["ends"] == "2030-09"
    assert found["milestones"][1]["official"] == found["official"] == "Otra cosa."


def test_of_two_edits_at_the_same_moment_one_is_told(city: World) -> None:
    with transaction(city.desk.engine) as connection:
        fields = plan_edits.fields_of(body(connection), MILESTONE)
        same = edit(city, connection, MILESTONE)

    def write(ends: str) -> str:
        try:
            with transaction(city.desk.engine) as connection:
                plan_edits.change_milestone(connection, MILESTONE, {**fields, "ends": ends}, same)
        except Stale:
            return "told"
        return "kept"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, ("2030-08", "2030-09"))) == ["kept", "told"]
    assert len(history(city)) == 1


def test_the_voices_stay_when_a_milestone_with_reports_is_changed(city: World) -> None:
    number = report(city)
    change(city, ends="2030-12", title_es="Otro título")
    with reading(city.desk.engine) as connection:
        assert voices.is_latest(connection, number)
        assert voices.latest_reports(connection, [MILESTONE])[MILESTONE].text == "Falta la bomba."


# Adding, removing, withdrawing


def remove(world: World, milestone: str) -> None:
    with transaction(world.desk.engine) as connection:
        plan_edits.remove_milestone(connection, milestone, edit(world, connection, milestone))


def test_a_milestone_somebody_spoke_of_cannot_be_removed(city: World) -> None:
    report(city)
    with transaction(city.desk.engine) as connection:
        voices.grade(connection, PLAN, f"{COMMITMENT}.2", "limited", "Poco.", city.clock())
    for milestone in (MILESTONE, f"{COMMITMENT}.2"):
        with pytest.raises(Unfit):
            remove(city, milestone)
    assert [m["number"] for c in now(city)["commitments"] if c["id"] == COMMITMENT for m in c["milestones"]] == [1, 2]


def test_the_number_of_a_milestone_that_was_removed_is_not_used_again(city: World) -> None:
    remove(city, f"{COMMITMENT}.2")
    with pytest.raises(Unfit):
        remove(city, MILESTONE)
    with transaction(city.desk.engine) as connection:
        fields = plan_edits.fields_of(body(connection), MILESTONE)
        assert plan_edits.add_milestone(connection, COMMITMENT, fields, edit(city, connection)) == f"{COMMITMENT}.3"
    report(city, f"{COMMITMENT}.3")
    assert [line.split(": ")[2] for line in history(city) if "La ciudad" in line] == [
        "Salió del plan",
        "Entró en el plan",
    ]


def test_a_commitment_comes_with_its_first_milestone(city: World) -> None:
    with transaction(city.desk.engine) as connection:
        fields = plan_edits.fields_of(body(connection), COMMITMENT)
        fields |= {f"first_{name}": text for name, text in plan_edits.fields_of(body(connection), MILESTONE).items()}
        fields["origin"] = "consulta/p01"
        why = edit(city, connection)
        with pytest.raises(Unfit) as unfit:
            plan_edits.add_commitment(connection, {**fields, "id": "Á", "first_ends": "x", "more_es": ""}, [], why)
        assert set(unfit.value.faults) == {"id", "first_ends", "more_es", "origin"}
        origins = ["consulta", "consulta/p01"]
        assert plan_edits.add_commitment(connection, {**fields, "id": "luz"}, origins, why) == "luz"
    found = now(city)["commitments"][-1]
    assert (found["consultation"], found["proposal"]) == ("consulta", "p01")
    assert found["number"] == len(now(city)["commitments"])
    with pytest.raises(Unfit, match="id"), transaction(city.desk.engine) as connection:
        plan_edits.add_commitment(connection, {**fields, "id": "luz"}, ["consulta/p01"], edit(city, connection))


def test_a_commitment_is_withdrawn_with_a_reason_and_can_stand_again(city: World) -> None:
    report(city)
    words = {"withdrawn_es": "No hay plata.", "withdrawn_en": "There is no money."}
    with pytest.raises(Unfit), transaction(city.desk.engine) as connection:
        plan_edits.withdraw(connection, COMMITMENT, {}, edit(city, connection, COMMITMENT))
    with transaction(city.desk.engine) as connection:
        plan_edits.withdraw(connection, COMMITMENT, words, edit(city, connection, COMMITMENT))
    with pytest.raises(Unfit), transaction(city.desk.engine) as connection:
        plan_edits.withdraw(connection, COMMITMENT, words, edit(city, connection, COMMITMENT))
    with transaction(city.desk.engine) as connection:
        plan_edits.reinstate(connection, COMMITMENT, edit(city, connection, COMMITMENT))
    assert history(city)[1:] == [
        f"{COMMITMENT}: La ciudad: Retirado: No hay plata.",
        f"{COMMITMENT}: La ciudad: De nuevo en pie: Por qué: {WHY}",
    ]


def test_what_is_not_there_cannot_be_edited(city: World) -> None:
    with transaction(city.desk.engine) as connection:
        for subject in ("none", "none.1", f"{COMMITMENT}.9", ""):
            with pytest.raises(Missing):
                plan_edits.seen(body(connection), subject)
        with pytest.raises(Missing):
            plan_edits.add_milestone(connection, "none", {}, edit(city, connection))
        with pytest.raises(Missing):
            plan_edits.add_milestone(connection, COMMITMENT, {}, Edit("none", 7, WHY, city.clock()))


# The files


def written(folder: Path, slug: str, found: Mapping[str, Any]) -> tuple[ReadPlan | None, list[Problem]]:
    """A plan, written to its files and read again."""
    (folder / "plans" / slug).mkdir(parents=True, exist_ok=True)
    for name, text in sheets(found).items():
        (folder / "plans" / slug / name).write_text(text, encoding="utf-8", newline="")
    problems: list[Problem] = []
    consultations = {c["consultation"]: None for c in found["commitments"]}
    return read_plan(folder, slug, consultations, problems), problems


@pytest.mark.parametrize(
    "plan",
    [*read_folder(CARTAGENA).plans, *read_folder(EXAMPLE).plans, the_plan(), great_plan(3, 3)],
    ids=lambda p: p.slug,
)
def test_a_plan_written_to_its_files_is_the_same_plan(tmp_path: Path, plan: ReadPlan) -> None:
    again, _problems = written(tmp_path, plan.slug, json.loads(json.dumps(plan.as_json())))
    assert again is not None
    assert again.digest == plan.digest == digest_of(json.loads(json.dumps(plan.as_json())))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.text(max_size=95) for name in ("title_es", "title_en", "official", "partners", "more_es")},
            "short_es": st.text(st.characters(max_codepoint=255), max_size=30),
            "sdgs": st.text("0123456789, ", max_size=9),
            "starts": st.from_regex(r"20[0-3][0-9]-[01][0-9](-[0-3][0-9])?", fullmatch=True),
        },
    )
)
def test_whatever_the_console_keeps_can_be_loaded_as_files(
    little_city: World, tmp_path: Path, typed: dict[str, str]
) -> None:
    try:
        change(little_city, COMMITMENT, **typed)
    except Unfit:
        return
    found = now(little_city)
    again, problems = written(tmp_path, PLAN, found)
    assert problems == []
    assert again is not None
    assert again.digest == digest_of(found)


def reload(world: World, folder: Path = EXAMPLE, *replace: str) -> str:
    with transaction(world.desk.engine) as connection:
        return load(connection, read_folder(folder), world.clock(), replace).plans[PLAN]


def mended(folder: Path, old: str, new: str) -> None:
    path = folder / "plans" / PLAN / "milestones.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def copy_of(folder: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, folder / "ciudad"))


def test_the_same_file_leaves_what_staff_edited(city: World) -> None:
    change(city, ends="2030-08")
    assert reload(city) == "kept"
    assert "2030-08" in json.dumps(now(city))


def test_a_new_file_does_not_overwrite_what_staff_edited_unless_it_is_told_to(city: World, tmp_path: Path) -> None:
    folder = copy_of(tmp_path)
    change(city, ends="2030-08")
    mended(folder, "2030-02-15,2030-05-31", "2030-02-15,2030-07-31")
    with pytest.raises(plans.Edited, match=PLAN):
        reload(city, folder)
    assert '"ends": "2030-08"' in json.dumps(now(city))
    assert reload(city, folder, PLAN) == "changed"
    assert '"ends": "2030-07-31"' in json.dumps(now(city))
    assert [line.split(": ")[1] for line in history(city)] == ["La ciudad", "El archivo del plan"]
    assert reload(city, folder) == "same"


def test_a_file_that_has_caught_up_with_the_staff_rules_again(city: World, tmp_path: Path) -> None:
    folder = copy_of(tmp_path)
    change(city, starts="2030-02-15", ends="2030-08-31")
    mended(folder, "2030-02-15,2030-05-31", "2030-02-15,2030-08-31")
    assert reload(city, folder) == "same"
    mended(folder, "2030-02-15,2030-08-31", "2030-02-15,2030-09-30")
    assert reload(city, folder) == "changed"


def test_an_operator_writes_what_staff_edited_into_the_files(
    little_city: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(str(little_city.settings.database_url), tmp_path).items():
        monkeypatch.setenv(name, value)
    folder = copy_of(tmp_path)
    change(little_city, ends="2030-08", title_es='Tubería "nueva", con válvulas')
    mended(folder, "2030-02-15,2030-05-31", "2030-02-15,2030-07-31")
    refused = CliRunner().invoke(app, ["load", str(folder)])
    assert refused.exit_code == 1
    assert f"cuenta plan export-folder {PLAN} --to" in " ".join(refused.output.split())
    assert f"--replace {PLAN}" in " ".join(refused.output.split())
    assert CliRunner().invoke(app, ["plan", "export-folder", PLAN, "--to", str(folder)]).exit_code == 0
    assert reload(little_city, folder) == "same"
    mended(folder, "2030-08", "2030-10")
    assert CliRunner().invoke(app, ["load", str(folder)]).exit_code == 0
    change(little_city, ends="2030-11")
    mended(folder, "2030-10", "2030-12")
    assert CliRunner().invoke(app, ["load", str(folder), "--replace", PLAN]).exit_code == 0
    assert '"ends": "2030-12"' in json.dumps(now(little_city))


# Seats


def test_a_seat_that_is_ended_has_nobody_and_no_code(city: World) -> None:
    when = city.clock()
    with transaction(city.desk.engine) as connection:
        holder = person(connection, city)
        participants.take_seat(connection, holder, PLAN, "barrio-1", when)
        participants.invite(connection, "h" * 64, "seat", PLAN, "barrio-1", when.replace(year=2099))
        assert list(participants.invited(connection, PLAN, "seat", when)) == ["barrio-1"]
        assert participants.vacate(connection, PLAN, "barrio-1")
        assert not participants.vacate(connection, PLAN, "barrio-1")
        assert not participants.holds(connection, holder, PLAN, "barrio-1")
        assert participants.invited(connection, PLAN, "seat", when) == {}
