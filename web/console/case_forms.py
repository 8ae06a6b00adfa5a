"""The forms with which receivers work on a complaint, and what stands beside them."""

from wtforms import Form, IntegerField, SelectField, StringField, TextAreaField

from flows.language import Phrase, Text, _
from storage import printed
from web.console.forms import PLAIN, Within, choices

LONGEST = 4000
"""Letters of what is written into a case."""

HOLDS: dict[str, Phrase] = {
    "court": _("A judge or a control body asked for it."),
    "inquiry": _("Another inquiry needs it."),
    "over": _("The reason to keep it is over."),
}

TO_THEM = _("Only who filed it reads this, with their key. Write no name of who receives complaints.")
MISSING = _("Write it, in 4000 letters or less.")


class Words(Form):
    """Words that are sealed."""

    text = TextAreaField(_("Your words"), [Within(1, LONGEST, MISSING)], filters=PLAIN)


class Moving(Form):
    """A step: why, and what its complainant is told beside that."""

    reason = SelectField(_("Why"), description=_("Who filed it reads this sentence."))
    text = TextAreaField(_("Answer to who filed it"), [Within(0, LONGEST, MISSING)], filters=PLAIN, description=TO_THEM)


class Asking(Form):
    reason = SelectField(_("Why"), description=_("Who filed it reads this sentence."))
    text = TextAreaField(_("Question"), [Within(1, LONGEST, MISSING)], filters=PLAIN, description=TO_THEM)


class Referring(Form):
    reason = SelectField(_("Why"), description=_("Who filed it reads this sentence."))
    entity = StringField(
        _("Body that gets it"), [Within(1, 120, _("Write its name, in 120 letters or less."))], filters=PLAIN
    )
    number = StringField(
        _("Number that they gave it"), [Within(0, 60, _("Use 60 letters or less."))], filters=PLAIN,
        description=_("Leave it empty if there is none yet."),
    )  # fmt: skip
    text = TextAreaField(_("Answer to who filed it"), [Within(0, LONGEST, MISSING)], filters=PLAIN, description=TO_THEM)


class Copying(Form):
    public = TextAreaField(
        _("Public half of their key"), filters=PLAIN,
        description=_("They make a pair with “cuenta vault paper-key” and send you this half: fourteen groups."),
    )  # fmt: skip


class Extending(Form):
    days = IntegerField(_("Working days more"))
    text = TextAreaField(_("Reasons"), [Within(1, LONGEST, MISSING)], filters=PLAIN, description=TO_THEM)


class Holding(Form):
    reason = SelectField(_("Why"), choices=choices(HOLDS))


TITLES: dict[str, Text] = {
    "asked": _("Ask who filed it"),
    "referred": _("Send it to another body"),
    "not-admitted": _("Do not admit it"),
}
"""Steps that are called by what is done; all others by the state they lead to."""

TWO = _("A second receiver has to agree. It can be asked for from the day after it came.")
FOR_GOOD = _("This cannot be undone: another body decides then, and the days stop.")
ONCE = _("This is possible once, and only until the last day. Who filed it reads your reasons.")


def half_of(form: Copying) -> bytes | None:
    """The public half as it was typed; None where it is none, and the field says why."""
    try:
        return printed.read_public(form.public.data or "")
    except printed.Secret:
        form.public.errors = [_("That is the secret half. Tell them to make another pair.")]
    except printed.Mistyped:
        form.public.errors = [_("A letter is wrong or missing. Compare group by group.")]
    return None
