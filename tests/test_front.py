"""The front: what slow, endless and broken calls come to, and the processes that serve it."""

import asyncio
import contextlib
import io
import json
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from structlog.testing import capture_logs

from cli import processes, wiring
from cli.front import Front
from cli.pages import THREADS, Pages, environ_of
from cli.replay import SharedClock, free_port, settings_for
from cli.settings import Settings
from cli.spool import KEPT, Spool
from cli.standins import running_standins
from storage.inbox import Inbox
from tests.served import Headers, Line, Scope
from tests.world import DURING, World, open_vote, telegram_text
from web.hosts import Own

CANARY = "canario-en-una-falla"
SECRET = ("x-telegram-bot-api-secret-token", "webhook-secret-for-tests")
FORM = ("content-type", "application/x-www-form-urlencoded")
UPDATE = json.dumps(telegram_text(1, "7001", "hola")).encode()
LONG = ("content-length", str(len(UPDATE)))


def call(front: Front, line: Line, path: str = "/webhooks/telegram", *headers: tuple[str, str]) -> int | None:
    """The status with which a call is answered, whose body comes by this line."""
    method = "POST" if line.pieces else "GET"
    asyncio.run(front.__rsgi__(Scope(method, path, "", Headers([SECRET, *headers])), line))
    return line.answer[0] if line.answer is not None else None


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (Line([UPDATE]), [LONG], 200),
        (Line([UPDATE[:9], UPDATE[9:]]), [LONG], 200),
        (Line([UPDATE[:9], UPDATE[9:]]), [], 200),
        (Line([UPDATE[:9]]), [LONG], 400),
        (Line([UPDATE], has_gone=True), [LONG], 400),
        (Line([UPDATE], ends=False), [LONG], 400),
        (Line([UPDATE], ends=False), [], 400),
        (Line([b"x" * 100_000] * 20), [], 413),
        (Line([UPDATE]), [("content-length", "1000001")], 413),
    ],
    ids=[
        "whole",
        "in two pieces",
        "of no stated length",
        "broken off",
        "gone",
        "slow",
        "slow too",
        "endless",
        "too long",
    ],
)
def test_a_message_counts_when_it_came_whole(
    little_world: World, line: Line, headers: list[tuple[str, str]], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.calls.PATIENCE", 0.05)
    assert call(wiring.front(little_world.settings, little_world.clock), line, "/webhooks/telegram", *headers) == status
    assert len(little_world.rows(Inbox)) == (status == 200)


class Broken(Flask):
    def wsgi_app(self, _environ: Any, _start_response: Any) -> Any:
        raise ValueError(CANARY)


def test_what_breaks_beneath_the_pages_is_noted_without_its_words(little_world: World) -> None:
    front = Front(Broken("broken"), wiring.hooks(little_world.settings, little_world.desk), Own(), nullcontext())
    with capture_logs() as events:
        assert call(front, Line([]), "/") == 500
    assert [(each["event"], each["place"].split(":")[0]) for each in events] == [
        ("web.broke", "ValueError tests/test_front.py")
    ]
    assert CANARY not in json.dumps(events)


@pytest.fixture
def front(little_world: World) -> Front:
    return wiring.front(little_world.settings, little_world.clock)


def test_who_stops_in_the_middle_of_a_form_takes_no_thread(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr("cli.pages.PATIENCE", 0.05)
    monkeypatch.setattr(Pages, "_make", lambda *given: made.append(given))
    assert call(front, Line([b"recibo="], ends=False), "/recibo", FORM, ("content-length", "99")) == 400
    assert call(front, Line([b"recibo="]), "/recibo", FORM, ("content-length", "99")) == 400
    monkeypatch.undo()
    monkeypatch.setattr("cli.pages.STALLED", 0.05)
    monkeypatch.setattr(Pages, "_make", lambda *given: made.append(given))
    assert call(front, Line([b"recibo="], ends=False), "/recibo", FORM, ("content-length", "99")) == 400
    assert made == []


def test_forms_have_room_as_their_bytes_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who announces much and sends little takes no room; what was sent has it until the answer is made."""
    monkeypatch.setattr("cli.pages.MOST_HELD", 3_000_000)
    pages, halves = Pages(Lists()), [b"x" * 1_000_000, b"x" * 500_000]

    async def ask() -> list[int]:
        def send(line: Line, length: int) -> asyncio.Task[None]:
            headers = Headers([("content-length", str(length))])
            return asyncio.ensure_future(pages(Scope("POST", "/denuncia", "", headers), line))

        calls = [send(Line([b"x"], ends=False), 50_000_000) for _n in range(20)]
        lines = [Line(halves), Line(halves), *(Line(halves, ends=False) for _n in range(3))]
        for line in lines[:2]:
            await send(line, 1_500_000)
        calls += [send(line, 2_000_000) for line in lines[2:]]
        for _n in range(9):
            await asyncio.sleep(0)
        for each in calls:
            each.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return [line.answer[0] if line.answer else 0 for line in lines]

    assert asyncio.run(ask()) == [200, 200, 0, 503, 503], "of the three that do not end one has room"
    assert pages._held == 0


def test_a_form_of_no_stated_length_could_be_one_that_broke_off(front: Front) -> None:
    line = Line([b"recibo=1"])
    assert call(front, line, "/recibo", FORM, ("transfer-encoding", "chunked")) == 411
    assert (
        call(
            front, Line([b"recibo=1"]), "/recibo", FORM, *(("transfer-encoding", each) for each in ("gzip", "chunked"))
        )
        == 411
    )
    assert line.answer is not None
    assert "No se guardó nada" in line.answer[2].decode(), "who is not heard is told"
    assert "Content-Security-Policy" in dict(line.answer[1])


def test_a_form_that_is_too_long_is_not_read_and_is_told_so_by_a_page(front: Front) -> None:
    line = Line([b"x"], ends=False)
    assert call(front, line, "/recibo", FORM, ("content-length", "1000001")) == 413
    assert line.answer is not None
    assert "Es demasiado de una vez" in line.answer[2].decode()


def test_who_has_gone_away_gets_no_page_made(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(Pages, "_make", lambda *given: made.append(given))
    pages = front._pages

    async def leave() -> None:
        scope = Scope("GET", "/", "", Headers([]))
        async with contextlib.AsyncExitStack() as stack:
            for _n in range(THREADS):
                await stack.enter_async_context(pages._room)
            waiting = asyncio.ensure_future(front.__rsgi__(scope, Line([], has_gone=True)))
            for _n in range(5):
                await asyncio.sleep(0)
        await waiting

    asyncio.run(leave())
    assert made == []


def test_more_than_can_wait_are_sent_away(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.pages.MOST_WAITING", 0)
    assert call(front, Line([]), "/") == 503
    assert call(front, Line([]), "/healthz") == 200, "machines have nothing to do with pages"


# Downloads


class Lists:
    """An application with a list in pieces, which counts how often it was made, and breaks off where it is told to."""

    def __init__(self, tag: str = "", breaks: bool = False):
        self.tag, self.breaks, self.made = tag, breaks, 0

    def __call__(self, _environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("etag", self.tag)] if self.tag else [])
        yield b"first,"
        self.made += 1
        if self.breaks:
            raise ValueError(CANARY)
        yield b"last"


def made_by(pages: Pages, method: str = "GET") -> tuple[int, list[tuple[str, str]], bytes]:
    """What an application's pages answer a call."""
    line = Line([])
    pages._make(environ_of(Scope(method, "/", "", Headers([])), io.BytesIO()), line)
    assert line.answer is not None
    return line.answer


def test_a_list_in_pieces_goes_out_whole_with_its_length() -> None:
    assert made_by(Pages(Lists())) == (200, [("content-length", "10")], b"first,last")


def test_a_list_with_a_tag_is_made_once_for_all_who_ask_and_anew_when_the_tag_changes() -> None:
    lists = Lists('"1"')
    pages = Pages(lists)
    assert [made_by(pages)[2] for _n in range(3)] == [b"first,last"] * 3
    assert lists.made == 1
    lists.tag = '"2"'
    made_by(pages)
    assert lists.made == 2


def test_a_list_without_a_tag_is_another_each_time() -> None:
    lists = Lists()
    pages = Pages(lists)
    assert [made_by(pages)[2] for _n in range(3)] == [b"first,last"] * 3
    assert lists.made == 3


def test_a_file_that_nobody_asked_for_any_more_is_given_up() -> None:
    now = [0.0]
    spool = Spool(lambda: now[0])
    old = spool.hold("a", [b"1"])
    now[0] = KEPT - 1
    assert spool.hold("a", [b"2"]) is old
    now[0] = 2 * KEPT
    assert spool.hold("a", [b"2"]) is not old
    assert Path(spool.hold("a", []).path).read_bytes() == b"2"


@pytest.mark.parametrize("tag", ["", '"1"'])
def test_a_list_that_breaks_off_does_not_pass_for_a_whole_one(little_world: World, tag: str) -> None:
    broken = Flask("broken")
    lists = Lists(tag, breaks=True)
    broken.wsgi_app = lists  # type: ignore[method-assign,assignment]
    front = Front(broken, wiring.hooks(little_world.settings, little_world.desk), Own(), nullcontext())
    line = Line([])
    assert call(front, line, "/") == 500
    assert line.answer is not None
    assert "intente otra vez" in line.answer[2].decode()
    assert CANARY not in line.answer[2].decode()
    lists.breaks = False
    assert call(front, Line([]), "/") == 200, "and what was begun is not kept"


# Headers


def test_a_header_with_a_low_line_does_not_pass_for_one_that_a_proxy_has_set() -> None:
    headers = Headers([("x-forwarded-for", "9.9.9.2"), ("x_forwarded_for", "7.7.7.7"), ("cookie", "a=1")])
    environ = environ_of(
        Scope("GET", "/recibo", "a=%C3%B1", headers, server="[::1]:80", client="[::1]:99"), io.BytesIO(b"abc")
    )
    assert environ["HTTP_X_FORWARDED_FOR"] == "9.9.9.2"
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "::1", "80")
    assert (environ["QUERY_STRING"], environ["HTTP_COOKIE"]) == ("a=%C3%B1", "a=1")
    assert environ["wsgi.input"].read() == b"abc"


def test_cookies_in_two_lines_are_two_cookies_and_odd_letters_go_as_their_bytes(front: Front) -> None:
    environ = environ_of(Scope("GET", "/", "q=€", Headers([("cookie", "a=1"), ("cookie", "b=2")])), io.BytesIO())
    assert (environ["HTTP_COOKIE"], environ["QUERY_STRING"]) == ("a=1; b=2", "q=\xe2\x82\xac")
    line = Line([])
    asyncio.run(front.__rsgi__(Scope("GET", "/", "q=€", Headers([])), line))
    assert line.answer is not None
    assert line.answer[0] == 200


@pytest.mark.parametrize("path", ["/webhooks/telegram", "/recibo"])
@pytest.mark.parametrize("length", ["", "+9", "-1", "٩", "²", "0" * 5_000 + "9", "9" * 5_000])
def test_a_length_that_is_none_is_refused(front: Front, path: str, length: str) -> None:
    assert call(front, Line([UPDATE]), path, FORM, ("content-length", length)) == 400


def test_what_runs_beside_is_there_before_the_first_call_and_until_the_last(little_world: World) -> None:
    seen: list[str] = []

    @contextlib.contextmanager
    def beside() -> Iterator[None]:
        seen.append("in")
        yield
        seen.append("out")

    front = wiring.front(little_world.settings, little_world.clock, beside=beside())
    loop = asyncio.new_event_loop()
    front.__rsgi_init__(loop)
    assert seen == ["in"]
    front.__rsgi_del__(loop)
    loop.close()
    assert seen == ["in", "out"]


# Processes


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Iterator[Settings]:
    with running_standins() as providers:
        made = settings_for(sqlite_url, tmp_path / "keys", providers)
        open_vote(made)
        yield made


@contextlib.contextmanager
def web(settings: Settings, workers: int = 1, with_worker: bool = False) -> Iterator[Any]:
    """A web process that answers; it is told to stop at the end, and has to."""
    port = int(settings.public_url.rpartition(":")[2])
    given = (settings, "127.0.0.1", port, workers, with_worker, SharedClock(DURING))
    process = multiprocessing.get_context("spawn").Process(target=processes.run_web, args=given)
    process.start()
    try:
        until(lambda: answers(settings, "/healthz"))
        yield process
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(30)
        assert process.exitcode in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.join(10)


def answers(settings: Settings, path: str) -> bool:
    try:
        return requests.get(settings.public_url + path, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def until(done: Any) -> None:
    """Ask until it is so, half a minute at most."""
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a process starts when it starts; nothing here hangs on how long that takes


def test_the_worker_beside_the_web_works_and_ends_with_it(settings: Settings) -> None:
    with web(settings, with_worker=True) as process:
        until(lambda: answers(settings, "/readyz"))
        family = psutil.Process(process.pid).children(recursive=True)
    assert not any(child.is_running() for child in family)


def test_more_idle_connections_than_linux_allows_unasked_keep_nobody_from_an_answer(settings: Settings) -> None:
    processes.allow_files()  # both ends of each are on this machine
    allowed, where = resource.getrlimit(resource.RLIMIT_NOFILE)[0], urlsplit(settings.public_url)
    with web(settings), contextlib.ExitStack() as stack:
        for _n in range(min(1_200, allowed - 200)):
            stack.enter_context(socket.create_connection((str(where.hostname), where.port or 0), timeout=10))
        assert answers(settings, "/healthz")


LIST = b"x" * 1_000_000


def many_lists(_environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("content-type", "text/csv"), ("etag", '"1"')])
    for _n in range(30):
        yield LIST


class Alone:
    """A server of pages alone."""

    def __init__(self) -> None:
        self.pages = Pages(many_lists)

    async def __rsgi__(self, scope: Any, line: Any) -> None:
        await self.pages(scope, line)


def alone() -> Any:
    return Alone()


def serve(port: int) -> None:
    server = Granian("alone", "127.0.0.1", port, interface=Interfaces.RSGI, http=HTTPModes.http1, log_enabled=False)
    server.serve(target_loader=alone, wrap_loader=False)


def test_who_reads_a_download_slowly_costs_no_memory() -> None:
    """By the server itself: 30 MB for each of ten that read nothing, and it stays small; who reads gets all of it."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))
    process.start()
    try:
        with contextlib.ExitStack() as stack:
            until(lambda: has_begun(port))
            for _n in range(10):
                stuck = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
                stuck.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert stuck.recv(12) == b"HTTP/1.1 200"
            answer = requests.get(f"http://127.0.0.1:{port}/", timeout=30)
            assert (len(answer.content), answer.headers["content-length"]) == (30 * len(LIST), str(30 * len(LIST)))
            family = psutil.Process(process.pid).children(recursive=True)
            assert max(each.memory_info().rss for each in family) < 250_000_000
    finally:
        process.terminate()
        process.join(30)


def has_begun(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_a_web_process_that_dies_is_replaced_and_all_end_together(settings: Settings) -> None:
    with web(settings, workers=2) as process:
        children = psutil.Process(process.pid).children()
        servers = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
        assert len(servers) == 2
        servers[0].kill()
        until(lambda: len(set(psutil.Process(process.pid).children()) - set(children)) == 1)
        until(lambda: answers(settings, "/healthz"))
        family = psutil.Process(process.pid).children(recursive=True)
    psutil.wait_procs(family, timeout=20)
    assert not any(child.is_running() for child in family)
