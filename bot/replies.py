"""Replies: what a conversation says and asks, put together into one reply before a channel gives it its shape."""

from collections.abc import Sequence
from typing import Any

from bot.messages import Reply
from bot.speech import Speaker
from flows.answers import DONE, SHARE, PickSome
from flows.language import Ask, Option, Phrase, Say
from flows.replay import Advance


def compose(
    speaker: Speaker,
    short: bool,
    told: Sequence[Say | Phrase],
    outcome: Advance,
    talk: int | str | None,
    pressed_on: str | None,
) -> Reply:
    """What was told and the question that follows. `short` asks for the short forms of texts.

    `talk` is the talk that the buttons answer, `pressed_on` the message whose button was pressed.
    """
    before = [speaker.say(_form(phrase, short)) for phrase in told]
    if outcome.hint is not None:
        before.append(speaker.say(outcome.hint))
    lasting = any(isinstance(said, Say) and said.lasting for said in told)
    question = outcome.question
    if question is None:
        return Reply("\n\n".join(before), lasting=lasting)
    asked = speaker.say(question.short if short and question.short is not None else question.text)
    options = question.reader.options
    labels = [speaker.say(o.short if short and o.short is not None else o.label) for o in options]
    numbered = "\n".join(f"{n}. {label}" for n, label in enumerate(labels, 1))
    bare = "\n\n".join([*before, asked])
    return Reply(
        text="\n".join([bare, numbered]) if numbered else bare,
        bare=bare,
        buttons=_buttons(question, labels, outcome.selected or (), speaker, talk),
        wide=not isinstance(question.reader, PickSome),
        wants_phone=speaker.say(SHARE) if hasattr(question.reader, "wants_phone") else "",
        # A selection is redrawn on the message whose button was pressed; typed answers get the question again.
        edit=pressed_on if outcome.selected is not None else None,
        lasting=lasting,
    )


def _buttons(
    question: Ask[Any], labels: list[str], selected: tuple[str, ...], speaker: Speaker, talk: int | str | None
) -> tuple[tuple[str, str], ...]:
    options, stem = question.reader.options, f"{talk}.{question.key}."
    if not isinstance(question.reader, PickSome):
        return tuple((label, stem + option.id) for label, option in zip(labels, options, strict=True))
    buttons = [_toggle(n, option, selected, stem) for n, option in enumerate(options, 1)]
    if len(selected) >= question.reader.least:
        buttons.append((speaker.say(DONE), f"{stem}=" + "+".join(selected)))
    return tuple(buttons)


def _form(phrase: Say | Phrase, short: bool) -> Phrase:
    if isinstance(phrase, Say):
        return phrase.short if short and phrase.short is not None else phrase.text
    return phrase


def _toggle(number: int, option: Option, selected: tuple[str, ...], stem: str) -> tuple[str, str]:
    """A button that adds its option to the selection or takes it out again."""
    chosen = option.id in selected
    after = [i for i in selected if i != option.id] if chosen else [*selected, option.id]
    return (f"✓ {number}" if chosen else str(number), stem + "+".join(after))
