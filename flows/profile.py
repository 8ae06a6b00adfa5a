"""The profile: age band, sex, group and barrio. Optional, except what a consultation's published rules ask."""

from flows.answers import FreeText, fold, pick_one, yes_or_no
from flows.city import City, TheCity
from flows.consent import consent, refused
from flows.language import Ask, Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _
from flows.people import Facts, Me, SaveProfile

QUESTIONS: dict[str, Phrase] = {
    "age": _("How old are you?"),
    "sex": _("What is your sex?"),
    "group": _("Do you belong to one of these groups?"),
}

SKIP = Option("-", _("Skip"), words=("saltar", "omitir", "skip", "ninguno", "none"))
ANOTHER = _("Write the name of your barrio again, or of one nearby.")
NOT_HERE = Option("-", _("None of these"), words=("ninguno", "none", "no"))


def field(name: str, city: City, optional: bool = False, before: Phrase | None = None) -> Flow[str | None]:
    """Ask one field; None when it was skipped. `before` introduces the question where there is room for it."""
    if name == "place":
        where = _("Which barrio or village do you live in? Write its name.")
        if optional:
            where = _("Which barrio or village do you live in? Write its name, or write SKIP.")
        return (yield from barrio(city, where, optional, before))
    options, text = city.questions[name], QUESTIONS[name]
    reader = pick_one((*options, SKIP) if optional else options)
    answer = yield from Ask(name, introduced(before, text), reader, short=text)
    return None if answer == SKIP.id else answer


def introduced(before: Phrase | None, text: Phrase) -> Phrase:
    return text if before is None else Joined([before, text])


def barrio(city: City, question: Phrase, optional: bool, before: Phrase | None = None) -> Flow[str | None]:
    """Ask for a barrio and find it from what people type; ask back where that is not its whole name or two match.

    Three tries, then go on without.
    """
    text = question
    for attempt in range(1, 4):
        typed = yield from Ask(f"place-{attempt}", introduced(before, text), FreeText(80), short=text)
        before = None
        if optional and fold(typed) in map(fold, SKIP.words):
            return None
        places = city.territory.find(typed)
        if len(places) == 1:
            (place,) = places
            if city.territory.is_called(place, typed):
                return place.code
            likely = _("Is it {place}?", place=city.territory.described(place))
            if (yield from Ask(f"this-place-{attempt}", likely, yes_or_no())):
                return place.code
            text = ANOTHER
            continue
        if places:
            picked = yield from Ask(
                f"which-place-{attempt}",
                _("There are several with that name. Which one is yours?"),
                pick_one((*city.territory.options(places), NOT_HERE)),
            )
            if picked != NOT_HERE.id:
                return picked
            text = ANOTHER
            continue
        text = _("We do not know that place. Write the name of your barrio, or of one nearby.")
    yield Say(_("We could not find it. We go on without it."))
    return None


def profile() -> Talk:
    """Fill in or change the profile; every question can be skipped."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not (yield from consent(me, city)):
        yield refused()
        return None
    yield Say(_("This helps us see which barrios take part. You can skip any question."))
    age = yield from field("age", city, optional=True)
    sex = yield from field("sex", city, optional=True)
    group = yield from field("group", city, optional=True)
    place = yield from field("place", city, optional=True)
    yield Do("saved", SaveProfile(age, sex, group, place))
    yield Say(_("Saved. Thank you. Write MENU for more."))
    return None
