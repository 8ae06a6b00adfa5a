"""What became of an announcement in words: every state, hold, reason and code that can be met has its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import failures
from bot.announcements import figures
from bot.channels import twilio_codes
from bot.speech import LANGUAGES, Speaker
from flows.language import Text
from storage import announcements
from web.console import announcements as pages
from web.console import reminders

ROOT = Path(__file__).parent.parent
SENDING = ("bot/sender.py", "bot/channels/telegram.py", "bot/channels/twilio.py")
UNSENT = {"gone", "size", "where", "delete", "download"}
"""Reasons why a file or a deletion failed, which no announcement has."""

STATES = {"draft", "asked", "approved", "sending", "paused", *announcements.OVER}
HOLDS = {"staff", "ceiling", "audience", "words", "closed"}
SKIPPED = {
    "withdrawn", "voted", "changed", "stopped", "abroad", "blocked", "cap", "template", "late", "closed", "cancelled",
}  # fmt: skip
NOTED = {"expired", "uncertain", "part", "blocked", "stopped", "400", "answer", "401", "404"}
"""Errors that messages get in the outbox otherwise than by a failure's own word."""


def raised(path: str) -> Iterator[str]:
    """The words that failures are raised with."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and hasattr(failures, node.func.attr):
            yield from (each.value for each in node.args[:1] if isinstance(each, ast.Constant))  # type: ignore[misc]


def said(text: Text) -> set[str]:
    return {Speaker(language).say(text) for language in LANGUAGES}


RAISED = {word for path in SENDING for word in raised(path)} - UNSENT
REASONS = sorted({*SKIPPED, *NOTED, *map(str, twilio_codes.FAILURES), *RAISED})


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_skipping_or_failing_has_words(reason: str) -> None:
    told = figures.why(reason)
    assert told != figures.why("nobody knows this one"), reason
    assert len(said(told)) == len(LANGUAGES), "the Spanish is missing"


def test_a_code_that_nobody_listed_is_a_refusal() -> None:
    assert figures.why("30999") == figures.REFUSED


def test_every_kind_of_failure_has_words() -> None:
    kinds = {each for each in vars(failures).values() if isinstance(each, type) and issubclass(each, Exception)}
    assert kinds - {failures.NotDelivered, failures.Withheld} == set(figures.FAILED)


def test_every_state_and_hold_has_words_in_both_languages() -> None:
    assert set(pages.STATES) == STATES
    assert set(pages.HOLDS) == HOLDS
    assert {"planned", "off", *STATES} - {"draft", "asked"} == set(reminders.STATES)
    for text in (*pages.STATES.values(), *pages.HOLDS.values(), *reminders.STATES.values(), *figures.OUTCOMES.values()):
        assert len(said(text)) == len(LANGUAGES), text


def test_the_holds_are_those_that_the_code_sets() -> None:
    found = set()
    for path in (ROOT / "bot" / "announcements").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "hold" and isinstance(node.value, ast.Constant):
                found.add(node.value.value)
    assert found - {""} <= HOLDS
    assert {"staff", "ceiling", "closed", "audience"} <= found
