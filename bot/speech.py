"""Speech: puts what a flow says into the words of a language, at the edge."""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_datetime

from flows.language import Joined, Local, Month, Phrase, Text

LOCALES = Path(__file__).parent.parent / "locales"
LANGUAGES = ("es", "en")
REGION = {"es": "es_CO", "en": "en"}
WHEN = {"es": "EEEE d 'de' MMMM, h:mm a", "en": "EEEE d MMMM, h:mm a"}
DATED = {"es": "EEEE d 'de' MMMM 'de' y, h:mm a", "en": "EEEE d MMMM y, h:mm a"}
DAY = {"es": "d 'de' MMMM 'de' y", "en": "d MMMM y"}
MONTH = {"es": "MMMM 'de' y", "en": "MMMM y"}
"""The month is always spelt: 5/3 and 3/5 are read differently."""


class NoCatalogue(Exception):
    """A language has no compiled catalogue: run `make messages`, or `pybabel compile -d locales -D cuenta`."""


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The compiled messages of a language. Raises NoCatalogue rather than falling back without a word."""
    try:
        return gettext.translation("cuenta", LOCALES, [language])
    except FileNotFoundError as missing:
        raise NoCatalogue(language) from missing


@dataclass(frozen=True)
class Speaker:
    """Says phrases in one language."""

    language: str

    def say(self, phrase: Phrase) -> str:
        """The words of a phrase, with its values put in."""
        if isinstance(phrase, str):
            return phrase
        if isinstance(phrase, Local):
            return self._local(phrase.by_language)
        if isinstance(phrase, Month):
            return format_date(phrase.day, MONTH[self.language], locale=REGION[self.language])
        if isinstance(phrase, Joined):
            return phrase.mark.join(self.say(part) for part in phrase.parts)
        return self._text(phrase)

    def _text(self, text: Text) -> str:
        if text.plural is None:
            words = self._messages.gettext(text.msgid)
        else:
            words = self._messages.ngettext(text.msgid, text.plural, text.n)
        return words.format(**{name: self._value(value) for name, value in text.values.items()})

    def _value(self, value: Any) -> str:
        if isinstance(value, Text | Local | Joined | Month):
            return self.say(value)
        if isinstance(value, datetime):
            return self.moment(value)
        return self.day(value) if isinstance(value, date) else str(value)

    def day(self, value: date) -> str:
        """A day with its year."""
        return format_date(value, DAY[self.language], locale=REGION[self.language])

    def moment(self, value: datetime) -> str:
        """A date and hour; midnight at the end of a day is told as the last minute of that day."""
        return _moment(value, WHEN[self.language], REGION[self.language])

    def dated(self, value: datetime) -> str:
        """The same with its year, for what is read years later."""
        return _moment(value, DATED[self.language], REGION[self.language])

    def _local(self, by_language: Mapping[str, str]) -> str:
        return by_language.get(self.language) or next(iter(by_language.values()), "")

    @cached_property
    def _messages(self) -> gettext.NullTranslations:
        return catalogue(self.language)


@lru_cache(256)
def _moment(value: datetime, form: str, region: str) -> str:
    if value.hour == value.minute == 0:
        value = datetime.fromtimestamp(value.timestamp() - 60, value.tzinfo)
    words = format_datetime(value, form, tzinfo=value.tzinfo, locale=region)
    # CLDR puts U+202F and U+00A0 into hours; either would make an SMS twice as dear (channels.md 7).
    return words.replace("\u202f", " ").replace("\u00a0", " ")


def best_language(asked: str | None, default: str = "es") -> str:
    """The language for an IETF tag such as `es-419` or `en-GB`; a hint only, so anything unknown gives the default."""
    tag = (asked or "").split("-")[0].split("_")[0].lower()
    return tag if tag in LANGUAGES else default
