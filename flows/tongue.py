"""Choose the language."""

from flows.answers import pick_one
from flows.language import Ask, Do, Option, Say, Talk, _
from flows.people import SetLanguage

LANGUAGES = (
    Option("es", "Español", words=("espanol", "spanish", "castellano")),
    Option("en", "English", words=("ingles",)),
)


def language() -> Talk:
    """Spanish or English, from the next message on."""
    picked = yield from Ask("language", _("Which language do you want?"), pick_one(LANGUAGES))
    yield Do("set", SetLanguage(picked))
    yield Say(_("Done. Write MENU to go on."))
    return None


def spanish() -> Talk:
    yield Do("set", SetLanguage("es"))
    return None


def english() -> Talk:
    yield Do("set", SetLanguage("en"))
    return None
