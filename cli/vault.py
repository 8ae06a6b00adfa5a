"""`cuenta vault`: the paper key, and what opens with it. `paper-key` and `open` need no settings and no database."""

from pathlib import Path
from typing import Annotated

import typer

from bot.complaints import casework, exports
from bot.complaints.cases import File, Told
from bot.complaints.exports import Opened, Unreadable
from bot.lifecycle import NotPossible
from cli import wiring
from cli.console import explained, opened, out
from storage import audit, printed, vault
from storage import cases as shelf
from storage.database import reading, transaction
from storage.vault import Unopened
from web.console.forms import plain

app = typer.Typer(no_args_is_help=True, help="The paper key of complaints, and sealed exports.")

TRIES = 3


@app.command(name="paper-key")
def paper_key(
    public: Annotated[Path | None, typer.Option(help="Also write the public half, and it alone, to this file.")] = None,
) -> None:
    """Make a key for a sealed envelope. Run it on a machine without network; nothing is kept of the secret half."""
    with explained():
        pair = vault.key_pair()
        out.print("SECRET HALF. Copy it on paper, read it back, and put it into the envelope:")
        out.print(f"\n    {printed.shown_private(pair.private)}\n", soft_wrap=True)
        out.print("Public half. Bring it to the console, under “Keys”:")
        out.print(f"\n    {printed.shown_public(pair.public)}\n", soft_wrap=True)
        out.print(f"Letters to compare: {printed.mark(pair.public)}")
        if public is not None:
            with public.open("x", encoding="ascii") as file:
                file.write(printed.shown_public(pair.public) + "\n")


@app.command(name="open")
def open_(
    export: Annotated[Path, typer.Argument(help="A sealed export.")],
    to: Annotated[Path | None, typer.Option(help="A new folder for all parts; without it texts are shown.")] = None,
) -> None:
    """Open a sealed export with the secret half of the key it was made for. Nothing is written unless asked."""
    with explained():
        found = _found(export.read_bytes())
        for name, value in found.facts.items():
            out.print(f"{plain(str(name))}: {plain(str(value))}")
        named = [
            (exports.name(kind, number, part), part)
            for number, (kind, part) in enumerate(zip(found.kinds, found.parts, strict=True), start=1)
        ]
        if to is not None:
            to.mkdir(mode=0o700)
            to.chmod(0o700)
        for name, part in named:
            if to is not None:
                (to / name).write_bytes(_words(part).encode() if isinstance(part, Told) else part.body)
            elif isinstance(part, Told):
                out.print(f"\n{name}\n{_words(part)}", soft_wrap=True, highlight=False)
            else:
                out.print(f"\n{name}: {len(part.body)} bytes. To keep it: --to FOLDER")
        if to is not None:
            out.print(f"{len(named)} parts are in {to}", soft_wrap=True)


def _found(body: bytes) -> Opened:
    for _try in range(TRIES):
        typed = typer.prompt("Secret half of the key", hide_input=True)
        try:
            return exports.opened(body, printed.read_private(typed))
        except printed.Mistyped:
            out.print("A letter is wrong or missing. Compare group by group.")
        except Unopened:
            raise NotPossible("The export was made for another key.") from None
        except Unreadable:
            raise NotPossible(
                "This is no export, or something of it was changed, exchanged or cut off. Nothing of it is shown."
            ) from None
    raise NotPossible("That was no key three times.")


def _words(part: Told | File) -> str:
    """A text with its moment, as a terminal and an editor can take it."""
    assert isinstance(part, Told)
    return (
        "\n".join(filter(None, (part.at.isoformat(timespec="minutes"), plain(part.question), plain(part.text)))) + "\n"
    )


@app.command()
def export(
    locator: Annotated[list[str], typer.Argument(help="Locators of cases; repeat for more.")],
    to: Annotated[Path, typer.Option(help="The folder for the exports.")] = Path(),
) -> None:
    """Write cases as sealed exports for the paper key: for when no receiver's key opens them any more."""
    with explained():
        _settings, engine = opened()
        for typed in locator:
            with reading(engine) as connection:
                row = shelf.by_locator(connection, vault.read_locator(typed) or "")
                made = casework.export_for_paper(connection, row) if row is not None else []
            if row is None or not made:
                raise NotPossible(f"No such case, or no paper key opens it: {plain(typed)[:20]}")
            for number, body in enumerate(made, start=1):
                path = to / f"{row.locator}-{number}.zip"
                with path.open("xb") as file:
                    file.write(body)
                out.print(f"Written: {path}", soft_wrap=True)
            with transaction(engine) as connection:
                audit.note(connection, wiring.now(), None, "case.exported", number=len(made))
