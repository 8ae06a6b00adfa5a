"""Typed codes: the number of a complaint and its access key, as people write them."""

import re
from itertools import islice

from storage import vault

GROUPS = re.compile(r"(?<![0-9A-Za-z])(?=((?:[0-9A-Za-z]{4}[ -]?){3}[0-9A-Za-z]{4})(?![0-9A-Za-z]))")
"""Four groups of four, as an access key is written, wherever they begin."""

MOST_KEYS = 8
"""Keys that are looked at in one message: a page of zeros would be hundreds."""

WORD = re.compile(r"[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*")


def codes_in(text: str) -> tuple[str, str]:
    """The number of a complaint and its access key, as somebody typed them in any order; empty where there is none."""
    read = ((found, vault.read_access_key(found)) for found in _groups(text))
    keys = list(islice(((found, key) for found, key in read if key is not None), MOST_KEYS))
    for found, key in keys:
        locator = locator_in(text.replace(found, " ", 1))
        if locator:
            return locator, key
    glued = "".join(WORD.findall(text)).replace("-", "")
    for one, other in ((glued[:8], glued[8:]), (glued[-8:], glued[:-8])):
        number, whole = vault.read_locator(one), vault.read_access_key(other)
        if number and whole:
            return number, whole
    return "", keys[0][1] if keys else ""


def _groups(text: str) -> list[str]:
    """What may be a key, the likeliest first: of other places that look like one, one in 32 passes its check."""
    found = [match[1] for match in GROUPS.finditer(text)]
    # Four words of four letters are no key.
    return sorted((each for each in found if " " not in each or any(c.isdigit() for c in each)), key=_unlikely)


def _unlikely(found: str) -> int:
    marks = "".join(re.findall("[ -]", found))
    return ("---", "", "   ").index(marks) if marks in ("---", "", "   ") else 3


def locator_in(text: str) -> str:
    """The number of a complaint, wherever it stands; empty where there is none."""
    read = (vault.read_locator(word) for word in WORD.findall(text))
    return next(filter(None, read), "") or vault.read_locator(text) or ""


def has_key(text: str, own: str) -> bool:
    """Whether an access key is in a text: this one however it is written, or any other as keys are written."""
    plain = "".join(text.upper().translate(vault.LOOKS_LIKE).replace("-", " ").split())
    return (bool(own) and own.replace("-", "") in plain) or bool(codes_in(text)[1])
