"""Findings: what an examination says about one thing, and the fix. No text holds a secret, a number or an address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`ok` is None for what is off or cannot be told from here. `fix` says what to do where `ok` is False."""

    name: str
    ok: bool | None
    says: str
    fix: str = ""


def kept(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What a check finds; a check that fails is a finding too, so that the others still run."""
    try:
        return check()
    except Exception as error:
        return [failed(name, error)]


async def kept_async(name: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    """The same for a check that asks over the network."""
    try:
        return await check
    except Exception as error:
        return [failed(name, error)]


def failed(name: str, error: Exception) -> Finding:
    """Only the kind of the error is told: its words may hold a token, a password or somebody's number."""
    return Finding(
        name, False, f"could not be examined ({type(error).__name__})", "Mend the findings above it first, then repeat."
    )
