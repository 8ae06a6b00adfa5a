"""`cuenta plan`, `seat`, `office`, `objection` and `schedule`: what an operator does for a plan."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot import evidence, plan_commands
from bot.catalogue import Catalogue, read
from bot.lifecycle import NotPossible
from bot.monitor import LONGEST_GRADE, export
from bot.schedule import schedule as scheduled
from bot.standing import standings
from cli import wiring
from cli.console import explained, opened, out
from flows import office as office_talk
from flows.answers import tidy
from flows.plan import Plan
from storage import participants, plans, voices
from storage.database import reading, transaction
from storage.plan_sheets import sheets

app = typer.Typer(no_args_is_help=True, help="A plan: where it stands, reports, grades, the evidence of its monitor.")
seat = typer.Typer(no_args_is_help=True, help="The committee's seats.")
office = typer.Typer(no_args_is_help=True, help="The offices' staff.")
objection = typer.Typer(no_args_is_help=True, help="What residents object, and the answers of the offices.")

LAST_NUMBER = 2**31 - 1
"""What a database's whole number holds."""

Slug = Annotated[str, typer.Argument(help="The plan's slug, such as plan-2023.")]
Milestone = Annotated[str, typer.Argument(help="A milestone: its commitment and number, such as cartagena-cuenta.4.")]
Files = Annotated[list[Path] | None, typer.Option("--evidence", help="A photo or PDF; repeat for more.")]


def the_plan(city: Catalogue, slug: str) -> Plan:
    """The plan of that slug. Raises NotPossible with those there are."""
    if slug in city.plans:
        return city.plans[slug]
    raise NotPossible(f"There is no plan {slug!r}. Loaded are: {', '.join(city.plans) or 'none'}.")


def words(text: str, most: int) -> str:
    """A text that becomes public, checked as those that come by chat. Raises NotPossible, saying why."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NotPossible("--text is not UTF-8: set your terminal to that encoding. Nothing was kept.")
    if len(text) > most:
        raise NotPossible(f"--text has {len(text)} characters; at most {most} fit. Nothing was kept.")
    if not (found := tidy(text)):
        raise NotPossible("--text is empty: say it in words. Nothing was kept.")
    return found


def files(paths: list[Path] | None) -> list[evidence.File]:
    """The files of a report, checked as those that come by chat. Raises NotPossible with the first that is unfit."""
    found = []
    for path in paths or []:
        try:
            if path.stat().st_size > office_talk.LARGEST:
                raise evidence.Unfit("size")
            found.append(evidence.checked(path.read_bytes(), path.name))
        except OSError as problem:
            raise NotPossible(f"{path.name} cannot be read ({problem.strerror}). Nothing was kept.") from None
        except evidence.Unfit as unfit:
            why = "larger than 10 MB" if unfit.reason == "size" else "neither a picture nor a PDF"
            raise NotPossible(f"{path.name} is {why}. Nothing was kept.") from None
    return found


def hand_over(code: str, word: str, what: str) -> None:
    """Say what to do with a code."""
    out.print(f"Give this code to the person, and to nobody else: {code}. They write: {word} {code}", soft_wrap=True)
    out.print(f"It works once, within seven days. An earlier code for this {what} that nobody used is void.")


@app.command()
def status(slug: Slug) -> None:
    """Where each milestone stands: the calendar and the three voices."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            city = read(connection)
            plan = the_plan(city, slug)
            found = standings(connection, plan, city.hours.today(wiring.now()), city.hours.zone)
        table = Table("milestone", "last day", "phase", "days", "reported", "committee", "silent", "objections")
        for milestone in plan.milestones.values():
            each = found[milestone.id]
            table.add_row(
                milestone.id, str(milestone.span.last), each.phase, str(each.days), each.reported or "no data",
                f"{each.verdict.outcome} ({each.verdict.validated}:{each.verdict.objected})" if each.report else "",
                str(each.silent or ""), f"{each.answered} of {each.objections} answered" if each.objections else "",
            )  # fmt: skip
        out.print(table)


@app.command()
def report(
    milestone: Milestone,
    by: Annotated[str, typer.Option("--office", help="The office that reports, by its id.")],
    state: Annotated[str, typer.Option(help=f"One of: {', '.join(voices.STATES)}.")],
    text: Annotated[str, typer.Option(help="What was done, in plain words. It is public.")],
    paths: Files = None,
) -> None:
    """Report for an office where a milestone stands."""
    with explained():
        _settings, engine = opened()
        if state not in voices.STATES:
            raise NotPossible(f"--state must be one of: {', '.join(voices.STATES)}.")
        said = words(text, office_talk.MOST_LETTERS)
        found = files(paths)
        with transaction(engine) as connection:
            plan = read(connection).plan_of(milestone)
            if plan is None or milestone not in plan.milestones:
                raise NotPossible(f"There is no milestone {milestone!r}. See: cuenta plan status PLAN")
            answers = plan.milestones[milestone].offices
            if by not in answers:
                raise NotPossible(f"{by!r} does not answer for {milestone}; these do: {', '.join(answers)}.")
            number = plan_commands.file_report(connection, milestone, by, state, said, "cli", wiring.now())
            evidence.attach(connection, found, wiring.now(), report_id=number)
        out.print(f"Report {number} is kept and public. The committee and whoever follows it are told.")


@app.command()
def grade(
    slug: Slug,
    subject: Annotated[str, typer.Argument(help="A commitment, or a milestone such as cartagena-cuenta.4.")],
    word: Annotated[str, typer.Option("--grade", help=f"One of: {', '.join(voices.GRADES)}.")],
    text: Annotated[str, typer.Option(help="What the monitor found. It is public.")],
    paths: Files = None,
) -> None:
    """Record what the independent monitor found."""
    with explained():
        _settings, engine = opened()
        if word not in voices.GRADES:
            raise NotPossible(f"--grade must be one of: {', '.join(voices.GRADES)}.")
        said = words(text, LONGEST_GRADE)
        found = files(paths)
        with transaction(engine) as connection:
            plan = the_plan(read(connection), slug)
            if plan.commitment(subject) is None and subject not in plan.milestones:
                raise NotPossible(f"{slug} has no commitment or milestone {subject!r}. See: cuenta plan status {slug}")
            number = voices.grade(connection, slug, subject, word, said, wiring.now())
            evidence.attach(connection, found, wiring.now(), grade_id=number)
        out.print(f"Grade {number} is kept and public.")


@app.command(name="export")
def export_(slug: Slug, to: Annotated[Path, typer.Option(help="The ZIP to write.")] = Path("monitor.zip")) -> None:
    """Write the evidence for the monitor's reports as one ZIP: CSV, JSON, attachments, a manifest with hashes."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            city = read(connection)
            plan = the_plan(city, slug)
            if to.exists() and not to.is_file():
                raise NotPossible(f"{to} is not a file. Name the ZIP to write.")
            to.parent.mkdir(parents=True, exist_ok=True)
            number = export(connection, city, plan, to, wiring.now())
        out.print(f"{number} files are in {to}. Their hashes are in manifest.csv.")


@app.command(name="export-folder")
def export_folder(
    slug: Slug, to: Annotated[Path, typer.Option(help="The city's folder; the files go to plans/PLAN in it.")]
) -> None:
    """Write a plan, as staff have edited it, over the files of its folder: loading them changes nothing."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            the_plan(read(connection), slug)
            body = plans.body_of(connection, slug)
        folder = to / "plans" / slug
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in sheets(body or {}).items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
        out.print(f"{slug} is in {folder}, as it stands now. To load it again: cuenta load {to}", soft_wrap=True)


@seat.command(name="invite")
def invite_seat(
    slug: Slug, which: Annotated[str, typer.Argument(metavar="SEAT", help="A seat, such as academia-1.")]
) -> None:
    """Make a one-time code for a seat. Whoever uses it holds the seat; whoever held it does not any more."""
    with explained():
        settings, engine = opened()
        with transaction(engine) as connection:
            plan = the_plan(read(connection), slug)
            if which not in plan.seats:
                raise NotPossible(f"{slug} has no seat {which!r}. Its seats: {', '.join(plan.seats)}.")
            code = plan_commands.invite(connection, settings.secret_key.encode(), "seat", slug, which, wiring.now())
        hand_over(code, "SILLA", "seat")


@seat.command(name="list")
def list_seats(slug: Slug) -> None:
    """Which seats are held, and since when; never by whom."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            plan = the_plan(read(connection), slug)
            held = {row.seat: row.since for row in participants.seats(connection, slug)}
        table = Table("seat", "held since")
        for name in plan.seats:
            table.add_row(name, f"{held[name]:%Y-%m-%d}" if name in held else "nobody holds it")
        out.print(table)


@seat.command()
def end(slug: Slug, which: Annotated[str, typer.Argument(metavar="SEAT", help="A seat, such as academia-1.")]) -> None:
    """Nobody holds a seat any more, and a code for it that nobody used is void. What it has judged stays."""
    with explained():
        _settings, engine = opened()
        with transaction(engine) as connection:
            held = participants.vacate(connection, slug, which)
        out.print(f"Nobody holds {which} now." if held else f"Nobody held {which}.")


@office.command(name="invite")
def invite_office(
    slug: Slug, which: Annotated[str, typer.Argument(metavar="OFFICE", help="An office of the plan, by its id.")]
) -> None:
    """Make a one-time code for somebody who reports for an office."""
    with explained():
        settings, engine = opened()
        with transaction(engine) as connection:
            plan = the_plan(read(connection), slug)
            if which not in plan.offices:
                raise NotPossible(f"{slug} has no office {which!r}. Its offices: {', '.join(plan.offices)}.")
            code = plan_commands.invite(connection, settings.secret_key.encode(), "office", slug, which, wiring.now())
        hand_over(code, "OFICINA", "office")


@office.command()
def dismiss(
    slug: Slug, which: Annotated[str, typer.Argument(metavar="OFFICE", help="An office of the plan, by its id.")]
) -> None:
    """Nobody reports for an office by chat any more, until somebody is invited again."""
    with explained():
        _settings, engine = opened()
        with transaction(engine) as connection:
            plan = the_plan(read(connection), slug)
            number = participants.dismiss(connection, slug, which)
            if not number and which not in plan.offices:
                raise NotPossible(f"{slug} has no office {which!r}. Its offices: {', '.join(plan.offices)}.")
        out.print(f"{number} people reported for {which}; nobody does now.")


@objection.command(name="list")
def list_objections() -> None:
    """The objections that wait for an answer, the oldest first."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            rows = voices.unanswered(connection)
        table = Table("number", "milestone", "office", "since", "words")
        for row in rows:
            table.add_row(str(row.id), row.milestone, row.reporter, f"{row.at:%Y-%m-%d}", row.text)
        out.print(table if rows else "No objection waits for an answer.")


@objection.command()
def answer(
    number: Annotated[int, typer.Argument(min=1, max=LAST_NUMBER, help="The number of the objection.")],
    text: Annotated[str, typer.Option(help="The answer of the office. It is public.")],
) -> None:
    """Answer an objection in the name of the office that reported; whoever raised it is told."""
    with explained():
        _settings, engine = opened()
        said = words(text, office_talk.MOST_LETTERS)
        with transaction(engine) as connection:
            row = voices.objection(connection, number)
            if row is None:
                raise NotPossible(f"There is no objection {number}. See: cuenta objection list")
            if not voices.answer(connection, number, row.reporter, said, wiring.now()):
                raise NotPossible(f"Objection {number} was answered already.")
        out.print(f"Objection {number} is answered.")


def schedule(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it. The worker alone sends.")] = False,
    at: Annotated[datetime | None, typer.Option(help="The moment, on the city's clock; now if none.")] = None,
) -> None:
    """Show what the clock would tell, and to how many of whom. Nothing is sent and nothing is kept."""
    with explained():
        if not dry_run:
            raise NotPossible("The worker sends what is due by itself. To see it: cuenta schedule --dry-run")
        if at is not None and not 1900 < at.year < 3000:
            raise NotPossible("--at must be a date of our times.")
        _settings, engine = opened()
        with reading(engine) as connection:
            city = read(connection)
            when = at.replace(tzinfo=city.hours.zone).astimezone(UTC) if at else wiring.now()
            entries = scheduled(connection, city, when)
        table = Table("plan", "what", "about", "for the day", "to", "people")
        for entry in entries:
            event = entry.event
            table.add_row(entry.plan, event.kind, event.subject, str(event.day), entry.role, str(entry.people))
        goes = city.hours.next(when).astimezone(city.hours.zone)
        out.print(table if entries else "There is nothing to tell.")
        out.print(f"It may go out from {goes:%Y-%m-%d %H:%M} on.")
