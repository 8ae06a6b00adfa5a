"""The rules of a vote: who may take part, how, until when, and what happens in a tie. For anybody; nothing is kept."""

from flows.city import City, TheCity
from flows.consultation import Consultation, Next, Open, Phase, TheConsultation, corrections
from flows.language import Joined, Look, Phrase, Say, Talk, _
from flows.vote import BY_DOCUMENT, BY_PHONE, nothing_open


def rules(slug: str = "") -> Talk:
    """Tell the rules of the vote that the person is in, or of all that are open, or of the next one."""
    city = yield from Look(TheCity())
    slugs: list[str] = yield from Look(Open())
    if not slugs:
        coming = yield from Look(Next())
        if coming is None:
            yield from nothing_open()
            return None
        slugs = [coming.slug]
    for each in [slug] if slug in slugs else slugs:
        consultation = yield from Look(TheConsultation(each))
        if consultation is not None:
            phase = yield from Look(Phase(each))
            yield Say(Joined(told(consultation, phase, city)))
    return None


AT_A_TABLE = _("Without a phone you can vote at a table of the city.")


def told(consultation: Consultation, phase: str, city: City) -> list[Phrase]:
    """The rules, a line for each."""
    lines: list[Phrase] = [consultation.title, consultation.who]
    if consultation.identity == "document":
        lines += [BY_DOCUMENT, city.help]
    elif consultation.identity == "phone":
        lines.append(BY_PHONE)
    if consultation.desk:
        lines.append(AT_A_TABLE)
    if consultation.most == 1:
        lines.append(_("You choose one."))
    elif consultation.least == consultation.most:
        lines.append(_("You choose {most}.", most=consultation.most))
    else:
        lines.append(_("You choose from {least} to {most}.", least=consultation.least, most=consultation.most))
    if phase == "open":
        lines.append(_("Until {day} you can vote, and change your vote.", day=consultation.closes))
    else:
        lines.append(
            _(
                "You can vote from {opens} to {closes}",
                opens=consultation.first_minute,
                closes=consultation.closes,
            )
        )
    return [*lines, consultation.tie, *corrections(consultation)]
