"""The front: one application of two, by the path. Machines are answered in the event loop, pages by threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import Any

import structlog
from flask import Flask

from bot.desk import whereabouts
from cli.pages import Pages
from web.application import HEADERS
from web.hosts import Own, astray
from webhooks.application import BEGINNINGS, Hooks
from webhooks.calls import Line, Scope

log = structlog.get_logger()

THREADS = 20
"""Calls of machines that can wait at once for something slow."""

BROKE = """\
Algo falló aquí. Espere un momento e intente otra vez.

Something went wrong here. Wait a moment and try again.
"""
"""For whom no page can be made."""


class Front:
    """Pages and machines at one address. `beside` is entered before the first call and left after the last."""

    def __init__(self, pages: Flask, machines: Hooks, own: Own, beside: AbstractContextManager[Any]):
        self._pages, self._machines, self._own, self._beside = Pages(pages), machines, own, beside

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="machines"))
        self._beside.__enter__()

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        self._beside.__exit__(None, None, None)

    async def __rsgi__(self, scope: Scope, line: Line) -> None:
        try:
            await (self._machines if self._is_machines(scope) else self._pages)(scope, line)
        except Exception as error:  # the server would log what was asked
            log.error("web.broke", place=whereabouts(error))
            with suppress(Exception):  # an answer may have gone out
                kind = ("content-type", "text/plain; charset=utf-8")
                line.response_bytes(500, [*HEADERS.items(), kind], BROKE.encode())

    def _is_machines(self, scope: Scope) -> bool:
        host = scope.headers.get("host") or scope.authority or ""
        return scope.path.startswith(BEGINNINGS) and not astray(host, scope.path, self._own)
