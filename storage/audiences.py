"""Audiences: who an announcement is for, and through which of their contacts each is reached."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, literal, or_, select

from storage.ballots import Roll
from storage.catalogue import PlaceRow
from storage.contacts import Contact, Housemate, Person
from storage.database import columns
from storage.outbox import Outgoing
from storage.participants import Clerk, Follow, Seat

TOPICS = ("votes", "news")
"""What a person can agree to hear of: votes (that one opens, reminders, results) and what else the city announces."""

BY_NUMBER = ("whatsapp", "sms")
"""Channels where a message to another country costs another price, or is what a swindler wants."""

UNREAD = ("web", "terminal")
"""Channels that nobody looks at unless they come by themselves: the last choice."""


def scope(topic: str) -> str:
    """How agreeing to a topic is kept, beside what a person follows."""
    return f"topic:{topic}"


BY_SMS = "topic:sms"
"""Kept where somebody agreed to get by SMS what WhatsApp does not deliver."""


@dataclass(frozen=True)
class Audience:
    """Who it is for; what is empty excludes nobody. Each of them must hold.

    `places` are codes at any level of the tree, each with all that lies in it. `follows` are scopes as
    `storage.participants` has them. `roles` are seat, office or follower: duties, which need no topic. `voted_in` and
    `voted`: that they have, or have not, taken part in a consultation, by its roll.
    """

    places: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    voted_in: str = ""
    voted: bool = False

    def packed(self) -> str:
        return json.dumps({key: value for key, value in asdict(self).items() if value}, sort_keys=True)

    @classmethod
    def unpacked(cls, body: str) -> "Audience":
        found: dict[str, Any] = json.loads(body)
        lists = {each.name for each in fields(cls) if each.default == ()}
        values: dict[str, Any] = {key: tuple(value) if key in lists else value for key, value in found.items()}
        return cls(**values)


_P, _C, _H, _F = columns(Person), columns(Contact), columns(Housemate), columns(Follow)
_S, _K, _R, _O, _L = columns(Seat), columns(Clerk), columns(Roll), columns(Outgoing), columns(PlaceRow)


def _within(places: Sequence[str]) -> Select[Any]:
    """The codes of these places and of all that lies in them."""
    tree = select(_L.code).where(_L.code.in_(places)).cte("tree", recursive=True)
    inner = select(_L.code).join(tree, _L.parent == tree.c.code)
    return select(tree.union(inner).c.code)


_ROLES = {
    "seat": exists().where(_S.person_id == _P.id),
    "office": exists().where(_K.person_id == _P.id),
    "follower": exists().where(_F.person_id == _P.id, _F.scope.not_like("topic:%")),
}


def agreed(audience: Audience, topic: str) -> ColumnElement[bool]:
    """Whether a row of `person` is to hear. Who has a duty hears of it; others only of what they agreed to."""
    if audience.roles:
        return or_(*(_ROLES[role] for role in audience.roles))
    return exists().where(_F.person_id == _P.id, _F.scope == scope(topic))


def condition(audience: Audience, topic: str) -> ColumnElement[bool]:
    """What must hold of a row of `person`."""
    holds: list[ColumnElement[bool]] = [agreed(audience, topic)]
    if audience.places:
        holds.append(_P.place.in_(_within(audience.places)))
    if audience.groups:
        holds.append(_P.group.in_(audience.groups))
    if audience.follows:
        holds.append(exists().where(_F.person_id == _P.id, _F.scope.in_(audience.follows)))
    if audience.voted_in:
        voted = exists().where(_R.consultation == audience.voted_in, _R.person_id == _P.id)
        holds.append(voted if audience.voted else ~voted)
    return and_(*holds)


def abroad(countries: Sequence[str]) -> ColumnElement[bool]:
    """Whether a contact's address is a number of a country that is not allowed; other addresses show none."""
    number: ColumnElement[bool] = _C.channel.in_(BY_NUMBER) & or_(_C.address.like("+%"), _C.address.like("whatsapp:+%"))
    allowed = [_C.address.like(f"{start}{code}%") for code in countries for start in ("", "whatsapp:")]
    return number & ~or_(*allowed) if allowed else number


def reachable(
    audience: Audience, topic: str, countries: Sequence[str], among: ColumnElement[bool] | None = None
) -> Select[Any]:
    """Each person of an audience once, with the contact that worked last and wants to hear: person_id, place,
    contact_id, channel, language, heard_at and `abroad`, whether its country is not allowed (such as +57).

    What worked last is what a message was delivered to, or what they wrote from, whichever is later. `among` narrows
    the rows of `person`, `housemate` and `contact` that are looked at.
    """
    worked = select(func.max(_O.delivered_at)).where(_O.contact_id == _C.id).scalar_subquery()
    late = case((worked > _C.heard_at, worked), else_=_C.heard_at)
    order = (case((_C.channel.in_(UNREAD), 1), else_=0), late.desc(), _C.id)
    wanted = [_C.state == "active", condition(audience, topic)]
    if among is not None:
        wanted.append(among)
    if audience.languages:
        wanted.append(_C.language.in_(audience.languages))
    if audience.channels:
        wanted.append(_C.channel.in_(audience.channels))
    ranked = (
        select(
            _P.id.label("person_id"), _P.place, _C.id.label("contact_id"), _C.channel, _C.language, _C.heard_at,
            abroad(countries).label("abroad"),
            func.row_number().over(partition_by=_P.id, order_by=order).label("place_in_line"),
        )
        .join(Housemate, _H.person_id == _P.id)
        .join(Contact, _C.id == _H.contact_id)
        .where(*wanted)
    ).subquery("ranked")  # fmt: skip
    return select(*(each for each in ranked.c if each.name != "place_in_line")).where(ranked.c.place_in_line == 1)


def reach(
    connection: Connection, audience: Audience, topic: str, countries: Sequence[str], window: datetime
) -> list[Row[Any]]:
    """How many people there are by place, channel and language: place, channel, language, open, abroad, people.

    `open` says whether they wrote after `window`, so that WhatsApp takes any words.
    """
    them = reachable(audience, topic, countries).subquery()
    is_open = case((them.c.heard_at > literal(window), 1), else_=0).label("open")
    by = (them.c.place, them.c.channel, them.c.language, is_open, them.c.abroad)
    return list(connection.execute(select(*by, func.count().label("people")).group_by(*by)))
