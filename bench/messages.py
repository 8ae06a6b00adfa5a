"""Messages, bytes and SMS segments of a whole vote, on each channel, in both languages."""

import tempfile
from datetime import timedelta
from pathlib import Path

from bench.turns import prepare, settings_for
from bot.messages import Incoming
from cli import talk, wiring

CHANNELS = ("telegram", "whatsapp", "sms")
FIRST = {"es": ("votar", "1", "2", "1", "1 4 6", "1"), "en": ("english", "vote", "1", "2", "1", "1 4 6", "1")}
AGAIN = {"es": ("votar", "2 5", "1"), "en": ("vote", "2 5", "1")}


def run() -> None:
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch:
        settings = settings_for(f"sqlite:///{scratch}/messages.db", Path(scratch) / "keys", 1)
        clock = prepare(settings)
        desk = wiring.desk(settings, clock)
        print(f"{'':30}{'in':>5}{'out':>5}{'bytes out':>12}{'segments':>10}")
        for channel in CHANNELS:
            for number, language in enumerate(FIRST):
                address = f"+1555040{CHANNELS.index(channel)}{number:03}"
                for name, lines in (("first vote", FIRST[language]), ("later vote", AGAIN[language])):
                    got = []
                    for line in lines:
                        clock.set(clock() + timedelta(seconds=20))
                        desk.take(Incoming(channel, address, f"{clock().timestamp()}", text=line))
                        got += talk.waiting(desk, channel, address)
                    size = sum(len(m.text.encode()) for m in got)
                    segments = str(sum(m.segments for m in got)) if channel == "sms" else "-"
                    title = f"{channel} {language} {name}"
                    print(f"{title:30}{len(lines):>5}{len(got):>5}{size:>12}{segments:>10}")
        desk.engine.dispose()
