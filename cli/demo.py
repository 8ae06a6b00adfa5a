"""The demo: the vote of 2022 again, then a desk of one's own to talk with. It needs no account anywhere."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot import lifecycle
from cli import talk, wiring
from cli.replay import ROOT, Replay, Timepiece, running, settings_for
from cli.settings import Settings
from cli.standins import Standins, running_standins
from storage import consultations, counts
from storage.ballot_keys import BallotKeys
from storage.database import open_database, reading, transaction
from storage.folder import ReadConsultation, read_folder
from storage.loading import consultation_row

CITY, PAST, NOW = ROOT / "cartagena", "cartagena-2022", "ejemplo-de-hoy"
LASTS = timedelta(days=7)


def run(folder: Path, port: int, stay: bool, out: Console) -> None:
    """Prepare (once) and show. With `stay`, the desk runs and the terminal is a chat until Ctrl-D or Ctrl-C."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_standins() as providers:
        settings = settings_for(f"sqlite:///{folder / 'demo.db'}", folder / "keys", providers, port, secret(folder))
        prepare(settings, providers, folder, out)
        show(settings, folder, out)
        if stay:
            with running(settings, Timepiece()):
                invite(settings, out)
                chat(settings, out)


def secret(folder: Path) -> str:
    """A secret of the demo's own, the same at every start."""
    return f"demo-{folder.resolve()}".ljust(48, "-")


def prepare(settings: Settings, providers: Standins, folder: Path, out: Console) -> None:
    """Vote 2022 again unless that was done before, and open a consultation that one can vote in now."""
    engine = open_database(settings.database_url)
    past = Replay(settings, providers, CITY, PAST, out, seed=2022)
    if not past.done():
        out.print("Voting the November 2022 consultation again: 314 residents, three channels, signed webhooks…")
        past.run(folder / "public")
    definition = next(c for c in read_folder(CITY).consultations if c.slug == PAST)
    with transaction(engine) as connection:
        known = consultations.one(connection, NOW)
        if known is None:
            consultations.load(connection, consultation_row(today(definition)))
    if known is None:
        lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), NOW, wiring.now())
    engine.dispose()


def today(definition: ReadConsultation) -> ReadConsultation:
    """The same proposals, plainly marked as an example, from now on for a week."""
    opens = wiring.now().replace(microsecond=0)
    title = {
        "es": "Ejemplo para probar: ¿qué propuestas le importan más?",
        "en": "An example to try: which proposals matter?",
    }
    closes = opens + LASTS
    return replace(definition, slug=NOW, title=title, opens_at=opens, closes_at=closes, paper_until=closes)


def show(settings: Settings, folder: Path, out: Console) -> None:
    """The published results of 2022."""
    engine = open_database(settings.database_url)
    with reading(engine) as connection:
        found = counts.results_of(connection, PAST)
    engine.dispose()
    if found is None:
        return
    table = Table("", "Propuesta", "Votos", title=f"{found['title']['es']}: {found['ballots']} papeletas")
    for proposal in sorted(found["proposals"], key=lambda p: p["rank"]):
        table.add_row(str(proposal["number"]), proposal["title"]["es"], str(proposal["votes"]))
    out.print(table)
    out.print(f"Archivos públicos / public files: {folder / 'public' / PAST}")
    out.print(f"Recuento / recount: .venv/bin/cuenta recount {folder / 'public' / PAST / 'papeletas.csv'}")


def invite(settings: Settings, out: Console) -> None:
    out.print()
    out.print(f"La mesa está abierta / the desk is open: {settings.public_url}/readyz")
    out.print("Escriba aquí como en un chat: votar, resultados, recibo, ayuda. Ctrl-D termina.")
    out.print("Write here as in a chat: english, vote, results, receipt, help. Ctrl-D ends.")


def chat(settings: Settings, out: Console) -> None:
    """The terminal as a chat, until its input ends."""
    try:
        talk.converse(wiring.desk(settings), "demo", False, sys.stdin, out)
    except KeyboardInterrupt:
        out.print()
