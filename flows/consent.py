"""Consent first: a short notice, before anything is kept (Ley 1581 de 2012, arts. 9 and 12)."""

from flows.answers import yes_or_no
from flows.city import City
from flows.language import Ask, Do, Flow, Phrase, Say, _, many
from flows.people import Facts, GiveConsent


def consent(me: Facts, city: City) -> Flow[bool]:
    """True when the person has agreed, now or before."""
    if me.consented:
        return True
    agreed = yield from Ask(
        "consent",
        _(
            "Hello. This is Cuenta, for taking part in {city}. For that, and nothing else, we keep this chat's address"
            " and your answers. We delete them when you ask, or after {silence} of silence. Telegram, Twilio and Meta"
            " see them too. To see or delete them write PRIVACY. Para español: ESPAÑOL. Do you agree?",
            city=city.name,
            silence=silence(city.silence),
        ),
        yes_or_no(_("Yes, I agree"), _("No")),
        short=_(
            "Cuenta, {city}. So that you can take part we keep your number and answers, until you delete them or after"
            " {silence} of silence. Twilio sees them too. See or delete: PRIVACY. Para español: ESPAÑOL. Do you agree?",
            city=city.name,
            silence=silence(city.silence),
        ),
    )
    if agreed:
        yield Do("consented", GiveConsent())
    return agreed


def silence(days: int) -> Phrase:
    """So many days as people say them."""
    return WHOLE.get(days) or many("{n} day", "{n} days", days)


WHOLE = {365: _("one year"), 730: _("two years")}


def refused() -> Say:
    """What somebody who does not agree is told."""
    return Say(
        _(
            "That is fine. We keep nothing about you. You can still read the results and the help: write RESULTS or"
            " HELP. If you change your mind, write VOTE."
        )
    )
