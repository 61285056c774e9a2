"""Which program does a peer id name?

BEP 20: most clients start their peer id with `-XXvvvv-`. We send `-PT0100-` (two letters for this program, four for its
version, here 0.1.0) and twelve random bytes. The names below are those met on the wire during tests with other
programs; an unknown pair of letters is shown as it is.
"""

from __future__ import annotations

import re

from torrent.terms import VERSION, PeerId
from torrent.text import safe_text

OUR_PREFIX = "-PT{:0>1}{:0>1}{:0>2}-".format(*VERSION.split(".")).encode()

_NAMES = {
    "PT": "torrent",
    "TR": "Transmission",
    "LT": "libtorrent",
    "lt": "rTorrent",
    "qB": "qBittorrent",
    "DE": "Deluge",
    "A2": "aria2",
    "WW": "WebTorrent",
    "WD": "WebTorrent Desktop",
    "UT": "µTorrent",
    "BI": "BiglyBT",
    "AZ": "Vuze",
    "rQ": "rqbit",
}

_STYLE = re.compile(rb"-([A-Za-z][A-Za-z0-9])([0-9A-Za-z]{4})-")
_ARIA = re.compile(rb"A2-(\d+)-(\d+)-(\d+)-")


def our_peer_id(random_bytes: bytes) -> PeerId:
    """Return a peer id of ours with 12 random bytes at its end."""
    return PeerId(OUR_PREFIX + random_bytes[:12])


def client_name(peer_id: bytes) -> str:
    """Return the name and version a peer id claims, safe to show."""
    if aria := _ARIA.match(peer_id):
        return "aria2 " + ".".join(part.decode() for part in aria.groups())
    if style := _STYLE.match(peer_id):
        letters, version = style.group(1).decode(), style.group(2).decode()
        digits = [str(int(char, 36)) for char in version]
        while len(digits) > 2 and digits[-1] == "0":
            digits.pop()
        return f"{_NAMES.get(letters, letters)} {'.'.join(digits)}"
    return safe_text(peer_id[:8], 16)
