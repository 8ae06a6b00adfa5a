"""A desk that takes complaints: a store in memory, two offices with two receivers each, and a paper key."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import Engine

from bot.complaints import redaction
from storage import receivers, ticks, vault
from storage.database import transaction
from storage.staff import Account
from storage.vault import KeyPair
from tests.world import Clock, World

OFFICES = ("transparencia", "control-interno")
PAPER_HOLDER = receivers.ELSEWHERE
PASSPHRASE = "una frase larga de pruebas"
MADE = date(2022, 11, 1)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder on tmpfs that is gone afterwards."""
    folder = Path(mkdtemp(prefix="cuenta-test-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def taking_complaints(database_url: str, folder: Path, clock: Clock | None = None, **more: str) -> Iterator[World]:
    """A world whose city takes complaints; its keys are `keys_of(world)`."""
    with in_memory() as memory:
        world = World.on(database_url, folder, clock, VOLATILE_PATH=str(memory / "volatile.db"), **more).load().open()
        give_keys(world)
        try:
            yield world
        finally:
            world.desk.engine.dispose()
            assert world.desk.volatile is not None
            world.desk.volatile.dispose()


def take_complaints(world: World) -> None:
    """Have a world take complaints from now on; `forget` it in the end."""
    folder = Path(mkdtemp(prefix="cuenta-test-", dir="/dev/shm"))
    world.settings = replace(world.settings, volatile_path=folder / "volatile.db")
    world.restart()
    give_keys(world)


def redacts(world: World, passes: bool = True) -> None:
    """Have WhatsApp take complaints in the chat: the check of what Twilio keeps passes, or fails, from now on."""
    if not world.settings.whatsapp_complaints:
        world.settings = replace(world.settings, whatsapp_complaints="whatsapp:+573000000000")
        world.restart()
    with transaction(world.desk.engine) as connection:
        for name in (redaction.LOOKED, redaction.PASSED if passes else redaction.FAILED["received"]):
            ticks.mark(connection, name, world.clock())


def forget(world: World) -> None:
    """Wipe what a world had in memory, if it took complaints."""
    if world.desk.volatile is not None:
        world.desk.volatile.dispose()
        shutil.rmtree(world.settings.volatile_path.parent)


def give_keys(world: World) -> dict[int, KeyPair]:
    """Two receivers in each office and a paper key: their pairs, by the key's id."""
    return make_keys(world.desk.engine, world.clock())


def make_keys(engine: Engine, now: datetime) -> dict[int, KeyPair]:
    """The same in any database."""
    pairs: dict[int, KeyPair] = {}
    with transaction(engine) as connection:
        for n, office in enumerate((*OFFICES, *OFFICES), start=901):
            account = {
                "id": n,
                "login": f"receiver-{n}",
                "name": "R",
                "roles": "receiver",
                "password": "x",
                "totp": b"",
            }
            connection.execute(Account.__table__.insert(), {**account, "offices": "", "made_at": now})  # type: ignore[attr-defined]
            pair = vault.key_pair()
            locked = vault.Locked(pair.public, b"\0" * 16, b"", b"")  # no passphrase: the test has the pair itself
            pairs[receivers.add(connection, n, office, locked, MADE)] = pair
        pair = vault.key_pair()
        pairs[receivers.add_paper(connection, PAPER_HOLDER, pair.public, MADE)] = pair
    return pairs
