"""The terminal: the same turn, typed and read in a console (`cuenta talk`)."""

from bot.messages import Outbound, Reply

NAME = "terminal"


class TerminalShape:
    name = NAME
    short = False
    most_hourly: int | None = None

    def shape(self, reply: Reply) -> list[Outbound]:
        return [Outbound(reply.text, reply.buttons, reply.wide)]

    def phone_of(self, address: str) -> None:
        return None
