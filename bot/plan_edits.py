"""What staff edit of a plan: each edit is checked as the plan's files are, needs a reason, and stays in the history.

An edit never touches what the office, the committee or the monitor has said. `fields` are what somebody typed, by the
names of the columns of the plan's files; those with several values are lists.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from flows.language import Phrase, _
from storage import plans, voices
from storage.pages import LANGUAGES, SLUG, fault, sms_fault
from storage.plan_folder import LAST_SDG, LENGTHS, Span, day_fault, digest_of

MOST_REASON = 300
"""Letters of a reason: it stands in the public history."""

MOST_NUMBER = 9999
"""The largest number of a commitment or milestone in the plan's files."""

UNORDERED = ("leads", "offices", "areas", "values")
"""Lists that a form shows in the plan's own order: who ticks the same ones has changed nothing."""

Fields = Mapping[str, Any]
Body = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """Who edits which plan, why and when. `seen` is the digest of what they saw before they edited it (`seen`)."""

    plan: str
    staff_id: int
    reason: str
    at: datetime
    seen: str = ""


class Unfit(Exception):
    """What was typed cannot stand in a plan: what is wrong, by field; nothing was written."""

    def __init__(self, faults: Mapping[str, Phrase]):
        self.faults = faults
        super().__init__(", ".join(sorted(faults)))


class Stale(Exception):
    """Somebody has changed the same thing since it was shown; nothing was written."""


class Missing(Exception):
    """There is no such plan, commitment or milestone."""


def seen(body: Mapping[str, Any], subject: str) -> str:
    """The digest of a commitment (without its milestones) or of a milestone. Raises Missing."""
    commitment = _commitment(body, subject.partition(".")[0])
    part = _milestone(commitment, subject) if "." in subject else commitment
    return digest_of({name: value for name, value in part.items() if name != "milestones"})


def change_commitment(connection: Connection, id: str, fields: Fields, origins: Collection[str], edit: Edit) -> None:
    """Write a commitment anew. `origins` are where one can come from: `consultation` or `consultation/proposal`.

    Raises Unfit, Stale and Missing.
    """
    body = _begin(connection, edit, id)
    known = _commitment(body, id)
    made = _checked_commitment(body, fields, {*origins, origin(known)}, edit)
    _finish(connection, body, known, made, edit)


def change_milestone(connection: Connection, id: str, fields: Fields, edit: Edit) -> None:
    """Write a milestone anew. Raises Unfit, Stale and Missing."""
    body = _begin(connection, edit, id)
    known = _milestone(_commitment(body, id.partition(".")[0]), id)
    _finish(connection, body, known, _checked_milestone(body, fields, edit), edit)


def add_commitment(connection: Connection, fields: Fields, origins: Collection[str], edit: Edit) -> str:
    """A new commitment with its first milestone, whose fields begin with `first_`; its id. Raises Unfit and Missing."""
    body = _begin(connection, edit)
    first = {name.removeprefix("first_"): value for name, value in fields.items() if name.startswith("first_")}
    faults: dict[str, Phrase] = {}
    made = _collected(faults, "", lambda: _checked_commitment(body, fields, origins, edit))
    step = _collected(faults, "first_", lambda: _checked_milestone(body, first, edit))
    id = _line(fields.get("id"))
    if not SLUG.fullmatch(id):
        faults["id"] = _("Write 1 to 40 small letters without accents, digits or hyphens.")
    elif plans.has_commitment(connection, id):
        faults["id"] = _("Another commitment has this already.")
    number = 1 + max((c["number"] for c in body["commitments"]), default=0)
    if faults:
        raise Unfit(faults)
    fresh = {"id": id, "number": number, "withdrawn": {}, **made, "milestones": [{"number": 1, **step}]}
    body["commitments"].append(fresh)
    plans.edit(connection, edit.plan, body, edit.staff_id, _line(edit.reason), edit.at)
    return id


def add_milestone(connection: Connection, commitment: str, fields: Fields, edit: Edit) -> str:
    """A new milestone, with a number that no milestone of the commitment ever had; its id. Raises Unfit and Missing."""
    body = _begin(connection, edit)
    known = _commitment(body, commitment)
    made = _checked_milestone(body, fields, edit)
    used = [m["number"] for m in known["milestones"]] + plans.used_numbers(connection, edit.plan, commitment)
    number = max(used, default=0) + 1
    if number > MOST_NUMBER:
        raise Unfit({"": _("This commitment cannot have more milestones.")})
    known["milestones"].append({"number": number, **made})
    plans.edit(connection, edit.plan, body, edit.staff_id, _line(edit.reason), edit.at)
    return f"{commitment}.{number}"


def removable(connection: Connection, body: Mapping[str, Any], id: str) -> Phrase | None:
    """Why a milestone cannot be taken out of the plan, or None. Raises Missing."""
    commitment = _commitment(body, id.partition(".")[0])
    _milestone(commitment, id)
    if voices.reported_among(connection, [id]):
        return _(
            "It has reports or grades, so it stays in the plan. You can move its dates or withdraw its commitment."
        )
    if len(commitment["milestones"]) == 1:
        return _("It is the last milestone of its commitment. A commitment that is given up is withdrawn.")
    return None


def remove_milestone(connection: Connection, id: str, edit: Edit) -> None:
    """Take a milestone out of the plan. Raises Unfit, Stale and Missing."""
    body = _begin(connection, edit, id)
    why = removable(connection, body, id)
    faults = {**_faulty_reason(edit), **({"": why} if why else {})}
    if faults:
        raise Unfit(faults)
    commitment = _commitment(body, id.partition(".")[0])
    commitment["milestones"].remove(_milestone(commitment, id))
    plans.edit(connection, edit.plan, body, edit.staff_id, _line(edit.reason), edit.at)


def withdraw(connection: Connection, id: str, fields: Fields, edit: Edit) -> None:
    """Give up a commitment; why, in both languages, stands wherever it is shown. Raises Unfit, Stale and Missing."""
    body = _begin(connection, edit, id)
    known = _commitment(body, id)
    checks = Checks(fields)
    told = checks.words("withdrawn")
    if known["withdrawn"]:
        checks.faults[""] = _("It is withdrawn already.")
    checks.done()
    known["withdrawn"] = told
    plans.edit(connection, edit.plan, body, edit.staff_id, "", edit.at)


def reinstate(connection: Connection, id: str, edit: Edit) -> None:
    """A withdrawn commitment stands again. Raises Unfit, Stale and Missing."""
    body = _begin(connection, edit, id)
    known = _commitment(body, id)
    made = {name: value for name, value in known.items() if name != "milestones"} | {"withdrawn": {}}
    faults = _faulty_reason(edit)
    if faults:
        raise Unfit(faults)
    _finish(connection, body, known, made, edit)


def fields_of(body: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """A commitment or milestone as fields, for a form to begin with. Raises Missing."""
    commitment = _commitment(body, subject.partition(".")[0])
    part = _milestone(commitment, subject) if "." in subject else commitment
    found: dict[str, Any] = {"official": part["official"], **part["span"]}
    for name in ("title", "short") if "." in subject else ("title", "short", "more"):
        found |= {f"{name}_{language}": part[name].get(language, "") for language in LANGUAGES}
    if "." in subject:
        return {**found, "offices": part["offices"]}
    lists = {name: part[name] for name in ("leads", "areas", "values")}
    joined = {"partners": "\n".join(part["partners"]), "sdgs": ", ".join(map(str, part["sdgs"]))}
    return {**found, **lists, **joined, "objective": part["objective"], "origin": origin(part)}


def origin(commitment: Mapping[str, Any]) -> str:
    """Where a commitment came from: `consultation/proposal`, `consultation` or nothing."""
    return "/".join(filter(None, (commitment["consultation"], commitment["proposal"])))


class Checks:
    """Takes fields one by one and collects what is wrong with them, as `plan_folder` does with the cells of a file."""

    def __init__(self, fields: Fields):
        self.fields = fields
        self.faults: dict[str, Phrase] = {}

    def text(self, name: str, most: int, sms: bool = False) -> str:
        value = _line(self.fields.get(name))
        found = text_fault(value, most) or (_sms_fault(value) if sms else None)
        if found:
            self.faults[name] = found
        return value

    def words(self, name: str, sms: bool = False) -> dict[str, str]:
        return {each: self.text(f"{name}_{each}", LENGTHS[name], sms) for each in LANGUAGES}

    def one(self, name: str, known: Collection[str]) -> str:
        value = str(self.fields.get(name) or "")
        if value not in known:
            self.faults[name] = _("Please choose one of the list.")
        return value

    def some(self, name: str, known: Collection[str], least: int = 0) -> list[str]:
        """Values in the order in which the plan lists them."""
        chosen = set(self.fields.get(name) or ())
        if not chosen <= set(known):
            self.faults[name] = _("Please choose from the list.")
        elif len(chosen) < least:
            self.faults[name] = _("Please choose at least one: somebody must answer for it.")
        return [each for each in known if each in chosen]

    def lines(self, name: str) -> list[str]:
        """A text a line; `|` stands between them in the plan's file, so it cannot be in them."""
        found = [_line(each) for each in str(self.fields.get(name) or "").splitlines() if each.strip()]
        wrong = next((why for each in found if (why := text_fault(each, LENGTHS[name]))), None)
        if wrong:
            self.faults[name] = wrong
        elif any("|" in each for each in found):
            self.faults[name] = _("Please write it without the sign |.")
        return found

    def goals(self, name: str) -> list[int]:
        typed = str(self.fields.get(name) or "").replace(",", " ").split()
        if not set(typed) <= {str(number) for number in range(1, LAST_SDG + 1)}:
            self.faults[name] = _("Write numbers from 1 to {most} with commas between them.", most=LAST_SDG)
            return []
        return [int(each) for each in typed]

    def span(self) -> dict[str, str]:
        stated = {name: _line(self.fields.get(name)) for name in ("starts", "ends")}
        wrong = [name for name, value in stated.items() if day_fault(value)]
        for name in wrong:
            self.faults[name] = _("Write a month like 2023-02 or a day like 2023-02-15.")
        if not wrong and Span(**stated).last < Span(**stated).first:
            self.faults["ends"] = _("This is before its first day.")
        return stated

    def done(self) -> None:
        """Raises Unfit with everything that is wrong."""
        if self.faults:
            raise Unfit(self.faults)


def text_fault(value: str, most: int) -> Phrase | None:
    """What is wrong with a text that people will read, or None."""
    if not value:
        return _("Please fill this in.")
    if len(value) > most:
        return _("This has {n} letters. At most {most} fit.", n=len(value), most=most)
    return _("This has a sign that nobody can see. Please write it again by hand.") if fault(value, most) else None


def _sms_fault(value: str) -> Phrase | None:
    if not sms_fault(value):
        return None
    return _("A text message (SMS) cannot carry every sign of this. Please write it without accents or emoji.")


def _line(typed: Any) -> str:
    """What was typed, on one line: the plan's files have no breaks in a text."""
    return " ".join(unicodedata.normalize("NFC", str(typed or "")).split())


def _begin(connection: Connection, edit: Edit, subject: str = "") -> Body:
    """The plan's body, locked. Raises Missing, and Stale where the subject is not what was shown."""
    body = plans.held(connection, edit.plan)
    if body is None:
        raise Missing
    if subject and seen(body, subject) != edit.seen:
        raise Stale
    return body


def _finish(connection: Connection, body: Body, known: Body, made: Body, edit: Edit) -> None:
    """Write what was made over what is known, if it differs. Raises Unfit."""
    made |= {name: known[name] for name in UNORDERED if name in made and sorted(known[name]) == sorted(made[name])}
    if all(digest_of({"": known[name]}) == digest_of({"": value}) for name, value in made.items()):
        raise Unfit({"": _("You changed nothing, so there is nothing to keep.")})
    known |= made
    plans.edit(connection, edit.plan, body, edit.staff_id, _line(edit.reason), edit.at)


def _checked_commitment(body: Body, fields: Fields, origins: Collection[str], edit: Edit) -> Body:
    checks = Checks(fields)
    ids = {name: [each["id"] for each in body[name]] for name in ("objectives", "areas", "values", "offices")}
    whence = checks.one("origin", {"", *origins})
    made = {
        "objective": checks.one("objective", ids["objectives"]),
        "title": checks.words("title"),
        "short": checks.words("short", sms=True),
        "more": checks.words("more"),
        "official": checks.text("official", LENGTHS["official"]),
        "leads": checks.some("leads", ids["offices"], least=1),
        "partners": checks.lines("partners"),
        "areas": checks.some("areas", ids["areas"]),
        "values": checks.some("values", ids["values"]),
        "sdgs": checks.goals("sdgs"),
        "consultation": whence.partition("/")[0],
        "proposal": whence.partition("/")[2],
        "span": checks.span(),
    }
    checks.faults |= _faulty_reason(edit)
    checks.done()
    return made


def _checked_milestone(body: Body, fields: Fields, edit: Edit) -> Body:
    checks = Checks(fields)
    made = {
        "title": checks.words("title"),
        "short": checks.words("short", sms=True),
        "official": checks.text("official", LENGTHS["official"]),
        "offices": checks.some("offices", [each["id"] for each in body["offices"]], least=1),
        "span": checks.span(),
    }
    checks.faults |= _faulty_reason(edit)
    checks.done()
    return made


def _collected(faults: dict[str, Phrase], prefix: str, make: Callable[[], Body]) -> Body:
    try:
        return make()
    except Unfit as unfit:
        faults |= {name if name == "reason" else f"{prefix}{name}": why for name, why in unfit.faults.items()}
        return {}


def _faulty_reason(edit: Edit) -> dict[str, Phrase]:
    why = text_fault(_line(edit.reason), MOST_REASON)
    return {"reason": why} if why else {}


def _commitment(body: Mapping[str, Any], id: str) -> Body:
    found: Body | None = next((c for c in body["commitments"] if c["id"] == id), None)
    if found is None:
        raise Missing
    return found


def _milestone(commitment: Mapping[str, Any], id: str) -> Body:
    found: Body | None = next((m for m in commitment["milestones"] if f"{commitment['id']}.{m['number']}" == id), None)
    if found is None:
        raise Missing
    return found
