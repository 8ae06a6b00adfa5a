"""My data: see it, take it along, delete it, join another chat (Ley 1581 de 2012, arts. 8 and 15)."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flows.answers import FreeText, OwnPhone, pick_one, yes_or_no
from flows.city import City, TheCity
from flows.language import Ask, Do, Flow, Joined, Look, Option, Phrase, Say, Talk, _, many
from flows.people import DeleteMe, Facts, Join, MakeJoinCode, Me, MyData, SharePhone, UseJoinCode
from flows.tongue import LANGUAGES
from flows.topics import TOPICS

CHOICES = (
    Option("see", _("See my data")),
    Option("export", _("Take my data along")),
    Option("delete", _("Delete my data")),
    Option("phone", _("Share my phone number")),
    Option("code", _("Join my other chat")),
    Option("use", _("I have a code")),
    Option("menu", _("Back to the menu")),
)


MINE = _(
    "Only go on if the other chat is yours too. Whoever writes there will see your data and can change your vote. Is it"
    " yours?"
)
AWAY = _(
    "We could not do that just now. Nothing was changed. Please try again in an hour. We already know of the fault."
)


def privacy() -> Talk:
    """The notice of the city, and what one can do with one's own data."""
    city = yield from Look(TheCity())
    me: Facts = yield from Look(Me(), "me")
    if not me.consented:
        yield Say(Joined([city.privacy, _("We keep nothing about you.")]))
        return None
    picked = yield from Ask(
        "what", Joined([city.privacy, _("What would you like to do?")]), pick_one(CHOICES), short=_("Your data:")
    )
    match picked:
        case "see":
            yield from see(city)
        case "export":
            data = yield from Look(MyData())
            yield Say(json.dumps(data, ensure_ascii=False, indent=1))
        case "delete":
            yield from delete()
        case "phone":
            yield from phone()
        case "code":
            code = yield from Do("made", MakeJoinCode())
            yield Say(
                _(
                    'Open your other chat with us. There write PRIVACY. Choose "I have a code" and write {code}. It'
                    " is valid for 15 minutes.",
                    code=code,
                ),
                lasting=True,
            )
        case "use":
            typed = yield from Ask("code", _("Write the code from your other chat."), FreeText(40))
            if not (yield from Ask("mine", MINE, yes_or_no(_("Yes, it is mine"), _("No")))):
                yield Say(_("That is fine. Nothing changed."))
                return None
            outcome = yield from Do("joined", UseJoinCode(typed))
            yield tell(outcome)
        case _menu:
            return "menu"
    return None


def see(city: City) -> Flow[None]:
    data = yield from Look(MyData())
    lines: list[Phrase] = []
    for name, label in (("age", _("Age: {value}")), ("sex", _("Sex: {value}")), ("group", _("Group: {value}"))):
        option = next((o for o in city.questions.get(name, ()) if o.id == data.get(name)), None)
        if option is not None:
            lines.append(type(label)(label.msgid, {"value": option.label}))
    place = city.territory.places.get(data.get("place") or "")
    if place is not None:
        lines.append(_("Barrio: {value}", value=city.territory.described(place)))
    for contact in data["contacts"]:
        lines += chat(contact)
    if data["consented_on"] is not None:
        lines.append(_("You agreed on {date}.", date=date.fromisoformat(data["consented_on"])))
    voted = len(data["took_part"])
    if voted:
        lines.append(many("You have taken part in {n} vote.", "You have taken part in {n} votes.", voted))
        lines.append(_("What you chose is not here. Your vote is in the ballot box, without your name."))
    else:
        lines.append(_("You have not voted yet."))
    if data["topics"]:
        told = [TOPICS[f"topic:{topic}"] for topic in data["topics"]]
        lines.append(_("You agreed that we write to you of: {what}. To change it: ALERTS.", what=Joined(told, "; ")))
    if data["sent"]:
        lines.append(
            many("We wrote to you first {n} time: READ.", "We wrote to you first {n} times: READ.", len(data["sent"]))
        )
    if data["follows"]:
        lines.append(many("You follow {n} thing: ALERTS.", "You follow {n} things: ALERTS.", len(data["follows"])))
    if data["roles"]:
        lines.append(_("You hold a seat or report for an office: SEAT."))
    if data["objected"]:
        lines.append(many("You objected {n} time.", "You objected {n} times.", len(data["objected"])))
    if data["rated"]:
        lines.append(many("You rated {n} event.", "You rated {n} events.", len(data["rated"])))
    if data["ideas"]:
        lines.append(many("You have {n} idea here: PROPOSE.", "You have {n} ideas here: PROPOSE.", len(data["ideas"])))
    yield Say(Joined([_("This is what we keep about you:"), *lines]))


def chat(contact: Mapping[str, Any]) -> Iterator[Phrase]:
    """What is kept of one chat, a line for each."""
    language = next((o.label for o in LANGUAGES if o.id == contact["language"]), contact["language"])
    if contact["ending"] is None:
        yield _("Chat: in the browser. Language: {language}.", language=language)
    else:
        yield _(
            "Chat: {channel}, ends in {ending}. Language: {language}.",
            channel=contact["channel"],
            ending=contact["ending"],
            language=language,
        )
    if contact["phone"] not in (None, contact["ending"]):  # most often the number is the chat's own address
        yield _("Phone: ends in {ending}", ending=contact["phone"])
    if not contact["notices"]:
        yield _("You asked us not to write to you there.")


def delete() -> Flow[None]:
    sure = yield from Ask(
        "sure",
        _(
            "We will delete your data. Votes you already cast stay in the box, without your name. You can no longer"
            " change them. Only a mark stays until the count, so that nobody votes twice. Shall we delete?"
        ),
        yes_or_no(_("Yes, delete"), _("No, keep it")),
    )
    if not sure:
        yield Say(_("Nothing was deleted."))
        return
    if not (yield from Do("deleted", DeleteMe())):
        yield Say(AWAY, lasting=True)
        return
    yield Say(
        _("Done. Your data is deleted. What you wrote may still be on your phone: delete this chat there too."),
        lasting=True,
    )


def phone() -> Flow[None]:
    shared = yield from Ask(
        "phone",
        _("Press the button to share your own number. If you see no button, we already know your number."),
        OwnPhone((Option("-", _("Not now"), words=("no", "0")),)),
    )
    if shared == "-":
        yield Say(_("That is fine. Nothing changed."))
        return
    outcome = yield from Do("shared", SharePhone(shared))
    yield tell(outcome)


def tell(outcome: Join) -> Say:
    """What became of joining two chats."""
    match outcome.status:
        case "joined" if outcome.votes:
            return Say(_("Your chats are joined. You had voted in both: only the later vote counts."), lasting=True)
        case "joined":
            return Say(_("Your chats are joined. They now count as one person."), lasting=True)
        case "same":
            return Say(_("These chats were already joined."))
        case "away":
            return Say(AWAY)
        case "waiting":
            return Say(_("Thank you. Your number is confirmed."))
        case "closed":
            return Say(
                _(
                    "You voted in both chats and we are counting those votes. You can join them when the results are"
                    " out."
                )
            )
        case _unknown:
            return Say(
                _("We do not know that code. Codes are valid for 15 minutes. Ask for a new one in your other chat.")
            )
