"""Upkeep: what is kept for how long, what ends when a consultation ends, and which keys are destroyed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot import lifecycle, upkeep
from storage import announcements, ink, ticks
from storage.announcements import AnnouncementRow
from storage.ballots import Ballot
from storage.consultations import ConsultationRow
from storage.contacts import Contact, JoinCode, Person
from storage.database import reading, transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.parked import ParkedError
from storage.recipients import Recipient
from storage.retention import RETENTION
from storage.talks import Talk
from tests.announced import announce, person, tick
from tests.world import World, address

SLUG = "cartagena-2022"


def purge(world: World) -> None:
    upkeep.purge(world.desk.engine, world.desk.ink, world.clock())


def last_kept(world: World, length: timedelta, there: Callable[[], bool]) -> None:
    """It is there until its time is over, and not after."""
    world.clock.now += length
    purge(world)
    assert there(), "kept for all of its time"
    world.clock.forward(seconds=1)
    purge(world)
    assert not there(), "gone after it"


def message(world: World, state: str) -> None:
    """One message in that state, to somebody who gave consent."""
    world.vote("1 4 6")
    contact = world.rows(Contact)[0]["id"]
    row = {
        "lane": "telegram", "contact_id": contact, "kind": "announcement", "state": state, "sealed": b"x",
        "due_at": world.clock(), "created_at": world.clock(), "epoch": 0, "attempts": 0, "segments": 1,
    }  # fmt: skip
    world.put(Outgoing, row)


def test_ids_of_messages_are_kept_for_longer_than_any_provider_repeats_them(world: World) -> None:
    world.say("hola")
    last_kept(world, RETENTION["ids of messages"], lambda: bool(world.rows(Inbox)))


def test_a_draft_is_kept_for_weeks_and_then_wiped(world: World) -> None:
    for text in ("votar", "1", "1", "1", "1 4 6"):
        world.say(text)
    last_kept(world, RETENTION["drafts and open talks"], lambda: bool(world.rows(Talk)))


@pytest.mark.parametrize(("state", "error"), [("queued", "expired"), ("uncertain", "uncertain")])
def test_a_message_that_waited_too_long_fails_and_is_erased(world: World, state: str, error: str) -> None:
    message(world, state)
    world.clock.now += RETENTION["messages not delivered"]
    purge(world)
    assert world.rows(Outgoing)[-1]["state"] == state
    world.clock.forward(seconds=1)
    purge(world)
    row = world.rows(Outgoing)[-1]
    assert (row["state"], row["error"], row["sealed"]) == ("failed", error, None)


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed", "superseded"])
def test_the_record_of_a_message_is_kept_for_a_quarter(little_world: World, state: str) -> None:
    message(little_world, state)
    last_kept(little_world, RETENTION["records of messages sent"], lambda: bool(little_world.rows(Outgoing)))


def test_that_a_message_met_a_bug_is_kept_for_a_quarter(world: World) -> None:
    world.put(ParkedError, {"code": "ABCDEF", "channel": "sms", "place": "Bug turn.py:1", "at": world.clock()})
    last_kept(world, RETENTION["parked errors"], lambda: bool(world.rows(ParkedError)))


def test_whoever_did_not_consent_is_forgotten_and_whoever_did_is_not(world: World) -> None:
    world.say("hola", who=1)
    world.vote("1 4 6", who=2)
    world.clock.now += RETENTION["contacts without consent"]
    purge(world)
    assert len(world.rows(Contact)) == 2
    world.clock.forward(seconds=1)
    purge(world)
    assert [row["address"] for row in world.rows(Contact)] == [address("telegram", 2)]
    assert len(world.rows(Person)) == 1


def test_whoever_is_still_to_be_answered_is_not_forgotten(little_world: World) -> None:
    little_world.say("hola")
    contact = little_world.rows(Contact)[0]["id"]
    little_world.clock.now += RETENTION["contacts without consent"] + timedelta(seconds=1)
    now = little_world.clock()
    row = {
        "lane": "telegram", "contact_id": contact, "kind": "reply", "state": "queued", "sealed": b"x", "due_at": now,
        "created_at": now, "epoch": 0, "attempts": 0, "segments": 1,
    }  # fmt: skip
    little_world.put(Outgoing, row)
    purge(little_world)
    assert len(little_world.rows(Contact)) == 1


def test_an_opt_out_is_remembered_even_of_somebody_who_never_consented(little_world: World) -> None:
    little_world.say("hola")
    little_world.say("baja")
    assert [row["state"] for row in little_world.rows(Contact)] == ["stopped"]
    little_world.clock.forward(days=30)
    purge(little_world)
    assert [row["state"] for row in little_world.rows(Contact)] == ["stopped"]


def test_people_who_fell_silent_are_forgotten_but_stay_on_the_roll(world: World) -> None:
    world.vote("1 4 6")
    world.vote("2", who=2)
    world.clock.now += RETENTION["people who fell silent"]
    purge(world)
    assert len(world.rows(Person)) == 2
    world.say("hola", who=2)
    world.clock.forward(seconds=1)
    purge(world)
    assert len(world.rows(Person)) <= 1
    assert not any(row["phone"] for row in world.rows(Contact))


def test_codes_end_with_their_time(little_world: World) -> None:
    little_world.vote("1 4 6")
    person, now = little_world.rows(Person)[0]["id"], little_world.clock()
    little_world.put(JoinCode, {"code": "x", "person_id": person, "expires_at": now})
    last_kept(little_world, timedelta(0), lambda: bool(little_world.rows(JoinCode)))


def test_when_voting_closes_drafts_of_it_are_wiped_and_other_talks_are_not(world: World) -> None:
    for text in ("votar", "1", "1", "1", "1 4 6"):
        world.say(text, who=1)
        world.say(text, who=3)
    world.say("menú", who=3)
    world.say("salir", who=3)
    world.say("hola", who=2)
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
    assert {row["subject"] for row in world.rows(Talk)} == {SLUG, ""}
    world.clock.now = closes(world)
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
    assert {row["subject"]: bool(row["sealed"]) for row in world.rows(Talk)} == {SLUG: False, "": True}
    assert world.desk.keys.exists(SLUG), "the key is needed until the count"


def closes(world: World) -> Any:
    return world.rows(ConsultationRow)[0]["closes_at"]


def counted(world: World) -> None:
    """Vote, close, wait for the paper, and count."""
    world.vote("1 4 6")
    world.clock.now = closes(world) + timedelta(days=30)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())


def test_the_count_destroys_the_ballot_key(world: World) -> None:
    counted(world)
    assert not world.desk.keys.exists(SLUG)


def test_when_the_process_dies_after_the_count_upkeep_destroys_the_ballot_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def die(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(world.desk.keys), "destroy", die)
        with pytest.raises(Killed):
            counted(world)
    assert world.desk.keys.exists(SLUG)
    world.restart()
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
    assert not world.desk.keys.exists(SLUG)
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())


def test_when_the_commit_of_a_count_fails_the_key_is_kept(world: World) -> None:
    def refuse(_connection: Any) -> None:
        raise RuntimeError("the commit failed")

    world.vote("1 4 6")
    world.clock.now = closes(world) + timedelta(days=30)
    event.listen(world.desk.engine, "commit", refuse)
    with pytest.raises(RuntimeError):
        lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    event.remove(world.desk.engine, "commit", refuse)
    assert world.desk.keys.exists(SLUG)
    lifecycle.count(world.desk.engine, world.desk.keys, SLUG, world.clock())
    assert not world.desk.keys.exists(SLUG)


def test_annulled_votes_have_no_key(world: World) -> None:
    world.vote("1 4 6")
    lifecycle.annul(world.desk.engine, world.desk.keys, SLUG, "notice", world.clock())
    upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
    assert not world.desk.keys.exists(SLUG)


def ink_keys(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ink-*.key"))


def test_ink_is_destroyed_after_weeks_and_what_it_wrote_cannot_be_read(little_world: World) -> None:
    pen, folder = little_world.desk.ink, little_world.settings.ballot_keys_dir
    sealed = pen.seal(b"private", little_world.clock())
    first = ink_keys(folder)
    little_world.clock.forward(weeks=6)
    purge(little_world)
    assert pen.open(sealed) == b"private"
    assert ink_keys(folder) == first
    little_world.clock.forward(weeks=1)
    later = pen.seal(b"later", little_world.clock())
    purge(little_world)
    assert (pen.open(sealed), pen.open(later)) == (None, b"later")
    assert len(ink_keys(folder)) == 1


def test_no_key_is_needed_for_longer_than_it_is_kept() -> None:
    needed = max(RETENTION["drafts and open talks"], RETENTION["messages not delivered"])
    assert needed < ink.KEPT * ink.WEEK


def test_a_beat_is_seen(world: World) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    world.clock.forward(seconds=15)
    upkeep.beat(world.desk.engine, world.clock())
    with reading(world.desk.engine) as connection:
        assert ticks.last(connection, upkeep.HEARTBEAT) == world.clock()


def test_mixing_a_box_changes_no_ballot(world: World) -> None:
    for who in range(1, 4):
        world.vote(str(who), who=who)
    before = sorted((row["id"], row["mark"], row["choices"]) for row in world.rows(Ballot))
    upkeep.mix_ballots(world.desk.engine, world.clock())
    assert sorted((row["id"], row["mark"], row["choices"]) for row in world.rows(Ballot)) == before


def test_everything_is_harmless_twice(world: World) -> None:
    world.vote("1 4 6")
    for _n in range(2):
        purge(world)
        upkeep.close_ended(world.desk.engine, world.desk.keys, world.clock())
        upkeep.mix_ballots(world.desk.engine, world.clock())
    assert len(world.rows(Person)) == 1


def finished(world: World, counted: bool = True) -> None:
    """An announcement that one person was sent, and that is over."""
    person(world)
    id = announce(world)
    tick(world)
    over = {"finished_at": world.clock(), "counted_at": world.clock() if counted else None}
    with transaction(world.desk.engine) as connection:
        announcements.move(connection, id, ("sending", "sent"), "sent", **over)


def test_whom_an_announcement_reached_is_kept_for_a_month_after_its_end(world: World) -> None:
    finished(world)
    last_kept(world, RETENTION["whom announcements reached"], lambda: bool(world.rows(Recipient)))
    assert len(world.rows(AnnouncementRow)) == 1


def test_whom_an_announcement_reached_is_kept_until_its_figures_are_final(world: World) -> None:
    finished(world, counted=False)
    world.clock.forward(days=60)
    purge(world)
    assert len(world.rows(Recipient)) == 1


def test_an_announcement_is_kept_for_five_years(world: World) -> None:
    finished(world)
    last_kept(world, RETENTION["announcements"], lambda: bool(world.rows(AnnouncementRow)))


def test_what_was_published_of_an_announcement_stays_like_the_record(world: World) -> None:
    finished(world)
    with transaction(world.desk.engine) as connection:
        announcements.change(connection, 1, published_at=world.clock())
    world.clock.forward(days=20 * 365)
    purge(world)
    assert len(world.rows(AnnouncementRow)) == 1
    assert world.rows(Recipient) == []
