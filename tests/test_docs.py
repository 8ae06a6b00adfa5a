"""The documentation names what there is, leads where it says, and its tutorial works."""

import gettext
import io
import re
import types
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bot import plain, speech
from cli import wiring
from cli.accounts import RETRIES, TWILIO_PATH
from cli.main import app
from cli.settings import Settings, read_settings
from flows import register
from flows.answers import fold
from storage.retention import RETENTION
from storage.schema import MIGRATIONS
from tests import transcripts
from tests.transcripts import Play
from tests.world import CHANNELS, World, environment

ROOT = Path(__file__).parent.parent
DEPLOY, ARCHITECTURE, GLOSSARY, TUTORIAL, DATA = (
    ROOT / "docs" / f"{name}.md" for name in ("deploy", "architecture", "glossary", "write-a-flow", "data-formats")
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LATER = {"web/"}
"""Folders of the design that this version does not have; the README says so."""

MADE = {"flows/dates.py", "tests/talks/dates.talk", "locales/compiled"}
"""What the tutorial writes, and what `make` makes."""

FOLDERS = {
    "cli", "webhooks", "web", "bot", "flows", "storage", "locales", "territories", "tests", "bench", "docs",
}  # fmt: skip
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\n]+)`")
CODE_PATH = re.compile(rf"(?:{'|'.join(sorted(FOLDERS))})/[\w./-]*")
MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|work|workspace|tmp|mnt)/")
INDEX = re.compile(r"--(?:extra-)?index-url|/simple/|pypi\.org/simple|https?://[^\s/)]*@")
LONGEST_DECISION = 60
DAY = 24 * 60 * 60


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """A page without what is fenced."""
    return FENCED.sub("", text(path))


EVERYTHING = "\n".join(text(page) for page in PAGES)


def commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, groups left out. Typer brings its own Click, so types are not asked."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, inner in command.commands.items():
        yield from commands(inner, *path, name)


COMMANDS = dict(commands(typer.main.get_command(app), "cuenta"))


def section(page: Path, title: str) -> str:
    """What stands under a heading of the second level."""
    return text(page).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def cells(page: Path, title: str, first: str) -> list[str]:
    """The row of a section's table whose first cell begins like this, cell by cell."""
    found = re.search(rf"^\| {re.escape(first)}.*$", section(page, title), re.MULTILINE)
    assert found, f"{page.name} has no row for {first} under {title}"
    return found[0].strip("| ").split(" | ")


@pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
def test_a_setting_is_documented_with_its_default(name: str) -> None:
    told = cells(DEPLOY, "Settings", f"`{name.upper()}` |")
    default = next(each.default for each in fields(Settings) if each.name == name)
    if isinstance(default, bool):
        default = "on" if default else "off"
    shown = str(default) if isinstance(default, str | int | Path) else ""
    assert told[1] in ([f"`{shown}`"] if shown else ["empty", "none, required"])


def test_no_setting_is_documented_that_is_not_there() -> None:
    told = re.findall(r"^\| `([A-Z_]+)` \|", section(DEPLOY, "Settings"), re.MULTILINE)
    assert sorted(told) == sorted(each.name.upper() for each in fields(Settings))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented_with_its_options(name: str) -> None:
    told = " ".join(cells(DEPLOY, "Commands", f"`{name}"))
    options = [option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)]
    assert [option for option in options if option.startswith("--") and f"`{option}" not in told] == []


def test_no_command_is_documented_that_is_not_there() -> None:
    groups = {name.split()[1] for name in COMMANDS if name.count(" ") == 2}
    for first, rest in re.findall(r"`cuenta ([a-z]+)(?: ([a-z|-]+))?", EVERYTHING):
        named = [f"cuenta {first} {each}" for each in rest.split("|")] if first in groups else [f"cuenta {first}"]
        assert [name for name in named if name not in COMMANDS] == []


@pytest.mark.parametrize("flow", register.WORDS)
def test_every_word_that_opens_a_conversation_is_in_the_glossary(flow: str) -> None:
    assert [word for word in register.WORDS[flow] if f"`{word}`" not in text(GLOSSARY)] == []


def test_every_word_of_going_back_and_leaving_is_in_the_glossary() -> None:
    assert [word for word in (*register.BACK, *register.LEAVE) if f"`{word}`" not in text(GLOSSARY)] == []


@pytest.mark.parametrize("flow", register.WORDS)
def test_every_conversation_is_among_what_residents_can_write(flow: str) -> None:
    first = register.WORDS[flow][0]
    rows = re.findall(r"^\| (`.*`) \| (`.*`) \|", section(DEPLOY, "What residents can write"), re.MULTILINE)
    assert any(f"`{first}`" in row for row in map(" ".join, rows))
    for told in re.findall(r"`([^`]+)`", " ".join(map(" ".join, rows))):
        assert register.called(told) or register.goes_back(told) or register.leaves(told), f"{told} does nothing"


@pytest.mark.parametrize("kind", RETENTION)
def test_a_retention_is_documented_with_its_length(kind: str) -> None:
    seconds = int(RETENTION[kind].total_seconds())
    length = f"{seconds // DAY} days" if seconds > DAY else f"{seconds // 3600} hours"
    assert cells(DEPLOY, "What is kept, and how long", kind)[1] == length


def test_every_route_is_documented(tmp_path: Path) -> None:
    given = environment(f"sqlite:///{tmp_path / 'cuenta.db'}", tmp_path, BROWSER_CHAT="on")
    settings = read_settings(given)
    every = {rule.rule for rule in wiring.app(settings).url_map.iter_rules()}
    every |= {path for _method, path in wiring.hooks(settings, wiring.desk(settings)).routes}
    routes = {route for route in every if "/consola" not in route}  # these are in docs/console.md
    assert {"/consultas/<slug>", "/webhooks/telegram", "/webhooks/twilio/status", "/metrics"} <= routes
    in_spanish = {route for route in routes if not route.startswith("/en/")}
    assert {route for route in in_spanish if f"`{route}`" not in text(DEPLOY)} == set()
    pages = {route for route in in_spanish if f"| `{route}` | page |" in text(DEPLOY)}
    assert {f"/en{route}" for route in pages} <= routes
    assert {route.removeprefix("/en") for route in routes - in_spanish} <= in_spanish


def test_every_metric_is_documented() -> None:
    metrics = re.findall(r'"(cuenta_\w+)"', text(ROOT / "webhooks" / "health.py"))
    assert metrics
    assert [name for name in metrics if f"`{name}`" not in text(DEPLOY)] == []


def test_every_event_of_the_log_is_documented() -> None:
    folders = ("bot", "cli", "storage", "web", "webhooks")
    sources = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    events = {name for path in sources for name in re.findall(r'\blog\.\w+\(\s*"([\w.]+)"', text(path))}
    assert {name for name in events if f"`{name}`" not in text(DEPLOY)} == set()


def test_every_table_is_documented() -> None:
    made = "".join(text(path) for path in (MIGRATIONS / "versions").glob("*.py"))
    tables = re.findall(r"create_table\(\s*['\"](\w+)['\"]", made)
    assert tables
    assert [name for name in tables if not re.search(rf"^\| .*`{name}`.* \|", text(ARCHITECTURE), re.MULTILINE)] == []


def test_every_folder_is_described_in_the_readme() -> None:
    assert {name for name in FOLDERS if f"`{name}/`" not in text(ROOT / "README.md")} == set()
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert there <= FOLDERS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        name, _hash, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not heading or heading in headings(target), f"{link}: no such heading"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_of_code_exist(page: Path) -> None:
    for quoted in QUOTED.findall(prose(page)):
        for path in CODE_PATH.findall(quoted) if CODE_PATH.fullmatch(quoted) else ():
            assert (ROOT / path).exists() or path in LATER | MADE, f"{path} is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_developers_machine(page: Path) -> None:
    assert MACHINE.findall(text(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_package_index(page: Path) -> None:
    assert INDEX.findall(text(page)) == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_is_short(page: Path) -> None:
    assert len(text(page).splitlines()) <= LONGEST_DECISION


def test_what_twilio_is_told_is_what_the_doctor_asks_for() -> None:
    assert f"{TWILIO_PATH}{RETRIES}`" in section(DEPLOY, "Twilio: WhatsApp and SMS")


def test_the_procfile_runs_commands_that_are_there() -> None:
    lines = dict(line.split(": ", 1) for line in text(ROOT / "Procfile").splitlines())
    assert set(lines) == {"release", "web", "worker"}
    assert {" ".join(line.split()[:2]) for line in lines.values()} <= set(COMMANDS)


def fenced(language: str) -> list[str]:
    return [block for kind, block in FENCED.findall(text(TUTORIAL)) if kind == language]


@pytest.fixture
def tutorial(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk with the conversation of the tutorial: its code, its words and its messages."""
    code, lines = fenced("python")
    module: Any = types.ModuleType("dates")
    exec(compile(code, "flows/dates.py", "exec"), module.__dict__)
    tables: dict[str, Any] = {"FLOWS": {}, "WORDS": {}, "dates": module}
    exec(compile(lines, "flows/register.py", "exec"), tables)
    for name, flow in tables["FLOWS"].items():
        monkeypatch.setitem(register.FLOWS, name, flow)
        for word in tables["WORDS"][name]:
            monkeypatch.setitem(register._BY_WORD, fold(word), name)
    with (ROOT / "locales/es/LC_MESSAGES/cuenta.po").open("rb") as file:
        catalogue = read_po(file, locale="es")
    for message in read_po(io.BytesIO("\n".join(fenced("po")).encode()), locale="es"):
        if message.id:
            catalogue.add(message.id, message.string)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    spoken = gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))
    monkeypatch.setattr(speech, "catalogue", lambda _language: spoken)


@pytest.mark.usefixtures("tutorial")
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_tutorials_talk_goes_as_written(channel: str, little_world: World, tmp_path: Path) -> None:
    path = tmp_path / "dates.talk"
    path.write_text(fenced("talk")[0], encoding="utf-8")
    talk = transcripts.read(path)
    played = Play(little_world, channel, restarted=True).through(talk)
    assert played == transcripts.expected(talk, [where for where, _answer in played])


def test_the_tutorials_messages_are_plain() -> None:
    words = {word.upper() for listed in register.WORDS.values() for word in listed}
    for message in read_po(io.BytesIO("\n".join(fenced("po")).encode()), locale="es"):
        assert not message.id or plain.faults(str(message.string), words) == []
