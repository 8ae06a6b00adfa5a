"""Answers: what people type on old phones, what keyboards add to it, and what nobody should ever send."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import register
from flows.answers import (
    MOST_CHARACTERS,
    FreeText,
    OwnPhone,
    PickOne,
    PickSome,
    YesOrNo,
    fold,
    numbers,
    pick_one,
    pick_some,
    tidy,
    yes_or_no,
)
from flows.language import Local, NotUnderstood, Option, Said, StillChoosing, Text

TWELVE = [Option(f"p{n:02}", Local({"es": f"Propuesta número {n}, así"}), f"Corta {n}") for n in range(1, 13)]
SEXES = [Option("m", "Masculino"), Option("f", "Femenino", words=("mujer",)), Option("nb", "No binario")]
KEYCAP = "\ufe0f\u20e3"
HOSTILE = [
    "", " ", "\x00", "1\x00", "\ud800", "\udfff1", "\u202e1\u202c", "\u200b1\u200d", "\ufeff", "1\ufe0f\u20e3", "١",
    "१",     "Ⅳ", "½", "²", "1" * 5000, "9" * 4096, "-" * 5000, "\u0301" * 5000, "👩‍👩‍👧‍👦", "' OR 1=1 --",
    "{0.__class__}", "%s%n",
    "\r\n\r\n1", "<script>", "=p01+p02", "+", "=", "p01", "٤ ٦", "Ǆ", "ﷺ" * 1000, "\U000e0031", "1e3", "0x1", "٠",
]  # fmt: skip


def says(phrase: Any) -> str:
    if isinstance(phrase, Local):
        return phrase.by_language["es"]
    return phrase.msgid if isinstance(phrase, Text) else str(phrase)


def said(text: str) -> Said:
    return Said(text=text, says=says)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("  dos   espacios ", "dos espacios"),
        ("1\ufe0f\u20e3", "1"),
        ("a\x00b", "ab"),
        ("\ud800hola\udfff", "hola"),
        ("\u202ehola\u202c", "hola"),
        ("ho\u200bla\u200d", "hola"),
        ("\ufeffhola", "hola"),
        ("so\u00adftware", "software"),
        ("１２", "12"),
        ("línea\nnueva\ty\rmás", "línea nueva y más"),
        ("cafe\u0301", "café"),
        ("", ""),
    ],
)
def test_a_text_is_tidied_to_what_is_seen(typed: str, seen: str) -> None:
    assert tidy(typed) == seen


def test_a_huge_text_is_cut_before_it_is_read() -> None:
    assert len(tidy("a" * 2_000_000)) == MOST_CHARACTERS


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_plain_letters_are_tidied_as_all_others_are(typed: str) -> None:
    """Most messages have no other, and are spared the search for what cannot be in them."""
    assert tidy(typed) == tidy(f"{typed}\u200b")
    assert fold(typed) == fold(f"{typed}\u0301")


@pytest.mark.parametrize(
    ("typed", "folded"),
    [("¡SÍ!", "si"), ("Menú", "menu"), ("«Ñandú»", "«nandu»"), ("  Opción 2. ", "opcion 2"), ("¿Qué?", "que")],
)
def test_folding_forgets_case_accents_and_marks_at_the_ends(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        ("1 4 6", [1, 4, 6]),
        ("1,4,6", [1, 4, 6]),
        ("1-4-6", [1, 4, 6]),
        ("1–4—6", [1, 4, 6]),
        ("1/4/6", [1, 4, 6]),
        ("1. 4. 6.", [1, 4, 6]),
        ("1) 4) 6)", [1, 4, 6]),
        ("1\n4\n6", [1, 4, 6]),
        ("#1 #4", [1, 4]),
        ("1+4&6", [1, 4, 6]),
        ("1 y 4", [1, 4]),
        ("1 and 4", [1, 4]),
        ("uno, cuatro y seis", [1, 4, 6]),
        ("one, four and six", [1, 4, 6]),
        ("UNO Y DIECISÉIS", [1, 16]),
        ("la 1 y la 4", [1, 4]),
        ("opción 2", [2]),
        ("número doce", [12]),
        (f"1{KEYCAP}", [1]),
        (f"1{KEYCAP} 4{KEYCAP}", [1, 4]),
        ("１ ４", [1, 4]),
        ("١ ٤", [1, 4]),
        ("१", [1]),
        ("\u202e1 4\u202c", [1, 4]),
        ("1\u200b 4", [1, 4]),
        ("007", [7]),
        ("3 3", [3, 3]),
        ("146", [146]),
        ("", None),
        ("y", None),
        ("1 perro", None),
        ("perro", None),
        ("1x4", None),
        ("-", None),
        ("1234567", None),
        ("½", None),
    ],
)
def test_numbers_are_read_as_people_list_them(typed: str, listed: list[int] | None) -> None:
    assert numbers(typed) == listed


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("2", "f"),
        (" 2. ", "f"),
        ("opción 2", "f"),
        ("dos", "f"),
        (f"2{KEYCAP}", "f"),
        ("２", "f"),
        ("٢", "f"),
        ("Femenino", "f"),
        ("FEMENINO!", "f"),
        ("mujer", "f"),
        ("no binario", "nb"),
        ("m", "m"),
        ("m\x00", "m"),
    ],
)
def test_one_option_is_understood_by_number_word_and_name(typed: str, value: str) -> None:
    assert pick_one(SEXES).read(said(typed)) == value


@pytest.mark.parametrize("typed", ["", "0", "4", "1 2", "12", "masculino femenino", "femeni", "99999999999", "?"])
def test_what_could_be_two_options_or_none_is_asked_again(typed: str) -> None:
    with pytest.raises(NotUnderstood):
        pick_one(SEXES).read(said(typed))


def test_two_options_of_one_name_are_asked_again() -> None:
    with pytest.raises(NotUnderstood):
        pick_one([Option("a", "Centro"), Option("b", "Centro")]).read(said("centro"))


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1 4 6", ["p01", "p04", "p06"]),
        ("6 4 1", ["p01", "p04", "p06"]),
        ("uno, cuatro y seis", ["p01", "p04", "p06"]),
        ("1-4-6", ["p01", "p04", "p06"]),
        ("12", ["p12"]),
        ("3 3", ["p03"]),
        ("3 3 3 3 3", ["p03"]),
        ("1 1 4 4 6 6", ["p01", "p04", "p06"]),
        ("Propuesta número 5, así", ["p05"]),
        ("corta 7", ["p07"]),
        (f"1{KEYCAP} 4{KEYCAP}", ["p01", "p04"]),
    ],
)
def test_choices_come_in_list_order_and_each_once(typed: str, value: list[str]) -> None:
    assert pick_some(TWELVE, 1, 3).read(said(typed)) == value


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("146", "Please leave a space between the numbers, like this: {spaced}"),
        ("13", "Please leave a space between the numbers, like this: {spaced}"),
        ("20", "There is no option {number}. The list goes from 1 to {n}."),
        ("33", "There is no option {number}. The list goes from 1 to {n}."),
        ("1 13", "There is no option {number}. The list goes from 1 to {n}."),
        ("1 0", "There is no option {number}. The list goes from 1 to {n}."),
        ("14 6", "There is no option {number}. The list goes from 1 to {n}."),
        ("1 2 3 4", "You chose {chosen}. You can choose up to {most}."),
        ("la de los parques", "Reply with numbers from 1 to {n}, like this: {example}"),
        ("", "Reply with numbers from 1 to {n}, like this: {example}"),
    ],
)
def test_unclear_choices_get_a_hint_that_fits(typed: str, hint: str) -> None:
    with pytest.raises(NotUnderstood) as confusion:
        pick_some(TWELVE, 1, 3).read(said(typed))
    assert isinstance(confusion.value.hint, Text)
    assert confusion.value.hint.msgid == hint


def test_too_few_choices_are_told_how_many_are_needed() -> None:
    with pytest.raises(NotUnderstood) as confusion:
        pick_some(TWELVE, 2, 3).read(said("4"))
    assert isinstance(confusion.value.hint, Text)
    assert confusion.value.hint.n == 2


@pytest.mark.parametrize(
    ("pressed", "selected"),
    [("p01", ("p01",)), ("p04+p01", ("p01", "p04")), ("", ()), ("p01+p01", ("p01",)), ("p01+p02", ("p01", "p02"))],
)  # fmt: skip
def test_pressing_keeps_choosing_until_it_is_finished(pressed: str, selected: tuple[str, ...]) -> None:
    with pytest.raises(StillChoosing) as choosing:
        pick_some(TWELVE, 1, 3).read(Said(pressed=pressed))
    assert choosing.value.selected == selected


@pytest.mark.parametrize("pressed", ["p01+p02+p03+p04", "=p01+p02+p03+p04", "=", "=p99", "p99", "=p01+", "=p01+x"])
def test_a_button_that_chooses_too_much_too_little_or_nothing_known_records_nothing(pressed: str) -> None:
    reader = pick_some(TWELVE, 1, 3)
    try:
        value = reader.read(Said(pressed=pressed))
    except NotUnderstood:
        return
    assert reader.still(value)


def test_the_finishing_button_gives_the_choices() -> None:
    assert pick_some(TWELVE, 1, 3).read(Said(pressed="=p04+p01")) == ["p01", "p04"]


@pytest.mark.parametrize(
    ("typed", "value"),
    [("sí", True), ("SI", True), ("1", True), ("dale", True), ("ok", True), ("y", True), ("yes", True),
     ("no", False), ("2", False), ("No.", False), ("cambiar", False), ("no acepto", False)],
)  # fmt: skip
def test_yes_and_no_in_their_many_words(typed: str, value: bool) -> None:
    assert yes_or_no().read(said(typed)) is value


@pytest.mark.parametrize("typed", ["tal vez", "sí no", "3", "", "1 2", "no sé"])
def test_neither_yes_nor_no_is_never_taken_for_yes(typed: str) -> None:
    with pytest.raises(NotUnderstood):
        yes_or_no().read(said(typed))


@pytest.mark.parametrize("typed", ["", "   ", "\u200b", "\x00", "\ud800", "x" * 301])
def test_a_free_text_must_say_something_and_not_too_much(typed: str) -> None:
    with pytest.raises(NotUnderstood):
        FreeText().read(said(typed))


def test_a_free_text_is_kept_as_it_is_seen() -> None:
    assert FreeText().read(said("  Bocagrande\x00\u202e ")) == "Bocagrande"


def test_a_shared_phone_answers_and_so_does_declining() -> None:
    reader = OwnPhone((Option("-", "Not now", words=("no",)),))
    assert reader.read(Said(phone="+573001112233")) == "+573001112233"
    assert reader.read(said("no")) == "-"
    with pytest.raises(NotUnderstood):
        reader.read(said("+573001112233"))


READERS: Sequence[PickOne | PickSome | YesOrNo | FreeText | OwnPhone] = [
    pick_one(SEXES),
    pick_one(TWELVE),
    pick_some(TWELVE, 1, 3),
    pick_some(TWELVE, 2, 2),
    pick_some(TWELVE, 1, 1),
    yes_or_no(),
    FreeText(40),
    OwnPhone((Option("-", "Not now"),)),
]

ANYTHING = st.one_of(
    st.text(st.characters(), max_size=60),
    st.text(st.characters(categories=["Cs", "Cf", "Cc", "Nd", "Nl", "No", "Mn"]), max_size=30),
    st.text(" 0123456789,-yp+=", max_size=20),
    st.sampled_from(HOSTILE),
)


def check(reader: PickOne | PickSome | YesOrNo | FreeText | OwnPhone, told: Said) -> None:
    try:
        value = reader.read(told)
    except (NotUnderstood, StillChoosing):
        return
    assert reader.still(value)


@given(st.sampled_from(READERS), ANYTHING)
def test_any_text_is_either_an_answer_that_still_holds_or_not_understood(reader: Any, text: str) -> None:
    check(reader, said(text))


@given(st.sampled_from(READERS), ANYTHING)
def test_any_button_is_either_an_answer_that_still_holds_or_not_understood(reader: Any, data: str) -> None:
    check(reader, Said(pressed=data))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: type(reader).__name__)
def test_no_hostile_text_breaks_a_reader(reader: Any, text: str) -> None:
    check(reader, said(text))
    check(reader, Said(pressed=text))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: type(reader).__name__)
@pytest.mark.parametrize("value", [None, 1, [], ["p99"], ["p01", ["p02"]], {"a": 1}, "p99", [None]])
def test_no_recorded_value_breaks_the_question_whether_it_still_holds(reader: Any, value: Any) -> None:
    assert reader.still(value) in (True, False)


@given(ANYTHING)
def test_any_text_can_be_looked_up_among_the_words(text: str) -> None:
    assert register.called(text) in (None, *register.FLOWS)
    register.goes_back(text)
    register.leaves(text)


@pytest.mark.parametrize(
    ("typed", "flow"),
    [("/vote", "vote"), ("VOTAR", "vote"), ("  votar! ", "vote"), ("/otra_persona", "household"), ("menú", "menu"),
     ("Español", "spanish"), ("vo\u200btar", "vote"), ("ｖｏｔａｒ", "vote"), ("quiero votar", "vote"),
     ("votaré", None), ("", None), ("1", None), ("/", None)],
)  # fmt: skip
def test_words_open_conversations_with_or_without_a_slash(typed: str, flow: str | None) -> None:
    assert register.called(typed) == flow


@pytest.mark.parametrize("typed", ["0", "atrás", "ATRAS", "back", " 0. ", f"0{KEYCAP}", "０"])
def test_back_is_understood_alone(typed: str) -> None:
    assert register.goes_back(typed)


@pytest.mark.parametrize("typed", ["00", "10", "1 0", "cero", ""])
def test_what_only_holds_a_zero_is_not_back(typed: str) -> None:
    assert not register.goes_back(typed)


def test_no_word_opens_two_conversations_or_is_taken_by_back_or_leave() -> None:
    words = [word for words in register.WORDS.values() for word in {fold(word) for word in words}]
    assert len(words) == len({*words})
    assert not [word for word in words if register.goes_back(word) or register.leaves(word)]
