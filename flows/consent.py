"""Consent first: a short notice, before anything is kept (Ley 1581 de 2012, arts. 9 and 12)."""

from flows.answers import yes_or_no
from flows.city import City
from flows.language import Ask, Do, Flow, Say, _
from flows.people import Facts, GiveConsent


def consent(me: Facts, city: City) -> Flow[bool]:
    """True when the person has agreed, now or before."""
    if me.consented:
        return True
    agreed = yield from Ask(
        "consent",
        _(
            "Hello. This is Cuenta, for taking part in {city}. For that, and nothing else, we keep this chat's address"
            " and your answers. We delete them when you ask, or after two years of silence. Telegram, Twilio and Meta"
            " see them too. To see or delete them write PRIVACY. Para español: ESPAÑOL. Do you agree?",
            city=city.name,
        ),
        yes_or_no(_("Yes, I agree"), _("No")),
        short=_(
            "Cuenta, {city}. So that you can take part we keep your number and answers, until you delete them or after"
            " two years of silence. Twilio sees them too. See or delete: PRIVACY. Para español: ESPAÑOL. Do you agree?",
            city=city.name,
        ),
    )
    if agreed:
        yield Do("consented", GiveConsent())
    return agreed


def refused() -> Say:
    """What somebody who does not agree is told."""
    return Say(
        _(
            "That is fine. We keep nothing about you. You can still read the results and the help: write RESULTS or"
            " HELP. If you change your mind, write VOTE."
        )
    )
