"""What a city says of itself: its names, its form, its help and its notices. All of it is data in `territories/`."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.case import Intake
from flows.language import Local, Option, Query
from flows.territory import Territory


@dataclass(frozen=True)
class City:
    """The city's own words and its tree of places.

    `questions` are the profile's fields (age, sex, group) with their options; `help`, `privacy` and `emergency` are the
    city's texts; `silence` is after how many days without a word from somebody their data is deleted; `intake` is what
    the city says of complaints, if it takes any here.
    """

    name: Local
    zone: str
    help: Local
    emergency: Local
    privacy: Local
    questions: Mapping[str, tuple[Option, ...]]
    territory: Territory
    silence: int = 730
    intake: Intake | None = None


@dataclass(frozen=True)
class TheCity(Query[City]):
    """The city this desk works for."""
