"""GSM-7: which letters stay, which change, and where a segment ends (channels.md 3.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.gsm7 import INSTEAD, plain, segments
from bot.channels.twilio import SMS_LONGEST, SmsShape
from bot.messages import Reply
from storage.gsm7 import BASIC, EXTENDED
from storage.pages import sms_fault
from tests.world import ROOT

ALPHABET = BASIC | EXTENDED


@pytest.mark.parametrize(
    ("text", "as_sms"),
    [
        ("é É ñ Ñ ü Ü ¿ ¡ à è ì ò ù Ç", "é É ñ Ñ ü Ü ¿ ¡ à è ì ò ù Ç"),
        ("á í ó ú Á Í Ó Ú", "a i o u A I O U"),
        ("ª º « » ° · — – … “ ” ‘ ’ ` ç", 'a o " " o . - - ... " " \' \' \' c'),
        ("Votación: ¿cuál?", "Votacion: ¿cual?"),
        ("a\u00a0b\u202fc\u2009d\te", "a b c d e"),
        ("9:30\u202fa.\u00a0m.", "9:30 a. m."),
        ("1️⃣ Sí ✓", "1 Si *"),
        ("hola 👋\u200b", "hola "),
        ("COVID‑19, −5 °C, ≥18, ½ hora, 3×2", "COVID-19, -5 oC, >=18, 1/2 hora, 3x2"),
        ("a\u0301o\u0308", "aö"),
        ("ﬁn, 5 m², № 3, €20", "fin, 5 m2, No 3, €20"),
        ("{x} [y] ~ | \\ ^", "{x} [y] ~ | \\ ^"),
        ("line\nbreak\r\n", "line\nbreak\r\n"),
        ("مرحبا", ""),
        ("\ud800lone\x00", "lone"),
    ],
)
def test_letters_that_are_not_in_the_alphabet_get_the_nearest_one(text: str, as_sms: str) -> None:
    assert plain(text) == as_sms


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("ñ" * 160, 1),
        ("€" * 80, 1),
        ("€" * 80 + "a", 2),
        ("a" * 158 + "{", 1),
        ("a" * 159 + "{", 2),
        ("a" * 304 + "€", 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # 306 septets, but the pair may not be cut in half
        ("í" * 70, 1),
        ("í" * 71, 2),
        ("í" * 134, 2),
        ("í" * 135, 3),
        ("👋" * 35, 1),
        ("👋" * 36, 2),
        ("👋" * 66, 2),
        ("👋" * 67, 3),  # 134 units, but 33 pairs fit a part
        ("a" * 159 + "í", 3),
    ],
)
def test_segments_end_where_the_standard_says(text: str, number: int) -> None:
    assert segments(text) == number


@given(st.text())
def test_plain_text_is_always_in_the_alphabet(text: str) -> None:
    assert set(plain(text)) <= ALPHABET


@given(st.text(alphabet=sorted(ALPHABET)))
def test_what_is_in_the_alphabet_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@given(st.text(alphabet=sorted(ALPHABET), max_size=2000))
def test_segments_hold_every_septet(text: str) -> None:
    septets = sum(1 + (c in EXTENDED) for c in text)
    number = segments(text)
    assert number == 1 if septets <= 160 else 153 * number >= septets > 152 * (number - 1)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3000))
def test_no_sms_is_longer_than_it_may_be_and_each_knows_its_segments(text: str) -> None:
    for part in SmsShape().shape(Reply(text)):
        assert len(part.text) <= SMS_LONGEST
        assert part.segments == segments(part.text)
        assert set(part.text) <= ALPHABET


def test_what_stands_instead_is_in_the_alphabet_itself() -> None:
    assert set("".join(INSTEAD.values())) <= ALPHABET
    assert not set(INSTEAD) & ALPHABET
    assert (len(BASIC), len(EXTENDED)) == (127, 9)


def test_the_alphabet_is_written_in_one_place() -> None:
    files = (file for folder in ("bot", "cli", "flows", "storage", "web") for file in (ROOT / folder).rglob("*.py"))
    assert [file.name for file in files if "ΦΓΛ" in file.read_text(encoding="utf-8")] == ["gsm7.py"]


def test_a_line_of_a_city_s_text_may_have_every_letter_of_one_place() -> None:
    assert sms_fault("".join(sorted(BASIC - {"\r", "\n"}))) is None
    assert all(sms_fault(c) for c in EXTENDED | {"\r", "\n"})
