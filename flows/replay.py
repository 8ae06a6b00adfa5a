"""Replay: run a talk to where the person was, let them answer, and stop at the next question.

What is kept of a talk is its journal: the answers and outcomes, in order. The generator itself is never stored, so
resuming after a restart, a deploy or a week is the same as taking the next turn.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from typing import Any

from flows.language import About, Ask, Do, Look, NotUnderstood, Phrase, Reader, Said, Say, StillChoosing, Talk, _

MOST_STEPS = 500
"""Steps one turn may take; a flow that needs more is looping."""

MOST_ENTRIES = 60
"""Answers and outcomes one talk may record."""

NOT_READ = _("We can only read text here. Please write it in words.")
CHANGED = _("Something changed since you answered. Please answer this again.")

Entry = tuple[str, str, Any]


class Stranded(Exception):
    """The journal no longer fits its flow, and what stands in the way was already carried out."""


class Runaway(Exception):
    """A flow took more steps in one turn, or recorded more answers, than any conversation should."""


@dataclass
class Journal:
    """All that is kept of a talk: what was answered and done, in order, and the question now on screen."""

    entries: list[Entry] = field(default_factory=list, repr=False)
    asked: str | None = None

    def back(self) -> bool:
        """Drop the last answer and what was read since; False when there is none, or a command stands after it."""
        kept = len(self.entries)
        while kept and self.entries[kept - 1][0] == "look":
            kept -= 1
        if not kept or self.entries[kept - 1][0] != "ask":
            return False
        del self.entries[kept - 1 :]
        self.asked = None
        return True

    @property
    def waits(self) -> bool:
        """Whether something was answered since the last thing that was done: else there is nothing to go on with."""
        kinds = [kind for kind, _key, _value in self.entries if kind != "look"]
        return kinds[-1:] == ["ask"]

    def cut(self, at: int) -> None:
        """Forget what was recorded from `at` on. Raises Stranded if a command was carried out there."""
        if any(kind == "do" for kind, _key, _value in self.entries[at:]):
            raise Stranded
        del self.entries[at:]
        self.asked = None


@dataclass(frozen=True)
class Advance:
    """What one turn of a talk came to."""

    said: tuple[Say, ...]
    question: Ask[Any] | None = None
    hint: Phrase | None = None
    selected: tuple[str, ...] | None = None
    subject: str | None = None
    follow: str | None = None

    @property
    def over(self) -> bool:
        """The talk has ended: the caller deletes it whole."""
        return self.question is None


def advance(talk: Talk, journal: Journal, said: Said | None, act: Callable[[str, Any], Any]) -> Advance:
    """Replay `journal`, let `said` answer the question on screen, and run on to the next question.

    `act(key, command_or_query)` carries out what the flow asks for; its outcome must be JSON or a dataclass of JSON.
    Changes `journal` in place. Raises Stranded and Runaway, and whatever `act` raises.
    """
    telling: list[Say] = []
    subject: str | None = None
    reply: Any = None
    at = 0
    for _count in range(MOST_STEPS):
        try:
            step = talk.send(reply)
        except StopIteration as end:
            return Advance(tuple(telling), subject=subject, follow=end.value)
        reply = None
        if isinstance(step, Say):
            telling.append(step)
            continue
        if isinstance(step, About):
            subject = step.subject
            continue
        if isinstance(step, Look) and step.key is None:
            reply = act("", step.query)
            continue
        kind = "ask" if isinstance(step, Ask) else "do" if isinstance(step, Do) else "look"
        if at < len(journal.entries):
            if _fits(journal.entries[at], kind, step):
                telling, reply, at = [], _revived(step, journal.entries[at][2]), at + 1
                continue
            journal.cut(at)
            telling.append(Say(CHANGED))
        if len(journal.entries) >= MOST_ENTRIES:
            raise Runaway
        if isinstance(step, Ask):
            if said is None or journal.asked != step.key:  # what they said never answers a question not yet seen
                journal.asked = step.key
                return Advance(tuple(telling), step, subject=subject)
            try:
                value = reply = _read(step.reader, said)
            except NotUnderstood as confusion:
                return Advance((), step, hint=confusion.hint, subject=subject)
            except StillChoosing as choosing:
                return Advance((), step, selected=choosing.selected, subject=subject)
            telling, said, journal.asked = [], None, None
        else:
            reply = act(str(step.key), step.command if isinstance(step, Do) else step.query)
            value = dict(vars(reply)) if is_dataclass(reply) else reply
        journal.entries.append((kind, str(step.key), value))
        at += 1
    raise Runaway


def _read(reader: Reader[Any], said: Said) -> Any:
    if said.attachment is not None and not said.text and not getattr(reader, "takes_files", False):
        raise NotUnderstood(NOT_READ)
    return reader.read(said)


def _fits(entry: Entry, kind: str, step: Ask[Any] | Do[Any] | Look[Any]) -> bool:
    if entry[0] != kind or entry[1] != step.key:
        return False
    return not isinstance(step, Ask) or step.reader.still(entry[2])


def _revived(step: Ask[Any] | Do[Any] | Look[Any], value: Any) -> Any:
    if isinstance(step, Ask):
        return value
    return (step.command if isinstance(step, Do) else step.query).revive(value)
