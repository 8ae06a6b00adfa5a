"""Answers: what a page of the console gives back other than itself, a way on or a file to keep."""

from collections.abc import Iterable
from typing import Any

from flask import Response, redirect, url_for

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def see(endpoint: str, **values: Any) -> Response:
    """On to another page of the console."""
    return go(url_for(endpoint, **values))


def go(address: str) -> Response:
    """On to an address."""
    return redirect(address, 303)  # type: ignore[return-value]


def download(body: bytes | Iterable[bytes], kind: str, name: str) -> Response:
    """A file to keep."""
    return Response(body, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
