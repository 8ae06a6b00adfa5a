"""Time from `make demo` in a clean clone to the first vote in the browser chat, by a script that does it."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from cli.replay import free_port

HIDDEN = re.compile(r'name="(id|seen)" value="([^"]*)"')
PATIENCE = 600.0


def run() -> None:
    """Clone, make, vote; twice, since the second start has everything already."""
    with tempfile.TemporaryDirectory(prefix="cuenta-bench-") as name:
        clone = Path(name) / "cuenta"
        subprocess.run(["git", "clone", "-q", ".", str(clone)], check=True)
        for which in ("first", "second"):
            served, voted = demo(clone)
            print(f"make demo, {which} start: served after {served:.1f} s, first vote after {voted:.1f} s", flush=True)


def demo(clone: Path) -> tuple[float, float]:
    """Seconds until the chat answers, and until the receipt is there."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    start = time.perf_counter()
    process = subprocess.Popen(
        ["make", "demo", f"PYTHON={sys.executable}", f"PORT={port}"],
        cwd=clone, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        chat = f"http://127.0.0.1:{port}/chat"
        wait_for(chat, process)
        served = time.perf_counter() - start
        vote(chat)
        return served, time.perf_counter() - start
    finally:
        os.killpg(process.pid, 2)
        process.wait(60)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(address, timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise TimeoutError(address)


def vote(chat: str) -> None:
    """A whole vote by plain forms, as a newcomer without script."""
    session = requests.Session()
    page = session.get(chat, timeout=30)
    for text in ("votar", "1", "2", "1", "1 4 6", "1"):
        hidden = dict(HIDDEN.findall(page.text)[2:4])
        page = session.post(chat, data={**hidden, "text": text}, timeout=30)
    assert "Su recibo es" in page.text, "no receipt came"
