"""A real browser on a real server: the desk on 127.0.0.1, and the Chromium of the machine."""

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import Browser, Page, Playwright, ViewportSize
from werkzeug.serving import make_server

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
"""Where Chromium is; `.ci/run` installs it from Debian. Playwright's own download is not used."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on a free port, until the block ends; its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def launch(playwright: Playwright) -> Browser:
    # A processor that stands in for a graphics card takes a fifth of all the time.
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


def overflows(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


# What leads to another page. A click alone returns as soon as the answer begins, and a test would look at half a page.


def press(page: Page, name: str, exact: bool = False) -> None:
    """Press a button, and wait until the page that it leads to is whole."""
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=exact).click()


def follow(page: Page, name: str, exact: bool = False) -> None:
    """Follow the first link of that name, and wait until its page is whole."""
    with page.expect_navigation():
        page.get_by_role("link", name=name, exact=exact).first.click()


def enter(page: Page) -> None:
    """Press the Enter key, and wait until the page that it leads to is whole."""
    with page.expect_navigation():
        page.keyboard.press("Enter")
