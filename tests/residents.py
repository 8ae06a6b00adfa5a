"""What residents may expect of the desk: a model in plain Python, which shares no code with what it is held against."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

CLOSES = datetime(2022, 11, 22, 5, 0, tzinfo=UTC)
"""Voting is open before this moment: all of 21 November in Cartagena."""

IDLE = timedelta(hours=12)
"""A typed answer counts up to this long after its question."""

AGES, SEXES = ("18-24", "25-34"), ("m", "f")
PROPOSALS = tuple(f"p{n:02}" for n in range(1, 13))
MOST = 3

CHOICES = {"1": "p01", "2": "p02", "11": "p11", "2 5": "p02 p05", "1 4 6": "p01 p04 p06"}
"""What residents type to choose, and what they mean by it."""

WORDS = ("votar", "menú", "otra persona", "salir", "0", "sí", "mañana llueve", "12 13", *CHOICES)
"""All that they type."""

SIGNS = {
    "consent": "acepta?",
    "menu": "que quiere hacer?",
    "who": "quien escribe ahora?",
    "age": "cuantos anos tiene?",
    "sex": "cual es su sexo?",
    "choices": "elija hasta 3",
    "sure": "esta bien?",
    "remind": "le avisamos de las votaciones",
}
"""Words by which each question is known, in lower case and without accents."""

COUNTED, CHANGED, CLOSED = "su voto ya esta en la urna", "su voto cambio", "votacion cerro"


@dataclass(eq=False)
class Person:
    """Somebody who agreed to take part, and the last choice they confirmed; whether they agreed to be reminded."""

    age: str | None = None
    sex: str | None = None
    choices: str | None = None
    reminded: bool = False


@dataclass(eq=False)
class Talk:
    """A conversation: what was known when it began, and what was answered since, in order."""

    flow: str
    known: frozenset[str]
    path: list[tuple[str, str]] = field(default_factory=list)
    found: bool = False
    touched: datetime = CLOSES

    def question(self) -> str:
        """The question on screen; a choice that was taken back is asked for again under a new name."""
        told = self.known | {name for name, _value in self.path}
        if self.flow in ("household", "remind"):
            return {"household": "who"}.get(self.flow, self.flow)
        if "consent" not in told:
            return "consent"
        if self.flow == "menu":
            return "menu"
        missing = next((name for name in ("age", "sex") if name not in told), None)
        if missing:
            return missing
        attempt = 1 + sum(name.startswith("sure") for name, _value in self.path)
        return f"sure-{attempt}" if f"choices-{attempt}" in told else f"choices-{attempt}"

    def back(self) -> bool:
        """Take the last answer back; consent stays given."""
        if not self.path or self.path[-1][0] == "consent":
            return False
        self.path.pop()
        return True


@dataclass(frozen=True)
class Shown:
    """A question that a reply showed; `ticked` are the proposals that its buttons carry."""

    talk: Talk
    name: str
    ticked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What a reply must hold: these signs, and a question perhaps. One that lasts must arrive whatever follows."""

    signs: tuple[str, ...]
    shown: Shown | None = None
    lasting: bool = False
    voter: Person | None = None


@dataclass(eq=False)
class Chat:
    """One address, those who speak from it, and the conversation they are in."""

    channel: str
    number: int
    people: list[Person] = field(default_factory=list)
    speaker: Person | None = None
    talk: Talk | None = None
    drafts: dict[Person | None, Talk] = field(default_factory=dict)

    def types(self, text: str, now: datetime) -> Answer:
        """Somebody types; what the reply must say."""
        if text in ("votar", "menú", "otra persona"):
            return self._open({"votar": "vote", "menú": "menu"}.get(text, "household"), now)
        if text == "salir":
            self.talk = None
            return Answer(("para empezar otra vez",))
        if text == "0" and (self.talk is None or not self.talk.back()):
            return self._open("menu", now)
        if self.talk is None:
            return self._open("hello", now)
        if text == "0" or now - self.talk.touched > IDLE:
            return self._show(self.talk, now)
        return self._answer(self.talk, text, now)

    def presses(self, shown: Shown, button: int, now: datetime) -> Answer:
        """Somebody presses a button (from 0) of a message they got; what the reply must say."""
        if self.talk is None or shown.talk is not self.talk or shown.name != self.talk.question():
            answer = self._open("menu", now) if self.talk is None else self._show(self.talk, now)
            return Answer(("esa pregunta ya paso", *answer.signs), answer.shown, answer.lasting)
        if not shown.name.startswith("choices"):
            return self._answer(self.talk, str(button + 1), now)
        if self._over(self.talk, now):
            return self._show(self.talk, now)
        if button == len(PROPOSALS):
            return self._take(self.talk, " ".join(PROPOSALS[n] for n in sorted(shown.ticked)), now)
        ticked = shown.ticked ^ {button}
        answer = self._show(self.talk, now)
        return answer if len(ticked) > MOST else Answer((), Shown(self.talk, shown.name, ticked))

    def sensible(self) -> str:
        """What somebody who wants to vote writes next."""
        if self.talk is None or self.talk.flow == "household":
            return "votar" if self.talk is None else "1"
        return "1 4 6" if self.talk.question().startswith("choices") else "1"

    def _open(self, flow: str, now: datetime) -> Answer:
        """Begin a conversation, or go on with the speaker's draft of a vote; one that is left half-way is a draft."""
        if self.talk is not None and self.talk.flow == "vote" and self.talk.path:
            self.drafts[self.speaker] = self.talk
        if flow == "household" and not self.people:
            flow = "hello"
        if flow == "hello" and self.speaker is not None:
            flow = "menu"
        draft = self.drafts.pop(self.speaker, None) if flow == "vote" else None
        self.talk = draft or Talk(flow, self._known())
        return self._show(self.talk, now)

    def _known(self) -> frozenset[str]:
        me = self.speaker
        if me is None:
            return frozenset()
        return frozenset({"consent"} | ({"age"} if me.age else set()) | ({"sex"} if me.sex else set()))

    def _over(self, talk: Talk, now: datetime) -> bool:
        return talk.flow == "vote" and talk.question() != "consent" and now >= CLOSES

    def _show(self, talk: Talk, now: datetime) -> Answer:
        """The question where the conversation is, or that voting is over."""
        if self._over(talk, now):
            self.talk = None
            return Answer((CLOSED,), lasting=True) if talk.found else Answer(("ahora no hay votacion",))
        name = talk.question()
        talk.touched = now
        talk.found = talk.found or name != "consent"
        return Answer((SIGNS[name.partition("-")[0]],), Shown(talk, name))

    def _answer(self, talk: Talk, text: str, now: datetime) -> Answer:
        """Take an answer if it is one, and show what comes next."""
        name = talk.question().partition("-")[0]
        if self._over(talk, now):
            return self._show(talk, now)
        if name == "menu":
            return self._pick(talk, text, now)
        if name == "who":
            return self._switch(talk, text, now)
        numbered = {"1": 0, "2": 1} | ({"sí": 0} if name in ("consent", "sure", "remind") else {})
        if name == "choices":
            return self._take(talk, CHOICES.get(text, ""), now)
        if text not in numbered:
            return self._show(talk, now)
        number = numbered[text]
        if name == "consent":
            return self._agree(talk, number == 0, now)
        if name == "remind":
            return self._remind(number == 0)
        if name == "sure" and number == 0:
            return self._cast(talk, now)
        return self._take(talk, {"age": AGES, "sex": SEXES}.get(name, ("yes", "no"))[number], now)

    def _take(self, talk: Talk, value: str, now: datetime) -> Answer:
        """An answer that is nothing is asked for again."""
        if value:
            talk.path.append((talk.question(), value))
        return self._show(talk, now)

    def _pick(self, talk: Talk, text: str, now: datetime) -> Answer:
        if text not in ("1", "2"):
            return self._show(talk, now)
        self.talk = None
        return self._open("vote", now) if text == "1" else Answer(("todavia no hay resultados",))

    def _switch(self, talk: Talk, text: str, now: datetime) -> Answer:
        """Another person speaks; the number after the last one is somebody new."""
        if text not in ("1", "2"):
            return self._show(talk, now)
        number = int(text)
        self.speaker = self.people[number - 1] if number <= len(self.people) else None
        self.talk = None
        return self._open("hello", now)

    def _agree(self, talk: Talk, agreed: bool, now: datetime) -> Answer:
        if not agreed:
            self.talk = None
            return Answer(("no guardamos nada suyo",))
        self.speaker = Person()
        self.people.append(self.speaker)
        if talk.flow == "hello":  # whoever is new is led to the vote, if there is one
            self.talk = None
            return self._open("vote" if now < CLOSES else "menu", now)
        return self._take(talk, "yes", now)

    def _remind(self, agreed: bool) -> Answer:
        """Whether we may remind them."""
        me, self.talk = self.speaker, None
        assert me is not None
        me.reminded = agreed
        return Answer(("le avisaremos de las votaciones",) if agreed else ("si cambia de idea",))

    def _cast(self, talk: Talk, now: datetime) -> Answer:
        """The vote; after a first one on Telegram, where nobody pays for it, the question whether we may remind."""
        me, told = self.speaker, dict(talk.path)
        assert me is not None
        first = me.choices is None
        me.age, me.sex = told.get("age", me.age), told.get("sex", me.sex)
        me.choices = [value for name, value in talk.path if name.startswith("choices")][-1]
        self.talk = None
        if first and not me.reminded and self.channel == "telegram":
            self.talk = Talk("remind", self._known())
            asked = self._show(self.talk, now)
            return Answer((COUNTED, *asked.signs), asked.shown, lasting=True, voter=me)
        return Answer((COUNTED if first else CHANGED,), lasting=True, voter=me)
