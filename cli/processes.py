"""Web and worker as processes: Granian for HTTP, an event loop for the worker, or both in one."""

import asyncio
import resource
import signal
import socket
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from ipaddress import ip_address
from typing import Any

import uvloop
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops

from bot.lifecycle import NotPossible
from bot.worker import Worker
from cli import logs, wiring
from cli.settings import Settings

MOST_CONNECTIONS = 4_000
"""Connections of one web process, idle ones too: those above wait until the server has closed some (30 s)."""

FILES = 10_000
"""Open files that a web process asks to be allowed: a connection is one, and Linux allows 1,024 unless asked."""


def run_web(
    settings: Settings,
    host: str,
    port: int,
    workers: int = 1,
    with_worker: bool = False,
    clock: wiring.Clock = wiring.now,
    demo: bool = False,
) -> None:
    """Serve until told to stop. With `with_worker` the worker runs in a thread of the (single) web process.

    Raises NotPossible when nothing can listen there.
    """
    try_to_listen(host, port)
    allow_files()
    server = Granian(
        "cuenta",  # the application itself is made in each process, by the loader below
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=1 if with_worker else workers,
        backpressure=MOST_CONNECTIONS,
        loop=Loops.uvloop,
        websockets=False,
        http=HTTPModes.http1,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=20,
    )
    server.serve(target_loader=partial(load, settings, clock, with_worker, demo), wrap_loader=False)


def allow_files() -> None:
    """Ask for as many open files as we may have; processes that begin from here have as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def try_to_listen(host: str, port: int) -> None:
    """Take the address and let it go again: Granian would only say that it panicked. Raises NotPossible."""
    try:
        version = ip_address(host).version
    except ValueError:
        raise NotPossible(
            f"--host {host} is no address. Give one of this machine: 127.0.0.1, or 0.0.0.0 for all."
        ) from None
    with socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as refused:
            raise NotPossible(
                f"{host} port {port} cannot be listened on: {refused.strerror}. Give an address of this machine with"
                " --host, and a free port with --port."
            ) from None


def load(settings: Settings, clock: wiring.Clock, with_worker: bool, demo: bool) -> Any:
    """The `Front` of one web process, with the worker beside it if it is to have one."""
    logs.set_up()
    beside: AbstractContextManager[Any] = WorkerThread(settings, clock) if with_worker else nullcontext()
    return wiring.front(settings, clock, demo, beside)


class WorkerThread:
    """The worker in a thread with its own event loop."""

    def __init__(self, settings: Settings, clock: wiring.Clock):
        self._settings, self._clock = settings, clock
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._ready = threading.Event()
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        """Let what is under way end."""
        if self._ready.wait(10) and self._loop is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._worker.stopping.set)
            self._thread.join(20)

    def _run(self) -> None:
        uvloop.run(self._work())

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._worker = wiring.worker(self._settings, self._clock)
        self._ready.set()
        await self._worker.run()


def run_worker(settings: Settings, clock: wiring.Clock = wiring.now, demo: bool = False) -> None:
    """Work until SIGTERM or SIGINT."""
    logs.set_up()

    async def work() -> None:
        worker = wiring.worker(settings, clock, demo)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stopping.set)
        await worker.run()

    uvloop.run(work())
