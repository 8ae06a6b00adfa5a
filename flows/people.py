"""What a conversation may know and change about the person it talks with."""

from dataclasses import dataclass
from typing import Any, ClassVar

from flows.language import Command, Query

PROFILE = ("age", "sex", "group", "place")
"""The fields of a profile; all are optional, except what a consultation's published rules ask."""


@dataclass(frozen=True)
class Facts:
    """What is known of the person at the start of a talk. Where `consented` is false, nothing else is kept.

    `stopped` says that they asked us not to write first, `reminded` that they agreed to hear of votes.
    """

    consented: bool = False
    age: str | None = None
    sex: str | None = None
    group: str | None = None
    place: str | None = None
    phone: bool = False
    stopped: bool = False
    people: int = 1
    reminded: bool = False


@dataclass(frozen=True)
class Me(Query[Facts]):
    outcome: ClassVar[type | None] = Facts


@dataclass(frozen=True)
class GiveConsent(Command[None]):
    """The person agrees that what they give is kept as the notice says (Ley 1581 de 2012, art. 9)."""


@dataclass(frozen=True)
class SaveProfile(Command[None]):
    """Keep the given fields; None leaves a field as it is, an empty text forgets it."""

    age: str | None = None
    sex: str | None = None
    group: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class SetLanguage(Command[None]):
    language: str


@dataclass(frozen=True)
class StopNotices(Command[None]):
    """Nothing is sent to this contact any more unless it writes first."""


@dataclass(frozen=True)
class AllowNotices(Command[None]):
    """This contact wants announcements and reminders again."""


@dataclass(frozen=True)
class MyData(Query[dict[str, Any]]):
    """What is kept about this person.

    `age`, `sex`, `group` and `place` (ids or None), `consented_on` (a day in the city's zone, or None), `contacts`
    (`channel`; `ending` and `phone`: last digits only; `ending` None where the person knows no address, as in a
    browser, `phone` None where none is known; `language`, `notices`: whether they are wanted), `took_part` (slugs),
    `topics` (votes, news, sms: what they agreed to hear of), `sent` (`on`: a day, `title`: announcements and
    reminders), `follows` (scopes of a plan), `roles` (seat or office,
    plan, its id), `objected` (`milestone`, `on`: a day, `text`), `rated` (`plan`, `event`, `clear`, `heard`: from 1 to
    5), `ideas` (`code`, `for`: slug, `on`: a day, `text` and `place` where they sent it themselves, `standing`: waiting
    or answered).
    """


@dataclass(frozen=True)
class DeleteMe(Command[bool]):
    """Forget the person. Ballots stay in the box, where nobody can tell whose they are. False: not possible now."""


@dataclass(frozen=True)
class SwitchPerson(Command[None]):
    """Another of the people who share this contact speaks now; 0 is somebody new."""

    number: int


@dataclass(frozen=True)
class WhichPerson(Query[int]):
    """The number (from 1) of the person who speaks now among those who share this contact."""


@dataclass(frozen=True)
class MakeJoinCode(Command[str]):
    """A code, valid for 15 minutes, that joins another contact of the same person to this one."""


@dataclass(frozen=True)
class Join:
    """What became of joining two contacts.

    `status`: joined, same (already one person), unknown (code or number), closed (a vote of both is being counted),
    away (a ballot box cannot be opened now) or waiting (a number that nobody else has yet). `votes`: in how many open
    consultations both had voted.
    """

    status: str
    votes: int = 0


@dataclass(frozen=True)
class UseJoinCode(Command[Join]):
    outcome: ClassVar[type | None] = Join
    code: str


@dataclass(frozen=True)
class SharePhone(Command[Join]):
    """The chat's own proof of a phone number; joins the contacts of that number."""

    outcome: ClassVar[type | None] = Join
    phone: str
