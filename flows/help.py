"""Help names people: office, phone, place and hours are the city's own text. Danger to life comes first."""

from flows.city import TheCity
from flows.language import Joined, Look, Say, Talk, _


def help() -> Talk:
    city = yield from Look(TheCity())
    yield Say(
        Joined(
            [
                city.emergency,
                city.help,
                _(
                    "You can write: MENU, VOTE, RULES, RESULTS, MILESTONES, ALERTS, PROPOSE, RATE, RECEIPT, REPORT,"
                    " STATUS, PROFILE, PRIVACY, LANGUAGE, SOMEONE ELSE, BAJA. 0 goes back. EXIT ends."
                ),
            ]
        )
    )
    return None
