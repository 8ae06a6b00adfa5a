"""Ideas: who may send how many, who is told what came of them, and when nothing of them is left; on both databases."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot import idea_commands, idea_notices, lifecycle, upkeep
from bot.idea_commands import MOST_A_DAY, MOST_LISTENERS, MOST_OF_ONE
from storage import consultations, contacts, ideas
from storage.contacts import Contact, Housemate, Person
from storage.database import columns, reading, transaction
from storage.folder import Invalid, read_folder
from storage.ideas import Idea, Outcome, Proposer
from storage.outbox import Outgoing
from tests.transcripts import COLLECTS, collecting
from tests.world import CARTAGENA, Clock, World, address

UNTIL = datetime(2022, 12, 1, 5, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script> & \"comillas\" 'y' {llaves} %s %(x)s",
    "=CMD|' /C calc'!A0 y más cosas",
    "Robert'); DROP TABLE idea;-- 🙂🙂🙂",
    "‮al revés‬ y \u200bsin ancho, \x07con campana",
    "a" * 500,
)


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Cartagena, where the plan of 2024 collects ideas; on each kind of database."""
    made = World.on(database_url, tmp_path).load()
    with transaction(made.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
    yield made
    made.desk.engine.dispose()


def propose(world: World, text: str = "Sembrar árboles en el parque.", who: int = 1, channel: str = "telegram") -> str:
    """A whole idea from somebody; the last message's text."""
    got = world.say("proponer", channel, who)
    if "Acepta" in got[-1].text:
        got = world.say("1", channel, who)
    if "ideas aquí" in got[-1].text or "idea aquí" in got[-1].text:
        world.say("1", channel, who)
    for said in (text, "saltar", "1"):
        got = world.say(said, channel, who)
    return got[-1].text


def answer(world: World, what: str = "merged", subject: str = "p02", why: str = "Ya está en el plan.") -> int:
    """Staff answer every idea that waits; the outcome's number."""
    with transaction(world.desk.engine) as connection:
        rows, _number = ideas.listed(connection, COLLECTS, standing="new", most=5000)
        number = ideas.draft(connection, COLLECTS, world.clock())
        ideas.put(connection, COLLECTS, [row.id for row in rows], number)
        ideas.write(connection, number, what, subject, {"es": "Árboles"}, {"es": why} if why else {})
        assert ideas.publish(connection, number, world.clock())
    return number


def slip(world: World) -> str:
    code = idea_commands.new_code()
    row = {"collection": COLLECTS, "code": code, "via": "workshop", "text": "Más sombra", "place": None}
    with transaction(world.desk.engine) as connection:
        ideas.enter(connection, [row], world.clock())
    return code


def got(world: World, who: int = 1, channel: str = "telegram") -> list[str]:
    return [message.text for message in world.delivered(channel, address(channel, who))]


def test_one_person_sends_three_ideas_and_not_four(city: World) -> None:
    for _n in range(MOST_OF_ONE):
        assert "Recibimos su idea" in propose(city)
    assert "Ya envió todas las ideas" in propose(city)
    assert len(city.rows(Idea)) == MOST_OF_ONE


def test_who_takes_one_back_can_send_another(city: World) -> None:
    for _n in range(MOST_OF_ONE):
        propose(city)
    for said in ("proponer", "2", "2", "1"):
        city.say(said)
    assert "Recibimos su idea" in propose(city, "Otra idea distinta de las de antes.")
    assert sorted(row["text"] == "" for row in city.rows(Idea)) == [False] * 3 + [True]


def test_one_chat_sends_nine_ideas_in_a_day_whoever_uses_it(city: World) -> None:
    propose(city)
    (person,) = city.rows(Person)
    (contact,) = city.rows(Contact)
    row = {"collection": COLLECTS, "via": "chat", "text": "de otra persona", "at": city.clock()}
    others = range(900, 900 + MOST_A_DAY - 1)
    city.put(Person, *[{**person, "id": n} for n in others])
    city.put(Housemate, *[{"contact_id": contact["id"], "person_id": n, "joined_at": city.clock()} for n in others])
    city.put(Idea, *[{**row, "id": n, "code": f"C{n}"} for n in others])
    city.put(Proposer, *[{"idea_id": n, "person_id": n, "since": city.clock()} for n in others])
    assert "Hoy llegaron muchas ideas" in propose(city)
    city.clock.forward(days=1, seconds=1)
    assert "Recibimos su idea" in propose(city)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("channel", ["telegram", "sms"])
def test_hostile_words_are_kept_as_words(city: World, text: str, channel: str) -> None:
    assert "Recibimos su idea" in propose(city, text, channel=channel)
    (row,) = city.rows(Idea)
    assert "\u202e" not in row["text"]
    assert "\x07" not in row["text"]
    assert row["text"]
    for said in ("proponer", "2"):
        last = city.say(said, channel)
    assert row["text"][:20] in last[0].text or channel == "sms"


def test_an_idea_that_is_too_long_or_no_text_is_asked_for_again(city: World) -> None:
    city.say("proponer")
    city.say("1")
    assert "Máximo 500" in city.say("a" * 501)[-1].text or "hasta 500" in city.say("a" * 501)[-1].text
    assert city.rows(Idea) == []


def test_a_whole_idea_by_sms_costs_few_segments(city: World) -> None:
    sent = [message for said in ("proponer", "1", "Sembrar árboles en el parque.", "saltar", "1")
            for message in city.say(said, "sms")]  # fmt: skip
    assert sum(message.segments for message in sent) <= 9


def test_an_answer_is_told_once_and_in_one_message(city: World) -> None:
    propose(city)
    propose(city, "Una biblioteca móvil para las islas.")
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 1
    (text,) = got(city)
    assert text.count("Ahora es parte de la propuesta 2: Más árboles.") == 2
    assert idea_notices.tell(city.desk, city.clock()) == 0
    assert got(city) == []


def test_answers_wait_for_the_hours_of_the_city(city: World) -> None:
    propose(city)
    answer(city)
    city.clock.now = datetime(2022, 11, 17, 3, tzinfo=UTC)
    assert idea_notices.tell(city.desk, city.clock()) == 0
    city.clock.now = datetime(2022, 11, 17, 15, tzinfo=UTC)
    assert idea_notices.tell(city.desk, city.clock()) == 1


def test_who_opted_out_is_not_written_to(city: World) -> None:
    propose(city)
    city.say("baja")
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 0


def test_a_draft_of_an_answer_is_told_to_nobody(city: World) -> None:
    propose(city)
    with transaction(city.desk.engine) as connection:
        number = ideas.draft(connection, COLLECTS, city.clock())
        assert ideas.put(connection, COLLECTS, [row["id"] for row in city.rows(Idea)], number) == 1
        ideas.write(connection, number, "not-selected", "", {"es": "x"}, {"es": "y"})
    assert idea_notices.tell(city.desk, city.clock()) == 0
    city.say("proponer")
    assert "todavía no ha respondido" in city.say("2")[-1].text


def test_many_answers_fit_one_sms(city: World) -> None:
    for n in range(MOST_OF_ONE):
        propose(city, f"Idea número {n} para la ciudad.", channel="sms")
    answer(city, why="Muy larga " * 60)
    idea_notices.tell(city.desk, city.clock())
    (text,) = got(city, channel="sms")
    assert "PROPONER" in text
    assert "BAJA" in text


def test_two_ticks_at_once_tell_once(city: World) -> None:
    people = 8
    for who in range(1, people + 1):
        propose(city, who=who)
    answer(city)
    ticks = [threading.Thread(target=idea_notices.tell, args=(city.desk, city.clock())) for _n in range(4)]
    for tick in ticks:
        tick.start()
    for tick in ticks:
        tick.join()
    assert len([row for row in city.rows(Outgoing) if row["kind"] == "duty"]) == people


def test_an_answer_that_could_not_be_delivered_is_told_when_they_are_back(city: World) -> None:
    propose(city)
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 1
    (duty,) = [row for row in city.rows(Outgoing) if row["kind"] == "duty"]
    city.clock.forward(minutes=1)
    with transaction(city.desk.engine) as connection:
        gone = {"state": "failed", "error": "30005", "finished_at": city.clock()}
        connection.execute(update(Outgoing).where(columns(Outgoing).id == duty["id"]).values(**gone))
    assert idea_notices.tell(city.desk, city.clock()) == 0  # nothing has changed for them
    city.clock.forward(minutes=10)
    city.say("menu")
    city.clock.forward(minutes=1)
    assert idea_notices.tell(city.desk, city.clock()) == 1
    city.clock.forward(minutes=1)
    assert idea_notices.tell(city.desk, city.clock()) == 0


def test_everybody_is_told_in_slices(city: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idea_notices, "SLICE", 2)
    for who in range(1, 6):
        propose(city, who=who)
    city.say("baja", who=3)
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 4


def test_deleting_my_data_erases_my_words_and_whose_they_were(city: World) -> None:
    propose(city)
    for said in ("privacidad", "3", "1"):
        last = city.say(said)
    assert "Borramos sus datos" in last[-1].text
    (row,) = city.rows(Idea)
    assert (row["text"], row["place"]) == ("", None)
    assert row["withdrawn_at"] is not None
    assert city.rows(Proposer) == []
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 0


def test_my_data_has_my_ideas(city: World) -> None:
    propose(city)
    city.say("privacidad")
    told = json.loads("".join(message.text for message in city.say("2")))
    (mine,) = told["ideas"]
    assert mine["text"] == "Sembrar árboles en el parque."
    assert mine["standing"] == "waiting"


def test_who_falls_silent_is_forgotten_with_their_words(city: World) -> None:
    propose(city)
    city.clock.forward(days=731)
    upkeep.purge(city.desk.engine, city.desk.ink, city.clock())
    assert [row["text"] for row in city.rows(Idea)] == [""]
    assert city.rows(Proposer) == city.rows(Person) == []


def test_words_of_somebody_who_is_gone_do_not_stay(city: World) -> None:
    """However a person was deleted: the clock finds words that are nobody's any more."""
    propose(city)
    (person,) = city.rows(Person)
    with transaction(city.desk.engine) as connection:
        contacts.forget(connection, person["id"])
    upkeep.purge(city.desk.engine, city.desk.ink, city.clock())
    assert [row["text"] for row in city.rows(Idea)] == [""]


def test_words_are_kept_two_years_and_slips_too(city: World) -> None:
    slip(city)
    propose(city)
    for _season in range(7):  # they write now and then
        city.clock.forward(days=100)
        city.say("menu")
    upkeep.purge(city.desk.engine, city.desk.ink, city.clock())
    assert all(row["text"] for row in city.rows(Idea))
    city.clock.forward(days=31)
    city.say("menu")
    upkeep.purge(city.desk.engine, city.desk.ink, city.clock())
    assert [row["text"] for row in city.rows(Idea)] == ["", ""]
    assert city.rows(Proposer) == []


def test_two_chats_of_one_person_have_their_ideas_together(city: World) -> None:
    code = slip(city)
    for channel in ("telegram", "sms"):
        propose(city, f"Idea por {channel}, para todos.", channel=channel)
        city.say(f"proponer {code}", channel)
    city.say("privacidad")
    join = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{10}\b", city.say("5")[-1].text)[0]
    for said in ("privacidad", "6", join, "1"):
        last = city.say(said, "sms")
    assert "Unimos sus chats" in last[-1].text
    assert len({row["person_id"] for row in city.rows(Proposer)}) == 1
    assert len(city.rows(Proposer)) == 3
    answer(city)
    assert idea_notices.tell(city.desk, city.clock()) == 1


def test_a_slip_tells_its_answer_to_who_has_it_and_shows_no_words(city: World) -> None:
    code = slip(city)
    told = city.say(f"/start p-{code.lower()}")
    told = city.say("1")
    assert code in told[-1].text
    assert "Más sombra" not in told[-1].text
    answer(city, "outside", "", "Lo decide la Nación.")
    assert idea_notices.tell(city.desk, city.clock()) == 1
    assert "Lo decide la Nación." in got(city)[0]


def test_a_slip_that_was_answered_tells_at_once_and_not_again(city: World) -> None:
    code = slip(city)
    answer(city, "outside", "", "Lo decide la Nación.")
    city.say(f"proponer {code}")
    assert "Lo decide la Nación." in city.say("1")[-1].text
    assert idea_notices.tell(city.desk, city.clock()) == 0


def test_a_slip_serves_the_people_of_a_workshop_and_no_crowd(city: World) -> None:
    code = slip(city)
    city.say("proponer", who=1)
    city.say("1", who=1)
    (person,) = city.rows(Person)
    (idea,) = city.rows(Idea)
    city.put(Person, *[{**person, "id": n} for n in range(900, 900 + MOST_LISTENERS)])
    people = range(900, 900 + MOST_LISTENERS)
    city.put(Proposer, *[{"idea_id": idea["id"], "person_id": n, "since": city.clock()} for n in people])
    assert "muchas personas usaron este papel" in city.say(f"proponer {code}")[-1].text


def test_nobody_takes_back_or_hears_the_idea_of_another(city: World) -> None:
    propose(city)
    (idea,) = city.rows(Idea)
    city.say("proponer", who=2)
    city.say("1", who=2)
    assert "No conocemos ese código" in city.say(f"proponer {idea['code']}", who=2)[-1].text
    other = next(
        row["id"] for row in city.rows(Person) if row["id"] not in {p["person_id"] for p in city.rows(Proposer)}
    )
    with transaction(city.desk.engine) as connection:
        assert not ideas.withdraw(connection, other, idea["code"], city.clock())
        assert ideas.of_code(connection, other, idea["code"]) is None


def test_who_has_a_slip_cannot_take_the_idea_back(city: World) -> None:
    code = slip(city)
    city.say(f"proponer {code}")
    city.say("1")
    (person,) = city.rows(Person)
    with transaction(city.desk.engine) as connection:
        assert not ideas.withdraw(connection, person["id"], code, city.clock())


def test_nothing_is_kept_before_consent(city: World) -> None:
    city.say("proponer")
    city.say("2")
    assert city.rows(Person) == city.rows(Idea) == []


def test_an_answered_idea_can_be_taken_back_and_its_answer_stays(city: World) -> None:
    propose(city)
    number = answer(city)
    for said in ("proponer", "2", "2", "1"):
        city.say(said)
    assert city.rows(Proposer) == []
    with reading(city.desk.engine) as connection:
        (row,) = ideas.published(connection, [COLLECTS])
    assert (row.id, row.ideas) == (number, 1)


def test_an_answer_is_sent_once_and_takes_no_answered_idea(city: World) -> None:
    propose(city)
    first = answer(city)
    with transaction(city.desk.engine) as connection:
        assert not ideas.publish(connection, first, city.clock())
        second = ideas.draft(connection, COLLECTS, city.clock())
        assert ideas.put(connection, COLLECTS, [row["id"] for row in city.rows(Idea)], second) == 0
        assert not ideas.publish(connection, second, city.clock())  # it was never written
        assert ideas.discard(connection, second)
        assert not ideas.discard(connection, first)


def test_staff_find_ideas_by_words_place_and_standing(city: World) -> None:
    propose(city, "Sembrar mangos al 100% en el PARQUE.")
    propose(city, "Una biblioteca móvil.", who=2)
    with reading(city.desk.engine) as connection:

        def found(**by: Any) -> int:
            return ideas.listed(connection, COLLECTS, **by)[1]

        assert found() == 2
        assert found(words="parque") == 1
        assert found(words="100%") == 1
        assert found(words="_") == 0
        assert found(standing="new") == 2
        assert found(standing="answered") == 0
        assert found(via="paper") == 0
        assert found(places=["none"]) == 0
        assert ideas.listed(connection, COLLECTS, skip=1, most=1)[0][0].text == "Una biblioteca móvil."
        assert ideas.listed(connection, "other")[1] == 0
    answer(city)
    with reading(city.desk.engine) as connection:
        assert ideas.numbers(connection) == {
            COLLECTS: {"all": 2, "new": 0, "drafted": 0, "answered": 2, "withdrawn": 0}
        }


def test_a_consultation_without_proposals_cannot_be_opened(city: World) -> None:
    with transaction(city.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL, slug="empty", proposals="[]"))
    with pytest.raises(lifecycle.NotPossible, match="no proposals"):
        lifecycle.open_(city.desk.engine, city.desk.keys, "empty", city.clock())


def test_ideas_are_collected_only_while_it_is_a_draft(city: World) -> None:
    lifecycle.open_(city.desk.engine, city.desk.keys, COLLECTS, city.clock())
    city.say("proponer")
    assert "no está recibiendo ideas" in city.say("1")[-1].text


def draft_folder(tmp_path: Path) -> Path:
    """Cartagena with a plan that collects ideas, and a draft that does and has no proposals yet."""
    folder = Path(shutil.copytree(CARTAGENA, tmp_path / "city"))
    plan = folder / "plans" / "plan-2023" / "plan.toml"
    plan.write_text(f"ideas_until = 2022-11-20\n{plan.read_text()}")
    draft = Path(shutil.copytree(folder / "consultations" / "cartagena-2022", folder / "consultations" / COLLECTS))
    form = draft / "consultation.toml"
    form.write_text(f"ideas_until = 2022-11-15T00:00:00\n{form.read_text()}")
    (draft / "proposals.csv").write_text((draft / "proposals.csv").read_text().splitlines()[0] + "\n")
    return folder


def test_a_plan_and_a_draft_collect_ideas_from_the_folder(tmp_path: Path, sqlite_url: str) -> None:
    world = World.on(sqlite_url, tmp_path, Clock(datetime(2022, 11, 1, 15, tzinfo=UTC))).load(draft_folder(tmp_path))
    world.say("proponer")
    assert "¿Para qué es su idea?" in world.say("1")[-1].text
    assert "20 de noviembre" in world.say("2")[-1].text
    world.clock.now = datetime(2022, 11, 21, 5, tzinfo=UTC)
    assert "no está recibiendo" in world.say("proponer", who=2)[-1].text or "no está" in world.say("1", who=2)[-1].text
    world.desk.engine.dispose()


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        (f"consultations/{COLLECTS}/consultation.toml", "ideas_until = 2022-12-31T00:00:00", "later than opens"),
        (f"consultations/{COLLECTS}/consultation.toml", 'ideas_until = "soon"', "must be a date with its time"),
        ("plans/plan-2023/plan.toml", 'ideas_until = "soon"', "must be a month"),
    ],
)
def test_a_wrong_end_of_collecting_is_named(tmp_path: Path, file: str, line: str, reason: str) -> None:
    path = draft_folder(tmp_path) / file
    path.write_text("\n".join([line, *path.read_text().splitlines()[1:]]) + "\n")
    with pytest.raises(Invalid, match=reason):
        read_folder(tmp_path / "city")


def test_a_plan_and_a_consultation_of_one_name_do_not_both_collect(tmp_path: Path) -> None:
    folder = draft_folder(tmp_path)
    (folder / "consultations" / COLLECTS).rename(folder / "consultations" / "plan-2023")
    with pytest.raises(Invalid, match="only one can collect ideas"):
        read_folder(folder)


def test_what_collects_no_ideas_has_the_digest_it_always_had() -> None:
    (consultation,) = read_folder(CARTAGENA).consultations
    assert "ideas_until" not in consultation.rules
    assert all("ideas_until" not in plan.rules for plan in read_folder(CARTAGENA).plans)


def test_a_word_of_ten_letters_is_no_code() -> None:
    assert not idea_commands.is_code("importante")
    assert not idea_commands.is_code("mas arboles")
    assert all(idea_commands.is_code(idea_commands.new_code()) for _n in range(200))


def test_no_text_or_code_is_logged(city: World, capsys: pytest.CaptureFixture[str]) -> None:
    propose(city, "Secreto de la vecina del parque.")
    answer(city)
    idea_notices.tell(city.desk, city.clock())
    (idea,) = city.rows(Idea)
    logged = capsys.readouterr()
    assert "vecina" not in logged.out + logged.err
    assert idea["code"] not in logged.out + logged.err
    assert city.rows(Outcome)[0]["sent_at"] - idea["at"] < timedelta(days=1)
