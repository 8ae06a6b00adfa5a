"""The preview of an announcement: each message as its channel would send it, with what it weighs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.announcements.templates import DECLARED, Templates, Unfit, fit
from bot.announcements.words import outbound
from bot.channels import Channel
from bot.messages import Outbound
from bot.speech import LANGUAGES
from storage.announcements import Draft

WEAK, TEMPLATE = "weak", "template"
FORMS = (
    ("whatsapp", "whatsapp", False),
    ("telegram", "telegram", False),
    ("sms", "sms", True),
    (WEAK, "telegram", True),
)
"""What is shown, on which channel, and whether in the short form, which goes by SMS and where the signal is weak."""


@dataclass(frozen=True)
class Shown:
    """The messages of one language on a channel; `name` is the channel, WEAK or TEMPLATE. `ready`: it may be sent."""

    name: str
    language: str
    parts: Sequence[Outbound]
    ready: bool = True

    @property
    def letters(self) -> int:
        return sum(len(part.text) for part in self.parts)

    @property
    def size(self) -> int:
        """In bytes of its text."""
        return sum(len(part.text.encode()) for part in self.parts)

    @property
    def segments(self) -> int:
        """What an SMS is charged as."""
        return sum(part.segments for part in self.parts)


def preview(draft: Draft, channels: Mapping[str, Channel], templates: Templates) -> list[Shown]:
    """How people get a draft, in both languages; nothing of a language whose words are missing."""
    found = []
    for language in (each for each in LANGUAGES if all(draft.words.get(each, {"": ""}).values())):
        for name, channel, brief in FORMS:
            found.append(Shown(name, language, outbound(channels[channel], draft.words, language, brief)))
        found += _template(draft, language, templates)
    return found


def _template(draft: Draft, language: str, templates: Templates) -> list[Shown]:
    """What WhatsApp shows to those who have not written within a day."""
    wording = next((each for each in DECLARED if (each.name, each.language) == (draft.topic, language)), None)
    try:
        title = fit(draft.words[language]["title"])
    except Unfit:
        return []
    if wording is None:
        return []
    ready = templates.for_(draft.topic, language) is not None
    return [Shown(TEMPLATE, language, [Outbound(wording.filled(title), ((wording.button, ""),))], ready)]
