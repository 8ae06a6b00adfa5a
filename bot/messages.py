"""What comes in and what goes out, the same for every channel."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from flows.language import Attachment

_written = json.JSONEncoder(ensure_ascii=False).encode
"""An encoder made once: to make one costs as much as to write a message."""

Kind = Literal["text", "press", "phone", "media", "opted_out", "opted_in", "blocked", "unblocked"]


@dataclass(frozen=True)
class Incoming:
    """One message from a person, as its channel read it.

    `provider_id` is unique in its channel, `address` opaque. `pressed` is a button's data, `phone` a number that the
    channel vouches for, `pressed_on` the message whose button was pressed, `sent_at` when it was written, where that
    may be long ago, `attachment` a picture or document that came with it. Nothing personal is shown by `repr`.
    """

    channel: str
    address: str = field(repr=False)
    provider_id: str = field(repr=False)
    kind: Kind = "text"
    text: str = field(default="", repr=False)
    pressed: str | None = field(default=None, repr=False)
    pressed_on: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    language: str | None = None
    sent_at: datetime | None = None
    attachment: Attachment | None = field(default=None, repr=False)
    message: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """What a turn says, already in words, before a channel gives it its shape.

    `text` ends with the numbered options where there are any, `bare` is without them. `buttons` are (label, data); they
    stand one to a row when `wide`. `edit` is an earlier message of ours whose buttons are replaced. `picture` is the
    address of a picture that shows the same as the text; a channel without pictures leaves it out.
    """

    text: str
    bare: str = ""
    buttons: tuple[tuple[str, str], ...] = ()
    wide: bool = True
    wants_phone: str = ""
    edit: str | None = None
    lasting: bool = False
    picture: str = ""


@dataclass(frozen=True)
class Outbound:
    """One message as its channel will send it; `segments` is what the channel charges for it.

    `picture` is the address of a picture, shown with the text or alone. `secret` holds an access key: it makes no
    sound, and cannot be passed on. `template` is the id of a template that the channel's company approved, `variables`
    what fills it in (name, value); `text` is then what the person reads.
    """

    text: str = field(repr=False)
    buttons: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    wide: bool = True
    wants_phone: str = ""
    edit: str | None = None
    bare: str = field(default="", repr=False)
    segments: int = 1
    picture: str = ""
    secret: bool = False
    template: str = ""
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def packed(self) -> bytes:
        """As bytes for the outbox."""
        return _written({k: v for k, v in vars(self).items() if v or k == "wide"}).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> "Outbound":
        found: dict[str, Any] = json.loads(data)
        for name in ("buttons", "variables"):
            found[name] = tuple((label, value) for label, value in found.get(name, ()))
        return cls(**{"text": "", **found})
