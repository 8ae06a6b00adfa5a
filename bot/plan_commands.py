"""What the commands and queries about plans do: one function for each, on the storage, in the turn's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot import own_data
from bot.standing import standings
from bot.visit import Visit, hashed
from flows import plan, topics
from flows.language import Attachment, Command
from storage import ballots, contacts, participants, voices
from storage.audiences import BY_NUMBER
from storage.voices import STATES

INVITED_FOR = timedelta(days=7)
MOST_OPEN_OBJECTIONS = 5
"""Objections of one person that wait for an answer; with more, one could drown the rest."""


def plans(visit: Visit, _query: plan.Plans) -> Sequence[plan.Plan]:
    return list(visit.catalogue.plans.values())


def the_standings(visit: Visit, query: plan.Standings) -> Mapping[str, plan.Standing]:
    found = visit.catalogue.plans[query.plan]
    commitment = found.commitment(query.commitment) if query.commitment else None
    milestones = commitment.milestones if commitment else None
    return standings(visit.connection, found, visit.today, visit.catalogue.hours.zone, milestones)


def report_of(visit: Visit, query: plan.ReportOf) -> int | None:
    newest = voices.latest_reports(visit.connection, [query.milestone]).get(query.milestone)
    return None if newest is None else int(newest.id)


def page_of(visit: Visit, query: plan.PageOf) -> str:
    prefix = "" if visit.language == "es" else f"/{visit.language}"
    return f"{visit.public_url}{prefix}/plan/{query.commitment}"


def following(visit: Visit, _query: plan.Following) -> list[str]:
    return participants.followed(visit.connection, visit.person_id) if visit.person_id is not None else []


def _speaker(visit: Visit) -> int:
    """Who speaks; what they do from two chats at once comes one after the other. Raises Moved."""
    assert visit.person_id is not None
    contacts.lock_person(visit.connection, visit.person_id, {})
    return visit.person_id


def follow(visit: Visit, command: plan.Follow) -> bool:
    if command.scope == topics.VOTES:
        visit.facts = replace(visit.facts, reminded=True)
    speaker = _speaker(visit)
    if command.scope == topics.BY_SMS and visit.phone is not None:
        contacts.reach_by_sms(visit.connection, visit.contact_id, speaker, visit.phone, visit.now)
    return participants.follow(visit.connection, speaker, command.scope, visit.now)


def offer(visit: Visit, _query: topics.Offer) -> str:
    """Where each message has its price, an answer too is one: there a word in the receipt has to do."""
    if visit.facts.reminded or visit.state == "stopped":
        return ""
    return offered(visit.channel)


def offered(channel: str) -> str:
    return "word" if channel in BY_NUMBER else "ask"


def unfollow(visit: Visit, command: plan.Unfollow) -> int:
    assert visit.person_id is not None
    return participants.unfollow(visit.connection, visit.person_id, command.scope or None)


def object_to(visit: Visit, command: plan.ObjectTo) -> plan.Filed:
    speaker = _speaker(visit)
    if not voices.is_latest(visit.connection, command.report):
        return plan.Filed("newer")
    if voices.has_objected(visit.connection, command.report, speaker):
        return plan.Filed("again")
    if voices.open_objections(visit.connection, speaker) >= MOST_OPEN_OBJECTIONS:
        return plan.Filed("many")
    number = voices.object_to(visit.connection, command.report, speaker, command.reason, visit.now)
    return plan.Filed("kept", number)


def roles(visit: Visit, _query: plan.Roles) -> list[list[str]]:
    if visit.person_id is None:
        return []
    return own_data.roles(visit.connection, visit.catalogue, visit.person_id)


def report_milestone(visit: Visit, command: plan.ReportMilestone) -> plan.Filed:
    """Keep an office's report, if the speaker works there and the office answers for that milestone."""
    found = visit.catalogue.plan_of(command.milestone)
    milestone = found.milestones.get(command.milestone) if found else None
    mine = (
        any(role == ["office", found.slug, command.office] for role in roles(visit, plan.Roles())) if found else False
    )
    if milestone is None or not mine or command.office not in milestone.offices:
        return plan.Filed("no-office")
    number = file_report(
        visit.connection, command.milestone, command.office, command.state, command.text, "chat", visit.now
    )
    if command.attachment is not None:
        _await(visit, number, command.attachment)
    return plan.Filed("kept", number)


def file_report(
    connection: Connection, milestone: str, office: str, state: str, text: str, via: str, now: datetime
) -> int:
    """Keep a report, from wherever it comes; its number. Raises ValueError for a state that is none."""
    if state not in STATES:
        raise ValueError("no such state")
    return voices.report(connection, milestone, office, state, text, via, now)


def add_evidence(visit: Visit, command: plan.AddEvidence) -> None:
    _await(visit, command.report, command.attachment)


def _await(visit: Visit, report: int, file: Attachment) -> None:
    source = visit.ink.seal(file.source.encode(), visit.now)
    voices.await_file(visit.connection, report, visit.contact_id, visit.channel, source, file.name[:80], visit.now)


def awaiting(visit: Visit, query: plan.Awaiting) -> list[tuple[str, str, int, str]]:
    if visit.person_id is None:
        return []
    found: list[tuple[str, str, int, str]] = []
    for row in participants.seats_of(visit.connection, visit.person_id):
        each = visit.catalogue.plans.get(row.plan)
        if each is not None and row.seat in each.seats:
            found += [
                (each.slug, row.seat, report, milestone)
                for report, milestone in to_judge(visit.connection, each, row.seat, query.judged)
            ]
    return sorted(found, key=lambda waiting: waiting[2])


def to_judge(connection: Connection, of: plan.Plan, seat: str, again: bool) -> list[tuple[int, str]]:
    """The newest reports (id, milestone) of standing commitments that a seat has judged, or has not, oldest first."""
    alive = [m.id for c in of.commitments if c.withdrawn is None for m in c.milestones]
    newest = voices.latest_reports(connection, alive)
    said = voices.judgements_of(connection, [row.id for row in newest.values()])
    judged = {row.report_id for row in said if row.seat == seat}
    return sorted((row.id, row.milestone) for row in newest.values() if (row.id in judged) == again)


def judge(visit: Visit, command: plan.Judge) -> plan.Filed:
    """Keep a judgement, if the speaker holds the seat at this moment and no newer report stands above."""
    report = voices.one_report(visit.connection, command.report)
    of = visit.catalogue.plan_of(report.milestone) if report is not None else None
    if visit.person_id is None or of is None or command.seat not in of.seats:
        return plan.Filed("no-seat")
    if not participants.holds(visit.connection, visit.person_id, of.slug, command.seat):
        return plan.Filed("no-seat")
    if not voices.is_latest(visit.connection, command.report):
        return plan.Filed("newer")
    voices.judge(visit.connection, command.report, command.seat, command.verdict, command.reason, visit.now)
    return plan.Filed("kept")


def claim_role(visit: Visit, command: plan.ClaimRole) -> plan.Claim:
    """Use up a code: sit down on its seat, or begin to report for its office."""
    speaker = _speaker(visit)
    code = hashed(visit.secret, ballots.read_code(command.code))
    row = participants.invitation(visit.connection, code)
    if row is None or not own_data.is_in(visit.catalogue, row.kind, row.plan, row.subject):
        return plan.Claim("unknown")
    if row.used_at is not None:
        return plan.Claim("used")
    if row.expires_at <= visit.now:
        return plan.Claim("expired")
    if not participants.use(visit.connection, code, visit.now):
        return plan.Claim("used")
    if row.kind == "seat":
        participants.take_seat(visit.connection, speaker, row.plan, row.subject, visit.now)
    else:
        participants.employ(visit.connection, speaker, row.plan, row.subject, visit.now)
    return plan.Claim("claimed", row.kind, row.plan, row.subject)


def invite(connection: Connection, secret: bytes, kind: str, slug: str, subject: str, now: datetime) -> str:
    """A new one-time code for a seat or an office; an earlier one that nobody used is void."""
    code = ballots.new_code()
    participants.invite(connection, hashed(secret, code), kind, slug, subject, now + INVITED_FOR)
    return code


def pass_on(visit: Visit, command: plan.PassOn) -> str:
    if visit.person_id is None or not participants.holds(visit.connection, visit.person_id, command.plan, command.seat):
        return ""
    return invite(visit.connection, visit.secret, "seat", command.plan, command.seat, visit.now)


def owed_answers(visit: Visit, _query: plan.OwedAnswers) -> list[tuple[int, str, str]]:
    mine = {(slug, office) for kind, slug, office in roles(visit, plan.Roles()) if kind == "office"}
    found: list[tuple[int, str, str]] = []
    for row in voices.unanswered(visit.connection):
        of = visit.catalogue.plan_of(row.milestone)
        if of is not None and (of.slug, row.reporter) in mine:
            found.append((row.id, row.milestone, row.text))
    return found


def answer_objection(visit: Visit, command: plan.AnswerObjection) -> plan.Filed:
    row = voices.objection(visit.connection, command.number)
    of = visit.catalogue.plan_of(row.milestone) if row is not None else None
    if row is None or of is None or ["office", of.slug, row.reporter] not in roles(visit, plan.Roles()):
        return plan.Filed("no-office")
    kept = voices.answer(visit.connection, command.number, row.reporter, command.text, visit.now)
    return plan.Filed("kept" if kept else "again", command.number)


def to_rate(visit: Visit, _query: plan.ToRate) -> list[list[str]]:
    return [
        [each.slug, event.id]
        for each in visit.catalogue.plans.values()
        for event in each.events
        if event.opens <= visit.today <= event.closes
    ]


def rate_event(visit: Visit, command: plan.RateEvent) -> plan.Filed:
    speaker = _speaker(visit)
    if [command.plan, command.event] not in to_rate(visit, plan.ToRate()):
        return plan.Filed("closed")
    if not (1 <= command.clear <= 5 and 1 <= command.heard <= 5):
        raise ValueError("an answer outside the scale")
    again = voices.rate(visit.connection, command.plan, command.event, speaker, command.clear, command.heard)
    return plan.Filed("again" if again else "kept")


HANDLERS: dict[type[Command[Any]], Callable[[Visit, Any], Any]] = {
    plan.Plans: plans,
    plan.Standings: the_standings,
    plan.ReportOf: report_of,
    plan.PageOf: page_of,
    plan.Following: following,
    plan.Follow: follow,
    plan.Unfollow: unfollow,
    topics.Offer: offer,
    plan.ObjectTo: object_to,
    plan.Roles: roles,
    plan.ReportMilestone: report_milestone,
    plan.AddEvidence: add_evidence,
    plan.Awaiting: awaiting,
    plan.Judge: judge,
    plan.ClaimRole: claim_role,
    plan.PassOn: pass_on,
    plan.OwedAnswers: owed_answers,
    plan.AnswerObjection: answer_objection,
    plan.ToRate: to_rate,
    plan.RateEvent: rate_event,
}
