"""Seats, offices and objections: who may say what, when two act at once, and what is refused."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, delete, update

from bot import commands, plan_commands
from bot.catalogue import read
from bot.standing import standings
from bot.visit import Visit, hashed
from flows import plan
from flows.language import Attachment
from flows.people import Facts
from storage import contacts, participants, voices
from storage.ballots import CODE_LETTERS
from storage.contacts import Contact, Person
from storage.database import Moved, columns, reading, transaction
from storage.folder import read_folder
from storage.participants import Follow, Invitation, Seat
from storage.voices import Evidence, Judgement, Objection, Rating, Report
from tests.promises import load_plan
from tests.world import EXAMPLE, Clock, World, address

SLUG, FIRST, SECOND = "plan-ejemplo", "arboles-plaza.1", "agua-diaria.1"
IN_MARCH = datetime(2030, 3, 5, 15, tzinfo=UTC)


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[World]:
    """Villa Ejemplo in March 2030, with its made-up plan."""
    world = World.on(database_url, tmp_path, Clock(IN_MARCH)).load(EXAMPLE)
    yield world
    world.desk.engine.dispose()


def invite(town: World, kind: str, subject: str) -> str:
    with transaction(town.desk.engine) as connection:
        return plan_commands.invite(connection, town.desk.secret, kind, SLUG, subject, town.clock())


def seated(town: World, who: int, seat: str) -> None:
    town.say(f"silla {invite(town, 'seat', seat)}", who=who)
    assert "silla" in town.say("1", who=who)[-1].text


def employed(town: World, who: int, office: str) -> None:
    town.say(f"oficina {invite(town, 'office', office)}", who=who)
    town.say("1", who=who)


def report(town: World, milestone: str = FIRST, state: str = "complete") -> int:
    with transaction(town.desk.engine) as connection:
        return voices.report(connection, milestone, "obras", state, "Hecho.", "cli", town.clock())


def act(town: World, who: int, command: object) -> object:
    """A command as a conversation of that person would give it."""
    with transaction(town.desk.engine) as connection:
        row = contacts.arrive(connection, "telegram", address("telegram", who))
        assert row is not None
        visit = Visit(
            connection, read(connection), town.desk.keys, town.desk.ink, town.desk.secret, town.desk.public_url,
            town.clock(), "telegram", address("telegram", who), row.id, "es", "active", None, row.person_id,
            Facts(True),
        )  # fmt: skip
        return commands.act(visit, "", command)  # type: ignore[arg-type]


def person(town: World, who: int) -> None:
    """Somebody who has agreed, and nothing else."""
    town.say("hitos 1", who=who)
    town.say("3", who=who)
    town.say("1", who=who)


def outcome(town: World, milestone: str = FIRST) -> plan.Verdict:
    with reading(town.desk.engine) as connection:
        city = read(connection)
        today = city.hours.today(town.clock())
        return standings(connection, city.plans[SLUG], today, city.hours.zone)[milestone].verdict


# Codes


def test_a_code_works_once_and_only_its_hash_is_kept(town: World) -> None:
    code = invite(town, "seat", "campo-1")
    assert [row["code"] for row in town.rows(Invitation)] == [hashed(town.desk.secret, code)]
    town.say(f"silla {code}", who=1)
    assert "ocupa la silla Campo 1" in town.say("1", who=1)[-1].text
    town.say(f"silla {code}", who=2)
    assert "ya se usó" in town.say("1", who=2)[-1].text
    assert len([row for row in town.rows(Seat) if row["person_id"]]) == 1


def test_a_code_may_be_typed_as_people_type(town: World) -> None:
    code = invite(town, "seat", "campo-1")
    town.say(f"SILLA {code[:5].lower()}-{code[5:].lower()}")
    assert "ocupa la silla" in town.say("1")[-1].text


def test_a_code_runs_out(town: World) -> None:
    code = invite(town, "office", "obras")
    town.clock.forward(days=7, seconds=1)
    town.say(f"oficina {code}")
    assert "ya venció" in town.say("1")[-1].text
    assert not any(row["used_at"] for row in town.rows(Invitation))


def test_a_new_code_voids_the_one_that_nobody_used(town: World) -> None:
    old, new = invite(town, "seat", "campo-1"), invite(town, "seat", "campo-1")
    town.say(f"silla {old}")
    assert "No conocemos ese código" in town.say("1")[-1].text
    assert "ocupa la silla" in town.say(f"silla {new}")[-1].text


def test_of_codes_that_are_made_at_once_one_works(town: World) -> None:
    for _again in range(3):
        begin = threading.Barrier(4)

        def make(_n: int, begin: threading.Barrier = begin) -> str:
            begin.wait()
            return invite(town, "seat", "campo-1")

        with ThreadPoolExecutor(4) as pool:
            codes = set(pool.map(make, range(4)))
        (kept,) = town.rows(Invitation)
        assert kept["code"] in {hashed(town.desk.secret, code) for code in codes}


@pytest.mark.parametrize(("kind", "subject"), [("seat", "campo-2"), ("office", "agua")])
def test_a_code_for_what_left_the_plan_is_not_known(town: World, kind: str, subject: str) -> None:
    person(town, 1)
    code = invite(town, kind, subject)
    (whole,) = read_folder(EXAMPLE).plans
    alone = tuple(
        replace(each, leads=("obras",), milestones=tuple(replace(m, offices=("obras",)) for m in each.milestones))
        for each in whole.commitments
    )
    load_plan(town, replace(whole, sectors=whole.sectors[1:], offices=whole.offices[:1], commitments=alone))
    assert "No conocemos ese código" in town.say(f"{'silla' if kind == 'seat' else 'oficina'} {code}")[-1].text


def test_no_code_outlives_the_dismissal_of_its_office(town: World) -> None:
    code, other = invite(town, "office", "agua"), invite(town, "office", "obras")
    with transaction(town.desk.engine) as connection:
        assert participants.dismiss(connection, SLUG, "agua") == 0
    town.say(f"oficina {code}")
    assert "No conocemos ese código" in town.say("1")[-1].text
    assert "Ahora usted informa" in town.say(f"oficina {other}")[-1].text


def test_a_link_takes_a_seat(town: World) -> None:
    town.say(f"/start s-{invite(town, 'seat', 'pueblo-1')}")
    assert "Pueblo 1" in town.say("1")[-1].text


def test_nobody_who_refuses_the_notice_takes_a_seat(town: World) -> None:
    code = invite(town, "seat", "campo-1")
    town.say(f"silla {code}")
    town.say("2")
    assert town.rows(Seat) == []
    assert "ocupa la silla" in [*town.say(f"silla {code}", who=2), *town.say("1", who=2)][-1].text


def test_of_two_who_use_a_code_at_once_one_sits(town: World) -> None:
    person(town, 1)
    person(town, 2)
    code = invite(town, "seat", "campo-1")

    def claims(who: int) -> str:
        claim = act(town, who, plan.ClaimRole(code))
        assert isinstance(claim, plan.Claim)
        return claim.status

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(claims, (1, 2))) == ["claimed", "used"]


@pytest.mark.parametrize("text", ["silla vacía", "oficina cerrada hoy", "seat belt", "hitos que no se cumplen"])
def test_a_sentence_that_begins_with_such_a_word_is_an_answer(town: World, text: str) -> None:
    report(town)
    for typed in ("hitos 1", "1", "3", "1"):
        town.say(typed)
    assert text in town.say(text)[-1].text, "the reason is shown again before it is sent"


# Judgements


def test_a_quorum_decides_and_a_tie_does_what_the_plan_says(town: World) -> None:
    number = report(town)
    for who, seat in ((1, "campo-1"), (2, "campo-2"), (3, "pueblo-1")):
        seated(town, who, seat)
    assert outcome(town).outcome == "pending"
    town.say("comité", who=1)
    town.say("1", who=1)
    assert outcome(town) == plan.Verdict("pending", 1, 0, (("campo", 1, 0), ("pueblo", 0, 0)))
    town.say("comité", who=2)
    town.say("2 no vi nada", who=2)
    assert outcome(town).outcome == "pending", "the plan says that a tie leaves it open"
    town.say("comité", who=3)
    town.say("2", who=3)
    town.say("Tampoco vi nada", who=3)
    assert outcome(town) == plan.Verdict("objected", 1, 2, (("campo", 1, 1), ("pueblo", 0, 1)))
    assert {row["report_id"] for row in town.rows(Judgement)} == {number}


def test_the_latest_judgement_of_a_seat_counts_and_all_are_kept(town: World) -> None:
    number = report(town)
    seated(town, 1, "campo-1")
    for verdict in ("validated", "objected", "validated"):
        assert act(town, 1, plan.Judge(number, "campo-1", verdict)) == plan.Filed("kept")
    assert (outcome(town).validated, outcome(town).objected) == (1, 0)
    assert len(town.rows(Judgement)) == 3


def test_nobody_judges_without_the_seat(town: World) -> None:
    number = report(town)
    person(town, 1)
    seated(town, 2, "campo-1")
    for seat in ("campo-1", "campo-2", "campo-9", "nothing"):
        assert act(town, 1, plan.Judge(number, seat, "validated")) == plan.Filed("no-seat")
    assert act(town, 2, plan.Judge(number, "campo-2", "validated")) == plan.Filed("no-seat")
    assert act(town, 2, plan.Judge(99, "campo-1", "validated")) == plan.Filed("no-seat")
    assert town.rows(Judgement) == []


def test_who_passed_a_seat_on_judges_no_more_though_the_question_is_on_screen(town: World) -> None:
    report(town)
    seated(town, 1, "campo-1")
    town.say("comité", who=1)
    seated(town, 2, "campo-1")
    assert "Solo opina quien ocupa una silla" in town.say("1", who=1)[-1].text
    assert town.rows(Judgement) == []
    town.say("comité", who=2)
    assert "su silla valida" in town.say("1", who=2)[-1].text


def test_a_new_report_reopens_and_the_old_one_takes_no_judgement(town: World) -> None:
    old = report(town)
    for who, seat in ((1, "campo-1"), (2, "campo-2")):
        seated(town, who, seat)
        assert act(town, who, plan.Judge(old, seat, "objected", "no")) == plan.Filed("kept")
    assert outcome(town).outcome == "objected"
    town.say("comité", who=1)
    report(town, state="in-progress")
    assert outcome(town) == plan.Verdict()
    assert act(town, 1, plan.Judge(old, "campo-1", "validated")) == plan.Filed("newer")
    assert len(town.rows(Judgement)) == 2


def test_the_question_on_screen_is_of_the_report_it_showed(town: World) -> None:
    report(town)
    seated(town, 1, "campo-1")
    town.say("comité")
    report(town, state="stalled")
    assert "informó otra vez" in town.say("1")[-1].text
    assert town.rows(Judgement) == []


# Offices


def test_an_office_reports_on_its_own_milestones_only(town: World) -> None:
    employed(town, 1, "agua")
    shown = town.say("avance")[-1].text
    assert "Agua diaria en tres veredas" in shown
    assert "árboles" not in shown
    for milestone, office in ((FIRST, "obras"), (FIRST, "agua"), ("nothing.1", "agua"), ("arboles-plaza.9", "obras")):
        command = plan.ReportMilestone(milestone, office, "complete", "Hecho")
        assert act(town, 1, command) == plan.Filed("no-office")
    assert town.rows(Report) == []


def test_whoever_was_dismissed_reports_no_more(town: World) -> None:
    employed(town, 1, "obras")
    town.say("avance")
    town.say("1")
    town.say("2")
    with transaction(town.desk.engine) as connection:
        assert participants.dismiss(connection, SLUG, "obras") == 1
    assert "Solo el personal de una oficina" in town.say("Sembramos tres")[-1].text
    assert town.rows(Report) == []


def test_a_report_begun_goes_on_after_something_else(town: World) -> None:
    employed(town, 1, "obras")
    for text in ("avance", "1", "2"):
        town.say(text)
    town.say("hitos")
    assert "Qué se hizo" in town.say("avance")[-1].text
    town.say("Sembramos tres árboles")
    assert [(row["state"], row["text"]) for row in town.rows(Report)] == [("in-progress", "Sembramos tres árboles")]


def test_an_attachment_waits_sealed_for_the_worker(town: World) -> None:
    employed(town, 1, "obras")
    command = plan.ReportMilestone(
        FIRST, "obras", "complete", "Hecho", Attachment("secret-file-id", "image/jpeg", 9, "x")
    )
    filed = act(town, 1, command)
    assert isinstance(filed, plan.Filed)
    (row,) = town.rows(Evidence)
    assert (row["state"], row["report_id"], row["channel"]) == ("awaited", filed.number, "telegram")
    assert b"secret-file-id" not in row["source"]


# Objections and ratings


def test_a_resident_objects_once_to_a_report_and_at_most_five_wait(town: World) -> None:
    person(town, 1)
    numbers = []
    for _round in range(5):
        numbers.append(report(town))
        assert act(town, 1, plan.ObjectTo(numbers[-1], "No es así")) == plan.Filed("kept", len(numbers))
        assert act(town, 1, plan.ObjectTo(numbers[-1], "Repito")) == plan.Filed("again")
    assert act(town, 1, plan.ObjectTo(numbers[0], "Tarde")) == plan.Filed("newer")
    assert act(town, 1, plan.ObjectTo(report(town), "Otra")) == plan.Filed("many")
    assert len(town.rows(Objection)) == 5


def test_an_office_answers_what_was_objected_to_its_own_reports_once(town: World) -> None:
    person(town, 1)
    act(town, 1, plan.ObjectTo(report(town), "No es así"))
    employed(town, 2, "agua")
    assert act(town, 2, plan.AnswerObjection(1, "No es nuestro")) == plan.Filed("no-office")
    employed(town, 3, "obras")
    assert act(town, 3, plan.AnswerObjection(1, "Iremos el sábado")) == plan.Filed("kept", 1)
    assert act(town, 3, plan.AnswerObjection(1, "Otra cosa")) == plan.Filed("again", 1)
    assert act(town, 3, plan.AnswerObjection(99, "?")) == plan.Filed("no-office")
    assert [row["answer"] for row in town.rows(Objection)] == ["Iremos el sábado"]


@pytest.mark.parametrize(
    "command",
    [
        plan.Follow("all"),
        plan.ObjectTo(1, "No es así"),
        plan.RateEvent(SLUG, "cuentas-2030", 1, 1),
        plan.ClaimRole("XXXXX00000"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_who_became_one_with_another_meanwhile_is_found_by_the_turn_run_again(
    town: World, monkeypatch: pytest.MonkeyPatch, command: object
) -> None:
    person(town, 1)
    report(town)
    read_before = contacts.arrive

    def join(connection: Connection, channel: str, where: str) -> Row[Any]:
        """Between the reading of who speaks and what they do, another chat joins them to somebody else."""
        row = read_before(connection, channel, where)
        assert row is not None
        connection.execute(update(Contact).where(columns(Contact).id == row.id).values(person_id=None))
        connection.execute(delete(Person).where(columns(Person).id == row.person_id))
        return row

    monkeypatch.setattr(contacts, "arrive", join)
    with pytest.raises(Moved):
        act(town, 1, command)


def test_an_event_is_rated_once_by_each_while_it_can_be(town: World) -> None:
    assert "no hay nada para evaluar" in town.say("evaluar")[-1].text
    town.clock.now = datetime(2030, 6, 30, 15, tzinfo=UTC)
    for who, answers in ((1, ("4", "2")), (2, ("5", "5")), (1, ("1", "1"))):
        town.say("evaluar", who=who)
        if not town.rows(Rating) or who == 2:
            town.say("1", who=who)
        for answer in answers:
            got = town.say(answer, who=who)
    assert "reemplaza la anterior" in got[-1].text
    assert sorted((row["clear"], row["heard"]) for row in town.rows(Rating)) == [(1, 1), (5, 5)]
    town.say("evaluar", who=1)
    town.clock.forward(days=1)
    assert act(town, 1, plan.RateEvent(SLUG, "cuentas-2030", 3, 3)) == plan.Filed("closed")


# People who leave or turn out to be one


def test_whoever_deletes_themselves_leaves_no_trace_but_public_words(town: World) -> None:
    report(town)
    seated(town, 1, "campo-1")
    employed(town, 1, "obras")
    act(town, 1, plan.Follow("all"))
    act(town, 1, plan.ObjectTo(1, "No es así"))
    act(town, 1, plan.Judge(1, "campo-1", "validated"))
    with transaction(town.desk.engine) as connection:
        voices.rate(connection, SLUG, "a", 1, 4, 2)
    town.say("privacidad")
    seen = town.say("1")
    for told in ("AVISOS", "SILLA", "1 controversia", "evaluó 1 evento"):
        assert told in seen[-1].text
    town.say("privacidad")
    mine = json.loads(town.say("2")[-1].text)
    assert [(each["milestone"], each["text"]) for each in mine["objected"]] == [(FIRST, "No es así")]
    assert mine["rated"] == [{"plan": SLUG, "event": "a", "clear": 4, "heard": 2}]
    town.say("privacidad")
    town.say("3")
    town.say("1")
    assert [row["person_id"] for row in town.rows(Seat)] == [None]
    assert (town.rows(Follow), town.rows(participants.Clerk)) == ([], [])
    assert [row["person_id"] for row in (*town.rows(Objection), *town.rows(Rating))] == [None, None]
    assert outcome(town).validated == 1, "what a seat said stays said"


def test_who_joins_two_chats_keeps_what_both_had(town: World) -> None:
    seated(town, 1, "campo-1")
    act(town, 1, plan.Follow("all"))
    act(town, 1, plan.Follow("commitment:agua-diaria"))
    employed(town, 2, "obras")
    act(town, 2, plan.Follow("all"))
    act(town, 2, plan.ObjectTo(report(town), "No es así"))
    with transaction(town.desk.engine) as connection:
        for who, event in ((1, "a"), (2, "a"), (2, "b")):
            voices.rate(connection, SLUG, event, who, who, who)
    town.say("privacidad", who=1)
    shown = town.say("5", who=1)[-1].text
    (code,) = re.findall(rf"\b[{CODE_LETTERS}]{{10}}\b", shown)
    for text in ("privacidad", "6", code, "1"):
        town.say(text, who=2)
    for who in (1, 2):
        assert sorted(act(town, who, plan.Following())) == ["all", "commitment:agua-diaria"]  # type: ignore[call-overload]
        assert act(town, who, plan.Roles()) == [["seat", SLUG, "campo-1"], ["office", SLUG, "obras"]]
    assert {row["person_id"] for row in town.rows(Objection)} == {1}, "the answer finds them"
    assert sorted((row["event"], row["person_id"], row["clear"]) for row in town.rows(Rating)) == [
        ("a", 1, 1), ("b", 1, 2),
    ]  # fmt: skip
