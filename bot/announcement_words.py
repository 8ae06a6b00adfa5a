"""Announcement words: what staff wrote, as each channel sends it, with how to stop it."""

from bot.channels import Channel
from bot.messages import Outbound, Reply
from bot.speech import Speaker
from flows.language import _
from storage.announcements import Words

STOP = _("To get no more: BAJA")


def composed(words: Words, language: str, brief: bool) -> str:
    """The text of a language, or its short form; the first language serves where one is missing."""
    mine = words.get(language) or next(iter(words.values()))
    stop = Speaker(language).say(STOP)
    if brief:
        return f"{mine['short']}\n{stop}"
    return f"{mine['title']}\n\n{mine['text']}\n\n{stop}"


def outbound(shape: Channel, words: Words, language: str, brief: bool) -> list[Outbound]:
    """The messages of an announcement on a channel: one, unless its words are too long for that."""
    return shape.shape(Reply(composed(words, language, brief or shape.short)))
