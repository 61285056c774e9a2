"""Take the pictures of this folder from a real terminal.

    .venv/bin/python docs/images/capture.py

Runs `torrent demo` in a tmux of its own, 100 columns wide, waits until the download shows some progress, and draws
what the terminal shows as an SVG. The demo then runs to its end, so that it clears up after itself. Needs tmux.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
COLUMNS = 100
PATIENCE = 60.0
SOCKET = f"torrent-docs-{os.getpid()}"


def tmux(*args: str) -> str:
    return subprocess.run(
        ["tmux", "-L", SOCKET, "-f", "/dev/null", *args], check=True, capture_output=True
    ).stdout.decode()


def draw(screen: str, target: Path, title: str) -> None:
    """Draw a screen with its colours; without fonts from elsewhere, so that the picture loads nothing."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in screen.rstrip().splitlines():
        console.print(Text.from_ansi(line), no_wrap=True)
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title=title, code_format=form, unique_id=target.stem)
    target.write_text(svg.replace("Fira Code", "ui-monospace, Menlo, Consolas").rstrip() + "\n", encoding="utf-8")


def until(shown: str) -> str:
    """Wait until the terminal shows this and return its screen, colours included."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        screen = tmux("capture-pane", "-e", "-p")
        if re.search(shown, re.sub(r"\x1b\[[\d;]*m", "", screen)):
            return screen
        time.sleep(0.1)
    raise SystemExit(f"the terminal never showed {shown!r}")


def main() -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = f"env PS1='$ ' PATH='{path}' COLORTERM=truecolor bash --norc"
    tmux("new-session", "-d", "-x", str(COLUMNS), "-y", "24", shell)
    try:
        tmux("send-keys", "torrent demo", "Enter")
        draw(until(r"\s([5-8]\d\.\d)%"), HERE / "demo.svg", "torrent demo")
        until(r"the demo (worked|failed)[^$]*\$")
    finally:
        tmux("kill-server")


if __name__ == "__main__":
    main()
