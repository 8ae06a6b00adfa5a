"""Residents made up from published totals, so that a past consultation can be voted again."""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANNELS = ("telegram", "telegram", "whatsapp", "whatsapp", "sms")
MANNERS = ("plain", "plain", "plain", "changes", "repeats", "pauses")
"""How people behave: plainly, changing their mind, sending a message twice, or stopping halfway until the next day."""


@dataclass(frozen=True)
class Resident:
    """Somebody who votes: on which day of the consultation (from 0), over which channel, how, and what."""

    number: int
    day: int
    channel: str
    manner: str
    age: str
    sex: str
    choices: tuple[str, ...]
    at_first: tuple[str, ...]


def official(folder: Path, slug: str) -> dict[str, Any]:
    """The totals that a city published for a consultation. Raises FileNotFoundError."""
    with (folder / "consultations" / slug / "official.toml").open("rb") as file:
        return tomllib.load(file)


def residents(totals: Mapping[str, Any], least: int, most: int, days: int, seed: int) -> list[Resident]:
    """As many residents as there were ballots, whose last votes, ages and sexes give the totals exactly.

    Raises ValueError when no set of ballots could give them.
    """
    chance = random.Random(seed)  # noqa: S311  an example is drawn, not a secret
    number = int(totals["ballots"])
    ballots = draw_ballots(totals["votes"], number, least, most, chance)
    ages, sexes = dealt(totals["age"], number, chance), dealt(totals["sex"], number, chance)
    ids = list(totals["votes"])
    made = []
    for n, choices in enumerate(ballots):
        manner = chance.choice(MANNERS)
        day = chance.randrange(days - 1 if manner == "pauses" else days)
        at_first = tuple(sorted(chance.sample(ids, chance.randint(least, most))))
        channel = chance.choice(CHANNELS)
        made.append(Resident(n, day, channel, manner, ages[n], sexes[n], tuple(sorted(choices)), at_first))
    return made


def dealt(counts: Mapping[str, int], number: int, chance: random.Random) -> list[str]:
    """One answer for each person, in random order. Raises ValueError if they are not as many as people."""
    answers = [answer for answer, count in counts.items() for _n in range(count)]
    if len(answers) != number:
        raise ValueError(f"{len(answers)} answers for {number} people")
    chance.shuffle(answers)
    return answers


def draw_ballots(votes: Mapping[str, int], number: int, least: int, most: int, chance: random.Random) -> list[set[str]]:
    """Ballots of `least` to `most` different choices with exactly these totals. Raises ValueError if there are none."""
    sizes = [least] * number
    spare = sum(votes.values()) - number * least
    if not 0 <= spare <= number * (most - least):
        raise ValueError("the votes do not fit the number of ballots")
    roomy = list(range(number)) * (most - least)
    for n in chance.sample(roomy, spare):
        sizes[n] += 1
    left = dict(votes)
    ballots: list[set[str]] = []
    for size in sizes:
        # Always taking what is left most often fills every total, if any way of filling them exists (Gale and Ryser).
        ranked = sorted(left, key=lambda p: (-left[p], chance.random()))[:size]
        for proposal in ranked:
            left[proposal] -= 1
        ballots.append(set(ranked))
    if any(left.values()):
        raise ValueError("no ballots give these totals")
    _shuffle(ballots, chance)
    return ballots


def _shuffle(ballots: Sequence[set[str]], chance: random.Random) -> None:
    """Exchange choices between ballots, which changes no total, so that they look as people's do."""
    for _n in range(20 * len(ballots)):
        one, other = chance.sample(range(len(ballots)), 2)
        mine, yours = sorted(ballots[one] - ballots[other]), sorted(ballots[other] - ballots[one])
        if mine and yours:
            give, take = chance.choice(mine), chance.choice(yours)
            ballots[one] ^= {give, take}
            ballots[other] ^= {give, take}
