"""A plan written as the files of its folder (`plan.toml`, `offices.csv`, `commitments.csv`, `milestones.csv`): what
`plan_folder.read_plan` reads from them is the same plan, with the same digest."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage.pages import LANGUAGES
from storage.plan_folder import COMMITMENT_COLUMNS, MILESTONE_COLUMNS, OFFICE_COLUMNS

HEAD = ("title", "source", "committee", "monitor")
LISTS = ("objectives", "areas", "values", "sectors", "events")


def sheets(body: Mapping[str, Any]) -> dict[str, str]:
    """The files of a plan (JSON, as its row has it), by name."""
    steps = (_milestone(c, m) for c in body["commitments"] for m in c["milestones"])
    return {
        "plan.toml": _form(body),
        "offices.csv": _table(OFFICE_COLUMNS, map(_office, body["offices"])),
        "commitments.csv": _table(COMMITMENT_COLUMNS, map(_commitment, body["commitments"])),
        "milestones.csv": _table(MILESTONE_COLUMNS, steps),
    }


def _form(body: Mapping[str, Any]) -> str:
    rules = body["rules"]
    keys = {"example": body["example"], **body["span"], **{name: rules[name] for name in rules}}
    lines = [f"{key} = {_value(value)}" for key, value in keys.items()]
    for name in HEAD:
        lines += ["", f"[{name}]", *_words(body[name])]
    for name in LISTS:
        for each in body[name]:
            beside = [f"{key} = {_value(value)}" for key, value in each.items() if key not in ("words", "short")]
            lines += ["", f"[[{name}]]", *beside, *_words(each["words"])]
    return "\n".join(lines) + "\n"


def _words(words: Mapping[str, str]) -> list[str]:
    return [f"{language} = {_value(text)}" for language, text in words.items()]


def _value(value: Any) -> str:
    """TOML's texts, lists, numbers and truths are written as JSON writes them."""
    return json.dumps(value, ensure_ascii=False)


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    made = io.StringIO(newline="")
    writer = csv.DictWriter(made, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


def _office(office: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": office["id"], **_by_language("name", office["words"]), **_by_language("short", office["short"])}


def _commitment(commitment: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: commitment[name] for name in ("id", "number", "objective", "official", "consultation", "proposal")}
    words = [_by_language(name, commitment[name]) for name in ("title", "short", "more", "withdrawn")]
    lists = {name: _joined(commitment[name]) for name in ("leads", "partners", "areas", "values", "sdgs")}
    return {**plain, **words[0], **words[1], **words[2], **words[3], **lists, **commitment["span"]}


def _milestone(commitment: Mapping[str, Any], milestone: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "commitment": commitment["id"],
        "number": milestone["number"],
        **_by_language("title", milestone["title"]),
        **_by_language("short", milestone["short"]),
        "official": milestone["official"],
        "offices": _joined(milestone["offices"]),
        **milestone["span"],
    }


def _by_language(name: str, words: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}_{language}": words.get(language, "") for language in LANGUAGES}


def _joined(values: Iterable[Any]) -> str:
    return "|".join(map(str, values))
