"""Data requests at an office: only who reads the code from the chat is answered, and the law's days are kept."""

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import requests, upkeep
from bot.hours import Hours
from bot.requests import Asked, Refused
from storage import approvals
from storage import requests as register
from storage.approvals import ApprovalRow
from storage.ballots import Ballot, Roll, Tombstone
from storage.contacts import Contact, Person
from storage.database import reading, transaction
from storage.outbox import Outgoing
from storage.requests import DataRequest
from tests.test_headcount import settle
from tests.world import World, address

CARTAGENA = Hours.of({"holidays": "CO"}, "America/Bogota")
OFFICER = 7


@pytest.mark.parametrize(
    ("received", "five", "ten", "fifteen", "thirty"),
    [
        (date(2026, 6, 5), date(2026, 6, 16), date(2026, 6, 23), date(2026, 7, 1), date(2026, 7, 24)),
        (date(2026, 12, 18), date(2026, 12, 28), date(2027, 1, 5), date(2027, 1, 13), date(2027, 2, 3)),
        (date(2027, 3, 19), date(2027, 3, 31), date(2027, 4, 7), date(2027, 4, 14), date(2027, 5, 5)),
    ],
)
def test_working_days_leave_out_weekends_and_colombian_holidays(
    received: date, five: date, ten: date, fifteen: date, thirty: date
) -> None:
    assert [CARTAGENA.working_day(received, n) for n in (5, 10, 15, 30)] == [five, ten, fifteen, thirty]


def test_a_request_on_a_sunday_counts_from_monday() -> None:
    assert requests.due(CARTAGENA, "delete", date(2026, 7, 12)) == date(2026, 8, 4)
    assert requests.due(CARTAGENA, "export", date(2026, 6, 5)) == date(2026, 6, 23)


@pytest.mark.parametrize(
    ("channel", "typed", "found"),
    [
        ("whatsapp", "+57 300 123-4567", ("whatsapp:+573001234567", "")),
        ("sms", "+57 (300) 123.4567", ("+573001234567", "")),
        ("telegram", "+573001234567", ("", "+573001234567")),
        ("telegram", "7009004001", ("7009004001", "")),
        ("whatsapp", "3001234567", None),
        ("sms", "+57300", None),
        ("telegram", "%", None),
        ("telegram", "7009*", None),
        ("web", "+573001234567", None),
        ("sms", "", None),
    ],
)
def test_only_a_whole_contact_is_taken(channel: str, typed: str, found: tuple[str, str] | None) -> None:
    assert requests.contact_given(channel, typed) == found


def given(number: int = 1) -> str:
    """The number of the n-th person on WhatsApp, as they say it."""
    return address("whatsapp", number).removeprefix("whatsapp:")


def run(world: World, work: Callable[..., Any], *values: Any) -> Any:
    with transaction(world.desk.engine) as connection:
        return work(world.desk, connection, *values)


def receive(world: World, kind: str = "export", contact: str | None = None, channel: str = "whatsapp") -> int:
    today = world.clock().astimezone(ZoneInfo("America/Bogota")).date()
    id, _known = run(world, requests.receive, Asked(kind, channel, contact or given(), today), OFFICER)
    return int(id)


def sent_code(world: World, channel: str = "whatsapp", who: int = 1) -> str:
    """The code that the chat got."""
    (message,) = world.delivered(channel, address(channel, who))
    found = re.search(r"\b\d{6}\b", message.text)
    assert found
    return found[0]


def proven(world: World, kind: str = "export", who: int = 1) -> int:
    request = receive(world, kind, given(who))
    assert run(world, requests.prove, request, sent_code(world, who=who)) == "proven"
    return request


def row_of(world: World, request: int) -> Any:
    with reading(world.desk.engine) as connection:
        return register.of(connection, request)


def refusal(world: World, work: Callable[..., Any], *values: Any) -> str:
    with pytest.raises(Refused) as refused:
        run(world, work, *values)
    return refused.value.why


def test_the_file_is_the_one_that_the_chat_gives(world: World) -> None:
    world.vote("1 4 6", "whatsapp")
    world.say("privacidad", "whatsapp")
    (told,) = world.say("2", "whatsapp")
    request = proven(world)
    assert run(world, requests.data, request) == json.loads(told.text)
    assert "choices" not in told.text


def test_the_code_opens_in_the_persons_language_and_says_what_to_do_if_it_was_not_them(little_world: World) -> None:
    little_world.say("hello", "whatsapp")
    receive(little_world)
    (message,) = little_world.delivered("whatsapp", address("whatsapp", 1))
    assert "If it was not you, do nothing" in message.text


def test_a_number_we_do_not_know_leaves_the_same_trace_and_no_message(world: World) -> None:
    world.vote("1", "whatsapp")
    known, unknown = receive(world), receive(world, contact="+573009999999")
    rows = [row_of(world, each) for each in (known, unknown)]
    alike = [[(v is None) for k, v in row._mapping.items() if k != "contact_id"] for row in rows]
    assert alike[0] == alike[1]
    assert run(world, requests.prove, unknown, "123456") == "wrong"
    assert "573009999999" not in json.dumps(world.rows(DataRequest), default=str)
    assert len([row for row in world.rows(Outgoing) if row["state"] == "queued"]) == 1


def test_nothing_is_shown_before_the_code_was_read(world: World) -> None:
    world.vote("1", "whatsapp")
    for kind, work, more in (
        ("export", requests.data, ()), ("delete", requests.erase, ()), ("correct", requests.correct, ({}, None)),
    ):  # fmt: skip
        request = receive(world, kind)
        assert refusal(world, work, request, *more) == "proof"
        assert refusal(world, requests.choose, request, 1) == "proof"
    assert len(world.rows(Person)) == 1


def test_a_proof_for_one_thing_is_none_for_another(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    request = proven(little_world, "export")
    assert refusal(little_world, requests.erase, request) == "proof"
    assert refusal(little_world, requests.correct, request, {}, None) == "proof"


def test_a_code_is_good_once_for_a_quarter_of_an_hour_and_five_tries(world: World) -> None:
    world.vote("1", "whatsapp")
    request = receive(world)
    code = sent_code(world)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _n in range(requests.MOST_TRIES):
        assert run(world, requests.prove, request, wrong) == "wrong"
    assert run(world, requests.prove, request, code) == "over"
    assert run(world, requests.send_code, request, "whatsapp", given())
    late = sent_code(world)
    world.clock.now += requests.CODE_LASTS
    assert run(world, requests.prove, request, late) == "over"
    run(world, requests.send_code, request, "whatsapp", given())
    code = sent_code(world)
    assert run(world, requests.prove, request, f" {code[:3]} {code[3:]} ") == "proven"
    assert run(world, requests.prove, request, code) == "over"


def test_a_code_of_one_request_is_no_code_of_another(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    first = receive(little_world)
    code = sent_code(little_world)
    second = receive(little_world)
    sent_code(little_world)
    assert run(little_world, requests.prove, second, code) == "wrong"
    assert run(little_world, requests.prove, first, code) == "proven"


def test_nobody_is_rung_up_all_day_and_the_officer_does_not_learn_of_it(world: World) -> None:
    world.vote("1", "whatsapp")
    for _n in range(requests.MOST_CODES):
        receive(world)
        sent_code(world)
    receive(world)
    assert world.delivered("whatsapp", address("whatsapp", 1)) == []
    world.clock.forward(days=1, seconds=1)
    receive(world)
    assert sent_code(world)


def test_a_code_that_was_not_sent_cannot_be_guessed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat gets three codes in a day; requests beyond them would each be fifteen more guesses."""
    world.vote("1", "whatsapp")
    monkeypatch.setattr("bot.requests.secrets.randbelow", lambda _most: 42)
    sent = [receive(world) for _n in range(requests.MOST_CODES)]
    beyond = receive(world)
    assert len(world.delivered("whatsapp", address("whatsapp", 1))) == requests.MOST_CODES
    assert run(world, requests.prove, beyond, "000042") == "wrong"
    assert run(world, requests.prove, sent[0], "000042") == "proven"


def test_a_request_has_three_codes(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    request = receive(little_world)
    for _n in range(requests.MOST_CODES - 1):
        run(little_world, requests.send_code, request, "whatsapp", given())
    assert refusal(little_world, requests.send_code, request, "whatsapp", given()) == "often"


def test_an_officer_cannot_try_numbers_by_the_hundred(world: World) -> None:
    for n in range(requests.MOST_HOURLY):
        receive(world, contact=f"+5730000{n:05}")
    today = world.clock().date()
    asked = Asked("export", "whatsapp", "+573000099999", today)
    assert refusal(world, requests.receive, asked, OFFICER) == "often"
    assert run(world, requests.receive, asked, OFFICER + 1)
    world.clock.forward(hours=1, seconds=1)
    assert run(world, requests.receive, asked, OFFICER)


@pytest.mark.parametrize(("days", "contact", "why"), [(1, "+573001234567", "future"), (0, "300", "contact")])
def test_what_cannot_be_a_request_is_refused(little_world: World, days: int, contact: str, why: str) -> None:
    asked = Asked("export", "sms", contact, little_world.clock().date() + timedelta(days=days))
    assert refusal(little_world, requests.receive, asked, OFFICER) == why


def test_deleting_at_an_office_is_deleting_in_the_chat(world: World) -> None:
    world.vote("1 4 6", "whatsapp")
    request = proven(world, "delete")
    assert run(world, requests.erase, request)
    assert world.rows(Person) == []
    assert len(world.rows(Ballot)) == len(world.rows(Roll)) == len(world.rows(Tombstone)) == 1
    row = row_of(world, request)
    assert (row.outcome, row.contact_id, row.person_id, row.code) == ("done", None, None, None)
    world.vote("2", "whatsapp")
    assert len(world.rows(Ballot)) == 1


def test_without_the_ballot_key_nothing_is_deleted(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    request = proven(little_world, "delete")
    for path in (little_world.folder / "keys").glob("*2022*"):
        path.unlink()
    assert not run(little_world, requests.erase, request)
    assert len(little_world.rows(Person)) == 1
    assert row_of(little_world, request).closed_on is None


def test_what_is_corrected_is_kept_and_the_request_ends(world: World) -> None:
    world.vote("1", "whatsapp", age="1")
    request = proven(world, "correct")
    run(world, requests.correct, request, {"age": "35-44", "sex": "", "group": None, "place": None}, "en")
    (person,), (contact,) = world.rows(Person), world.rows(Contact)
    assert (person["age"], person["sex"], contact["language"]) == ("35-44", None, "en")
    assert (world.rows(Roll)[0]["age"], row_of(world, request).outcome) == ("18-24", "done")


def household(world: World) -> None:
    """Two people on one phone."""
    world.vote("1", "whatsapp", age="1")
    world.say("otra persona", "whatsapp")
    world.say("2", "whatsapp")
    world.vote("2", "whatsapp", age="3")


def test_where_several_share_a_phone_one_of_them_is_chosen(world: World) -> None:
    household(world)
    request = proven(world, "delete")
    with reading(world.desk.engine) as connection:
        assert requests.people_there(connection, register.of(connection, request)) == 2  # type: ignore[arg-type]
    assert refusal(world, requests.erase, request) == "person"
    assert refusal(world, requests.choose, request, 3) == "person"
    run(world, requests.choose, request, 1)
    run(world, requests.erase, request)
    assert [row["age"] for row in world.rows(Person)] == ["35-44"]


def test_who_never_agreed_is_told_that_nothing_is_kept(little_world: World) -> None:
    little_world.say("hola", "whatsapp")
    request = proven(little_world)
    assert run(little_world, requests.data, request)["contacts"] == []
    run(little_world, requests.close, request, "nothing")
    assert row_of(little_world, request).outcome == "nothing"


def test_a_proof_of_yesterday_is_shown_again(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    request = proven(little_world)
    little_world.clock.now += requests.PROOF_LASTS
    assert refusal(little_world, requests.data, request) == "proof"
    run(little_world, requests.send_code, request, "whatsapp", given())
    assert run(little_world, requests.prove, request, sent_code(little_world)) == "proven"
    assert run(little_world, requests.data, request)["took_part"] == ["cartagena-2022"]


def test_paper_stands_for_the_code_until_the_request_ends(world: World) -> None:
    world.vote("1", "whatsapp")
    request = receive(world)
    with transaction(world.desk.engine) as connection:
        assert requests.accept_paper(connection, request, "lost-phone", "2022-118", world.clock())
        assert not requests.accept_paper(connection, request, "lost-phone", "2022-118", world.clock())
    world.clock.forward(days=5)
    assert run(world, requests.data, request)["took_part"] == ["cartagena-2022"]
    assert refusal(world, requests.send_code, request, "whatsapp", given()) == "over"
    run(world, requests.close, request, "done")
    assert refusal(world, requests.data, request) == "proof"


def test_nobody_says_done_of_what_nobody_saw(little_world: World) -> None:
    little_world.vote("1", "whatsapp")
    assert refusal(little_world, requests.close, receive(little_world), "done") == "proof"
    sent_code(little_world)
    assert refusal(little_world, requests.close, proven(little_world, "delete"), "done") == "proof"
    assert refusal(little_world, requests.close, proven(little_world), "nothing") == "proof"
    run(little_world, requests.close, receive(little_world), "unproven")


def test_what_nobody_has_cannot_be_corrected_and_is_said_so(little_world: World) -> None:
    little_world.say("hola", "whatsapp")
    request = proven(little_world, "correct")
    assert refusal(little_world, requests.correct, request, {}, None) == "person"
    run(little_world, requests.close, request, "nothing")


def test_of_two_who_read_the_same_code_at_once_one_is_late(postgres_url: str, tmp_path: Path) -> None:
    world = World.on(postgres_url, tmp_path).load().open()
    world.vote("1", "whatsapp")
    request = receive(world)
    code = sent_code(world)
    outcomes: list[str] = []
    with transaction(world.desk.engine) as connection:
        assert requests.prove(world.desk, connection, request, code) == "proven"
        other = Thread(target=lambda: outcomes.append(run(world, requests.prove, request, code)))
        other.start()
        other.join(0.2)
        assert outcomes == []
    other.join()
    assert outcomes == ["over"]
    world.desk.engine.dispose()


def test_an_answer_is_put_off_once_and_before_it_is_late(little_world: World) -> None:
    request = receive(little_world)  # on Wednesday, 16 November 2022
    assert row_of(little_world, request).due_on == date(2022, 11, 30)
    little_world.clock.forward(days=14)  # its last day
    assert run(little_world, requests.extend, request) == date(2022, 12, 7)
    assert refusal(little_world, requests.extend, request) == "twice"
    other = receive(little_world, "delete")
    little_world.clock.forward(days=60)
    assert refusal(little_world, requests.extend, other) == "late"


def test_the_register_shows_what_is_due_first_and_counts_what_is_late(world: World) -> None:
    late, soon = receive(world, "delete"), receive(world, "export")
    with reading(world.desk.engine) as connection:
        assert [row.id for row in register.open_ones(connection, 10)] == [soon, late]
        assert register.waiting(connection, date(2022, 12, 1)) == (2, 1)
        assert register.waiting(connection, date(2022, 11, 16)) == (2, 0)


def test_an_answered_request_is_kept_for_its_time(world: World) -> None:
    request = receive(world)
    paper = {"reason": "lost-phone", "number": "2022-77"}
    with transaction(world.desk.engine) as connection:
        approvals.ask(connection, "data-request.paper", str(request), paper, None, world.clock())
    run(world, requests.close, request, "withdrawn")
    world.clock.forward(days=1825)
    upkeep.purge(world.desk.engine, world.desk.ink, world.clock())
    assert world.rows(DataRequest)
    assert world.rows(ApprovalRow)
    world.clock.forward(days=1)
    upkeep.purge(world.desk.engine, world.desk.ink, world.clock())
    assert world.rows(DataRequest) == world.rows(ApprovalRow) == []


def test_who_deletes_themselves_meanwhile_leaves_the_request_without_a_person(world: World) -> None:
    world.vote("1", "whatsapp")
    request = proven(world)
    run(world, requests.choose, request, 1)
    for text in ("privacidad", "3", "1"):
        world.say(text, "whatsapp")
    assert world.rows(Person) == []
    assert run(world, requests.data, request)["took_part"] == []


def test_a_request_takes_the_same_statements_among_a_thousand_people(little_world: World) -> None:
    """Found or not, and however many there are; by an index."""
    little_world.vote("1", "whatsapp")
    spent = []
    for contact in (given(), "+573009999999"):
        little_world.statements.clear()
        receive(little_world, contact=contact)
        spent.append(len(little_world.statements))
    settle(little_world, 10_000, 1_000)
    little_world.statements.clear()
    receive(little_world, contact="+573009999998")
    assert (spent[0] - 1, len(little_world.statements)) == (spent[1], spent[1])  # one more: the message
    with reading(little_world.desk.engine) as connection:
        for column in ("address", "phone"):
            statement = f"EXPLAIN QUERY PLAN SELECT id FROM contact WHERE channel = 'sms' AND {column} = '+57'"
            assert all(row[3].startswith("SEARCH") for row in connection.exec_driver_sql(statement))
