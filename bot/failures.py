"""Why a message was not delivered: a closed list, and each knows what follows from it."""

from typing import Literal

Fate = Literal["stop", "later", "once", "elsewhere", "template"]
"""What becomes of somebody whom an announcement did not reach: nothing more, once or more often again later, another
channel of theirs, or waiting for an approved template."""


class NotDelivered(Exception):
    """The base of all; `reason` is a provider's code or a word of ours, never a text or an address.

    `fate` is of who was to get an announcement. `contact` is how their contact stands from then on, `template` how the
    template does that was used; both are empty where that says nothing of them.
    """

    fate: Fate = "stop"
    contact: Literal["", "blocked", "stopped", "declined"] = ""
    template: Literal["", "rejected", "paused", "disabled"] = ""

    def __init__(self, reason: str = ""):
        super().__init__(reason)
        self.reason = reason[:40]


class Throttled(NotDelivered):
    """Too fast: the whole account waits `after` seconds."""

    fate = "later"

    def __init__(self, reason: str = "", after: float = 1.0):
        super().__init__(reason)
        self.after = after


class NotNow(NotDelivered):
    """The provider did not take it, and may take it later."""

    fate = "later"


class Unsure(NotDelivered):
    """The provider's answer was lost: it may have been delivered. Never sent again blindly."""


class Refused(NotDelivered):
    """The provider will never take this message; the next one may be fine."""


class Unexplained(Refused):
    """It was lost on its way and nobody says why: one more try is worth its price."""

    fate = "once"


class Filtered(Refused):
    """A phone company took it for spam: the words have to change."""


class Shut(Refused):
    """WhatsApp takes nothing but a template from us, since they have not written for 24 hours."""

    fate = "template"


class Withheld(Refused):
    """The template that was used may not be used any more."""

    fate = "template"


class Rejected(Withheld):
    """Meta does not approve of the template."""

    template = "rejected"


class Paused(Withheld):
    """Meta lets the template rest: too many did not want it."""

    template = "paused"


class Disabled(Withheld):
    """Meta has done away with the template."""

    template = "disabled"


class Declined(Refused):
    """They, or Meta for them, take no marketing on this contact. What answers them still arrives."""

    fate = "elsewhere"
    contact = "declined"


class Unreachable(NotDelivered):
    """This contact cannot be reached (blocked, gone, not a subscriber): nothing more goes there until it writes."""

    fate = "elsewhere"
    contact = "blocked"


class OptedOut(NotDelivered):
    """The person opted out at the provider."""

    contact = "stopped"


class Misconfigured(NotDelivered):
    """Our own account or settings are wrong: an operator must act, and the message waits."""

    fate = "later"
