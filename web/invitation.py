"""How to take part: a link and a QR code for each channel that is on."""

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, urlsplit

import segno

from flows.language import Phrase, _
from web.hosts import Own

OPENS = {"es": "votar", "en": "vote"}
"""What the links write for people, by language: the word that opens a vote on every channel."""

FOLLOWS = {"es": "hitos", "en": "milestones"}
"""The word that opens a commitment, with its id behind it."""


PROPOSES = {"es": "proponer", "en": "propose"}
"""The word that opens the sending of an idea."""


@dataclass(frozen=True)
class Public:
    """How the desk is reached from outside: its address, and each channel's own (empty where the channel is off).

    `whatsapp` and `sms` are numbers in international form or short codes, `telegram` the bot's name without @; `chat`
    says whether one can write in the browser, and `demo` whether one can play others there; `own` are the names of
    hosts that have the console, or complaints, alone. `whatsapp_complaints` says whether the city wants
    complaints to be told by WhatsApp where that is safe (`bot/complaints/redaction.py`).
    """

    url: str = ""
    whatsapp: str = ""
    telegram: str = ""
    sms: str = ""
    chat: bool = False
    demo: bool = False
    own: Own = Own()
    whatsapp_complaints: bool = False

    @property
    def complaints(self) -> str:
        """The host of the complaints, as an address; empty where they are on this one."""
        return f"{urlsplit(self.url).scheme or 'https'}://{self.own.complaints}" if self.own.complaints else ""


@dataclass(frozen=True)
class Way:
    """One way to take part: the channel, the link, and what one sees of it (a number, a name)."""

    channel: str
    name: Phrase
    link: str
    shown: str

    @property
    def code(self) -> str:
        """The link as a QR code: an SVG that takes the colour of the text around it."""
        return _code(self.link)


@cache
def _code(link: str) -> str:
    made = segno.make(link, error="m", micro=False)
    return made.svg_inline(scale=1, omitsize=True, border=4, svgclass="qr", lineclass=None, dark="#000", light="#fff")


def ways(public: Public, language: str, slug: str = "") -> list[Way]:
    """Every way to vote that is on, the one most people have first; what the links write is in that language."""
    return _ways(public, OPENS[language], f"v-{slug}" if slug else "")


def follow(public: Public, language: str, commitment: str) -> list[Way]:
    """Every way to look at a commitment and to get news of it."""
    return _ways(public, f"{FOLLOWS[language]} {commitment}", f"h-{commitment}")


def propose(public: Public, language: str) -> list[Way]:
    """Every way to send an idea."""
    return _ways(public, PROPOSES[language], "p-")


def slip(public: Public, language: str, code: str) -> list[Way]:
    """Every way to be told of the idea on a slip."""
    return [way for way in _ways(public, f"{PROPOSES[language]} {code}", f"p-{code}") if way.channel != "web"]


def _ways(public: Public, writes: str, starts: str) -> list[Way]:
    found, opens = [], quote(writes)
    if public.whatsapp:
        digits = public.whatsapp.removeprefix("whatsapp:").lstrip("+")
        link = f"https://wa.me/{digits}?text={opens}"
        found.append(Way("whatsapp", _("WhatsApp"), link, f"+{digits}"))
    if public.telegram:
        start = f"?start={starts}" if starts else ""
        found.append(Way("telegram", _("Telegram"), f"https://t.me/{public.telegram}{start}", f"@{public.telegram}"))
    if public.sms:
        found.append(Way("sms", _("Text message (SMS)"), f"sms:{public.sms}?body={opens}", public.sms))
    if public.chat:
        found.append(Way("web", _("Here, in this browser"), f"{public.url}/chat", ""))
    return found
