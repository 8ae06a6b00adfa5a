"""Announcement words: what staff wrote, as each channel sends it, with how to stop it."""

from collections.abc import Mapping

from bot.announcements.templates import Template
from bot.channels import Channel
from bot.messages import Outbound, Reply
from bot.speech import Speaker
from flows.language import _
from storage.announcements import Words

STOP = _("To get no more: BAJA")


def composed(words: Words, language: str, brief: bool) -> str:
    """The text of a language, or its short form."""
    mine = in_language(words, language)
    stop = Speaker(language).say(STOP)
    if brief:
        return f"{mine['short']}\n{stop}"
    return f"{mine['title']}\n\n{mine['text']}\n\n{stop}"


def outbound(
    shape: Channel, words: Words, language: str, brief: bool, template: Template | None = None
) -> list[Outbound]:
    """The messages of an announcement on a channel: one, unless its words are too long for that.

    A template tells no more than its title. Raises templates.Unfit.
    """
    if template is not None:
        return [template.outbound(in_language(words, language)["title"])]
    return shape.shape(Reply(composed(words, language, brief or shape.short)))


def in_language(words: Words, language: str) -> Mapping[str, str]:
    """The words of a language; the first one serves where it is missing."""
    return words.get(language) or next(iter(words.values()))
