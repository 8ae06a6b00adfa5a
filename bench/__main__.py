"""Run the benchmarks that are named, or all."""

import sys

from bench import counting, messages, pacing, statements, turns

PARTS = {
    "messages": messages.run,
    "pacing": pacing.run,
    "statements": statements.run,
    "counting": counting.run,
    "turns": turns.run,
}


def main(wanted: list[str]) -> None:
    for name in wanted or PARTS:
        print(f"\n== {name} ==", flush=True)
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
