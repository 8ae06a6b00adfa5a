"""Audiences in words: who an announcement is for, as staff and residents read it."""

from collections.abc import Mapping

from bot.catalogue import Catalogue
from flows.language import Joined, Phrase, Text, _
from storage.audiences import Audience

TOPICS: Mapping[str, Text] = {"votes": _("Votes: that one opens, closes or has a result"), "news": _("City news")}
CHANNELS: Mapping[str, Phrase] = {
    "whatsapp": "WhatsApp", "telegram": "Telegram", "sms": "SMS", "web": _("Chat on the page"), "terminal": "Terminal",
}  # fmt: skip
LANGUAGES: Mapping[str, Text] = {"es": _("Spanish"), "en": _("English")}
ROLES: Mapping[str, Text] = {
    "seat": _("People with a seat in the committee"),
    "office": _("People who report for an office"),
    "follower": _("People who follow something of the plan"),
}
AGREED: Mapping[str, Text] = {
    "votes": _("Everybody who asked to hear of votes"),
    "news": _("Everybody who asked for news of the city"),
}


def is_everybody(audience: Audience) -> bool:
    """Whether it excludes nobody who agreed to the topic."""
    return audience == Audience()


def told(audience: Audience, topic: str, city: Catalogue) -> list[Phrase]:
    """Who it is for, a phrase for each thing that must hold. What the city no longer has is told by its id."""
    tree = city.city.territory.places
    groups = {option.id: option.label for option in city.city.questions.get("group", ())}
    known = {name: tree[name].name for name in audience.places if name in tree}
    listed: tuple[tuple[Text, tuple[str, ...], Mapping[str, Phrase]], ...] = (
        (_("Who live in: {list}"), audience.places, known),
        (_("Of these groups: {list}"), audience.groups, groups),
        (_("Who write in: {list}"), audience.languages, LANGUAGES),
        (_("On these channels: {list}"), audience.channels, CHANNELS),
        (_("Who follow: {list}"), audience.follows, followed(city)),
    )
    found: list[Phrase] = [_names(audience.roles, ROLES)] if audience.roles else [AGREED.get(topic, topic)]
    found += [Text(said.msgid, {"list": _names(chosen, names)}) for said, chosen, names in listed if chosen]
    if audience.voted_in:
        vote = city.consultations.get(audience.voted_in)
        title = vote.seen.title if vote is not None else audience.voted_in
        took = _("Who took part in: {title}", title=title)
        found.append(took if audience.voted else _("Who have not taken part in: {title}", title=title))
    return found


def followed(city: Catalogue) -> dict[str, Phrase]:
    """What people can follow, by scope, in words."""
    found: dict[str, Phrase] = {"all": _("The whole plan")}
    for plan in city.plans.values():
        found |= {f"commitment:{each.id}": each.title for each in plan.commitments}
        found |= {f"office:{plan.slug}/{id}": office.name for id, office in plan.offices.items()}
    return found


def _names(chosen: tuple[str, ...], names: Mapping[str, Phrase]) -> Phrase:
    return Joined([names.get(each, each) for each in chosen], "; ")
