"""Vote, and change the vote until the consultation closes."""

from flows.answers import PickSome, pick_some, yes_or_no
from flows.city import City, TheCity
from flows.consent import consent, refused
from flows.consultation import (
    Cast,
    CastBallot,
    Consultation,
    HasVoted,
    Next,
    Open,
    Phase,
    TheConsultation,
    annulled,
    one_of,
    reason,
    tell_annulled,
)
from flows.language import About, Ask, Do, Flow, Joined, Look, Phrase, Say, Talk, _, many
from flows.people import Facts, Me
from flows.profile import field
from flows.topics import Offer


def vote(slug: str = "") -> Talk:
    """Choose, confirm, and get a receipt. `slug` names the consultation when a link brought the person here."""
    entered = yield from entrance(slug)
    if entered is None:
        return None
    city, me, consultation = entered
    voted = yield from Look(HasVoted(consultation.slug), "voted")
    answers = yield from demographics(consultation, me, city)
    chosen = yield from ballot(consultation, voted)
    if chosen is None:
        yield Say(NOT_RECORDED)
        return None
    outcome = yield from Do("ballot", CastBallot(consultation.slug, tuple(chosen), tuple(answers.items())))
    offer = yield from offered(outcome)
    yield tell(outcome, consultation, voted, offer == "word")
    return "remind" if offer == "ask" else None  # a talk of its own: this one, with the choices, is deleted now


REMIND = _("To be reminded of votes and hear what won write ALTA.")


def offered(outcome: Cast) -> Flow[str]:
    """How reminders are offered beside a first receipt, if at all: word or ask."""
    return (yield from Look(Offer(), "offer")) if outcome.status == "counted" else ""


def entrance(slug: str) -> Flow[tuple[City, Facts, Consultation] | None]:
    """The city, who votes and in what; None, and they were told why, where they cannot vote here now."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    consultation = yield from which(slug)
    if consultation is None:
        yield from nothing_open()
        return None
    yield About(consultation.slug)
    if (yield from over(consultation)):  # it closed while they were choosing, or their draft is of an earlier day
        return None
    if consultation.identity == "document":
        yield Say(Joined([BY_DOCUMENT, city.help]))
        return None
    if consultation.identity == "phone" and not me.phone:
        yield Say(BY_PHONE)
        return None
    return city, me, consultation


def ended(slug: str) -> Talk:
    """What somebody is told whose talk was wiped because its consultation ended."""
    consultation = yield from Look(TheConsultation(slug))
    if consultation is not None:
        yield from over(consultation)
    return None


def which(slug: str) -> Flow[Consultation | None]:
    """The consultation to vote in: the one asked for, the only one, or the one picked from a list."""
    slugs: list[str] = yield from Look(Open(), "open")
    if slug in slugs:
        slugs = [slug]
    elif slug and (yield from Look(Phase(slug))) in OVER:
        return (yield from Look(TheConsultation(slug)))
    return (yield from one_of(slugs, _("Which one do you want to vote in?")))


def over(consultation: Consultation) -> Flow[bool]:
    """Whether it has ended; if so that is told."""
    phase = yield from Look(Phase(consultation.slug))
    if phase == "annulled":
        yield annulled(consultation)
    elif phase in OVER:
        closed = _("This vote closed on {day}, so you can no longer vote in it.", day=consultation.closes)
        voted = yield from Look(HasVoted(consultation.slug))
        why = [reason(consultation, "closed")] if consultation.told("closed") else []
        yield Say(Joined([consultation.title, closed, *why, EARLIER if voted else NO_VOTE]), lasting=True)
    return phase in OVER


def nothing_open() -> Flow[None]:
    """Say so, what was annulled, and when the next one opens."""
    yield from tell_annulled()
    coming = yield from Look(Next())
    if coming is None:
        yield Say(_("There is no vote open now. For earlier results write RESULTS."))
    else:
        yield Say(
            _(
                "There is no vote open now. On {day} the next one opens: {title}.",
                title=coming.title,
                day=coming.first_minute,
            )
        )


def demographics(consultation: Consultation, me: Facts, city: City) -> Flow[dict[str, str]]:
    """Ask what the rules require and is not known yet."""
    answers: dict[str, str] = {}
    unknown = [name for name in consultation.asks if getattr(me, name) is None]
    before: Phrase | None = many(
        "Before you vote, {n} short question. Your vote is secret.",
        "Before you vote, {n} short questions. Your vote is secret.",
        len(unknown),
    )
    for name in unknown:
        answer = yield from field(name, city, before=before)
        before = None
        if answer is not None:
            answers[name] = answer
    return answers


def ballot(consultation: Consultation, voted: bool) -> Flow[list[str] | None]:
    """The choices, confirmed; None if the person would rather not. Each change of mind is a new pair of questions."""
    for attempt in range(1, 20):
        reader = pick_some([p.option for p in consultation.proposals], consultation.least, consultation.most)
        chosen = yield from Ask(
            f"choices-{attempt}",
            question(consultation, reader, voted),
            reader,
            short=brief(consultation, reader, voted),
        )
        listed: Phrase = Joined(
            [_("{number}. {title}", number=p.number, title=p.title) for p in consultation.proposals if p.id in chosen]
        )
        short: Phrase = Joined(
            [_("{number}. {title}", number=p.number, title=p.short) for p in consultation.proposals if p.id in chosen]
        )
        sure = yield from Ask(
            f"sure-{attempt}",
            Joined([_("You chose:"), listed, _("Is that right?")]),
            yes_or_no(_("Yes, cast my vote"), _("Change")),
            short=Joined([_("You chose:"), short, _("Right?")]),
        )
        if sure:
            return chosen
    return None


AGAIN = _("You already voted. If you vote again, only the new vote counts.")
CORRECTED = _("There is a correction to this vote. To read it write RULES.")
EARLIER = _("The vote you cast before does count.")
NO_VOTE = _("No vote of yours was recorded.")
BY_DOCUMENT = _("For this vote you must show your identity document, in person. Here we cannot take your vote.")
BY_PHONE = _('To vote here we must know that this number is yours. Write PRIVACY and choose "Share my phone number".')
NOT_RECORDED = _("This vote was not recorded. To start again write VOTE.")
OVER = ("closed", "counted", "published", "annulled")


def question(consultation: Consultation, reader: PickSome, voted: bool) -> Phrase:
    parts: list[Phrase] = [consultation.title]
    if voted:
        parts.append(AGAIN)
    if consultation.most == 1:
        parts.append(_("Choose one. Reply with its number."))
    else:
        parts.append(
            _(
                "Choose up to {n}. Reply with the numbers, like this: {example}",
                n=consultation.most,
                example=reader.example,
            )
        )
    if consultation.told("erratum"):
        parts.append(CORRECTED)
    parts.append(_("To know more about number 2, write: more 2. For the rules write RULES."))
    return Joined(parts)


def brief(consultation: Consultation, reader: PickSome, voted: bool) -> Phrase:
    choose = _("Choose up to {n}, like this: {example}", n=consultation.most, example=reader.example)
    if consultation.most == 1:
        choose = _("Choose one:")
    before = [CORRECTED] if consultation.told("erratum") else []
    return Joined([AGAIN, *before, choose]) if voted else Joined([*before, choose]) if before else choose


def tell(outcome: Cast, consultation: Consultation, voted: bool = False, offer: bool = False) -> Say:
    """What became of the ballot, in one message. A receipt must arrive even if the person moves on.

    With `offer` it names the word that asks for reminders.
    """
    match outcome.status:
        case "counted":
            text = _(
                "Your vote is in. Your receipt is {code}. Keep it to yourself: with it you can check your vote after"
                " the count. Until {day} you can change your vote.",
                code=outcome.receipt,
                day=consultation.closes,
            )
            short: Phrase = _(
                "Your vote is in. Receipt: {code}. Keep it to yourself. Until {day} you can change your vote.",
                code=outcome.receipt,
                day=consultation.closes,
            )
            if offer:
                return Say(Joined([text, REMIND], " "), Joined([short, _("Reminders: ALTA")], " "), lasting=True)
            return Say(text, short, lasting=True)
        case "changed":
            text = _(
                "Your vote was changed. Only the new one counts. Your new receipt is {code}. The old one is no longer"
                " valid.",
                code=outcome.receipt,
            )
            return Say(
                text,
                _("Vote changed. New receipt: {code}. The old one is no longer valid.", code=outcome.receipt),
                lasting=True,
            )
        case "closed":
            closed = _("Voting closed on {day}, so this vote was not recorded.", day=consultation.closes)
            return Say(Joined([closed, EARLIER]) if voted else closed, lasting=True)
        case "left":
            return Say(
                _(
                    "Someone voted from this chat and then deleted their data. That vote stays. To protect it, we"
                    " take no other from here."
                ),
                lasting=True,
            )
        case "identity":
            return Say(BY_PHONE, lasting=True)
        case "crowded":
            return Say(
                _("Many people have voted from this phone already. Please use another one, or write HELP to find us."),
                lasting=True,
            )
        case _other:
            return Say(
                _(
                    "We could not open the ballot box. Your vote was not recorded. Please try again in an hour. We"
                    " already know of the fault."
                ),
                lasting=True,
            )
