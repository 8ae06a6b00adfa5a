"""The public files, as data: of a published consultation and of the plans, with what each column means."""

import hashlib
import json
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, request

from bot import idea_files, plan_files, results
from bot.complaints import case_files, case_sheets
from bot.desk import Desk
from storage import audit, counts, ideas
from storage import catalogue as shelf
from storage.counts import Count
from storage.database import reading
from web import announcements
from web.case_list import intake_of
from web.ideas import known
from web.rendering import kept

FOR_A_DAY = "public, max-age=86400"
"""What is published does not change."""


def routes(desk: Desk) -> Blueprint:
    """The files; the same in both languages."""
    blueprint = Blueprint("downloads", __name__)

    def published(slug: str) -> Count:
        with reading(desk.engine) as connection:
            # Only a slug that exists goes into a query: an address can hold what a database refuses to read.
            known = slug in desk.catalogue(connection, shelf.revision(connection)).consultations
            count = counts.of(connection, slug) if known else None
        if count is None or count.published_at is None:
            abort(404)
        return count

    @blueprint.get("/consultas/<slug>/papeletas.csv")
    def ballots(slug: str) -> Response:
        count = published(slug)
        lines = results.ballot_lines(lambda: reading(desk.engine), slug)
        answer = Response(lines)
        answer.implicit_sequence_conversion = False  # or the whole list would be in memory before the first line goes
        return _file(answer, "text/csv", str(count.list_digest))

    @blueprint.get("/consultas/<slug>/resultados.csv")
    def results_csv(slug: str) -> Response:
        return _made(results.as_csv(json.loads(published(slug).results)), "text/csv")

    @blueprint.get("/consultas/<slug>/resultados.json")
    def results_json(slug: str) -> Response:
        count = published(slug)
        return _made(results.as_json(json.loads(count.results), str(count.list_digest)), "application/json")

    @blueprint.get("/consultas/<slug>/columnas.csv")
    def columns(slug: str) -> Response:
        published(slug)
        return _made(results.columns_csv(), "text/csv")

    @blueprint.get("/plan.json")
    def plan_json() -> Response:
        return _of_today(plan_files.as_json(milestones()), "application/json")

    @blueprint.get("/plan.csv")
    def plan_csv() -> Response:
        return _of_today(plan_files.as_csv(milestones()), "text/csv")

    @blueprint.get("/plan/columnas.csv")
    def plan_columns() -> Response:
        return _of_today(plan_files.columns_csv(), "text/csv")

    @blueprint.get("/registro.json")
    def heads() -> Response:
        with reading(desk.engine) as connection:
            rows = audit.heads(connection)
        told = [{"day": row.day.isoformat(), "rows": row.last, "sha256": row.hash} for row in rows]
        return _of_today(json.dumps({"heads": told}).encode(), "application/json")

    @blueprint.get("/avisos.json")
    def announcements_json() -> Response:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            return _of_today(announcements.as_json(connection, city), "application/json")

    @blueprint.get("/ideas/<slug>.json")
    def ideas_json(slug: str) -> Response:
        return _of_today(idea_files.as_json(answers(slug)), "application/json")

    @blueprint.get("/ideas/<slug>.csv")
    def ideas_csv(slug: str) -> Response:
        return _of_today(idea_files.as_csv(answers(slug)), "text/csv")

    @blueprint.get("/ideas/columnas.csv")
    def ideas_columns() -> Response:
        return _of_today(idea_files.columns_csv(), "text/csv")

    @blueprint.get("/denuncias.json")
    def cases_json() -> Response:
        at, rows = cases()
        return _of_today(case_files.as_json("denuncias.csv", rows, at), "application/json")

    @blueprint.get("/denuncias.csv")
    def cases_csv() -> Response:
        return _of_today(case_files.as_csv("denuncias.csv", cases()[1]), "text/csv")

    @blueprint.get("/denuncias/cifras.json")
    def case_figures_json() -> Response:
        return _of_today(case_files.as_json("cifras.csv", case_figures()), "application/json")

    @blueprint.get("/denuncias/cifras.csv")
    def case_figures_csv() -> Response:
        return _of_today(case_files.as_csv("cifras.csv", case_figures()), "text/csv")

    @blueprint.get("/denuncias/columnas.csv")
    def case_columns() -> Response:
        return _of_today(case_files.columns_csv(), "text/csv")

    def cases() -> tuple[datetime | None, list[dict[str, Any]]]:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            intake_of(city)
            at, rows = case_sheets.listed(connection) or (None, [])
            return at and at.astimezone(city.hours.zone), case_files.list_rows(rows)

    def case_figures() -> list[dict[str, Any]]:
        with reading(desk.engine) as connection:
            intake_of(desk.catalogue(connection, shelf.revision(connection)))
            return case_files.figure_rows(case_sheets.figures(connection))

    def answers(slug: str) -> list[dict[str, Any]]:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            collection = known(city, slug)
            return idea_files.rows(collection, ideas.published(connection, [slug]), city.hours.zone)

    def milestones() -> list[dict[str, Any]]:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            now, zone = desk.clock(), city.hours.zone
            shown = {slug for slug, listed in city.consultations.items() if listed.phase(now) != "draft"}
            return list(plan_files.rows(connection, city.plans.values(), now.astimezone(zone).date(), zone, shown))

    return blueprint


def _of_today(body: bytes, kind: str) -> Response:
    """A file that can be another tomorrow."""
    answer = kept(body, f"{kind}; charset=utf-8")
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def _made(body: bytes, kind: str) -> Response:
    return _file(Response(body), kind, hashlib.sha256(body).hexdigest())


def _file(answer: Response, kind: str, digest: str) -> Response:
    """The file, or 304 to who has it already."""
    answer.content_type = f"{kind}; charset=utf-8"
    answer.headers["Cache-Control"] = FOR_A_DAY
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.set_etag(digest)
    answer.make_conditional(request)
    return answer
