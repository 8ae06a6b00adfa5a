"""Ways to a complaint: the channels that take one, what their companies see, and the words and links that open one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flows import register
from flows.language import Phrase, _
from flows.plan import Plan

SUBJECT = re.compile(r"\d{1,3}(?:\.\d{1,3})?|(?=[a-z0-9.-]*[0-9-])[a-z0-9-]{1,60}(?:\.\d{1,3})?")
"""A commitment or milestone, by number or id."""


FORM = "/denuncia"


@dataclass(frozen=True)
class Ways:
    """How complaints are taken: `link` is the form's address, `chats` the channels that take them themselves.

    `carried` are the channels whose replies a worker sends; `fetch` gets a file (channel, source, most bytes).
    `checked` are channels that take them while a check of their company passes (`bot/complaints/redaction.py`): words
    alone, and an access key is never in such a chat.
    """

    link: str
    chats: frozenset[str]
    carried: frozenset[str]
    fetch: Callable[[str, str, int], bytes] | None = None
    checked: frozenset[str] = frozenset()

    def page(self, language: str) -> str:
        """The form's address in a language; in what all are given the same it is the Spanish one."""
        return self.link if language != "en" else f"{self.link.removesuffix(FORM)}/en{FORM}"


KNOWS: Mapping[str, Phrase] = {
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "web": _("your internet company"),
    "terminal": _("this computer"),
}
"""Who sees that somebody writes to us."""

ERASES = frozenset({"telegram"})


def opens(text: str) -> tuple[str, str]:
    """The confidential conversation that a message opens, and its subject; else two empty texts.

    Whoever begins with DENUNCIAR and goes on to tell is understood; `report` begins many an English sentence.
    """
    first, _space, rest = text.partition(" ")
    if first.lower() in ("/start", "start") and rest.startswith("d-"):
        return "report", rest[2:62]
    name = register.called(text)
    if name in register.CONFIDENTIAL:
        return name, ""
    if register.called(first) != "report":
        return "", ""
    if SUBJECT.fullmatch(rest.lower()):
        return "report", rest.lower()
    return ("report", "") if first.lower().removeprefix("/").startswith("denunci") else ("", "")


def subject_of(plans: Mapping[str, Plan], wanted: str) -> Phrase | None:
    """The commitment or milestone that an id (`cartagena-cuenta.4`) or a number of the newest plan (`1.4`) names."""
    named, _dot, number = wanted.partition(".")
    newest = next(iter(plans.values()), None)
    found = next((c for plan in plans.values() if (c := plan.commitment(named)) is not None), None)
    if found is None and newest is not None:
        found = next((c for c in newest.commitments if str(c.number) == named), None)
    if found is None:
        return None
    if not number:
        return _("{number}. {title}", number=found.number, title=found.title)
    milestone = next((m for m in found.milestones if str(m.number) == number), None)
    if milestone is None:
        return None
    return _("{number}. {title}", number=f"{found.number}.{milestone.number}", title=milestone.title)
