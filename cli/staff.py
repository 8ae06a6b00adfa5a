"""`cuenta staff` and `cuenta audit`: the first way into the console, and the check of its record."""

from typing import Annotated

import typer
from rich.table import Table

from bot.catalogue import read
from bot.lifecycle import NotPossible
from cli import wiring
from cli.console import explained, opened, out, working
from storage import audit
from storage import staff as accounts
from storage.database import reading
from web.console.access import RECEIVES, Role
from web.console.credentials import Safe
from web.console.staff import LOGIN, invited

app = typer.Typer(no_args_is_help=True, help="The accounts of the console.")
record = typer.Typer(no_args_is_help=True, help="The record of what the staff did.")


@app.command()
def invite(
    login: Annotated[str, typer.Argument(help="The user name, such as their work address.")],
    role: Annotated[list[Role], typer.Option(help="What they do; repeat for more.")],
    name: Annotated[str, typer.Option(help="Their name, as colleagues see it.")] = "",
    office: Annotated[
        list[str] | None,
        typer.Option(help="For the role office: <plan>/<office>; repeat. For receiver: denuncia:<office>."),
    ] = None,
) -> None:
    """Make a one-time link to an account of the console, or to a new start for one that there is."""
    with explained():
        settings, engine = opened()
        login = login.strip().lower()
        if not LOGIN.fullmatch(login):
            raise NotPossible("A user name has 3 to 80 small letters, digits, dots, hyphens or @.")
        with reading(engine) as connection:
            city = read(connection)
        known = {f"{plan.slug}/{each}" for plan in city.plans.values() for each in plan.offices}
        receiving = {f"{RECEIVES}{each.id}" for each in (city.city.intake.offices if city.city.intake else ())}
        given = set(office or ())
        if (given - known - receiving) or (Role.OFFICE in role) != bool(given & known):
            raise NotPossible(
                f"The role office needs --office with one of: {', '.join(sorted(known)) or 'none is loaded'}."
            )
        if len(given & receiving) != (Role.RECEIVER in role and bool(receiving)):
            raise NotPossible(f"The role receiver needs --office with one of: {', '.join(sorted(receiving))}.")
        desk = wiring.desk(settings)
        safe = Safe(desk.secret)
        token, agreed = invited(desk, safe, login, name or login, role, office or [], None, wiring.now())
        out.print(f"{settings.public_url or 'http://127.0.0.1:8000'}/consola/invitacion/{token}", soft_wrap=True)
        out.print("Give this link to the person, and to nobody else. It works once, within 72 hours.")
        if not agreed:
            out.print("It serves once an administrator or approver has agreed in the console, under “Second person”.")


@app.command(name="list")
def list_() -> None:
    """Who has an account, and what it may do."""
    with explained():
        _settings, engine = opened()
        with reading(engine) as connection:
            rows = accounts.every(connection)
        table = Table("account", "user name", "roles", "offices", "")
        for row in rows:
            table.add_row(str(row.id), row.login, row.roles, row.offices, "" if row.active else "closed")
        out.print(table if rows else "Nobody has one. Begin with: cuenta staff invite NAME --role administrator")


@record.command()
def verify() -> None:
    """Check that the record is whole: every row as it was written, and as its published heads say."""
    with explained():
        _settings, engine = opened()
        with working("Checking"), reading(engine) as connection:
            broken = audit.verify(connection)
        if broken is None:
            out.print("The record is whole.")
            return
        why = {"gone": "is missing", "changed": "is not what was written", "head": "is not the one that was published"}
        raise NotPossible(
            f"Row {broken.id} of the record {why[broken.why]}. Keep a copy of the database as it is now, and compare"
            " with an earlier backup."
        )
