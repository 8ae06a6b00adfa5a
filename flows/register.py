"""Every conversation and the words that open it. A new conversation is one file and a line in each table here."""

import re
from collections.abc import Callable

from flows import (
    alerts,
    announcements,
    ballot_by_reply,
    committee,
    complaint_report,
    complaint_status,
    household,
    ideas,
    menu,
    milestones,
    notices,
    office,
    privacy,
    profile,
    rating,
    receipts,
    results,
    rules,
    tongue,
    topics,
    vote,
)
from flows import help as helping
from flows.answers import BESIDE, fold, numbers
from flows.language import Talk

FLOWS: dict[str, Callable[..., Talk]] = {
    "hello": menu.hello,
    "menu": menu.menu,
    "start": menu.start,
    "vote": vote.vote,
    "cast": ballot_by_reply.cast,
    "rules": rules.rules,
    "results": results.results,
    "receipt": receipts.receipt,
    "milestones": milestones.milestones,
    "alerts": alerts.alerts,
    "remind": topics.remind,
    "read": announcements.read,
    "rate": rating.rate,
    "committee": committee.committee,
    "seat": committee.seat,
    "progress": office.progress,
    "answer": office.answer,
    "propose": ideas.propose,
    "report": complaint_report.report,
    "status": complaint_status.status,
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

ENDED = vote.ended
"""What is told, given its subject, to somebody whose talk was wiped when the subject ended."""

WITH_SUBJECT = frozenset({"vote", "results", "rules"})
"""Conversations that take a subject, such as the consultation a link names."""

WITH_WORDS = frozenset({"milestones", "seat", "propose", "report", "cast"})
"""Conversations that may be opened with something behind their word: a commitment, a code. It is kept sealed."""

CONFIDENTIAL = frozenset({"report", "status"})
"""Conversations of which nothing is kept here but in memory (`bot/complaints/confidential.py`)."""

REPLACES = {"cast": "vote"}
"""What, once it has ended, leaves nothing to go on with in another conversation about the same subject."""

ASIDES = frozenset({"help", "read", "rules", "stop", "allow", "spanish", "english"})
"""Conversations that ask nothing: they are answered beside the talk, and its question is shown again."""

WORDS: dict[str, tuple[str, ...]] = {
    "hello": ("hola", "hello", "hi", "buenas"),
    "menu": ("menú", "menu", "inicio"),
    "start": ("start", "comenzar", "iniciar"),
    "vote": ("votar", "vote", "voto", "quiero votar"),
    "rules": ("reglas", "rules"),
    "results": ("resultados", "results"),
    "receipt": ("recibo", "receipt", "comprobante"),
    "milestones": ("hitos", "milestones", "compromisos", "commitments", "plan"),
    "alerts": ("avisos", "alerts"),
    "read": ("leer", "read"),
    "remind": ("recordar", "remind me", "recordatorios", "reminders"),
    "rate": ("evaluar", "rate"),
    "committee": ("comité", "committee"),
    "seat": ("silla", "seat", "oficina", "office"),
    "progress": ("avance", "progress", "reportar"),
    "answer": ("responder", "answer"),
    "propose": ("proponer", "propose", "idea", "ideas", "mis propuestas", "my ideas"),
    "report": ("denunciar", "report", "denuncia", "quiero denunciar"),
    "status": ("consultar", "status"),
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

ENGLISH = frozenset(
    [
        "hello",
        "hi",
        "vote",
        "rules",
        "results",
        "receipt",
        "profile",
        "about me",
        "privacy",
        "my data",
        "help",
        "milestones",
        "commitments",
        "alerts",
        "reminders",
        "read",
        "remind me",
        "rate",
        "committee",
        "seat",
        "office",
        "progress",
        "answer",
        "propose",
        "my ideas",
        "report",
        "status",
    ]
)
"""Words that, written by somebody we do not know yet, choose English."""

BACK = ("0", "atrás", "back", "volver")
LEAVE = ("salir", "exit", "leave", "chao")

_BY_WORD = {fold(word): flow for flow, words in WORDS.items() for word in words}
LONGEST_BALLOT = 300
"""Characters; what is longer is no ballot, whatever it begins with."""

_POLITE = (
    r"(?:hola|hello|hi|thank you|(?:muy )?buen[oa]s?(?: dias?| tardes?| noches?)?|good (?:morning|afternoon|evening))"
)
_BALLOT = re.compile(
    rf"{BESIDE}*(?:{_POLITE}{BESIDE}+)*({'|'.join(map(fold, WORDS['vote']))})(?![a-z]){BESIDE}*"
    rf"(.+?)(?:{BESIDE}+{_POLITE})*{BESIDE}*"
)
_BACK = {fold(word) for word in BACK}
_LEAVE = {fold(word) for word in LEAVE}


def opened(name: str, subject: str) -> Talk:
    """A conversation from its beginning, about that subject if it takes one. Raises KeyError for an unknown name."""
    return FLOWS[name](subject) if name in WITH_SUBJECT | WITH_WORDS else FLOWS[name]()


def called(text: str) -> str | None:
    """The conversation that this message names, with or without a slash."""
    return _BY_WORD.get(fold(text).removeprefix("/").replace("_", " "))


def called_with(text: str) -> tuple[str, str]:
    """The conversation that the first word names, if it takes something behind it, and that; else two empty texts."""
    first, _space, rest = text.partition(" ")
    name = called(first)
    return (name, rest.strip()) if name in WITH_WORDS and rest.strip() else ("", "")


def ballot_in(text: str) -> str:
    """The numbers behind the word for voting ("VOTAR 1 4 6", "votar1,4 y 6"); empty where a message is no ballot."""
    found = _ballot(text)
    return found[2] if found and numbers(found[2]) else ""


def _ballot(text: str) -> re.Match[str] | None:
    return _BALLOT.fullmatch(fold(text)) if len(text) <= LONGEST_BALLOT else None


def in_english(text: str) -> bool:
    """Whether a first message is a word of ours in English."""
    found = _ballot(text) if ballot_in(text) else None
    return (found[1] if found else fold(text).removeprefix("/")) in ENGLISH


def goes_back(text: str) -> bool:
    return fold(text) in _BACK


def leaves(text: str) -> bool:
    return fold(text).removeprefix("/") in _LEAVE
