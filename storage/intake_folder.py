"""`complaints.toml` of a city's folder: who receives complaints, and what people are told. A city may have none."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from storage.pages import Form, Problem

NAME = "complaints.toml"
LONGEST = {"others": 400, "protection": 300, "minors": 300}
"""The texts and how many characters each may have."""

DAYS = (1, 60)
KEPT = (90, 3650)


def read_intake(path: Path, problems: list[Problem]) -> Mapping[str, Any] | None:
    """What the file says, as plain JSON; None where there is no such file. Adds every mistake to `problems`."""
    if not (path / NAME).exists():
        return None
    form = Form(path, NAME, problems)
    if form.text is None:
        return None
    form.only("offices", "days", "kept", "closures", "pauses", *LONGEST)
    return {
        "offices": _offices(form),
        **{key: dict(form.words(key, most)) for key, most in LONGEST.items()},
        "days": form.number("days", *DAYS),
        "kept": form.number("kept", *KEPT),
        "closures": _closures(form),
        "pauses": form.flag("pauses"),
    }


def _offices(form: Form) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for n, each in enumerate(form.tables("offices")):
        line, id = form.line("offices", n), str(each.get("id", ""))
        form.slug(line, "id", id)
        if id in {known["id"] for known in found}:
            form.wrong(line, f'the office "{id}" is given twice')
        found.append({"id": id, "words": dict(form.in_languages(each, 80, "offices", n, beside=("id",)))})
    if not found:
        form.wrong(1, "at least one office must receive complaints: [[offices]] with id, es and en")
    return found


def _closures(form: Form) -> list[str]:
    days = form.data.get("closures", [])
    if not isinstance(days, list) or not all(type(day) is date for day in days):
        form.wrong(form.line("closures"), "closures must be a list of days, like [2026-12-24]")
        return []
    return sorted({day.isoformat() for day in days})
