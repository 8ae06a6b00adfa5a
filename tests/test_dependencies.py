"""What pyproject.toml asks for: each package is imported somewhere, or is a tool or a part that works without that."""

import re
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.world import ROOT

NOT_IMPORTED = {
    "defusedxml": "openpyxl reads strangers' XML with it where it is there (tests/test_sheets.py)",
    "import-linter": "lint-imports in the Makefile",
    "mypy": "the Makefile",
    "psycopg": "SQLAlchemy's driver for PostgreSQL",
    "pytest-xdist": "pytest -n in the Makefile",
    "ruff": "the Makefile",
    "setuptools": "builds the package",
    "types-requests": "types for mypy",
    "tzdata": "the time zones of machines that have none",
}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED = [
    re.split(r"[^\w.-]", line)[0]
    for line in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])
]


def imported() -> set[str]:
    """The distributions whose packages the code imports."""
    found: set[str] = set()
    for root in (*PROJECT["tool"]["mypy"]["packages"], "storage/migrations"):
        for file in (ROOT / root).rglob("*.py"):
            found |= set(re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    distributions = packages_distributions()
    return {name.lower().replace("_", "-") for package in found for name in distributions.get(package, ())}


def test_every_package_that_is_asked_for_is_used() -> None:
    assert set(ASKED) - imported() - set(NOT_IMPORTED) == set()


@pytest.mark.parametrize("package", ASKED)
def test_every_package_that_is_asked_for_is_in_the_lock(package: str) -> None:
    assert re.search(rf"^{package}(\[binary\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_the_lock_has_nothing_that_nobody_needs() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    names = set(re.findall(r"^([\w.-]+)(?:\[\w+\])?==", lock, re.MULTILINE))
    needing = set(re.findall(r"^    # (?:via|  ) ?([\w.-]+)$", lock, re.MULTILINE))
    assert needing - names == set()
