"""The command line, as an operator meets it: what works says so, what does not says what to do."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from bot import lifecycle
from cli.main import app
from storage import texts
from storage.database import open_database, transaction
from storage.ink import Damaged, Ink
from tests.world import CARTAGENA, DURING, EXAMPLE, World, environment

RUN = CliRunner()


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """What a command says of logging ends with its test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def surroundings(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(sqlite_url, tmp_path).items():
        monkeypatch.setenv(name, value)


def say(*words: str, typed: str | None = None) -> tuple[int, str]:
    answer = RUN.invoke(app, list(words), input=typed)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer.exit_code, answer.output


@pytest.mark.usefixtures("surroundings")
def test_from_an_empty_database_to_a_vote_in_the_terminal() -> None:
    assert say("migrate")[0] == 0
    code, told = say("load", str(CARTAGENA))
    assert (code, "cartagena-2022 (new)" in told) == (0, True)
    assert "cartagena-2022 (same)" in say("load", str(CARTAGENA))[1]
    code, told = say("consultation", "status", "cartagena-2022")
    assert (code, "draft" in told) == (0, True)
    code, told = say("talk", typed="hola\n1\nvotar\n")
    assert (code, "in service" in told) == (1, True)
    code, told = say("talk", "--live", typed="hola\n1\nvotar\n")
    assert code == 0
    assert "Qué quiere hacer" in told


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("city", [CARTAGENA, EXAMPLE])
def test_a_terminal_shows_what_an_sms_would_say_in_any_country(city: Path) -> None:
    assert say("migrate")[0] == say("load", str(city))[0] == 0
    assert "SMS)" in say("talk", "--live", "--sms", typed="hola\n")[1]


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["consultation", "open", "cartagena-2022"], "Load its folder first"),
        (["consultation", "publish", "cartagena-2022"], "Load its folder first"),
        (["consultation", "count", "cartagena-2022"], "Load its folder first"),
        (["load", "nowhere"], "this is not a folder"),
        (["recount", "nowhere.csv"], "cannot be read"),
        (["replay", "nothing"], "from which one replays"),
    ],
)
def test_what_cannot_be_done_says_why(words: list[str], told: str) -> None:
    code, output = say(*words)
    assert code == 1
    assert told in " ".join(output.split())


def test_a_replay_leaves_a_database_that_is_in_use_alone(sqlite_url: str, surroundings: None) -> None:
    assert say("migrate")[0] == 0
    assert say("load", str(CARTAGENA))[0] == 0
    code, told = say("replay", "cartagena-2022", "--database-url", sqlite_url)
    assert (code, "not empty" in told) == (1, True)


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("words", [["run", "--port", "99999"], ["web", "--workers", "0"], ["web", "--port", "0"]])
def test_impossible_numbers_are_refused(words: list[str]) -> None:
    code, told = say(*words)
    assert (code, "Invalid value" in told) == (2, True)


@pytest.mark.usefixtures("surroundings")
def test_a_damaged_ink_key_is_named_before_the_desk_starts(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ink-2756.key").write_bytes(b"")
    for words in (["run"], ["web"], ["worker"]):
        code, told = say(*words)
        assert (code, "ink-2756.key is damaged" in told, "Move that file out" in told) == (1, True, True)


def test_a_damaged_ink_key_is_named_when_something_is_to_be_written_with_it(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    ink = Ink(tmp_path / "keys")
    ink.seal(b"x", DURING)
    (made,) = (tmp_path / "keys").iterdir()
    made.write_bytes(b"")
    with pytest.raises(Damaged, match=made.name):
        Ink(tmp_path / "keys").seal(b"x", DURING)


@pytest.mark.usefixtures("surroundings")
def test_a_damaged_ballot_key_is_named_when_its_consultation_is_opened(tmp_path: Path) -> None:
    assert say("load", str(EXAMPLE))[0] == 0
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ballots-ejemplo-plaza.key").write_bytes(b"")
    code, told = say("consultation", "open", "ejemplo-plaza")
    assert (code, "ballots-ejemplo-plaza.key is damaged" in told, "delete that file" in told) == (1, True, True)
    assert "draft" in say("consultation", "status", "ejemplo-plaza")[1]


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize(
    ("host", "told"),
    [("203.0.113.9", "203.0.113.9 port 8000 cannot be listened on"), ("no.example", "no.example is no address")],
)
@pytest.mark.parametrize("command", ["run", "web"])
def test_an_address_that_cannot_be_listened_on_is_named(command: str, host: str, told: str) -> None:
    code, output = say(command, "--host", host)
    assert (code, told in output, "--host" in output) == (1, True, True)


@pytest.mark.usefixtures("surroundings")
def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = say("run", "--port", str(port))
    assert (code, f"127.0.0.1 port {port} cannot be listened on" in output) == (1, True)


def test_a_database_in_memory_is_refused(surroundings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///:memory:")
    code, told = say("migrate")
    assert (code, "DATABASE_URL must name a file" in told) == (1, True)


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_published(
    little_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(little_world.settings.database_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    little_world.vote("1 4 6")
    little_world.clock.forward(days=60)
    lifecycle.count(little_world.desk.engine, little_world.desk.keys, "cartagena-2022", little_world.clock())
    (tmp_path / "file").write_text("in the way")
    code, told = say("consultation", "publish", "cartagena-2022", "--to", str(tmp_path / "file"))
    assert (code, f"{tmp_path / 'file'}" in told, "Name a place" in told) == (1, True, True)
    assert "counted" in say("consultation", "status", "cartagena-2022")[1]


def test_missing_settings_are_named_with_their_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    code, told = say("migrate")
    assert (code, "SECRET_KEY is missing" in told, "token_urlsafe" in told) == (1, True, True)


def test_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("postgresql://nobody@127.0.0.1:1/none", tmp_path).items():
        monkeypatch.setenv(name, value)
    code, told = say("migrate")
    assert (code, "DATABASE_URL" in told) == (1, True)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("a,b\n", "line 1: the columns"),
        ("receipt,choices\nAAA,p01\nAAA,p02\n", "line 3: the receipt appears twice"),
        ("receipt,choices\nAAA,p01 p01\n", "line 2: a proposal appears twice"),
        ("receipt,choices\nAAA\n", "line 2: a receipt and its choices"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_list_of_ballots_that_is_none(lines: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "papeletas.csv"
    path.write_bytes(lines.encode("utf-8", "surrogateescape"))
    code, output = say("recount", str(path))
    assert code == 1
    assert told in " ".join(output.split())


def test_a_good_list_is_added_up(tmp_path: Path) -> None:
    path = tmp_path / "papeletas.csv"
    path.write_text("receipt,choices\nAAA,p01 p02\nBBB,p02\n")
    code, output = say("recount", str(path))
    assert code == 0
    assert "2 ballots, 3 votes" in output


@pytest.mark.usefixtures("surroundings")
def test_loading_names_the_texts_that_the_staff_edited(sqlite_url: str) -> None:
    say("migrate")
    assert "staff" not in say("load", str(CARTAGENA))[1]
    engine = open_database(sqlite_url)
    with transaction(engine) as connection:
        known = texts.current(connection, "help").version
        texts.write(connection, "help", '{"es": "Ayuda.", "en": "Help."}', known, 1, DURING)
    engine.dispose()
    assert "the texts help." in " ".join(say("load", str(CARTAGENA))[1].split())
    assert "staff" not in say("load", str(CARTAGENA), "--replace", "texts")[1]
