"""The public files of a published consultation, as data: the list of ballots, the results, what each column means."""

import json
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, abort, request, stream_with_context

from bot import results
from bot.turn import Desk
from storage import counts
from storage.counts import Count
from storage.database import reading

FOR_A_DAY = "public, max-age=86400"
"""What is published does not change."""


def routes(desk: Desk) -> Blueprint:
    """The files; the same in both languages."""
    blueprint = Blueprint("downloads", __name__)

    def published(slug: str) -> Count:
        with reading(desk.engine) as connection:
            count = counts.of(connection, slug)
        if count is None or count.published_at is None:
            abort(404)
        return count

    def lines(slug: str) -> Iterator[bytes]:
        with reading(desk.engine) as connection:
            yield from results.ballot_lines(connection, slug)

    @blueprint.get("/consultas/<slug>/papeletas.csv")
    def ballots(slug: str) -> Response:
        return _file(published(slug), "text/csv", lambda _count: stream_with_context(lines(slug)))

    @blueprint.get("/consultas/<slug>/resultados.csv")
    def results_csv(slug: str) -> Response:
        return _file(published(slug), "text/csv", lambda count: results.as_csv(json.loads(count.results)))

    @blueprint.get("/consultas/<slug>/resultados.json")
    def results_json(slug: str) -> Response:
        return _file(published(slug), "application/json", _json)

    @blueprint.get("/consultas/<slug>/columnas.csv")
    def columns(slug: str) -> Response:
        return _file(published(slug), "text/csv", lambda _count: results.columns_csv())

    return blueprint


def _json(count: Count) -> bytes:
    return results.as_json(json.loads(count.results), str(count.list_digest))


def _file(count: Count, kind: str, make: Callable[[Count], bytes | Iterator[bytes]]) -> Response:
    """The file, or 304 to who has it already: the digest of the list names the state of all of them."""
    answer = Response(make(count), content_type=f"{kind}; charset=utf-8")
    answer.headers["Cache-Control"] = FOR_A_DAY
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.set_etag(str(count.list_digest))
    answer.make_conditional(request)
    return answer
