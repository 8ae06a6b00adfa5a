"""The demo: the vote of 2022 again, then a desk of one's own to talk with. It needs no account anywhere."""

import os
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot import lifecycle
from cli import sample, wiring
from cli.processes import try_to_listen
from cli.replay import ROOT, Replay, Timepiece, running, settings_for, unlimited
from cli.settings import Settings
from cli.standins import Standins, running_standins
from storage import consultations, counts
from storage.ballot_keys import BallotKeys
from storage.database import open_database, reading, transaction
from storage.folder import Folder, ReadConsultation, read_folder
from storage.loading import consultation_row, load

CITY, EXAMPLE, PAST, NOW = ROOT / "cartagena", ROOT / "ejemplo", "cartagena-2022", "ejemplo-de-hoy"
LASTS = timedelta(days=7)


def run(folder: Path, port: int, stay: bool, out: Console) -> None:
    """Prepare (once) and show. With `stay`, the desk runs until Ctrl-C. Raises NotPossible where the port is taken."""
    try_to_listen("127.0.0.1", port)
    if stay:  # else who ends us by a signal, or by closing the window, would leave the desk's processes behind
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
    folder.mkdir(parents=True, exist_ok=True)
    with running_standins() as providers:
        settings = settings_for(
            f"sqlite:///{folder / 'demo.db'}", folder / "keys", providers, port, secret(folder),
            VOLATILE_PATH=str(memory(folder)),
        )  # fmt: skip
        prepare(settings, providers, folder, out)
    show(settings, folder, out)
    if stay:
        # Without accounts nothing is sent: the browser plays every channel, and what is answered waits for it.
        alone = replace(settings, telegram_bot_token="", twilio_account_sid="")
        with running(alone, Timepiece(), demo=True):
            invite(settings, out)
            with suppress(KeyboardInterrupt):
                signal.pause()
            out.print()


def secret(folder: Path) -> str:
    """A secret of the demo's own, the same at every start."""
    return f"demo-{folder.resolve()}".ljust(48, "-")


def memory(folder: Path) -> Path:
    """The demo's own store of confidential conversations."""
    mark = sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path(f"/dev/shm/cuenta-demo-{os.getuid()}-{mark}/volatile.db")  # noqa: S108  in memory, in a folder of its own


def prepare(settings: Settings, providers: Standins, folder: Path, out: Console) -> None:
    """Vote 2022 again unless that was done before, and open a consultation that one can vote in now."""
    engine = open_database(settings.database_url)
    past = Replay(settings, providers, CITY, PAST, out, seed=2022)
    if not past.done():
        out.print("Voting the November 2022 consultation again: 314 residents, three channels, signed webhooks…")
        past.run(folder / "public")
    city, (example,) = unlimited(read_folder(CITY)), read_folder(EXAMPLE).plans
    definition = next(c for c in city.consultations if c.slug == PAST)
    with transaction(engine) as connection:
        load(connection, city)
        sample.add(connection, example, wiring.now())
        sample.receive(connection, offices_of(city), wiring.now())
        known = consultations.one(connection, NOW)
        if known is None:
            consultations.load(connection, consultation_row(today(definition)))
    if known is None:
        lifecycle.open_(engine, BallotKeys(settings.ballot_keys_dir), NOW, wiring.now())
    engine.dispose()


def offices_of(city: Folder) -> list[str]:
    """The offices that receive complaints."""
    return [str(office["id"]) for office in (city.intake or {"offices": []})["offices"]]


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
    """The addresses, and what to try."""
    out.print("\nLa mesa está abierta. The desk is open.\n")
    for path, what in (
        ("/chat", "Vote aquí, como en un chat. Vote here, as in a chat."),
        ("/consola", "La consola del personal: entre con cualquier tarea. The staff's console: come in with any role."),
        ("/", "Lo que está abierto. What is open. (English: /en)"),
        (f"/consultas/{PAST}", "Los resultados de 2022. The results of 2022."),
        ("/plan", "Lo que se prometió, y cómo va. What was promised, and how it goes."),
        (f"/consultas/{PAST}/recuento", "Cuente otra vez en su navegador. Count again in your browser."),
    ):
        out.print(f"  {settings.public_url}{path}\n    {what}", soft_wrap=True, highlight=False)
    out.print("\nEn el chat, “Pruebe como otra persona”: WhatsApp, Telegram, SMS y mala conexión.")
    out.print("In the chat, “Try it as another person”: WhatsApp, Telegram, SMS and a bad connection.")
    out.print("Ctrl-C termina. Ctrl-C ends.")
