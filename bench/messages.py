"""Messages, bytes and SMS segments of a whole vote, on each channel, in both languages."""

import tempfile
from datetime import timedelta
from pathlib import Path

from bench.world import prepare, settings_for
from bot.desk import Desk
from bot.messages import Incoming, Outbound
from cli import talk, wiring
from cli.replay import SharedClock

CHANNELS = ("telegram", "whatsapp", "sms")
VOTES = {
    ("es", "first vote"): ("votar", "1", "2", "1", "1 4 6", "1"),
    ("es", "later vote"): ("votar", "2 5", "1"),
    ("en", "first vote"): ("vote", "1", "2", "1", "1 4 6", "1"),
    ("en", "later vote"): ("vote", "2 5", "1"),
}


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        settings = settings_for(f"sqlite:///{scratch}/messages.db", Path(scratch) / "keys", 1)
        clock = prepare(settings)
        desk = wiring.desk(settings, clock)
        print(f"{'':30}{'in':>5}{'out':>5}{'bytes in':>12}{'bytes out':>12}{'segments':>10}")
        for channel in CHANNELS:
            for (language, kind), lines in VOTES.items():
                got = vote(desk, clock, channel, language, lines)
                report(f"{channel} {language} {kind}", lines, got, channel == "sms")
        desk.engine.dispose()


def vote(desk: Desk, clock: SharedClock, channel: str, language: str, lines: tuple[str, ...]) -> list[Outbound]:
    """What somebody gets who writes these lines; each language has a resident of its own on each channel."""
    address = f"+57555040{CHANNELS.index(channel)}{'es en'.index(language):03}"
    got = []
    for line in lines:
        clock.set(clock() + timedelta(seconds=20))
        desk.take(Incoming(channel, address, f"{clock().timestamp()}", text=line))
        got += talk.waiting(desk, channel, address)
    return got


def report(title: str, lines: tuple[str, ...], got: list[Outbound], by_segment: bool) -> None:
    came, went = (sum(len(text.encode()) for text in texts) for texts in (lines, [m.text for m in got]))
    segments = str(sum(m.segments for m in got)) if by_segment else "-"
    print(f"{title:30}{len(lines):>5}{len(got):>5}{came:>12}{went:>12}{segments:>10}")
