"""Tokens: random bytes that only who was given them has, and what is kept for them."""

import base64
import re
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b, sha256

WRITTEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Token:
    """Thirty-two random bytes that only a browser has. What is kept for it is under `hashed`, and sealed with it."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "Token":
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, given: str) -> "Token | None":
        """The token as a form, a cookie or an address gives it back; None if it cannot be one."""
        return cls(base64.urlsafe_b64decode(given + "=")) if WRITTEN.fullmatch(given) else None

    @property
    def shown(self) -> str:
        return base64.urlsafe_b64encode(self.secret).decode().rstrip("=")

    @property
    def hashed(self) -> str:
        return sha256(self.secret).hexdigest()

    def mark(self, what: str) -> str:
        """A name of 128 bits for something of this token's, which tells nothing of it."""
        return blake2b(what.encode(), key=self.secret, digest_size=16).hexdigest()
