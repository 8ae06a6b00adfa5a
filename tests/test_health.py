"""Health and metrics: what is said when all is well, when each part fails, and that it is never about people."""

import json
import resource
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, event, text
from werkzeug.test import Client

from bot import upkeep
from cli.settings import read_settings
from storage import parked
from storage.database import open_database, transaction
from storage.ticks import Tick
from tests.served import served
from tests.world import World, address, environment, incoming


@pytest.fixture
def client(world: World) -> Client:
    return served(world.settings, world.clock)


def client_of(database_url: str, folder: Path) -> Client:
    return served(read_settings(environment(database_url, folder)))


def test_when_all_is_well(world: World, client: Client) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json() == {"database": True, "migrations": True, "worker": True}


def test_without_a_worker_it_is_not_ready(world: World, client: Client) -> None:
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").get_json() == {"database": True, "migrations": True, "worker": False}
    upkeep.beat(world.desk.engine, world.clock() - timedelta(seconds=59))
    assert client.get("/readyz").status_code == 200
    world.clock.forward(seconds=2)
    assert client.get("/readyz").get_json()["worker"] is False


def test_with_an_old_schema_it_is_not_ready(world: World, client: Client) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    with transaction(world.desk.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert (client.get("/readyz").status_code, client.get("/readyz").get_json()["migrations"]) == (503, False)


@pytest.fixture
def read_only(world: World) -> Iterator[None]:
    """Whoever connects from now on can only read, as on a disk that was mounted so or on a replica."""

    def connected(connection: Any, _record: Any) -> None:
        connection.cursor().execute("PRAGMA query_only=ON")

    engine = world.desk.engine
    if engine.dialect.name == "postgresql":
        with transaction(engine) as connection:
            connection.execute(text(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on"))
        yield
        return
    event.listen(Engine, "connect", connected)
    yield
    event.remove(Engine, "connect", connected)


def test_with_a_database_that_can_only_be_read_it_is_not_ready(
    world: World, client: Client, request: pytest.FixtureRequest
) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    request.getfixturevalue("read_only")
    assert client.get("/readyz").get_json() == {"database": False, "migrations": True, "worker": False}


def test_with_a_full_disk_it_is_not_ready(little_world: World) -> None:
    """No file can grow; nothing else is different."""
    client = served(little_world.settings, little_world.clock)
    upkeep.beat(little_world.desk.engine, little_world.clock())
    assert client.get("/readyz").status_code == 200
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        ready = client.get("/readyz").get_json()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ready == {"database": False, "migrations": True, "worker": False}
    assert client.get("/readyz").status_code == 200


def test_asking_whether_it_is_ready_changes_nothing(world: World, client: Client) -> None:
    upkeep.beat(world.desk.engine, world.clock())
    before, files = world.rows(Tick), sorted(path.name for path in world.folder.iterdir())
    assert client.get("/readyz").status_code == 200
    assert world.rows(Tick) == before
    assert sorted(path.name for path in world.folder.iterdir()) == files


def test_the_outbox_is_counted_at_most_every_quarter_of_a_minute(world: World, client: Client) -> None:
    scans: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, _many: bool) -> None:
        if "outgoing" in statement:
            scans.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    first = [client.get("/metrics").text for _n in range(3)]
    counted = len(scans)
    world.clock.forward(seconds=15)
    client.get("/metrics")
    event.remove(Engine, "before_cursor_execute", note)
    assert len(set(first)) == 1
    assert (counted, len(scans)) == (1, 2)


def test_without_a_schema_it_is_not_ready(tmp_path: Path) -> None:
    empty = client_of(f"sqlite:///{tmp_path}/empty.db", tmp_path)
    assert empty.get("/healthz").status_code == 200
    assert empty.get("/readyz").get_json() == {"database": True, "migrations": False, "worker": False}
    assert empty.get("/metrics").status_code == 503


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////dev/null/none.db"])
def test_without_a_database_the_process_still_answers(url: str, tmp_path: Path) -> None:
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}/gone/cuenta.db"
    client = client_of(url, tmp_path)
    if url.startswith("sqlite"):
        (tmp_path / "gone").rmdir()
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()) == (503, {"database": False, "migrations": False, "worker": False})
    metrics = client.get("/metrics")
    assert (metrics.status_code, metrics.data) == (503, b"")


def test_metrics_can_be_read_and_count(world: World, client: Client) -> None:
    world.say("hola")
    world.desk.take(incoming("sms", address("sms", 1), "hola", 99))
    with transaction(world.desk.engine) as connection:
        parked.park(connection, "ABCDEF", "telegram", "ValueError flows/vote.py:1", world.clock())
    upkeep.beat(world.desk.engine, world.clock() - timedelta(seconds=7))
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found == {
        ("cuenta_outgoing_messages", "sent", "telegram"): 1,
        ("cuenta_outgoing_messages", "queued", "sms"): 1,
        ("cuenta_parked_errors",): 1,
        ("cuenta_worker_heartbeat_age_seconds",): 7,
    }


def test_metrics_without_a_worker_say_so(world: World, client: Client) -> None:
    assert "cuenta_worker_heartbeat_age_seconds +Inf" in client.get("/metrics").text


def test_nothing_that_health_says_is_about_anybody(world: World, client: Client) -> None:
    world.vote("1 4 6")
    world.say("Juan de la Calle", "whatsapp", 7)
    said = "".join(client.get(path).text for path in ("/healthz", "/readyz", "/metrics"))
    for telling in (address("telegram", 1), address("whatsapp", 7), "57300", "Juan", "Calle"):
        assert telling not in said


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_only_reading_is_allowed(client: Client, path: str) -> None:
    assert client.post(path, data=json.dumps({"a": 1})).status_code == 405


def test_reading_leaves_nothing_behind(world: World, client: Client) -> None:
    """Metrics are read while others write: they hold no lock and leave no connection open."""
    for _n in range(30):
        client.get("/metrics")
        client.get("/readyz")
    other = open_database(world.settings.database_url)
    upkeep.beat(other, world.clock())
    other.dispose()
