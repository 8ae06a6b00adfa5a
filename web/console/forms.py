"""Parts of forms: what WTForms has not, or says in words of its own."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from wtforms import SelectMultipleField
from wtforms.fields import SelectChoice
from wtforms.validators import StopValidation, ValidationError

from flows.language import Phrase, Text, _
from storage.faults import Fault
from storage.sheets import LARGEST

UPLOAD = LARGEST + 100_000
"""Bytes of a form with a spreadsheet and what is typed beside it."""


class Boxes(SelectMultipleField):
    """Several choices, each a box to tick; the template draws them."""

    def pre_validate(self, form: Any) -> None:
        known = {choice.value for choice in self.choices or ()}
        if not set(self.data or ()) <= known:
            raise ValidationError(_("Choose from the list."))


def choices(known: Mapping[Any, Phrase]) -> list[SelectChoice]:
    """What a field offers: words by value."""
    return [SelectChoice(str(value), label) for value, label in known.items()]


class Within:
    """A text of so many letters, from `least` to `most`; `message` says so."""

    def __init__(self, least: int, most: int, message: Phrase):
        self._least, self._most, self._message = least, most, message

    def __call__(self, _form: Any, field: Any) -> None:
        if not self._least <= len(field.data or "") <= self._most:
            raise ValidationError(self._message)


def phrase(fault: Fault) -> Text:
    """A fault, to be said in the reader's language."""
    return Text(fault.msgid, fault.values)


class Between:
    """A whole number from `least` to `most`; `message` says so, whatever else was typed."""

    def __init__(self, least: int, most: int, message: Phrase):
        self._least, self._most, self._message = least, most, message

    def __call__(self, _form: Any, field: Any) -> None:
        if field.data is None or not self._least <= field.data <= self._most:
            field.errors[:] = []
            raise StopValidation(self._message)


def asked_number(name: str) -> int | None:
    """A number that the address asks for, of a size that a database has; None where it is none."""
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None


def plain(text: str | None) -> str:
    """What was typed, without what no database and no screen takes, and without spaces around it."""
    letters = (letter for letter in text or "" if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cs"))
    return "".join(letters).strip()


def attributes(field: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """What an input carries so that its hint and what is wrong with it are read out with it."""
    told = [f"{field.id}-{what}" for what, there in (("hint", field.description), ("wrong", field.errors)) if there]
    wrong = {"aria-invalid": "true"} if field.errors else {}
    return {**more, **wrong, **({"aria-describedby": " ".join(told)} if told else {})}


PLAIN: Sequence[Any] = (plain,)
"""The filter of every field of text."""
