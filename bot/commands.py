"""What each command and query of a flow does: one function for each, on the storage, in the turn's transaction."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from bot import idea_commands, own_data, plan_commands
from bot.announcements import commands as announcement_commands
from bot.catalogue import NOTICE, Catalogue, Listed
from bot.visit import Visit, hashed
from flows import city, complaint, consultation, people
from flows.language import Command
from storage import ballots, consultations, contacts, counts, ideas, notices, outbox, participants, recipients, voices
from storage.ballot_keys import BallotBoxLocked
from storage.ballots import Voter

log = structlog.get_logger()

LEVELS = ("contact", "phone", "document")
"""What a voter can show, from least to most."""

CODE_LASTS = timedelta(minutes=15)


def act(visit: Visit, _key: str, command: Command[Any]) -> Any:
    """Carry out a command or query of a flow; its outcome is JSON or a dataclass of JSON."""
    return HANDLERS[type(command)](visit, command)


def me(visit: Visit, _query: people.Me) -> people.Facts:
    return visit.facts


def the_city(visit: Visit, _query: city.TheCity) -> city.City:
    return visit.catalogue.city


def no_complaints(_visit: Visit, _query: complaint.TheOffer) -> complaint.Offer:
    """Where an ordinary turn has to answer, there is no store for confidential ones."""
    return complaint.Offer("shut")


def open_now(visit: Visit, _query: consultation.Open) -> list[str]:
    return visit.catalogue.open(visit.now)


def open_then(visit: Visit, _query: consultation.OpenThen) -> list[str]:
    return visit.catalogue.open(visit.sent_at or visit.now)


def the_consultation(visit: Visit, query: consultation.TheConsultation) -> consultation.Consultation | None:
    listed = visit.catalogue.consultations.get(query.slug)
    return listed.seen if listed else None


def phase(visit: Visit, query: consultation.Phase) -> str:
    listed = visit.catalogue.consultations.get(query.slug)
    return listed.phase(visit.now) if listed else "draft"


def annulled(visit: Visit, _query: consultation.Annulled) -> list[str]:
    return visit.catalogue.annulled()


def next_one(visit: Visit, _query: consultation.Next) -> consultation.Consultation | None:
    return visit.catalogue.next(visit.now)


def published(visit: Visit, _query: consultation.Published) -> list[str]:
    return visit.catalogue.published()


def has_voted(visit: Visit, query: consultation.HasVoted) -> bool:
    return visit.person_id is not None and ballots.has_voted(visit.connection, query.slug, visit.person_id)


def overtaken(visit: Visit, _query: consultation.Overtaken) -> bool:
    written = visit.sent_at
    return written is not None and outbox.number_since(visit.connection, visit.contact_id, written) > 0


def cast_ballot(visit: Visit, command: consultation.CastBallot) -> consultation.Cast:
    """Cast by the rules as they are now, whatever the flow believed when it asked."""
    listed = visit.catalogue.consultations[command.slug]
    _valid(listed, command.choices)
    if not consultations.hold_open(visit.connection, command.slug, visit.now):
        return consultation.Cast("closed")
    level = "phone" if visit.phone else "contact"
    if LEVELS.index(level) < LEVELS.index(listed.rules["identity"]):
        return consultation.Cast("identity")
    if visit.person_id is None:
        raise LookupError("a ballot without a person")
    try:
        mark = _mark(visit, listed, "person", str(visit.person_id))
        stones = own_data.stones(visit.keys, listed, visit.channel, visit.address, visit.phone)
    except BallotBoxLocked:
        log.error("ballots.key_missing", consultation=command.slug)
        return consultation.Cast("away")
    person = contacts.lock_person(visit.connection, visit.person_id, dict(command.profile))
    left_at, gone = ballots.buried(visit.connection, command.slug, stones)
    if left_at is not None and person.consented_at >= left_at:
        return consultation.Cast("left")
    if _crowded(visit, listed, gone):
        return consultation.Cast("crowded")
    territory = visit.catalogue.city.territory
    locality, unit = territory.containing(person.place, "locality"), territory.containing(person.place, "unit")
    voter = Voter(
        visit.person_id, level, visit.channel, person.age, person.sex, person.group,
        locality.code if locality else None, unit.code if unit else None,
    )  # fmt: skip
    receipt, replaced = ballots.cast(visit.connection, command.slug, voter, mark, command.choices, visit.now)
    return consultation.Cast("changed" if replaced else "counted", receipt)


def _valid(listed: Listed, choices: tuple[str, ...]) -> None:
    known = {p.id for p in listed.seen.proposals}
    if not (set(choices) <= known and len(set(choices)) == len(choices)):
        raise ValueError("choices that are not on the ballot")
    if not listed.seen.least <= len(choices) <= listed.seen.most:
        raise ValueError("too few or too many choices")


def _mark(visit: Visit, listed: Listed, kind: str, who: str) -> str:
    return visit.keys.mark(listed.row.slug, listed.row.key_print or "", kind, who)


def _crowded(visit: Visit, listed: Listed, gone: int) -> bool:
    """Whether as many as the rules allow have voted from here; `gone` have voted and deleted their data.

    Where the rules ask for a number, "here" is the number, whichever channels it writes on.
    """
    number = visit.phone if listed.rules["identity"] == "phone" else None
    if visit.facts.people <= 1 and number is None and not gone:
        return False
    slug, person = listed.row.slug, visit.person_id or 0
    voted = contacts.voters_beside(visit.connection, visit.contact_id, number, person, slug)
    return voted + gone >= int(listed.rules["people_per_contact"])


def find_receipt(visit: Visit, query: consultation.FindReceipt) -> consultation.Receipt:
    return look_up(visit.connection, visit.catalogue, query.code)


def look_up(connection: Connection, listed: Catalogue, typed: str) -> consultation.Receipt:
    """Before publication only that a ballot is in the box; what it says is in the published list afterwards."""
    code = ballots.read_code(typed)
    counted = counts.chosen_by(connection, code)
    if counted is not None:
        slug, choices = counted
        if listed.consultations[slug].row.state == "published":
            return consultation.Receipt("public", slug, choices)
        return consultation.Receipt("box", slug)
    undecided = [slug for slug, c in listed.consultations.items() if c.row.state == "opened"]
    slug_in_box = ballots.in_box(connection, code, undecided)
    return consultation.Receipt("box", slug_in_box) if slug_in_box else consultation.Receipt("unknown")


def results(visit: Visit, query: consultation.Results) -> dict[str, Any]:
    count = counts.of(visit.connection, query.slug)
    if count is None or visit.catalogue.consultations[query.slug].row.state != "published":
        raise LookupError("results that are not published")
    found = json.loads(count.results)
    votes = sorted(((p["id"], p["votes"]) for p in found["proposals"]), key=lambda pair: -pair[1])
    return {"ballots": found["ballots"], "votes": votes}


def give_consent(visit: Visit, _command: people.GiveConsent) -> None:
    visit.person_id = contacts.consent(visit.connection, visit.contact_id, NOTICE, visit.now)
    visit.facts = replace(visit.facts, consented=True, people=visit.facts.people + 1)


def save_profile(visit: Visit, command: people.SaveProfile) -> None:
    if visit.person_id is not None:
        contacts.lock_person(visit.connection, visit.person_id, vars(command))


def set_language(visit: Visit, command: people.SetLanguage) -> None:
    contacts.change(visit.connection, visit.contact_id, language=command.language)
    visit.language = command.language


def stop_notices(visit: Visit, _command: people.StopNotices) -> None:
    contacts.opt_out(visit.connection, visit.contact_id)
    visit.state = "stopped"


def allow_notices(visit: Visit, _command: people.AllowNotices) -> None:
    contacts.opt_in(visit.connection, visit.contact_id)
    visit.state = "active"


def my_data(visit: Visit, _query: people.MyData) -> dict[str, Any]:
    if visit.person_id is None:
        return dict(own_data.NOTHING)
    return own_data.export(visit.connection, visit.catalogue, visit.person_id)


def delete_me(visit: Visit, _command: people.DeleteMe) -> bool:
    """Forget the person. False when that is not possible now."""
    if visit.person_id is None:
        return True
    if not own_data.erase(visit.connection, visit.catalogue, visit.keys, visit.person_id, visit.now):
        return False
    visit.person_id, visit.facts = None, people.Facts()
    return True


def which_person(visit: Visit, _query: people.WhichPerson) -> int:
    ids = contacts.people(visit.connection, visit.contact_id)
    return ids.index(visit.person_id) + 1 if visit.person_id in ids else 0


def switch_person(visit: Visit, command: people.SwitchPerson) -> None:
    """Somebody new is nobody yet: consent is asked of them first."""
    ids = contacts.people(visit.connection, visit.contact_id)
    person_id = ids[command.number - 1] if 0 < command.number <= len(ids) else None
    contacts.change(visit.connection, visit.contact_id, person_id=person_id)
    visit.person_id = person_id
    visit.facts = people.Facts(people=len(ids))
    if person_id is not None:
        person = contacts.lock_person(visit.connection, person_id, {})
        visit.facts = people.Facts(
            True, person.age, person.sex, person.group, person.place, visit.phone is not None,
            visit.state == "stopped", len(ids),
        )  # fmt: skip


def make_join_code(visit: Visit, _command: people.MakeJoinCode) -> str:
    code = ballots.new_code()
    assert visit.person_id is not None
    contacts.keep_code(visit.connection, hashed(visit.secret, code), visit.person_id, visit.now + CODE_LASTS)
    return code


def use_join_code(visit: Visit, command: people.UseJoinCode) -> people.Join:
    code = ballots.read_code(command.code)
    other = contacts.take_code(visit.connection, hashed(visit.secret, code), visit.now) if code else None
    return _join(visit, other) if other is not None else people.Join("unknown")


def share_phone(visit: Visit, command: people.SharePhone) -> people.Join:
    """The contacts of one number are one person's, unless several people share them: then only a code can tell."""
    assert visit.person_id is not None
    contacts.change(visit.connection, visit.contact_id, phone=command.phone)
    visit.phone = command.phone
    others = contacts.with_phone(visit.connection, command.phone, visit.person_id)
    alone = visit.facts.people <= 1
    return _join(visit, others[0]) if alone and len(others) == 1 else people.Join("waiting")


def _join(visit: Visit, other: int) -> people.Join:
    """Make the speaker and another one person; the earlier id stays. Joins freeze where a vote of both is closed."""
    assert visit.person_id is not None
    if other == visit.person_id:
        return people.Join("same")
    kept, gone = sorted((other, visit.person_id))
    undecided = {slug: c for slug, c in visit.catalogue.consultations.items() if c.row.state == "opened"}
    for slug in sorted(undecided):  # consultations before people, as a ballot that is cast takes them
        consultations.hold_open(visit.connection, slug, visit.now)
    for person_id in (kept, gone):
        contacts.lock_person(visit.connection, person_id, {})
    parts = set(ballots.took_part(visit.connection, kept)), set(ballots.took_part(visit.connection, gone))
    both = parts[0] & parts[1]
    if any(slug in both and c.phase(visit.now) == "closed" for slug, c in undecided.items()):
        return people.Join("closed")
    moved = [listed for slug, listed in undecided.items() if slug in parts[1]]
    try:
        marks = [[_mark(visit, c, "person", str(who)) for who in (kept, gone)] for c in moved]
    except BallotBoxLocked:
        log.error("ballots.key_missing", consultation=",".join(c.row.slug for c in moved))
        return people.Join("away")
    doubled = sum(
        ballots.join(visit.connection, c.row.slug, kept, gone, *pair) for c, pair in zip(moved, marks, strict=True)
    )
    ballots.rename_on_rolls(visit.connection, kept, gone)
    participants.rename(visit.connection, kept, gone)
    voices.rename(visit.connection, kept, gone)
    ideas.rename(visit.connection, kept, gone)
    notices.rename(visit.connection, kept, gone)
    recipients.rename(visit.connection, kept, gone)
    contacts.merge(visit.connection, kept, gone)
    visit.person_id = kept
    return people.Join("joined", doubled)


HANDLERS: dict[type[Command[Any]], Callable[[Visit, Any], Any]] = {
    people.Me: me,
    city.TheCity: the_city,
    complaint.TheOffer: no_complaints,
    consultation.Open: open_now,
    consultation.OpenThen: open_then,
    consultation.TheConsultation: the_consultation,
    consultation.Phase: phase,
    consultation.Annulled: annulled,
    consultation.Next: next_one,
    consultation.Published: published,
    consultation.HasVoted: has_voted,
    consultation.Overtaken: overtaken,
    consultation.CastBallot: cast_ballot,
    consultation.FindReceipt: find_receipt,
    consultation.Results: results,
    people.GiveConsent: give_consent,
    people.SaveProfile: save_profile,
    people.SetLanguage: set_language,
    people.StopNotices: stop_notices,
    people.AllowNotices: allow_notices,
    people.MyData: my_data,
    people.DeleteMe: delete_me,
    people.WhichPerson: which_person,
    people.SwitchPerson: switch_person,
    people.MakeJoinCode: make_join_code,
    people.UseJoinCode: use_join_code,
    people.SharePhone: share_phone,
    **plan_commands.HANDLERS,
    **idea_commands.HANDLERS,
    **announcement_commands.HANDLERS,
}
