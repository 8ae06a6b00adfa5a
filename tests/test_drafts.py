"""Drafts of consultations in the console: nothing typed is lost, nobody overwrites anybody, a folder neither."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from typer.testing import CliRunner

from bot import lifecycle
from bot.lifecycle import NotPossible
from cli.main import app
from storage import consultations, drafts
from storage.audit import Audited
from storage.database import reading, transaction
from storage.drafts import Changed, Gone, TooMany, print_of, slug_of
from storage.folder import read_folder
from storage.loading import Edited, load
from storage.staff import Account
from storage.typed import typed_of
from tests.test_typed import plaza
from tests.world import EXAMPLE, Clock, World, environment

NOW = datetime(2030, 1, 10, 12, tzinfo=UTC)
ME = 1


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[World]:
    """The example's desk before its consultation, with one member of the staff."""
    made = World.on(database_url, tmp_path, Clock(NOW)).load(EXAMPLE)
    made.put(Account, account(ME))
    yield made
    made.desk.engine.dispose()


def account(id: int) -> dict[str, Any]:
    return {
        "id": id, "login": f"staff-{id}", "name": "X", "roles": "participation", "offices": "", "password": "x",
        "totp": b"", "step": 0, "active": True, "made_at": NOW,
    }  # fmt: skip


def begin(city: World, **change: Any) -> int:
    with transaction(city.desk.engine) as connection:
        return drafts.start(connection, plaza(slug="", **change), ME, NOW)


def kept(city: World, id: int) -> drafts.Kept:
    with reading(city.desk.engine) as connection:
        found = drafts.one(connection, id)
    assert found is not None
    return found


def schedule(city: World, id: int, seen: str = "") -> str:
    seen = seen or print_of(kept(city, id).typed)
    return lifecycle.schedule(city.desk.engine, city.desk.keys, id, seen, city.clock(), ME)


def test_a_draft_becomes_a_consultation_that_the_clock_opens(city: World) -> None:
    id = begin(city)
    assert schedule(city, id) == "que-hacemos-primero-en-la-plaza"
    with reading(city.desk.engine) as connection:
        assert drafts.every(connection) == []
        row = consultations.one(connection, "que-hacemos-primero-en-la-plaza")
    assert row is not None
    assert (row.state, row.closes_at) == ("opened", datetime(2030, 3, 10, 23, tzinfo=UTC))
    assert [(each["action"], each["by"]) for each in city.rows(Audited)] == [("consultation.opened", ME)]
    assert city.desk.keys.exists(row.slug)
    city.clock.now = datetime(2030, 3, 5, tzinfo=UTC)
    city.say("votar")
    assert "Antes de votar" in city.say("1")[-1].text


def test_what_is_not_finished_is_kept_and_not_scheduled(city: World) -> None:
    id = begin(city, closes_day="pronto", least="<script>")
    assert kept(city, id).typed["closes_day"] == "pronto"
    with pytest.raises(NotPossible, match="not finished"):
        schedule(city, id)
    assert kept(city, id).fields["least"] == "<script>"


def test_what_would_have_closed_is_not_scheduled_and_stays_a_draft(city: World) -> None:
    id = begin(city)
    city.clock.forward(days=200)
    with pytest.raises(NotPossible, match="would have closed on"):
        schedule(city, id)
    with reading(city.desk.engine) as connection:
        assert consultations.one(connection, kept(city, id).slug) is None


def test_only_what_somebody_looked_at_is_scheduled(city: World) -> None:
    id = begin(city)
    seen = print_of(kept(city, id).typed)
    with transaction(city.desk.engine) as connection:
        drafts.change(connection, id, lambda typed: {**typed, "most": "1"}, ME, NOW)
    with pytest.raises(NotPossible, match="changed after you looked at it"):
        schedule(city, id, seen)


def test_a_change_that_raises_writes_nothing_and_a_draft_that_is_gone_says_so(city: World) -> None:
    id = begin(city)

    def refuse(_typed: dict[str, Any]) -> dict[str, Any]:
        raise Changed

    with pytest.raises(Changed), transaction(city.desk.engine) as connection:
        drafts.change(connection, id, refuse, ME, NOW)
    with transaction(city.desk.engine) as connection:
        drafts.discard(connection, id)
    with pytest.raises(Gone), transaction(city.desk.engine) as connection:
        drafts.change(connection, id, dict, ME, NOW)
    with pytest.raises(Gone):
        schedule(city, id, "x")


def test_a_sheet_waits_beside_the_draft(city: World) -> None:
    id = begin(city)
    sheet = {"rows": [{"title_es": "ñ"}], "faults": []}
    with transaction(city.desk.engine) as connection:
        drafts.lay(connection, id, sheet)
    assert (kept(city, id).sheet, len(kept(city, id).proposals)) == (sheet, 5)
    with transaction(city.desk.engine) as connection:
        drafts.lay(connection, id, None)
    assert kept(city, id).sheet is None


def test_two_drafts_with_one_title_have_two_addresses(city: World) -> None:
    first, second = begin(city), begin(city)
    assert [kept(city, id).slug for id in (first, second)] == [
        "que-hacemos-primero-en-la-plaza",
        "que-hacemos-primero-en-la-plaza-2",
    ]
    assert begin(city, title_es="")
    assert kept(city, begin(city, title_es="¿?")).slug == ""


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Parques y árboles: ¿qué hacemos?", "parques-y-arboles-que-hacemos"),
        ("  ", ""),
        ("日本", ""),
        ("Niñez 2026", "ninez-2026"),
        ("x" * 80, "x" * 34),
        ("Una palabra detrás de otra hasta que no cabe ninguna más", "una-palabra-detras-de-otra-hasta"),
    ],
)
def test_an_address_is_made_from_a_title(title: str, slug: str) -> None:
    assert slug_of(title, frozenset()) == slug
    assert slug_of(title, frozenset({slug})) == (f"{slug}-2" if slug else "")


def test_there_is_an_end_to_drafts(city: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.drafts.MOST_DRAFTS", 2)
    begin(city), begin(city)
    with pytest.raises(TooMany):
        begin(city)


def test_a_folder_overwrites_nothing_that_is_in_work_in_the_console(city: World) -> None:
    folder = read_folder(EXAMPLE)
    (consultation,) = folder.consultations
    with reading(city.desk.engine) as connection:
        row = consultations.one(connection, consultation.slug)
        assert row is not None
    with transaction(city.desk.engine) as connection:
        id = drafts.start(connection, {**typed_of(row), "most": "1"}, ME, NOW)
    with transaction(city.desk.engine) as connection:
        assert load(connection, folder).same == (consultation.slug,), "the same folder still loads"
    changed = replace(folder, consultations=(replace(consultation, closes_at=consultation.closes_at + timedelta(1)),))
    with pytest.raises(Edited, match="in work in the console: ejemplo-plaza"):
        load_in(city, changed)
    assert schedule(city, id) == consultation.slug, "the console's is written over what was loaded before"
    with reading(city.desk.engine) as connection:
        assert (consultations.one(connection, consultation.slug) or row).rules.count('"most": 1')


def load_in(city: World, folder: Any) -> None:
    with transaction(city.desk.engine) as connection:
        load(connection, folder)


def test_an_operator_is_told_what_to_do_about_it(city: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(city.desk.engine) as connection:
        drafts.start(connection, {"slug": "cartagena-2022"}, ME, NOW)
    for name, value in environment(city.settings.database_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(app, ["load", "territories/cartagena"])
    assert answer.exit_code == 1
    assert "Finish or discard the draft there" in " ".join(answer.output.split())


def test_a_loaded_draft_keeps_its_address_in_the_console_and_nobody_else_gets_it(city: World) -> None:
    with reading(city.desk.engine) as connection:
        row = consultations.one(connection, "ejemplo-plaza")
        assert row is not None
    with transaction(city.desk.engine) as connection:
        mine = drafts.start(connection, typed_of(row), ME, NOW)
        other = drafts.start(connection, {"slug": "otra"}, ME, NOW)
    with reading(city.desk.engine) as connection:
        assert "ejemplo-plaza" not in drafts.taken(connection, drafts.one(connection, mine))
        assert "ejemplo-plaza" in drafts.taken(connection, drafts.one(connection, other))
        assert drafts.about(connection, "ejemplo-plaza") == mine


def test_of_two_who_save_at_once_one_is_told(city: World) -> None:
    id = begin(city)
    mark = print_of(kept(city, id).fields)
    together = Barrier(2)

    def save(title: str) -> str:
        def edit(now: dict[str, Any]) -> dict[str, Any]:
            if print_of({name: value for name, value in now.items() if name != "proposals"}) != mark:
                raise Changed
            return {**now, "title_es": title}

        together.wait()
        try:
            with transaction(city.desk.engine) as connection:
                drafts.change(connection, id, edit, ME, NOW)
        except Changed:
            return "told"
        return title

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(save, ("Una", "Otra")))
    assert outcomes in (["Otra", "told"], ["Una", "told"])
    assert kept(city, id).typed["title_es"] == outcomes[0]


def test_of_two_who_schedule_at_once_one_does(city: World) -> None:
    id = begin(city)
    seen, together = print_of(kept(city, id).typed), Barrier(2)

    def go(_n: int) -> str:
        together.wait()
        try:
            return schedule(city, id, seen)
        except Gone:
            return ""

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, (1, 2))) == ["", "que-hacemos-primero-en-la-plaza"]
