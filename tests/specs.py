"""Checks calls against the providers' machine-readable API descriptions, where those lie beside the project.

The descriptions are not part of the project: where they are not there, every call passes.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SPECS = Path(__file__).parents[2] / "shared" / "specs"

Value = str | list[str]
Check = Callable[[str, str, Mapping[str, Value]], None]

FILES = {"telegram": "telegram_bot_api.json", "twilio": "twilio_api_v2010.json", "content": "twilio_content_v1.json"}
# Types of the Bot API that JSON has under another name; the rest are objects, described under "types".
PLAIN: dict[str, Any] = {"String": str, "Integer": int, "Boolean": bool, "True": bool, "Float": (int, float)}


def checker(folder: Path = SPECS) -> Check:
    """A check of (api, method, parameters): api is telegram, twilio or content, a Twilio method is its operationId.

    It raises AssertionError naming the parameter: unknown method, unknown or missing parameter, wrong type or value.
    """
    if not all((folder / name).is_file() for name in FILES.values()):
        return lambda api, method, params: None

    def check(api: str, method: str, params: Mapping[str, Value]) -> None:
        description = _description(folder / FILES[api])
        if api == "telegram":
            _check_telegram(description, method, params)
        else:
            _check_twilio(description, method, params)

    return check


check_call = checker()


@cache
def _description(file: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return description


def _check_telegram(description: dict[str, Any], method: str, params: Mapping[str, Value]) -> None:
    assert method in description["methods"], f"{method}: no such method"
    fields = {field["name"]: field for field in description["methods"][method].get("fields", [])}
    _check_names(method, set(params), set(fields), {name for name, field in fields.items() if field["required"]})
    for name, value in params.items():
        assert isinstance(value, str), f"{method}.{name}: given more than once"
        _check_any(description["types"], fields[name], _from_form(value, fields[name]["types"]), f"{method}.{name}")


def _from_form(text: str, types: list[str]) -> Any:
    """What a form's text stands for: complex values, numbers and truth values are JSON, a string is itself."""
    if "String" in types or "InputFile" in types:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_any(types: dict[str, Any], field: dict[str, Any], value: Any, where: str) -> None:
    """Raises unless the value is of one of the field's types, and among its values if they are listed."""
    wrongs = []
    for kind in field["types"]:
        try:
            _check_type(types, kind, value, where)
            break
        except AssertionError as wrong:
            wrongs.append(wrong)
    else:
        # Of several types the one that went furthest into the value tells most.
        raise max(wrongs, key=lambda wrong: str(wrong).partition(":")[0].count("."))
    allowed = _listed_values(field["description"])
    assert not allowed or value in allowed, f"{where}: must be one of {sorted(allowed)}"


def _check_type(types: dict[str, Any], kind: str, value: Any, where: str) -> None:
    if kind == "InputFile":
        return
    if kind.startswith("Array of "):
        assert isinstance(value, list), f"{where}: must be a JSON array"
        for place, item in enumerate(value):
            _check_type(types, kind.removeprefix("Array of "), item, f"{where}.{place}")
    elif kind in PLAIN:
        # In Python a truth value is an integer; in JSON it is not.
        fits = isinstance(value, PLAIN[kind]) and (isinstance(value, bool) == (PLAIN[kind] is bool))
        assert fits, f"{where}: must be {kind}"
    elif "subtypes" in types[kind]:
        _check_any(types, {"types": types[kind]["subtypes"], "description": ""}, value, where)
    else:
        _check_object(types, kind, value, where)


def _check_object(types: dict[str, Any], kind: str, value: Any, where: str) -> None:
    assert isinstance(value, dict), f"{where}: must be a JSON object ({kind})"
    fields = {field["name"]: field for field in types[kind].get("fields", [])}
    _check_names(where, set(value), set(fields), {name for name, field in fields.items() if field["required"]})
    for name, item in value.items():
        _check_any(types, fields[name], item, f"{where}.{name}")


def _listed_values(description: str) -> set[str]:
    """The values that a description allows, written as: must be one of "a", "b" or "c"; or: type, must be a."""
    if only := re.search(r"\btype\b.*?, must be (\w+)$", description):
        return {only[1]}
    several = re.search(r"[Mm]ust be one of ([^.]*)", description)
    return set(re.findall(r'["“]([^"”]+)["”]', several[1])) if several else set()


def _check_names(where: str, given: set[str], known: set[str], required: set[str]) -> None:
    for name in sorted(given - known):
        raise AssertionError(f"{where}.{name}: no such parameter")
    for name in sorted(required - given):
        raise AssertionError(f"{where}.{name}: required and not given")


def _check_twilio(description: dict[str, Any], method: str, params: Mapping[str, Value]) -> None:
    operation = _operations(description).get(method)
    assert operation, f"{method}: no such operation"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        return _check_json(description, body["schema"], params, method)
    schemas, required = _parameters(description, operation)
    _check_names(method, set(params), set(schemas), required)
    for name, value in params.items():
        _check_schema(_resolved(description, schemas[name]), value, f"{method}.{name}")


JSON_TYPES: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}


def _check_json(description: dict[str, Any], schema: dict[str, Any], value: Any, where: str) -> None:
    """A body of JSON, and all that is in it; what is null counts as not given."""
    schema = _resolved(description, schema)
    kind = schema.get("type", "string")
    if kind == "object":
        assert isinstance(value, Mapping), f"{where}: must be an object"
        given = {name: part for name, part in value.items() if part is not None}
        if "properties" in schema:
            _check_names(where, set(given), set(schema["properties"]), set(schema.get("required", ())))
        for name, part in given.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties", {})
            _check_json(description, inner, part, f"{where}.{name}")
    elif kind == "array":
        assert isinstance(value, list), f"{where}: must be an array"
        for place, part in enumerate(value):
            _check_json(description, schema["items"], part, f"{where}.{place}")
    else:
        assert isinstance(value, JSON_TYPES[kind]), f"{where}: must be {kind}"
        assert "enum" not in schema or value in schema["enum"], f"{where}: must be one of {schema.get('enum')}"


def _operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    verbs = ("get", "post", "put", "delete")
    paths = description["paths"].values()
    return {path[verb]["operationId"]: path[verb] for path in paths for verb in verbs if verb in path}


def _parameters(description: dict[str, Any], operation: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Schemas of the query and of the form by name, and which are required; those of the path are left out."""
    query = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    schemas = {one["name"]: one["schema"] for one in query}
    required = {one["name"] for one in query if one.get("required")}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolved(description, content["schema"])
        schemas |= body.get("properties", {})
        required |= set(body.get("required", []))
    return schemas, required


def _resolved(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    resolved: dict[str, Any] = description["components"]["schemas"][name]
    return resolved


FORMATS = {
    "date-time": r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d))?",
    "date": r"\d{4}-\d\d-\d\d",
    "uri": r"https?://[^\s_/]+(/\S*)?",  # a callback's host has no underscore
}
TEXTS = {"boolean": r"true|false", "integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "string": r"[\s\S]*"}


def _check_schema(schema: dict[str, Any], value: Value, where: str) -> None:
    kind = schema.get("type", "string")
    if kind == "array":
        for item in value if isinstance(value, list) else [value]:
            _check_schema(schema["items"], item, where)
        return
    assert isinstance(value, str), f"{where}: given more than once"
    if kind == "object":
        assert isinstance(json.loads(value), dict), f"{where}: must be a JSON object"
        return
    assert re.fullmatch(TEXTS[kind], value), f"{where}: must be {kind}"
    assert "enum" not in schema or value in schema["enum"], f"{where}: must be one of {schema.get('enum')}"
    assert re.search(schema.get("pattern", ""), value), f"{where}: must match {schema.get('pattern')}"
    assert re.fullmatch(FORMATS.get(schema.get("format", ""), r"[\s\S]*"), value), (
        f"{where}: must be {schema['format']}"
    )
    if kind in ("integer", "number"):
        assert schema.get("minimum", float("-inf")) <= float(value), f"{where}: must be at least {schema['minimum']}"
        assert float(value) <= schema.get("maximum", float("inf")), f"{where}: must be at most {schema['maximum']}"
    else:
        assert schema.get("minLength", 0) <= len(value), f"{where}: is too short"
        assert len(value) <= schema.get("maxLength", len(value)), f"{where}: is too long"
