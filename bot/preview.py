"""Previews: a consultation as a voter will see it, said by the conversation itself and shaped by the channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import plan_commands, replies
from bot.catalogue import Listed, listed
from bot.channels import Channel
from bot.channels.telegram import LONGEST as TELEGRAM_LONGEST
from bot.channels.twilio import LONGEST, SMS_LONGEST
from bot.messages import Outbound
from bot.speech import Speaker
from flows import consultation as asked
from flows.city import City, TheCity
from flows.language import Command, Phrase, Said, Talk, _
from flows.people import Facts, Me
from flows.register import opened
from flows.replay import Journal, advance
from flows.rules import rules
from flows.topics import Offer
from flows.vote import vote
from storage.consultations import ConsultationRow
from storage.definition import ReadConsultation
from storage.loading import consultation_row

CHANNELS: Mapping[str, int] = {"whatsapp": LONGEST, "telegram": TELEGRAM_LONGEST, "sms": SMS_LONGEST}
"""The channels that are shown, with the most characters that one message of theirs holds."""

RECEIPT = "A1B2C3D4E5"
"""A made-up receipt, as long as a real one."""

TALK = 1_000_000
"""The number of a talk, as long as one of a desk that has been at work for a while: it is part of a button's data."""


@dataclass(frozen=True)
class Scene:
    """A moment of the vote, and the messages of which it consists on a channel."""

    name: Phrase
    messages: Sequence[Outbound]

    @property
    def letters(self) -> int:
        return sum(len(message.text) for message in self.messages)

    @property
    def segments(self) -> int:
        """What it costs as SMS."""
        return sum(message.segments for message in self.messages)


def scenes(
    read: ReadConsultation, city: City, channels: Mapping[str, Channel], language: str
) -> dict[str, list[Scene]]:
    """What one sees of a whole vote in this language, by channel: the longest choice of the most proposals."""
    seen = listed(ConsultationRow(**consultation_row(read), state="opened"), ())
    return {name: _of_channel(_Voter(seen, city, name), channels[name], Speaker(language)) for name in CHANNELS}


@dataclass
class _Voter:
    """Somebody who is known already, and votes in what is not open yet. Nothing is read or written."""

    listed: Listed
    city: City
    channel: str

    def act(self, _key: str, command: Command[Any]) -> Any:
        facts = Facts(consented=True, age="-", sex="-", group="-", place="-", phone=True)
        answers: dict[type, Any] = {
            Me: facts,
            TheCity: self.city,
            asked.Open: [self.listed.row.slug],
            asked.TheConsultation: self.listed.seen,
            asked.Phase: "open",
            asked.HasVoted: False,
            asked.CastBallot: asked.Cast("counted", RECEIPT),
            Offer: plan_commands.offered(self.channel),
        }
        return answers[type(command)]

    def longest(self, language: str) -> str:
        """The numbers of the proposals with the longest titles, as many as one may choose."""
        proposals = sorted(self.listed.seen.proposals, key=lambda p: -len(p.title.by_language.get(language, "")))
        return " ".join(str(p.number) for p in sorted(proposals[: self.listed.seen.most], key=lambda p: p.number))


def _of_channel(voter: _Voter, channel: Channel, speaker: Speaker) -> list[Scene]:
    journal, slug = Journal(), voter.listed.row.slug

    def turn(talk: Talk, journal: Journal, typed: str | None) -> list[Outbound]:
        outcome = advance(talk, journal, Said(typed, says=speaker.say) if typed is not None else None, voter.act)
        said = outcome.said
        if outcome.follow:  # what comes at once is told in the same message
            outcome = advance(opened(outcome.follow, ""), Journal(), None, voter.act)
            said += outcome.said
        return channel.shape(replies.compose(speaker, channel.short, said, outcome, TALK, None))

    steps: list[tuple[Phrase, str | None]] = [
        (_("The question"), None),
        (_("More about proposal 1"), {"es": "más 1", "en": "more 1"}[speaker.language]),
        (_("What was chosen"), voter.longest(speaker.language)),
        (_("The receipt"), "1"),
    ]
    if voter.listed.seen.identity == "document":  # nobody votes in a chat then
        steps = steps[:1]
    told = [Scene(name, turn(vote(slug), journal, typed)) for name, typed in steps]
    return [*told, Scene(_("The rules"), turn(rules(slug), Journal(), None))]
