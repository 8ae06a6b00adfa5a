"""The doctor: examines settings, premises and accounts, and gives every problem its fix. It changes nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from cli import accounts, premises
from cli.findings import Finding
from cli.settings import BadSettings, Settings, about, read_settings
from cli.wiring import Clock

__all__ = ["Finding", "examine", "examine_environment"]


def examine_environment(environ: Mapping[str, str]) -> list[Finding]:
    """Each setting: whether it is given and right. Values are not shown."""
    problems = _problems(environ)
    return [_setting(each, environ, problems.get(each.name.upper(), [])) for each in fields(Settings)]


def _problems(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with each setting, by its name in the environment."""
    found: dict[str, list[str]] = {}
    try:
        read_settings(environ)
    except BadSettings as bad:
        for problem in bad.problems:
            name, _space, says = problem.partition(" ")
            found.setdefault(name, []).append(says)
    return found


def _setting(setting: Field[Any], environ: Mapping[str, str], problems: list[str]) -> Finding:
    shown = setting.name.upper()
    if problems:
        return Finding(shown, False, " ".join(problems), f"Set {shown} in the environment; docs/deploy.md tells how.")
    if environ.get(shown, "").strip():
        return Finding(shown, True, "is set")
    says = "has its default" if setting.default not in ("", MISSING) else "is not set"
    return Finding(shown, None, f"{says}. {about(setting.name)}")


def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Everything but the settings themselves. Every check runs, whatever the others find; none raises.

    It asks providers over the network, at most ten seconds each. Call it outside an event loop.
    """
    return [*premises.look(settings, clock()), *asyncio.run(accounts.look(settings, clock))]
