"""Someone else on this phone: each person takes part as themselves."""

from flows.answers import pick_one
from flows.language import Ask, Do, Look, Option, Say, Talk, _
from flows.people import Facts, Me, SwitchPerson, WhichPerson

MOST_PEOPLE = 8


def household() -> Talk:
    """Say who is speaking. People are numbers here: nobody has to give a name."""
    me: Facts = yield from Look(Me(), "me")
    if not me.people:  # nobody has agreed on this phone yet: whoever writes is the first
        return "hello"
    now = yield from Look(WhichPerson(), "now")
    people = [
        Option(str(n), _("Person {n} (now)", n=n) if n == now else _("Person {n}", n=n))
        for n in range(1, me.people + 1)
    ]
    if me.people < MOST_PEOPLE:
        people.append(Option("0", _("Somebody new")))
    picked = yield from Ask("who", _("Several people can use this phone. Who is writing now?"), pick_one(people))
    yield Do("switched", SwitchPerson(int(picked)))
    yield Say(_("All right. Now we talk with that person."))
    return "hello"
