"""The demo as it begins and ends on somebody's machine."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from cli.replay import free_port


def begin(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from cli.main import app; app()", "demo", "--folder", str(folder)]
    return subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_port_that_is_taken_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said, _nothing = begin(tmp_path / "demo", taken.getsockname()[1]).communicate(timeout=60)
    assert "cannot be listened on" in " ".join(said.decode().split())
    assert "Traceback" not in said.decode()
    assert not (tmp_path / "demo").exists()


def test_a_demo_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path) -> None:
    demo = begin(tmp_path / "demo", free_port())
    family: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while len(family) < 3:  # a process starts when it starts; nothing here hangs on how long that takes
        assert time.monotonic() < deadline
        time.sleep(0.05)
        family = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=60)
    _gone, left = psutil.wait_procs(family, timeout=30)
    assert left == []
