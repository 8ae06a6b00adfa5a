"""Receivers at work in a test: accounts with keys, cases that were filed, and what a page's form carries."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bot.complaints import cases, casework
from bot.complaints.cases import Begun, File, Told
from storage import cases as shelf
from storage import catalogue, receivers, vault
from storage.database import reading, transaction
from storage.vault import KeyPair
from tests.console import Signed, signed_in
from tests.vaults import MADE, OFFICES, PASSPHRASE
from tests.world import World
from web.console.access import RECEIVES, Role

HIDDEN = re.compile(r'name="(seen|part)" value="([^"]*)"')
PHOTO = b"\xff\xd8 a photo"


def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key derivations as cheap as they can be."""
    for name, value in (("OPS", 1), ("MEMORY", 8192), ("STAFF_OPS", 1), ("STAFF_MEMORY", 8192)):
        monkeypatch.setattr(vault, name, value)


class Receiver(Signed):
    """Somebody who receives complaints, signed in and with a key that is locked."""

    pair: KeyPair
    key: int
    recovery: str

    def unlock(self, passphrase: str = PASSPHRASE) -> TestResponse:
        return self.post("/consola/mi-clave/abrir", {"passphrase": passphrase})

    def page(self, begun: Begun, more: str = "") -> TestResponse:
        return self.get(f"/consola/denuncias/{begun.new.id}{more}")

    def send(self, begun: Begun, act: str, data: Mapping[str, Any]) -> TestResponse:
        """Fill in a form of a case and send it."""
        return self.sent(begun, act, {**hidden(self.page(begun, act).text), **data})

    def sent(self, begun: Begun, act: str, data: dict[str, Any]) -> TestResponse:
        return self.post(f"/consola/denuncias/{begun.new.id}{act}", data)


def hidden(text: str) -> dict[str, str]:
    """What a form carries without its being seen."""
    return dict(HIDDEN.findall(text))


def receiver(app: Flask, world: World, login: str, office: str = OFFICES[0]) -> Receiver:
    """A receiver with a key of their own, of an office."""
    signed = signed_in(app, world, Role.RECEIVER, offices=[f"{RECEIVES}{office}"], login=login)
    who = Receiver(signed.client, signed.id, signed.login)
    who.pair, who.recovery = vault.key_pair(), vault.new_recovery()
    with transaction(world.desk.engine) as connection:
        who.key = receivers.add(connection, who.id, office, vault.lock(who.pair, PASSPHRASE, who.recovery), MADE)
    return who


def filed(world: World, *texts: str, excluded: str = "", files: Sequence[bytes] = ()) -> Begun:
    """A case with these texts and photos."""
    with reading(world.desk.engine) as connection:
        begun, now = cases.begin(connection, excluded), world.clock()
        city = world.desk.catalogue(connection, catalogue.revision(connection))
    case = begun.new
    parts = [cases.seal_told(case.public, case.id, "told", Told(now, n, "", text)) for n, text in enumerate(texts)] + [
        cases.seal_file(case.public, case.id, File(now, n, {"ending": "jpg"}, body))
        for n, body in enumerate(files, start=len(texts))
    ]
    assert cases.file(world.desk.engine, city, begun, parts, now)
    return begun


def inside(world: World, begun: Begun, who: Receiver) -> list[tuple[str, str]]:
    """What is in a case, by kind; '' for a file."""
    with reading(world.desk.engine) as connection:
        private = casework.private_of(connection, begun.new.id, casework.Key(who.key, "", who.pair.private))
        assert private is not None
        found = casework.entries(connection, begun.new.id, private)
    return [(entry.kind, entry.told.text if entry.told else "") for entry in found]


def state(world: World, begun: Begun) -> Any:
    with reading(world.desk.engine) as connection:
        return shelf.case(connection, begun.new.id)


def happened(world: World, begun: Begun) -> list[tuple[str, str, str]]:
    with reading(world.desk.engine) as connection:
        return [(row.before, row.after, row.reason) for row in shelf.steps(connection, begun.new.id)]
