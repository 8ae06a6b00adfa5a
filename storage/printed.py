"""Printed keys: a key of 32 bytes as letters that people can copy from paper, with letters that find what is wrong.

The letters at the end are different for the two halves, so that nobody hands in the secret one by mistake.
"""

from hashlib import blake2b

from storage.vault import ALPHABET, LOOKS_LIKE, shown_key

KEY, CHECK = 52, 4
"""Letters of five bits: of the key (256 bits and four of nothing), and of the check (20 bits)."""

PRIVATE, PUBLIC = b"den.private", b"den.public"


class Mistyped(Exception):
    """This is no printed key: a letter is wrong, missing or too many."""


class Secret(Exception):
    """This is the secret half, where the public one was asked for."""


def shown_private(key: bytes) -> str:
    """The secret half, in fourteen groups of four."""
    return _shown(key, PRIVATE)


def shown_public(key: bytes) -> str:
    """The public half, in fourteen groups of four."""
    return _shown(key, PUBLIC)


def read_private(typed: str) -> bytes:
    """A secret half as somebody typed it. Raises Mistyped."""
    key = _read(typed, PRIVATE)
    if key is None:
        raise Mistyped
    return key


def read_public(typed: str) -> bytes:
    """A public half as somebody typed it. Raises Mistyped and Secret."""
    key = _read(typed, PUBLIC)
    if key is None:
        raise Secret if _read(typed, PRIVATE) is not None else Mistyped
    return key


def mark(public: bytes) -> str:
    """Twelve letters by which two people can compare a public half in a call."""
    return shown_key(_letters(_digest(public, b"den.mark"), 12))


def _shown(key: bytes, half: bytes) -> str:
    return shown_key(_letters(key, KEY) + _letters(_digest(key, half), CHECK))


def _digest(key: bytes, half: bytes) -> bytes:
    return blake2b(key, person=half, digest_size=32).digest()


def _letters(key: bytes, number: int) -> str:
    """The first letters of 32 bytes."""
    bits = int.from_bytes(key) << (KEY * 5 - len(key) * 8)
    return "".join(ALPHABET[bits >> (KEY - 1 - place) * 5 & 31] for place in range(number))


def _read(typed: str, half: bytes) -> bytes | None:
    plain = "".join(typed.upper().translate(LOOKS_LIKE).replace("-", " ").split())
    if len(plain) != KEY + CHECK or not set(plain) <= set(ALPHABET):
        return None
    bits = 0
    for letter in plain[:KEY]:
        bits = bits << 5 | ALPHABET.index(letter)
    key = (bits >> (KEY * 5 - 256)).to_bytes(32)
    return key if _shown(key, half) == shown_key(plain) else None
