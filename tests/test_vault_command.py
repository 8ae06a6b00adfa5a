"""`cuenta vault`: the paper key and the export, on a machine that has nothing else."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
from typer.testing import CliRunner, Result

from bot.complaints import cases, casework, exports
from bot.complaints.exports import Unreadable
from cli.main import app
from storage import cases as shelf
from storage import printed, receivers, vault
from storage.database import transaction
from storage.vault import KeyPair, Unopened
from tests.casebook import PHOTO, cheap, filed
from tests.vaults import taking_complaints
from tests.world import DURING, World, environment

SECRETS = ("SECRET_KEY", "DATABASE_URL", "VOLATILE_PATH", "BALLOT_KEYS_DIR", "PUBLIC_URL")
STORY = "Pidieron plata en la plaza"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without settings, in an empty folder."""
    cheap(monkeypatch)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["vault", *words], input=typed)


def groups(text: str) -> list[str]:
    return re.findall(r"(?:[0-9A-Z]{4}-){13}[0-9A-Z]{4}", text)


def export(pair: KeyPair, *texts: str) -> bytes:
    """An export with these texts and a photo."""
    told = [("told", cases.Told(DURING, n, "", text).packed()) for n, text in enumerate(texts)]
    photo = cases.File(DURING, len(texts), {"ending": "jpg"}, PHOTO).packed()
    return exports.sealed_anew(pair.public, [*told, ("file", photo)], {"case": "K7M2QP9X"})


def written(body: bytes) -> str:
    Path("export.zip").write_bytes(body)
    return "export.zip"


def test_a_paper_key_is_printed_and_nothing_is_written_unless_asked() -> None:
    told = run("paper-key")
    assert told.exit_code == 0
    private, public = groups(told.output)
    pair = KeyPair(printed.read_public(public), printed.read_private(private))
    assert vault.unwrap(vault.wrap(b"x" * 32, pair.public), pair.private) == b"x" * 32
    assert list(Path().iterdir()) == []
    assert run("paper-key", "--public", "half.txt").exit_code == 0
    assert printed.read_public(Path("half.txt").read_text())
    assert run("paper-key", "--public", "half.txt").exit_code == 1, "nothing is written over"


def test_a_letter_that_was_copied_wrong_is_found() -> None:
    pair = vault.key_pair()
    shown = printed.shown_private(pair.private)
    assert printed.read_private(shown.lower().replace("-", " ").replace("0", "o").replace("1", "l")) == pair.private
    for place in (0, 25, len(shown) - 1):
        other = "A" if shown[place] != "A" else "B"
        with pytest.raises(printed.Mistyped):
            printed.read_private(shown[:place] + other + shown[place + 1 :])
    with pytest.raises(printed.Secret):
        printed.read_public(shown)
    with pytest.raises(printed.Mistyped):
        printed.read_private(printed.shown_public(pair.public))


def test_an_export_opens_with_its_key() -> None:
    pair = vault.key_pair()
    name, typed = written(export(pair, STORY, "\x1b[31mRojo")), f"{printed.shown_private(pair.private)}\n"
    told = run("open", name, typed=typed)
    assert told.exit_code == 0
    assert STORY in told.output
    assert "\x1b" not in told.output, "no letter of a stranger commands the terminal"
    assert "adjunto-03.jpg: " in told.output
    assert printed.shown_private(pair.private) not in told.output
    assert [path.name for path in Path().iterdir()] == [name]
    assert run("open", name, "--to", "parts", typed=typed).exit_code == 0
    folder = Path("parts")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["adjunto-03.jpg", "relato-01.txt", "relato-02.txt"]
    assert (folder / "adjunto-03.jpg").read_bytes() == PHOTO
    assert STORY in (folder / "relato-01.txt").read_text("utf-8")
    assert run("open", name, "--to", "parts", typed=typed).exit_code == 1, "the folder is a new one"


def test_another_key_opens_nothing() -> None:
    pair, other = vault.key_pair(), vault.key_pair()
    told = run("open", written(export(pair, STORY)), "--to", "parts", typed=f"{printed.shown_private(other.private)}\n")
    assert told.exit_code == 1
    assert "another key" in told.output
    assert not Path("parts").exists()
    told = run("open", "export.zip", typed="x\n" * 3)
    assert (told.exit_code, STORY in told.output) == (1, False)


def test_what_was_exchanged_left_out_or_cut_off_is_refused() -> None:
    pair = vault.key_pair()
    body, other = export(pair, STORY, "Otra"), export(pair, "De otra denuncia")
    read, stranger = _entries(body), _entries(other)
    parts = [name for name in read if name.startswith("parts/")]
    first, second = parts[:2]
    theirs = next(name for name in stranger if name.startswith("parts/"))
    flipped = bytearray(read[first])
    flipped[-1] ^= 1
    head = json.loads(read["export.json"])
    harmed = [
        {**read, first: read[second], second: read[first]},
        {**read, first: stranger[theirs]},
        {**read, first: bytes(flipped)},
        {**read, first: read[first][:-1]},
        {name: value for name, value in read.items() if name != first},
        {**read, "export.json": json.dumps({**head, "index": first.removeprefix("parts/")}).encode()},
        {**read, "export.json": json.dumps({**head, "id": "0" * 32}).encode()},
        {**read, "export.json": json.dumps({**head, "format": "other"}).encode()},
        {**read, "export.json": b"[]"},
        {"export.json": read["export.json"]},
    ]
    for each in harmed:
        with pytest.raises(Unreadable):
            exports.opened(_zip(each), pair.private)
    for cut in (b"", b"PK", body[:-40], body[: len(body) // 2], _zip(read, ZIP_DEFLATED)):
        with pytest.raises(Unreadable):
            exports.opened(cut, pair.private)
    with pytest.raises(Unopened):
        exports.opened(_zip({**read, "export.json": json.dumps({**head, "wrap": "00" * 80}).encode()}), pair.private)
    told = run("open", written(_zip(harmed[0])), "--to", "parts", typed=f"{printed.shown_private(pair.private)}\n")
    assert (told.exit_code, "Nothing of it is shown" in told.output, Path("parts").exists()) == (1, True, False)
    assert STORY not in told.output


def _entries(body: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(body)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _zip(entries: dict[str, bytes], kind: int = ZIP_STORED) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", kind) as file:
        for name, body in entries.items():
            file.writestr(name, body)
    return made.getvalue()


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with taking_complaints(sqlite_url, tmp_path) as world:
        yield world


def test_a_case_is_recovered_with_the_paper_key_when_no_receiver_is_left(
    desk: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pair = vault.key_pair()
    with transaction(desk.desk.engine) as connection:
        for key in receivers.active(connection):
            if key.staff_id is None:
                receivers.remove(connection, key.id, desk.clock().date())
        receivers.add_paper(connection, "*", pair.public, desk.clock().date())
    begun = filed(desk, STORY, files=[PHOTO])
    with transaction(desk.desk.engine) as connection:
        for key in receivers.active(connection):
            if key.staff_id is not None:
                receivers.remove(connection, key.id, desk.clock().date())
        row = shelf.case(connection, begun.new.id)
        assert row is not None
        assert len(casework.export_for_paper(connection, row)) == 1
    with monkeypatch.context() as with_settings:
        for name, value in environment(str(desk.settings.database_url), tmp_path).items():
            with_settings.setenv(name, value)
        assert run("export", begun.new.locator.lower()).exit_code == 0
        assert run("export", "00000000").exit_code == 1
    (path,) = Path().glob("*.zip")
    assert STORY.encode() not in path.read_bytes()
    told = run("open", str(path), typed=f"{printed.shown_private(pair.private)}\n")
    assert (told.exit_code, STORY in told.output) == (0, True)
