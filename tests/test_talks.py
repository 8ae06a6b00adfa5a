"""Talks: the transcripts in `talks/` are the specification of what people read."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.messages import Outbound
from flows import register
from storage.ballots import Ballot
from tests import transcripts, vaults
from tests.transcripts import Play, Transcript
from tests.world import TALKED, World

TALKS = transcripts.every()
ON_POSTGRESQL = ("vote_first", "vote_again", "join_two_chats", "privacy_delete", "someone_else")
RUNS = [
    pytest.param(talk, channel, restarted, id=f"{talk.name}-{channel}-{'restarted' if restarted else 'straight'}")
    for talk in TALKS
    for channel in talk.channels
    for restarted in (False, True)
]

Worlds = Callable[[], World]


@pytest.fixture(scope="module")
def loaded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database in which Cartagena is loaded and its consultation opened, and the keys."""
    folder = tmp_path_factory.mktemp("loaded")
    shutil.copy(sqlite_template, folder / "cuenta.db")
    World.on(f"sqlite:///{folder / 'cuenta.db'}", folder).load().open().desk.engine.dispose()
    return folder


@pytest.fixture
def worlds(loaded: Path, tmp_path: Path) -> Iterator[Worlds]:
    """Makes worlds, each on its own copy of that folder."""
    made: list[World] = []

    def another() -> World:
        folder = tmp_path / str(len(made))
        shutil.copytree(loaded, folder)
        made.append(World.on(f"sqlite:///{folder / 'cuenta.db'}", folder))
        return made[-1]

    yield another
    for world in made:
        world.desk.engine.dispose()
        vaults.forget(world)


def compare(talk: Transcript, played: list[tuple[str, list[str]]]) -> None:
    wanted = transcripts.expected(talk, [channel for channel, _answer in played])
    for typed, (channel, answer), (_channel, expected) in zip(talk.typed, played, wanted, strict=True):
        assert answer == expected, f"{talk.name}, by {channel}, after {typed!r}; see pytest --update-talks"


@pytest.mark.parametrize(("talk", "channel", "restarted"), RUNS)
def test_a_talk_goes_as_written(
    talk: Transcript, channel: str, restarted: bool, worlds: Worlds, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-talks"):
        if channel == talk.channels[0] and not restarted:
            update(talk, worlds)
        pytest.skip("--update-talks writes the talks down instead of comparing them")
    compare(talk, Play(worlds(), channel, restarted).through(talk))


def update(talk: Transcript, worlds: Worlds) -> None:
    path = transcripts.FOLDER / f"{talk.name}.talk"
    played = [Play(worlds(), channel).through(talk) for channel in talk.channels]
    path.write_text(transcripts.rewritten(talk, played).written(), encoding="utf-8")


@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_a_talk_goes_the_same_on_postgresql(
    name: str, postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-talks"):
        pytest.skip("--update-talks writes the talks down on SQLite alone")
    talk = next(talk for talk in TALKS if talk.name == name)
    world = World.on(postgres_url, tmp_path).load().open()
    compare(talk, Play(world, "telegram", restarted=True).through(talk))
    world.desk.engine.dispose()


def test_every_conversation_has_a_talk() -> None:
    assert transcripts.untold(TALKS, register.FLOWS) == set()


def test_a_conversation_without_a_talk_is_noticed() -> None:
    assert transcripts.untold(TALKS, [*register.FLOWS, "weather"]) == {"weather"}


def test_a_talk_is_named_in_its_first_line() -> None:
    for talk in TALKS:
        assert talk.lines[0].text.startswith(f"# {talk.name}: "), talk.name


def test_a_transcript_is_written_as_it_was_read() -> None:
    for path in transcripts.FOLDER.glob("*.talk"):
        assert transcripts.read(path).written() == path.read_text(encoding="utf-8"), path.name


def test_a_line_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.talk").write_text("# odd: a slip\n>votar\n")
    with pytest.raises(ValueError, match=r"odd\.talk: '>votar'"):
        transcripts.read(tmp_path / "odd.talk")


OPENINGS = {"es": ("votar", "hola", "español"), "en": ("vote", "hello", "english")}
"""The first words of somebody who comes to vote; none may cost more than another."""

FIRST = {language: [(word, "1", "3", "2", "1 4 6", "1") for word in words] for language, words in OPENINGS.items()}
FIRSTS = [*FIRST["es"], *FIRST["en"]]
AGAIN = ("votar", "2 5", "1")


def outbound(world: World, texts: tuple[str, ...], channel: str) -> list[Outbound]:
    return [message for text in texts for message in world.say(text, channel)]


@pytest.mark.parametrize("texts", FIRSTS, ids=lambda texts: texts[0])
@pytest.mark.parametrize("channel", TALKED)
def test_a_first_vote_takes_at_most_six_messages_each_way(channel: str, texts: tuple[str, ...], worlds: Worlds) -> None:
    world = worlds()
    assert len(texts) <= 6
    assert len(outbound(world, texts, channel)) <= 6
    assert len(world.rows(Ballot)) == 1


@pytest.mark.parametrize("channel", TALKED)
def test_voting_again_takes_at_most_six_messages_each_way(channel: str, worlds: Worlds) -> None:
    world = worlds()
    outbound(world, FIRST["es"][0], channel)
    assert len(AGAIN) <= 6
    assert len(outbound(world, AGAIN, channel)) <= 6


@pytest.mark.parametrize("texts", FIRSTS, ids=lambda texts: texts[0])
def test_a_whole_vote_by_sms_stays_within_its_segments(texts: tuple[str, ...], worlds: Worlds) -> None:
    world = worlds()
    first = outbound(world, texts, "sms")
    again = outbound(world, AGAIN, "sms")
    assert sum(m.segments for m in first) <= 9, [(m.segments, m.text) for m in first]
    assert sum(m.segments for m in again) <= 6, [(m.segments, m.text) for m in again]


@pytest.mark.parametrize("language", ["es", "en"])
def test_telegram_tells_the_bytes_of_no_message_beyond_its_limit(language: str, worlds: Worlds) -> None:
    world = worlds()
    for message in outbound(world, FIRST[language][0], "telegram"):
        assert len(message.text) <= 4096
        assert all(len(data.encode()) <= 64 for _label, data in message.buttons)
