"""Tables: ballots that officers enter for people without a phone, and the signed paper of a table."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from bot import assisted, booths, lifecycle, papers, results
from bot.assisted import Already
from bot.booths import NotTaken, read_document
from bot.speech import Speaker
from storage import batches, consultations, counts
from storage.ballots import Ballot, Roll
from storage.consultations import ConsultationRow
from storage.database import reading, transaction
from storage.faults import Fault
from tests.booths import (
    ANA,
    BEA,
    CARO,
    SLUG,
    assisted_table,
    at_work,
    batch,
    checked,
    confirm,
    enter,
    keep,
    paper_table,
    send,
)
from tests.test_one_vote import rules
from tests.world import World

DOCUMENT, OTHER = "CC 1.047.382.119", "45.678.901"


def refused(work: Callable[[], object]) -> str:
    """Why an officer is refused, in Spanish."""
    with pytest.raises(NotTaken) as caught:
        work()
    return Speaker("es").say(caught.value.why)


def paper_until(world: World, **later: float) -> None:
    """The rules give that long after the close for signed paper."""
    with transaction(world.desk.engine) as connection:
        row = consultations.one(connection, SLUG)
        assert row is not None
        consultations.move(connection, SLUG, "opened", paper_until=row.closes_at + timedelta(**later))


def close(world: World) -> None:
    lifecycle.close(world.desk.engine, SLUG, world.clock())
    world.clock.forward(minutes=1)


def count_it(world: World) -> dict[str, object]:
    world.clock.forward(days=40)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    with reading(world.desk.engine) as connection:
        found = counts.results_of(connection, SLUG)
    assert found is not None
    return found


# One person, one ballot


def test_the_last_ballot_of_a_document_counts_at_whichever_table(world: World) -> None:
    first, second = assisted_table(world), assisted_table(world, by=BEA)
    before = enter(world, first, DOCUMENT, "p01", "p04", age="35-44")
    with pytest.raises(Already):
        enter(world, second, "1047382119", "p02")
    assert [row["choices"] for row in world.rows(Ballot)] == ["p01 p04"]
    after = enter(world, second, "TI 1047382119", "p02", again=True)
    assert (before.replaced, after.replaced) == (False, True)
    assert before.receipt != after.receipt
    (ballot,), (part,) = world.rows(Ballot), world.rows(Roll)
    assert (ballot["id"], ballot["choices"], ballot["origin"]) == (after.receipt, "p02", "assisted")
    assert (part["level"], part["origin"], part["batch"], part["age"]) == ("document", "assisted", second, None)


def test_a_slip_serves_once_and_only_at_its_own_table(world: World) -> None:
    rules(world, desk=["document", "slips"])
    table = assisted_table(world, (101, 150))
    enter(world, table, "101", "p01")
    assert "una sola vez" in refused(lambda: enter(world, table, " #101", "p02"))
    assert "una sola vez" in refused(lambda: enter(world, table, "0101", "p02", again=True))
    assert "101 a la 150" in refused(lambda: enter(world, table, "151", "p02"))
    assert [row["level"] for row in world.rows(Roll)] == ["slip"]


def test_no_two_tables_have_the_same_slip(world: World) -> None:
    rules(world, desk=["slips"])
    table = paper_table(world, (1, 100))
    assert "Mesa 2" in refused(lambda: paper_table(world, (100, 120)))
    at_work(world, lambda booth: papers.discard(booth, table))
    assert paper_table(world, (100, 120))


def test_a_document_and_a_chat_are_two_ballots_and_say_so(world: World) -> None:
    """Nothing ties a document to a chat: the results tell them apart by level and promise no more."""
    world.vote("1 4")
    enter(world, assisted_table(world), DOCUMENT, "p02")
    assert sorted(row["level"] for row in world.rows(Roll)) == ["contact", "document"]
    assert len(world.rows(Ballot)) == 2


def test_of_two_desks_at_once_one_is_asked_whether_it_is_a_change(world: World) -> None:
    here, there = assisted_table(world), assisted_table(world, by=BEA)
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def stand(table: int) -> None:
        ready.wait(10)
        try:
            enter(world, table, DOCUMENT, "p01")
            outcomes.append("entered")
        except Already:
            outcomes.append("asked")

    both = [threading.Thread(target=stand, args=(table,)) for table in (here, there)]
    for each in both:
        each.start()
    for each in both:
        each.join(30)
    assert sorted(outcomes) == ["asked", "entered"]
    assert (len(world.rows(Ballot)), len(world.rows(Roll))) == (1, 1)


def test_of_two_batches_with_one_document_only_the_first_enters(world: World) -> None:
    tables_ = [paper_table(world, name=name) for name in ("Mesa 2", "Mesa 3")]
    seen = []
    for table in tables_:
        keep(world, table, [DOCUMENT, "1 4"], [f"20000{table}", "2"])
        seen.append(send(world, table))
    outcomes: list[object] = []
    ready = threading.Barrier(2)

    def stand(table: int, digest: str) -> None:
        ready.wait(10)
        try:
            outcomes.append(confirm(world, table, digest))
        except NotTaken:
            outcomes.append("refused")

    both = [threading.Thread(target=stand, args=pair) for pair in zip(tables_, seen, strict=True)]
    for each in both:
        each.start()
    for each in both:
        each.join(30)
    assert sorted(outcomes, key=str) == [2, "refused"]
    assert (len(world.rows(Ballot)), len(world.rows(Roll))) == (2, 2)
    assert sorted(batch(world, table).state for table in tables_) == ["boxed", "waiting"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1047382119", "CC 1047382119"),
        ("1.047.382.119", "CC 1047382119"),
        ("cc 1 047 382 119", "CC 1047382119"),
        ("C.C. No. 1047382119", None),
        ("TI 1047382119", "CC 1047382119"),
        ("0045678901", "CC 45678901"),
        ("CE 412345", "CE 412345"),
        ("PA AV123456", "PA AV123456"),
        ("1,04738E+09", None),
        ("12", None),
        ("", None),
        ("CC", None),
        ("٤٥٦٧٨٩٠١", None),
        ("1" * 40, None),
    ],
)
def test_a_document_is_the_same_however_it_is_written(typed: str, read: str | None) -> None:
    if read is None:
        assert "documento" in refused(lambda: read_document(typed))
    else:
        assert read_document(typed) == read


# When, and by which rules


def test_before_after_annulled_and_counted_nothing_is_taken(world: World) -> None:
    table = assisted_table(world)
    paper = paper_table(world)
    keep(world, paper, [OTHER, "1"])
    seen = send(world, paper)
    paper_until(world, hours=3)
    close(world)
    assert "cerró" in refused(lambda: enter(world, table, DOCUMENT, "p01"))
    assert confirm(world, paper, seen) == 1  # signed paper still enters
    late = paper_table(world, name="Mesa 9")
    keep(world, late, [DOCUMENT, "2"])
    seen = send(world, late)
    world.clock.forward(days=40)
    assert "Hasta" in refused(lambda: confirm(world, late, seen))
    assert "Hasta" in refused(lambda: paper_table(world))
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    assert "contada" in refused(lambda: confirm(world, late, seen))
    assert (batch(world, late).state, batch(world, late).sealed) == ("discarded", None)
    assert batch(world, table).state == "ended"


def test_at_the_very_moment_of_the_close_an_assisted_ballot_is_late(world: World) -> None:
    table = assisted_table(world)
    world.clock.now = world.rows(ConsultationRow)[0]["closes_at"] - timedelta(seconds=1)
    enter(world, table, DOCUMENT, "p01")
    world.clock.forward(seconds=1)
    assert "cerró" in refused(lambda: enter(world, table, OTHER, "p01"))
    assert "No se recibe" in refused(lambda: paper_table(world))  # the rules give no time for paper


def test_annulled_wipes_what_was_typed(world: World) -> None:
    table = paper_table(world)
    keep(world, table, [OTHER, "1"])
    lifecycle.annul(world.desk.engine, world.desk.keys, SLUG, "Error.", world.clock())
    assert (batch(world, table).state, batch(world, table).sealed) == ("discarded", None)
    assert "anulada" in refused(lambda: keep(world, table, [OTHER, "1"]))


def test_a_draft_and_a_scheduled_vote_take_nothing(sqlite_url: str, tmp_path: object) -> None:
    world = World.on(sqlite_url, tmp_path).load()  # type: ignore[arg-type]
    assert "abre" in refused(lambda: assisted_table(world))
    world.clock.forward(days=-3)
    world.open()
    assert "abre" in refused(lambda: paper_table(world))
    world.desk.engine.dispose()


def test_the_rules_say_how_a_table_tells_voters_apart(little_world: World) -> None:
    world = little_world
    assert "reglas" in refused(lambda: assisted_table(world, (1, 10)))  # they state no slips
    rules(world, desk=[])
    assert "reglas" in refused(lambda: assisted_table(world))
    rules(world, desk=["slips"], identity="document")
    assert "reglas" in refused(lambda: assisted_table(world, (1, 10)))  # a slip shows less than a document
    rules(world, desk=["document"], identity="document")
    assert enter(world, assisted_table(world), DOCUMENT, "p01").receipt


@pytest.mark.parametrize(
    ("typed", "code"),
    [("Bocagrande", "bocagrande"), ("#recreo", "recreo"), ("#el-recreo", "el-recreo"), ("El Pozón", "el-pozon"),
     ("recreo", None), ("bocagrnde", None), ("olaya", None), ("#no-such", None), ("#ucg-1", None), ("#", None)],
)  # fmt: skip
def test_a_barrio_is_never_guessed(little_world: World, typed: str, code: str | None) -> None:
    def read() -> str:
        return at_work(little_world, lambda booth: booths.read_place(booth.city, typed))

    if code is None:
        assert "barrio" in refused(read)
    else:
        assert read() == code


def test_a_lost_key_records_nothing(world: World) -> None:
    table = assisted_table(world)
    world.desk.keys.destroy(SLUG)
    assert "urna" in refused(lambda: enter(world, table, DOCUMENT, "p01"))
    assert world.rows(Ballot) == world.rows(Roll) == []


@pytest.mark.parametrize("choices", [(), ("p01", "p02", "p03", "p04"), ("p99",)])
def test_an_assisted_ballot_keeps_the_rules_of_the_vote(little_world: World, choices: tuple[str, ...]) -> None:
    table = assisted_table(little_world)
    refused(lambda: enter(little_world, table, DOCUMENT, *choices))
    refused(lambda: enter(little_world, table, DOCUMENT, "p01", age="no-such"))
    assert little_world.rows(Roll) == []


def test_nobody_enters_at_a_table_of_another_kind_or_that_ended(little_world: World) -> None:
    world = little_world
    paper, table = paper_table(world), assisted_table(world)
    refused(lambda: enter(world, paper, DOCUMENT, "p01"))
    refused(lambda: keep(world, table, [DOCUMENT, "1"]))
    refused(lambda: enter(world, 999, DOCUMENT, "p01"))
    at_work(world, lambda booth: booths.end(booth, table))
    refused(lambda: enter(world, table, DOCUMENT, "p01"))


# Paper


def test_what_is_typed_is_not_in_the_box_until_somebody_else_confirms_it(world: World) -> None:
    rules(world, desk=["slips"])
    table = paper_table(world, (1, 20))
    keep(world, table, ["1", "1 4 6", "35-44", "Femenino"], ["2", "2"], blank=2, void=1)
    assert world.rows(Ballot) == world.rows(Roll) == []
    seen = send(world, table)
    assert "otra persona" in refused(lambda: confirm(world, table, seen, by=ANA))
    assert world.rows(Ballot) == []
    assert confirm(world, table, seen, by=BEA) == 2
    assert sorted(row["choices"] for row in world.rows(Ballot)) == ["p01 p04 p06", "p02"]
    assert {(row["level"], row["origin"], row["batch"]) for row in world.rows(Roll)} == {("slip", "paper", table)}
    assert (batch(world, table).state, batch(world, table).sealed) == ("boxed", None)
    refused(lambda: confirm(world, table, seen, by=CARO))
    assert len(world.rows(Ballot)) == 2


def test_who_typed_or_sent_does_not_confirm(little_world: World) -> None:
    table = paper_table(little_world)
    keep(little_world, table, [DOCUMENT, "1"], by=BEA)
    seen = send(little_world, table, by=ANA)
    for who in (ANA, BEA):
        assert "otra persona" in refused(lambda who=who: confirm(little_world, table, seen, by=who))  # type: ignore[misc]
    assert confirm(little_world, table, seen, by=CARO) == 1


def test_what_was_changed_after_somebody_looked_is_not_confirmed(little_world: World) -> None:
    world, table = little_world, paper_table(little_world)
    keep(world, table, [DOCUMENT, "1"])
    seen = send(world, table)
    at_work(world, lambda booth: papers.take_back(booth, table))
    refused(lambda: confirm(world, table, seen))
    keep(world, table, [DOCUMENT, "2"])
    assert send(world, table) != seen
    assert "cambió" in refused(lambda: confirm(world, table, seen))
    assert world.rows(Ballot) == []


def test_a_batch_that_is_discarded_is_wiped_and_can_be_done_again(little_world: World) -> None:
    rules(little_world, desk=["slips"])
    table = paper_table(little_world, (1, 5))
    keep(little_world, table, ["1", "1"])
    seen = send(little_world, table)
    at_work(little_world, lambda booth: papers.discard(booth, table))
    assert batch(little_world, table).sealed is None
    refused(lambda: confirm(little_world, table, seen))
    refused(lambda: at_work(little_world, lambda booth: papers.discard(booth, table)))
    again = paper_table(little_world, (1, 5))
    keep(little_world, again, ["1", "2"])
    assert confirm(little_world, again, send(little_world, again)) == 1


def test_each_bad_cell_is_named(little_world: World) -> None:
    rules(little_world, desk=["slips"])
    table = paper_table(little_world, (1, 20))
    keep(
        little_world, table,
        ["1", "1 4 6", "35-44", "f", "", "barrio bocagrande"],
        ["21", "1"], ["x", "1"], ["2", ""], ["3", "1 2 3 4"], ["4", "13"], ["5", f"{papers.UNREAD} 01/04/2026"],
        ["6", "1", "ninety"], ["7", "1", "", "", "", "nowhere at all"], ["1", "2"],
        ["8", "1", "", "", "", "El Recreo"], ["9", f"{papers.UNREAD} =1+4"], [f"{papers.UNREAD} 10", "1"],
    )  # fmt: skip
    rows = checked(little_world, table)
    wrong = [[n for n, cell in enumerate(row.cells) if cell.wrong] for row in rows]
    assert wrong == [[], [0], [0], [1], [1], [1], [1], [2], [5], [0], [5], [1], [0]]
    assert rows[0].paper is not None
    assert Speaker("es").say(rows[0].cells[5].means).startswith("Bocagrande")
    assert "filas por corregir" in refused(lambda: send(little_world, table)).lower()


def test_what_a_program_made_of_a_cell_is_marked_and_says_what_it_is_now() -> None:
    cells = [Fault("is a date", was="01/04/2026"), Fault("has a formula", was=" =1 +4"), " 35 - 44\n", "x" * 300]
    assert papers.arranged("slips", [cells]) == [
        [f"{papers.UNREAD} 01/04/2026", f"{papers.UNREAD} =1 +4", "35 - 44", "x" * papers.MOST_LETTERS, "", ""]
    ]


def test_the_totals_of_the_signed_sheet_must_agree(little_world: World) -> None:
    rules(little_world, desk=["slips"])
    table = paper_table(little_world, (1, 3))
    whole = [["1", "1", "", "", "", ""], ["2", "2", "", "", "", ""]]

    def state(valid: int, blank: int, void: int) -> None:
        at_work(little_world, lambda booth: papers.keep(booth, table, whole, papers.Sheet(valid, blank, void)))

    state(3, 0, 0)
    assert "3" in refused(lambda: send(little_world, table))
    state(2, 1, 1)
    assert "4" in refused(lambda: send(little_world, table))  # four papers from three slips
    state(2, 1, 0)
    assert send(little_world, table)


def test_a_table_of_blank_papers_alone_is_recorded(little_world: World) -> None:
    table = paper_table(little_world)
    keep(little_world, table, blank=3)
    assert confirm(little_world, table, send(little_world, table)) == 0
    assert count_it(little_world)["paper"] == {"tables": 1, "valid": None, "blank": 3, "void": 0}


def test_a_document_that_voted_at_a_table_is_marked_on_paper(little_world: World) -> None:
    enter(little_world, assisted_table(little_world), DOCUMENT, "p01")
    table = paper_table(little_world)
    keep(little_world, table, [DOCUMENT, "2"])
    (row,) = checked(little_world, table)
    assert row.cells[0].wrong is not None
    refused(lambda: send(little_world, table))
    assert [ballot["choices"] for ballot in little_world.rows(Ballot)] == ["p01"]


def test_the_record_of_the_count_tells_paper_without_small_cells(world: World) -> None:
    rules(world, desk=["slips"])
    table = paper_table(world, (1, 50))
    keep(world, table, *[[str(n), "1"] for n in range(1, 11)], blank=2, void=1)
    confirm(world, table, send(world, table))
    for who in range(1, 7):
        world.vote("2", who=who)
    found = count_it(world)
    assert found["paper"] == {"tables": 1, "valid": 10, "blank": 2, "void": 1}
    assert found["ballots"] == 16
    assert found["turnout"]["origin"] == {"paper": 10, "telegram": 6}  # type: ignore[index]
    assert found["turnout"]["level"] == {"slip": 10, "contact": 6}  # type: ignore[index]


def test_a_small_table_is_hidden_in_the_results(world: World) -> None:
    rules(world, desk=["slips"])
    table = paper_table(world, (1, 50))
    keep(world, table, ["1", "1"], ["2", "1"])
    confirm(world, table, send(world, table))
    for who in range(1, 12):
        world.vote("2", who=who)
    found = count_it(world)
    assert found["paper"] == {"tables": 1, "valid": None, "blank": 0, "void": 0}
    assert 2 not in json.loads(json.dumps(found["turnout"]["origin"])).values()  # type: ignore[index]


# Secrecy


def test_what_was_typed_is_nowhere_to_be_read(world: World) -> None:
    table = paper_table(world)
    keep(world, table, ["CC 1047382119", "1 4 6"])
    send(world, table)
    sealed = batch(world, table).sealed
    assert sealed is not None
    assert b"1047382119" not in sealed
    assert b"1 4 6" not in sealed


def test_nothing_ties_a_ballot_to_its_table_its_time_or_its_line_of_the_roll(world: World) -> None:
    table, documents = assisted_table(world), count(40_000_001)
    for _n in range(6):
        enter(world, table, str(next(documents)), "p01")
        world.clock.forward(minutes=7)
    rows, roll = world.rows(Ballot), world.rows(Roll)
    assert {*rows[0]} == {"consultation", "id", "mark", "choices", "origin", "locality"}
    assert {row["cast_at"].minute for row in roll} == {0}
    assert all(row["person_id"] < 0 for row in roll)
    numbers = {f"{-row['person_id'] - 1:015x}" for row in roll}
    assert not [row for row in rows if row["mark"][:15] in numbers]
    assert "40000001" not in json.dumps([rows, roll], default=str)


def test_paper_lies_in_the_order_of_numbers_that_are_random(world: World) -> None:
    """The order in which it was typed is lost: of twenty rows, the roll has another order than the papers."""
    rules(world, desk=["slips"])
    table = paper_table(world, (1, 50))
    keep(world, table, *[[str(n), "1", "", "f" if n <= 10 else "m"] for n in range(1, 21)])
    confirm(world, table, send(world, table))
    with reading(world.desk.engine) as connection:
        rows = connection.exec_driver_sql("SELECT person_id, sex FROM roll").all()
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [row[1] for row in rows] != sorted(row[1] for row in rows)


def test_after_the_count_nobody_can_make_the_number_of_a_document_again(world: World) -> None:
    enter(world, assisted_table(world), DOCUMENT, "p01")
    count_it(world)
    assert not world.desk.keys.exists(SLUG)
    assert world.rows(Ballot) == []


# What it costs


def test_a_thousand_papers_take_no_more_statements_than_ten(world: World) -> None:
    rules(world, desk=["slips"])
    spent = []
    for first, number in ((1, 10), (2_001, 1_000)):
        table = paper_table(world, (first, first + 1_500))
        keep(world, table, *[[str(n), "1"] for n in range(first, first + number)])
        seen = send(world, table)
        world.statements.clear()
        assert confirm(world, table, seen) == number
        spent.append(len(world.statements))
    assert spent[0] == spent[1] < 15, spent


def test_the_tables_of_a_vote_and_what_they_brought(world: World) -> None:
    table, other = assisted_table(world), paper_table(world)
    enter(world, table, DOCUMENT, "p01")
    with reading(world.desk.engine) as connection:
        assert [each.id for each in batches.of(connection, [SLUG])] == [other, table]
        assert batches.entered(connection, [table, other]) == {table: 1}


def test_turnout_counts_who_voted_at_a_table(world: World) -> None:
    table = assisted_table(world)
    for n in range(6):
        enter(world, table, str(30_000_000 + n), "p01", place="bocagrande")
    with reading(world.desk.engine) as connection:
        assert results.turnout(connection, SLUG)["people"] == 6


def test_an_officer_types_choices_as_in_a_chat(little_world: World) -> None:
    assert at_work(little_world, lambda booth: assisted.read_choices(booth, "6, 1 y 4")) == ("p01", "p04", "p06")
    refused(lambda: at_work(little_world, lambda booth: assisted.read_choices(booth, "146")))
