"""The city's texts in the console: seen first, kept with their history, and harmless to the chats."""

import json
import re
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask

from bot import texts, upkeep
from bot.events import REMEMBERED
from cli import wiring
from storage import catalogue as shelf
from storage import ink, retention
from storage import texts as versions
from storage.contacts import Contact
from storage.database import reading, transaction
from storage.folder import read_folder
from storage.loading import load
from storage.retention import PERIODS, RETENTION, lengths
from storage.texts import Stale, TextVersion
from tests.console import Signed, signed_in
from tests.world import CARTAGENA, World
from web.console.access import Role
from web.console.texts import KIND_LABELS

PLAIN = {"es": "Venga a la plaza. Allí le ayudan.", "en": "If you need help, come to the town hall."}


@pytest.fixture
def app(little_world: World) -> Flask:
    return wiring.app(little_world.settings, little_world.clock)


@pytest.fixture
def editor(app: Flask, little_world: World) -> Signed:
    return signed_in(app, little_world, Role.COMMUNICATIONS)


@pytest.fixture
def administrator(app: Flask, little_world: World) -> Signed:
    return signed_in(app, little_world, Role.ADMINISTRATOR)


def write(world: World, key: str, words: dict[str, Any], version: int | None = None) -> int:
    with transaction(world.desk.engine) as connection:
        known = versions.current(connection, key).version if version is None else version
        return texts.write(connection, key, words, known, 7, world.clock())


def body(world: World, key: str) -> Any:
    with reading(world.desk.engine) as connection:
        return json.loads(shelf.texts(connection)[key])


def reload(world: World, **more: Any) -> Any:
    with transaction(world.desk.engine) as connection:
        return load(connection, read_folder(CARTAGENA), world.clock(), **more)


def version_in(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found
    return found[1]


def test_what_is_written_is_read_in_the_chat_at_once_and_the_old_one_is_in_the_history(world: World) -> None:
    before = body(world, "help")
    world.say("ayuda")
    write(world, "help", PLAIN)
    assert PLAIN["es"] in world.say("ayuda")[-1].text
    with reading(world.desk.engine) as connection:
        newest, first = versions.history(connection, "help", None, 10)
        assert (newest.by, first.by, json.loads(first.body)) == (7, None, before)
        assert versions.history(connection, "help", newest.id, 10) == [first]


def test_of_two_who_edit_at_once_the_later_is_told(world: World) -> None:
    with reading(world.desk.engine) as connection:
        seen = versions.current(connection, "help").version
    write(world, "help", PLAIN, seen)
    with pytest.raises(Stale):
        write(world, "help", {"es": "x", "en": "y"}, seen)
    assert body(world, "help") == PLAIN


def test_two_who_keep_a_text_in_the_same_moment_do_not_lose_one(postgres_url: str, tmp_path: Path) -> None:
    world = World.on(postgres_url, tmp_path).load()
    with reading(world.desk.engine) as connection:
        seen = versions.current(connection, "help").version
    stale: list[str] = []

    def second() -> None:
        try:
            write(world, "help", {"es": "Segundo.", "en": "Second."}, seen)
        except Stale:
            stale.append("help")

    other = Thread(target=second)
    with transaction(world.desk.engine) as connection:
        texts.write(connection, "help", PLAIN, seen, 7, world.clock())
        other.start()
        other.join(0.2)
        assert other.is_alive()
    other.join()
    assert stale == ["help"]
    assert body(world, "help") == PLAIN
    world.desk.engine.dispose()


def test_loading_the_folder_keeps_what_the_staff_edited_and_says_so(world: World) -> None:
    assert reload(world).kept == ()
    write(world, "help", PLAIN)
    loaded = reload(world)
    assert (loaded.kept, loaded.texts_changed) == (("help",), False)
    assert "text help (edited by the staff, kept)" in str(loaded)
    assert body(world, "help") == PLAIN
    taken = reload(world, replace=("texts",))
    assert (taken.kept, taken.texts_changed) == ((), True)
    assert body(world, "help") != PLAIN
    assert [row["by"] for row in world.rows(TextVersion) if row["key"] == "help"] == [None, 7, None]
    assert reload(world).kept == ()


HOSTILE = [
    "{0.__class__} {code} {", "%(x)s %s %", "{{ 7*7 }}{% raw %}", "<script>alert(1)</script>", "*_`[](x)", "\\n\\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", texts.WORDS)
def test_no_words_break_a_chat_or_a_page(little_world: World, app: Flask, key: str, text: str) -> None:
    short = text[:40]
    write(little_world, key, {"es": short, "en": short})
    for channel in ("telegram", "whatsapp", "sms", "web"):
        for said in ("hola", "ayuda", "privacidad"):
            assert little_world.say(said, channel)
    assert little_world.rows(Contact)
    client = app.test_client()
    for path in ("/", "/privacidad", "/en/privacidad"):
        answer = client.get(path, base_url="https://cuenta.example.test")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2028"])
def test_letters_that_nobody_sees_are_refused(editor: Signed, hidden: str) -> None:
    answer = editor.post("/consola/textos/help", {**PLAIN, "es": f"a{hidden}b", "hacer": "guardar"})
    assert answer.status_code == 422
    assert 'id="es-wrong"' in answer.text


def test_a_control_character_does_not_get_in(little_world: World, editor: Signed) -> None:
    page = editor.get("/consola/textos/help").text
    form = {**PLAIN, "es": "Venga\x00 hoy.\r\nO mañana.", "hacer": "guardar", "seen": version_in(page)}
    assert editor.post("/consola/textos/help", form).status_code == 303
    assert body(little_world, "help")["es"] == "Venga hoy.\nO mañana."


def test_a_text_is_seen_on_each_channel_before_it_is_kept(little_world: World, editor: Signed) -> None:
    page = editor.get("/consola/textos/help").text
    assert "Guardar" not in page
    seen = editor.post("/consola/textos/help", {**PLAIN, "hacer": "ver", "seen": version_in(page)}).text
    for channel in ("WhatsApp", "Telegram", "SMS"):
        assert seen.count(f"<h3>{channel}") == 2
    assert seen.count(PLAIN["es"]) >= 4
    assert body(little_world, "help") != PLAIN
    kept = editor.post("/consola/textos/help", {**PLAIN, "hacer": "guardar", "seen": version_in(seen)})
    assert kept.status_code == 303
    assert body(little_world, "help") == PLAIN


def test_the_preview_of_help_is_what_the_chat_says(world: World) -> None:
    write(world, "help", PLAIN)
    with reading(world.desk.engine) as connection:
        city = world.desk.catalogue(connection, shelf.revision(connection))
    for shown in texts.preview(city, world.desk.channels, "help", PLAIN, "es"):
        got = world.say("ayuda", shown.channel)
        assert [part.text for part in shown.parts] == [message.text for message in got]


def test_who_writes_hard_words_is_told_which(editor: Signed) -> None:
    hard = "De conformidad con la norma, podrás radicar la solicitud ante el ente competente. " + "uno " * 21
    seen = editor.post("/consola/textos/help", {**PLAIN, "es": hard, "hacer": "ver"}).text
    for told in ("De conformidad con", "radicar", "ente", "podrás", "uno uno"):
        assert told in seen
    reading_ = texts.reading(PLAIN["es"])
    assert reading_ is not None
    assert reading_.easy
    assert texts.reading("") is None


def test_the_second_of_two_editors_sees_both_texts(little_world: World, editor: Signed) -> None:
    old = version_in(editor.get("/consola/textos/help").text)
    write(little_world, "help", {"es": "Otra ayuda.", "en": "Other help."})
    answer = editor.post("/consola/textos/help", {**PLAIN, "hacer": "guardar", "seen": old})
    assert answer.status_code == 409
    assert "Otra ayuda." in answer.text
    assert PLAIN["es"] in answer.text


def test_an_older_text_is_put_back(little_world: World, editor: Signed) -> None:
    first = body(little_world, "help")
    old = version_in(editor.get("/consola/textos/help").text)
    write(little_world, "help", PLAIN)
    page = f"/consola/textos/help/historia/{old}"
    assert f'href="{page}"' in editor.get("/consola/textos/help/historia").text
    answer = editor.post(page, {"seen": version_in(editor.get(page).text)})
    assert answer.status_code == 303
    assert body(little_world, "help") == first
    assert editor.get("/consola/textos/privacy/historia").status_code == 404
    assert editor.get(f"/consola/textos/name/historia/{old}").status_code == 404


def test_only_an_administrator_changes_what_the_law_hangs_on(editor: Signed, administrator: Signed) -> None:
    for path in ("privacy", "hours", "retention"):
        assert editor.get(f"/consola/textos/{path}").status_code == 404
        assert administrator.get(f"/consola/textos/{path}").status_code in (200, 303)
    assert editor.get("/consola/textos/plazos").status_code == 403
    assert editor.get("/consola/textos/questions").status_code == 404
    assert "privacy" not in editor.get("/consola/textos").text


def test_hours_are_kept_and_obeyed(little_world: World, administrator: Signed) -> None:
    path = "/consola/textos/horas"
    form = {f"{kind}-{end}": "-1" for kind in ("saturdays", "sundays") for end in ("first", "last")}
    form |= {"weekdays-first": "14", "weekdays-last": "9"}
    assert administrator.post(path, {**form, "hacer": "guardar"}).status_code == 422
    good = {**form, "weekdays-first": "9", "weekdays-last": "12", "seen": version_in(administrator.get(path).text)}
    assert "de 9:00 a 12:00" in administrator.post(path, {**good, "hacer": "ver"}).text
    assert administrator.post(path, {**good, "hacer": "guardar"}).status_code == 303
    with reading(little_world.desk.engine) as connection:
        hours = little_world.desk.catalogue(connection, shelf.revision(connection)).hours
    assert (hours.spans["weekdays"], hours.spans["saturdays"], hours.country) == ((9, 12), (), "CO")


def periods(**more: int) -> dict[str, str]:
    chosen = {kind: period.number(period.length) for kind, period in PERIODS.items()}
    return {kind: str(number) for kind, number in {**chosen, **more}.items()}


def test_a_retention_is_kept_and_the_worker_obeys_it(little_world: World, administrator: Signed) -> None:
    little_world.say("hola")
    path = "/consola/textos/plazos"
    form = {**periods(**{"contacts without consent": 1}), "seen": version_in(administrator.get(path).text)}
    assert "<strong>1</strong>" in administrator.post(path, {**form, "hacer": "ver"}).text
    assert administrator.post(path, {**form, "hacer": "guardar"}).status_code == 303
    little_world.clock.forward(days=1, seconds=1)
    upkeep.purge(little_world.desk.engine, little_world.desk.ink, little_world.clock())
    assert little_world.rows(Contact) == []
    page = administrator.client.get("/privacidad", base_url="https://cuenta.example.test").text
    assert "1 días" in page or "1 día" in page


@pytest.mark.parametrize("kind", PERIODS)
def test_no_retention_leaves_its_limits(administrator: Signed, kind: str) -> None:
    least, most = texts.limits(kind, {})
    for number in (least - 1, most + 1):
        answer = administrator.post("/consola/textos/plazos", {**periods(**{kind: number}), "hacer": "guardar"})
        assert answer.status_code == 422


def test_what_people_were_promised_only_gets_shorter(little_world: World, administrator: Signed) -> None:
    write(little_world, "retention", {"people who fell silent": 365})
    assert "un año sin escribir" in little_world.say("votar")[-1].text
    answer = administrator.post("/consola/textos/plazos", {**periods(), "hacer": "guardar"})
    assert answer.status_code == 422
    assert body(little_world, "retention") == {"people who fell silent": 365}


def test_a_length_that_is_not_allowed_does_not_hold_wherever_it_came_from() -> None:
    chosen = {"parked errors": 0, "ids of messages": "5", "drafts and open talks": True, "what people were told": 800}
    assert lengths(chosen) == {**RETENTION, "what people were told": timedelta(days=800)}


def test_the_limits_leave_what_the_desk_needs() -> None:
    longest = max(PERIODS[kind].most for kind in ("drafts and open talks", "messages not delivered"))
    assert longest < ink.KEPT * ink.WEEK
    assert PERIODS["what people were told"].least > REMEMBERED
    assert all(period.least <= period.length <= period.most for period in PERIODS.values())
    assert set(KIND_LABELS) == set(PERIODS)
    assert retention.PROMISED in PERIODS


def test_pages_of_texts_take_a_few_statements_however_long_the_history(little_world: World, editor: Signed) -> None:
    now = little_world.clock()
    rows = [{"key": "help", "body": json.dumps(PLAIN), "by": None, "at": now} for _n in range(500)]
    little_world.put(TextVersion, *rows)
    for path in ("/consola/textos", "/consola/textos/help", "/consola/textos/help/historia"):
        editor.get(path)
        little_world.statements.clear()
        assert editor.get(path).status_code == 200
        assert len(little_world.statements) <= 10
