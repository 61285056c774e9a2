"""Which programs take part, and how is each driven? One module for each, none of which needs its program to be imported.

A module has `available() -> bool` and `version() -> str`, and of `leech`, `seed`, `create` and `check` what its program
can do. `bench/install` installs what is missing.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def module(side: str) -> ModuleType:
    """Return the module that drives a side: "libtorrent-tuned" is libtorrent with other settings."""
    return import_module(f"bench.clients.{side.removesuffix('-tuned').replace('-', '_')}")
