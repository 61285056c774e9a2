"""What does the address of a tracker say, and is it one we can ask?

A URL comes from a torrent, a magnet or a redirect, so from a stranger: `TrackerUrl.parse` lets no control character
through (no second header can be smuggled into a request), wants a host and a port that can exist, and brings
everything to plain ASCII. Credentials are kept apart from the rest, so nothing that prints or follows a URL can leak
them. BEP 3, 15, 48.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urljoin, urlsplit

from torrent.errors import TrackerError

SCHEMES = {"http": 80, "https": 443, "udp": 0}
"""Schemes we speak, and the port that each means when the URL names none (0: it must name one)."""

MAX_URL = 4096
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_.])?")
_V6 = re.compile(r"[0-9a-f:.]{2,45}")
_UNSAFE = re.compile("[\x00-\x20\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class TrackerUrl:
    """A tracker's address in parts: `host` without brackets, `path` and `query` percent-encoded, `userinfo` secret."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""
    userinfo: str = ""

    @classmethod
    def parse(cls, text: str) -> TrackerUrl:
        """Take a URL apart; raises `TrackerError` for anything we could not ask."""
        if len(text) > MAX_URL:
            raise TrackerError("the address of the tracker is too long")
        if _UNSAFE.search(text):
            raise TrackerError("the address of the tracker holds characters that no address has")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
            scheme = parts.scheme.lower()
            user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
            host = host if ":" in host else host.encode("idna").decode("ascii").lower()
        except (ValueError, UnicodeError):
            raise TrackerError("the address of the tracker cannot be read") from None
        if scheme not in SCHEMES:
            raise TrackerError(f"{scheme[:16] or 'an empty scheme'} is not a kind of tracker this program can ask")
        if not (_V6.fullmatch(host) if ":" in host else _HOST.fullmatch(host)):
            raise TrackerError("the address of the tracker names no host")
        port = SCHEMES[scheme] if port is None else port
        if not port:
            raise TrackerError("the address of the tracker names no port")
        path = quote(parts.path, safe="/%:@!$&'()*+,;=~") or "/"
        return cls(scheme, host, port, path, quote(parts.query, safe="/?%:@!$&'()*+,;=~"), user)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials never go further than this."""
        return self.scheme, self.host, self.port

    @property
    def request_uri(self) -> str:
        """Path and query, as a UDP tracker wants to see them (BEP 41); empty if the URL had neither."""
        uri = f"{self.path}?{self.query}" if self.query else self.path
        return "" if uri == "/" else uri

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == SCHEMES[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}{'?' if self.query else ''}{self.query}"

    def with_query(self, more: str) -> TrackerUrl:
        """Add encoded parameters, keeping those that are there (passkeys live in them)."""
        return replace(self, query=f"{self.query}&{more}" if self.query else more)

    def scrape(self) -> TrackerUrl:
        """Return where this tracker answers scrapes (BEP 48); raises `TrackerError` if the rule gives no address."""
        if self.scheme == "udp":
            return self
        folder, _, last = self.path.rpartition("/")
        if not last.startswith("announce"):
            raise TrackerError("this tracker has no address for scrapes")
        return replace(self, path=f"{folder}/scrape{last.removeprefix('announce')}")

    def redirected(self, location: str) -> TrackerUrl:
        """Return where a redirect leads; raises `TrackerError` if it may not be followed.

        Credentials stay behind unless the origin is the same, those in `location` are ignored, and a way from https
        down to http is refused: the query holds what identifies the user.
        """
        if _UNSAFE.search(location) or len(location) > MAX_URL:
            raise TrackerError("the tracker redirects to an address that cannot be read")
        try:
            target = TrackerUrl.parse(urljoin(str(self), location))
        except ValueError:
            raise TrackerError("the tracker redirects to an address that cannot be read") from None
        if target.scheme == "udp" or (self.scheme == "https" and target.scheme != "https"):
            raise TrackerError(f"the tracker redirects from {self.scheme} to {target.scheme}")
        return replace(target, userinfo=self.userinfo if target.origin == self.origin else "")


def shown_url(text: str) -> str:
    """Return a URL as it may be shown: without credentials."""
    return re.sub(r"//[^/?#]*@", "//", text, count=1)
