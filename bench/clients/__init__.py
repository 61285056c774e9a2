"""Which programs take part, and how is each driven? One module each; none needs its program to be imported.

A module has `available() -> bool` and `version() -> str`, and of `leech`, `seed`, `create` and `check` what its program
can do. `bench/install` installs what is missing. A side without a module (the plain ones a case brings along) is there.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

MODULES = {found.name for found in iter_modules(__path__)}


def _name(side: str) -> str:
    return side.removesuffix("-tuned").replace("-", "_")


def module(side: str) -> ModuleType:
    """Return the module that drives a side: "libtorrent-tuned" is libtorrent with other settings."""
    return import_module(f"bench.clients.{_name(side)}")


def available(side: str) -> bool:
    """Say whether the program of a side is installed."""
    return _name(side) not in MODULES or bool(module(side).available())


def version(side: str) -> str:
    """Return the version of the program of a side, or nothing where there is none."""
    return str(module(side).version()) if _name(side) in MODULES and available(side) else ""
