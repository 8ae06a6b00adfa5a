"""Pages, pictures and files that took long to make, kept until what they were made of is another."""

from collections.abc import Callable

from web.rendering import Printed, language

MOST = 200
"""Things that stay in memory."""


class Made:
    """What was made, by name and language."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], tuple[object, Printed]] = {}

    def get(self, name: str, of: object, make: Callable[[], bytes]) -> Printed:
        """What `make` made of this in the reader's language."""
        key = (name, language())
        made = self._made.get(key)
        if made is None or made[0] != of:
            if len(self._made) >= MOST:
                self._made.clear()
            made = self._made[key] = (of, Printed.of(make()))
        return made[1]
