"""How do sizes, rates and times look to a person, and how does a person write them?

Pure text in, numbers out, and back. Sizes are bytes, rates bytes per second, times seconds; 0 means "no limit".
`M` and `MiB` are 1024 * 1024, `MB` is 1000 * 1000, `Mbit` is 1000 * 1000 bits. What cannot be read raises `InputError`
that names the accepted forms; digits are bounded, so no input costs more than its length.
Shown numbers have three significant digits; a percentage says 100 only when everything is there.
"""

from __future__ import annotations

import math
import re

from torrent.errors import InputError
from torrent.text import safe_text

_PREFIXES = "kmgtpe"
_AMOUNT = re.compile(r"(\d{1,18}(?:\.\d{1,9})?|\.\d{1,9})\s*([a-z/]*)", re.IGNORECASE)
_UNIT = re.compile(r"([kmgtpe]?)(ib|i|b|bit|bits|bps)?", re.IGNORECASE)
_TIME = re.compile(r"(?:(\d{1,9}(?:\.\d{1,6})?)(d|h|ms|m|s|))\s*", re.IGNORECASE)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
_UNLIMITED = frozenset({"0", "none", "off", "unlimited", "inf"})
_MOST = 2**63 - 1


def parse_size(text: str) -> int:
    """Read a size such as `5M`, `5MiB`, `5MB`, `1.5g` or `0`; return bytes."""
    return _amount(text, bits=False, example="5M, 5MiB, 5MB or 1.5g")


def parse_rate(text: str) -> int:
    """Read a rate such as `5M`, `5MB/s`, `40Mbit` or `none`; return bytes per second."""
    bare = text.strip()
    for tail in ("/s", "/sec"):
        if bare.lower().endswith(tail):
            bare = bare[: -len(tail)]
    return _amount(bare, bits=True, example="5M, 5MB/s, 40Mbit or 0")


def parse_time(text: str) -> float:
    """Read a time such as `90s`, `10m`, `1h30m`, `2d` or a bare number of seconds; return seconds."""
    bare = text.strip()
    if bare.lower() in _UNLIMITED:
        return 0.0
    total, at, parts = 0.0, 0, 0
    while at < len(bare):
        match = _TIME.match(bare, at)
        bare_number = match is not None and not match[2]
        if match is None or parts == 4 or (bare_number and (parts or match.end() != len(bare))):
            break
        total += float(match[1]) * _SECONDS[match[2].lower()]
        at, parts = match.end(), parts + 1
    if not parts or at != len(bare):
        raise InputError(f"not a time: {_quoted(text)}", hint="write it as 90s, 10m, 1h30m or 2d")
    return total


def parse_goal(text: str) -> tuple[float, float]:
    """Read a seeding goal, a time with a unit (`30m`) or a ratio (`2`, `1.5`); return (seconds, ratio), 0 for none."""
    bare = text.strip()
    try:
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}", bare):
            return 0.0, float(bare)
        return parse_time(bare), 0.0
    except InputError:
        raise InputError(f"not a time or a ratio: {_quoted(text)}", hint="write it as 30m, 2h or 1.5") from None


def format_size(size: float) -> str:
    """Return bytes for a person: `812 B`, `2.49 GiB`."""
    number, prefix = _scaled(size)
    return f"{number} {prefix}iB" if prefix else f"{number} B"


def format_rate(rate: float) -> str:
    """Return bytes per second for a person: `6.9 MiB/s`."""
    return f"{format_size(rate)}/s"


def format_compact(size: float) -> str:
    """Return bytes for a narrow column: `12.3M`."""
    return "".join(_scaled(size))


def format_time(seconds: float | None, *, infinite: str = "∞") -> str:
    """Return a span in at most two units: `12s`, `4m05s`, `3h12m`, `2d04h`; `infinite` for None and for over a year."""
    if seconds is None or not math.isfinite(seconds) or seconds >= 366 * 86400:
        return infinite
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def format_elapsed(seconds: float) -> str:
    """Return how long something took; tenths below ten seconds."""
    return f"{max(0.0, seconds):.1f}s" if seconds < 9.95 else format_time(seconds)


def format_percent(done: int, total: int) -> str:
    """Return `done` of `total` with one decimal, rounded down: `100%` means all of it."""
    if done >= total:
        return "100%"
    tenths = max(0, done) * 1000 // total
    return f"{tenths // 10}.{tenths % 10}%"


def format_ratio(ratio: float) -> str:
    """Return a ratio with two decimals."""
    return f"{ratio:.2f}" if math.isfinite(ratio) else "∞"


def _amount(text: str, *, bits: bool, example: str) -> int:
    bare = text.strip()
    if bare.lower() in _UNLIMITED:
        return 0
    match = _AMOUNT.fullmatch(bare)
    unit = _UNIT.fullmatch(match[2]) if match else None
    suffix = (unit[2] or "").lower() if unit else ""
    if match is None or unit is None or (suffix.startswith(("bit", "bps")) and not bits):
        raise InputError(f"not a {'rate' if bits else 'size'}: {_quoted(text)}", hint=f"write it as {example}")
    base = 1000 if suffix in ("b", "bit", "bits", "bps") else 1024
    power = _PREFIXES.index(unit[1].lower()) + 1 if unit[1] else 0
    amount = float(match[1]) * base**power if "." in match[1] else int(match[1]) * base**power
    if suffix.startswith(("bit", "bps")):
        amount /= 8
    if amount > _MOST:
        raise InputError(f"too large: {_quoted(text)}")
    return int(amount)


def _scaled(size: float) -> tuple[str, str]:
    number, power = max(0.0, float(size)), 0
    while number >= 999.5 and power < len(_PREFIXES):
        number, power = number / 1024, power + 1
    if not power:
        return str(int(number)), ""
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    shown = f"{number:.{decimals}f}"
    return (shown.rstrip("0").rstrip(".") if decimals else shown), _PREFIXES[power - 1].upper()


def _quoted(text: str) -> str:
    return repr(safe_text(text, 60))
