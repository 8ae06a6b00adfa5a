"""Attacks on complaints: ways in, traces and stops that must not be there."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from bot.channels import telegram
from bot.complaints import attachments as complaint_attachments
from bot.complaints import cases
from bot.desk import Away
from cli import front, pages
from storage import cases as shelf
from storage import consultations, receivers, vault, volatile
from storage.database import reading, transaction
from storage.gates import Gate
from tests.complaint_pages import Odd, person
from tests.test_cases import city_of, filed, opened
from tests.test_confidential import (
    CANARY,
    STORY,
    changed,
    dump,
    photo,
    send,
    tell,
    volatile_rows,
    with_files,
    with_keys,
)
from tests.transcripts import collecting
from tests.vaults import OFFICES
from tests.world import World, address


@pytest.mark.parametrize("how", ["late", "ended"])
def test_what_is_told_too_late_is_no_answer_to_an_ordinary_question(little: World, how: str) -> None:
    """An idea that was begun before waits for its words: they would go to the city in the clear, with who wrote it."""
    with transaction(little.desk.engine) as connection:
        consultations.load(connection, collecting(datetime(2022, 12, 1, 5, tzinfo=UTC)))
    assert "Escriba la suya" in tell(little, "proponer", "1")
    if how == "late":
        tell(little, *STORY[:3])
        little.clock.forward(minutes=31)
    else:
        _number, key = send(little)
        assert "Listo" in tell(little, key[-4:])
    before = dump(little)
    assert "Esa pregunta ya pasó" in tell(little, f"hola el {CANARY} pide plata")
    assert changed(before, dump(little)) == set()
    assert "¿Es para un barrio" in tell(little, "Sembrar árboles en el parque")


def test_who_turns_to_something_else_is_not_stopped(little: World) -> None:
    tell(little, *STORY[:3])
    little.clock.forward(minutes=31)
    assert "Acepta" in tell(little, "menú")
    assert "Esa pregunta ya pasó" not in tell(little, "1")
    tell(little, *STORY[:3], "salir")
    assert "Esa pregunta ya pasó" not in tell(little, "1")


def test_files_that_wait_never_fill_the_memory(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Odd(monkeypatch)
    monkeypatch.setattr(volatile, "MOST_WAITING", 200_000)
    who = person(little)
    for _n in range(2):
        who.begin()
        assert "Pueden mostrar" in who.send(files=((b"hides x", "b.pdf"),)).text
    who.begin()
    page = who.send(files=((b"hides x", "b.pdf"),) * 2, what="pidieron plata")
    assert page.status_code == 503
    assert "demasiados archivos" in page.text
    assert "pidieron plata" in page.text
    drawn = io.BytesIO()
    Image.effect_noise((500, 500), 90).save(drawn, "PNG")
    with_files(little, lambda _channel, _source, _most: drawn.getvalue())
    tell(little, *STORY[:-1])
    sent = telegram.read(photo(900, address("telegram", 1)))
    assert sent is not None
    assert "demasiados archivos" in little.take(sent)[-1].text
    little.clock.forward(minutes=31)
    assert little.desk.volatile is not None
    volatile.wipe(little.desk.volatile, little.clock())
    assert len(volatile_rows(little, "part")) == 0, "what cannot be sent any more does not wait"
    assert who.send(files=((b"hides x", "b.pdf"),)).status_code == 200


def test_a_flood_of_keys_leaves_threads_for_everybody_else(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gate = filed(little), Gate(1, waiting=0)
    monkeypatch.setattr(vault, "_AT_ONCE", gate)
    who = person(little)
    for _n in range(cases.TRIES + 1):
        with gate:
            assert who.enter(vault.new_locator(), vault.new_access_key()).status_code == 503
    with gate, pytest.raises(Away):
        tell(little, "consultar", f"{begun.new.locator} {begun.access_key}")
    assert "Recibida" in who.enter(begun.new.locator, begun.access_key).text, "what was not tried is not counted"
    monkeypatch.undo()
    gates = (vault._AT_ONCE, complaint_attachments.AT_ONCE)
    assert sum(each.most for each in gates) < min(front.THREADS, pages.THREADS)


def test_an_office_that_goes_by_another_id_closes_the_channel(little: World) -> None:
    """Its keys are known by the old one: they would open what concerns it."""
    city = city_of(little)
    intake = city.city.intake
    assert intake is not None
    first, *others = intake.offices
    moved = replace(intake, offices=(replace(first, id="otra"), *others))
    renamed = replace(city, city=replace(city.city, intake=moved))
    with reading(little.desk.engine) as connection:
        assert cases.shut(connection, little.desk.volatile, renamed) == (f"stranger:{OFFICES[0]}",)


def test_a_key_that_was_taken_away_while_somebody_wrote_opens_nothing(little: World) -> None:
    with transaction(little.desk.engine) as connection:
        begun = cases.begin(connection, "")
        gone, *others = (key.id for key in receivers.active(connection))
        receivers.remove(connection, gone, little.clock().date())
    assert cases.file(little.desk.engine, city_of(little), begun, [], little.clock())
    with reading(little.desk.engine) as connection:
        assert shelf.wrap_for(connection, begun.new.id, gone) is None
        assert all(shelf.wrap_for(connection, begun.new.id, other) for other in others)


def test_a_right_key_is_no_way_to_keep_the_processor_busy(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, derived = filed(little), []
    real = vault.derive(begun.access_key, begun.new.salt)

    def derive(*_given: Any) -> vault.Derived:
        derived.append(1)
        return real

    monkeypatch.setattr(vault, "derive", derive)
    for _n in range(cases.OPENINGS + 5):
        found = opened(little, begun.new.locator, begun.access_key)
    assert found is None
    assert len(derived) == cases.OPENINGS
    little.clock.forward(hours=1, seconds=1)
    assert opened(little, begun.new.locator, begun.access_key) is not None


def test_what_its_sender_called_a_file_is_not_kept(sqlite_url: str, tmp_path: Path) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, "PNG")
    with with_keys(sqlite_url, tmp_path) as (world, pairs):
        with_files(world, lambda _channel, _source, _most: drawn.getvalue())
        tell(world, *STORY[:-1])
        incoming = telegram.read(photo(900, address("telegram", 1)))
        assert incoming is not None
        world.take(incoming)
        send(world, "1")
        key = max(pairs)
        with reading(world.desk.engine) as connection:
            (case,) = connection.execute(text("SELECT id FROM sealedcase")).scalars()
            private = vault.unwrap(shelf.wrap_for(connection, case, key) or b"", pairs[key].private)
            (row,) = shelf.parts(connection, case, ("file",))
        kept = cases.File.unpacked(vault.unseal_file(private, case, row.id, bytes(row.body)))
        assert CANARY not in str(kept.facts)
