"""Templates: the WhatsApp messages that may open a conversation, each approved by Meta first (channels.md 3.6, 3.7).

A template tells that there is an announcement, by its title, and asks for one word; the answer opens the 24 hours in
which everything can be told.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from bot.messages import Outbound
from storage import templates
from storage.announcements import CATEGORIES

LONGEST = 1024
"""Letters of a template's body, filled in."""

LONGEST_VARIABLE, LONGEST_BUTTON = 1600, 20
VARIABLE = re.compile(r"\{\{(\w+)\}\}")
UNFIT = re.compile(r"[\n\r\t\v\f\x85\u2028\u2029]| {5,}")
"""What the value of a variable must not have (channels.md 3.6)."""


class Unfit(ValueError):
    """A value that cannot fill in a template: `reason` is empty, long or lines."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def fit(value: str) -> str:
    """The value, where it can fill in a variable. Raises Unfit."""
    if not value.strip():
        raise Unfit("empty")
    if len(value) > LONGEST_VARIABLE:
        raise Unfit("long")
    if UNFIT.search(value):
        raise Unfit("lines")
    return value


@dataclass(frozen=True)
class Wording:
    """A template in one language, as it is submitted. `name` is the topic it is for; `sample` fills in its variable for
    those who approve it; `button` is the word one answers, which its button says too."""

    name: str
    language: str
    category: str
    body: str
    sample: str
    button: str

    @property
    def digest(self) -> str:
        """Of its words: what was submitted once is never submitted again."""
        return sha256(json.dumps(vars(self), ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    @property
    def title(self) -> str:
        """Its name at Twilio and Meta. Other words have another name: that of rejected ones is locked for 30 days."""
        return f"cuenta_{self.name}_{self.language}_{self.digest[:8]}"

    def filled(self, value: str) -> str:
        return VARIABLE.sub(lambda _found: value, self.body)


DECLARED = (
    Wording(
        "votes", "es", "utility",
        "Usted pidió saber de las votaciones de su ciudad. Hay un aviso nuevo:\n\n{{1}}\n\n"
        "Para leerlo, toque LEER o escriba LEER. Para no recibir más avisos, escriba BAJA.",
        "La votación del barrio cierra el viernes a las 5 p. m.",
        "LEER",
    ),
    Wording(
        "votes", "en", "utility",
        "You asked to hear of your city's votes. There is a new notice:\n\n{{1}}\n\n"
        "To read it, tap READ or write READ. To get no more notices, write STOP.",
        "The vote in your neighbourhood closes on Friday at 5 p.m.",
        "READ",
    ),
    Wording(
        "news", "es", "marketing",
        "Usted pidió recibir noticias de su ciudad. Hay un aviso nuevo:\n\n{{1}}\n\n"
        "Para leerlo, toque LEER o escriba LEER. Para no recibir más avisos, escriba BAJA.",
        "El sábado hay reunión abierta sobre el parque",
        "LEER",
    ),
    Wording(
        "news", "en", "marketing",
        "You asked for news of your city. There is a new notice:\n\n{{1}}\n\n"
        "To read it, tap READ or write READ. To get no more notices, write STOP.",
        "On Saturday there is an open meeting about the park",
        "READ",
    ),
)  # fmt: skip
"""What this desk needs. Reminders that a person asked for are utility; Meta takes the rest for marketing."""


def faults(wording: Wording) -> list[str]:
    """Why Meta would not take it, a sentence for each trap; none where it may pass (channels.md 3.6)."""
    body, found = wording.body, VARIABLE.findall(wording.body)
    words = [len(part.split()) for part in VARIABLE.split(body)[::2]]
    rules = (
        (not 0 < len(body) <= LONGEST, f"its body has {len(body)} letters: write 1 to {LONGEST}"),
        (found != [str(n + 1) for n in range(len(found))], "its variables are not {{1}}, {{2}} and so on in order"),
        (body.strip() != body, "its body begins or ends with a blank"),
        (
            body.strip().startswith("{{") or body.strip().endswith("}}"),
            "a variable stands at the start or at the end of its body",
        ),
        (bool(re.search(r"\}\}\s*\{\{", body)), "two variables stand side by side: put words between them"),
        (sum(words) < 2 * len(found) + 1, f"it has too few words for its variables: {2 * len(found) + 1} are needed"),
        (bool(found) and min(words[0], words[-1]) < 2, "fewer than two words stand before or after its variables"),
        (bool(re.search(r"\t|\n{3,}| {5,}", body)), "its body has a tab, three line breaks or five blanks in a row"),
        (wording.category not in CATEGORIES, f"its category is none of {', '.join(CATEGORIES)}"),
        (not 0 < len(wording.button) <= LONGEST_BUTTON, f"its button must have 1 to {LONGEST_BUTTON} letters"),
        (bool(VARIABLE.search(wording.button)), "its button has a variable"),
        (not re.fullmatch(r"[a-z0-9_]{1,512}", wording.title), "its name may have a-z, 0-9 and _ only"),
    )
    return [*(says for wrong, says in rules if wrong), *_sample(wording)]


def _sample(wording: Wording) -> list[str]:
    try:
        fit(wording.sample)
    except Unfit as unfit:
        return [f"its sample value is not fit ({unfit.reason}): one line, not empty, without five blanks in a row"]
    return []


@dataclass(frozen=True)
class Template:
    """An approved template. `category` is the one Meta charges by, which may not be the one that was asked for."""

    sid: str
    category: str
    wording: Wording

    def outbound(self, title: str) -> Outbound:
        """The message that tells of an announcement by its title. Raises Unfit."""
        text = self.wording.filled(fit(title))
        if len(text) > LONGEST:
            raise Unfit("long")
        return Outbound(text, template=self.sid, variables=(("1", title),))


@dataclass(frozen=True)
class Templates:
    """The approved ones, as the database has them. Read them once for many messages."""

    approved: Mapping[tuple[str, str], Template]

    @classmethod
    def read(cls, connection: Connection) -> "Templates":
        kept = {(row.name, row.language): row for row in templates.every(connection)}
        found = {}
        for wording in DECLARED:
            row = kept.get((wording.name, wording.language))
            if row is not None and row.status == "approved" and row.digest == wording.digest:
                found[wording.name, wording.language] = Template(row.sid, row.category, wording)
        return cls(found)

    def for_(self, topic: str, language: str) -> Template | None:
        """The one for a topic in a language; None while it may not be used."""
        return self.approved.get((topic, language))
