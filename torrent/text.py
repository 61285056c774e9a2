"""How does text from the network become text that is safe to show?

Every name, path, client id, comment and message that arrives as bytes passes through here before it may reach a
terminal, a log or a widget. Control characters, bidirectional overrides, zero-width and surrogate characters become
U+FFFD, so no escape sequence survives.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def safe_text(value: str | bytes, limit: int = 4096) -> str:
    """Return `value` as one line of at most `limit` characters that cannot command a terminal."""
    if isinstance(value, bytes):
        value = value[: limit * 4].decode("utf-8", "replace")
    if len(value) > limit:
        value = value[: limit - 1] + "…"
    return _UNSAFE.sub("\ufffd", value)
