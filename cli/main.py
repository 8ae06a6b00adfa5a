"""`cuenta`: every command an operator needs. Each says what it did, and when it cannot, why and what to do."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot import lifecycle, results
from cli import announce as announcing
from cli import demo as demonstration
from cli import doctor as doctoring
from cli import logs, processes, replay, telegram_setup, wiring
from cli import plan as planning
from cli import staff as staffing
from cli import talk as talking
from cli import templates as templating
from cli import vault as sealing
from cli.console import CROSS, DASH, TICK, err, explained, opened, out, working
from cli.recount import recount
from cli.settings import BadSettings, Settings, read_settings
from storage import ballots, consultations, plans
from storage.ballot_keys import BallotKeys
from storage.database import reading, transaction
from storage.folder import Invalid, read_folder
from storage.ink import Ink
from storage.loading import Edited, Frozen, load
from storage.schema import is_current, migrate

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Cuenta: public participation inside the chats people have."
)
consultation = typer.Typer(no_args_is_help=True, help="The life of a consultation: open, close, count, publish, annul.")
telegram = typer.Typer(no_args_is_help=True, help="Telegram's side of the desk.")
app.add_typer(consultation, name="consultation")
app.add_typer(telegram, name="telegram")
app.add_typer(planning.app, name="plan")
app.add_typer(announcing.app, name="announce")
app.add_typer(planning.seat, name="seat")
app.add_typer(planning.office, name="office")
app.add_typer(planning.objection, name="objection")
app.add_typer(staffing.app, name="staff")
app.add_typer(staffing.record, name="audit")
app.add_typer(sealing.app, name="vault")
app.add_typer(templating.app, name="templates")
app.command(name="schedule")(planning.schedule)

Slug = Annotated[str, typer.Argument(help="The consultation's slug, such as cartagena-2022.")]


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="The port of the desk.", min=1, max=65535)] = 8000,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its database and keys.")] = Path("demo"),
    stay: Annotated[bool, typer.Option(help="Keep the desk running until Ctrl-C.")] = True,
) -> None:
    """Show all of it on this machine: vote as in 2022, then try it yourself. Needs no account anywhere."""
    with explained():
        demonstration.run(folder, port, stay, out)


@app.command()
def run(
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Web and worker in one process: enough for a town."""
    with explained():
        logs.set_up()
        settings = ready()
        processes.run_web(settings, host, port, with_worker=True)


@app.command()
def web(
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="How many processes serve.", min=1, max=64)] = 2,
) -> None:
    """The web processes: they take messages in."""
    with explained():
        logs.set_up()
        processes.run_web(ready(), host, port, workers)


@app.command()
def worker() -> None:
    """The worker: it sends, and does what the clock asks for."""
    with explained():
        processes.run_worker(ready())


def ready() -> Settings:
    """The settings, once the database is known to have the newest schema and every channel is named as on or off."""
    settings, engine = opened()
    if not is_current(engine):
        raise lifecycle.NotPossible("The database is not at the newest schema. Run: cuenta migrate")
    engine.dispose()
    Ink(settings.ballot_keys_dir).check()
    for name, on in (("Telegram", settings.telegram), ("WhatsApp", settings.whatsapp), ("SMS", settings.sms)):
        err.print(f"{name}: {'on' if on else 'off (no credentials)'}")
    return settings


@app.command(name="migrate")
def migrate_() -> None:
    """Bring the database to the newest schema."""
    with explained():
        _settings, engine = opened()
        with working("Migrating"):
            migrate(engine)
        out.print("The database is at the newest schema.")


@app.command(name="load")
def load_(
    folder: Annotated[Path, typer.Argument(help="A city's folder, such as territories/cartagena.")],
    replace: Annotated[
        list[str] | None,
        typer.Option("--replace", metavar="PLAN", help="Let this plan's file (or: texts) win over what staff edited."),
    ] = None,
) -> None:
    """Load a city's places, texts and consultations. Harmless to repeat; a bad file changes nothing."""
    with explained():
        _settings, engine = opened()
        try:
            with working("Loading"), transaction(engine) as connection:
                found = load(connection, read_folder(folder), wiring.now(), replace or ())
        except Invalid as invalid:
            for problem in invalid.problems:
                err.print(f"{problem.file}:{problem.line}: {problem.reason}", soft_wrap=True, highlight=False)
            raise lifecycle.NotPossible("Nothing was loaded. Mend these lines and load again.") from None
        except Frozen as frozen:
            slugs = ", ".join(frozen.slugs)
            raise lifecycle.NotPossible(
                f"{slugs}: already opened, and the file differs. What is open cannot be changed. Nothing was loaded."
            ) from None
        except Edited as edited:
            raise lifecycle.NotPossible(
                f"{', '.join(edited.slugs)}: in work in the staff console, and the file differs. Finish or discard the"
                " draft there, or take the consultation out of the folder. Nothing was loaded."
            ) from None
        except plans.Edited as edited:
            raise lifecycle.NotPossible(
                f"{edited}: staff have edited this plan since its file was loaded, and the file says something else. "
                f"Nothing was loaded. Write what they did into the files and change these: cuenta plan export-folder "
                f"{edited} --to {folder}. To throw away what they did: cuenta load {folder} --replace {edited}"
            ) from None
        except plans.Reported as reported:
            raise lifecycle.NotPossible(
                f"{reported}: these milestones have reports or grades and are no longer in the file. Put them back; to "
                "give one up, withdraw its commitment (withdrawn_es, withdrawn_en). Nothing was loaded."
            ) from None
        except plans.Taken as taken:
            raise lifecycle.NotPossible(
                f"The plan {taken.plan} has the commitment {taken.commitment} already: choose another id. Nothing was "
                "loaded."
            ) from None
        changes = [f"{slug} ({word})" for word in ("new", "changed", "same") for slug in getattr(found, word)]
        out.print(
            f"Loaded {found.places} places, {found.texts} texts the consultations {', '.join(changes) or '(none)'}"
            f" and the plans {', '.join(f'{slug} ({word})' for slug, word in found.plans.items()) or '(none)'}."
        )
        if found.kept:
            out.print(
                f"Not loaded, because the staff edited them in the console: the texts {', '.join(found.kept)}. To take "
                "the folder's words instead: cuenta load --replace texts; theirs stay in the history."
            )


@consultation.command(name="open")
def open_(
    slug: Slug, now: Annotated[bool, typer.Option("--now", help="Open at once, not on its date.")] = False
) -> None:
    """Freeze a consultation and make its ballot key; the clock then opens and closes it."""
    with explained():
        settings, engine = opened()
        row = lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), slug, wiring.now(), at_once=now)
        out.print(f"{slug} is frozen and closes on {row.closes_at:%Y-%m-%d %H:%M} UTC.")
        out.print(f"Its ballot key is in {settings.ballot_keys_dir}: keep that folder out of every backup.")


@consultation.command()
def close(
    slug: Slug,
    notice: Annotated[str, typer.Option(help="The public notice: why it is closed early.")] = "",
    notice_en: Annotated[str, typer.Option(help="The notice in English.")] = "",
) -> None:
    """Close an open consultation early."""
    with explained():
        _settings, engine = opened()
        words = {"es": notice, "en": notice_en or notice} if notice else None
        lifecycle.close(engine, slug, wiring.now(), words)
        out.print(f"{slug} is closed.")


@consultation.command()
def count(
    slug: Slug, by: Annotated[str, typer.Option(help="The office that counts, for the public record.")] = ""
) -> None:
    """Count a closed consultation once, and destroy its ballot key."""
    with explained():
        settings, engine = opened()
        with working("Counting"):
            number = lifecycle.count(engine, BallotKeys(settings.ballot_keys_dir), slug, wiring.now(), by)
        out.print(
            f"{slug}: {number} ballots counted. The ballot key is destroyed. Next: cuenta consultation publish {slug}"
        )


@consultation.command()
def publish(slug: Slug, to: Annotated[Path, typer.Option(help="Where the public files go.")] = Path("public")) -> None:
    """Write the public files of a counted consultation, and let the chat tell its results."""
    with explained():
        _settings, engine = opened()
        with working("Publishing"):
            digest = lifecycle.publish(engine, slug, wiring.now(), to / slug)
        out.print(f"{slug} is published in {to / slug}. SHA-256 of the list of ballots: {digest}", soft_wrap=True)


@consultation.command()
def correct(
    slug: Slug,
    notice: Annotated[str, typer.Option(help="The correction, for everybody to read.")],
    notice_en: Annotated[str, typer.Option(help="The correction in English.")],
) -> None:
    """Publish a correction beside a consultation that is under way; what it asks and its rules stay frozen."""
    with explained():
        _settings, engine = opened()
        lifecycle.correct(engine, slug, {"es": notice, "en": notice_en}, wiring.now())
        out.print(f"The correction of {slug} is public.")


@consultation.command()
def annul(
    slug: Slug,
    notice: Annotated[str, typer.Option(help="The public notice: why it is annulled.")],
    notice_en: Annotated[str, typer.Option(help="The notice in English.")] = "",
) -> None:
    """Annul a consultation that is not counted. Its ballots can then never be counted."""
    with explained():
        settings, engine = opened()
        if not typer.confirm(f"{slug} will be annulled and its ballots destroyed. Is that what you want?"):
            raise typer.Exit(1)
        lifecycle.annul(engine, BallotKeys(settings.ballot_keys_dir), slug, notice, wiring.now(), notice_en)
        out.print(f"{slug} is annulled.")


@consultation.command()
def status(slug: Slug) -> None:
    """Where a consultation is, and how many have voted; never what they chose."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            row = lifecycle.find(consultations.one(connection, slug), slug)
            units = ballots.turnout(connection, slug, "unit")
            origins = ballots.turnout(connection, slug, "origin")
        where = consultations.phase(row.state, row.opens_at, row.closes_at, wiring.now())
        table = Table("", slug, show_header=True)
        table.add_row("phase", where)
        table.add_row("opens", f"{row.opens_at:%Y-%m-%d %H:%M} UTC")
        table.add_row("closes", f"{row.closes_at:%Y-%m-%d %H:%M} UTC")
        table.add_row("people who voted", str(sum(origins.values())))
        for name, number in sorted(origins.items(), key=str):
            table.add_row(f"by {name}", str(number))
        for unit, number in sorted(units.items(), key=str):
            if number >= results.SMALLEST:
                table.add_row(f"in {unit or 'no place given'}", str(number))
        out.print(table)


@telegram.command()
def setup() -> None:
    """Tell Telegram where to send updates, and give it the commands and descriptions in both languages."""
    with explained():
        for line in asyncio.run(telegram_setup.set_up(read_settings())):
            out.print(TICK, line)


@app.command()
def doctor() -> None:
    """Check every setting, connection and webhook; each problem with its fix."""
    findings = doctoring.examine_environment(os.environ)
    with working("Examining"), suppress(BadSettings):
        findings += doctoring.examine(read_settings(), wiring.now)
    marks = {True: TICK, False: CROSS, None: DASH}
    for finding in findings:
        out.print(marks[finding.ok], f"{finding.name}: {finding.says}", soft_wrap=True)
        if finding.ok is False:
            out.print(f"    {finding.fix}", soft_wrap=True)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def talk(
    who: Annotated[str, typer.Option(help="Who is writing; another name is another person.")] = "me",
    sms: Annotated[bool, typer.Option(help="Show what an SMS would say, with its segments.")] = False,
    live: Annotated[bool, typer.Option(help="Also on a desk in service, where votes count.")] = False,
) -> None:
    """Chat with the desk in this terminal, through the same turn as every channel. Ctrl-D ends."""
    with explained():
        settings = ready_to_talk()
        if not live and (settings.telegram or settings.whatsapp or settings.sms or settings.browser_chat):
            raise lifecycle.NotPossible(
                "This desk is in service: a vote cast here would count, one for each name. Try things out with "
                "cuenta demo. If a vote here is really what you want, add --live."
            )
        talking.converse(wiring.desk(settings), who, sms, sys.stdin, out)


def ready_to_talk() -> Settings:
    logs.set_up()
    settings, engine = opened()
    if not is_current(engine):
        raise lifecycle.NotPossible("The database is not at the newest schema. Run: cuenta migrate")
    engine.dispose()
    return settings


@app.command(name="replay")
def replay_(
    slug: Slug,
    to: Annotated[Path, typer.Option(help="Where the public files go.")] = Path("public"),
    database_url: Annotated[str, typer.Option(help="An empty database; a temporary SQLite file if none.")] = "",
) -> None:
    """Vote a past consultation again through real webhooks, web and worker processes, and publish it."""
    with explained():
        found = replay.replay(slug, to, database_url, err)
        out.print(f"{found.ballots} ballots, {found.votes} votes. Published in {to / slug}")


@app.command(name="recount")
def recount_(file: Annotated[Path, typer.Argument(help="A published papeletas.csv.")]) -> None:
    """Recount a published list of ballots. It needs nothing but that file."""
    with explained():
        with working("Counting"):
            found = recount(file)
        table = Table("proposal", "votes")
        for proposal, votes in found.votes.items():
            table.add_row(proposal, str(votes))
        out.print(table)
        out.print(f"{found.ballots} ballots, {sum(found.votes.values())} votes.")
        out.print(f"SHA-256 {found.sha256}", soft_wrap=True)
