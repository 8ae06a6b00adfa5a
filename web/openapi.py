"""The published data as an OpenAPI document, for those who read it with programs."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, json

from bot import idea_files, plan_files
from bot.complaints import case_files
from bot.results import COLUMNS, SMALLEST
from flows.case import STATES as CASE_STATES
from flows.plan import GRADES, STATES
from storage.ideas import OUTCOMES

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
NOTICE = {
    "type": "object",
    "required": ["kind", "at", "text"],
    "properties": {
        "kind": {"enum": ["erratum", "closed", "annulled"]},
        "at": {"type": "string", "format": "date-time"},
        "text": WORDS,
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
        "notices": {"type": "array", "items": NOTICE},
        "turnout": {"type": "object", "additionalProperties": PEOPLE},
        "ballots_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "columns": {"type": "object"},
    },
}
DAY = {"type": "string", "format": "date"}
MAYBE_DAY = {"type": ["string", "null"], "format": "date"}
MAYBE_TEXT = {"type": ["string", "null"]}
NUMBER = {"type": "integer", "minimum": 0}
SEVERAL = {"type": "array", "items": WORDS}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"type": "string"} for name in ("plan", "commitment", "milestone", "commitment_text", "milestone_text")},
    **dict.fromkeys(plan_files.WORDS, WORDS),
    **dict.fromkeys(plan_files.SEVERAL, SEVERAL),
    **dict.fromkeys(("commitment_number", "milestone_number", "days", "silent_days", "evidence"), NUMBER),
    **dict.fromkeys(("committee_validated", "committee_objected", "objections", "objections_answered"), NUMBER),
    **dict.fromkeys(("commitment_start_date", "commitment_end_date", "start_date", "end_date"), DAY),
    **dict.fromkeys(("reported_on", "completion_on"), MAYBE_DAY),
    **dict.fromkeys(("consultation", "proposal", "report_text", "completion_text"), MAYBE_TEXT),
    **{name: {"type": "boolean"} for name in ("example", "by_month")},
    "withdrawn": {"anyOf": [WORDS, {"type": "null"}]},
    "reported_by": {"anyOf": [WORDS, {"type": "null"}]},
    "partner_institutions": {"type": "array", "items": {"type": "string"}},
    "sdgs": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 17}},
    "phase": {"enum": ["ahead", "running", "soon", "late", "ended", "done", "withdrawn"]},
    "reported": {"enum": [*STATES, None]},
    "committee": {"enum": ["pending", "validated", "objected", None]},
    "completion": {"enum": [*GRADES, None]},
}
PLANS = {
    "type": "object",
    "required": ["milestones", "columns"],
    "properties": {
        "milestones": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(plan_files.COLUMNS),
                "additionalProperties": False,
                "properties": {
                    name: {**FIELDS[name], "description": f"{es} / {en}"}
                    for name, (es, en) in plan_files.COLUMNS.items()
                },
            },
        },
        "columns": {"type": "object"},
    },
}
RECORD = {
    "type": "object",
    "required": ["heads"],
    "properties": {
        "heads": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["day", "rows", "sha256"],
                "additionalProperties": False,
                "properties": {
                    "day": DAY,
                    "rows": {"type": "integer", "minimum": 1},
                    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                },
            },
        },
    },
}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "collection": {"type": "string"},
    "answer": NUMBER,
    "proposed": WORDS,
    "outcome": {"enum": [*OUTCOMES]},
    "became": MAYBE_TEXT,
    "became_number": {"type": ["integer", "null"], "minimum": 1},
    "reason": WORDS,
    "ideas": {"type": ["integer", "null"], "minimum": SMALLEST},
    "answered_on": DAY,
}
IDEAS = {
    "type": "object",
    "required": ["answers", "columns"],
    "properties": {
        "answers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": list(idea_files.COLUMNS),
                "additionalProperties": False,
                "properties": {
                    name: {**ANSWERS[name], "description": f"{es} / {en}"}
                    for name, (es, en) in idea_files.COLUMNS.items()
                },
            },
        },
        "columns": {"type": "object"},
    },
}
HIDDEN = "Nulo: menos de 5, o dejaría ver un número así / Null: fewer than 5, or it would show such a number"
REACH = {
    name: {"type": ["integer", "null"], "minimum": 0, "description": HIDDEN}
    for name in ("reached", "read", "failed", "stopped", "answered")
}
ANNOUNCEMENTS = {
    "type": "object",
    "required": ["announcements"],
    "additionalProperties": False,
    "properties": {
        "announcements": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "title", "sent_at", "people", *REACH, "units"],
                "additionalProperties": False,
                "properties": {
                    "id": NUMBER,
                    "title": WORDS,
                    "sent_at": {"type": "string", "format": "date-time"},
                    "people": REACH["reached"],
                    **REACH,
                    "units": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["code", "name", *REACH],
                            "additionalProperties": False,
                            "properties": {"code": {"type": "string"}, "name": {"type": "string"}, **REACH},
                        },
                    },
                },
            },
        },
    },
}
CASES: Mapping[str, Mapping[str, Any]] = {
    "locator": {"type": "string", "pattern": "^[0-9A-Z]{8}$"},
    "state": {"enum": [*CASE_STATES]},
    "received_from": DAY,
    "received_to": DAY,
}
FIGURES: Mapping[str, Mapping[str, Any]] = {
    "quarter": {"type": "string", "pattern": "^[0-9]{4}-Q[1-4]$"},
    "table": {"enum": ["received", "answered"]},
    "value": {"type": "string"},
    "complaints": {"type": ["integer", "null"], "minimum": SMALLEST, "multipleOf": SMALLEST},
}


def _case_rows(name: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    told = case_files.COLUMNS[name]
    properties = {column: {**fields[column], "description": f"{es} / {en}"} for column, (es, en) in told.items()}
    row = {"type": "object", "required": list(told), "additionalProperties": False, "properties": properties}
    return {
        "type": "object",
        "required": ["rows", "columns"],
        "properties": {"rows": {"type": "array", "items": row}, "columns": {"type": "object"}},
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
            "title": "Cuenta: resultados y compromisos / results and commitments",
            "version": "1",
            "description": "Resultados y papeletas de cada consulta publicada, y lo que la ciudad prometió. / "
            "Results and ballots of every published consultation, and what the city promised.",
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
            "/avisos.json": _of_plans(
                "Los avisos de la ciudad y a quiénes llegaron / The city's announcements and whom they reached",
                "application/json",
                ANNOUNCEMENTS,
            ),
            "/ideas/{slug}.json": _file(
                "Lo que se propuso y lo que resultó / What was proposed and what came of it", "application/json", IDEAS
            ),
            "/ideas/{slug}.csv": _file(_told(idea_files.columns()), "text/csv"),
            "/ideas/columnas.csv": _of_plans(
                "Qué significa cada columna de ideas.csv / What each column of ideas.csv means", "text/csv"
            ),
            "/plan.json": _of_plans(
                "Cada hito, con lo que se dice de él / Every milestone, with all that is said of it",
                "application/json",
                PLANS,
            ),
            "/plan.csv": _of_plans(_told(plan_files.columns()), "text/csv"),
            "/plan/columnas.csv": _of_plans(
                "Qué significa cada columna de plan.csv / What each column of plan.csv means", "text/csv"
            ),
            "/plan.atom": _of_plans("Las 50 novedades más recientes / The 50 newest changes", "application/atom+xml"),
            "/plan.ics": _of_plans("El último día de cada hito / The last day of each milestone", "text/calendar"),
            "/registro.json": _of_plans(
                "Marca diaria del registro del personal / Daily mark of the staff's record", "application/json", RECORD
            ),
            "/denuncias.json": _of_cases(
                "Dónde va cada denuncia, una vez por semana / Where each complaint stands, once a week",
                "application/json",
                _case_rows("denuncias.csv", CASES),
            ),
            "/denuncias.csv": _of_cases(_told(case_files.COLUMNS["denuncias.csv"]), "text/csv"),
            "/denuncias/cifras.json": _of_cases(
                "Cuántas denuncias hubo en cada trimestre / How many complaints there were in each quarter",
                "application/json",
                _case_rows("cifras.csv", FIGURES),
            ),
            "/denuncias/cifras.csv": _of_cases(_told(case_files.COLUMNS["cifras.csv"]), "text/csv"),
            "/denuncias/columnas.csv": _of_plans(
                "Qué significa cada columna de denuncias.csv y cifras.csv / "
                "What each column of denuncias.csv and cifras.csv means",
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
    return _told(COLUMNS[name])


def _told(columns: Mapping[str, tuple[str, str]]) -> str:
    """What each column means, in Spanish and English."""
    return "; ".join(f"{column}: {es} / {en}" for column, (es, en) in columns.items())


def _of_plans(about: str, kind: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = {**_body(kind, schema or {"type": "string"}), "headers": HEADERS}
    return {"get": {"summary": about[:120], "description": about, "responses": {"200": found}}}


def _of_cases(about: str, kind: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = _of_plans(about, kind, schema)
    found["get"]["responses"]["404"] = {
        "description": "La ciudad no recibe denuncias aquí. / The city takes no complaints here.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    return found


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
