"""The committee: what awaits a seat's judgement, and what it says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.answers import FreeText, PickOne, fold, pick_one, tidy
from flows.city import TheCity
from flows.consent import consent, refused
from flows.language import Ask, Do, Flow, Joined, Look, NotUnderstood, Option, Phrase, Said, Say, Talk, _, many
from flows.lists import pick_from
from flows.milestones import told
from flows.people import Facts, Me
from flows.plan import (
    Awaiting,
    Claim,
    ClaimRole,
    Filed,
    Judge,
    PageOf,
    PassOn,
    Plan,
    Plans,
    Roles,
    Standing,
    Standings,
)

VALIDATE = Option(
    "validated", _("Validate: it was done as told"), _("Validate"), words=("validar", "validate", "si", "yes")
)
OBJECT = Option("objected", _("Object, with a reason"), _("Object: 2 and why"), words=("objetar", "object", "no"))
LATER = Option("later", _("Not now"), words=("despues", "later"))
KEEP = Option("keep", _("Leave everything as it is"))
MOST = 8
REASON = FreeText(500, least=3)
REASONED = ("2", "objetar", "object")
"""After these a reason may follow at once. After "no" it may not: that may begin the reason, or mean something else."""


@dataclass(frozen=True)
class Judges:
    """Validate, object or later; with an objection its reason may come at once ("2 there was no meeting")."""

    options: tuple[Option, ...] = (VALIDATE, OBJECT, LATER)

    def read(self, said: Said) -> list[str]:
        try:
            return [PickOne(self.options).read(said), ""]
        except NotUnderstood:
            head, _space, rest = tidy(said.text).partition(" ")
            if said.pressed is not None or fold(head) not in REASONED:
                raise
            return [OBJECT.id, REASON.read(Said(rest.strip(" .:,-")))]

    def still(self, value: Any) -> bool:
        return isinstance(value, list) and value[0] in {o.id for o in self.options}


NO_SEAT = _("Only who holds a seat of the committee can judge. If you have a code, write SEAT and the code.")


def committee() -> Talk:
    """Judge what awaits this seat, one report after another, the oldest first."""
    roles: list[list[str]] = yield from Look(Roles())
    if not any(kind == "seat" for kind, _plan, _subject in roles):
        yield Say(NO_SEAT)
        return None
    plans = {plan.slug: plan for plan in (yield from Look(Plans()))}
    waiting: list[tuple[str, str, int, str]] = yield from Look(Awaiting(), "waiting")
    if not waiting:
        yield from judge_again(plans)
        return None
    left = len(waiting[MOST:])
    for number, (plan, seat, report, milestone) in enumerate(waiting[:MOST], 1):
        left += yield from judge(plans[plan], seat, report, milestone, f"{report}-{number}")
    more = many(
        "{n} report still awaits your judgement. To go on write COMMITTEE.",
        "{n} reports still await your judgement. To go on write COMMITTEE.",
        left,
    )
    yield Say(more if left else _("Nothing else awaits your judgement. To change what you said write COMMITTEE."))
    return None


def judge_again(plans: Mapping[str, Plan]) -> Flow[None]:
    """Nothing awaits a judgement: a seat can change what it said of the newest reports."""
    judged: list[tuple[str, str, int, str]] = yield from Look(Awaiting(judged=True), "judged")
    titles = [(plans[plan].milestones[milestone], report) for plan, _seat, report, milestone in judged]
    options = [Option(f"n{n}", each.title, each.short) for n, (each, _report) in enumerate(titles)]
    if not options:
        yield Say(_("Nothing awaits your judgement now."))
        return
    text = _("Nothing awaits your judgement now. To change what you said of a report choose it:")
    picked = yield from pick_from("judged", text, options, [KEEP])
    if picked == KEEP.id:
        yield Say(_("All right. Nothing has changed."))
        return
    plan, seat, report, milestone = judged[int(picked[1:])]
    yield from judge(plans[plan], seat, report, milestone, f"{report}-again")


def judge(plan: Plan, seat: str, report: int, milestone: str, key: str) -> Flow[bool]:
    """One report: shown, judged, and what became of the judgement told. Whether a judgement is still awaited."""
    commitment = milestone.partition(".")[0]
    standing: Standing = (yield from Look(Standings(plan.slug, commitment)))[milestone]
    page = yield from Look(PageOf(commitment))
    after: list[Phrase] = [_("The evidence is here: {page}", page=page)] if standing.evidence else []
    after.append(_("Was it done as the office says?"))
    whole, brief = (told(plan, plan.milestones[milestone], standing, short) for short in (False, True))
    verdict, reason = yield from Ask(f"verdict-{key}", Joined([whole, *after]), Judges(), short=Joined([brief, *after]))
    if verdict == LATER.id:
        return True
    if verdict == OBJECT.id and not reason:
        reason = yield from Ask(f"reason-{key}", _("Why? Write it in a few words. It is published."), REASON)
    filed: Filed = yield from Do(f"judged-{key}", Judge(report, seat, verdict, reason))
    yield Say(became(filed, verdict), lasting=True)
    return filed.status == "newer"


def became(filed: Filed, verdict: str) -> Phrase:
    """What became of a judgement."""
    match filed.status:
        case "kept" if verdict == VALIDATE.id:
            return _("Kept: your seat validates this report.")
        case "kept":
            return _("Kept: your seat objects to this report. Your reason is public.")
        case "newer":
            return _("The office has reported again, so this was not kept. Write COMMITTEE to judge the new report.")
        case _other:
            return _("You do not hold this seat any more, so this was not kept.")


def seat(code: str = "") -> Talk:
    """Take a seat or an office's place with a code; without one, see and pass on what one holds."""
    if code:
        return (yield from claim(code))
    roles: list[list[str]] = yield from Look(Roles())
    plans = {plan.slug: plan for plan in (yield from Look(Plans()))}
    held = [(plan, subject) for kind, plan, subject in roles if kind == "seat" and plan in plans]
    if not held:
        typed = yield from Ask("code", _("Write the code you were given. 0 goes back."), FreeText(40))
        return (yield from claim(typed))
    number = "0"
    if len(held) > 1:
        seats = [Option(str(n), seat_name(plans[plan], subject)) for n, (plan, subject) in enumerate(held)]
        number = yield from Ask("which", _("You hold these seats. Which one do you want to see?"), pick_one(seats))
    plan, subject = held[int(number)]
    name = seat_name(plans[plan], subject)
    options = (Option("keep", _("Keep it")), Option("pass", _("Pass it on to somebody else")))
    text = _("You hold the seat {seat} in the {committee}.", seat=name, committee=plans[plan].committee)
    if (yield from Ask("seat", text, pick_one(options))) == "keep":
        yield Say(_("All right. To see what awaits your judgement write COMMITTEE."))
        return None
    passed = yield from Do("passed", PassOn(plan, subject))
    handed = _(
        "Give this code to the person who follows you: {code}. They write: SEAT {code}. It is valid for seven days."
        " Until they use it the seat is yours.",
        code=passed,
    )
    yield Say(handed if passed else became(Filed("no-seat"), ""), lasting=True)
    return None


def claim(code: str) -> Talk:
    """Use a code, after consent."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    claimed: Claim = yield from Do("claimed", ClaimRole(code))
    plans = {plan.slug: plan for plan in (yield from Look(Plans()))}
    plan = plans.get(claimed.plan)
    if claimed.status == "claimed" and plan is not None:
        yield Say(welcome(plan, claimed), lasting=True)
    elif claimed.status == "expired":
        yield Say(_("That code has run out. Ask for a new one from whoever gave it to you."))
    elif claimed.status == "used":
        yield Say(_("That code was used already. If it was not you, tell whoever gave it to you at once."))
    else:
        yield Say(_("We do not know that code. Please check each letter and write: SEAT and the code."))
    return None


def welcome(plan: Plan, claimed: Claim) -> Phrase:
    """What a code has made of somebody, and what they can write."""
    if claimed.kind == "seat":
        return _(
            "You now hold the seat {seat} in the {committee}. We write to you when something is due, late or reported."
            " To judge reports write COMMITTEE. To pass the seat on write SEAT.",
            seat=seat_name(plan, claimed.subject),
            committee=plan.committee,
        )
    return _(
        "You now report for this office: {office}. To report write PROGRESS. To answer objections write ANSWER. We"
        " remind you before a milestone ends.",
        office=plan.offices[claimed.subject].name,
    )


def seat_name(plan: Plan, subject: str) -> Phrase:
    return _("{sector} {n}", sector=plan.seats[subject].name, n=subject.rpartition("-")[2])
