"""Two universes: in one A filed a complaint and in the other B. What the desk keeps, and logs, is the same in both."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import inspect, text

from bot import upkeep
from bot.complaints import case_upkeep
from storage import volatile
from storage.database import reading
from tests import vaults
from tests.complaint_pages import person
from tests.vaults import in_memory
from tests.world import World

STORY = ("denunciar", "3", "1", "pidieron plata", "-", "en 2022", "0", "-", "-", "-", "-", "-", "1", "1")

Universe = tuple[dict[str, list[str]], list[Any]]
"""Every row of every table, and every line of the log."""


@pytest.fixture
def live(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Universe]:
    """Live through the same weeks; `who` files the complaint, and may write ordinary words while they do."""

    def lived(name: str, who: int, meanwhile: str = "") -> Universe:
        # Whatever is drawn is the same in each universe, but for what libsodium draws: that is bytes, and left out.
        for module, function in ((random, "_urandom"), (os, "urandom")):
            monkeypatch.setattr(module, function, random.Random("seed").randbytes)
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "cuenta.db")
        with in_memory() as memory, structlog.testing.capture_logs() as logs:
            path = str(memory / "volatile.db")
            world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder, VOLATILE_PATH=path).load().open()
            vaults.give_keys(world)
            months(world, who, meanwhile)
            kept = everything(world)
            world.desk.engine.dispose()
            assert world.desk.volatile is not None
            world.desk.volatile.dispose()
        return kept, logs

    return lived


def months(world: World, who: int, meanwhile: str) -> None:
    for each in (1, 2):
        world.vote("1 4 6", who=each)
        world.say("menú", who=each)
    world.clock.forward(hours=1)
    for line in STORY:
        got = world.say(line, who=who)
        if meanwhile:
            world.say(meanwhile, who=3 - who)
    number, key = (line.split(": ")[1] for line in got[1].text.split("\n"))
    world.say(key[-4:], who=who)
    for line in ("consultar", f"{number} {key}", "1", "algo más", "3"):
        world.say(line, who=who)
    on_the_web = person(world)
    on_the_web.options["environ_overrides"] = {"REMOTE_ADDR": f"203.0.113.{who}"}
    on_the_web.filed(what="en la plaza")
    world.clock.forward(days=8)
    for each in (1, 2):
        world.say("hola", who=each)
    assert world.desk.volatile is not None
    volatile.wipe(world.desk.volatile, world.clock())
    case_upkeep.look_after(world.desk)
    upkeep.purge(world.desk.engine, world.desk.ink, world.clock())


def everything(world: World) -> dict[str, list[str]]:
    """All rows; of bytes, which are sealed or keys, how long they are."""
    with reading(world.desk.engine) as connection:
        return {
            name: sorted(
                repr([len(value) if isinstance(value, bytes) else value for value in row])
                for row in connection.execute(text(f'SELECT * FROM "{name}"'))
            )
            for name in inspect(connection).get_table_names()
            if name != "textversion"  # when the city's folder was read, by the machine's own clock
        }


def test_whoever_filed_the_desk_keeps_and_logs_the_same(live: Callable[..., Universe]) -> None:
    kept, logs = live("a", who=1)
    other, other_logs = live("b", who=2)
    assert {name for name in kept if kept[name] != other[name]} == set()
    assert logs == other_logs
    assert len(kept["sealedcase"]) == len(kept["contact"]) == 2
    other, _logs = live("c", who=1, meanwhile="menú")
    assert kept["inbox"] != other["inbox"], "what is written to the ordinary desk makes a difference"
