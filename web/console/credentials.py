"""Credentials of the staff: passwords, codes of a generator on their phone, and what stands in for that phone.

OWASP ASVS 5.0, 6.2 (passwords) and 6.5 (codes). Nothing here is kept in the clear: passwords as argon2id hashes, the
generator's secret sealed, links and recovery codes as keyed hashes.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from hashlib import blake2b, sha256
from threading import BoundedSemaphore

import pyotp
import segno
from nacl.exceptions import CryptoError, InvalidkeyError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from zxcvbn import zxcvbn

from flows.language import Phrase, _
from storage.ballots import CODE_LETTERS

LEAST, MOST = 15, 200
"""Letters of a password: length counts, not what it is made of (6.2.1, 6.2.5, 6.2.9)."""

LOOKED_AT = 64
"""Letters that are compared with lists of common passwords: the comparison grows with the square of the length."""

STRONG = 3
"""Of zxcvbn's 0 to 4: above 10^8 guesses; its lists of common passwords and names are on this machine (6.2.4)."""

STEP = 30
"""Seconds that a code of the generator is shown (RFC 6238)."""

NEIGHBOURS = (0, -1, 1)
"""Half minutes whose codes are taken: clocks of phones differ."""

CODES = 10
CODE_LENGTH = 12
"""Recovery codes of an account, and letters of one: 60 bits."""

ISSUER = "Cuenta"

AT_ONCE = 2
"""Passwords that are hashed at a time: each takes 64 MB, and whoever knocks at the entrance decides how many come."""

_ROOM = BoundedSemaphore(AT_ONCE)


class Safe:
    """Everything that is derived from the desk's SECRET_KEY for the console."""

    def __init__(self, secret: bytes):
        self._key = blake2b(secret, digest_size=32, person=b"cuenta console").digest()

    @property
    def cookie_key(self) -> bytes:
        """Signs the cookie."""
        return self._derived(b"cookie")

    def hashed(self, purpose: str, value: str) -> str:
        """What is kept of a link, a token or a code: nobody who reads it can use it."""
        return hmac.new(self._key, f"{purpose}|{value}".encode(), sha256).hexdigest()

    def generator(self, of: str) -> str:
        """The secret of a code generator (base32), always the same for the same link: a page shows it before it is
        kept."""
        return base64.b32encode(hmac.new(self._derived(b"generator"), of.encode(), sha256).digest()[:20]).decode()

    def seal(self, secret: str) -> bytes:
        return bytes(SecretBox(self._derived(b"totp")).encrypt(secret.encode()))

    def open(self, sealed: bytes) -> str:
        """A generator's secret; another one, which nobody has, when SECRET_KEY is not the one it was sealed with."""
        try:
            return SecretBox(self._derived(b"totp")).decrypt(sealed).decode()
        except CryptoError:
            return self.generator("lost")

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self._key, purpose, sha256).digest()


def hash_password(password: str) -> str:
    """The argon2id hash of a password."""
    cost = argon2id.OPSLIMIT_INTERACTIVE, argon2id.MEMLIMIT_INTERACTIVE
    with _ROOM:
        return argon2id.str(password.encode(), *cost).decode()


@cache
def nobodys() -> str:
    """Compared with when there is no such account: that costs the same, so that nobody learns who has one (6.3.8)."""
    return hash_password(secrets.token_hex(16))


def is_password(hashed: str, password: str) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        with _ROOM:
            return argon2id.verify(hashed.encode(), password[:MOST].encode())
    except InvalidkeyError:
        return False


def weakness(password: str, words: Sequence[str]) -> Phrase | None:
    """Why a password will not do, or None. `words` are those that somebody who guesses would try: name, city."""
    if len(password) < LEAST:
        return _("Use {least} letters or more. Four words that do not belong together are easy to keep.", least=LEAST)
    if len(password) > MOST:
        return _("Use at most {most} letters.", most=MOST)
    if zxcvbn(password[:LOOKED_AT], user_inputs=[word.lower() for word in words if word])["score"] < STRONG:
        return _("That one is easy to guess: it is common, repeats itself or has your name in it. Choose another.")
    return None


def used_step(secret: str, typed: str, now: datetime) -> int | None:
    """The half minute whose code was typed, spaces or not; None if it is no code of about now."""
    code = "".join(typed.split()).encode()
    generator, current = pyotp.TOTP(secret), int(now.timestamp()) // STEP
    steps = [current + near for near in NEIGHBOURS]
    matching = [step for step in steps if hmac.compare_digest(generator.generate_otp(step).encode(), code)]
    return matching[0] if matching else None


def picture(secret: str, login: str) -> str:
    """The generator's secret as a QR code (SVG) for the app on the phone."""
    address = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)
    return segno.make(address, error="m", micro=False).svg_inline(scale=1, omitsize=True, border=4, lineclass=None)


def recovery_codes() -> list[str]:
    """New codes that each stand in once for the phone."""
    return ["".join(secrets.choice(CODE_LETTERS) for _n in range(CODE_LENGTH)) for _m in range(CODES)]


def tidy(code: str) -> str:
    """A recovery code as it was given, however it was typed."""
    return "".join(letter for letter in code.upper() if letter in CODE_LETTERS)
