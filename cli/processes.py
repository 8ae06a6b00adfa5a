"""Web and worker as processes: gunicorn for HTTP, an event loop for the worker, or both in one."""

import asyncio
import signal
import threading
from typing import Any

from gunicorn.app.base import BaseApplication

from bot.worker import Worker
from cli import logs, wiring
from cli.settings import Settings


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn with our options; the application is made in each of its processes, after the fork."""

    def __init__(self, settings: Settings, clock: wiring.Clock, options: dict[str, Any]):
        self._settings, self._clock, self._options = settings, clock, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return wiring.app(self._settings, self._clock)


def run_web(
    settings: Settings, bind: str, workers: int = 1, with_worker: bool = False, clock: wiring.Clock = wiring.now
) -> None:
    """Serve until told to stop. With `with_worker` the worker runs in a thread of the (single) web process."""
    options: dict[str, Any] = {
        "bind": bind,
        "workers": 1 if with_worker else workers,
        "worker_class": "gthread",
        "threads": 8,
        "keepalive": 75,
        "timeout": 60,
        "graceful_timeout": 20,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "control_socket_disable": True,
    }
    if with_worker:
        beside = WorkerThread(settings, clock)
        options["post_worker_init"] = lambda _worker: beside.start()
        options["worker_exit"] = lambda _server, _worker: beside.stop()
    Gunicorn(settings, clock, options).run()


class WorkerThread:
    """The worker in a thread with its own event loop."""

    def __init__(self, settings: Settings, clock: wiring.Clock):
        self._settings, self._clock = settings, clock
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._ready = threading.Event()
        self._worker: Worker | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let what is under way end; harmless if it never began."""
        if self._ready.wait(10) and self._loop is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._worker.stopping.set)
            self._thread.join(20)

    def _run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._worker = wiring.worker(self._settings, self._clock)
        self._ready.set()
        await self._worker.run()


def run_worker(settings: Settings, clock: wiring.Clock = wiring.now) -> None:
    """Work until SIGTERM or SIGINT."""
    logs.set_up()

    async def work() -> None:
        worker = wiring.worker(settings, clock)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stopping.set)
        await worker.run()

    asyncio.run(work())
