"""Pictures: where on the public site the picture is that a conversation names."""

from urllib.parse import quote

PATHS = {"results": "/consultas/{subject}/tarjeta.png", "progress": "/plan/{subject}/tarjeta.png"}
"""By the first part of the name. The site draws them (`web/card.py`); the provider fetches them there."""


def address(public_url: str, named: str, language: str) -> str:
    """The address of a picture named like `results/<slug>`; empty where providers could not fetch it."""
    if not public_url.startswith("https://"):
        return ""
    kind, _slash, subject = named.partition("/")
    prefix = "" if language == "es" else f"/{language}"
    return public_url + prefix + PATHS[kind].format(subject=quote(subject, safe=""))
