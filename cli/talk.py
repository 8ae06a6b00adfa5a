"""Talk to the desk in a terminal: the same turn, without a provider."""

from typing import TextIO

from rich.console import Console
from sqlalchemy import select, update

from bot.complaints import confidential
from bot.delivery import HOME
from bot.desk import Away, Desk
from bot.messages import Incoming, Outbound
from storage.contacts import Contact
from storage.database import columns, transaction
from storage.outbox import Outgoing


def converse(desk: Desk, who: str, sms: bool, lines: TextIO, out: Console) -> None:
    """Read lines until they end; print what the desk answers. With `sms`, as an SMS, with its segments."""
    channel, where = "sms" if sms else "terminal", address(who, sms, country_of(desk))
    out.print("Escriba hola. Write hello. Ctrl-D ends.", style="dim")
    for number, line in enumerate(lines):
        told = Incoming(channel, where, f"{desk.clock().timestamp()}-{number}", text=line.rstrip("\n"))
        try:
            desk.take(told)
        except Away:
            out.print("The database cannot be reached. Your message was not taken in.", style="red")
            continue
        for message in waiting(desk, channel, told.address):
            out.print(message.text, highlight=False, soft_wrap=True)
            out.print(f"({message.segments} SMS)\n" if sms else "", style="dim")


def address(who: str, sms: bool, country: str) -> str:
    """A made-up address; for SMS one that looks like a number of nobody (the 555 01 range) in that country."""
    return f"{country}555010{sum(who.encode()) % 10_000:04}" if sms else who[:60]


def country_of(desk: Desk) -> str:
    """A country whose numbers the city answers by SMS."""
    city = desk.city()
    return city.delivery.home if city is not None else HOME


def waiting(desk: Desk, channel: str, where: str) -> list[Outbound]:
    """What waits for an address, which is then recorded as sent and erased."""
    message, contact = columns(Outgoing), columns(Contact)
    found = select(contact.id).where(contact.channel == channel, contact.address == where).scalar_subquery()
    mine = (message.contact_id == found) & (message.state == "queued")
    with transaction(desk.engine) as connection:
        rows = connection.execute(select(message.sealed).where(mine).order_by(message.id)).all()
        connection.execute(update(Outgoing).where(mine).values(state="sent", sealed=None, finished_at=desk.clock()))
    opened = [desk.ink.open(row.sealed) for row in rows]
    apart = confidential.waiting(desk.volatile, channel, where) if desk.volatile is not None else []
    return [Outbound.unpacked(body) for body in opened if body is not None] + apart
