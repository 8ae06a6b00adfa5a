"""Faults: what is wrong with a value, so that a file's reader can name it in English and a page in its own language."""

from collections.abc import Mapping
from typing import Any


class Fault(str):
    """What is wrong, in English, without the name of what it is wrong with: `is empty`.

    `msgid` is its message in the catalogues, `values` fill its places.
    """

    msgid: str
    values: Mapping[str, Any]

    def __new__(cls, msgid: str, **values: Any) -> "Fault":
        made = super().__new__(cls, msgid.format(**values))
        made.msgid, made.values = msgid, values
        return made


_ = Fault
"""Marks a fault for the catalogues."""
