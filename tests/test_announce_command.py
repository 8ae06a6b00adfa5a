"""`cuenta announce`: a file becomes a draft or its lines are named; nothing is sent from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from storage import announcements
from storage.announcements import AnnouncementRow
from storage.database import transaction
from storage.outbox import Outgoing
from tests.world import World, environment

RUN = CliRunner()

GOOD = """\
topic = "news"
category = "utility"
send_at = 2099-11-17T09:00:00
until = 2099-11-19T18:00:00

[es]
title = "Se cierra la avenida"
text = "El lunes se cierra la avenida por obras."
short = "El lunes se cierra la avenida."

[en]
title = "The avenue closes"
text = "The avenue closes on Monday for works."
short = "The avenue closes on Monday."

[audience]
places = ["bocagrande"]
channels = ["sms"]
"""


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World.on(sqlite_url, tmp_path).load().open()
    for name, value in environment(sqlite_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    return made


def run(tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "avenida.toml"
    file.write_text(text, "utf-8")
    done = RUN.invoke(app, ["announce", "draft", str(file)])
    return done.exit_code, done.output


def test_a_file_becomes_a_draft_and_nothing_is_sent(desk: World, tmp_path: Path) -> None:
    code, said = run(tmp_path, GOOD)
    assert (code, "Draft 1" in said) == (0, True), said
    (row,) = desk.rows(AnnouncementRow)
    assert (row["state"], row["made_by"], row["authors"]) == ("draft", None, "")
    assert f"{row['send_at']:%d %H:%M}" == "17 14:00", "nine in Cartagena"
    assert desk.rows(Outgoing) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('Se cierra la avenida"\n', '"\n', "avenida.toml:7: es.title is empty"),
        ("[en]\ntitle", "[en]\nheading", 'avenida.toml:12: unknown key "en.heading"'),
        ('"bocagrande"', '"atlantis"', 'avenida.toml:17: audience.places has "atlantis", which is not there'),
        ('["sms"]', '"sms"', "avenida.toml:18: audience.channels must be a list"),
        (
            '["sms"]',
            '["sms"]\nvoted_in = "cartagena-2022"',
            "avenida.toml:19: audience.voted_in goes with large places",
        ),
        ("2099-11-17", "1999-11-17", "avenida.toml:3: send_at is past"),
        ('topic = "news"', 'topic = "weather"', "avenida.toml:1: topic is not one of"),
        ("send_at = 2099-11-17T09:00:00\n", "", 'missing key "send_at"'),
        ("[audience]", "[audience", "not TOML"),
    ],
)
def test_each_bad_line_is_named_and_nothing_kept(desk: World, tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in GOOD
    code, said = run(tmp_path, GOOD.replace(old, new, 1))
    assert code == 1
    assert line in said
    assert "Nothing was kept" in said
    assert desk.rows(AnnouncementRow) == []


def test_progress_is_told_once_and_what_is_not_there_is_named(desk: World, tmp_path: Path) -> None:
    run(tmp_path, GOOD)
    with transaction(desk.desk.engine) as connection:
        announcements.move(connection, 1, ("draft",), "sending", selected_at=desk.clock())
    done = RUN.invoke(app, ["announce", "progress", "1", "--once"])
    assert done.exit_code == 0, done.output
    assert "sending" in done.output
    assert "100%" in done.output
    gone = RUN.invoke(app, ["announce", "progress", "99"])
    assert gone.exit_code == 1
    assert "There is no announcement 99" in gone.output
