"""Rate an accountability event: two questions, one answer for each person, results public."""

from collections.abc import Sequence

from flows.answers import pick_one
from flows.city import TheCity
from flows.consent import consent, refused
from flows.language import Ask, Do, Look, Option, Say, Talk, _
from flows.people import Facts, Me
from flows.plan import Filed, Plan, Plans, RateEvent, ToRate

SCALE = (
    Option("1", _("Very bad")),
    Option("2", _("Bad")),
    Option("3", _("Neither good nor bad")),
    Option("4", _("Good")),
    Option("5", _("Very good")),
)


def rate() -> Talk:
    """Say how an event or a period went."""
    events: list[list[str]] = yield from Look(ToRate(), "events")
    plans: Sequence[Plan] = yield from Look(Plans())
    titles = {f"{plan.slug}/{event.id}": event.title for plan in plans for event in plan.events}
    options = [
        Option(f"{plan}/{event}", titles[f"{plan}/{event}"]) for plan, event in events if f"{plan}/{event}" in titles
    ]
    if not options:
        yield Say(_("There is nothing to rate now. To see what was promised write MILESTONES."))
        return None
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    picked = options[0].id
    if len(options) > 1:
        picked = yield from Ask("event", _("What do you want to rate?"), pick_one(options[:8]))
    clear = yield from Ask("clear", _("{title}: was what they told you clear?", title=titles[picked]), pick_one(SCALE))
    heard = yield from Ask("heard", _("Did they listen and answer what people asked?"), pick_one(SCALE))
    plan, _slash, event = picked.partition("/")
    filed: Filed = yield from Do("rated", RateEvent(plan, event, int(clear), int(heard)))
    match filed.status:
        case "kept":
            text = _("Thank you. We add your answer to the others and publish the sum from 5 people on.")
        case "again":
            text = _("Your new answer takes the place of the one you gave before.")
        case _other:
            text = _("The time to rate this is over. Nothing was kept.")
    yield Say(text, lasting=True)
    return None
