"""Stand-ins for Telegram's and Twilio's servers, on this machine: for the demo, replays, benchmarks and tests.

They answer as the real ones do (form-encoded calls, error descriptions and codes, message ids that rise), deliver
nothing to anybody, and can be told to fail in the ways real ones fail.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from cli.telegram_standin import TOKEN, TelegramStandin
from cli.traffic import Traffic
from cli.twilio_standin import ACCOUNT_SID, AUTH_TOKEN, TwilioStandin


class Standins(Traffic):
    """Both providers on one port of 127.0.0.1. Start and stop it in the event loop that it is to live in."""

    token, account_sid, auth_token = TOKEN, ACCOUNT_SID, AUTH_TOKEN

    def __init__(self, callbacks: bool = False, port: int = 0, **traffic: Any):
        """`callbacks` posts delivery statuses; port 0 is any free one; the rest is of `Traffic`."""
        super().__init__(**traffic)
        self.telegram, self.twilio = TelegramStandin(self), TwilioStandin(self, callbacks)
        self._runner: web.ServerRunner | None = None
        self.port = port

    @property
    def telegram_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    twilio_url = telegram_url

    async def start(self) -> None:
        """Listen on the port."""
        # The bare server: routing and an application's request cost more than the answers do.
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.twilio.url = self.twilio_url

    async def stop(self) -> None:
        """Let go of whoever hangs, and stop listening."""
        self.release()
        await self.twilio.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> "Standins":
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        provider = self.telegram if path.startswith(("/bot", "/file/bot")) else self.twilio
        return await provider.answer(request, path)


@contextmanager
def running_standins(**options: Any) -> Iterator[Standins]:
    """Stand-ins in a thread with a loop of their own, for callers that block."""
    ready = threading.Event()
    found: list[Any] = []

    async def serve() -> None:
        providers, stopping = Standins(**options), asyncio.Event()
        async with providers:
            found.extend([providers, stopping, asyncio.get_running_loop()])
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="standins", daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the stand-ins did not start")
    providers, stopping, loop = found
    try:
        yield providers
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(20)
