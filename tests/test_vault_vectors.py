"""What was sealed once opens for ever: `vault_vectors.json` was made by the first release and is never made anew.

A change of the vault that fails here would leave every case of the past unreadable. It needs a version of its own
beside the old one.
"""

import json
from hashlib import sha256, shake_256
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from storage import vault
from storage.vault import PIECE, SEALED_KEY, Locked

FROZEN: dict[str, Any] = json.loads((Path(__file__).parent / "vault_vectors.json").read_text())
CASE = FROZEN["case"]


def raw(name: str, of: dict[str, Any] = FROZEN) -> bytes:
    return bytes.fromhex(of[name])


def test_an_access_key_gives_the_same_verifier_and_key() -> None:
    derived = vault.derive(FROZEN["access_key"], raw("salt"))
    assert derived == vault.Derived(raw("verifier"), raw("kek"))
    assert vault.unwrap_own(raw("own_wrap"), raw("kek"), CASE) == raw("private")


@pytest.mark.parametrize("drawn", FROZEN["check_letters"])
def test_a_key_that_somebody_wrote_down_is_still_read(drawn: str) -> None:
    shown = vault.shown_key(drawn + FROZEN["check_letters"][drawn])
    assert vault.read_access_key(shown.lower()) == shown


@pytest.mark.parametrize("receiver", FROZEN["receivers"])
def test_a_receiver_still_opens_a_wrap(receiver: dict[str, str]) -> None:
    assert vault.unwrap(raw("wrap", receiver), raw("private", receiver)) == raw("private")


@pytest.mark.parametrize("part", FROZEN["parts"])
def test_a_part_still_opens(part: dict[str, str]) -> None:
    plain = vault.unseal(raw("private"), CASE, part["id"], part["kind"], raw("sealed", part))
    assert plain.decode() == part["plain"]


def test_a_file_still_opens() -> None:
    file, body = FROZEN["file"], shake_256(b"file").digest(PIECE + 5)
    blob = raw("head", file) + streamed(raw("head", file)[SEALED_KEY:], raw("key", file), file["id"], body)
    assert sha256(blob).hexdigest() == file["sealed_sha256"], "these are not the bytes of the first release"
    assert vault.unseal_file(raw("private"), CASE, file["id"], blob) == body


def streamed(header: bytes, key: bytes, part: str, body: bytes) -> bytes:
    """The pieces of a file's stream, made again from its key and header: kept whole they would fill this folder."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)  # the sender's state is the same
    padded, bound = bindings.sodium_pad(body, 65_536), f"v1|file|{CASE}|{part}".encode()
    pieces = [padded[n : n + 65_536] for n in range(0, len(padded), 65_536)]
    tags = [0] * (len(pieces) - 1) + [3]
    push = bindings.crypto_secretstream_xchacha20poly1305_push
    return b"".join(push(state, piece, bound, tag) for piece, tag in zip(pieces, tags, strict=True))


def test_a_receivers_key_still_opens() -> None:
    kept, private = FROZEN["locked"], raw("private", FROZEN["receivers"][0])
    public = raw("public", FROZEN["receivers"][0])
    locked = Locked(public, raw("salt", kept), raw("by_passphrase", kept), raw("by_recovery", kept))
    assert vault.unlock(locked, kept["passphrase"]) == private
    assert vault.recover(locked, kept["recovery"]) == private


def test_a_key_in_use_still_opens() -> None:
    kept = FROZEN["session"]
    assert vault.disclose(raw("enclosed", kept), raw("token", kept)) == raw("private", FROZEN["receivers"][0])
