"""What a complaint costs in the chat and on the web, and what it costs everybody else that complaints are taken."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine, event, insert, text

from bench.world import prepare, settings_for
from bot.desk import Desk
from bot.messages import Incoming
from cli import talk, wiring
from cli.settings import Settings
from storage import receivers, vault, volatile
from storage.database import reading, transaction
from storage.staff import Account

REPEATS = 10
VOTE = ("votar", "1", "2", "1", "1 4 6", "1", "votar", "1 4 5", "1")
STORY = ("denunciar", "3", "1", "pidieron plata", "en la plaza", "ayer", "-", "lo vi", "-", "-", "1", "1")
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
CODE = re.compile(r'<dd id="clave">')


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        scratch = Path(name)
        with in_memory() as memory:
            settings = made(scratch / "on", memory / "volatile.db")
            clock = prepare(settings)
            desk = wiring.desk(settings, clock)
            give_keys(desk)
            on = statements(desk)
            chat, web = by_chat(desk), by_form(settings, desk, clock)
            dispose(desk)
        print(f"key of a case: {figures(derivations())} ms of processor time")
        print(f"filing in the chat, {len(STORY)} turns: {figures(chat)} ms, its last turn included")
        print(f"filing on the web, 3 requests: {figures(web)} ms")
        settings = made(scratch / "off", scratch / "off" / "volatile.db")
        desk = wiring.desk(settings, prepare(settings))
        off = statements(desk)
        dispose(desk)
        same = "the same" if on == off else "NOT the same"
        print(f"statements of a vote and a changed one: {len(on)} with complaints, {len(off)} without, {same}")


def figures(milliseconds: list[float]) -> str:
    return f"{min(milliseconds):.0f} (least), {median(milliseconds):.0f} (median)"


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder on tmpfs, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cuenta-bench-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def made(folder: Path, memory: Path) -> Settings:
    """Settings of a desk that takes complaints, if `memory` lies in memory."""
    folder.mkdir()
    return replace(settings_for(f"sqlite:///{folder / 'cuenta.db'}", folder / "keys", 1), volatile_path=memory)


def give_keys(desk: Desk) -> None:
    """Two receivers in each of two offices, and a paper key."""
    with transaction(desk.engine) as connection:
        for n, office in enumerate(("transparencia", "control-interno") * 2, start=1):
            account = {"id": n, "login": f"r{n}", "name": "R", "roles": "receiver", "offices": "", "password": "x"}
            connection.execute(insert(Account), {**account, "totp": b"", "made_at": desk.clock()})
            locked = vault.Locked(vault.key_pair().public, b"", b"", b"")
            receivers.add(connection, n, office, locked, date(2022, 1, 1))
        receivers.add_paper(connection, "personeria", vault.key_pair().public, date(2022, 1, 1))


_IDS = count(1)


def say(desk: Desk, who: str, line: str) -> None:
    """One turn; what is said then counts as sent."""
    assert desk.take(Incoming("telegram", who, f"bench-{next(_IDS)}", text=line))
    talk.waiting(desk, "telegram", who)


def by_chat(desk: Desk) -> list[float]:
    """Milliseconds of processor time of whole complaints in a chat."""
    taken = []
    for n in range(REPEATS):
        assert desk.volatile is not None
        volatile.write_probe(desk.volatile, desk.clock())
        before = time.process_time()
        for line in STORY:
            say(desk, f"filer-{n}", line)
        taken.append((time.process_time() - before) * 1000)
        assert cases_of(desk) == n + 1
    return taken


def cases_of(desk: Desk) -> int:
    with reading(desk.engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM sealedcase")).scalar_one())


def by_form(settings: Settings, desk: Desk, clock: wiring.Clock) -> list[float]:
    """The same of complaints by the form, in the application itself: no server in between, no file."""
    client, taken = wiring.app(settings, clock).test_client(), []
    story = {"what": "pidieron plata", "where": "en la plaza", "when": "ayer", "how": "lo vi"}
    for _n in range(REPEATS):
        before = time.process_time()
        client.get("/denuncia")
        form = client.post("/denuncia", data={"paso": "oficina", "oficina": "ninguna"}).text
        sent = client.post("/denuncia", data={**dict(HIDDEN.findall(form.partition("<form")[2])), **story})
        taken.append((time.process_time() - before) * 1000)
        assert CODE.search(sent.text)
    return taken


def derivations() -> list[float]:
    """What the access key alone takes."""
    taken = []
    for _n in range(REPEATS):
        before = time.process_time()
        vault.derive(vault.new_access_key(), vault.NO_SALT)
        taken.append((time.process_time() - before) * 1000)
    return taken


def statements(desk: Desk) -> list[str]:
    """What the database is asked for a vote and a changed one."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(desk.engine, "before_cursor_execute", note)
    for line in VOTE:
        desk.take(Incoming("telegram", "voter", f"bench-{next(_IDS)}", text=line))
    event.remove(desk.engine, "before_cursor_execute", note)
    return seen


def dispose(desk: Desk) -> None:
    engines: list[Engine | None] = [desk.engine, desk.volatile]
    for engine in engines:
        if engine is not None:
            engine.dispose()
