"""Which cases are there? Every module here exports `CASES`; this is all of them in the order in which they run."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from bench.case import Case

ORDER = ("download", "upload", "swarm", "link", "hashing", "idle")


def all_cases() -> dict[str, Case]:
    """Return every case by its name."""
    names = sorted((found.name for found in iter_modules(__path__)), key=lambda name: (*ORDER, name).index(name))
    return {case.name: case for name in names for case in import_module(f"bench.cases.{name}").CASES}
