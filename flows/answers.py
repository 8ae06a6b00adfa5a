"""How answers are read: digits, words and buttons alike, as people type them on old phones."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flows.language import Joined, NotUnderstood, Option, Phrase, Said, StillChoosing, _, many

CONTROL = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\u20e3]"
)
"""Control, zero-width and direction characters, and the marks that make an emoji of a digit; what parts words stays."""

DIGIT_SIGNS = re.compile("[\u20e3\u2460-\u249b\u24ea-\u24ff]")
"""What makes one sign of a digit, such as a keycap, and digits that are one sign: two of them are two numbers."""

BESIDE = r"(?:[^\w<>=$€%°@^'’\u2044]|_)"
"""A sign that may stand beside a number: whatever is no letter and gives it no other meaning."""

LISTING = re.compile(f"{BESIDE}+")

COUNTING = {
    "cero": 0, "zero": 0, "un": 1, "uno": 1, "una": 1, "one": 1, "dos": 2, "two": 2, "tres": 3, "three": 3,
    "cuatro": 4, "four": 4, "cinco": 5, "five": 5, "seis": 6, "six": 6, "siete": 7, "seven": 7, "ocho": 8, "eight": 8,
    "nueve": 9, "nine": 9, "diez": 10, "ten": 10, "once": 11, "eleven": 11, "doce": 12, "twelve": 12, "trece": 13,
    "thirteen": 13, "catorce": 14, "fourteen": 14, "quince": 15, "fifteen": 15, "dieciseis": 16, "sixteen": 16,
    "diecisiete": 17, "seventeen": 17, "dieciocho": 18, "eighteen": 18, "diecinueve": 19, "nineteen": 19,
    "veinte": 20, "twenty": 20,
}  # fmt: skip

BETWEEN = {
    "y", "e", "and", "a", "la", "el", "las", "los", "the", "numero", "number", "numeros", "numbers", "opcion", "option",
    "opciones", "options", "propuesta", "proposal", "propuestas", "proposals", "votar", "vote", "voto", "por", "for",
    "favor", "porfa", "please", "gracias", "thanks",
}  # fmt: skip
"""Words that people put around numbers; they carry no choice."""

MORE = re.compile(r"(?:mas|more|info|que es|what is)\s*(?:de |about |la |el |sobre )*#?(\d{1,3})")
"""How people ask for more about an option: "más 6", "more 6", "info 6"."""

YES = ("si", "sí", "s", "yes", "y", "ok", "vale", "claro", "dale", "listo", "acepto", "de acuerdo", "sure")
NO = ("no", "n", "nop", "cambiar", "change", "no acepto")
DONE, SHARE = _("Done"), _("Share my number")
"""What the buttons say beside those of the options."""

MOST_CHARACTERS = 4096


def tidy(text: str) -> str:
    """The text as a person sees it: no control, zero-width or direction characters, no lone surrogates, one space."""
    text = text[:MOST_CHARACTERS]
    if text.isascii() and text.isprintable():  # as most are: there is nothing of that in it
        return " ".join(text.split())
    text = text.encode("utf-8", "ignore").decode("utf-8")
    text = DIGIT_SIGNS.sub(r"\g<0> ", text)
    return " ".join(CONTROL.sub("", unicodedata.normalize("NFKC", text)).split())


def fold(text: str) -> str:
    """For comparing: lower case, without accents or punctuation at the ends."""
    plain = tidy(text).casefold()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    return plain.strip(" .,;:!¡?¿\"'()*")


def numbers(text: str) -> list[int] | None:
    """The numbers somebody listed ("1 4 6", "1-4-6", "uno, cuatro y seis"); None if anything else is among them."""
    found: list[int] = []
    for word in LISTING.split(fold(text)):
        if not word or word in BETWEEN:
            continue
        if word.isdecimal() and len(word) <= 6:
            found.append(int(word))
        elif word in COUNTING:
            found.append(COUNTING[word])
        else:
            return None
    return found or None


def _named(options: Sequence[Option], said: Said) -> list[Option]:
    typed = fold(said.text)
    return [o for o in options if typed and typed in {fold(name) for name in _names(o, said.says)}]


def _names(option: Option, says: Callable[[Phrase], str]) -> Iterable[str]:
    yield from (option.id, *option.words, says(option.label))
    if option.short is not None:
        yield says(option.short)


def one_number(most: int) -> Phrase:
    """How a question with that many answers is answered."""
    if most == 1:
        return _("Reply 1.")
    return _("Reply 1 or 2.") if most == 2 else _("Reply with one number from 1 to {n}.", n=most)


@dataclass(frozen=True)
class PickOne:
    """One of several options; its value is the option's id."""

    options: Sequence[Option]

    def read(self, said: Said) -> str:
        if said.pressed is not None:
            return self._known(said.pressed)
        listed = numbers(said.text)
        if listed and len(listed) == 1 and 1 <= listed[0] <= len(self.options):
            return self.options[listed[0] - 1].id
        named = _named(self.options, said)
        if len(named) == 1:
            return named[0].id
        raise NotUnderstood(one_number(len(self.options)))

    def _known(self, pressed: str) -> str:
        if any(o.id == pressed for o in self.options):
            return pressed
        raise NotUnderstood(one_number(len(self.options)))

    def still(self, value: Any) -> bool:
        return any(o.id == value for o in self.options)


@dataclass(frozen=True)
class PickSome:
    """Between `least` and `most` different options; the value is the list of their ids in list order.

    A button carries the whole selection after the press (`p01+p04`), a finished one starts with `=`: no half-made
    choice is ever stored.
    """

    options: Sequence[Option]
    least: int
    most: int

    def read(self, said: Said) -> list[str]:
        if said.pressed is not None:
            return self._pressed(said.pressed)
        self._explain(said.text)
        listed = numbers(said.text)
        if listed is None:
            named = _named(self.options, said)
            if len(named) != 1:
                raise NotUnderstood(self._how())
            listed = [self.options.index(named[0]) + 1]
        self._refuse_glued(listed)
        wrong = [n for n in listed if not 1 <= n <= len(self.options)]
        if wrong:
            raise NotUnderstood(
                _("There is no option {number}. The list goes from 1 to {n}.", number=wrong[0], n=len(self.options))
            )
        return self._enough([self.options[n - 1].id for n in listed])

    def _explain(self, text: str) -> None:
        """Somebody who asks for more about an option gets it, and the question again."""
        asked = MORE.fullmatch(fold(text))
        if asked and 1 <= int(asked[1]) <= len(self.options):
            option = self.options[int(asked[1]) - 1]
            if option.more is not None:
                raise NotUnderstood(Joined([option.label, option.more]))

    def _refuse_glued(self, listed: list[int]) -> None:
        # "146" with 12 options could be 1, 4 and 6 or a slip: ask, never guess. "20" can only be a slip.
        digits = str(listed[0])
        glued = len(digits) > 1 and len({*digits} - {"0"}) == len(digits)
        if len(listed) == 1 and listed[0] > len(self.options) and glued:
            spaced = " ".join(digits)
            raise NotUnderstood(_("Please leave a space between the numbers, like this: {spaced}", spaced=spaced))

    def _pressed(self, pressed: str) -> list[str]:
        finished, ids = pressed.startswith("="), [i for i in pressed.lstrip("=").split("+") if i]
        if not all(any(o.id == i for o in self.options) for i in ids):
            raise NotUnderstood(self._how())
        if not finished and len(set(ids)) <= self.most:
            raise StillChoosing([o.id for o in self.options if o.id in ids])
        return self._enough(ids)

    def _enough(self, ids: Sequence[str]) -> list[str]:
        chosen = [o.id for o in self.options if o.id in ids]
        if len(chosen) > self.most:
            raise NotUnderstood(
                _("You chose {chosen}. You can choose up to {most}.", chosen=len(chosen), most=self.most)
            )
        if len(chosen) < self.least:
            raise NotUnderstood(many("Choose at least {n}.", "Choose at least {n}.", self.least))
        return chosen

    @property
    def example(self) -> str:
        """Two numbers of the list, as one answers."""
        return "1 3" if len(self.options) > 2 else "1 2"

    def _how(self) -> Phrase:
        if self.most == 1:
            return one_number(len(self.options))
        return _("Reply with numbers from 1 to {n}, like this: {example}", n=len(self.options), example=self.example)

    def still(self, value: Any) -> bool:
        return (
            isinstance(value, list)
            and self.least <= len(value) <= self.most
            and len([o for o in self.options if o.id in value]) == len(value)
        )


def pick_one(options: Sequence[Option]) -> PickOne:
    return PickOne(options)


def pick_some(options: Sequence[Option], least: int, most: int) -> PickSome:
    return PickSome(options, least, most)


@dataclass(frozen=True)
class YesOrNo:
    """Yes (option 1) or no (option 2)."""

    options: Sequence[Option]

    def read(self, said: Said) -> bool:
        return PickOne(self.options).read(said) == "yes"

    def still(self, value: Any) -> bool:
        return isinstance(value, bool)


def yes_or_no(yes: Phrase | None = None, no: Phrase | None = None) -> YesOrNo:
    """A question with two answers, in the words that fit it."""
    return YesOrNo((Option("yes", yes or _("Yes"), words=YES), Option("no", no or _("No"), words=NO)))


@dataclass(frozen=True)
class FreeText:
    """Whatever the person types, tidied, from `least` up to `most` characters."""

    most: int = 300
    least: int = 1
    options: Sequence[Option] = ()

    def read(self, said: Said) -> str:
        text = tidy(said.text)
        if len(text) < self.least:
            raise NotUnderstood(_("Please write it in words."))
        if len(text) > self.most:
            raise NotUnderstood(_("That is too long. Write at most {n} letters.", n=self.most))
        return text

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class OwnPhone:
    """The person's own number, shared with the chat's button, or one of the options instead (such as skipping)."""

    options: Sequence[Option] = ()
    wants_phone: bool = True

    def read(self, said: Said) -> str:
        return said.phone if said.phone else PickOne(self.options).read(said)

    def still(self, value: Any) -> bool:
        return isinstance(value, str)
