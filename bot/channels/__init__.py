"""The channels: one file each, all with the same three verbs: read what came in, shape what goes out, send it."""

from typing import Protocol

from bot.messages import Outbound, Reply


class Channel(Protocol):
    """How replies look on a channel.

    `short` asks for the short forms of texts; `most_hourly` is how many messages one contact is given in an hour, None
    where nobody pays for them.
    """

    name: str
    short: bool
    most_hourly: int | None

    def shape(self, reply: Reply) -> list[Outbound]:
        """The reply as the messages this channel will send, in order; none is longer than the channel allows."""
        ...

    def phone_of(self, address: str) -> str | None:
        """The phone number (E.164) that an address itself proves, if any."""
        ...


def pieces(text: str, most: int) -> list[str]:
    """A text in parts of at most `most` characters, cut between lines where possible, else between words."""
    parts: list[str] = []
    rest = text.strip() if len(text) > most else text
    while len(rest) > most:
        cut = rest.rfind("\n", 1, most + 1)
        cut = cut if cut > most // 3 else rest.rfind(" ", 1, most + 1)
        cut = cut if cut > 0 else most
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest or not parts else parts
