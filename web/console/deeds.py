"""Deeds: what the record's codes mean, in the reader's language. The file of the record keeps the codes."""

import json
from collections.abc import Mapping
from typing import Any

from flask import current_app
from sqlalchemy import Row

from bot.announcements import announcing
from flows.language import Joined, Phrase, _
from web.console.access import LABELS
from web.console.networks import LABELS as NETWORKS
from web.console.people import KINDS, OUTCOMES, REASONS
from web.console.texts import LABELS as TEXTS

ACTIONS: Mapping[str, Phrase] = {
    "access.refused": _("Was not let into a page"),
    "account.asked": _("Asked for other rights for an account"),
    "account.closed": _("Closed an account"),
    "account.codes": _("Took new recovery codes"),
    "account.generator": _("Took another phone for the codes"),
    "account.made": _("Made their account with a link"),
    "account.password": _("Took another password"),
    "account.rights": _("Changed what an account may do"),
    "announcement.approved": _("Agreed to an announcement"),
    "announcement.cancelled": _("Cancelled an announcement"),
    "announcement.changed": _("Changed an announcement"),
    "announcement.made": _("Wrote an announcement"),
    "announcement.paused": _("Paused an announcement"),
    "announcement.published": _("Published what an announcement reached"),
    "announcement.resumed": _("Took an announcement up again"),
    "approval.asked": _("Asked for a second person"),
    "approval.expired": _("A request ran out before a second person decided"),
    "approval.granted": _("Agreed as a second person"),
    "approval.refused": _("Refused as a second person"),
    "approval.withdrawn": _("Withdrew a request to a second person"),
    "case.answered": _("Wrote to a complainant"),
    "case.asked": _("Asked a second person not to admit a complaint"),
    "case.damaged": _("Found a part of a complaint that does not open"),
    "case.exported": _("Made a copy of a complaint for another body"),
    "case.extended": _("Put the answer to a complaint off"),
    "case.held": _("Kept a complaint from being deleted"),
    "case.moved": _("Took a complaint a step on"),
    "case.noted": _("Wrote an internal note on a complaint"),
    "case.opened": _("Opened a complaint"),
    "case.released": _("Let a complaint be deleted in its time"),
    "commitment.added": _("Added a commitment"),
    "commitment.edited": _("Edited a commitment"),
    "commitment.reinstated": _("Let a commitment stand again"),
    "commitment.withdrawn": _("Withdrew a commitment"),
    "consultation.annulled": _("Annulled a vote"),
    "consultation.closed": _("Closed a vote early"),
    "consultation.collects": _("Let residents send ideas"),
    "consultation.corrected": _("Published a correction"),
    "consultation.counted": _("Counted the ballots"),
    "consultation.opened": _("Froze a vote, which its dates then open"),
    "consultation.published": _("Published the results"),
    "draft.begun": _("Began a draft"),
    "draft.changed": _("Changed a draft"),
    "draft.discarded": _("Discarded a draft"),
    "draft.filled": _("Used the rows of a spreadsheet"),
    "draft.sheet": _("Sent a spreadsheet"),
    "draft.unfilled": _("Left the rows of a spreadsheet"),
    "ideas.answered": _("Sent an answer to ideas"),
    "ideas.discarded": _("Discarded an answer to ideas"),
    "ideas.entered": _("Entered ideas from paper or a workshop"),
    "ideas.gathered": _("Put ideas under one answer"),
    "ideas.mended": _("Mended the words of an answer that was sent"),
    "ideas.parted": _("Took an idea out of an answer"),
    "ideas.written": _("Wrote an answer to ideas"),
    "invitation.made": _("Invited somebody"),
    "invitation.withdrawn": _("Withdrew an invitation"),
    "key.asked": _("Asked a second person about a paper key"),
    "key.begun": _("Began to make a key"),
    "key.drill": _("Made a file to try a paper key with"),
    "key.drilled": _("Tried a paper key"),
    "key.given": _("Let another key open complaints"),
    "key.locked": _("Locked their key"),
    "key.made": _("Made a key"),
    "key.proved": _("Gave passphrase or recovery code again"),
    "key.refused": _("A passphrase, code or word for a key was wrong"),
    "key.relocked": _("Took another passphrase for their key"),
    "key.removed": _("Took a key out of use"),
    "key.unlocked": _("Unlocked their key"),
    "milestone.added": _("Added a milestone"),
    "milestone.edited": _("Edited a milestone"),
    "milestone.removed": _("Took a milestone out of the plan"),
    "milestone.reported": _("Reported on a milestone"),
    "objection.answered": _("Answered an objection"),
    "office.ended": _("Ended the part of an office's people in the chat"),
    "office.invited": _("Made a code for somebody of an office"),
    "paper.back": _("Took the paper of a table back"),
    "paper.boxed": _("Put the paper of a table in the box"),
    "paper.discarded": _("Discarded the paper of a table"),
    "paper.sent": _("Sent the paper of a table to a second person"),
    "paper.typed": _("Typed the paper of a table"),
    "place.network": _("Said how well a place is connected"),
    "plan.graded": _("Graded a commitment or milestone"),
    "reminder.off": _("Switched a reminder of a vote off"),
    "reminder.on": _("Switched a reminder of a vote on again"),
    "request.closed": _("Ended a data request"),
    "request.code": _("Sent another code for a data request"),
    "request.corrected": _("Corrected a person's data"),
    "request.deleted": _("Deleted a person's data"),
    "request.extended": _("Put the answer to a data request off"),
    "request.paper": _("Asked to take a signed paper for a data request"),
    "request.person": _("Chose the person of a data request"),
    "request.proven": _("The code of a data request was right"),
    "request.received": _("Entered a data request"),
    "request.refused": _("The code of a data request was wrong"),
    "request.shown": _("Saw a person's data"),
    "seat.ended": _("Ended somebody's time in a seat"),
    "seat.invited": _("Made a code for a seat"),
    "session.begun": _("Signed in"),
    "session.ended": _("Signed out"),
    "session.others": _("Signed out everywhere else"),
    "session.proved": _("Gave password and code again"),
    "session.refused": _("Attempts to sign in that were refused, within an hour"),
    "table.ended": _("Ended a table"),
    "table.opened": _("Opened a table"),
    "text.changed": _("Changed a text"),
    "text.restored": _("Put an older text back"),
}
"""Every action that is noted anywhere, in words."""

FACTS: Mapping[str, Phrase] = {
    "about": _("vote"),
    "announcement": _("announcement number"),
    "ballots": _("ballots"),
    "cases": _("complaints"),
    "consultation": _("vote"),
    "files": _("files"),
    "found": _("the number is known"),
    "grade": _("grade number"),
    "idea": _("idea number"),
    "ideas": _("ideas"),
    "kind": _("what"),
    "number": _("how many"),
    "origin": _("ballots"),
    "outcome": _("how it ended"),
    "person": _("person number"),
    "profile": _("connection"),
    "proposals": _("proposals"),
    "reason": _("why"),
    "report": _("report number"),
    "roles": _("roles"),
    "rows": _("rows"),
    "version": _("version"),
    "way": _("told apart by"),
}
"""What the details of a row are called."""

VALUES: Mapping[str, Mapping[str, Phrase]] = {
    "kind": {
        **KINDS,
        "consultation.close": _("close a vote early"),
        "consultation.annul": _("annul a vote"),
        announcing.KIND: _("send an announcement"),
    },
    "origin": {"assisted": _("with help"), "paper": _("on paper")},
    "outcome": OUTCOMES,
    "profile": {**NETWORKS, "none": _("nothing")},
    "reason": REASONS,
    "roles": {str(role): label for role, label in LABELS.items()},
    "way": {"document": _("identity document"), "slips": _("numbered slips")},
}
"""What details say that are words and not numbers."""

YES_NO = {True: _("yes"), False: _("no")}


def action(code: str) -> Phrase:
    """What was done."""
    return ACTIONS.get(code, code)


def subject(row: Row[Any]) -> Phrase:
    """Of what: its number or short name; of a page its address, of a text what it is called."""
    named = str(row.subject)
    if row.action == "access.refused":
        page = f"es.console.{named}"
        return next(current_app.url_map.iter_rules(page)).rule if page in current_app.view_functions else named
    return TEXTS.get(named, named) if row.action.startswith("text.") else named


def facts(row: Row[Any]) -> list[tuple[Phrase, Phrase]]:
    """The details of a row, each with its name."""
    return [(FACTS.get(name, name), _value(name, value)) for name, value in json.loads(row.facts).items()]


def _value(name: str, value: Any) -> Phrase:
    if isinstance(value, bool):
        return YES_NO[value]
    if isinstance(value, list):
        return Joined([_value(name, each) for each in value], ", ")
    return VALUES.get(name, {}).get(str(value), str(value))
