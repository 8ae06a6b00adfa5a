"""What answers may cost: no SMS to another country, and strangers wait when the day's ceiling is reached."""

import pytest
from sqlalchemy import select, update

from bot import thrift
from bot.attention import attention
from bot.catalogue import Catalogue, read
from bot.delivery import Delivery
from bot.desk import Desk
from cli import wiring
from storage import catalogue as shelf
from storage import spending
from storage.ballots import Ballot
from storage.contacts import Contact, Person
from storage.database import columns, reading, transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.spending import REPLIES, Spent, Unanswered
from tests.served import served
from tests.world import DURING, World, incoming

AT_HOME, ABROAD = "+573100000001", "+447911000001"
TODAY = DURING.date()


def write(world: World, text: str, sender: str, number: int) -> int:
    """Take a message in; how many messages answer it."""
    before = len(world.rows(Outgoing))
    channel = "whatsapp" if sender.startswith("whatsapp:") else "telegram" if sender.isdecimal() else "sms"
    assert world.desk.take(incoming(channel, sender, text, number))
    return len(world.rows(Outgoing)) - before


@pytest.mark.parametrize(
    ("sender", "answered"),
    [
        (AT_HOME, True),
        (ABROAD, False),
        ("+15550000009", False),
        (f"whatsapp:{ABROAD}", True),
        ("whatsapp:CO.13491208655302741918", True),
        ("447911000001", True),
    ],
)
def test_an_sms_from_another_country_is_taken_in_and_not_answered(world: World, sender: str, answered: bool) -> None:
    assert bool(write(world, "hola", sender, 1)) is answered
    assert bool(write(world, "hola", sender, 2)) is answered
    assert len(world.rows(Inbox)) == 2
    assert len(world.rows(Contact)) == 1
    assert world.rows(Unanswered) == ([] if answered else [{"day": TODAY, "reason": "abroad", "messages": 2}])


@pytest.mark.parametrize(
    ("channel", "address", "countries", "abroad"),
    [
        ("sms", "+573001112233", ("+57",), False),
        ("sms", "+583001112233", ("+57",), True),
        ("sms", "+583001112233", ("+57", "+58"), False),
        ("sms", "+447911000001", (), False),
        ("whatsapp", "whatsapp:+447911000001", ("+57",), False),
        ("telegram", "447911000001", ("+57",), False),
        ("web", "w1", ("+57",), False),
    ],
)
def test_what_is_abroad(channel: str, address: str, countries: tuple[str, ...], abroad: bool) -> None:
    assert thrift.is_abroad(channel, address, countries) is abroad


def city_of(desk: Desk) -> Catalogue:
    with reading(desk.engine) as connection:
        return read(connection)


def sum_up(world: World) -> int:
    """What the worker's tick notes."""
    thrift.sum_up(world.desk.engine, world.desk.catalogue, world.clock())
    with reading(world.desk.engine) as connection:
        return spending.on(connection, world.clock().date())[REPLIES]


def spend(world: World, pesos: int) -> None:
    """Let the answers of today have cost so much, as the worker would note it."""
    with transaction(world.desk.engine) as connection:
        spending.note(connection, TODAY, REPLIES, pesos)
        shelf.changed(connection)


@pytest.mark.parametrize(
    ("sender", "known", "share", "answered"),
    [
        (AT_HOME, False, 0.99, True),
        (AT_HOME, False, 1, False),
        (AT_HOME, True, 1, True),
        ("whatsapp:+573000000001", False, 1, False),
        ("whatsapp:+573000000001", True, 1, True),
        ("700900", False, 1, True),
    ],
)
def test_above_the_ceiling_strangers_wait_and_who_is_known_goes_on(
    world: World, sender: str, known: bool, share: float, answered: bool
) -> None:
    if known:
        assert write(world, "hola", sender, 1)
        assert write(world, "1", sender, 2)
    spend(world, int(city_of(world.desk).delivery.replies * share))
    assert bool(write(world, "menú", sender, 3)) is answered
    assert len(world.rows(Inbox)) == (3 if known else 1)
    assert [row["reason"] for row in world.rows(Unanswered)] == ([] if answered else ["ceiling"])
    world.clock.forward(days=1)
    assert write(world, "menú", sender, 4), "the next day everybody is answered"


def test_who_becomes_known_above_the_ceiling_is_answered(world: World) -> None:
    assert write(world, "hola", AT_HOME, 1)
    spend(world, 10**9)
    assert write(world, "1", AT_HOME, 2), "they agreed in this turn"


def test_the_worker_sums_up_what_answers_cost(world: World) -> None:
    write(world, "hola", AT_HOME, 1)
    write(world, "hola", "whatsapp:+573000000001", 2)
    write(world, "hola", "700900", 3)
    rows = world.rows(Outgoing)
    segments = sum(row["segments"] for row in rows if row["lane"] == "sms")
    price = city_of(world.desk).delivery.price
    expected = price("sms", "segment", segments) + price("whatsapp", "message")
    assert sum_up(world) == sum_up(world) == expected > 0
    with transaction(world.desk.engine) as connection:
        sms = columns(Outgoing).lane == "sms"
        connection.execute(update(Outgoing).where(sms).values(kind="announcement"))
    assert sum_up(world) == price("whatsapp", "message"), "announcements have a ceiling of their own"
    with transaction(world.desk.engine) as connection:
        whatsapp = columns(Outgoing).lane == "whatsapp"
        connection.execute(update(Outgoing).where(whatsapp).values(state="failed"))
    assert sum_up(world) == 0, "what no provider took costs nothing"
    world.clock.forward(days=1)
    assert sum_up(world) == 0
    assert {row["day"] for row in world.rows(Spent)} == {TODAY, world.clock().date()}


def test_the_tick_tells_every_process_when_the_ceiling_is_reached_and_when_it_is_not_any_more(world: World) -> None:
    other = wiring.desk(world.settings, world.clock)
    write(world, "hola", AT_HOME, 1)
    ceiling(world, 1)
    revision = city_of(world.desk).revision
    sum_up(world)
    assert city_of(other).exhausted_on == TODAY
    assert city_of(other).revision == revision + 1
    sum_up(world)
    assert city_of(other).revision == revision + 1, "only when it changes"
    assert other.take(incoming("sms", "+573100000002", "hola", 9))
    assert [row["reason"] for row in world.rows(Unanswered)] == ["ceiling"]
    ceiling(world, 1_000_000)
    assert city_of(other).exhausted_on is None, "staff have raised it"
    other.engine.dispose()


def ceiling(world: World, pesos: int) -> None:
    """Give the city another ceiling for answers."""
    texts = columns(shelf.CityText)
    with transaction(world.desk.engine) as connection:
        body = connection.execute(select(texts.body).where(texts.key == "delivery")).scalar_one()
        body = body.replace('"replies": 400000', f'"replies": {pesos}').replace('"replies": 1,', f'"replies": {pesos},')
        connection.execute(update(shelf.CityText).where(texts.key == "delivery").values(body=body))
        shelf.changed(connection)


def test_an_apology_is_kept_back_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_any: object) -> None:
        raise ValueError

    monkeypatch.setattr("bot.turn.Turn._understand", broken)
    assert (write(world, "hola", ABROAD, 1), write(world, "hola", AT_HOME, 2)) == (0, 1)


def test_a_city_that_says_nothing_of_prices_answers_everybody() -> None:
    city = Delivery.of({}, {}, "America/Bogota")
    assert (city.countries, city.replies > 0) == ((), True)


def test_staff_and_metrics_see_that_it_happens_and_no_number(world: World) -> None:
    write(world, "hola", ABROAD, 1)
    told = served(world.settings, world.clock).get("/metrics").text
    assert 'cuenta_unanswered_messages{reason="abroad"} 1.0' in told
    assert "447911" not in told
    with reading(world.desk.engine) as connection:
        assert attention(connection, read(connection), world.clock()).unanswered == {"abroad": 1}
    world.clock.forward(days=1)
    with reading(world.desk.engine) as connection:
        assert attention(connection, read(connection), world.clock()).unanswered == {}


def test_a_consent_that_nobody_was_asked_for_is_not_given_by_the_next_word(world: World) -> None:
    """The question was kept back above the ceiling; the next day they write 1, having seen nothing."""
    spend(world, 10**9)
    assert write(world, "votar 1 4 6", AT_HOME, 1) == 0
    world.clock.forward(days=1)
    assert write(world, "1", AT_HOME, 2) == 1
    assert (world.rows(Person), world.rows(Ballot)) == ([], [])
    write(world, "1", AT_HOME, 3)
    assert len(world.rows(Person)) == 1
