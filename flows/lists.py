"""Long lists in pages, and found by what people type."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from flows.answers import PickOne, fold, numbers
from flows.language import Ask, Flow, Joined, Local, NotUnderstood, Option, Phrase, Reader, Said, Text, _

PAGE = 7
"""Answers on one screen; with those beside them no list is longer than WhatsApp's ten."""

MORE = Option("+", _("See more"), words=("mas", "more", "siguiente", "next"))
NEAR = 80
"""How alike (of 100) what somebody types must be to the words of an answer."""

MOST_LETTERS = 60
MOST_SCREENS = 19
"""Screens of one list; on the last of them one can only choose."""


@dataclass(frozen=True)
class PickOrFind:
    """One of the options on screen, or `?` and what was typed when that is found in the words of `everything`."""

    options: Sequence[Option]
    everything: Sequence[Option]

    def read(self, said: Said) -> str:
        reader = PickOne(self.options)
        try:
            return reader.read(said)
        except NotUnderstood:
            if said.pressed is not None or numbers(said.text) or not found(self.everything, said.text):
                raise
        return f"?{said.text[:MOST_LETTERS]}"

    def still(self, value: Any) -> bool:
        """What was chosen may have come to another page since: what is done with it can change the order."""
        known = (*self.options, *self.everything)
        return isinstance(value, str) and (value.startswith("?") or any(o.id == value for o in known))


def found(options: Sequence[Option], typed: str) -> list[Option]:
    """The options whose words come nearest to what somebody typed: they hold it, but for accents and a slip."""
    wanted = fold(typed)
    if len(wanted) < 3:
        return []
    scored = [(option, fuzz.partial_ratio(wanted, fold(_words(option)))) for option in options]
    best = max((score for _option, score in scored), default=0)
    return [option for option, score in scored if score >= NEAR and score == best]


def _words(option: Option) -> str:
    """All words of an option in every language: which one somebody searched in is not known at replay."""
    phrases = (option.label, option.more) if option.more is not None else (option.label,)
    return " ".join([*option.words, *(word for phrase in phrases for word in _every_language(phrase))])


def _every_language(phrase: Phrase) -> Iterable[str]:
    match phrase:
        case Local():
            return phrase.by_language.values()
        case Joined():
            return [each for part in phrase.parts for each in _every_language(part)]
        case Text():  # our own words are the same for every option: only what the city wrote tells one from another
            named = [value for value in phrase.values.values() if isinstance(value, Local | Joined | Text | str)]
            return [each for value in named for each in _every_language(value)]
        case str():
            return [phrase]
    return []


def pick_from(
    key: str,
    text: Phrase,
    options: Sequence[Option],
    beside: Sequence[Option] = (),
    short: Phrase | None = None,
    picture: str = "",
) -> Flow[str]:
    """The id of one of many options, which come in pages; `beside` stand on every page."""
    shown, page = list(options), 0
    for turn in range(1, MOST_SCREENS + 1):
        final = turn == MOST_SCREENS
        last = final or (page + 1) * PAGE >= len(shown)
        here = [*shown[page * PAGE : (page + 1) * PAGE], *(() if last else (MORE,)), *beside]
        reader: Reader[str] = PickOne(here) if final else PickOrFind(here, options)
        picked = yield from Ask(f"{key}-{turn}", text, reader, short=short, picture=picture if turn == 1 else "")
        if picked == MORE.id:
            page += 1
        elif picked.startswith("?"):
            shown, page = found(options, picked[1:]), 0
            if len(shown) == 1:
                return shown[0].id
        else:
            return picked
    return picked
