"""CPU time per delivered turn, and turns per second, beside a bare bot; SQLite and PostgreSQL."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import requests

from bench.load import FIRST_VOTE, TURNS
from bench.postgres import postgres
from bench.world import prepare, settings_for
from cli.replay import free_port, running
from cli.telegram_standin import TOKEN

RESIDENTS, CONVERSATIONS, REPEATS = 20, 25, 5
DELIVERED = RESIDENTS * CONVERSATIONS * len(TURNS)


@dataclass(frozen=True)
class Bot:
    """A bot that runs: its address and secret, its own processes, and its database server's where that is ours."""

    url: str
    secret: str
    processes: tuple[int, ...]
    server: int | None = None
    votes: bool = True


@dataclass(frozen=True)
class Figures:
    """One repeat: milliseconds of processor time a turn (all own processes, each of them, the server's); turns/s."""

    cpu: float
    each: tuple[float, ...]
    server: float
    rate: float


def run() -> None:
    """Print the table: repeats are interleaved, and a ratio is to the bare bot of the same repeat."""
    found: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as scratch, ExitStack() as stack:
        port = stack.enter_context(sink())
        bots = bots_at(Path(scratch), port, stack)
        for _n in range(REPEATS):
            for name, bot in bots.items():
                found.setdefault(name, []).append(measure(bot, port))
    report(found)


def bots_at(scratch: Path, port: int, stack: ExitStack) -> dict[str, Bot]:
    """All three, running until the stack ends."""
    server = stack.enter_context(postgres(scratch))
    url = stack.enter_context(server.database("turns"))
    return {
        "bare": stack.enter_context(bare(port)),
        "SQLite": stack.enter_context(desk(f"sqlite:///{scratch}/bench.db", scratch / "a", port)),
        "PostgreSQL": stack.enter_context(desk(url, scratch / "b", port, server.process)),
    }


def report(found: dict[str, list[Figures]]) -> None:
    print(f"{RESIDENTS} residents at once, {DELIVERED} turns a repeat, {REPEATS} repeats: least / median / most")
    print(f"{'':11}{'CPU ms a turn':>24}{'turns/s':>22}{'bare CPU : ours':>24}{'our rate : bare':>24}")
    for name, figures in found.items():
        pairs = list(zip(found["bare"], figures, strict=True))
        cpu = spread([f.cpu for f in figures], 3)
        rate = spread([f.rate for f in figures], 0)
        by_cpu = spread([base.cpu / ours.cpu for base, ours in pairs], 2)
        by_rate = spread([ours.rate / base.rate for base, ours in pairs], 2)
        print(f"{name:11}{cpu:>24}{rate:>22}{by_cpu:>24}{by_rate:>24}")
    for name, figures in found.items():
        if name != "bare":
            web, worker = (median(f.each[n] for f in figures) for n in (0, 1))
            server = median(f.server for f in figures)
            print(f"{name}, median ms a turn: web {web:.3f}, worker {worker:.3f}, database server {server:.3f}")


def spread(values: list[float], digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))


def measure(bot: Bot, port: int) -> Figures:
    """One repeat, with the load generator in a process of its own."""
    roots = (*bot.processes, *([bot.server] if bot.server else []))
    before = [spent(process) for process in roots]
    took, receipts = talk(bot, port, CONVERSATIONS, TURNS)
    used = [(spent(process) - start) / DELIVERED * 1000 for process, start in zip(roots, before, strict=True)]
    assert receipts == (RESIDENTS * CONVERSATIONS if bot.votes else 0), f"{receipts} receipts"
    each = tuple(used[: len(bot.processes)])
    return Figures(sum(each), each, sum(used[len(bot.processes) :]), DELIVERED / took)


def talk(bot: Bot, port: int, conversations: int, turns: tuple[str, ...]) -> tuple[float, int]:
    """Have all residents talk; seconds, and the conversations that ended with a receipt."""
    arguments = (bot.url, bot.secret, str(port + 1), str(RESIDENTS), str(conversations), "|".join(turns))
    done = subprocess.run([sys.executable, "-m", "bench.load", *arguments], check=True, capture_output=True, text=True)
    took, receipts = done.stdout.split()
    return float(took), int(receipts)


def spent(number: int) -> float:
    """Processor seconds, user and system, of a process and all its children so far, those that ended included."""
    process = psutil.Process(number)
    return sum(sum(each.cpu_times()[:4]) for each in (process, *process.children(recursive=True)))


@contextmanager
def sink() -> Iterator[int]:
    port = free_port()
    with child("bench.sink", str(port)):
        yield port


@contextmanager
def bare(port: int) -> Iterator[Bot]:
    own, secret = free_port(), "bare-bot-of-the-benchmark"
    with child("bench.bare", str(own), f"http://127.0.0.1:{port}/bot{TOKEN}/sendMessage", secret) as process:
        wait_for(f"http://127.0.0.1:{own}/readyz")
        yield Bot(f"http://127.0.0.1:{own}", secret, (process.pid,), votes=False)


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(address)


@contextmanager
def desk(database_url: str, keys: Path, port: int, server: int | None = None) -> Iterator[Bot]:
    """A web and a worker process with residents who have voted before."""
    settings = settings_for(database_url, keys, port)
    clock = prepare(settings)
    before = {process.pid for process in psutil.Process().children()}
    with running(settings, clock):
        ours = sorted(p.pid for p in psutil.Process().children() if p.pid not in before)
        bot = Bot(settings.public_url, settings.telegram_webhook_secret, tuple(ours), server)
        talk(bot, port, 1, FIRST_VOTE)
        yield bot
