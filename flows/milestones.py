"""What the city promised: commitments and milestones in plain words, with every voice; follow them, object to them."""

from collections.abc import Mapping, Sequence

from flows.answers import FreeText, pick_one, yes_or_no
from flows.city import TheCity
from flows.consent import consent, refused
from flows.language import Ask, Do, Flow, Joined, Look, Month, Option, Phrase, Say, Talk, _, many
from flows.lists import pick_from
from flows.people import Facts, Me
from flows.plan import (
    Commitment,
    Filed,
    Follow,
    Milestone,
    ObjectTo,
    Plan,
    Plans,
    ReportOf,
    Span,
    Standing,
    Standings,
    said_by_committee,
    said_by_office,
    until,
)

FOLLOW = Option("follow", _("Get news of this"), words=("seguir", "follow"))
EVERYTHING = Option("all", _("Everything in the plan"))
OBJECT = Option("object", _("Object to what the office says"), _("Object"), words=("controversia", "objetar", "object"))
OTHERS = Option("back", _("Another milestone"))
MOST_SCREENS = 12
QUOTED = 300
"""Letters of a report that one screen shows; the page has all of it."""


def milestones(wanted: str = "") -> Talk:
    """Find a commitment (`wanted` is its id or number when a link or a word named it), then its milestones."""
    plans: Sequence[Plan] = yield from Look(Plans())
    if not plans:
        yield Say(_("The city has not loaded any plan yet. For anything else write MENU."))
        return None
    commitment, plan = named(plans, wanted), plans[0]
    if commitment is None:
        plan = yield from which_plan(plans)
        commitment = yield from which_commitment(plan)
    else:
        plan = next(each for each in plans if each.slug == commitment.plan)
    yield from look_around(plan, commitment)
    return None


def named(plans: Sequence[Plan], wanted: str) -> Commitment | None:
    """The commitment with this id, or with this number in the newest plan."""
    found = [c for plan in plans for c in plan.commitments if wanted and c.id == wanted]
    return next(iter(found or [c for c in plans[0].commitments if wanted == str(c.number)]), None)


def which_plan(plans: Sequence[Plan]) -> Flow[Plan]:
    if len(plans) == 1:
        return plans[0]
    picked = yield from Ask("plan", _("Which plan?"), pick_one([Option(plan.slug, plan.title) for plan in plans[:8]]))
    return next(plan for plan in plans if plan.slug == picked)


def which_commitment(plan: Plan) -> Flow[Commitment]:
    """The commitment: by what it is for first where there are many, the one that changed last first."""
    if len(plan.commitments) == 1:
        return plan.commitments[0]
    listed = newest_first(plan, (yield from Look(Standings(plan.slug))))
    options = [searchable(plan, each) for each in listed]
    text: Phrase = Joined([plan.title, _("What was promised? Choose one, or write a word to search.")])
    if len(listed) > 9:
        aims = [Option(id, words) for id, words in plan.objectives.items() if any(c.objective == id for c in listed)]
        aim = yield from pick_from("aim", text, [*aims, *options])
        if aim in plan.objectives:
            options = [o for o, c in zip(options, listed, strict=True) if c.objective == aim]
            picked = yield from pick_from("commitment", plan.objectives[aim], options)
        else:
            picked = aim
    else:
        picked = yield from pick_from("commitment", text, options, short=_("What was promised?"))
    return next(c for c in plan.commitments if c.id == picked)


def searchable(plan: Plan, commitment: Commitment) -> Option:
    """A commitment as an answer; it is also found by its objective, its offices and what it is about."""
    offices = [plan.offices[id].name for id in commitment.leads]
    areas = [plan.areas[id] for id in commitment.areas]
    more = Joined([commitment.more, plan.objectives[commitment.objective], *offices, *areas])
    return Option(commitment.id, commitment.title, commitment.short, more=more)


def newest_first(plan: Plan, standings: Mapping[str, Standing]) -> list[Commitment]:
    """The commitments, those first whose voices were heard last; then in the plan's order."""

    def heard(commitment: Commitment) -> int:
        days = [standings[m.id].changed for m in commitment.milestones]
        return max((day.toordinal() for day in days if day), default=0)

    return sorted(plan.commitments, key=lambda c: (-heard(c), c.number))


def look_around(plan: Plan, commitment: Commitment) -> Flow[None]:
    """One commitment, and as many of its milestones as somebody wants to see."""
    for screen in range(1, MOST_SCREENS):
        standings = yield from Look(Standings(plan.slug, commitment.id))
        options = [_step(m, standings[m.id]) for m in commitment.milestones]
        short: Phrase = Joined([commitment.short, _("Choose a milestone:")])
        picture = f"progress/{commitment.id}" if screen == 1 else ""
        picked = yield from pick_from(f"step-{screen}", about(plan, commitment), options, [FOLLOW], short, picture)
        if picked == FOLLOW.id:
            return (yield from follow(plan, commitment))
        milestone = plan.milestones[picked]
        standing: Standing = (yield from Look(Standings(plan.slug, commitment.id)))[picked]
        # Recorded: what they object to is the report that was on screen, whatever comes while they write.
        report = yield from Look(ReportOf(picked), f"report-{screen}")
        choices = (OTHERS, FOLLOW) if report is None else (OTHERS, FOLLOW, OBJECT)
        brief = told(plan, milestone, standing, short=True)
        then = yield from Ask(f"then-{screen}", told(plan, milestone, standing), pick_one(choices), short=brief)
        if then == FOLLOW.id:
            return (yield from follow(plan, commitment))
        if then == OBJECT.id and report is not None:
            return (yield from object_to(report))
    yield Say(_("To see more of what was promised write MILESTONES."))


def _step(milestone: Milestone, standing: Standing) -> Option:
    numbered = _("{title}. {state}", title=milestone.title, state=until(standing))
    brief = _("{title}. {state}", title=milestone.short, state=until(standing))
    return Option(milestone.id, numbered, brief)


def about(plan: Plan, commitment: Commitment) -> Phrase:
    """A commitment in a few lines."""
    lines: list[Phrase] = [commitment.title, commitment.more]
    if plan.example:
        lines.append(_("This is a made-up example."))
    lines.append(_("Who answers for it: {offices}.", offices=_offices(plan, commitment.leads)))
    if commitment.withdrawn is not None:
        lines.append(_("It was withdrawn. The reason: {why}", why=commitment.withdrawn))
    return Joined([*lines, _("Choose a milestone to see how it goes:")])


def told(plan: Plan, milestone: Milestone, standing: Standing, short: bool = False) -> Phrase:
    """One milestone on one short screen: what, who, when, and every voice; offices by their `short` names in an SMS."""
    lines: list[Phrase] = [
        _("Milestone {number}. {title}", number=milestone.number, title=milestone.title),
        _("When: {when}. {state}.", when=when(milestone.span), state=until(standing)),
        _("Who answers for it: {offices}.", offices=_offices(plan, milestone.offices, short)),
    ]
    if standing.reported is None:
        lines.append(_("The office says: no data."))
    else:
        said = _("The office says ({date}): {state}.", date=standing.on, state=said_by_office(standing))
        lines += [said, f'"{standing.said[:QUOTED]}{"..." if len(standing.said) > QUOTED else ""}"']
    lines.append(_("The committee says: {said}.", said=said_by_committee(standing)))
    if standing.silent:
        lines.append(many("Silent for {n} day.", "Silent for {n} days.", standing.silent))
    if standing.evidence:
        lines.append(many("{n} file as evidence.", "{n} files as evidence.", standing.evidence))
    if standing.objections:
        counts = {"n": standing.objections, "answered": standing.answered}
        lines.append(_("Objections of residents: {n}, answered: {answered}.", **counts))
    return Joined(lines)


def when(span: Span) -> Phrase:
    """A span as people say it: by months where the plan states months."""
    if not span.by_month:
        return _("From {first} until {last}", first=span.first, last=span.last)
    if (span.first.year, span.first.month) == (span.last.year, span.last.month):
        return Month(span.first)
    return _("From {first} to {last}", first=Month(span.first), last=Month(span.last))


def _offices(plan: Plan, ids: Sequence[str], short: bool = False) -> Phrase:
    return Joined([plan.offices[id].short if short else plan.offices[id].name for id in ids], "; ")


def follow(plan: Plan, commitment: Commitment) -> Flow[None]:
    """Follow the commitment, one of its offices, or everything."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return
    scopes = {
        f"commitment:{commitment.id}": Option("this", _("Only this: {title}", title=commitment.title), commitment.short)
    }
    for id in commitment.leads:
        office = plan.offices[id]
        scopes[f"office:{plan.slug}/{id}"] = Option(id, _("All of this office: {name}", name=office.name), office.short)
    scopes["all"] = EVERYTHING
    picked = yield from Ask("scope", _("What do you want news of?"), pick_one(list(scopes.values())))
    scope = next(each for each, option in scopes.items() if option.id == picked)
    new = yield from Do("followed", Follow(scope))
    known = _("You follow that already. To see or stop what you follow write ALERTS.")
    done = _("Done. We write to you when something changes or is late. To stop it write ALERTS.")
    yield Say(done if new else known)


def object_to(report: int) -> Flow[None]:
    """Object to a report, with a reason that is published without a name."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return
    reason = yield from Ask(
        "reason",
        _(
            "What is not as the office says? Write it in a few words. It is published without your name, together with"
            " the answer. Name nobody."
        ),
        FreeText(500, least=3),
    )
    if not (yield from Ask("sure", Joined([f'"{reason}"', _("Shall we send it to the office?")]), yes_or_no())):
        yield Say(_("Nothing was sent. To begin again write MILESTONES."))
        return
    filed: Filed = yield from Do("objected", ObjectTo(report, reason))
    match filed.status:
        case "kept":
            text = _("Your objection has the number {n}. We tell you here when the office answers.", n=filed.number)
        case "again":
            text = _("You have objected to this report already. We tell you here when the office answers.")
        case "many":
            text = _(
                "Five objections of yours wait for an answer. Please wait until one is answered. This was not sent."
            )
        case _other:
            text = _("The office has reported again in the meantime. Read the new report first: write MILESTONES.")
    yield Say(text, lasting=True)
