"""Pacing with a virtual clock: how much of what a provider allows is used, and whether any second holds more."""

from bot.pace import Pace

RATES = (30, 80)
SECONDS = 60
STEP = 0.001


def run() -> None:
    for rate in RATES:
        sent = flood(rate)
        used = len(sent) / (rate * SECONDS)
        print(
            f"{rate}/s for {SECONDS} s: {len(sent)} sent, {used:.1%} of the allowed; most in a second: {fullest(sent)}"
        )


def flood(rate: int) -> list[float]:
    """When messages go if there are always more of them, each to another chat."""
    pace, sent = Pace(rate), []
    for tick in range(int(SECONDS / STEP)):
        now = tick * STEP
        for chat in range(pace.room(now)):
            sent.append(pace.spend(chat, now))
    return sent


def fullest(sent: list[float]) -> int:
    """The most messages in any window of one second."""
    most = first = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most
