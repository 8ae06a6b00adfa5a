"""An office's staff: report where a milestone stands, with evidence, and answer what residents object."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.answers import FreeText, pick_one, tidy
from flows.language import (
    Ask,
    Attachment,
    Do,
    Flow,
    Joined,
    Look,
    NotUnderstood,
    Option,
    Phrase,
    Said,
    Say,
    Talk,
    _,
    many,
)
from flows.lists import pick_from
from flows.plan import (
    STATES,
    AddEvidence,
    AnswerObjection,
    Filed,
    Milestone,
    OwedAnswers,
    Plan,
    Plans,
    ReportMilestone,
    Roles,
    Standings,
    until,
)

LEAST_LETTERS, MOST_LETTERS = 3, 1000
"""Of what is published: a number that was meant for another question is shorter."""

MOST_FILES, MOST_ANSWERS = 5, 8
LARGEST = 10_000_000
"""Bytes of one file: what OGP's form for a commitment's end takes too (participation.md 4)."""

KINDS = ("image/jpeg", "image/png", "image/webp", "application/pdf")
NO_OFFICE = _("Only an office's staff can report. If you have a code, write OFFICE and the code.")
ENOUGH = Option("done", _("That is all"), words=("listo", "done", "no", "nada más"))


def file_of(said: Said) -> dict[str, Any] | None:
    """The file that came with a message, if it can be evidence; what is known of it before it is fetched decides."""
    file = said.attachment
    if file is None:
        return None
    if file.size > LARGEST:
        raise NotUnderstood(_("That file is too large. Send one of at most 10 megabytes."))
    if file.kind and file.kind not in KINDS:
        raise NotUnderstood(_("We can take a photo or a PDF file. Please send one of these."))
    return asdict(file)


@dataclass(frozen=True)
class Told:
    """Words, perhaps under a picture or with a document: {"text", "attachment"}."""

    options: Sequence[Option] = ()
    takes_files: bool = True

    def read(self, said: Said) -> dict[str, Any]:
        file_of(said)
        text = tidy(said.text)
        if len(text) < LEAST_LETTERS:
            raise NotUnderstood(_("Please write in words what was done. You can write it under the photo."))
        if len(text) > MOST_LETTERS:
            raise NotUnderstood(_("That is too long. Write at most {n} letters.", n=MOST_LETTERS))
        return {"text": text, "attachment": file_of(said)}

    def still(self, value: Any) -> bool:
        return isinstance(value, dict)


@dataclass(frozen=True)
class OneMoreFile:
    """A photo or document, or `done`."""

    options: Sequence[Option] = (ENOUGH,)
    takes_files: bool = True

    def read(self, said: Said) -> dict[str, Any] | None:
        if said.attachment is not None:
            return file_of(said)
        pick_one(self.options).read(said)
        return None

    def still(self, value: Any) -> bool:
        return value is None or isinstance(value, dict)


def progress() -> Talk:
    """Report in four messages: the milestone, where it stands, what was done with a photo or document."""
    plans = {plan.slug: plan for plan in (yield from Look(Plans()))}
    roles: list[list[str]] = yield from Look(Roles())
    mine = [(plans[plan], id) for kind, plan, id in roles if kind == "office" and plan in plans]
    if not mine:
        yield Say(NO_OFFICE)
        return None
    found = yield from which_milestone(mine)
    if found is None:
        yield Say(_("Your office answers for no milestone now."))
        return None
    milestone, office = found
    state = yield from Ask(
        "state",
        _("{title}. Where does it stand?", title=milestone.title),
        pick_one([Option(id, words) for id, words in STATES.items()]),
    )
    told = yield from Ask(
        "told",
        _("What was done? Write it in plain words. You can send a photo or a document with it. All of it is public."),
        Told(),
    )
    file = told["attachment"] and Attachment(**told["attachment"])
    filed: Filed = yield from Do("reported", ReportMilestone(milestone.id, office, state, told["text"], file))
    if filed.status != "kept":
        yield Say(_("This office does not answer for that milestone any more, so nothing was kept."), lasting=True)
        return None
    yield Say(KEPT, lasting=True)
    yield from more_files(filed.number)
    return None


KEPT = _("Your report is kept and public. The committee is told, and whoever follows it.")


def which_milestone(mine: Sequence[tuple[Plan, str]]) -> Flow[tuple[Milestone, str] | None]:
    """One of the milestones that these offices answer for, with its office: first what ends first and is not done."""
    found: dict[str, tuple[Milestone, str]] = {}
    options: list[tuple[Any, Option]] = []
    for plan, office in mine:
        standings: Mapping[str, Any] = yield from Look(Standings(plan.slug))
        for milestone in plan.milestones.values():
            if office not in milestone.offices or milestone.id in found:
                continue
            found[milestone.id] = (milestone, office)
            standing = standings[milestone.id]
            label = _("{title}. {state}", title=milestone.title, state=until(standing))
            short = _("{title}. {state}", title=milestone.short, state=until(standing))
            rank = (standing.phase in ("done", "ended", "withdrawn"), milestone.span.last, milestone.id)
            options.append((rank, Option(milestone.id, label, short)))
    if not found:
        return None
    ordered = [option for _rank, option in sorted(options, key=lambda pair: pair[0])]
    picked = yield from pick_from("milestone", _("Which milestone do you report on?"), ordered)
    return found[picked]


def more_files(report: int) -> Flow[None]:
    """Take further files for a report that is kept already."""
    for number in range(1, MOST_FILES):
        text: Phrase = _("To add a photo or a document, send it now. Or write DONE.")
        if number > 1:
            text = Joined([_("Added."), text])
        file = yield from Ask(f"file-{number}", text, OneMoreFile())
        if file is None:
            yield Say(_("Thank you. To report on something else write PROGRESS."))
            return
        yield from Do(f"added-{number}", AddEvidence(report, Attachment(**file)))
    yield Say(_("That is as many files as one report can have. To report again write PROGRESS."))


def answer() -> Talk:
    """Answer the objections to what one's office reported, the oldest first."""
    roles: list[list[str]] = yield from Look(Roles())
    if not any(kind == "office" for kind, _plan, _id in roles):
        yield Say(NO_OFFICE)
        return None
    owed: list[tuple[int, str, str]] = yield from Look(OwedAnswers(), "owed")
    plans: Sequence[Plan] = yield from Look(Plans())
    titles = {m.id: m.title for plan in plans for m in plan.milestones.values()}
    if not owed:
        yield Say(_("No objection waits for an answer of your office."))
        return None
    for number, milestone, text in owed[:MOST_ANSWERS]:
        words = yield from Ask(
            f"answer-{number}",
            Joined(
                [
                    _("Objection {n}, to: {title}", n=number, title=titles.get(milestone, milestone)),
                    f'"{text}"',
                    _("Write the answer of your office. It is published. EXIT leaves it for another day."),
                ]
            ),
            FreeText(MOST_LETTERS, LEAST_LETTERS),
        )
        filed: Filed = yield from Do(f"answered-{number}", AnswerObjection(number, words))
        yield Say(became(filed), lasting=True)
    more = many(
        "{n} objection still waits for an answer. To go on write ANSWER.",
        "{n} objections still wait for an answer. To go on write ANSWER.",
        len(owed[MOST_ANSWERS:]),
    )
    yield Say(more if len(owed) > MOST_ANSWERS else _("That was all."))
    return None


def became(filed: Filed) -> Phrase:
    """What became of an answer."""
    match filed.status:
        case "kept":
            return _("Objection {n} is answered, and whoever raised it is told.", n=filed.number)
        case "again":
            return _("That objection was answered already.")
        case _other:
            return _("You do not report for this office any more, so this was not kept.")
