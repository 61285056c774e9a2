"""The command line: `torrent COMMAND ...`. `main` is the program's entry; the rest is loaded when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command in `argv` (default: the program's own arguments) and leave with its exit code."""
    try:
        from torrent.cli.app import run

        code = run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
