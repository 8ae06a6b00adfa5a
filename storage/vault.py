"""The vault: how a complaint is sealed, and who can open it again. Pure computation; nothing here reads or writes.

A case has a key pair of its own. What belongs to it is sealed at once with the public half, which opens nothing. The
private half is kept only *wrapped*: once for each receiver, once for the paper key, once for the access key that only
the complainant has. No key of the desk's opens a wrap, so that database, disk and settings together open nothing.

    wrap of a receiver      SealedBox(public key of the receiver)                             80 bytes
    wrap of the complainant XChaCha20-Poly1305(key derived from the access key; bound to the case)
    part                    SealedBox(public key of the case)(key) + XChaCha20-Poly1305(key; bound to case, part, kind)
    file                    SealedBox(public key of the case)(key) + secretstream of padded pieces of 64 KiB
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain

from nacl import bindings, pwhash
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import Aead

from storage.gates import Gate

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter looks like a digit or another letter."""

LOOKS_LIKE = str.maketrans("OIL", "011")

LOCATOR_LETTERS = 8
KEY_LETTERS = 16
"""Letters of an access key: fifteen that are drawn (75 bits) and one that finds typing errors."""

PADDED = 1024
"""Bytes: the length of a part is a multiple of this, so that it tells little about what somebody wrote."""

PIECE = 64 * 1024
SEALED_KEY = 32 + bindings.crypto_box_SEALBYTES
KINDS = frozenset({"told", "file", "reply", "note"})
"""What a part can be: told by the complainant, a file of theirs, said to them, noted by the receivers."""

OPS, MEMORY = 3, 64 * 1024 * 1024
"""Argon2id for access keys: a lookup secret below 112 bits needs a password hash with a salt (ASVS 5.0, 6.5.2)."""

STAFF_OPS, STAFF_MEMORY = 4, 128 * 1024 * 1024
"""Argon2id for the passphrases of receivers, who choose them themselves."""

_AT_ONCE = Gate(2, waiting=4)
"""Derivations at one time in this process: each takes its memory and a quarter of a second."""


class Unopened(Exception):
    """A wrap or a part that does not open with this key, or was changed. It tells nothing more."""


@dataclass(frozen=True)
class KeyPair:
    """An X25519 pair, 32 bytes each."""

    public: bytes
    private: bytes = field(repr=False)


@dataclass(frozen=True)
class Derived:
    """What an access key gives with its salt: something to compare, and the key of the complainant's wrap."""

    verifier: bytes = field(repr=False)
    kek: bytes = field(repr=False)


@dataclass(frozen=True)
class NewCase:
    """A case as it is stored, before anything was told; its private key is in the wraps alone."""

    id: str
    locator: str
    salt: bytes
    verifier: bytes = field(repr=False)
    public: bytes
    own_wrap: bytes = field(repr=False)
    wraps: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True)
class Locked:
    """A receiver's private key, as it is stored: sealed with their passphrase, and with a recovery code."""

    public: bytes
    salt: bytes
    by_passphrase: bytes = field(repr=False)
    by_recovery: bytes = field(repr=False)


def key_pair() -> KeyPair:
    made = PrivateKey.generate()
    return KeyPair(bytes(made.public_key), bytes(made))


def new_id() -> str:
    """A random id of 128 bits: neither order nor time can be read from it."""
    return secrets.token_hex(16)


def new_locator() -> str:
    """The public name of a case: eight letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _n in range(LOCATOR_LETTERS))


def new_access_key() -> str:
    """An access key as it is shown: `XXXX-XXXX-XXXX-XXXX`."""
    drawn = "".join(secrets.choice(ALPHABET) for _n in range(KEY_LETTERS - 1))
    return shown_key(drawn + _check_letter(drawn))


def shown_key(letters: str) -> str:
    """An access key in groups of four."""
    return "-".join(letters[n : n + 4] for n in range(0, len(letters), 4))


def read_locator(typed: str) -> str | None:
    """The locator that somebody typed, or None if it cannot be one."""
    found = _plain(typed)
    return found if len(found) == LOCATOR_LETTERS and set(found) <= set(ALPHABET) else None


def read_access_key(typed: str) -> str | None:
    """The access key that somebody typed, as it is shown; None if it cannot be one. A single wrong letter is found."""
    found = _plain(typed)
    if len(found) != KEY_LETTERS or not set(found) <= set(ALPHABET) or _check_letter(found[:-1]) != found[-1]:
        return None
    return shown_key(found)


def _plain(typed: str) -> str:
    """Letters and digits as they were meant: o is 0, i and l are 1; spaces and hyphens do not count."""
    return "".join(typed.upper().translate(LOOKS_LIKE).replace("-", " ").split())


def _check_letter(letters: str) -> str:
    """Luhn's check in base 32: finds each wrong letter, and nearly all pairs that were swapped."""
    total = 0
    for place, letter in enumerate(reversed(letters)):
        value = ALPHABET.index(letter) * (2 - place % 2)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def derive(access_key: str, salt: bytes) -> Derived:
    """Verifier and key of an access key (0.25 s of processor time, 64 MiB). Waits while two others derive; where many
    wait, it raises what a database that is away does."""
    with _AT_ONCE:
        made = pwhash.argon2id.kdf(32, access_key.encode(), salt, OPS, MEMORY)
    return Derived(_split(made, b"verifier", b"den.verify"), _split(made, b"kek", b"den.kek"))


def _split(made: bytes, what: bytes, person: bytes) -> bytes:
    return blake2b(what, key=made, person=person, digest_size=32).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two verifiers are equal, in the same time whatever they are."""
    return hmac.compare_digest(one, other)


NOBODY = b"\0" * 32
"""A verifier that no access key has."""

NO_SALT = b"\0" * pwhash.argon2id.SALTBYTES
"""Derived with for a locator that does not exist, so that it takes the work of one that does."""


def new_case(access_key: str, receivers: Mapping[int, bytes]) -> NewCase:
    """A case that each of these public keys (by their id) and the access key will open. The private key is not kept."""
    pair, salt, case = key_pair(), secrets.token_bytes(pwhash.argon2id.SALTBYTES), new_id()
    derived = derive(access_key, salt)
    return NewCase(
        id=case,
        locator=new_locator(),
        salt=salt,
        verifier=derived.verifier,
        public=pair.public,
        own_wrap=bytes(Aead(derived.kek).encrypt(pair.private, aad=_wrap_of(case))),
        wraps={id: wrap(pair.private, public) for id, public in receivers.items()},
    )


def wrap(private: bytes, public: bytes) -> bytes:
    """A case's private key for one more receiver."""
    return bytes(SealedBox(PublicKey(public)).encrypt(private))


def unwrap(wrapped: bytes, private: bytes) -> bytes:
    """The case's private key, by a receiver's. Raises Unopened."""
    return _opened(lambda: bytes(SealedBox(PrivateKey(private)).decrypt(wrapped)))


def unwrap_own(own_wrap: bytes, kek: bytes, case: str) -> bytes:
    """The case's private key, by the complainant's. Raises Unopened."""
    return _opened(lambda: bytes(Aead(kek).decrypt(own_wrap, aad=_wrap_of(case))))


def _wrap_of(case: str) -> bytes:
    return b"v1|wrap|" + case.encode()


def seal(public: bytes, case: str, part: str, kind: str, plain: bytes) -> bytes:
    """A part of a case. It opens only as this kind, in this case and under this id."""
    key = secrets.token_bytes(Aead.KEY_SIZE)
    padded = bindings.sodium_pad(plain, PADDED)
    return _sealed_key(public, key) + bytes(Aead(key).encrypt(padded, aad=_bound(kind, case, part)))


def unseal(private: bytes, case: str, part: str, kind: str, blob: bytes) -> bytes:
    """What was sealed. Raises Unopened, never gives a part of it."""

    def opened() -> bytes:
        key = bytes(SealedBox(PrivateKey(private)).decrypt(blob[:SEALED_KEY]))
        padded = bytes(Aead(key).decrypt(blob[SEALED_KEY:], aad=_bound(kind, case, part)))
        return bindings.sodium_unpad(padded, PADDED)

    return _opened(opened)


def _bound(kind: str, case: str, part: str) -> bytes:
    assert kind in KINDS
    return f"v1|{kind}|{case}|{part}".encode()


def _sealed_key(public: bytes, key: bytes) -> bytes:
    return bytes(SealedBox(PublicKey(public)).encrypt(key))


def seal_file(public: bytes, case: str, part: str, body: bytes) -> bytes:
    """A file of a case, as a stream whose pieces cannot be moved, left out or cut off."""
    state, key = bindings.crypto_secretstream_xchacha20poly1305_state(), secrets.token_bytes(32)
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    padded = bindings.sodium_pad(body, PIECE)
    bound, last = _bound("file", case, part), len(padded) // PIECE - 1
    pieces = (
        bindings.crypto_secretstream_xchacha20poly1305_push(
            state,
            padded[n * PIECE : (n + 1) * PIECE],
            ad=bound,
            tag=bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if n == last
            else bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
        )
        for n in range(last + 1)
    )
    return b"".join(chain((_sealed_key(public, key), header), pieces))


def unseal_file(private: bytes, case: str, part: str, blob: bytes) -> bytes:
    """The file. Raises Unopened, also where its end is missing or something follows it."""
    head = SEALED_KEY + bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES

    def opened() -> bytes:
        key = bytes(SealedBox(PrivateKey(private)).decrypt(blob[:SEALED_KEY]))
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, blob[SEALED_KEY:head], key)
        padded = b"".join(_pulled(state, _pieces(blob, head), _bound("file", case, part)))
        return bindings.sodium_unpad(padded, PIECE)

    return _opened(opened)


def _pieces(blob: bytes, begin: int) -> Iterator[bytes]:
    sealed = PIECE + bindings.crypto_secretstream_xchacha20poly1305_ABYTES
    for n in range(begin, len(blob), sealed):
        yield blob[n : n + sealed]


def _pulled(
    state: bindings.crypto_secretstream_xchacha20poly1305_state, pieces: Iterable[bytes], bound: bytes
) -> Iterator[bytes]:
    final = False
    for piece in pieces:
        if final:
            raise Unopened
        plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, piece, bound)
        final = tag == bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
        yield plain
    if not final:
        raise Unopened


def lock(pair: KeyPair, passphrase: str, recovery: str) -> Locked:
    """A receiver's pair, to be stored. `recovery` is printed and kept by them alone."""
    salt = secrets.token_bytes(pwhash.argon2id.SALTBYTES)
    return Locked(
        public=pair.public,
        salt=salt,
        by_passphrase=bytes(Aead(_staff_key(passphrase, salt)).encrypt(pair.private, aad=b"v1|receiver")),
        by_recovery=bytes(Aead(_staff_key(recovery, salt)).encrypt(pair.private, aad=b"v1|recovery")),
    )


def unlock(locked: Locked, passphrase: str) -> bytes:
    """A receiver's private key, by the passphrase (0.7 s of processor time, 128 MiB). Raises Unopened."""
    key = _staff_key(passphrase, locked.salt)
    return _opened(lambda: bytes(Aead(key).decrypt(locked.by_passphrase, aad=b"v1|receiver")))


def recover(locked: Locked, recovery: str) -> bytes:
    """A receiver's private key, by the printed code. Raises Unopened."""
    key = _staff_key(recovery, locked.salt)
    return _opened(lambda: bytes(Aead(key).decrypt(locked.by_recovery, aad=b"v1|recovery")))


def _staff_key(passphrase: str, salt: bytes) -> bytes:
    with _AT_ONCE:
        return pwhash.argon2id.kdf(32, passphrase.encode(), salt, STAFF_OPS, STAFF_MEMORY)


def new_recovery() -> str:
    """A recovery code of 160 bits, in groups of four."""
    return shown_key("".join(secrets.choice(ALPHABET) for _n in range(32)))


def read_recovery(typed: str) -> str | None:
    """The recovery code that somebody typed, as it is shown; None if it cannot be one."""
    found = _plain(typed)
    return shown_key(found) if len(found) == 32 and set(found) <= set(ALPHABET) else None


def enclose(private: bytes, token: bytes) -> bytes:
    """A key while its owner works: sealed with a token (32 bytes) that only their browser holds."""
    return bytes(Aead(token).encrypt(private, aad=b"v1|session"))


def disclose(enclosed: bytes, token: bytes) -> bytes:
    """The key, by the browser's token. Raises Unopened."""
    return _opened(lambda: bytes(Aead(token).decrypt(enclosed, aad=b"v1|session")))


def _opened(open_: Callable[[], bytes]) -> bytes:
    """What it gives. Whatever is wrong with bytes that came from elsewhere, they do not open."""
    try:
        return open_()
    except (CryptoError, ValueError, TypeError):  # PyNaCl says so by any of these, by length and by content
        raise Unopened from None
