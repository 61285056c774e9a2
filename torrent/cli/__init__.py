"""The command line: `torrent COMMAND ...`. `main` is the program's entry; the rest is loaded when it is needed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]

GC_THRESHOLD = (50_000, 20, 50)
"""Of the collector's three generations. What a command allocates in numbers (modules, the files of a torrent) stays to
its end, and nothing on the path of a block makes cycles: looking for them every 700 allocations finds none."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command in `argv` (default: the program's own arguments) and leave with its exit code."""
    gc.set_threshold(*GC_THRESHOLD)
    try:
        from torrent.cli.app import run

        code = run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
