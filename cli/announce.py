"""`cuenta announce`: drafts of announcements from a file, and how far one has come. Nothing is sent from here."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bot.announcements import announcing, progress
from bot.announcements.figures import OUTCOMES
from bot.catalogue import Catalogue, read
from bot.lifecycle import NotPossible
from bot.speech import LANGUAGES, Speaker
from cli import wiring
from cli.console import err, explained, opened, out
from storage import announcements
from storage.announcements import Announcement, Draft
from storage.audiences import Audience
from storage.database import reading, transaction
from storage.pages import Form, Invalid, Problem

app = typer.Typer(no_args_is_help=True, help="Announcements: drafts from a file, and how far one has come.")

KEYS = ("topic", "category", "send_at", "until", "urgent", *LANGUAGES, "audience")
WORDS = ("title", "text", "short")
LISTS = ("places", "groups", "languages", "channels", "roles", "follows")
EVERY = 2.0
"""Seconds between two looks."""

Id = Annotated[int, typer.Argument(help="The announcement's number, as its page in the console has it.", min=1)]


@app.command()
def draft(file: Annotated[Path, typer.Argument(help="A TOML file; docs/console.md has one.")]) -> None:
    """Make a draft of a file. Staff look at it in the console, and two of them send it; this sends nothing."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            city = read(connection)
        try:
            made = read_draft(file, city, wiring.now())
        except Invalid as invalid:
            for problem in invalid.problems:
                err.print(str(problem), soft_wrap=True, highlight=False)
            raise NotPossible("Nothing was kept. Mend these lines and run it again.") from None
        with transaction(engine) as connection:
            id = announcing.create(connection, made, None, wiring.now())
        out.print(f"Draft {id} is in the console under Anuncios. Nothing is sent before two people say so there.")


def read_draft(file: Path, city: Catalogue, now: datetime) -> Draft:
    """The draft in a file. Raises Invalid with every mistake and its line."""
    problems: list[Problem] = []
    form = Form(file.parent, file.name, problems)
    if form.text is None:
        raise Invalid(problems)
    form.only(*KEYS)
    words = {language: _texts(form, language) for language in LANGUAGES}
    send_at, until = (form.moment(key, city.hours.zone) for key in ("send_at", "until"))
    told = {key: str(form.data.get(key, "")) for key in ("topic", "category", "urgent")}
    audience = _audience(form)
    if send_at is not None and until is not None:
        made = Draft(words=words, audience=audience, send_at=send_at, until=until, **told)
        for name, reason in announcing.faults(made, city, now).items():
            path = _path(name)
            form.wrong(form.line(*path), f"{'.'.join(path)} {Speaker('en').say(reason)}")
    if problems:
        raise Invalid(problems)
    return made


def _texts(form: Form, language: str) -> Mapping[str, str]:
    table = form.data.get(language, {})
    if not isinstance(table, dict):
        form.wrong(form.line(language), f"{language} must be a table with {', '.join(WORDS)}")
        return dict.fromkeys(WORDS, "")
    form.members(table, WORDS, language)
    return {name: str(table.get(name, "")).strip() for name in WORDS}


def _audience(form: Form) -> Audience:
    table = form.data.get("audience", {})
    if not isinstance(table, dict):
        form.wrong(form.line("audience"), "audience must be a table")
        return Audience()
    form.members(table, (*LISTS, "voted_in", "voted"), "audience")
    found: dict[str, Any] = {}
    for name in LISTS:
        value = table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            form.wrong(form.line("audience", name), f'audience.{name} must be a list like ["a", "b"]')
            value = []
        found[name] = tuple(value)
    voted = table.get("voted", False)
    if not isinstance(voted, bool):
        form.wrong(form.line("audience", "voted"), "audience.voted must be true or false, without quotes")
    return Audience(voted_in=str(table.get("voted_in", "")), voted=voted is True, **found)


def _path(name: str) -> tuple[str, ...]:
    """Where a fault of a draft stands in its file."""
    word, _mark, language = name.rpartition("_")
    if language in LANGUAGES and word in WORDS:
        return language, word
    return ("audience", name) if name in (*LISTS, "voted_in") else (name,)


@app.command(name="progress")
def progress_(id: Id, once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False) -> None:
    """How far an announcement is, live until nothing more is to be sent; Ctrl-C ends the look alone."""
    with explained():
        _settings, engine = opened()

        def look() -> tuple[Announcement, progress.Progress]:
            with reading(engine) as connection:
                found = announcements.one(connection, id)
                if found is None:
                    raise NotPossible(f"There is no announcement {id}. Its page in the console has the number.")
                return found, progress.progress(connection, found)

        found, now = look()
        told = TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[state]}")
        with Progress(BarColumn(), *told, TimeElapsedColumn(), console=err, transient=True) as bar:
            task = bar.add_task("", total=1.0, state=found.state)
            while found.state in ("approved", "sending", "paused") and not once:
                bar.update(task, completed=now.done, state=f"{found.state}: {now.reached} of {now.people} reached")
                time.sleep(EVERY)
                found, now = look()
        out.print(_table(found, now))


def _table(found: Announcement, now: progress.Progress) -> Table:
    table = Table("", f"announcement {found.id}")
    table.add_row("state", f"{found.state} ({found.hold})" if found.hold else found.state)
    table.add_row("done", f"{now.done:.0%}")
    for name in OUTCOMES:
        if number := now.outcomes.get(name):
            table.add_row(name, str(number))
    table.add_row("pesos", str(now.pesos))
    return table
