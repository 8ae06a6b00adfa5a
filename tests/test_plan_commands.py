"""The command line for a plan, as an operator meets it, and the ZIP that its monitor gets."""

import csv
import errno
import hashlib
import io
import re
import zipfile
from pathlib import Path

import pytest

from bot.tables import as_csv
from cli import wiring
from cli.settings import read_settings
from storage import contacts, participants, voices
from storage.ballots import CODE_LENGTH, CODE_LETTERS
from storage.database import open_database, reading, transaction
from tests.test_commands import own_logs, say
from tests.test_evidence import with_place
from tests.world import EXAMPLE, address, environment

__all__ = ["own_logs"]

SLUG, FIRST = "plan-ejemplo", "arboles-plaza.1"


@pytest.fixture(autouse=True)
def town(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Villa Ejemplo, loaded."""
    for name, value in environment(sqlite_url, tmp_path).items():
        monkeypatch.setenv(name, value)
    assert "plan-ejemplo (new)" in say("load", str(EXAMPLE))[1]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "foto.jpg"
    path.write_bytes(with_place())
    return path


def report(*more: str) -> tuple[int, str]:
    return say("plan", "report", FIRST, "--office", "obras", "--state", "complete", "--text", "=SUM(1)", *more)


def test_from_a_report_to_the_monitors_evidence(photo: Path, tmp_path: Path) -> None:
    assert "sin" not in say("plan", "status", SLUG)[1]
    assert "no data" in say("plan", "status", SLUG)[1]
    code, told = report("--evidence", str(photo))
    assert (code, "Report 1 is kept" in told) == (0, True)
    assert "complete" in say("plan", "status", SLUG)[1]
    grade = ("plan", "grade", SLUG, "arboles-plaza", "--grade", "limited", "--text", "Falta la siembra.")
    assert say(*grade, "--evidence", str(photo))[0] == 0
    assert "No objection waits" in say("objection", "list")[1]
    target = tmp_path / "out" / "evidence.zip"
    code, told = say("plan", "export", SLUG, "--to", str(target))
    assert (code, "13 files" in told) == (0, True), told
    with zipfile.ZipFile(target) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    manifest = {row["file"]: row for row in csv.DictReader(io.StringIO(files.pop("manifest.csv").decode()))}
    assert set(manifest) == set(files)
    for name, body in files.items():
        assert manifest[name]["sha256"] == hashlib.sha256(body).hexdigest()
        assert manifest[name]["bytes"] == str(len(body))
    (told_report,) = csv.DictReader(io.StringIO(files["reports.csv"].decode()))
    assert told_report["text"] == "'=SUM(1)", "a spreadsheet must not take it for a formula"
    assert [name for name in files if name.startswith("evidence/")] == ["evidence/1.jpg", "evidence/2.jpg"]
    assert b"MAKER" not in files["evidence/1.jpg"]
    first, *_others = csv.DictReader(io.StringIO(files["plan.csv"].decode()))
    assert (first["lead_institutions"], first["report_text"]) == ("Oficina de Obras", "'=SUM(1)")
    assert {row["column"] for row in csv.DictReader(io.StringIO(files["columns.csv"].decode()))} == set(first)


def test_participation_is_that_of_the_plan(tmp_path: Path) -> None:
    with transaction(open_database(read_settings().database_url)) as connection:
        for n in range(18):
            number = address("sms", n)
            contact = contacts.add(connection, "sms", number, number, "es", wiring.now())
            who = contacts.consent(connection, contact, "2026-11", wiring.now())
            scope = ("all", "commitment:arboles-plaza", f"office:{SLUG}/obras", "commitment:of-another-plan")[n % 4]
            participants.follow(connection, who, scope, wiring.now())
            participants.follow(connection, who, "office:other/obras", wiring.now())
    target = tmp_path / "x.zip"
    assert say("plan", "export", SLUG, "--to", str(target))[0] == 0
    with zipfile.ZipFile(target) as packed:
        rows = list(csv.DictReader(io.StringIO(packed.read("participation.csv").decode())))
    assert [row["people"] for row in rows if row["by"] == "locality"] == ["14"]


def test_the_same_content_makes_the_same_zip(tmp_path: Path) -> None:
    report()
    for name in ("a.zip", "b.zip"):
        assert say("plan", "export", SLUG, "--to", str(tmp_path / name))[0] == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1"])
def test_a_cell_is_never_a_formula(cell: str) -> None:
    assert list(csv.reader(io.StringIO(as_csv([["a"], [cell], [-1]]).decode()))) == [["a"], [f"'{cell}"], ["-1"]]


@pytest.mark.parametrize(("kind", "subject"), [("seat", "campo-1"), ("office", "agua")])
def test_an_invitation_is_a_code_that_the_chat_takes(kind: str, subject: str) -> None:
    code, told = say(kind, "invite", SLUG, subject)
    assert code == 0
    found = re.findall(rf"\b[{CODE_LETTERS}]{{{CODE_LENGTH}}}\b", told)
    assert len(set(found)) == 1
    assert wiring.desk(read_settings()).secret
    assert "nobody holds it" in say("seat", "list", SLUG)[1]


def test_nobody_reports_for_an_office_any_more() -> None:
    assert "0 people" in say("office", "dismiss", SLUG, "agua")[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plan", "status", "nothing"], "There is no plan 'nothing'. Loaded are: plan-ejemplo"),
        (["plan", "export", "nothing"], "There is no plan"),
        (["plan", "report", "x.1", "--office", "obras", "--state", "complete", "--text", "a"], "no milestone 'x.1'"),
        (["plan", "report", FIRST, "--office", "agua", "--state", "complete", "--text", "a"], "does not answer for"),
        (["plan", "report", FIRST, "--office", "obras", "--state", "done", "--text", "a"], "--state must be one of"),
        (["plan", "grade", SLUG, "x", "--grade", "limited", "--text", "a"], "no commitment or milestone 'x'"),
        (["plan", "grade", SLUG, FIRST, "--grade", "fine", "--text", "a"], "--grade must be one of"),
        (["seat", "invite", SLUG, "campo-9"], "Its seats: campo-1, campo-2, pueblo-1"),
        (["office", "invite", SLUG, "parques"], "Its offices: obras, agua"),
        (["office", "dismiss", SLUG, "parques"], "Its offices: obras, agua"),
        (["office", "dismiss", "nothing", "obras"], "There is no plan"),
        (["objection", "answer", "7", "--text", "a"], "There is no objection 7"),
        (["schedule"], "cuenta schedule --dry-run"),
        (["schedule", "--dry-run", "--at", "0001-01-01"], "--at must be a date of our times"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_says_why(words: list[str], told: str) -> None:
    code, answer = say(*words)
    assert (code, told in " ".join(answer.split())) == (1, True), answer


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"GIF89a", "neither a picture nor a PDF"),
        (b"%PDF-" + b"0" * 10_000_000, "larger than 10 MB"),
        (None, "cannot be"),
    ],
)
def test_evidence_that_cannot_be_kept_keeps_nothing(tmp_path: Path, body: bytes | None, told: str) -> None:
    path = tmp_path / "x.pdf"
    if body is not None:
        path.write_bytes(body)
    code, answer = report("--evidence", str(path))
    assert (code, told in answer) == (1, True), answer
    assert "no data" in say("plan", "status", SLUG)[1]


def test_the_schedule_shows_what_would_go_out_and_sends_nothing() -> None:
    code, told = say("schedule", "--dry-run", "--at", "2030-03-24T07:00:00")
    assert (code, "There is nothing to tell" in told) == (0, True), "nobody holds a seat, reports or follows"
    assert "2030-03-25 08:00" in told, "a Sunday"


@pytest.mark.parametrize("name", ["[/]", "[/red]", "[bold", ":boom:"])
def test_what_somebody_types_is_no_mark_of_the_console(name: str) -> None:
    for words in (["plan", "status", name], ["seat", "invite", SLUG, name], ["plan", "grade", SLUG, name]):
        more = ["--grade", "limited", "--text", "a"] if words[1] == "grade" else []
        code, answer = say(*words, *more)
        assert (code, f"'{name}'" in answer) == (1, True), answer


def test_what_a_resident_writes_never_hides_the_list_of_objections() -> None:
    assert report()[0] == 0
    with transaction(open_database(read_settings().database_url)) as connection:
        voices.object_to(connection, 1, None, "[/b] [red]x[/red] :boom:", wiring.now())
    code, answer = say("objection", "list")
    assert (code, "[/b] [red]x[/red] :boom:" in " ".join(answer.split())) == (0, True), answer


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--text is empty"),
        (" \u200b\x1b ", "--text is empty"),
        ("Gesti\udcf3n", "--text is not UTF-8"),
        ("x" * 3001, "characters; at most"),
    ],
    ids=["empty", "invisible", "Latin-1", "long"],
)
def test_words_that_cannot_be_shown_are_refused_with_the_reason(text: str, told: str) -> None:
    assert report()[0] == 0
    for words in (
        ["plan", "report", FIRST, "--office", "obras", "--state", "complete"],
        ["plan", "grade", SLUG, FIRST, "--grade", "limited"],
        ["objection", "answer", "1"],
    ):
        code, answer = say(*words, "--text", text)
        assert (code, told in answer) == (1, True), answer


def test_words_are_kept_as_people_see_them() -> None:
    words = ["plan", "grade", SLUG, FIRST, "--grade", "limited", "--text", " Falta\x1b[2J\u202e la\n siembra. "]
    assert say(*words)[0] == 0
    with reading(open_database(read_settings().database_url)) as connection:
        (row,) = voices.grades_of(connection, SLUG)
    assert row.text == "Falta[2J la siembra."


@pytest.mark.parametrize("number", ["0", "2147483648", "9" * 30, "x"])
def test_an_objection_has_a_number_that_can_be(number: str) -> None:
    assert say("objection", "answer", number, "--text", "a")[0] == 2


def test_an_export_that_does_not_fit_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "monitor.zip"
    assert say("plan", "export", SLUG, "--to", str(target))[0] == 0
    before = target.read_bytes()

    def full(*_any: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bot.monitor.plan_files.columns_csv", full)
    code, answer = say("plan", "export", SLUG, "--to", str(target))
    assert (code, "No space left on device. Name a place" in answer) == (1, True), answer
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.zip*")] == ["monitor.zip"]


def test_an_export_goes_to_a_file_and_nowhere_else(tmp_path: Path) -> None:
    for target in (tmp_path, Path("/dev/null")):
        code, answer = say("plan", "export", SLUG, "--to", str(target))
        assert (code, "is not a file" in answer) == (1, True), answer
    assert say("plan", "export", "nothing", "--to", str(tmp_path / "new" / "x.zip"))[0] == 1
    assert not (tmp_path / "new").exists()
