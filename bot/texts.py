"""The city's texts as its staff edit them: what may be written, how it reads, and how it looks in a chat."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot import plain
from bot.catalogue import Catalogue, local
from bot.channels import Channel
from bot.messages import Outbound, Reply
from bot.speech import Speaker
from flows import consent, help, privacy, register
from flows.city import City, TheCity
from flows.language import Command, Phrase, Say, Talk
from flows.people import Facts
from flows.replay import Journal, advance
from storage import pages, texts
from storage.folder import TEXTS
from storage.hours import DAYS, is_span
from storage.retention import PERIODS, PROMISED

WORDS = tuple(TEXTS)
"""The keys of texts in words: name, help, emergency, privacy."""

KEYS = (*WORDS, "hours", "retention", "delivery")
COMMANDS = {word.upper() for words in register.WORDS.values() for word in words} | {"PDF", "QR"}
SHOWN_ON = ("whatsapp", "telegram", "sms")


def tidy(typed: str) -> str:
    """What was typed in a form: a browser sends line breaks as two characters."""
    return typed.replace("\r\n", "\n").strip()


def fault(key: str, text: str) -> str | None:
    """What is wrong with the words of a text, as `storage.pages.fault` says it, or None."""
    return pages.fault(text, TEXTS[key], breaks=key == "help")


def hours_faults(hours: Mapping[str, Any]) -> list[str]:
    """The kinds of day whose hours cannot be."""
    return [kind for kind in DAYS if not is_span(hours.get(kind))]


def retention_faults(chosen: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The kinds of data whose length is not allowed: outside its limits, or longer than people were promised."""
    return [kind for kind in PERIODS if not limits(kind, now)[0] <= chosen.get(kind, -1) <= limits(kind, now)[1]]


def limits(kind: str, now: Mapping[str, Any]) -> tuple[int, int]:
    """The least and the most that may be chosen for a kind of data, in its unit, where `now` is chosen now."""
    period = PERIODS[kind]
    chosen = now.get(kind)
    if kind == PROMISED and isinstance(chosen, int) and period.allows(chosen):
        return period.number(period.least), chosen
    return period.number(period.least), period.number(period.most)


def write(connection: Connection, key: str, words: Mapping[str, Any], version: int, by: int, now: datetime) -> int:
    """Put a text in place of its version `version`; the new one's number. Raises `storage.texts.Stale`."""
    return texts.write(connection, key, json.dumps(words, ensure_ascii=False), version, by, now)


@dataclass(frozen=True)
class Reading:
    """How easy a Spanish text is: its INFLESZ value, and what makes it hard (see `bot/plain.py`)."""

    inflesz: float
    long: Sequence[str]
    hard: Sequence[str]
    familiar: Sequence[str]

    @property
    def easy(self) -> bool:
        return self.inflesz >= plain.EASY and not (self.long or self.hard or self.familiar)


def reading(text: str) -> Reading | None:
    """None for a text without words. An address in it is looked at, not read."""
    bare = re.sub(r"\S*(?:@|www\.|https?://)\S*", "", text)
    measured = plain.measure(bare)
    if not measured.words:
        return None
    return Reading(
        inflesz=round(measured.inflesz, 1),
        long=[each for each in plain.sentences(bare) if len(plain.words(each)) > plain.MOST_WORDS],
        hard=[*plain.avoided(bare), *plain.siglas(bare, COMMANDS)],
        familiar=plain.familiar(bare),
    )


@dataclass(frozen=True)
class Preview:
    """A message as a channel will send it, in its parts; `segments` is what an SMS is charged as."""

    channel: str
    language: str
    parts: Sequence[Outbound]

    @property
    def segments(self) -> int:
        return sum(part.segments for part in self.parts)


def preview(
    city: Catalogue, channels: Mapping[str, Channel], key: str, words: Mapping[str, str], language: str
) -> list[Preview]:
    """The message in which these words would stand, on each channel."""
    changed: dict[str, Any] = {key: local(words)}
    with_them = replace(city.city, **changed)
    return [_shaped(channels[name], with_them, key, language) for name in SHOWN_ON if name in channels]


def _shaped(channel: Channel, city: City, key: str, language: str) -> Preview:
    def answer(_key: str, query: Command[Any]) -> Any:
        return city if isinstance(query, TheCity) else Facts()

    speaker, outcome = Speaker(language), advance(_talk(key, city), Journal(), None, answer)
    told: list[Phrase] = [_form(said, channel.short) for said in outcome.said]
    if outcome.question is not None:
        asked = outcome.question
        told.append(asked.short if channel.short and asked.short is not None else asked.text)
    return Preview(channel.name, language, channel.shape(Reply("\n\n".join(map(speaker.say, told)))))


def _talk(key: str, city: City) -> Talk:
    if key == "name":
        yield from consent.consent(Facts(), city)
        return None
    return (yield from privacy.privacy() if key == "privacy" else help.help())


def _form(said: Say, short: bool) -> Phrase:
    return said.short if short and said.short is not None else said.text
