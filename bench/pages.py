"""Requests a second of the results page of a million ballots beside an empty page; bytes of each page."""

import tempfile
import time
from pathlib import Path
from statistics import median

from flask import Flask, Response
from flask.testing import FlaskClient

from bench.counting import BALLOTS, fill
from bench.turns import spread
from bench.world import SLUG, settings_for
from bot import lifecycle
from cli import wiring
from storage import consultations
from storage.ballot_keys import BallotKeys
from storage.database import open_database, reading

REPEATS, REQUESTS = 5, 1_000
PAGES = ("/", f"/consultas/{SLUG}", f"/consultas/{SLUG}/recuento", "/recibo", "/privacidad", "/chat", "/nothing")


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        scratch = Path(name)
        url = f"sqlite:///{scratch}/pages.db"
        fill("SQLite", url, scratch)
        publish(url, scratch)
        app = wiring.app(settings_for(url, scratch / "keys", 1), demo=True)
        compare(app)
        weigh(app.test_client())


def publish(url: str, scratch: Path) -> None:
    engine = open_database(url)
    with reading(engine) as connection:
        row = consultations.one(connection, SLUG)
    assert row is not None
    lifecycle.count(engine, BallotKeys(scratch / "keys"), SLUG, row.paper_until)
    lifecycle.publish(engine, SLUG, row.paper_until)
    engine.dispose()


def compare(app: Flask) -> None:
    """Interleaved repeats by the app's own WSGI call, so that what is measured is the page and not the server."""
    app.add_url_rule("/empty", view_func=lambda: Response("", content_type="text/html"))
    client = app.test_client()
    rates: dict[str, list[float]] = {"/empty": [], f"/consultas/{SLUG}": []}
    for _n in range(REPEATS):
        for path, found in rates.items():
            found.append(rate(client, path))
    ratios = [page / bare for bare, page in zip(*rates.values(), strict=True)]
    for path, found in rates.items():
        print(f"{path}: {median(found):.0f} requests/s")
    print(f"results page of {BALLOTS:,} ballots against an empty page: {spread(ratios, 2)} (least / median / most)")


def rate(client: FlaskClient, path: str) -> float:
    start = time.perf_counter()
    for _n in range(REQUESTS):
        assert client.get(path).status_code == 200
    return REQUESTS / (time.perf_counter() - start)


def weigh(client: FlaskClient) -> None:
    for name in ("style.css", "chat.js", "recount.js"):
        print(f"/static/{name}: {len(client.get(f'/static/{name}').data):,} bytes")
    for path in PAGES:
        print(f"{path}: {len(client.get(path).data):,} bytes")
