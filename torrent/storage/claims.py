"""Which torrent of this process may write which file?

Two torrents that write one file destroy each other's work, silently. So a torrent claims its real paths before it
touches them, all or nothing. Paths are compared as the disk does: below the download folder no link is followed (see
`torrent.storage.files`), so its own links are all there is to resolve; case does not count where the disk has none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from torrent.errors import InputError
from torrent.text import safe_text


class Claims:
    """The paths claimed in this process, each by one owner."""

    def __init__(self, ignore_case: bool = sys.platform in ("darwin", "win32")) -> None:
        self._owners: dict[str, object] = {}
        self._held: dict[object, set[str]] = {}
        self._ignore_case = ignore_case

    def take(self, owner: object, root: str, paths: Iterable[tuple[str, ...]]) -> None:
        """Claim `paths` below `root`, a folder whose links are resolved.

        `InputError` if another owner has one of them; nothing is claimed then.
        """
        wanted = {}
        above = root.rstrip("/")
        for path in paths:
            shown = "/".join((above, *path))
            wanted[shown.casefold() if self._ignore_case else shown] = shown
        for key, shown in wanted.items():
            if self._owners.get(key, owner) is not owner:
                raise InputError(f"{safe_text(shown)} is in use by another torrent")
        self._owners.update(dict.fromkeys(wanted, owner))
        self._held.setdefault(owner, set()).update(wanted)

    def give(self, owner: object) -> None:
        """Let go of everything an owner has claimed."""
        for key in self._held.pop(owner, ()):
            del self._owners[key]
