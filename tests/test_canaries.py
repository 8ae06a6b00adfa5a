"""The search for canaries finds what is planted: a search that finds nothing proves nothing."""

import base64
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.database import transaction
from tests.canaries import Canaries, Search, folders_of
from tests.world import World

TABLE = "CREATE TABLE leak (words text, number bigint, body {bytes})"
LEAK = "INSERT INTO leak VALUES (:words, :number, :body)"


@pytest.fixture
def search(world: World, tmp_path: Path) -> Search:
    engine = world.desk.engine
    with transaction(engine) as connection:
        connection.execute(text(TABLE.format(bytes="blob" if engine.dialect.name == "sqlite" else "bytea")))
    world.say("hola")
    made = Search(Canaries(), folders_of(engine, tmp_path), engine, world.desk.ink)
    assert made.hits() == set()
    return made


def plant(search: Search, words: str = "", number: int = 0, body: bytes = b"") -> None:
    with transaction(search.engine) as connection:
        connection.execute(text(LEAK), {"words": words, "number": number, "body": body})


def test_what_is_in_a_row_is_found_however_it_is_written(search: Search, world: World) -> None:
    canaries = search.canaries
    canaries.keys.append("K7M2-QP9X-ABCD-0123")
    leaks = {
        "words": ({"words": json.dumps({"said": f"--{canaries.mark}--"})}, {"body": canaries.mark.encode("utf-16-le")}),
        "chat": ({"number": canaries.chat}, {"words": f"telegram|{canaries.chat}"}),
        "phone": ({"body": world.desk.ink.seal(f"+{canaries.phone}".encode(), world.clock())},),
        "visitor": ({"body": canaries.visitor.packed}, {"words": canaries.visitor.exploded}),
        "key": ({"words": "k7m2qp9xabcd0123"}, {"words": base64.urlsafe_b64encode(b"x K7M2-QP9X-ABCD-0123").decode()}),
    }  # fmt: skip
    for what, ways in leaks.items():
        for way in ways:
            plant(search, **way)  # type: ignore[arg-type]
            assert ("table leak", what) in search.hits(), way
            with transaction(search.engine) as connection:
                connection.execute(text("DELETE FROM leak"))


def test_what_was_deleted_again_is_found_in_the_files_of_the_database(search: Search) -> None:
    plant(search, search.canaries.mark, search.canaries.chat)
    with transaction(search.engine) as connection:
        connection.execute(text("DELETE FROM leak"))
    hits = search.hits(thorough=True)
    assert {what for place, what in hits if not place.startswith("table")} == {"words", "chat"}


def test_what_is_in_a_file_or_in_its_name_is_found(search: Search, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\0" * 5000 + search.canaries.mark.upper().encode())
    assert search.hits() == {("log", "words")}
    assert search.hits() == set(), "it did not change since"
    assert search.hits(thorough=True) == {("log", "words")}
    log.unlink()
    (tmp_path / str(search.canaries.neighbour)).touch()
    assert {what for _place, what in search.hits()} == {"neighbour"}
