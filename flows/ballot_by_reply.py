"""Vote in one message: VOTAR 1 4 6, as an answer to a reminder or to the sheet on a neighbourhood's board.

There is no question "Is that right?". Whoever writes the word and the numbers has said what they want, and on a weak
network each message more is one that may not arrive. What that question guards against is mended otherwise: the receipt
names the numbers that were counted, and the vote can be changed until the end by writing again. Numbers that could mean
two things are asked back, never guessed. Only where somebody else on a shared phone could lose their vote is it asked.
"""

from flows.answers import pick_some, yes_or_no
from flows.consultation import Cast, CastBallot, Consultation, HasVoted
from flows.language import Ask, Do, Flow, Joined, Look, NotUnderstood, Phrase, Said, Say, Talk, _
from flows.people import Facts
from flows.vote import NOT_RECORDED, brief, demographics, entrance, offered, question, tell


def cast(typed: str) -> Talk:
    """Take the ballot that somebody `typed` behind the word, and give its receipt."""
    entered = yield from entrance("")
    if entered is None:
        return None
    city, me, consultation = entered
    voted = yield from Look(HasVoted(consultation.slug), "voted")
    if not (yield from is_theirs(me, voted)):
        yield Say(NOT_RECORDED)
        return None
    chosen = yield from choices(consultation, typed, voted)
    answers = yield from demographics(consultation, me, city)
    outcome = yield from Do("ballot", CastBallot(consultation.slug, tuple(chosen), tuple(answers.items())))
    yield receipt(outcome, consultation, chosen, voted)
    return "remind" if (yield from offered(outcome)) == "ask" else None


def is_theirs(me: Facts, voted: bool) -> Flow[bool]:
    """Whether this ballot may replace the one there is: of several people on a phone, the wrong one may have written.

    Their first ballot replaces none, so it is taken as it comes.
    """
    if not voted or me.people <= 1:
        return True
    return (
        yield from Ask(
            "replaces",
            _(
                "Several people use this phone. Whoever is writing now has already voted. Do you want to change that"
                " vote?"
            ),
            yes_or_no(_("Yes, change it"), _("No, leave it")),
        )
    )


def choices(consultation: Consultation, typed: str, voted: bool) -> Flow[list[str]]:
    """What was typed, as the ballot has it; where it cannot be that, why, what we read, and the question."""
    reader = pick_some([p.option for p in consultation.proposals], consultation.least, consultation.most)
    try:
        return reader.read(Said(text=typed))
    except NotUnderstood as confusion:
        said: list[Phrase] = [confusion.hint, _("You wrote: {typed}", typed=typed)]
    return (
        yield from Ask(
            "choices",
            Joined([*said, question(consultation, reader, voted)]),
            reader,
            short=Joined([*said, brief(consultation, reader, voted)]),
        )
    )


def receipt(outcome: Cast, consultation: Consultation, chosen: list[str], voted: bool) -> Say:
    """What became of the ballot: one message, and by SMS one segment."""
    if outcome.status not in ("counted", "changed"):
        return tell(outcome, consultation, voted)
    mine = [p for p in consultation.proposals if p.id in chosen]
    listed: Phrase = Joined([_("{number}. {title}", number=p.number, title=p.title) for p in mine])
    numbers, closes = " ".join(str(p.number) for p in mine), consultation.closes
    if outcome.status == "changed":
        text = _(
            "Your vote was changed. Now this counts:\n{listed}\nYour new receipt is {code}. The old one is no longer"
            " valid. Until {day} you can change your vote: write VOTE and the numbers.",
            listed=listed, code=outcome.receipt, day=closes,
        )  # fmt: skip
        short = _(
            "Vote changed: {numbers}. New receipt: {code}. The old one is void. Until {day} you can change it.",
            numbers=numbers, code=outcome.receipt, day=closes,
        )  # fmt: skip
        return Say(text, short, lasting=True)
    text = _(
        "Your vote is in. You chose:\n{listed}\nYour receipt is {code}. Keep it to yourself: with it you can check your"
        " vote after the count. Until {day} you can change your vote: write VOTE and the numbers.",
        listed=listed, code=outcome.receipt, day=closes,
    )  # fmt: skip
    short = _(
        "Your vote is in: {numbers}. Receipt: {code}. Keep it to yourself. Until {day} you can change it.",
        numbers=numbers, code=outcome.receipt, day=closes,
    )  # fmt: skip
    return Say(text, short, lasting=True)
