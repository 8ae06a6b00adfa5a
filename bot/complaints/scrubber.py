"""Scrubber: the process that opens what a stranger sent. It can use so much memory and time, reach no network, and open
no file; it reads one file from standard input, and writes one line of JSON and the clean file to standard output.

Cutting off the network is done twice, since a kernel may refuse to give an unprivileged process a network of its own:
once everything is loaded, the process may hold no further descriptor, so it can open neither file nor socket.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

from bot.complaints import formats
from bot.complaints.scrub import LARGEST, NotStrippable, Refused

MEMORY = 1_000_000_000
"""Bytes of address space: the programs' own 150 million, and a picture of 40 million pixels three times over."""

PROCESSOR = 40
"""Seconds."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def main() -> None:
    """Answer for the file on standard input."""
    limit()
    leave_network()
    body = sys.stdin.buffer.read(LARGEST + 1)
    maker = maker_of(body)
    close()
    sys.stdout.buffer.write(answer(maker, body))
    sys.stdout.buffer.flush()
    os._exit(0)  # taking apart what a hostile file built is no work worth crashing in


def maker_of(body: bytes) -> Any:
    """The module that makes such a file anew, loaded with all it needs."""
    return import_module(
        "bot.complaints.documents" if formats.kind_of(body) == "application/pdf" else "bot.complaints.photos"
    )


def answer(maker: Any, body: bytes) -> bytes:
    """A line of JSON, and the clean file if there is one. Raises nothing."""
    told: dict[str, object]
    made = b""
    try:
        kind, made, removed = maker.made_anew(body)
        told = {"answer": "clean", "kind": kind, "removed": sorted(removed)}
    except Refused as refused:
        told = {"answer": "refused", "reason": refused.reason}
    except NotStrippable:
        told = {"answer": "not strippable"}
    except MemoryError:
        told = {"answer": "refused", "reason": maker.TOO_LARGE}
    except Exception:  # whatever a reader of strangers' files can raise, the file is at fault
        told = {"answer": "refused", "reason": "broken"}
    return json.dumps(told).encode() + b"\n" + made


def limit() -> None:
    """Bound memory, processor, what can be written and how many descriptors there are; leave no core behind."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST * 2, LARGEST * 2))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    library.prctl(_PR_SET_DUMPABLE, 0)
    library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def leave_network() -> bool:
    """Into a network with nobody in it, where the kernel allows that; whether it did."""
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def close() -> None:
    """No further process, file or socket: a new one would need a descriptor above the three that are open."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
