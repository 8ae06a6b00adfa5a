"""Places, and how a place is found from what people type."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import process
from rapidfuzz.distance import OSA

from flows.answers import COUNTING, fold
from flows.language import Option

MOST_OFFERED = 12
"""What gives more barrios than this ("villa", "san") is too little to ask back about."""

LONGEST = 80
"""Characters that are read; no name is as long."""

SHORTEST_SLIP = 4
"""From so many letters a word may have one slip: "bocagrnde" is Bocagrande, but "villa andrea" is not Villa Sandra."""

SMALL = frozenset(
    [
        "de",
        "del",
        "la",
        "el",
        "los",
        "las",
        "y",
        "en",
        "sector",
        "sec",
        "st",
        "barrio",
        "brr",
        "b",
        "urbanizacion",
        "urb",
        "corregimiento",
        "vereda",
    ]
)
"""Words that tell no two places apart, and that people leave out or add."""

COMMON = frozenset(
    [
        "isla",
        "islas",
        "playa",
        "campo",
        "alto",
        "altos",
        "puerto",
        "puerta",
        "mar",
        "cerro",
        "loma",
        "vista",
        "nuevo",
        "nueva",
        "viejo",
        "ciudad",
        "punta",
        "tierra",
        "arroyo",
        "villa",
        "villas",
        "flor",
        "pie",
        "zona",
        "norte",
        "sur",
        "pueblo",
        "urbanizaciones",
        "unidos",
    ]
)
"""Words that say nothing alone, even where only one name has them: who writes "isla" may live on any of them."""

SAYING = re.compile(r"^(?:(?:yo )?(?:vivo|vivimos|estoy|soy|somos|resido|i live|i am|im)(?: in| from)?|en|in|from)\s+")
SAME = {
    "i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "xxiii": "23", "primero": "1", "segundo": "2",
    "sexto": "6", "sta": "santa", "sto": "santo", "sn": "san", "rep": "republica", "cdla": "ciudadela",
}  # fmt: skip

SOUNDS = tuple(
    (re.compile(written), heard)
    for written, heard in (
        ("ph", "f"), ("qu(?=[ei])", "k"), ("c(?=[ei])", "s"), ("c(?!h)", "k"), ("z", "s"), ("v", "b"), ("ll", "y"),
        ("g(?=[ei])", "j"), ("(?<!c)h", ""), ("y(?![aeiou])", "i"), (r"([^\W\d])\1+", r"\1"),
    )
)  # fmt: skip
"""Letters that sound alike in the Caribbean and are mixed up in writing, in the order in which they are replaced."""


@dataclass(frozen=True)
class Place:
    """A node of the tree: municipality, locality, unit or barrio. `names` are the other names people use for it.

    `profile` is what the city's file says of the network there and in all that lies in it; `good` says nothing.
    """

    code: str
    kind: str
    name: str
    parent: str | None = None
    names: tuple[str, ...] = ()
    profile: str = "good"


@dataclass(frozen=True)
class Territory:
    """The tree of places of a city, by code."""

    places: Mapping[str, Place]

    def above(self, code: str) -> Iterator[Place]:
        """The place and those it lies in, from the smallest to the largest."""
        place = self.places.get(code)
        while place is not None:
            yield place
            place = self.places.get(place.parent) if place.parent else None

    def containing(self, code: str | None, kind: str) -> Place | None:
        """The place of that kind which `code` lies in."""
        return next((p for p in self.above(code) if p.kind == kind), None) if code else None

    def find(self, typed: str) -> list[Place]:
        """The barrios somebody may mean: one when it is clear, several to ask back, none when nothing is near.

        A whole name comes first, together with the longer names that begin with it ("san pedro" may be San Pedro
        Mártir); then names that have all the typed words; then what sounds or looks like a name.
        """
        wanted = self._without_city(" ".join(_words(typed[:LONGEST])))
        if len(wanted) < 3:
            return []
        codes = self._codes(wanted)
        if len(codes) > MOST_OFFERED:
            return []
        return sorted((self.places[code] for code in codes), key=lambda p: fold(p.name))

    def is_called(self, place: Place, typed: str) -> bool:
        """Whether somebody wrote a whole name of that place, but for accents, marks and small words."""
        return place.code in self._names.whole(self._without_city(" ".join(_words(typed[:LONGEST]))))

    def _codes(self, wanted: str) -> set[str]:
        heard = _sound(wanted)
        return (
            self._names.whole(wanted)
            or self._names.having(wanted)
            or self._sounds.whole(heard)
            or self._sounds.having(heard)
            or self._names.near(wanted)
            or self._sounds.near(heard)
        )

    def _without_city(self, wanted: str) -> str:
        return next((wanted.removesuffix(city) for city in self._cities if wanted.endswith(city)), wanted)

    @cached_property
    def _cities(self) -> list[str]:
        names = (n for p in self.places.values() if p.kind == "municipality" for n in (p.name, *p.names))
        return sorted((f" {' '.join(_words(name))}" for name in names), key=len, reverse=True)

    @cached_property
    def _names(self) -> "_Index":
        named = {p.code: (p.name, *p.names) for p in self.places.values() if p.kind == "barrio"}
        return _Index({code: [form for name in names for form in _forms(name)] for code, names in named.items()})

    @cached_property
    def _sounds(self) -> "_Index":
        return _Index({code: [_sound(name) for name in names] for code, names in self._names.names.items()})

    def described(self, place: Place) -> str:
        """The name with its unit, to tell two of a name apart."""
        unit = self.containing(place.code, "unit")
        return f"{place.name} ({unit.name})" if unit else place.name

    def options(self, places: list[Place]) -> tuple[Option, ...]:
        return tuple(Option(p.code, self.described(p)) for p in places)


class _Index:
    """The names of places, to look up by a whole name, by some of its words, or nearly."""

    def __init__(self, names: Mapping[str, list[str]]):
        self.names = names
        self._whole: dict[str, set[str]] = {}
        self._heads: dict[str, set[str]] = {}
        self._having: dict[str, set[tuple[str, str]]] = {}
        for code, name in ((code, name) for code, several in names.items() for name in several):
            words = name.split()
            self._whole.setdefault(name, set()).add(code)
            # One word that begins a name says too little: "buenas" is not Buenos Aires, La María is not María Cano.
            for last in range(2, len(words)):
                self._heads.setdefault(" ".join(words[:last]), set()).add(code)
            for word in words:
                self._having.setdefault(word, set()).add((code, name))
        self._either = list({**self._whole, **self._heads})

    def whole(self, wanted: str) -> set[str]:
        """The places of that name; with them those whose longer names begin with it."""
        found = self._whole.get(wanted) or self._whole.get(wanted.replace(" ", ""))
        return found | self._heads.get(wanted, set()) if found else set()

    def having(self, wanted: str) -> set[str]:
        """The places with a name that has all these words, in any order."""
        words = wanted.split()
        found = set.intersection(*(self._having.get(word, set()) for word in words))
        codes = {code for code, _name in found}
        return set() if len(codes) == 1 and len(words) == 1 and words[0] in COMMON else codes

    def near(self, wanted: str) -> set[str]:
        """The places with a name that has at most two slips, in two words; those with the fewest."""
        close = process.extract(wanted, self._either, scorer=OSA.distance, score_cutoff=2, limit=None)
        alike = [(name, slips) for name, slips, _place in close if _alike(wanted, name)]
        least = min((slips for _name, slips in alike), default=0)
        nearest = [name for name, slips in alike if slips == least]
        return {code for name in nearest for code in self._whole.get(name) or self._heads[name]}


def _alike(typed: str, name: str) -> bool:
    ours, theirs = typed.split(), name.split()
    return len(ours) == len(theirs) and all(_slip(a, b) for a, b in zip(ours, theirs, strict=True))


def _slip(typed: str, name: str) -> bool:
    if typed == name:
        return True
    # Another digit is another place: 9 de Abril is not 7 de Abril.
    short = min(len(typed), len(name)) < SHORTEST_SLIP or not (typed + name).isalpha()
    return not short and OSA.distance(typed, name) <= 1


def _forms(name: str) -> set[str]:
    """A name for comparing, and as it is typed without spaces ("elpozon")."""
    words = _words(name)
    return {" ".join(words), "".join(words), "".join(_plain(name).split())}


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", fold(name)).split())


def _words(name: str) -> list[str]:
    """A name for comparing: no accents or marks, no small words, numbers as digits."""
    words = [w for w in SAYING.sub("", _plain(name)).split() if w not in SMALL]
    return [str(COUNTING[w]) if w in COUNTING else SAME.get(w, w) for w in words]


def _sound(name: str) -> str:
    for written, heard in SOUNDS:
        name = written.sub(heard, name)
    return name
