"""Sealed exports: a case, or an exercise, as one file that opens on a machine without network, database or settings.

A ZIP with a head that anybody can read (`export.json`: an id and the wrap of its private key), and sealed parts. One
part is the index: it names all others in order, so that none can be left out. Each opens only in this export and in
its own place (`storage/vault.py`).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from bot.complaints.cases import File, Told
from storage import vault
from storage.cases import SealedPart
from storage.vault import Unopened

FORMAT = "cuenta-export/1"
HEAD = "export.json"
INDEX = "note"
"""The kind of the index: no complainant ever reads one."""

ID = re.compile(r"[0-9a-f]{32}")
ENDING = re.compile(r"[a-z0-9]{1,5}")
NAMES: Mapping[str, str] = {"told": "relato", "reply": "respuesta", "note": "nota"}


class Unreadable(Exception):
    """This is no export, or something of it was changed, exchanged or cut off."""


@dataclass(frozen=True)
class Opened:
    """An export that was opened: what is said of it, and its parts in order."""

    facts: Mapping[str, Any]
    parts: Sequence[Told | File] = field(repr=False)
    kinds: Sequence[str]


def sealed_anew(public: bytes, parts: Iterable[tuple[str, bytes]], facts: Mapping[str, Any]) -> bytes:
    """An export for the holder of this key: of kinds and opened parts, sealed again under a key pair of its own."""
    pair, export = vault.key_pair(), vault.new_id()
    sealed = (_sealed(pair.public, export, kind, plain) for kind, plain in parts)
    return _packed(export, vault.wrap(pair.private, public), pair.public, sealed, facts)


def as_kept(case: str, public: bytes, wrapped: bytes, parts: Iterable[SealedPart], facts: Mapping[str, Any]) -> bytes:
    """An export of a case as it is kept, for whom it is wrapped for: nobody has to open it."""
    return _packed(case, wrapped, public, parts, facts)


def _sealed(public: bytes, export: str, kind: str, plain: bytes) -> SealedPart:
    id, seal = vault.new_id(), vault.seal_file if kind == "file" else None
    return SealedPart(
        id, kind, seal(public, export, id, plain) if seal else vault.seal(public, export, id, kind, plain)
    )


def _packed(export: str, wrapped: bytes, public: bytes, parts: Iterable[SealedPart], facts: Mapping[str, Any]) -> bytes:
    made, named = BytesIO(), []
    with ZipFile(made, "w", ZIP_STORED) as file:
        for part in parts:
            file.writestr(f"parts/{part.id}", part.body)
            named.append([part.id, part.kind])
        index = _sealed(public, export, INDEX, json.dumps({"parts": named, "facts": dict(facts)}).encode())
        file.writestr(f"parts/{index.id}", index.body)
        head = {"format": FORMAT, "id": export, "wrap": wrapped.hex(), "index": index.id}
        file.writestr(HEAD, json.dumps(head, indent=1))
    return made.getvalue()


def opened(export: bytes, private: bytes) -> Opened:
    """What is in an export. Raises Unopened where the key is another one, Unreadable where it is not whole."""
    try:
        with ZipFile(BytesIO(export)) as file:
            head = json.loads(file.read(HEAD))
            id, index = str(head["id"]), str(head["index"])
            if head["format"] != FORMAT or not ID.fullmatch(id) or not ID.fullmatch(index):
                raise Unreadable
            wrapped = bytes.fromhex(head["wrap"])
            key = vault.unwrap(wrapped, private)
            return _read(file, key, id, index)
    # NotImplementedError is zipfile's word for a way of packing or locking that it does not know.
    except (BadZipFile, KeyError, ValueError, TypeError, EOFError, NotImplementedError):
        raise Unreadable from None


def _read(file: ZipFile, key: bytes, id: str, index: str) -> Opened:
    try:
        listed = json.loads(vault.unseal(key, id, index, INDEX, _stored(file, index)))
        kinds = [str(kind) for _part, kind in listed["parts"]]
        plain = [part_of(kind, _opened(file, key, id, str(part), str(kind))) for part, kind in listed["parts"]]
    except Unopened:
        raise Unreadable from None
    return Opened(listed["facts"], plain, kinds)


def _opened(file: ZipFile, key: bytes, id: str, part: str, kind: str) -> bytes:
    return opened_part(key, id, part, kind, _stored(file, part))


def _stored(file: ZipFile, part: str) -> bytes:
    entry = file.getinfo(f"parts/{part}")
    if entry.compress_type != ZIP_STORED:  # what is packed could unpack to any size
        raise Unreadable
    return file.read(entry)


def opened_part(private: bytes, case: str, part: str, kind: str, body: bytes) -> bytes:
    """What is in a sealed part, whatever its kind. Raises Unopened."""
    if kind not in vault.KINDS:
        raise Unopened
    return (
        vault.unseal_file(private, case, part, body)
        if kind == "file"
        else vault.unseal(private, case, part, kind, body)
    )


def part_of(kind: str, plain: bytes) -> Told | File:
    """A part, by what it has inside. Raises Unopened where that is nothing of ours."""
    try:
        return File.unpacked(plain) if kind == "file" else Told.unpacked(plain)
    except (ValueError, TypeError):
        raise Unopened from None


def name(kind: str, number: int, part: Told | File) -> str:
    """What a part is called outside: by its place and what it is, never by anything that its sender chose."""
    if isinstance(part, Told):
        return f"{NAMES[kind]}-{number:02}.txt"
    ending = str(part.facts.get("ending", "")).lower().removeprefix(".")
    return f"adjunto-{number:02}.{ending if ENDING.fullmatch(ending) else 'bin'}"
