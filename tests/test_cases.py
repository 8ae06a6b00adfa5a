"""Cases: filed once, found by their key, dated by the day, and taken only where they cannot be lost."""

import pytest
from sqlalchemy import text

from bot.catalogue import Catalogue, read
from bot.complaints import cases
from storage import cases as shelf
from storage import receivers, vault
from storage.database import reading, transaction
from tests.vaults import OFFICES
from tests.world import World


def city_of(world: World) -> Catalogue:
    with reading(world.desk.engine) as connection:
        return read(connection)


def filed(world: World, excluded: str = "", *texts: str) -> cases.Begun:
    with reading(world.desk.engine) as connection:
        begun = cases.begin(connection, excluded)
    told = [cases.Told(world.clock(), n, "what", each) for n, each in enumerate(texts)]
    parts = [cases.seal_told(begun.new.public, begun.new.id, "told", each) for each in told]
    assert cases.file(world.desk.engine, city_of(world), begun, parts, world.clock())
    assert not cases.file(world.desk.engine, city_of(world), begun, parts, world.clock())
    return begun


def opened(world: World, locator: str, key: str, who: str = "chat") -> cases.Opened | None:
    assert world.desk.volatile is not None
    return cases.open_case(world.desk.engine, world.desk.volatile, locator, key, who, world.clock())


def test_what_is_filed_is_found_by_its_key_and_read_by_receivers(desk: World) -> None:
    begun = cases.Begun.unpacked(filed(desk, "", "en la plaza").packed())
    found = opened(desk, begun.new.locator.lower(), begun.access_key.replace("-", " "))
    assert found is not None
    assert found.private is not None
    with reading(desk.desk.engine) as connection:
        assert cases.own_parts(connection, found) == 1
        assert cases.replies(connection, found) == []
        (row,) = shelf.parts(connection, begun.new.id, ("told",))
        plain = vault.unseal(found.private, begun.new.id, row.id, row.kind, bytes(row.body))
    assert cases.Told.unpacked(plain).text == "en la plaza"
    assert found.case.received_on == city_of(desk).hours.today(desk.clock())


def test_an_office_that_it_concerns_has_no_key_to_it(desk: World) -> None:
    begun = filed(desk, OFFICES[0])
    with reading(desk.desk.engine) as connection:
        for key in receivers.active(connection):
            assert (shelf.wrap_for(connection, begun.new.id, key.id) is None) == (key.office == OFFICES[0])


def test_a_wrong_key_and_an_unknown_case_are_the_same_work(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = filed(desk)
    worked: list[int] = []
    derive = vault.derive

    def note(key: str, salt: bytes) -> vault.Derived:
        worked.append(len(salt))
        return derive(key, salt)

    monkeypatch.setattr(vault, "derive", note)
    assert opened(desk, begun.new.locator, vault.new_access_key(), "a") is None
    assert opened(desk, vault.new_locator(), vault.new_access_key(), "b") is None
    assert worked == [16, 16]
    assert opened(desk, begun.new.locator, begun.access_key[:-1] + "?", "c") is None
    assert worked == [16, 16], "a letter that is wrong is found before any work"


def test_after_five_wrong_keys_a_chat_is_refused_for_an_hour_and_nobody_else(desk: World) -> None:
    begun = filed(desk)
    for _n in range(cases.TRIES):
        assert opened(desk, begun.new.locator, vault.new_access_key()) is None
    assert opened(desk, begun.new.locator, begun.access_key) is None
    assert opened(desk, begun.new.locator, begun.access_key, "another chat") is not None
    desk.clock.forward(hours=1, seconds=1)
    assert opened(desk, begun.new.locator, begun.access_key) is not None


def test_complaints_are_taken_only_where_they_cannot_be_lost(desk: World) -> None:
    with transaction(desk.desk.engine) as connection:
        city = city_of(desk)
        assert cases.shut(connection, desk.desk.volatile, city) == ()
        assert cases.shut(connection, None, city) == ("no-memory",)
        first, *_rest, paper = receivers.active(connection)
        receivers.remove(connection, first.id, desk.clock().date())
        assert cases.shut(connection, desk.desk.volatile, city) == (f"keys:{OFFICES[1]}",)
        receivers.remove(connection, paper.id, desk.clock().date())
        assert cases.shut(connection, desk.desk.volatile, city) == ("keys:", *(f"keys:{office}" for office in OFFICES))


def test_rows_lie_in_no_order_of_time(desk: World) -> None:
    made = [filed(desk).new.id for _n in range(6)]
    with reading(desk.desk.engine) as connection:
        assert sorted(made) == sorted(connection.execute(text("SELECT id FROM sealedcase")).scalars())
        if desk.desk.engine.dialect.name == "sqlite":
            made_so = connection.execute(
                text("SELECT sql FROM sqlite_master WHERE name LIKE 'sealed%' AND sql NOT NULL")
            )
            assert all("WITHOUT ROWID" in each for each in made_so.scalars() if each.startswith("CREATE TABLE"))
