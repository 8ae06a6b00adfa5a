"""The browser chat: nothing is sent; the page fetches what waits, and says what it has shown (`web/chat.py`)."""

from bot.messages import Outbound, Reply

NAME = "web"


class BrowserShape:
    """Buttons where there is one answer to pick; boxes to tick, each with its number, where there are several."""

    name = NAME
    short = False
    most_hourly: int | None = None

    def shape(self, reply: Reply) -> list[Outbound]:
        if reply.wide or not reply.buttons:
            return [Outbound(reply.bare if reply.buttons else reply.text, reply.buttons)]
        listed = reply.text.removeprefix(reply.bare).strip().split("\n")
        boxes = tuple((label, str(number)) for number, label in enumerate(listed, 1))
        return [Outbound(reply.bare, boxes, wide=False)]

    def phone_of(self, address: str) -> None:
        return None
