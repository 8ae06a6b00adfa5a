"""The small language conversations are written in.

A flow is a generator of steps. `Say` speaks, `Ask` waits for an answer, `Look` reads something small, `Do` changes
something once, `About` names the subject that the talk ends with. A flow knows no channel, no database and no clock:
whoever runs it (`flows.replay`) hands back what each step yields.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Generic, Protocol, TypeVar

T = TypeVar("T")
V = TypeVar("V", covariant=True)


@dataclass(frozen=True)
class Text:
    """A message of the catalogue (English is its id) with its values; put into the reader's language at the edge.

    With `plural` and `n` it is a message with two forms, chosen by `n`.
    """

    msgid: str
    values: Mapping[str, Any] = field(default_factory=dict)
    plural: str | None = None
    n: int = 0


@dataclass(frozen=True)
class Month:
    """A month of a year, told as such; `day` is any day of it."""

    day: date


@dataclass(frozen=True)
class Local:
    """Words that a city wrote itself, by language (`{"es": …, "en": …}`); the first one serves where one is missing."""

    by_language: Mapping[str, str]


@dataclass(frozen=True)
class Joined:
    """Several phrases as one, with a line break or another mark between them."""

    parts: Sequence["Phrase"]
    mark: str = "\n"


Phrase = Text | Local | Joined | Month | str


def _(msgid: str, **values: Any) -> Text:
    """Mark a message for the catalogues and give it its values."""
    return Text(msgid, values)


def many(one: str, more: str, n: int, **values: Any) -> Text:
    """A message with a form for one and a form for any other number."""
    return Text(one, {"n": n, **values}, more, n)


@dataclass(frozen=True)
class Attachment:
    """A picture or file that came with a message: where its provider keeps it, and what that says of it.

    `size` is in bytes, 0 where it is not told; `kind` and `name` are the sender's word.
    """

    source: str = field(repr=False)
    kind: str = ""
    size: int = 0
    name: str = field(default="", repr=False)


class Safe(Protocol):
    """Where a confidential answer is put away sealed, so that its conversation keeps an id alone."""

    def words(self, question: str, text: str) -> str:
        """Seal what answers a question; its id. Raises NotUnderstood."""
        ...

    def file(self, sent: Attachment) -> tuple[str, bool]:
        """Seal a file; its id, and whether all that it does not show was taken out. Raises NotUnderstood."""
        ...

    def codes(self, text: str, locator: str) -> str:
        """Hold an access key for this turn alone; the number that lacks one yet, or nothing. Raises NotUnderstood."""
        ...


@dataclass(frozen=True)
class Said:
    """What the person did this time: typed a text, pressed a button's value, or shared their own phone number.

    `attachment` is a file they sent. Confidential conversations have a `safe`.

    `says` gives the words of a phrase in the person's language, so that an option's own words are understood too.
    """

    text: str = ""
    pressed: str | None = None
    phone: str | None = None
    attachment: Attachment | None = None
    says: Callable[[Phrase], str] = str
    safe: Safe | None = None


@dataclass(frozen=True)
class Option:
    """One possible answer: its stable id, how it is shown, a form of at most 28 characters for SMS, other names.

    `more` is a longer explanation, for those who ask.
    """

    id: str
    label: Phrase
    short: Phrase | None = None
    words: tuple[str, ...] = ()
    more: Phrase | None = None


class NotUnderstood(Exception):
    """The answer could not be read; `hint` says in one short sentence what would be understood."""

    def __init__(self, hint: Phrase):
        super().__init__("not understood")
        self.hint = hint


class StillChoosing(Exception):
    """A button changed a selection that is not finished; `selected` are the ids chosen so far."""

    def __init__(self, selected: Sequence[str]):
        super().__init__("still choosing")
        self.selected = tuple(selected)


class Reader(Protocol[V]):
    """Reads an answer. Values are ids and plain JSON, never positions or wording."""

    @property
    def options(self) -> Sequence[Option]: ...

    def read(self, said: Said) -> V:
        """The value of an answer. Raises NotUnderstood, or StillChoosing from a button."""
        ...

    def still(self, value: Any) -> bool:
        """Would today's question accept this recorded value?"""
        ...


class Step(Generic[T]):
    def __iter__(self) -> Generator["AnyStep", T, T]:
        """So that `x = yield from Ask(…)` is typed."""
        return (yield self)  # type: ignore[misc]


@dataclass(frozen=True)
class Say(Step[None]):
    """Something to tell. `short` is its form for SMS. `lasting` marks what must arrive even if the person moves on.

    `picture` names a picture of the same, such as `results/<slug>`: shown where channel and place allow, never needed.
    `secret` holds an access key: it goes in a message of its own, which is deleted soon.
    """

    text: Phrase
    short: Phrase | None = None
    lasting: bool = False
    picture: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Ask(Step[T]):
    """A question and the reader of its answer. `key` is unique in its talk; a changed meaning gets a new key.

    `picture` names a picture of what it asks about, as that of `Say` does.
    """

    key: str
    text: Phrase
    reader: Reader[T]
    short: Phrase | None = None
    picture: str = ""


class Command(Generic[T]):
    """Something to carry out once; `outcome` is the dataclass that its recorded JSON becomes again."""

    outcome: ClassVar[type | None] = None

    @classmethod
    def revive(cls, value: Any) -> Any:
        return cls.outcome(**value) if cls.outcome and value is not None else value


class Query(Command[T]):
    """Something small to read."""


@dataclass(frozen=True)
class Do(Step[T]):
    """A command; its outcome is recorded under `key`, in one transaction with what it changed."""

    key: str
    command: Command[T]


@dataclass(frozen=True)
class Look(Step[T]):
    """A small read. With a `key` its outcome is recorded, which a flow needs where it branches on it."""

    query: Query[T]
    key: str | None = None


@dataclass(frozen=True)
class About(Step[None]):
    """The subject this talk belongs to: when it ends (a consultation closes), the talk is wiped."""

    subject: str


AnyStep = Say | Ask[Any] | Do[Any] | Look[Any] | About
Flow = Generator[AnyStep, Any, T]
Talk = Flow[str | None]
"""A whole conversation; what it returns is the name of the conversation that follows at once, if any."""
