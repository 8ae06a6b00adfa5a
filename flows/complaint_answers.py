"""Answers in conversations about a complaint: words and files, sealed as they are read; codes; a word to be typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.answers import DONE, PickOne, fold, tidy, yes_or_no
from flows.language import Ask, Flow, NotUnderstood, Option, Phrase, Said, _
from flows.profile import SKIP

GO_ON = Option("done", DONE, words=("seguir", "continuar", "go on", "no"))

ONLY_FILES = _("You can send photos and PDF files here. A voice or a video can show who you are. To go on reply 1.")


@dataclass(frozen=True)
class Sealed:
    """An answer in words, sealed; its value is its id, or nothing where it was skipped."""

    question: str
    options: Sequence[Option] = (SKIP,)
    takes_files = True  # only to say where they belong

    def read(self, said: Said) -> str:
        if said.attachment is not None:
            raise NotUnderstood(_("Please answer in words. You can send photos and PDF files at the end."))
        if self._skips(said):
            return ""
        text = tidy(said.text)
        if not text:
            raise NotUnderstood(_("Please write it in words."))
        assert said.safe is not None
        return said.safe.words(self.question, text)

    def _skips(self, said: Said) -> bool:
        try:
            return bool(PickOne(self.options).read(said))
        except NotUnderstood:
            return False

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class SealedFile:
    """A photo or PDF, sealed, with the words that came with it; its value is nothing where there are no more."""

    options: Sequence[Option]
    takes_files: bool = True

    def read(self, said: Said) -> list[str]:
        """What was sent: its id, whether it is clean (clean or bare), and the id of its words if it had any."""
        if said.attachment is None:
            try:
                PickOne(self.options).read(said)
            except NotUnderstood:
                raise NotUnderstood(ONLY_FILES) from None
            return []
        assert said.safe is not None
        id, clean = said.safe.file(said.attachment)
        words = tidy(said.text)
        return [id, "clean" if clean else "bare", *([said.safe.words("caption", words)] if words else [])]

    def still(self, value: Any) -> bool:
        return isinstance(value, list)


@dataclass(frozen=True)
class TypedBack:
    """The last group of an access key; its value is whether that is it, or `-` where the person goes on without."""

    group: str
    options: Sequence[Option] = ()

    def read(self, said: Said) -> Any:
        typed = "".join(c for c in said.text.upper().translate(LOOKS_LIKE) if c.isalnum())
        if typed and typed.endswith(self.group):
            return True
        try:
            return PickOne(self.options).read(said)
        except NotUnderstood:
            return False

    def still(self, value: Any) -> bool:
        return isinstance(value, bool | str)


LOOKS_LIKE = str.maketrans("OIL", "011")
"""Letters of a key that people take for others."""


@dataclass(frozen=True)
class NumberAndKey:
    """The number of a complaint and its access key. Its value is the number while the key is missing, or nothing."""

    locator: str = ""
    options: Sequence[Option] = ()

    def read(self, said: Said) -> str:
        assert said.safe is not None
        return said.safe.codes(tidy(said.text), self.locator)

    def still(self, value: Any) -> bool:
        return isinstance(value, str)


@dataclass(frozen=True)
class Exactly:
    """A word that must be typed as it stands."""

    word: str
    options: Sequence[Option] = ()

    def read(self, said: Said) -> bool:
        if fold(said.text) != self.word:
            raise NotUnderstood(_("Please type the word {word}.", word=self.word.upper()))
        return True

    def still(self, value: Any) -> bool:
        return value is True


def one_file(key: str, text: Phrase) -> Flow[list[str] | None]:
    """One file: the ids of its parts, none where the person would rather not send it, None when there are no more."""
    got: list[str] = yield from Ask(key, text, SealedFile((GO_ON,)))
    if not got:
        return None
    id, clean, *words = got
    bare = _("We could not take out what this file hides. It could show who you are. Shall we keep it as it is?")
    if clean == "bare" and not (yield from Ask(f"{key}-bare", bare, yes_or_no(_("Yes, keep it"), _("No")))):
        return []
    return [id, *words]
