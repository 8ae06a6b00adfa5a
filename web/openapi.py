"""The published data as an OpenAPI document, for those who read it with programs."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, json

from bot.results import COLUMNS

SLUG = {
    "name": "slug",
    "in": "path",
    "required": True,
    "description": "La consulta, como está en su dirección. / The consultation, as in its address.",
    "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,60}$"},
}
NOT_PUBLISHED = {
    "description": "No existe esa consulta, o sus resultados todavía no se publican. / "
    "There is no such consultation, or its results are not published yet.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}
HEADERS = {
    "ETag": {
        "description": "Cambia cuando cambia el archivo. / Changes when the file does.",
        "schema": {"type": "string"},
    },
    "Cache-Control": {"schema": {"type": "string"}},
}
PEOPLE = {"type": "object", "additionalProperties": {"type": ["integer", "null"], "minimum": 0}}
WORDS = {"type": "object", "additionalProperties": {"type": "string"}}
PROPOSAL = {
    "type": "object",
    "required": ["id", "number", "title", "votes", "rank"],
    "properties": {
        "id": {"type": "string"},
        "number": {"type": "integer", "minimum": 1},
        "title": WORDS,
        "votes": {"type": "integer", "minimum": 0},
        "rank": {"type": "integer", "minimum": 1},
    },
}
RESULTS = {
    "type": "object",
    "required": [
        "consultation",
        "title",
        "ballots",
        "votes",
        "proposals",
        "ties",
        "turnout",
        "ballots_sha256",
        "columns",
    ],
    "properties": {
        "consultation": {"type": "string"},
        "title": WORDS,
        "ballots": {"type": "integer", "minimum": 0},
        "votes": {"type": "integer", "minimum": 0},
        "proposals": {"type": "array", "items": PROPOSAL},
        "ties": {"type": "array", "items": {"type": "array", "items": {"type": "string"}, "minItems": 2}},
        "turnout": {"type": "object", "additionalProperties": PEOPLE},
        "ballots_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "columns": {"type": "object"},
    },
}
READY = {
    "type": "object",
    "required": ["database", "migrations", "worker"],
    "additionalProperties": {"type": "boolean"},
}


def document() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cuenta: resultados publicados / published results",
            "version": "1",
            "description": "Resultados, lista de papeletas y significado de cada columna de cada consulta publicada. / "
            "Results, the list of ballots and what each column means, of every published consultation.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/consultas/{slug}/resultados.json": _file(
                "Resultados de una consulta / Results of a consultation", "application/json", RESULTS
            ),
            "/consultas/{slug}/resultados.csv": _file(_columns("resultados.csv"), "text/csv"),
            "/consultas/{slug}/papeletas.csv": _file(_columns("papeletas.csv"), "text/csv"),
            "/consultas/{slug}/columnas.csv": _file(
                "Qué significa cada columna de los otros archivos / What each column of the other files means",
                "text/csv",
            ),
            "/healthz": {
                "get": {
                    "summary": "Si este proceso responde / Whether this process answers",
                    "responses": {"200": _text("text/plain")},
                }
            },
            "/readyz": {
                "get": {
                    "summary": "Si están la base de datos, su esquema y el que envía / "
                    "Whether database, schema and worker are there",
                    "responses": {"200": _body("application/json", READY), "503": _body("application/json", READY)},
                }
            },
        },
    }


def routes() -> Blueprint:
    blueprint = Blueprint("openapi", __name__)
    made = json.dumps(document())

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return Response(made, content_type="application/json", headers={"Access-Control-Allow-Origin": "*"})

    return blueprint


def _columns(name: str) -> str:
    """What each column means, in Spanish and English."""
    return "; ".join(f"{column}: {es} / {en}" for column, (es, en) in COLUMNS[name].items())


def _file(about: str, kind: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = {**_body(kind, schema or {"type": "string"}), "headers": HEADERS}
    return {
        "parameters": [SLUG],
        "get": {"summary": about[:120], "description": about, "responses": {"200": found, "404": NOT_PUBLISHED}},
    }


def _body(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": "Como se describe. / As described.", "content": {kind: {"schema": schema}}}


def _text(kind: str) -> dict[str, Any]:
    return _body(kind, {"type": "string"})
