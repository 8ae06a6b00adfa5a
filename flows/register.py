"""Every conversation and the words that open it. A new conversation is one file and a line in each table here."""

from collections.abc import Callable

from flows import help as helping
from flows import household, menu, notices, privacy, profile, receipts, results, tongue, vote
from flows.answers import fold
from flows.language import Talk

FLOWS: dict[str, Callable[..., Talk]] = {
    "menu": menu.menu,
    "start": menu.start,
    "vote": vote.vote,
    "results": results.results,
    "receipt": receipts.receipt,
    "profile": profile.profile,
    "privacy": privacy.privacy,
    "household": household.household,
    "language": tongue.language,
    "spanish": tongue.spanish,
    "english": tongue.english,
    "help": helping.help,
    "stop": notices.stop,
    "allow": notices.allow,
}

WITH_SUBJECT = frozenset({"vote", "results"})
"""Conversations that take a subject, such as the consultation a link names."""

ASIDES = frozenset({"help", "stop", "allow", "spanish", "english"})
"""Conversations that ask nothing: they are answered beside the talk, and its question is shown again."""

WORDS: dict[str, tuple[str, ...]] = {
    "menu": ("menú", "menu", "hola", "hello", "hi", "buenas", "inicio"),
    "start": ("start", "comenzar", "iniciar"),
    "vote": ("votar", "vote", "voto", "quiero votar"),
    "results": ("resultados", "results"),
    "receipt": ("recibo", "receipt", "comprobante"),
    "profile": ("perfil", "profile", "mis datos básicos", "about me"),
    "privacy": ("privacidad", "privacy", "mis datos", "my data"),
    "household": ("otra persona", "otrapersona", "someone else", "someoneelse"),
    "language": ("idioma", "language", "lengua"),
    "spanish": ("español", "spanish"),
    "english": ("english", "inglés"),
    "help": ("ayuda", "help", "info"),
    "stop": ("baja", "stop", "parar", "alto", "no más", "unsubscribe", "stopall"),
    "allow": ("alta", "unstop"),
}
"""What opens each conversation, in both languages; the first of each language is the one that help and docs name."""

BACK = ("0", "atrás", "back", "volver")
LEAVE = ("salir", "exit", "leave", "chao")

_BY_WORD = {fold(word): flow for flow, words in WORDS.items() for word in words}
_BACK = {fold(word) for word in BACK}
_LEAVE = {fold(word) for word in LEAVE}


def called(text: str) -> str | None:
    """The conversation that this message names, with or without a slash."""
    return _BY_WORD.get(fold(text).removeprefix("/").replace("_", " "))


def goes_back(text: str) -> bool:
    return fold(text) in _BACK


def leaves(text: str) -> bool:
    return fold(text).removeprefix("/") in _LEAVE
