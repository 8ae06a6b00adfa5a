"""Ballot keys: one file for each consultation, outside the database and its backups, destroyed at the count."""

import hmac
from hashlib import sha256
from pathlib import Path

from storage.ink import destroy, make_key, read_key


class BallotBoxLocked(Exception):
    """The ballot key of an open consultation cannot be read, or is not the one it opened with."""


class BallotKeys:
    """The keys in `folder`. A key once lost is never made anew: that would let everybody vote twice."""

    def __init__(self, folder: Path):
        self._folder = folder

    def make(self, slug: str) -> str:
        """Make the key when a consultation opens; its fingerprint, to be kept with the consultation. Raises Damaged."""
        make_key(self._path(slug))
        return self.fingerprint(slug)

    def fingerprint(self, slug: str) -> str:
        return sha256(b"fingerprint" + self._key(slug)).hexdigest()[:32]

    def mark(self, slug: str, fingerprint: str, kind: str, who: str) -> str:
        """What a ballot (`kind` person) or a tombstone (`kind` contact) hangs on; only the key can make it."""
        key = self._key(slug)
        if not hmac.compare_digest(sha256(b"fingerprint" + key).hexdigest()[:32], fingerprint):
            raise BallotBoxLocked
        return hmac.new(key, f"{kind}|{who}".encode(), sha256).hexdigest()

    def destroy(self, slug: str) -> None:
        destroy(self._path(slug))

    def exists(self, slug: str) -> bool:
        return read_key(self._path(slug)) is not None

    def _key(self, slug: str) -> bytes:
        key = read_key(self._path(slug))
        if key is None:
            raise BallotBoxLocked
        return key

    def _path(self, slug: str) -> Path:
        return self._folder / f"ballots-{slug}.key"
