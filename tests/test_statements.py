"""What a turn costs: its statements are counted, and a thousand residents more do not add one."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from storage import leases, outbox
from storage.ballots import Ballot, Roll, new_code
from storage.contacts import Contact, Housemate, Person
from storage.database import reading, transaction
from tests.world import CHANNELS, World, address, incoming

ANSWER, BALLOT = 6, 11
"""The most statements of a plain answer, and of casting a ballot."""

VOTE = ("votar", "1", "3", "2", "1 4 6", "1")
AGAIN = ("votar", "7 8", "1")
RESIDENTS = 1_000


def spent(world: World, *texts: str, channel: str = "telegram") -> list[list[str]]:
    """The statements of each of these turns."""
    turns = []
    for text in texts:
        assert world.say(text, channel)
        turns.append(world.statements[: world.took])
    return turns


def report(turns: list[list[str]]) -> str:
    lines = [f"{len(turn)}\n" + "\n".join(f"   {' '.join(line.split())[:110]}" for line in turn) for turn in turns]
    return "statements of each turn:\n" + "\n".join(lines)


def settle(world: World, number: int) -> None:
    """That many residents, who have all voted."""
    ids, now = range(10_000, 10_000 + number), world.clock()
    world.put(Person, *[{"id": n, "age": "35-44", "sex": "f", "consented_at": now, "notice": "x"} for n in ids])
    contact = {"channel": "sms", "language": "es", "state": "active", "heard_at": now}
    world.put(Contact, *[{"id": n, "address": address("sms", n), "person_id": n, **contact} for n in ids])
    world.put(Housemate, *[{"contact_id": n, "person_id": n, "joined_at": now} for n in ids])
    part = {"consultation": "cartagena-2022", "level": "phone", "origin": "sms", "cast_at": now}
    world.put(Roll, *[{"person_id": n, **part} for n in ids])
    ballot = {"consultation": "cartagena-2022", "choices": "p01", "origin": "sms", "locality": ""}
    world.put(Ballot, *[{"id": new_code(), "mark": f"{n:064}", **ballot} for n in ids])


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_plain_answer_takes_at_most_six_statements(world: World, channel: str) -> None:
    spent(world, "votar", "1", channel=channel)
    turns = spent(world, "3", "2", "no entiendo", "1 4 6", "2", "2 5", channel=channel)
    assert max(map(len, turns)) <= ANSWER, report(turns)


@pytest.mark.parametrize("channel", CHANNELS)
def test_casting_a_ballot_takes_at_most_eleven_statements(world: World, channel: str) -> None:
    spent(world, *VOTE[:-1], channel=channel)
    first = spent(world, "1", channel=channel)
    spent(world, *AGAIN[:-1], channel=channel)
    again = spent(world, "1", channel=channel)
    assert max(map(len, [*first, *again])) <= BALLOT, report([*first, *again])


def test_a_press_takes_no_more_than_a_typed_answer(world: World) -> None:
    spent(world, "votar", "1")
    world.press("35 a 44")
    assert world.took <= ANSWER, report([world.statements[: world.took]])


def test_a_message_that_comes_again_takes_one_statement(world: World) -> None:
    number = next(world._ids)
    told = incoming("telegram", address("telegram", 1), "hola", number)
    world.take(told)
    world.take(told)
    assert world.took == 1, report([world.statements[: world.took]])


def test_an_answer_reads_no_catalogue(world: World) -> None:
    spent(world, "votar", "1")
    (turn,) = spent(world, "3")
    assert not [line for line in turn if "FROM place" in line or "FROM citytext" in line], report([turn])


def test_turns_take_the_same_statements_with_a_thousand_residents(world: World) -> None:
    spent(world, "hola", channel="telegram")  # the catalogue is read once
    before = [len(turn) for turn in spent(world, *VOTE, *AGAIN, channel="sms")]
    settle(world, RESIDENTS)
    turns = spent(world, *VOTE, *AGAIN, channel="whatsapp")
    assert [len(turn) for turn in turns] == before, report(turns)


def test_no_statement_of_a_turn_or_of_the_sender_reads_a_whole_table(little_world: World) -> None:
    """What costs the same with a million residents as with a thousand searches by an index (EXPLAIN QUERY PLAN)."""
    engine = little_world.desk.engine
    seen: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            seen[statement] = parameters[0] if many else parameters

    event.listen(engine, "before_cursor_execute", note)
    little_world.vote("1 4 6")
    for text in ("votar", "2 5", "1", "recibo", "AAAAA00000", "2", "privacidad", "1", "leer", "avisos", "menu"):
        little_world.say(text)
    now = little_world.clock()
    with transaction(engine) as connection:
        held = leases.take(connection, "sender:telegram", "me", timedelta(seconds=30), now)
        assert held is not None
        outbox.claim(connection, "telegram", outbox.Hold("sender:telegram", "me", held.epoch, now), 10, now)
        outbox.uncertain(connection, "telegram", now)
    event.remove(engine, "before_cursor_execute", note)
    assert len(seen) > 15
    with reading(engine) as connection:
        for statement, parameters in seen.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [row[3] for row in plan if row[3].startswith("SCAN") and not row[3].startswith(SMALL)]
            assert not scans, (scans, statement)


SMALL = (
    "SCAN revision",
    "SCAN CONSTANT ROW",
    "SCAN consultation",
    "SCAN place",
    "SCAN citytext",
    "SCAN plan",
    "SCAN publicnotice",
    "SCAN connectivity",
)
"""Tables of one row, or that are read whole into memory when the catalogue changes."""
