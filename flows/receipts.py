"""Check a receipt: whether a ballot is in the box, and after publication what it says."""

from flows.answers import FreeText, yes_or_no
from flows.consultation import FindReceipt, Receipt, TheConsultation
from flows.language import Ask, Joined, Look, Phrase, Say, Talk, _


def receipt() -> Talk:
    """Type a receipt and learn what it stands for. Anyone who has the code can look: it names no one."""
    for attempt in range(1, 6):
        code = yield from Ask(
            f"code-{attempt}", _("Write the receipt you were given. It has ten letters and numbers."), FreeText(40)
        )
        found: Receipt = yield from Look(FindReceipt(code), f"found-{attempt}")
        if found.status != "unknown":
            break
        again = yield from Ask(
            f"again-{attempt}",
            _(
                "We cannot find that receipt. Please check each letter. If that vote was changed later, its receipt"
                " is no longer valid. Try again?"
            ),
            yes_or_no(),
        )
        if not again:
            return "menu"
    consultation = yield from Look(TheConsultation(found.slug or ""))
    if consultation is None:
        return "menu"
    if found.status == "box":
        yield Say(
            _(
                "Yes, that ballot is in the box of {title}. What it says stays secret until the count.",
                title=consultation.title,
            )
        )
        return None
    chosen: list[Phrase] = [
        _("{number}. {title}", number=p.number, title=p.title) for p in consultation.proposals if p.id in found.choices
    ]
    yield Say(Joined([_("That ballot was counted in {title}. It chose:", title=consultation.title), *chosen]))
    return None
