"""Transcripts: talks in plain text that anybody can read, and how they are played through the desk.

# name: what it shows
@ at 2022-11-22 00:00:01     the clock moves (local time of the city)
@ who 2                      another person writes, on the same channel
@ chat other                 the same person writes on another channel (`@ chat first`: on the first one again)
@ only telegram              the talk needs what only these channels have
@ close, @ count, @ publish, @ annul why  what the operator does
@ invite seat academia-1     somebody is given a code, {invitation}, for a seat (or an office) of the plan of 2023
@ report 4 complete words    an office reports on that milestone
@ collect 2022-12-01         the plan of 2024 collects ideas until that day; it is a draft of a consultation
@ slip                       staff enter an idea from a workshop; {slip} is the code on its slip
@ redaction passes           complaints may be told by WhatsApp, or may not any more (`@ redaction fails`)
@ complaints                 the city takes complaints; {number}, {key} and {group} are what one was given of it
@ answer merged p02 why      staff answer all ideas of that draft in the same way
> text                       what the person types; {receipt} is the receipt shown before
> [label]                    the button they press; on SMS its number is typed
> (photo), > (phone +57…)    a picture; their own number, shared with the chat's button
> (notices)                  nothing: the clock ticks, and they get what it has for them
< text                       what they get; further lines are indented
<sms text                    what they get by SMS, where that is not the same text in the letters of an SMS
<whatsapp text               what they get by WhatsApp, where that is something else
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot import idea_commands, idea_notices, lifecycle, notices, plan_commands
from bot.channels import gsm7, telegram, twilio
from bot.messages import Outbound, Reply
from flows import register
from storage import ballots, consultations, ideas, voices
from storage.database import reading, transaction
from tests import vaults
from tests.world import TALKED, World, address, telegram_text, twilio_form

FOLDER = Path(__file__).parent / "talks"
SLUG = "cartagena-2022"
LOCAL = ZoneInfo("America/Bogota")
COLLECTS = "plan-2024"
SILENCE = "(no answer)"

Kind = Literal["note", "@", ">", "<", "<sms", "<whatsapp"]
ANSWERS = ("<", "<sms", "<whatsapp")

_CODE = re.compile(rf"\b[{ballots.CODE_LETTERS}]{{{ballots.CODE_LENGTH}}}\b")
_SECRET = re.compile(r"(\w{8})\n\w+: (\w{4}(?:-\w{4}){3})")
_ADDRESSES = (
    (re.compile(r"/clave/[\w-]{43}"), "/clave/<link>"),
    (re.compile(r"\b(?:telegram|whatsapp|sms|web)(, (?:termina en|ends in) )\d{4}"), r"<channel>\1<ending>"),
    (re.compile(r"(Pero |But )(?:Telegram|su empresa de internet|your internet company)\b"), r"\1<channel>"),
    (re.compile(r"\bChat: en el navegador\."), "Chat: <channel>, termina en <ending>."),  # a browser has no number
    (
        re.compile(r'("channel": )"[a-z]+"(,\s+"ending": )(?:null|"\d{4}")(,\s+"phone": )(?:null|"\d{4}")'),
        r'\1"<channel>"\2"<ending>"\3"<phone>"',
    ),
)


@dataclass(frozen=True)
class Line:
    """One line of a transcript, with those indented below it."""

    kind: Kind
    text: str

    def written(self) -> str:
        mark = "" if self.kind == "note" else f"{self.kind} "
        first, *more = self.text.split("\n")
        return "\n".join([f"{mark}{first}".rstrip(), *(f"  {line}".rstrip() for line in more)])


@dataclass(frozen=True)
class Transcript:
    name: str
    lines: tuple[Line, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        only = [line.text.split()[1:] for line in self.lines if line.kind == "@" and line.text.startswith("only ")]
        return tuple(only[0]) if only else TALKED

    @property
    def typed(self) -> list[str]:
        return [line.text for line in self.lines if line.kind == ">"]

    def written(self) -> str:
        return "\n".join(line.written() for line in self.lines) + "\n"


def read(path: Path) -> Transcript:
    """A transcript from its file. Raises ValueError at a line that is none of the known kinds."""
    lines: list[Line] = []
    gap = 0
    for raw in path.read_text(encoding="utf-8").splitlines():
        mark, _space, rest = raw.partition(" ")
        if not raw:
            gap += 1
            continue
        if raw.startswith("  ") and lines:
            last = lines.pop()
            lines.append(Line(last.kind, "\n".join([last.text, *[""] * gap, raw[2:]])))
        elif mark in ("@", ">", *ANSWERS):
            lines.append(Line(mark, rest))  # type: ignore[arg-type]
        elif mark == "#":
            lines.append(Line("note", raw))
        else:
            raise ValueError(f"{path.name}: {raw!r}")
        gap = 0
    return Transcript(path.stem, tuple(lines))


def every() -> list[Transcript]:
    return [read(path) for path in sorted(FOLDER.glob("*.talk"))]


def untold(transcripts: Iterable[Transcript], flows: Iterable[str]) -> set[str]:
    """The conversations that nobody opens in any transcript."""
    typed = [text for transcript in transcripts for text in transcript.typed]
    return set(flows) - {"cast" if register.ballot_in(text) else register.called(text) for text in typed}


def collecting(until: datetime, **more: Any) -> dict[str, Any]:
    """The row of a draft that collects ideas until then, and has two proposals."""
    rules = {
        "least": 1, "most": 1, "identity": "contact", "asks": [], "people_per_contact": 5, "small_cells": {},
        "who": {"es": "Quien viva aquí.", "en": "Whoever lives here."}, "tie": {"es": "A suerte.", "en": "By lot."},
        "ideas_until": until.isoformat(),
    }  # fmt: skip
    proposals = [
        {"id": f"p{n:02}", "number": n, "title": words, "short": words, "more": words, "official": ""}
        for n, words in ((1, {"es": "Más luz", "en": "More light"}), (2, {"es": "Más árboles", "en": "More trees"}))
    ]
    title = {"es": "Plan de Gobierno Abierto 2024", "en": "Open Government Plan 2024"}
    values = {
        "slug": COLLECTS, "title": json.dumps(title), "opens_at": until, "closes_at": until + timedelta(days=7),
        "paper_until": until + timedelta(days=7), "zone": LOCAL.key, "rules": json.dumps(rules),
        "proposals": json.dumps(proposals), "digest": "0" * 64,
    }  # fmt: skip
    return {**values, **more}


@dataclass
class Play:
    """A transcript being played: who writes where, and the codes that were given out."""

    world: World
    home: str
    restarted: bool = False
    channel: str = ""
    who: int = 1
    codes: dict[str, str] = field(default_factory=dict)
    turns: list[tuple[str, list[str]]] = field(default_factory=list)
    """The channel and the messages of each turn so far."""

    def __post_init__(self) -> None:
        self.channel = self.home

    def through(self, transcript: Transcript) -> list[tuple[str, list[str]]]:
        """Play it all; what was answered in each turn, and on which channel."""
        for line in transcript.lines:
            if line.kind == "@":
                self._direct(line.text)
            elif line.kind == ">":
                if self.restarted:
                    self.world.restart()
                got = self._say(self._filled(line.text))
                self.turns.append((self.channel, [self._shown(message) for message in got] or [SILENCE]))
        return self.turns

    def _direct(self, text: str) -> None:
        word, _space, rest = text.partition(" ")
        directions: dict[str, Callable[[str], object]] = {
            "at": self._at,
            "who": lambda number: setattr(self, "who", int(number)),
            "chat": lambda which: setattr(self, "channel", self.home if which == "first" else following(self.home)),
            "only": lambda _channels: None,
            "close": lambda _none: lifecycle.close(self.world.desk.engine, SLUG, self.world.clock()),
            "annul": lambda why: lifecycle.annul(
                self.world.desk.engine, self.world.desk.keys, SLUG, why, self.world.clock()
            ),
            "count": lambda _none: self._count(),
            "invite": self._invite,
            "report": self._report,
            "collect": self._collect,
            "slip": lambda _none: self._slip(),
            "answer": self._answer,
            "complaints": lambda _none: vaults.take_complaints(self.world),
            "redaction": lambda how: vaults.redacts(self.world, how == "passes"),
            "publish": lambda _none: lifecycle.publish(self.world.desk.engine, SLUG, self.world.clock()),
        }
        directions[word](rest)

    def _at(self, moment: str) -> None:
        self.world.clock.now = datetime.fromisoformat(moment).replace(tzinfo=LOCAL)

    def _count(self) -> None:
        lifecycle.count(self.world.desk.engine, self.world.desk.keys, SLUG, self.world.clock())

    def _invite(self, what: str) -> None:
        kind, subject = what.split()
        with transaction(self.world.desk.engine) as connection:
            desk = self.world.desk
            code = plan_commands.invite(connection, desk.secret, kind, "plan-2023", subject, self.world.clock())
        self.codes[code] = "invitation"

    def _report(self, what: str) -> None:
        number, state, text = what.split(" ", 2)
        with transaction(self.world.desk.engine) as connection:
            milestone = f"cartagena-cuenta.{number}"
            voices.report(connection, milestone, "comunicaciones", state, text, "cli", self.world.clock())

    def _collect(self, day: str) -> None:
        with transaction(self.world.desk.engine) as connection:
            consultations.load(connection, collecting(datetime.fromisoformat(day).replace(tzinfo=LOCAL)))

    def _slip(self) -> None:
        code = idea_commands.new_code()
        idea = {"collection": COLLECTS, "code": code, "via": "workshop", "text": "Más sombra", "place": None}
        with transaction(self.world.desk.engine) as connection:
            ideas.enter(connection, [idea], self.world.clock())
        self.codes[code] = "slip"

    def _answer(self, said: str) -> None:
        what, subject, why = said.split(" ", 2)
        with transaction(self.world.desk.engine) as connection:
            rows, _number = ideas.listed(connection, COLLECTS, standing="new")
            outcome = ideas.draft(connection, COLLECTS, self.world.clock())
            ideas.put(connection, COLLECTS, [row.id for row in rows], outcome)
            ideas.write(connection, outcome, what, subject.strip("-"), {"es": "Sombra en los parques"}, {"es": why})
            ideas.publish(connection, outcome, self.world.clock())

    def _filled(self, text: str) -> str:
        for code, name in self.codes.items():
            text = text.replace("{" + name + "}", code)
        return text

    def _say(self, text: str) -> list[Outbound]:
        if text == "(notices)":
            notices.tell(self.world.desk, self.world.clock())
            idea_notices.tell(self.world.desk, self.world.clock())
            return self.world.delivered(self.channel, address(self.channel, self.who))
        if text == "(photo)":
            return self._photo()
        if text.startswith("(phone "):
            return self._phone(text[7:-1])
        if not text.startswith("["):
            return self.world.say(text, self.channel, self.who)
        label = text[1:-1]
        if self.channel == "sms":
            return self.world.say(self._digit(label), self.channel, self.who)
        return self.world.press(label, self.channel, self.who)

    def _digit(self, label: str) -> str:
        text = self.world.last[self.channel, address(self.channel, self.who)].text
        found = re.search(rf"^(\d+)\. {re.escape(gsm7.plain(label))}", text, re.MULTILINE)
        assert found, f"no option {label!r} in {text!r}"
        return found[1]

    def _photo(self) -> list[Outbound]:
        where, number = address(self.channel, self.who), next(self.world._ids)
        update = telegram_text(number, where, "") if self.channel == "telegram" else {}
        if update:
            del update["message"]["text"]
            update["message"]["photo"] = []
        form = twilio_form(f"SM{number:032x}", where, "", NumMedia="1")
        told = telegram.read(update) if update else twilio.read(form)
        assert told is not None
        return self.world.take(told)

    def _phone(self, phone: str) -> list[Outbound]:
        where = address(self.channel, self.who)
        update = telegram_text(next(self.world._ids), where, "")
        del update["message"]["text"]
        update["message"]["contact"] = {"user_id": int(where), "phone_number": phone, "first_name": "X"}
        told = telegram.read(update)
        assert told is not None
        return self.world.take(told)

    def _shown(self, message: Outbound) -> str:
        if message.edit is not None:
            return " ".join(f"[{label}]" for label, _data in message.buttons)
        if message.secret:
            return self._codes(message.text)
        text = _CODE.sub(lambda found: f"<{self._named(found[0])}>", _with_options(message, self.channel))
        for pattern, instead in _ADDRESSES:
            text = pattern.sub(instead, text)
        return text

    def _codes(self, text: str) -> str:
        """Number and key of a complaint, or the number alone where the key is not told in the chat."""
        found = _SECRET.search(text)
        if found is None:
            number = text.split(": ")[1]
            self.codes[number] = "number"
            return text.replace(number, "<number>")
        self.codes |= {found[1]: "number", found[2]: "key", found[2][-4:]: "group"}
        return text.replace(found[1], "<number>").replace(found[2], "<key>")

    def _named(self, code: str) -> str:
        if code not in self.codes:
            with reading(self.world.desk.engine) as connection:
                kind = "receipt" if ballots.in_box(connection, code, [SLUG]) else "code"
            number = 1 + sum(name.startswith(kind) for name in self.codes.values())
            self.codes[code] = kind if number == 1 else f"{kind} {number}"
        return self.codes[code]


def _with_options(message: Outbound, channel: str) -> str:
    """The text as it is read: in the browser the options are buttons, or boxes that have their numbers."""
    if channel != "web" or not message.buttons:
        return message.text
    labels = [label for label, _data in message.buttons]
    listed = [f"{n}. {label}" for n, label in enumerate(labels, 1)] if message.wide else labels
    return "\n".join([message.text, *listed])


def following(channel: str) -> str:
    return TALKED[(TALKED.index(channel) + 1) % len(TALKED)]


def by_sms(neutral: list[str]) -> list[str]:
    """The same text in the letters of an SMS."""
    # Placeholders hold no letter that an SMS lacks.
    return [part.text for text in neutral for part in twilio.SmsShape().shape(Reply(text))]


def expected(transcript: Transcript, channels: list[str]) -> list[tuple[str, list[str]]]:
    """What each turn should answer on the channel it was played on."""
    turns: list[dict[str, list[str]]] = []
    for line in transcript.lines:
        if line.kind == ">":
            turns.append({kind: [] for kind in ANSWERS})
        elif line.kind in ANSWERS:
            turns[-1][line.kind].append(line.text)
    return [
        (channel, turn.get(f"<{channel}") or (by_sms(turn["<"]) if channel == "sms" else turn["<"]))
        for channel, turn in zip(channels, turns, strict=True)
    ]


def rewritten(transcript: Transcript, played: list[list[tuple[str, list[str]]]]) -> Transcript:
    """The transcript with the answers of these runs, of which one or more are by SMS."""
    lines: list[Line] = []
    turn = 0
    for line in transcript.lines:
        if line.kind in ANSWERS:
            continue
        lines.append(line)
        if line.kind == ">":
            lines.extend(_answers([run[turn] for run in played]))
            turn += 1
    return Transcript(transcript.name, tuple(lines))


def _answers(runs: list[tuple[str, list[str]]]) -> list[Line]:
    neutral = next(answer for channel, answer in runs if channel != "sms")
    usual = {"sms": by_sms(neutral), "whatsapp": neutral}
    own = [(channel, answer) for channel, answer in runs if channel in usual and answer != usual[channel]]
    return [Line("<", text) for text in neutral] + [
        Line(f"<{channel}", text)  # type: ignore[arg-type]
        for channel, answer in sorted(own)
        for text in answer
    ]
