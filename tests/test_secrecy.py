"""Who filed is nowhere: real web processes and a real worker, which die now and then, and every byte they leave.

A complaint comes in by Telegram and another by the web. After each step all files, rows, logs and pages of the database
are searched for what was given away on purpose (`tests.canaries`); the search itself must find what is planted.
"""

import io
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from sqlalchemy import Engine, text
from twilio.request_validator import RequestValidator

from bot.complaints import cases, redaction
from cli import processes
from cli.replay import SharedClock, free_port, settings_for
from cli.settings import Settings
from cli.standins import Standins, running_standins
from storage import cases as shelf
from storage import ticks, vault, volatile
from storage.database import open_database, reading, transaction
from storage.ink import Ink
from tests import vaults
from tests.canaries import Canaries, Search, folders_of
from tests.complaint_pages import NONE, codes, hidden, multipart
from tests.test_kill import Office, deliver, until
from tests.vaults import in_memory
from tests.world import DURING, open_vote, telegram_text


@pytest.fixture
def providers() -> Iterator[Standins]:
    with running_standins() as started:
        yield started


def logged(log: Path, target: Callable[..., None], *given: Any) -> None:
    """Run in a process of its own, whatever it prints going to a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    target(*given)


@dataclass
class Machine(Office):
    """Two web processes and a worker of one desk, whose files are all in `folder`."""

    folder: Path = Path()
    ports: dict[str, int] = field(default_factory=dict)

    def start(self, name: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        given: tuple[Any, ...] = (processes.run_worker, self.settings, self.clock)
        if name != "worker":
            port = self.ports.setdefault(name, free_port())
            given = (processes.run_web, self.settings, "127.0.0.1", port, 1, False, self.clock)
        self.running[name] = spawn.Process(target=logged, args=(self.folder / f"{name}.log", *given))
        self.running[name].start()

    def again(self, name: str) -> None:
        """It dies, and a new one takes its place."""
        self.kill(name)
        self.start(name)

    def at(self, name: str) -> Settings:
        """The settings by which the outside reaches one of the web processes."""
        return replace(self.settings, public_url=f"http://127.0.0.1:{self.ports[name]}")


@pytest.fixture
def machine(
    database_url: str, tmp_path: Path, providers: Standins, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with in_memory() as memory:
        settings = settings_for(
            database_url, tmp_path / "keys", providers, VOLATILE_PATH=str(memory / "volatile.db"), PROXIES="1",
            WHATSAPP_COMPLAINTS="whatsapp:+573009999999",
        )  # fmt: skip
        open_vote(settings)
        made = Machine(settings, SharedClock(DURING), {}, folder=tmp_path)
        for name in ("worker", "a", "b"):
            made.start(name)
        try:
            yield made
        finally:
            made.stop()


@dataclass
class Filer:
    """Somebody who gives away all they can: name, number, place, whose message it was."""

    providers: Standins
    machine: Machine
    canaries: Canaries
    ids: Iterator[int] = field(default_factory=lambda: count(1001))
    wrote: list[str] = field(default_factory=list)

    @property
    def to(self) -> str:
        return str(self.canaries.chat)

    def update(self, **message: Any) -> dict[str, Any]:
        mark, number = self.canaries.mark, next(self.ids)
        names = {"first_name": f"{mark}-name", "last_name": f"{mark}-last", "username": f"{mark}_user"}
        self.wrote.append(str(number))
        return {
            "update_id": 10**6 + number,
            "message": {
                "message_id": number,
                "date": 1_668_600_000,
                "chat": {"id": self.canaries.chat, "type": "private", **names},
                "from": {"id": self.canaries.chat, "is_bot": False, "language_code": "es", **names},
                "forward_origin": {"type": "hidden_user", "sender_user_name": f"{mark}-origin", "date": 1},
                **message,
            },
        }

    def says(self, web: str, **message: Any) -> None:
        """Write to one of the web processes, twice, and wait for the answer."""
        before = self.providers.count(self.to)
        self.deliver(web, **message)
        until(lambda: not waiting(self.machine) and self.providers.count(self.to) > before)

    def deliver(self, web: str, **message: Any) -> None:
        update = self.update(**message)
        for _twice in range(2):
            deliver(self.machine.at(web), update)

    def photo(self) -> dict[str, Any]:
        mark = self.canaries.mark
        self.providers.telegram.files[f"{mark}-file"] = picture(mark)
        document = {"file_id": f"{mark}-file", "file_unique_id": f"{mark}-unique", "file_size": 900}
        return {
            "caption": f"{mark}-caption",
            "document": {**document, "file_name": f"{mark}.jpg", "mime_type": "image/jpeg"},
        }

    def card(self) -> dict[str, Any]:
        number = f"+{self.canaries.phone}"
        return {"contact": {"phone_number": number, "first_name": "-", "user_id": self.canaries.chat}}

    def codes(self) -> tuple[str, str]:
        """Number and access key, as the chat was told them."""
        (shown,) = [message.text for message in self.providers.to(self.to) if "Clave: " in message.text]
        locator, key = (line.split(": ")[1] for line in shown.split("\n"))
        return locator, key


def picture(mark: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = f"{mark}-exif"
    body = io.BytesIO()
    Image.new("RGB", (40, 40), (90, 120, 40)).save(body, "JPEG", exif=exif, comment=f"{mark}-comment".encode())
    return body.getvalue()


def waiting(machine: Machine) -> int:
    """Confidential replies that no provider has yet."""
    machine.clock.set(machine.clock() + timedelta(seconds=0.5))  # so that the leases of a dead worker run out
    return in_store(machine, "SELECT count(*) FROM outgoing")


def in_store(machine: Machine, statement: str) -> int:
    store = volatile.open_store(machine.settings.volatile_path)
    with reading(store) as connection:
        number = int(connection.execute(text(statement)).scalar_one())
    store.dispose()
    return number


def test_nothing_that_stays_tells_who_filed_or_what(machine: Machine, providers: Standins) -> None:
    canaries, settings = Canaries(), machine.settings
    engine = open_database(settings.database_url)
    pairs = vaults.make_keys(engine, DURING)
    search = Search(canaries, folders_of(engine, machine.folder), engine, Ink(settings.ballot_keys_dir))
    filer, mark = Filer(providers, machine, canaries), canaries.mark

    def nothing_after(what: str) -> None:
        hits = search.hits()
        assert not {hit for hit in hits if hit[1] != "neighbour"}, what

    until(lambda: in_store(machine, "SELECT count(*) FROM probe"))
    by_chat(filer, nothing_after)
    locator, key = filer.codes()
    canaries.keys.append(key)
    nothing_after("it was sent")
    filer.says("a", text=key[-4:])
    assert ("table contact", "neighbour") in search.hits(), "the search does not even find an ordinary contact"
    told, bodies = opened(engine, locator, pairs)
    assert {f"{mark}-what", f"{mark}-caption"} <= told, "the complaint is not even there"
    assert not any(f"{mark}-{hidden}".encode() in body for body in bodies for hidden in ("exif", "comment"))

    locator, key = on_the_web(machine, canaries)
    canaries.keys.append(key)
    nothing_after("the form was sent")
    assert {f"{mark}-web", f"{mark}-more"} <= opened(engine, locator, pairs)[0]

    machine.clock.set(machine.clock() + timedelta(hours=2, minutes=5))
    until(lambda: not providers.telegram.held(filer.to, filer.wrote))
    history = repr((list(providers.sent), [call for call in providers.calls if call[1] != "getFile"]))
    assert mark not in history
    assert canaries.phone not in history
    logs = "".join(path.read_text() for path in machine.folder.glob("*.log"))
    assert "worker.started" in logs, "the logs are not even there"
    assert not any(secret in logs for secret in (settings.telegram_bot_token, settings.secret_key, "/bot"))

    filer.deliver("a", text="hola")  # now like anybody else
    hits = {hit for hit in search.hits(thorough=True) if hit[1] != "neighbour"}
    assert {place for place, _what in hits if place.startswith("table")} == {"table contact"}
    assert {what for _place, what in hits} == {"chat"}
    engine.dispose()


def by_chat(filer: Filer, nothing_after: Callable[[str], None]) -> None:
    """A whole complaint, by way of both web processes; one of them dies, and the worker too."""
    mark, number = filer.canaries.mark, filer.canaries.phone
    steps: list[tuple[str, dict[str, Any]]] = [
        ("a", {"text": "denunciar"}),
        ("b", {"text": "3"}),
        ("a", {"text": "1"}),
        ("b", {"text": f"{mark}-what"}),
        ("a", filer.card()),
        ("b", {"text": f"{mark}-where, +{number}"}),
        *[("b", {"text": "-"})] * 5,
        ("a", filer.photo()),
        ("b", {"text": "1"}),
        ("a", {"text": "1"}),
    ]
    for n, (web, message) in enumerate(steps):
        filer.says(web, **message)
        nothing_after(f"step {n}")
        if n == 4:
            filer.machine.again("a")
            deliver(filer.machine.at("b"), telegram_text(5, str(filer.canaries.neighbour), "hola"))
        if n == 8:
            filer.machine.again("worker")


def test_by_whatsapp_nothing_that_stays_tells_who_filed_or_what(machine: Machine, providers: Standins) -> None:
    """The company of the chat is Twilio's stand-in, with redaction on: it keeps no word, and never sees the key."""
    canaries, settings = Canaries(), machine.settings
    providers.twilio.redacts = True
    engine = open_database(settings.database_url)
    pairs = vaults.make_keys(engine, DURING)
    search = Search(canaries, folders_of(engine, machine.folder), engine, Ink(settings.ballot_keys_dir))
    who, mark = f"whatsapp:+{canaries.phone}", canaries.mark
    until(lambda: in_store(machine, "SELECT count(*) FROM probe"))
    with transaction(engine) as connection:
        for name in (redaction.LOOKED, redaction.PASSED):
            ticks.mark(connection, name, machine.clock())

    told = ("denunciar", "3", "1", f"{mark}-what", f"{mark}-where", *"-----", "1")
    for n, words in enumerate(told):
        before = providers.count(who)
        sid = f"SM{mark}{n:018}"
        providers.twilio.receive(who, settings.twilio_whatsapp_from, words, machine.clock(), sid)
        for _twice in range(2):
            by_twilio(machine, "ab"[n % 2], who, sid, words)
        until(lambda: not waiting(machine) and providers.count(who) > before)  # noqa: B023  it is waited for here
        if n == 3:
            machine.again("a")
            assert search.hits() == set(), words
        if n == 6:
            machine.clock.set(machine.clock() + timedelta(minutes=1))  # so that the new one looks through Twilio's list
            machine.again("worker")
    shown = "\n".join(message.text for message in providers.to(who))
    link = re.findall(r"/denuncia/clave/[\w-]{43}", shown)[-1]
    assert search.hits() == set()

    browser = requests.Session()
    browser.headers["X-Forwarded-For"], browser.headers["User-Agent"] = str(canaries.visitor), f"{mark}-browser"
    address = f"{machine.at('b').public_url}{link}"
    assert browser.get(address, timeout=60).status_code == 200
    locator, key = codes(browser.post(address, timeout=60))
    assert not browser.cookies
    assert browser.post(address, timeout=60).status_code == 410
    canaries.keys.append(key)
    assert locator in shown
    assert {f"{mark}-what", f"{mark}-where"} == opened(engine, locator, pairs, files=False)[0]
    assert search.hits(thorough=True) == set()

    secret = (mark, key, key.replace("-", ""))
    kept = repr((list(providers.twilio.inbound), list(providers.twilio.outbound.values())))
    assert {message["body"] for message in providers.twilio.outbound.values()} == {""}
    assert not any(each in kept.replace(f"SM{mark}", "") for each in secret)
    assert not any(each in repr(list(providers.calls)) for each in (*secret, "StatusCallback"))
    logs = "".join(path.read_text() for path in machine.folder.glob("*.log"))
    assert "worker.started" in logs, "the logs are not even there"
    assert not any(each in logs for each in (*secret, link, canaries.phone, locator))
    machine.clock.set(machine.clock() + timedelta(hours=2, minutes=5))
    until(lambda: not providers.twilio.outbound)
    engine.dispose()


def by_twilio(machine: Machine, web: str, who: str, sid: str, words: str) -> None:
    """Somebody writes by WhatsApp: Twilio calls one of the web processes, until it is answered."""
    settings = machine.settings
    form = {
        "MessageSid": sid, "AccountSid": settings.twilio_account_sid, "From": who, "NumMedia": "0", "Body": words,
        "To": settings.twilio_whatsapp_from,
    }  # fmt: skip
    address = "/webhooks/twilio"
    signature = RequestValidator(settings.twilio_auth_token).compute_signature(settings.public_url + address, form)

    def taken() -> bool:
        try:
            headers = {"X-Twilio-Signature": signature}
            answer = requests.post(machine.at(web).public_url + address, data=form, headers=headers, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200

    until(taken)


def on_the_web(machine: Machine, canaries: Canaries) -> tuple[str, str]:
    """A complaint by the form, and something added to it later; its codes."""
    mark, browser = canaries.mark, requests.Session()
    browser.headers["X-Forwarded-For"] = str(canaries.visitor)
    browser.headers["User-Agent"] = f"{mark}-browser"
    page = f"{machine.at('a').public_url}/denuncia"

    def send(path: str, shown: requests.Response, files: tuple[tuple[bytes, str], ...] = (), **given: str) -> Any:
        body, kind = multipart({**hidden(shown), **given}, files)
        return browser.post(page + path, data=body, headers={"Content-Type": kind}, timeout=60)

    form = send("", browser.get(page, timeout=60), oficina=NONE)
    told = {"what": f"{mark}-web", "name": f"{mark}-name"}
    locator, key = codes(send("", form, ((picture(mark), f"{mark}.jpg"),), **told))
    door = browser.get(f"{page}/consultar", timeout=60)
    case = send("/consultar", door, paso="entrar", numero=locator, clave=key)
    assert "agregado" in send("/consultar", case, texto=f"{mark}-more").url
    return locator, key


def opened(
    engine: Engine, locator: str, pairs: dict[int, vault.KeyPair], files: bool = True
) -> tuple[set[str], list[bytes]]:
    """The words and the files of a case, as whoever holds the paper key reads them."""
    paper = max(pairs)
    with reading(engine) as connection:
        case = shelf.by_locator(connection, locator)
        assert case is not None
        wrapped = shelf.wrap_for(connection, case.id, paper)
        assert wrapped is not None
        private = vault.unwrap(wrapped, pairs[paper].private)
        told = [(row.id, bytes(row.body)) for row in shelf.parts(connection, case.id, ("told",))]
        bodies = [(row.id, bytes(row.body)) for row in shelf.parts(connection, case.id, ("file",))]
    words = {cases.Told.unpacked(vault.unseal(private, case.id, id, "told", body)).text for id, body in told}
    found = [cases.File.unpacked(vault.unseal_file(private, case.id, id, body)).body for id, body in bodies]
    assert bool(found) == files
    return words, found
