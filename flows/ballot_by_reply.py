"""Vote in one message: VOTAR 1 4 6, as an answer to a reminder or to the sheet on a neighbourhood's board.

There is no question "Is that right?". Whoever writes the word and the numbers has said what they want, and on a weak
network each message more is one that may not arrive. What that question guards against is mended otherwise: the receipt
names the numbers that were counted, and the vote can be changed until the end by writing again. Numbers that could mean
two things are asked back, never guessed. Only where somebody else on a shared phone could lose their vote is it asked.
"""

from flows.answers import pick_some, yes_or_no
from flows.consultation import Cast, CastBallot, Consultation, HasVoted, OpenThen, Overtaken
from flows.language import About, Ask, Do, Flow, Joined, Look, NotUnderstood, Phrase, Said, Say, Talk, _
from flows.people import Facts
from flows.vote import NOT_RECORDED, REMIND, brief, demographics, entrance, offered, question, tell


def cast(typed: str) -> Talk:
    """Take the ballot that somebody `typed` behind the word, and give its receipt.

    Their numbers are for a vote that was open when they wrote them; in one that opened since they are asked anew. What
    they wrote before they agreed goes with that vote when it closes.
    """
    meant: list[str] = yield from Look(OpenThen(), "meant")
    if meant:
        yield About(meant[0])
    entered = yield from entrance("")
    if entered is None:
        return None
    city, me, consultation = entered
    typed = typed if consultation.slug in meant else ""
    voted = yield from Look(HasVoted(consultation.slug), "voted")
    if not (yield from is_meant(me, voted, typed)):
        yield Say(NOT_RECORDED)
        return None
    chosen = yield from choices(consultation, typed, voted)
    answers = yield from demographics(consultation, me, city)
    outcome = yield from Do("ballot", CastBallot(consultation.slug, tuple(chosen), tuple(answers.items())))
    offer = yield from offered(outcome)
    yield receipt(outcome, consultation, chosen, voted, offer == "word")
    return "remind" if offer == "ask" else None


def is_meant(me: Facts, voted: bool, typed: str) -> Flow[bool]:
    """Whether this ballot is to replace the one there is.

    Of several people on a phone the wrong one may have written; and a message that came late may be older than the
    vote. A first ballot replaces none, so it is taken as it comes.
    """
    if not voted:
        return True
    late = yield from Look(Overtaken(), "late")
    if late:
        question = _(
            "This message of yours came late: {typed}. You have a vote already, perhaps a newer one. Do you want to"
            " change it?",
            typed=typed,
        )
    elif me.people > 1:
        question = _(
            "Several people use this phone. Whoever is writing now has already voted. Do you want to change that vote?"
        )
    else:
        return True
    return (yield from Ask("replaces", question, yes_or_no(_("Yes, change it"), _("No, leave it"))))


def choices(consultation: Consultation, typed: str, voted: bool) -> Flow[list[str]]:
    """What was typed, as the ballot has it; where it cannot be that, why, what we read, and the question."""
    reader = pick_some([p.option for p in consultation.proposals], consultation.least, consultation.most)
    said: list[Phrase] = []
    try:
        if typed:
            return reader.read(Said(text=typed))
    except NotUnderstood as confusion:
        said = [confusion.hint, _("You wrote: {typed}", typed=typed)]
    return (
        yield from Ask(
            "choices",
            Joined([*said, question(consultation, reader, voted)]),
            reader,
            short=Joined([*said, brief(consultation, reader, voted)]),
        )
    )


def receipt(outcome: Cast, consultation: Consultation, chosen: list[str], voted: bool, offer: bool) -> Say:
    """What became of the ballot: one message, and by SMS one segment, which has no room for an `offer` of reminders."""
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
    return Say(Joined([text, REMIND], " ") if offer else text, short, lasting=True)
