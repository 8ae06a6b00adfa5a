"""Why a message was not delivered: a closed list, and each knows what follows from it."""


class NotDelivered(Exception):
    """The base of all; `reason` is a provider's code or a word of ours, never a text or an address."""

    def __init__(self, reason: str = ""):
        super().__init__(reason)
        self.reason = reason[:40]


class Throttled(NotDelivered):
    """Too fast: the whole account waits `after` seconds."""

    def __init__(self, reason: str = "", after: float = 1.0):
        super().__init__(reason)
        self.after = after


class NotNow(NotDelivered):
    """The provider did not take it, and may take it later."""


class Unsure(NotDelivered):
    """The provider's answer was lost: it may have been delivered. Never sent again blindly."""


class Refused(NotDelivered):
    """The provider will never take this message; the next one may be fine."""


class Unreachable(NotDelivered):
    """This contact cannot be reached (blocked, gone, not a subscriber): nothing more goes there until it writes."""


class OptedOut(NotDelivered):
    """The person opted out at the provider."""


class Misconfigured(NotDelivered):
    """Our own account or settings are wrong: an operator must act, and the message waits."""
