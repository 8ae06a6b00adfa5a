"""The menu, and what greets someone who writes for the first time."""

from flows.answers import pick_one, yes_or_no
from flows.city import TheCity
from flows.consent import consent, refused
from flows.consultation import Consultation, Open, TheConsultation
from flows.ideas import Collecting
from flows.language import Ask, Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _
from flows.people import AllowNotices, Facts, Me

CHOICES = (
    Option("vote", _("Vote")),
    Option("results", _("Results")),
    Option("milestones", _("What the city promised")),
    Option("receipt", _("Check a receipt")),
    Option("profile", _("My profile")),
    Option("privacy", _("My data")),
    Option("language", _("Language")),
    Option("rules", _("Rules of the vote")),
    Option("help", _("Help")),
)
PROPOSE = Option("propose", _("Propose an idea"))
"""Only while the city collects ideas: as the last one it changes the number of no other."""


def hello() -> Talk:
    """Greet: the menu; who is new and finds one vote open is led straight to it, as if they had written "vote"."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if me.consented:
        return "menu"
    if not (yield from consent(me, city)):
        yield refused()
        return None
    found = yield from only_one()
    if found is None:
        return "menu"
    until = _("Until {day} you can vote. For anything else write MENU.", day=found.closes)
    yield Say(Joined([found.title, until]), short=_("Vote now, or write MENU."))
    return "vote"


def only_one() -> Flow[Consultation | None]:
    """The vote that is open, if there is just one."""
    slugs = yield from Look(Open())
    return (yield from Look(TheConsultation(slugs[0]))) if len(slugs) == 1 else None


def menu() -> Talk:
    """What one can do here."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    open_now = yield from headline()
    text: Phrase = _("What would you like to do?") if open_now is None else open_now
    if city.intake is not None:  # a word to type, no option: pressing one would leave a mark
        text = Joined([_("To report corruption write REPORT."), text])
    collecting = yield from Look(Collecting())
    choices = pick_one((*CHOICES, PROPOSE) if collecting else CHOICES)
    picked = yield from Ask("menu", text, choices)
    return picked


def headline() -> Flow[Phrase | None]:
    """The vote that is open, as the first line of the menu."""
    slugs = yield from Look(Open())
    if not slugs:
        return None
    consultation = yield from Look(TheConsultation(slugs[0]))
    if consultation is None:
        return None
    until = _("Until {day} you can vote. What would you like to do?", day=consultation.closes)
    return Joined([consultation.title, until])


def start() -> Talk:
    """`/start` opens the menu, and asks before it undoes an opt-out."""
    me: Facts = yield from Look(Me(), "me")
    if me.stopped and (
        yield from Ask("again", _("You asked us not to write to you. Do you want our notices again?"), yes_or_no())
    ):
        yield Do("allowed", AllowNotices())
        yield Say(_("Done. You will get our notices."))
    return "hello"
