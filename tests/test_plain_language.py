"""The Spanish messages are plain, and say usted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot import plain
from flows.office import ENOUGH
from flows.profile import SKIP
from flows.register import LEAVE, WORDS

ROOT = Path(__file__).parent.parent
MOST_CHARACTERS = 300
"""About five short lines on a phone."""

COMMANDS = {w.upper() for words in (*WORDS.values(), LEAVE, SKIP.words, ENOUGH.words) for w in words}
COMMANDS |= {"CSV", "PDF", "QR", "SMS", "XLSX"}
"""Words in capitals that need no explaining: those that people write here, and the name they know a code by."""

VALUES = {
    "date": "16 de noviembre de 2022", "example": "1 3", "language": "Español", "why": "Faltó una propuesta.",
    "closes": "domingo 27 de noviembre, 11:59 p. m.", "hour": "lunes 21 de noviembre, 3:00 p. m.", "least": "1",
    "name": "WhatsApp", "numbers": "4, 6", "opens": "lunes 21 de noviembre, 12:01 a. m.",
    "channel": "WhatsApp", "chosen": "4", "city": "Cartagena de Indias", "code": "K7M2QP9XAB", "ending": "4567",
    "day": "lunes 21 de noviembre, 11:59 p. m.", "most": "3", "n": "3", "number": "4", "place": "1", "spaced": "1 4 6",
    "title": "Cuentas claras todo el año", "value": "Mujer", "page": "cuenta.gov.co/plan", "answer": "Iremos.",
    "answered": "2", "committee": "Comité de Seguimiento", "due": "3", "first": "febrero de 2023",
    "grade": "Cumplido", "last": "marzo de 2023", "late": "2", "month": "marzo de 2023", "no": "2",
    "office": "Oficina de Obras", "offices": "Oficina de Obras", "open": "2", "said": "Validado",
    "seat": "Academia 1", "sector": "Academia", "silent": "2", "state": "En curso", "when": "febrero de 2023",
    "yes": "7", "after": "marzo de 2023", "before": "enero de 2023", "clear": "4,2", "heard": "3,8",
    "typed": "1 4 6 9", "listed": "4. Plazas con sombra", "sent": "40", "took": "3 horas",
    "lane": "sms", "failed": "2", "of": "3", "login": "participacion", "hours": "72", "who": "participacion", "id": "3",
    "zone": "America/Bogota", "letter": "á", "line": "3",
    "address": "+57 300 123 4567", "slug": "parques", "phase": "abierta",
    "known": "1, 2", "reason": "está dañado.", "word": "VOTAR",
    "answers": "Masculino / Femenino", "papers": "12", "places": "El Recreo (13)",
    "rows": "11", "slips": "20", "valid": "10",
    "blank": "2", "void": "1", "roles": "Aprobar lo que otros piden",
    "silence": "dos años",
    "monitor": "Universidad vecina", "plan": "Plan de 2023", "days": "7",
    "kind": "Ver sus datos",
    "locator": "K7M2QP9X", "mark": "K7M2-QP9X-A1B2",
    "text": "Son veinte bancas.", "idea": "Sembrar árboles en el parque", "words": "Sembrar árboles",
    "waiting": "4", "soon": "2", "today": "1",
    "what": "otras noticias",
    "key": "K7M2-QP9X-AB3D-E5FG", "knows": "Telegram", "link": "cuenta.gov.co/denuncia",
    "pesos": "20.000", "daily": "400.000", "spent": "20.000", "reached": "72", "people": "85", "read": "20",
    "opted_out": "6", "list": "Mujer", "letters": "la estrella",
}  # fmt: skip
"""Plausible words for the places of a message. A new place needs one here."""


def spanish() -> Iterator[tuple[str, set[str]]]:
    """Every form of every message as people read it, with the files that say it."""
    with (ROOT / "locales/es/LC_MESSAGES/cuenta.po").open("rb") as file:
        for message in read_po(file, locale="es"):
            forms = [message.string] if isinstance(message.string, str) else message.string or ()
            for form in forms if message.id else ():
                yield plain.filled(form, VALUES), {name for name, _line in message.locations}


MESSAGES = list(spanish())


def of_file(name: str) -> str:
    """All that one conversation says. A list of words to write is looked up, not read: like a list of proposals."""
    listed = re.compile(r"(?:\b[A-ZÁÉÍÓÚÑ]{2,}(?: [A-ZÁÉÍÓÚÑ]{2,})?, ){3,}[A-ZÁÉÍÓÚÑ]{2,}")
    return "\n".join(listed.sub("", text) for text, files in MESSAGES if name in files)


FILES = sorted({file for _text, files in MESSAGES for file in files})


def said_in(name: str) -> list[str]:
    """Every message that a file says."""
    return [text for text, files in MESSAGES if name in files]


@pytest.mark.parametrize("name", FILES)
def test_a_message_keeps_the_rules(name: str) -> None:
    found = {text: plain.faults(text, COMMANDS) for text in said_in(name)}
    assert {text: faults for text, faults in found.items() if faults} == {}


@pytest.mark.parametrize("name", FILES)
def test_a_message_fits_a_small_screen(name: str) -> None:
    assert [text for text in said_in(name) if len(text) > MOST_CHARACTERS] == []


def place(file: str) -> str:
    """What is measured as one text: a file; the console's pages together, as one of them is mostly labels."""
    return "the console" if "console/" in file else file


@pytest.mark.parametrize("name", sorted({place(file) for _text, files in MESSAGES for file in files}))
def test_a_conversation_is_easy_to_read(name: str) -> None:
    files = {file for _text, told in MESSAGES for file in told if place(file) == name}
    measured = plain.measure("\n".join(of_file(file) for file in sorted(files)))
    assert measured.inflesz >= plain.EASY, f"{measured.inflesz:.1f} ({measured.band})"


def test_every_place_has_a_plausible_word() -> None:
    assert [text for text, _files in MESSAGES if plain.PLACE.search(text)] == [], "add the word to VALUES"


def test_a_date_does_not_end_a_sentence() -> None:
    assert [text for text, _files in MESSAGES if "p. m.." in text] == [], "an hour ends in a full stop of its own"


def test_the_first_message_says_what_why_how_long_and_who() -> None:
    (text,) = (text for text, files in MESSAGES if "flows/consent.py" in files and text.startswith("Hola"))
    for told in ("guardamos", "participa", "dos años", "borr", "Telegram", "Twilio", "Meta", "PRIVACIDAD", "ENGLISH"):
        assert told in text


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ("Para votar debe escribir " + "uno " * 17, "long sentence"),
        ("De conformidad con la norma, vote.", "word to avoid"),
        ("Puede radicar su queja.", "word to avoid"),
        ("Guarde su recibo. Muestre el mismo.", "word to avoid"),
        ("Consulte el PAA de la ciudad.", "sigla not explained"),
        ("Hable con la Unidad (UCG) o la JAC.", "sigla not explained"),
        ("Actualmente vota rápidamente.", "adverbs in -mente"),
        ("Vote hoy; o mañana; o nunca.", "too many marks"),
        ("Su voto (uno) y su recibo (otro).", "too many marks"),
        ("Guardamos tu voto.", "tú"),
        ("¿Quieres votar?", "tú"),
        ("Si cambias de idea, escribe VOTAR.", "tú"),
        ("Para votar: elige hasta 3.", "tú"),
        ("Ya votaste.", "tú"),
        ("Podrás cambiarlo.", "tú"),
    ],
)
def test_each_rule_bites(bad: str, rule: str) -> None:
    assert [fault for fault in plain.faults(bad, COMMANDS) if fault.startswith(rule)]


@pytest.mark.parametrize(
    "good",
    [
        "Twilio también lo ve. Lo que usted escribe aquí queda guardado.",
        "Vuelva atrás. Además, existe otro recibo del mismo día.",
        "Escriba VOTAR u OTRA PERSONA.",
        "La Unidad Comunera de Gobierno (UCG) es de todos.",
        "Vote hasta las 4 p. m. del martes.",
    ],
)
def test_no_rule_bites_plain_spanish(good: str) -> None:
    assert plain.faults(good, COMMANDS) == []


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("economía", 5), ("participación", 5), ("ciudadanía", 5), ("rendición", 3), ("cuentas", 2), ("ahora", 3),
        ("aéreo", 4), ("guía", 2), ("transparencia", 4), ("obra", 2), ("alcaldía", 4), ("oigo", 2), ("río", 2),
        ("país", 2), ("cooperación", 5), ("veeduría", 5), ("búho", 2), ("amigo", 3), ("denuncia", 3), ("anónima", 4),
        ("barrio", 2), ("contrato", 3), ("presupuesto", 4), ("y", 1), ("muy", 1), ("hay", 1), ("averigüe", 4),
        ("pingüino", 3), ("quiere", 2), ("guitarra", 3), ("vergüenza", 3),
    ],
)  # fmt: skip
def test_syllables_are_counted_as_spanish_counts_them(word: str, count: int) -> None:
    assert plain.syllables(word) == count


PLAIN_REWRITE = (
    "Cuéntenos cómo se gasta la plata de la ciudad. Queremos saberlo todo el año."
    " Usted puede preguntar y opinar. También iremos a su barrio."
)
PROPOSAL_AS_PRINTED = (
    "Estrategia de rendición de cuentas y de acceso a la información pública sobre cómo se gastan los recursos,"
    " ejecución presupuestal, manejo de las finanzas públicas, avances del Plan de Desarrollo y de Fondos de Desarrollo"
    " Local. Debe manejar información clara y sencilla, así como documentos técnicos de soporte (que especifique"
    " información sobre las poblaciones impactadas), y debe ser permanente, no limitada a un evento anual o semestral,"
    " con posibilidad de controversión por parte de la ciudadanía y con actividades descentralizadas para garantizar el"
    " enfoque territorial (localidades, UCG, zonas rurales) y el acceso a la información de comunidades con problemas"
    " de conectividad."
)


@pytest.mark.parametrize(
    ("text", "counts", "inflesz", "fernandez_huerta", "crawford", "band"),
    [
        (PLAIN_REWRITE, (24, 4, 46), 81.43, 85.72, 2.57, "muy fácil"),
        (PROPOSAL_AS_PRINTED, (101, 2, 237), 10.15, 14.54, 7.69, "muy difícil"),
    ],
)
def test_the_formulas_give_the_known_values(
    text: str, counts: tuple[int, int, int], inflesz: float, fernandez_huerta: float, crawford: float, band: str
) -> None:
    measured = plain.measure(text)
    assert (measured.words, measured.sentences, measured.syllables) == counts
    assert measured.inflesz == pytest.approx(inflesz, abs=0.01)
    assert measured.fernandez_huerta == pytest.approx(fernandez_huerta, abs=0.01)
    assert measured.crawford == pytest.approx(crawford, abs=0.01)
    assert measured.band == band
