"""The console: where commands write, and how what goes wrong becomes a sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text
from sqlalchemy import Engine

from bot import lifecycle
from bot.catalogue import NothingLoaded
from bot.speech import NoCatalogue
from cli import telegram_setup
from cli.recount import Unreadable
from cli.settings import BadSettings, Settings, read_settings
from storage.database import is_away, open_database
from storage.ink import Damaged
from storage.schema import Dangling

out = Console(markup=False, emoji=False)
err = Console(stderr=True, markup=False, emoji=False)
"""What strangers wrote is printed too: nothing in square brackets or between colons is a mark."""

TICK, CROSS, DASH = Text("✓", "green"), Text("✗", "red"), Text("–", "dim")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what can go wrong into a sentence that says what to do, and exit with 1."""
    try:
        yield
    except BadSettings as bad:
        for problem in bad.problems:
            err.print(CROSS, problem, soft_wrap=True)
    except NoCatalogue:
        err.print(CROSS, "The messages are not compiled. Run: make messages", soft_wrap=True)
    except NothingLoaded:
        err.print(CROSS, "No city is loaded yet. Run: cuenta load territories/<city>", soft_wrap=True)
    except Dangling as dangling:
        err.print(
            CROSS,
            f"The database was not migrated and nothing was changed, because rows in {dangling} would"
            " refer to rows that do not exist: keep your last backup and the release that this database ran on, and"
            " report these names.",
            soft_wrap=True,
        )
    except Damaged as damaged:
        err.print(CROSS, f"{damaged.path} is damaged: a key has 32 bytes. {_mended(damaged)}", soft_wrap=True)
    except (lifecycle.NotPossible, Unreadable, telegram_setup.NotPossible) as problem:
        err.print(CROSS, str(problem), soft_wrap=True)
    except OSError as problem:
        if problem.filename is None and problem.errno not in NO_ROOM:
            raise
        where = f"{problem.filename}: " if problem.filename is not None else ""
        reason = f"{where}{problem.strerror}. Name a place that this user can use, and run it again."
        err.print(CROSS, reason, soft_wrap=True)
    except Exception as problem:
        if not is_away(problem):
            raise
        err.print(CROSS, "The database cannot be reached or is not migrated. See DATABASE_URL, and: cuenta migrate")
    else:
        return
    raise typer.Exit(1)


def _mended(damaged: Damaged) -> str:
    if damaged.path.name.startswith("ink-"):
        return (
            "Move that file out of the folder, and a new key is made. What was written with it cannot be read: those"
            " talks begin again, those messages fail."
        )
    return "No vote was cast with it, as the consultation is not open yet: delete that file and open it again."


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something longer is going on, and for how long."""
    columns = SpinnerColumn(), TextColumn(what), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def opened() -> tuple[Settings, Engine]:
    settings = read_settings()
    return settings, open_database(settings.database_url)
