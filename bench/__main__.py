"""Run the benchmarks that are named, or all. `pacing --live` adds a minute against a provider that refuses;
`announcements --live` is five minutes of a broadcast against such ones alone."""

import sys

from bench import (
    announcements,
    complaints,
    counting,
    first_vote,
    idle,
    messages,
    neighbourhood,
    notices,
    pacing,
    pages,
    statements,
    turns,
)

PARTS = {
    "messages": messages.run,
    "neighbourhood": neighbourhood.run,
    "pacing": pacing.run,
    "statements": statements.run,
    "counting": counting.run,
    "pages": pages.run,
    "notices": notices.run,
    "announcements": announcements.run,
    "complaints": complaints.run,
    "first-vote": first_vote.run,
    "idle": idle.run,
    "turns": turns.run,
}


def main(wanted: list[str]) -> None:
    for name in wanted or PARTS:
        print(f"\n== {name} ==", flush=True)
        PARTS[name]()


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if not name.startswith("--")])
