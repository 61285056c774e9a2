"""What did the user name, and which torrent is it?

A source is a path, an http(s) URL, `-` for standard input, a magnet link or a bare info-hash. Whatever it is, at most
`MAX_TORRENT` bytes are read, and every error names the source it is about.
"""

from __future__ import annotations

import fnmatch
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torrent.errors import InputError, MagnetError, MetainfoError, TorrentError
from torrent.text import safe_text

if TYPE_CHECKING:
    from torrent.metainfo import File, Magnet, Metainfo

MAX_TORRENT = 10 * 1024 * 1024
_HASH = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_RANGES = re.compile(r"\d{1,9}(-\d{0,9})?(,\d{1,9}(-\d{0,9})?)*")


def kind_of(source: str) -> str:
    """Return "stdin", "url", "magnet" or "path"; a bare info-hash that is no file counts as a magnet."""
    lowered = source[:10].lower()
    if source == "-":
        return "stdin"
    if lowered.startswith(("http://", "https://")):
        return "url"
    if lowered.startswith("magnet:") or (_HASH.fullmatch(source) and not Path(source).exists()):
        return "magnet"
    return "path"


def shown(source: str) -> str:
    """Return a source as it may be shown; credentials in a URL stay out."""
    if source == "-":
        return "standard input"
    return safe_text(re.sub(r"//[^/?#]*@", "//", source, count=1) if kind_of(source) == "url" else source, 300)


def refuse_magnet(source: str) -> MagnetError:
    """Return the error for a magnet where a whole torrent is needed."""
    return MagnetError(
        f"{shown(source)[:60]}: a magnet link alone is not enough",
        hint="this version does not fetch the metadata behind a magnet link; give it the .torrent file",
    )


def load_now(source: str) -> Metainfo:
    """Read a torrent in a command that has no event loop."""
    return parse(source, read_now(source))


def read_now(source: str) -> bytes:
    """Read the bytes of a torrent in a command that has no event loop."""
    kind = kind_of(source)
    if kind == "magnet":
        raise refuse_magnet(source)
    if kind == "stdin":
        return _within(source, sys.stdin.buffer.read(MAX_TORRENT + 1))
    if kind == "url":
        import asyncio

        return asyncio.run(_fetch(source))
    with Path(source).open("rb") as file:
        return _within(source, file.read(MAX_TORRENT + 1))


async def load(source: str) -> Metainfo:
    """Read a torrent inside the event loop without holding it up."""
    import asyncio

    kind = kind_of(source)
    if kind == "magnet":
        raise refuse_magnet(source)
    if kind == "url":
        return parse(source, await _fetch(source))
    if kind == "stdin":
        return parse(source, await asyncio.to_thread(read_now, source))
    import aiofiles

    async with aiofiles.open(source, "rb") as file:
        data = await file.read(MAX_TORRENT + 1)
    return parse(source, _within(source, data))


def parse(source: str, data: bytes) -> Metainfo:
    """Turn bytes into a torrent; a `MetainfoError` names the source."""
    from torrent.metainfo import Metainfo

    try:
        return Metainfo.from_bytes(data)
    except InputError as error:
        raise MetainfoError(f"{shown(source)}: {error}", hint=error.hint or _guess(data)) from None


def parse_magnet(source: str) -> Magnet:
    """Turn a magnet link or a bare info-hash into a `Magnet`."""
    from torrent.metainfo import Magnet

    if _HASH.fullmatch(source):
        source = f"magnet:?xt=urn:btih:{source}" if len(source) == 40 else f"magnet:?xt=urn:btmh:1220{source}"
    return Magnet.parse(source)


def numbered(metainfo: Metainfo) -> list[tuple[int, File]]:
    """Return the files a user can choose from with the numbers that `--list` shows, from 1; pad files are not there."""
    return list(enumerate((file for file in metainfo.files if not file.is_pad), 1))


def select(metainfo: Metainfo, patterns: Sequence[str]) -> frozenset[int] | None:
    """Return the indexes of the files that `--files` chose, or None for all; `InputError` for a choice of nothing."""
    if not patterns:
        return None
    files = numbered(metainfo)
    chosen: set[int] = set()
    for pattern in patterns:
        if _RANGES.fullmatch(pattern):
            wanted = _numbers(pattern, len(files))
            found = {file.index for number, file in files if number in wanted}
        else:
            found = {file.index for _, file in files if _matches(file.path, pattern)}
        if not found:
            raise InputError(f"no file is called {safe_text(pattern, 80)!r}", hint="--list shows the files")
        chosen |= found
    return frozenset(chosen)


def data_folder(metainfo: Metainfo, path: Path) -> Path:
    """Return the folder that holds the torrent's data when the user named that folder or the data itself."""
    if path.name != metainfo.name or (path / metainfo.name).exists():
        return path
    return path.parent if path.is_dir() == metainfo.multi_file and path.exists() else path


def highest(codes: Iterable[int]) -> int:
    """Return the exit code of several inputs."""
    return max(codes, default=0)


def _numbers(pattern: str, last: int) -> set[int]:
    wanted: set[int] = set()
    for part in pattern.split(","):
        first, dash, end = part.partition("-")
        stop = min(int(end), last) if end else last if dash else int(first)
        if not 1 <= int(first) <= last or stop < int(first):
            raise InputError(f"there is no file {part}: the torrent has {last}", hint="--list shows the files")
        wanted.update(range(int(first), stop + 1))
    return wanted


def _matches(path: tuple[str, ...], pattern: str) -> bool:
    inside = "/".join(path[1:])
    return any(fnmatch.fnmatchcase(name, pattern) for name in ("/".join(path), inside, path[-1]) if name)


async def _fetch(source: str) -> bytes:
    from torrent.cli.fetch import fetch

    try:
        return await fetch(source, MAX_TORRENT)
    except TorrentError as error:
        raise type(error)(f"{shown(source)}: {error}", hint=error.hint) from None


def _within(source: str, data: bytes) -> bytes:
    if len(data) > MAX_TORRENT:
        raise MetainfoError(f"{shown(source)}: larger than {MAX_TORRENT >> 20} MiB: this is no .torrent")
    return data


def _guess(data: bytes) -> str:
    head = data[:256].lstrip().lower()
    if not head:
        return "it is empty"
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, not a .torrent file"
    if head.startswith(b"magnet:"):
        return "it holds a magnet link, not a .torrent file"
    return ""
