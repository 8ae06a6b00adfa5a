"""Progress and results: what staff see while it is sent, what stays, and what everybody may read."""

from datetime import timedelta

from sqlalchemy import delete, update

from bot.announcements import progress
from bot.announcements.progress import Line, Progress
from storage import contacts
from storage.catalogue import PlaceRow, revision
from storage.contacts import Contact
from storage.database import columns, reading, transaction
from storage.outbox import Outgoing
from storage.recipients import Recipient
from tests.announced import RATES, announce, one, person, tick
from tests.world import World, address


def barrios(world: World) -> list[tuple[str, str]]:
    """Two barrios of different units, each with its unit."""
    parents = {row["code"]: row["parent"] for row in world.rows(PlaceRow)}
    kinds = {row["code"]: row["kind"] for row in world.rows(PlaceRow)}
    found: dict[str, str] = {}
    for row in world.rows(PlaceRow):
        unit = parents.get(row["code"])
        if row["kind"] == "barrio" and unit is not None and kinds[unit] == "unit":
            found.setdefault(unit, row["code"])
    return [(barrio, unit) for unit, barrio in sorted(found.items())[:2]]


def now(world: World, id: int) -> Progress:
    with reading(world.desk.engine) as connection:
        return progress.progress(connection, one(world, id))


def lines(world: World, id: int) -> list[Line]:
    with reading(world.desk.engine) as connection:
        city = world.desk.catalogue(connection, revision(connection))
        return progress.results(connection, city, one(world, id))


def becomes(world: World, channel: str, who: int, state: str, error: str | None = None) -> None:
    contact, sent = columns(Contact), columns(Outgoing)
    with transaction(world.desk.engine) as connection:
        mine = contact.channel == channel, contact.address == address(channel, who)
        theirs = sent.contact_id.in_(Contact.__table__.select().with_only_columns(contact.id).where(*mine))  # type: ignore[attr-defined]
        connection.execute(update(Outgoing).where(theirs).values(state=state, error=error, finished_at=world.clock()))


def test_progress_counts_everybody_by_what_became_of_them(world: World) -> None:
    for who in range(1, 7):
        person(world, "sms", who)
    id = announce(world)
    assert now(world, id) == Progress({}, {}, {}, 0, selected=False)
    assert now(world, id).done == 0.0
    tick(world, {**RATES, "sms": 1})
    assert now(world, id).outcomes == {"under-way": 4, "waiting": 2}
    assert now(world, id).pesos == 4 * 220
    assert now(world, id).done == 0.0
    becomes(world, "sms", 1, "delivered")
    becomes(world, "sms", 2, "failed", "30007")
    becomes(world, "sms", 3, "uncertain")
    assert now(world, id).outcomes == {"delivered": 1, "failed": 1, "uncertain": 1, "under-way": 1, "waiting": 2}
    assert now(world, id).done == 0.5
    assert now(world, id).people == 6


def test_results_are_by_unit_and_channel(world: World) -> None:
    (here, unit), (there, other) = barrios(world)
    for who in (1, 2, 3):
        person(world, "whatsapp", who, place=here)
    person(world, "sms", 4, place=there)
    stopped = person(world, "telegram", 5)
    skipped = person(world, "telegram", 6)
    id = announce(world)
    with transaction(world.desk.engine) as connection:
        contacts.opt_out(connection, contacts.contacts_of(connection, skipped)[0].id)
    announce(world, topic="news")
    tick(world)
    becomes(world, "whatsapp", 1, "read")
    becomes(world, "whatsapp", 2, "delivered")
    becomes(world, "whatsapp", 3, "failed", "63024")
    becomes(world, "sms", 4, "uncertain")
    becomes(world, "telegram", 5, "sent")
    with transaction(world.desk.engine) as connection:
        contacts.opt_out(connection, contacts.contacts_of(connection, stopped)[0].id)
        mine = columns(Contact).address == address("whatsapp", 1)
        connection.execute(update(Contact).where(mine).values(heard_at=world.clock() + timedelta(hours=1)))
    assert lines(world, id) == [
        Line("", "telegram", "sent", "", 1, 0),
        Line("", "telegram", "stopped", "", 1, 0),
        *sorted(
            [
                Line(other, "sms", "uncertain", "", 1, 220),
                Line(unit, "whatsapp", "answered", "", 1, 0),
                Line(unit, "whatsapp", "delivered", "", 1, 20),
                Line(unit, "whatsapp", "failed", "63024", 1, 20),
                Line(unit, "whatsapp", "read", "", 1, 20),
            ],
            key=lambda line: (line.unit, line.channel, line.outcome),
        ),
    ]


def test_three_days_after_the_end_the_figures_are_final(world: World) -> None:
    (here, unit), _other = barrios(world)
    person(world, "whatsapp", 1, place=here)
    id = announce(world)
    tick(world)
    becomes(world, "whatsapp", 1, "delivered")
    tick(world)
    assert one(world, id).state == "sent"
    world.clock.forward(hours=71)
    becomes(world, "whatsapp", 1, "read")
    tick(world)
    assert one(world, id).counted_at is None
    world.clock.forward(hours=1)
    tick(world)
    assert one(world, id).counted_at == world.clock()
    becomes(world, "whatsapp", 1, "failed", "30003")
    tick(world)
    with transaction(world.desk.engine) as connection:
        connection.execute(delete(Recipient))
    assert lines(world, id) == [Line(unit, "whatsapp", "read", "", 1, 20)]
    assert now(world, id).outcomes == {"read": 1}
    assert (now(world, id).pesos, now(world, id).done) == (20, 1.0)


def test_what_everybody_may_read_hides_small_numbers() -> None:
    found = [
        Line("a", "sms", "delivered", "", 60), Line("a", "whatsapp", "read", "", 40),
        Line("a", "sms", "failed", "x", 7), Line("b", "sms", "delivered", "", 3), Line("c", "sms", "sent", "", 12),
        Line("c", "sms", "answered", "", 2),
        Line("c", "sms", "failed", "x", 9), Line("a", "sms", "skipped", "stopped", 5),
    ]  # fmt: skip
    told = progress.published(found)
    assert told["reached"] == {"a": 100, "b": None, "c": None}
    assert told["failed"] == {"a": 7, "c": 9}
    assert told["answered"] == {}
    assert progress.number(found, *progress.TOLD) == 115
