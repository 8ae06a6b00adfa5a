"""Theft: who has a copy of the database, the disk and the settings, and no memory, opens nothing and finds nobody."""

import base64
import hashlib
import hmac
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b, sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from nacl.exceptions import CryptoError
from nacl.secret import Aead, SecretBox
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from cli.settings import Settings
from storage import vault
from storage.database import open_database, reading
from storage.vault import KeyPair, Unopened
from tests import vaults
from tests.complaint_pages import SEALED, person
from tests.vaults import OFFICES, in_memory
from tests.world import World, address

STORY = ("denunciar", "3", "1", "pidieron plata", "-", "-", "-", "-", "-", "-", "1", "1")
VISITOR = "203.0.113.147"
FILERS = (1, 2)


@dataclass
class Loot:
    """What a thief carries away: all values of all tables, all files of the disk, all settings."""

    rows: Mapping[str, list[dict[str, Any]]]
    files: Mapping[str, bytes]
    settings: Mapping[str, str]
    more: list[bytes] = field(default_factory=list)
    """Secrets that somebody gave away besides."""

    def keys(self) -> set[bytes]:
        """Everything of 32 bytes that may be a key, as it stands and hashed."""
        values = [value for rows in self.rows.values() for row in rows for value in row.values()]
        raw = [value for value in values if isinstance(value, bytes)]
        written = [*(str(value) for value in values if isinstance(value, str)), *self.settings.values()]
        found = {*raw, *self.files.values(), *(each.encode() for each in written), *self.more, bytes(32)}
        found |= {body for each in list(found) for body in decoded(each)}
        found |= {part[n : n + 32] for part in list(found) if len(part) < 200 for n in (0, len(part) - 32) if n >= 0}
        return {each for each in found if len(each) == 32} | {sha256(each).digest() for each in found}


def decoded(body: bytes) -> Iterator[bytes]:
    if len(body) < 200:
        with suppress(ValueError):
            yield bytes.fromhex(body.decode())
        with suppress(ValueError):
            yield base64.b64decode(body.strip() + b"=" * (-len(body.strip()) % 4), validate=True)


@dataclass
class Scene:
    """A desk with complaints of the past, its receivers' keys (which no thief has) and what can be stolen of it."""

    loot: Loot
    pairs: dict[int, KeyPair]
    locators: list[str]


@pytest.fixture
def scene(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(vault, "OPS", 1)  # nothing here guesses an access key
    monkeypatch.setattr(vault, "MEMORY", 8192)
    with in_memory() as memory:
        world = World.on(database_url, tmp_path, VOLATILE_PATH=str(memory / "volatile.db")).load().open()
        pairs = vaults.give_keys(world)
        world.vote("1 4 6", who=1)
        locators = [filed(world, who) for who in FILERS]
        who = person(world)
        who.options["environ_overrides"] = {"REMOTE_ADDR": VISITOR}
        locators.append(who.filed(what="en la plaza")[0])
        world.say("hola", who=1)
        world.desk.engine.dispose()
        assert world.desk.volatile is not None
        world.desk.volatile.dispose()
        shutil.rmtree(memory)
        memory.mkdir()
        yield Scene(stolen(world.settings, tmp_path), pairs, locators)


def filed(world: World, who: int) -> str:
    for each in STORY:
        got = world.say(each, who=who)
    locator, key = (line.split(": ")[1] for line in got[1].text.split("\n"))
    world.say(key[-4:], who=who)
    return locator


def stolen(settings: Settings, folder: Path) -> Loot:
    engine = open_database(settings.database_url)
    with reading(engine) as connection:
        rows = {
            name: [
                {key: bytes(value) if isinstance(value, memoryview) else value for key, value in row.items()}
                for row in connection.execute(text(f'SELECT * FROM "{name}"')).mappings()
            ]
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Loot(rows, files, {name: str(value) for name, value in vars(settings).items()})


# What was told


def opens(loot: Loot) -> int:
    """How many of the wraps and parts open with anything that was stolen."""
    keys, sealed = loot.keys(), [row for name in ("sealedwrap", "sealedpart") for row in loot.rows[name]]
    cases = {row["id"]: row for row in loot.rows["sealedcase"]}
    privates = {private for key in keys for private in unwrapped(loot, cases, key)}
    assert len(sealed) > 10
    return len(privates) + sum(read(row, key) for row in loot.rows["sealedpart"] for key in keys | privates)


def unwrapped(loot: Loot, cases: Mapping[str, Any], key: bytes) -> Iterator[bytes]:
    attempts: list[Callable[[], bytes]] = [
        *(lambda row=row: vault.unwrap(row["body"], key) for row in loot.rows["sealedwrap"]),
        *(lambda id=id, row=row: vault.unwrap_own(row["own_wrap"], key, id) for id, row in cases.items()),
        *(lambda row=row: vault.disclose(row["own_wrap"], key) for row in cases.values()),
        *(lambda row=row: SecretBox(key).decrypt(row["body"]) for row in loot.rows["sealedwrap"]),
    ]
    for attempt in attempts:
        with suppress(Unopened, CryptoError):
            yield attempt()


def read(row: Mapping[str, Any], key: bytes) -> bool:
    """Whether a part opens with a key: as a case's, as the part's own, or as the desk's."""
    bound = f"v1|{row['kind']}|{row['case_id']}|{row['id']}".encode()
    attempts: list[Callable[[], bytes]] = [
        lambda: vault.unseal(key, row["case_id"], row["id"], row["kind"], row["body"]),
        lambda: Aead(key).decrypt(row["body"][vault.SEALED_KEY :], aad=bound),
        lambda: SecretBox(key).decrypt(row["body"]),
    ]
    for attempt in attempts:
        with suppress(Unopened, CryptoError):
            attempt()
            return True
    return False


def test_nothing_that_was_stolen_opens_a_complaint_of_the_past(scene: Scene) -> None:
    assert opens(scene.loot) == 0
    scene.loot.more.append(scene.pairs[max(scene.pairs)].private)
    parts = len(scene.loot.rows["sealedpart"])
    assert opens(scene.loot) == len(scene.locators) + parts, "the attack opens nothing even with the paper key"


# Who told it


def marks_of(who: str, keys: Collection[bytes]) -> set[bytes]:
    """What could stand for a person: their address as it is or hashed, with any key that was stolen or with none."""
    named = [each.encode() for each in (who, f"telegram|{who}", f"telegram:{who}", f"/{who}", f"begun:{who}")]
    made = {hashlib.new(hash, each).digest() for each, hash in product(named, ("sha256", "sha1", "md5", "blake2b"))}
    made |= {blake2b(each, digest_size=size).digest() for each in named for size in (16, 32)}
    for key, each in product(keys, named):
        made |= {hmac.digest(key, each, "sha256"), blake2b(each, key=key).digest()}
        made |= {blake2b(each, key=key, digest_size=size).digest() for size in (16, 32)}
    return {*made, *(each.hex().encode() for each in made), *(base64.b64encode(each) for each in made)}


def found(loot: Loot, tables: Collection[str], marks: set[bytes], plain: str) -> set[str]:
    """The tables in which one of these marks stands, or the address itself somewhere."""
    hits = set()
    for name in tables:
        for value in (value for row in loot.rows[name] for value in row.values()):
            body = value if isinstance(value, bytes) else str(value).encode()
            if (
                body in marks
                or plain.encode() in body
                or any(word in marks for word in re.findall(rb"[\w+/=-]+", body))
            ):
                hits.add(name)
    return hits


def test_no_address_that_is_known_leads_to_a_complaint(scene: Scene) -> None:
    keys = scene.loot.keys()
    for plain in (*(address("telegram", who) for who in FILERS), VISITOR):
        marks = marks_of(plain, keys)
        sealed = {*SEALED, "receiverkey", "casesheet"}
        assert found(scene.loot, sealed, marks, plain) == set()
        wrote = {"contact"} if plain == address("telegram", 1) else set()
        assert found(scene.loot, scene.loot.rows, marks, plain) == wrote
        secret = sha256(scene.loot.settings["secret_key"].encode()).digest()
        planted = [{"mark": blake2b(plain.encode(), key=secret, digest_size=16).hexdigest()}]
        spoilt = replace(scene.loot, rows={"planted": planted})
        assert found(spoilt, spoilt.rows, marks, plain) == {"planted"}, "the attack does not even find a mark"


CASES = {
    "sealedcase": "id locator received_on state changed_on due_on days calendar excluded number extended held closed_on"
    " salt verifier public own_wrap",
    "sealedwrap": "case_id receiver_id body",
    "sealedpart": "id case_id kind body",
    "caseevent": "id case_id on step before after reason by",
}
"""All columns that a case has. Another one may be what tells who filed it: think, and then name it here."""


def test_a_case_has_no_column_but_these() -> None:
    tables = SQLModel.metadata.tables
    assert {name: " ".join(tables[name].columns.keys()) for name in CASES} == CASES
    assert set(CASES) == SEALED


def test_no_chain_of_keys_joins_a_person_to_a_case() -> None:
    joined: dict[str, set[str]] = {name: set() for name in SQLModel.metadata.tables}
    leads_to = {name: set(others) for name, others in joined.items()}
    for name, table in SQLModel.metadata.tables.items():
        for key in table.foreign_keys:
            leads_to[name].add(key.column.table.name)
            if (name, key.parent.name) != ("sealedwrap", "receiver_id"):  # who may read it
                joined[name].add(key.column.table.name)
                joined[key.column.table.name].add(name)
    assert reached(joined, "sealedcase") == set(CASES), "whichever way one follows them"
    assert reached(leads_to, "sealedcase") == {"sealedcase"}
    assert reached(leads_to, "sealedwrap") == {"sealedwrap", "sealedcase", "receiverkey", "staff"}
    for name in set(joined) - set(CASES):
        assert "sealedcase" not in reached(leads_to, name)


def reached(edges: Mapping[str, Collection[str]], start: str) -> set[str]:
    seen, next_ones = set(), [start]
    while next_ones:
        name = next_ones.pop()
        if name not in seen:
            seen.add(name)
            next_ones += edges[name]
    return seen


def test_no_value_joins_a_person_to_a_case(scene: Scene) -> None:
    """Nothing that is in a case is anywhere else, but for days, the receivers, and words and numbers that many have."""
    rows = scene.loot.rows
    common = {*OFFICES, "received", "told", "None", "", "True", "False", *map(str, range(100))}
    inside = {each for name in CASES for each in values(rows[name])} - common
    shared = {each for name in set(rows) - set(CASES) for each in inside & set(values(rows[name]))}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", each) for each in shared)
    assert len(inside) > 10 * len(scene.locators)


def values(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Every value of these rows, as text; instants without their hour."""
    for row in rows:
        for value in row.values():
            yield value.hex() if isinstance(value, bytes) else re.sub(r"^(\d{4}-\d\d-\d\d) .*", r"\1", str(value))
