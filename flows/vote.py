"""Vote, and change the vote until the consultation closes."""

from flows.answers import pick_some, yes_or_no
from flows.city import City, TheCity
from flows.consent import consent, refused
from flows.consultation import Cast, CastBallot, Consultation, HasVoted, Next, Open, one_of
from flows.language import About, Ask, Do, Flow, Joined, Look, Phrase, Say, Talk, _, many
from flows.people import Facts, Me
from flows.profile import field


def vote(slug: str = "") -> Talk:
    """Choose, confirm, and get a receipt. `slug` names the consultation when a link brought the person here."""
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
    open_now = yield from Look(Open())
    if consultation.slug not in open_now:  # it closed while they were choosing, or their draft is of an earlier day
        yield tell(Cast("closed"), consultation)
        return None
    if consultation.identity == "document":
        yield Say(
            _("For this vote you must show your identity document. Go to the city's desk. To find it write HELP.")
        )
        return None
    if consultation.identity == "phone" and not me.phone:
        yield Say(_("To vote here we must know your phone number is yours. Write PRIVACY and choose to share it."))
        return None
    voted = yield from Look(HasVoted(consultation.slug), "voted")
    answers = yield from demographics(consultation, me, city)
    chosen = yield from ballot(consultation, voted)
    if chosen is None:
        yield Say(_("This vote was not recorded. To start again write VOTE."))
        return None
    outcome = yield from Do("ballot", CastBallot(consultation.slug, tuple(chosen), tuple(answers.items())))
    yield tell(outcome, consultation)
    return None


def which(slug: str) -> Flow[Consultation | None]:
    """The consultation to vote in: the one asked for, the only one, or the one picked from a list."""
    slugs: list[str] = yield from Look(Open(), "open")
    if slug in slugs:
        slugs = [slug]
    return (yield from one_of(slugs, _("Which one do you want to vote in?")))


def nothing_open() -> Flow[None]:
    """Say so, and when the next one opens."""
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
    for name in consultation.asks:
        if getattr(me, name) is None:
            answer = yield from field(name, city)
            if answer is not None:
                answers[name] = answer
    return answers


def ballot(consultation: Consultation, voted: bool) -> Flow[list[str] | None]:
    """The choices, confirmed; None if the person would rather not. Each change of mind is a new pair of questions."""
    for attempt in range(1, 20):
        reader = pick_some([p.option for p in consultation.proposals], consultation.least, consultation.most)
        chosen = yield from Ask(
            f"choices-{attempt}", question(consultation, voted), reader, short=brief(consultation, voted)
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


def question(consultation: Consultation, voted: bool) -> Phrase:
    parts: list[Phrase] = [consultation.title]
    if voted:
        parts.append(AGAIN)
    if consultation.most == 1:
        parts.append(_("Choose one. Reply with its number."))
    else:
        parts.append(
            many(
                "Choose up to {n}. Reply with the numbers, like this: 1 3",
                "Choose up to {n}. Reply with the numbers, like this: 1 3",
                consultation.most,
            )
        )
    parts.append(_("To know more about one, write: more 2"))
    return Joined(parts)


def brief(consultation: Consultation, voted: bool) -> Phrase:
    choose = _("Choose one:") if consultation.most == 1 else _("Choose up to {n}, like this: 1 3", n=consultation.most)
    return Joined([AGAIN, choose]) if voted else choose


def tell(outcome: Cast, consultation: Consultation) -> Say:
    """What became of the ballot, in one message. A receipt must arrive even if the person moves on."""
    match outcome.status:
        case "counted":
            text = _(
                "Your vote is in. Your receipt is {code}. Keep it to yourself: with it you can check your vote after"
                " the count. Until {day} you can change your vote.",
                code=outcome.receipt,
                day=consultation.closes,
            )
            return Say(
                text,
                _(
                    "Your vote is in. Receipt: {code}. Keep it to yourself. Until {day} you can change your vote.",
                    code=outcome.receipt,
                    day=consultation.closes,
                ),
                lasting=True,
            )
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
            return Say(
                _("Voting closed on {day}, so this vote was not recorded.", day=consultation.closes), lasting=True
            )
        case "left":
            return Say(
                _(
                    "Someone voted from this chat and then deleted their data. That vote stays. To protect it, we"
                    " take no other from here."
                ),
                lasting=True,
            )
        case "identity":
            return Say(
                _("To vote here we must know your phone number is yours. Write PRIVACY and choose to share it."),
                lasting=True,
            )
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
