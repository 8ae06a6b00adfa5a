"""Recount a published list of ballots without the database: anybody can run it on the public file alone."""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


class Unreadable(Exception):
    """The file is not a published list of ballots; the message says which line and why."""


@dataclass(frozen=True)
class Recount:
    """`votes` by proposal id, most voted first; `sha256` of the file, to compare with the published one."""

    ballots: int
    votes: dict[str, int]
    sha256: str


def recount(path: Path) -> Recount:
    """Add up a `papeletas.csv`. Raises Unreadable for a missing column, a repeated receipt or a repeated choice."""
    votes: Counter[str] = Counter()
    seen: set[str] = set()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if next(rows, None) != ["receipt", "choices"]:
                raise Unreadable("line 1: the columns should be receipt,choices")
            for line, row in enumerate(rows, 2):
                if len(row) != 2 or not row[0] or not row[1]:
                    raise Unreadable(f"line {line}: a receipt and its choices are expected")
                if row[0] in seen:
                    raise Unreadable(f"line {line}: the receipt appears twice")
                chosen = row[1].split()
                if len(set(chosen)) != len(chosen):
                    raise Unreadable(f"line {line}: a proposal appears twice")
                seen.add(row[0])
                votes.update(chosen)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"{path} cannot be read: {error.__class__.__name__}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Recount(len(seen), dict(sorted(votes.items(), key=lambda item: (-item[1], item[0]))), digest)
