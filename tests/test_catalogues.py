"""The catalogues hold every message of the code in both languages, and what they say by SMS keeps its price."""

import gettext
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from bot import speech
from bot.channels import gsm7
from bot.channels.twilio import LISTED_TITLE, REPLY_TITLE
from flows import menu, office, privacy, profile
from flows.answers import fold
from flows.city import City
from flows.consent import consent
from flows.consultation import Cast, Consultation, Proposal
from flows.language import Ask, Local, Phrase
from flows.people import Facts
from flows.register import LEAVE, WORDS, called
from flows.territory import Territory
from flows.vote import ballot, tell

ROOT = Path(__file__).parent.parent
LOCALES = ROOT / "locales"
CAPITALS = re.compile(r"\b[A-ZÁÉÍÓÚÑ]{2,}(?: [A-ZÁÉÍÓÚÑ]{2,})?\b")
NAMES = {"CSV", "PDF", "QR", "SMS", "XLSX"}
"""Names of things in capitals; nobody is asked to write them."""

SHARED = {"BAJA", "ALTA", *NAMES}
"""Words that both languages name: Twilio takes STOP for itself and would then refuse even our answers."""


def read(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def both(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The forms of a message: one, or two where it counts."""
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def places(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def pybabel(*arguments: str) -> None:
    CommandLineInterface().run(["pybabel", "-q", *arguments])  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the code marks today."""
    pot = tmp_path_factory.mktemp("marked") / "cuenta.pot"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        arguments = "extract -F babel.cfg -k many:1,2 --add-location=file --sort-output --omit-header -o"
        pybabel(*arguments.split(), str(pot), ".")
    return read(pot)


@pytest.fixture(params=speech.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(language: str) -> Catalog:
    return read(LOCALES / language / "LC_MESSAGES" / "cuenta.po", language)


@pytest.fixture
def speaker(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> speech.Speaker:
    """Speaks from the catalogue as it is now, compiled elsewhere."""
    compiled = tmp_path / "cuenta.mo"
    source = LOCALES / language / "LC_MESSAGES" / "cuenta.po"
    pybabel("compile", "-D", "cuenta", "-i", str(source), "-l", language, "-o", str(compiled))
    with compiled.open("rb") as file:
        translations = gettext.GNUTranslations(file)
    monkeypatch.setattr(speech, "catalogue", lambda _language: translations)
    return speech.Speaker(language)


def test_a_catalogue_holds_what_the_code_marks_and_nothing_else(marked: Catalog, catalogue: Catalog) -> None:
    assert {both(m.id) for m in messages(catalogue)} == {both(m.id) for m in messages(marked)}
    assert not catalogue.obsolete


def test_a_catalogue_says_where_each_message_is_said(marked: Catalog, catalogue: Catalog) -> None:
    def said(where: Catalog) -> dict[str, set[str]]:
        return {both(m.id)[0]: {name for name, _line in m.locations} for m in messages(where)}

    assert said(catalogue) == said(marked)


def test_a_catalogue_is_complete(catalogue: Catalog) -> None:
    assert [
        m.id for m in messages(catalogue) if not all(both(m.string)) or len(both(m.string)) != len(both(m.id))
    ] == []
    assert catalogue.plural_expr == "(n != 1)"
    assert catalogue.num_plurals == 2


def test_nothing_is_fuzzy(catalogue: Catalog) -> None:
    assert not catalogue.fuzzy
    assert [m.id for m in catalogue if m.fuzzy] == []


def test_both_sides_have_the_same_places(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        known = {frozenset(places(text)) for text in both(message.id)}
        assert {frozenset(places(text)) for text in both(message.string)} == known, message.id


def test_a_word_in_capitals_opens_something(catalogue: Catalog) -> None:
    other = {fold(word) for word in (*NAMES, *LEAVE, *profile.SKIP.words, *office.ENOUGH.words)}
    for message in messages(catalogue):
        for word in (found for text in both(message.string) for found in CAPITALS.findall(text)):
            assert called(word) or fold(word) in other, f"{word} in: {message.string}"


def named(text: str) -> set[str]:
    """The conversations a message names; the words of the two languages count as one."""
    flows = {called(word) or "other" for word in CAPITALS.findall(text)}
    return {"language" if flow in {"english", "spanish"} else flow for flow in flows}


def test_both_languages_name_the_same_conversations() -> None:
    for message in messages(read(LOCALES / "es/LC_MESSAGES/cuenta.po", "es")):
        assert named(both(message.string)[-1]) == named(both(message.id)[-1]), message.id


def test_a_person_writes_words_of_their_own_language() -> None:
    spoken = {}
    for language in speech.LANGUAGES:
        texts = [
            text
            for m in messages(read(LOCALES / language / "LC_MESSAGES/cuenta.po", language))
            for text in both(m.string)
        ]
        spoken[language] = {word for text in texts for word in CAPITALS.findall(text)}
    assert spoken["es"] & spoken["en"] <= SHARED
    assert {word.upper() for words in WORDS.values() for word in words} & spoken["es"]


def test_no_message_makes_an_sms_dearer_than_its_letters(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        if all(name.startswith("web/") for name, _line in message.locations):
            continue  # a page is not charged by the letter
        for text in both(message.string):
            assert len(gsm7.plain(text)) == len(text), f"a character without a form in GSM-7: {text}"


def test_titles_fit_the_buttons_of_a_chat(speaker: speech.Speaker) -> None:
    for option in (*menu.CHOICES, *privacy.CHOICES, profile.SKIP, profile.NOT_HERE):
        assert len(speaker.say(option.label)) <= LISTED_TITLE
    for question in asked():
        if len(question.reader.options) == 2:
            assert all(len(speaker.say(option.label)) <= REPLY_TITLE for option in question.reader.options)


CITY = City(
    name=Local({"es": "Cartagena de Indias"}),
    zone="America/Bogota",
    help=Local({}),
    emergency=Local({}),
    privacy=Local({}),
    questions={},
    territory=Territory({}),
)
CONSULTATION = Consultation(
    slug="long-titles",
    title=Local({"es": "T" * 60}),
    proposals=tuple(
        Proposal(f"p{n:02}", n, Local({"es": "t" * 60}), Local({"es": "t" * 28}), Local({})) for n in range(1, 13)
    ),
    least=1,
    most=3,
    opens=datetime(2022, 11, 15, 8, tzinfo=UTC),
    closes=datetime(2022, 11, 23, 23, 59, tzinfo=UTC),
)


def asked() -> Iterator[Ask[object]]:
    """The questions of a first vote: consent, the ballot, and whether it is right."""
    yield question(next(consent(Facts(), CITY)))
    talk = ballot(CONSULTATION, voted=False)
    yield question(next(talk))
    yield question(talk.send(["p10", "p11", "p12"]))


def question(step: object) -> Ask[object]:
    assert isinstance(step, Ask)
    return step


def by_sms(speaker: speech.Speaker, text: Phrase, labels: list[Phrase]) -> str:
    listed = [f"{n}. {speaker.say(label)}" for n, label in enumerate(labels, 1)]
    return gsm7.plain("\n".join([speaker.say(text), *listed]))


def test_a_first_vote_by_sms_keeps_its_price(speaker: speech.Speaker) -> None:
    texts = [
        by_sms(speaker, ask.short or ask.text, [o.short or o.label for o in ask.reader.options]) for ask in asked()
    ]
    assert [gsm7.segments(text) for text in texts] == [2, 3, 1], texts


@pytest.mark.parametrize("status", ["counted", "changed"])
def test_a_receipt_is_one_sms(speaker: speech.Speaker, status: str) -> None:
    said = tell(Cast(status, "K7M2QP9XAB"), CONSULTATION)
    text = by_sms(speaker, said.short or said.text, [])
    assert gsm7.segments(text) == 1, text
    assert "K7M2QP9XAB" in text
