"""How plain a Spanish text is: syllables, the three readability formulas, and the rules a message must keep.

The rules are those of the Guía de lenguaje claro para servidores públicos de Colombia (DNP, 2015) as far as a machine
can check them; the list of words to avoid and the thresholds for marks are our own.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

STRONG = "aeoáéó"
ACCENTED_WEAK = "íú"
VOWELS = "aeiouáéíóúü"

MOST_WORDS = 20
"""Words in a sentence."""

EASY = 65
"""From this INFLESZ value a text is "bastante fácil" (Barrio, 2007); each conversation must reach it as a whole."""

BANDS = ((80, "muy fácil"), (65, "bastante fácil"), (55, "normal"), (40, "algo difícil"))

AVOIDED = (
    r"de conformidad con", r"en aras de", r"con el fin de", r"a efectos de", r"en el marco de", r"as[ií] ?mismo",
    r"igualmente", r"alleg\w+", r"incoar\w*", r"radic(?:ar|ado|ada|ue|ó)\w*", r"socializ\w+", r"implement\w+",
    r"apropiación", r"mecanismos?", r"articul(?:ar|ado|ada|ación)\w*", r"propend\w+", r"entes?", r"dependencias?",
    r"suscrib\w+", r"erogaci\w+", r"vigencias?", r"rubros?", r"obra civil en ejecución", r"presunt\w+",
    r"(?:el|del|al|la|los|las) mism[ao]s?(?=[\s.,;]*(?:$|[.,;]))",
)  # fmt: skip
"""Legal and solemn words for which plain ones exist."""

FAMILIAR_WORD = re.compile(
    r"\b(?:tú|te|ti|tus?|tuy[oa]s?|contigo|eres|estás|vas|has|puedes|quieres|tienes|debes|sabes|vives|haces|dices"
    r"|necesitas|eliges|escribes|votas|cambias|respondes|recibes|deseas|puedas|quieras|tengas|seas|vos|podés|querés"
    r"|tenés)\b"
)
FAMILIAR_ORDER = re.compile(
    r"(?:^|[.:;,!?¡\n])\s*(?:(?:y|o|u|pero)\s+)?"
    r"(abre|acepta|borra|busca|cambia|comparte|cuéntanos|deja|di|dinos|elige|envía|escoge|escribe|escríbelo|escríbenos"
    r"|espera|guarda|guárdalo|haz|intenta|lee|manda|marca|mira|oprime|pide|pon|prueba|pulsa|recuerda|responde|revisa"
    r"|selecciona|sigue|ten|toca|usa|ve|vota|vuelve)(?=\s|$|[.:,])"
)
"""An order said to "tú": these verbs where a clause begins; elsewhere, and in questions, they are "usted" too."""

FAMILIAR_PAST = re.compile(
    r"\b(?!(?:contraste|desgaste|embuste|triste|chiste|existe|consiste|insiste|resiste)\b)\w+[ai]ste\b"
)
FAMILIAR_FUTURE = re.compile(r"\b(?!(?:atrás|detrás|jamás|además)\b)\w{2,}(?:ar|er|ir|dr)ás\b")

SIGLA = re.compile(r"\b[A-ZÁÉÍÓÚÑÜ]{2,}\b")
WORD = re.compile(r"[^\W_]+(?:[:.,]\d+)*")
LIST_NUMBER = re.compile(r"(?m)^\s*\d+\.\s+")
HALF_OF_DAY = re.compile(r"\b([ap])\.\s?m\.")
SENTENCE_END = re.compile(r"[.!?…]+(?=[\s\"”)]|$)|\n+")
LONG_ADVERB = re.compile(r"\w{4,}mente\b", re.I)


def syllables(word: str) -> int:
    """Syllables of one Spanish word; a digit counts as one."""
    digits = sum(c.isdigit() for c in word)
    if digits:
        return digits
    letters = re.sub(r"(?<=q)u(?=[eiéí])|(?<=g)u(?=[eiéí])", "", word.lower()).replace("h", "")
    letters = re.sub(rf"y(?![{VOWELS}])", "i", letters)
    return max(1, sum(_nuclei(run) for run in re.findall(rf"[{VOWELS}]+", letters)))


def _nuclei(run: str) -> int:
    return 1 + sum(_apart(a, b) for a, b in pairwise(run))


def _apart(a: str, b: str) -> bool:
    strong = (a in STRONG) + (b in STRONG)
    return strong == 2 or a == b or (strong == 1 and (a in ACCENTED_WEAK or b in ACCENTED_WEAK))


def sentences(text: str) -> list[str]:
    """The sentences: a stop, question or exclamation mark or a line break ends one; a colon or bracket does not."""
    whole = LIST_NUMBER.sub("", HALF_OF_DAY.sub(r"\1m", text))
    return [s.strip() for s in SENTENCE_END.split(whole) if WORD.search(s)]


def words(text: str) -> list[str]:
    return WORD.findall(text)


@dataclass(frozen=True)
class Measure:
    """What the formulas need of a text."""

    words: int
    sentences: int
    syllables: int

    @property
    def inflesz(self) -> float:
        """Szigriszt-Pazos (1993), read on the INFLESZ scale: 0 (hard) to 100 (easy)."""
        return 206.835 - 62.3 * self.syllables / self.words - self.words / self.sentences

    @property
    def fernandez_huerta(self) -> float:
        """Fernández Huerta (1959) in its corrected form, with words per sentence."""
        return 206.84 - 60 * self.syllables / self.words - 1.02 * self.words / self.sentences

    @property
    def crawford(self) -> float:
        """Crawford: years of schooling."""
        return -0.205 * 100 * self.sentences / self.words + 0.049 * 100 * self.syllables / self.words - 3.407

    @property
    def band(self) -> str:
        return next((name for least, name in BANDS if self.inflesz >= least), "muy difícil")


def measure(text: str) -> Measure:
    """Raises ZeroDivisionError, later, for a text without words."""
    parts = sentences(text)
    found = [w for part in parts for w in words(part)]
    return Measure(len(found), len(parts), sum(syllables(w) for w in found))


PLACE = re.compile(r"\{(\w+)\}")


def filled(message: str, values: Mapping[str, str]) -> str:
    """The message with plausible words in its places; a place that has none stays as it is."""
    return PLACE.sub(lambda place: values.get(place[1], place[0]), message)


def faults(text: str, commands: Collection[str] = ()) -> list[str]:
    """The rules a message breaks, each with the words that break it. `commands`: words people write, in capitals."""
    return [
        *(f"long sentence ({len(words(s))} words): {s}" for s in sentences(text) if len(words(s)) > MOST_WORDS),
        *(f"word to avoid: {m}" for m in avoided(text)),
        *(f"sigla not explained: {m}" for m in siglas(text, commands)),
        *(f"tú: {m}" for m in familiar(text)),
        *([f"adverbs in -mente: {adverbs}"] if len(adverbs := LONG_ADVERB.findall(text)) > 1 else []),
        *(f"too many marks: {mark}" for mark in (";", "(") if text.count(mark) > 1),
    ]


def avoided(text: str) -> list[str]:
    return [m.group() for each in AVOIDED for m in re.finditer(rf"\b{each}(?!\w)", text, re.I)]


def siglas(text: str, commands: Collection[str] = ()) -> list[str]:
    """Words all in capitals that are neither commands nor explained: "Unidad Comunera (UCG)" or "UCG (Unidad …)"."""
    for command in sorted(commands, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(command)}\b", " ", text)
    return [
        m.group()
        for m in SIGLA.finditer(text)
        if not (text[m.end() :].startswith((")", " (")) and (text[m.end()] == " " or text[m.start() - 1] == "("))
    ]


def familiar(text: str) -> list[str]:
    """Words said to "tú" or "vos"; these texts say "usted"."""
    lower = HALF_OF_DAY.sub(r"\1m", text.lower())
    rules = (FAMILIAR_WORD, FAMILIAR_ORDER, FAMILIAR_PAST, FAMILIAR_FUTURE)
    return [found for rule in rules for found in rule.findall(lower)]
