"""What do the suite's own peers say? JSON lines to the suite, and the first bytes of a connection to other peers."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

HANDSHAKE = b"\x13BitTorrent protocol"


def say(kind: str, **facts: Any) -> None:
    """Print one JSON line with its moment (monotonic seconds, the same clock in every process) and flush it."""
    sys.stdout.write(json.dumps({"type": kind, "at": time.monotonic(), **facts}) + "\n")
    sys.stdout.flush()
