"""A preview is what people then get, to the letter, on each channel."""

from dataclasses import replace

import pytest

from bot import preview
from bot.channels import gsm7
from flows.city import City
from storage.database import reading
from storage.definition import ReadConsultation
from storage.folder import read_folder
from tests.world import CARTAGENA, CHANNELS, World

(READ,) = read_folder(CARTAGENA).consultations


def city_of(world: World) -> City:
    with reading(world.desk.engine) as connection:
        return world.desk.catalogue(connection, None).city


def shown(world: World, channel: str, language: str, read: ReadConsultation = READ) -> list[list[str]]:
    found = preview.scenes(read, city_of(world), world.desk.channels, language)[channel]
    return [[message.text for message in scene.messages] for scene in found]


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_preview_is_what_people_then_get(little_world: World, channel: str, language: str) -> None:
    question, more, chosen, receipt, rules = shown(little_world, channel, language)
    vote, of_first, read_rules = {"es": ("votar", "más 1", "reglas"), "en": ("vote", "more 1", "rules")}[language]
    for text in (vote, "1", "1", "1"):
        got = little_world.say(text, channel)
    assert [message.text for message in got] == question
    assert [message.text for message in little_world.say(of_first, channel)] == more
    numbers = " ".join(line.partition(".")[0] for line in chosen[0].split("\n")[1:4])
    assert [message.text for message in little_world.say(numbers, channel)] == chosen
    told = little_world.say("1", channel)[0].text
    assert len(told) == len(receipt[0])
    assert told[:20] == receipt[0][:20]
    assert little_world.say(read_rules, channel)[-1].text.startswith(rules[0])


def test_what_an_sms_costs_is_told(little_world: World) -> None:
    found = preview.scenes(READ, city_of(little_world), little_world.desk.channels, "es")["sms"]
    for scene in found:
        assert scene.segments == sum(gsm7.segments(message.text) for message in scene.messages) > 0
        assert scene.letters == sum(len(message.text) for message in scene.messages)


def test_two_hundred_proposals_are_cut_into_messages_that_a_channel_takes(little_world: World) -> None:
    (model, *_others) = READ.proposals
    many = tuple(
        replace(model, id=f"p{n:03}", number=n, title={"es": f"{n} " + "á" * 56, "en": f"{n} " + "b" * 56})
        for n in range(1, 201)
    )
    read = replace(READ, proposals=many, rules={**READ.rules, "most": 20})
    for channel, most in preview.CHANNELS.items():
        texts = [text for scene in shown(little_world, channel, "es", read) for text in scene]
        assert max(map(len, texts)) <= most
        assert any("200. " in text for text in texts)


def test_where_a_document_has_to_be_shown_that_is_what_one_sees(little_world: World) -> None:
    read = replace(READ, rules={**READ.rules, "identity": "document"})
    question, rules = shown(little_world, "telegram", "es", read)
    assert "documento" in question[0]
    assert "documento" in rules[0]


def test_a_preview_writes_nothing(little_world: World) -> None:
    city = city_of(little_world)
    little_world.statements.clear()
    preview.scenes(READ, city, little_world.desk.channels, "es")
    assert little_world.statements == []
