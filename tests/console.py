"""Somebody of the staff in a test: signed in, with a form's token at hand."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, event
from werkzeug.test import TestResponse

from storage import sessions
from storage import staff as accounts
from storage.database import transaction
from tests.world import World
from web.console.access import Role
from web.console.credentials import Safe, hash_password

PASSWORD = "cuatro palabras que no casan"
HASHED = hash_password(PASSWORD)
SITE = "https://cuenta.example.test"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) \"?(\w+)")
UNNOTED = ({"staffsession", "visit"}, {"attempt", "recoverycode", "staff"}, {"roll", "ballot"})
"""What is written without a row of the record: the use of a session or a key, refused attempts with the code they used
up (the clock notes how many there were), and an assisted ballot."""


@contextmanager
def all_noted() -> Iterator[None]:
    """See that a request that changes something also adds a row to the record."""
    open_: dict[int, set[str]] = {}
    kept: set[str] = set()

    def write(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        found = WRITES.match(statement)
        if found:
            open_.setdefault(id(connection), set()).add(found[1])

    def keep(connection: Connection) -> None:
        kept.update(open_.pop(id(connection), ()))

    def undo(connection: Connection) -> None:
        open_.pop(id(connection), None)

    heard = (("before_cursor_execute", write), ("commit", keep), ("rollback", undo))
    for name, hear in heard:
        event.listen(Engine, name, hear)
    try:
        yield
    finally:
        for name, hear in heard:
            event.remove(Engine, name, hear)
    assert "audit" in kept or any(kept <= each for each in UNNOTED), f"not in the record: {sorted(kept)}"


class Signed:
    """A browser in which somebody is signed in."""

    def __init__(self, client: FlaskClient, id: int, login: str):
        self.client, self.id, self.login = client, id, login
        self._token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=SITE, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form with the token that the browser's pages carry; what it changes is in the record."""
        given = {"csrf_token": self.token(), **(data or {})}
        with all_noted():
            return self.client.post(path, data=given, base_url=SITE, **more)

    def token(self) -> str:
        """The token of this session's forms; it is the same in all of them."""
        self._token = self._token or self._found()
        return self._token

    def _found(self) -> str:
        found = TOKEN.search(self.get("/consola/cuenta").text) or TOKEN.search(self.get("/consola/entrar").text)
        assert found
        return found[1]


def account(world: World, login: str, roles: Iterable[Role], offices: Iterable[str] = ()) -> int:
    """Somebody of the staff with PASSWORD; the secret of their code generator is that of their login."""
    safe = Safe(world.desk.secret)
    with transaction(world.desk.engine) as connection:
        return accounts.make(
            connection,
            {
                "login": login, "name": login.title(), "roles": " ".join(roles), "offices": " ".join(offices),
                "password": HASHED, "totp": safe.seal(safe.generator(login)), "made_at": world.clock(),
            },
        )  # fmt: skip


def signed_in(app: Flask, world: World, *roles: Role, offices: Iterable[str] = (), login: str = "") -> Signed:
    """Somebody with these roles, signed in just now."""
    login = login or "-".join(roles)
    id, client = account(world, login, roles, offices), app.test_client()
    with transaction(world.desk.engine) as connection:
        sessions.begin(connection, Safe(world.desk.secret).hashed("session", f"token-{login}"), id, world.clock())
    with client.session_transaction(base_url=SITE) as session:
        session["token"] = f"token-{login}"
    return Signed(client, id, login)
