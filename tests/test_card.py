"""The result card: light, wide enough, and never broken by what stands in a title."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bot.channels.telegram import TelegramSender, TelegramShape
from bot.messages import Outbound, Reply
from bot.speech import Speaker
from cli.provider_rules import telegram_error
from cli.standins import Standins
from flows.consultation import Proposal
from flows.language import Local
from storage.catalogue import PlaceRow
from storage.consultations import ConsultationRow
from storage.contacts import Person
from tests.test_site import PAGE, client_of, count_and_publish, people_vote, rewrite
from tests.world import World
from web import card
from web.record import Line, Record


def lines(titles: list[str], tied: bool = False) -> list[Line]:
    found = []
    for number, title in enumerate(titles, 1):
        proposal = Proposal(f"p{number:02}", number, Local({"es": title}), Local({}), Local({}))
        found.append(Line(proposal, 100 - number, number, tied, max(1, 100 - number)))
    return found


def picture(titles: list[str], title: str = "Consulta", tied: bool = False) -> Image.Image:
    made = card.draw(
        title, "8 personas votaron.", Record(8, 16, lines(titles, tied), [], []), "cuenta.test", Speaker("es").say
    )
    assert len(made) <= 60_000
    return Image.open(io.BytesIO(made))


@pytest.mark.parametrize("number", [0, 1, 5, 200])
def test_it_is_drawn_for_any_number_of_proposals(number: int) -> None:
    found = picture([f"Propuesta número {n}" for n in range(number)])
    assert found.width == 1080
    assert 200 < found.height < 1600


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=6), st.text(max_size=300))
def test_whatever_stands_in_a_title_it_is_drawn(titles: list[str], title: str) -> None:
    assert picture(titles, title, tied=True).width == 1080


def shape(letter: str) -> bytes:
    drawn = Image.new("L", (60, 60))
    ImageDraw.Draw(drawn).text((5, 5), letter, 255, card._font(40))
    return drawn.tobytes()


def test_letters_of_spanish_have_a_form_of_their_own() -> None:
    """Letters that a font lacks all look alike."""
    letters = "áéíóúñÑ¿¡üÁÉÍÓÚ"
    assert len({shape(letter) for letter in (*letters, "\u0530")}) == len(letters) + 1


def test_only_published_results_have_one_and_in_both_languages(world: World, tmp_path: Path) -> None:
    client = client_of(world)
    people_vote(world)
    assert client.get(f"{PAGE}/tarjeta.png").status_code == 404
    count_and_publish(world, tmp_path / "public")
    spanish, english = client.get(f"{PAGE}/tarjeta.png"), client.get(f"/en{PAGE}/tarjeta.png")
    assert spanish.content_type == english.content_type == "image/png"
    assert spanish.data != english.data
    assert f'content="https://cuenta.example.test{PAGE}/tarjeta.png"' in client.get(PAGE).text


def test_it_follows_a_correction_of_the_citys_words(world: World, tmp_path: Path) -> None:
    people_vote(world)
    count_and_publish(world, tmp_path / "public")
    client = client_of(world)
    before = client.get(f"{PAGE}/tarjeta.png").data
    rewrite(world, ConsultationRow, title=json.dumps({"es": "Otro título", "en": "Another title"}))
    assert client.get(f"{PAGE}/tarjeta.png").data != before


# In the chats


def ask_for_results(world: World, channel: str, place: str | None) -> list[Outbound]:
    world.say("resultados", channel, 30)  # so that the contact is there
    world.say("votar", channel, 30)
    if place is not None:
        rewrite(world, Person, place=place)
    return world.say("resultados", channel, 30)


def places(world: World, profile: str) -> str:
    """A barrio whose place in the tree has this profile."""
    rewrite(world, PlaceRow, profile=profile)
    return next(str(row["code"]) for row in world.rows(PlaceRow) if row["kind"] == "barrio")


@pytest.fixture
def told(little_world: World, tmp_path: Path) -> World:
    """Results are published; somebody who agreed asks for them."""
    for channel in ("telegram", "whatsapp", "sms", "web"):
        for text in ("votar", "1"):
            little_world.say(text, channel, 30)
    people_vote(little_world)
    count_and_publish(little_world, tmp_path / "public")
    return little_world


@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "sms", "web"])
@pytest.mark.parametrize("profile", ["good", "low", "sms", None])
def test_a_picture_goes_only_where_the_network_is_good(told: World, channel: str, profile: str | None) -> None:
    got = ask_for_results(told, channel, places(told, profile) if profile else None)
    pictures = [message.picture for message in got if message.picture]
    wanted = profile == "good" and channel in ("telegram", "whatsapp")
    assert pictures == ([f"https://cuenta.example.test{PAGE}/tarjeta.png"] if wanted else [])
    assert "8 personas" in "".join(message.text for message in got), "the text is whole without it"


def test_a_telegram_caption_or_a_picture_of_its_own() -> None:
    shape = TelegramShape().shape
    one = shape(Reply("corto", picture="https://a.test/p.png"))
    assert [(bool(m.text), bool(m.picture)) for m in one] == [(True, True)]
    two = shape(Reply("largo " * 300, picture="https://a.test/p.png"))
    assert [(bool(m.text), bool(m.picture)) for m in two] == [(True, False), (False, True)]


@pytest.mark.parametrize("refused", ["wrong file identifier/HTTP URL specified", "failed to get HTTP URL content"])
def test_a_picture_that_telegram_refuses_goes_without_and_once(refused: str) -> None:
    async def scene() -> None:
        async with Standins() as standins:
            sender = TelegramSender(standins.token, standins.telegram_url)
            standins.fail(status=400, body=telegram_error(400, f"Bad Request: {refused}"))
            message = Outbound("Los resultados", picture="https://a.test/p.png")
            await sender.send("700900401", message, 1)
            await sender.close()
            assert [(m.text, m.picture) for m in standins.sent] == [("Los resultados", "")]

    asyncio.run(scene())


@pytest.mark.parametrize(("profile", "seen"), [("good", 1), ("low", 0), (None, 0)])
def test_the_progress_of_a_commitment_comes_as_a_picture_once(world: World, profile: str | None, seen: int) -> None:
    for text in ("votar", "1"):
        world.say(text)
    if profile is not None:
        rewrite(world, Person, place=places(world, profile))
    messages = [message for text in ("hitos", "1", "1") for message in world.say(text)]
    page = "https://cuenta.example.test/plan/cartagena-cuenta/tarjeta.png"
    assert [message.picture for message in messages if message.picture] == [page] * seen
    assert all(message.text for message in messages if not message.picture)
