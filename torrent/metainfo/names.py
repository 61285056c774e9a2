"""What will a file be called on this disk? The one place that decides (BEPs 3, 47, 52).

A name in a torrent is bytes somebody else chose. What comes out of here is safe to join to a folder and safe to show:

- no component is empty, made of dots and spaces alone, absolute, or holds a separator of any system, a drive letter,
  NUL, a control or bidirectional character (`_clean`); none is longer than 255 bytes of UTF-8 (`_shorten`, which
  keeps the extension);
- on Windows alone no component is the name of a device, holds what Windows forbids, or ends in a dot or space: other
  systems keep `aux.c` what it is;
- no two files share a path, also where the disk ignores case or Unicode form, and no file has the path of a folder
  (`disk_paths`); the later file gets `.1`, `.2`, ... before its extension, so the outcome depends on the torrent alone;
- a link points at a file or folder of the same torrent, never above itself (`link_targets`), or nowhere.

All else is the same on every system, so that a torrent has the same files everywhere. A hostile torrent may also try
a flood of equal names: `MAX_DUPLICATES`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from torrent.errors import MetainfoError
from torrent.metainfo import limits
from torrent.text import safe_text

RawPath: TypeAlias = tuple[bytes, ...]
DiskPath: TypeAlias = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ ()\[\],&+=!'-]*(?:\.[A-Za-z0-9_]+)*")
"""Names that need nothing done, if they are short, do not end in a space and are no device: the common case."""
_WINDOWS = os.name == "nt"
_SEPARATORS = re.compile(r"[/\\]" if not _WINDOWS else r'[/\\<>:"|?*]')
_DRIVE = re.compile(r"^([A-Za-z]):")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?", re.I | re.S)
_EXTENSION = re.compile(r"\.[^. ]{1,32}$")

# Codecs a creator may have named in `encoding`; a list of our own, because not every codec of Python is a text
# encoding, or linear.
_ENCODINGS = {
    "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030", "big5": "big5", "cp936": "gbk", "cp950": "cp950",
    "shiftjis": "cp932", "sjis": "cp932", "cp932": "cp932", "eucjp": "euc_jp", "euckr": "euc_kr", "cp949": "cp949",
    "koi8r": "koi8_r", "koi8u": "koi8_u", "latin1": "latin_1", "iso88591": "latin_1", "iso88592": "iso8859_2",
    "iso885915": "iso8859_15", "windows1250": "cp1250", "cp1250": "cp1250", "windows1251": "cp1251", "cp1251": "cp1251",
    "windows1252": "cp1252", "cp1252": "cp1252",
}  # fmt: skip


def decode_text(raw: bytes, encoding: str = "") -> str:
    """Return `raw` as str: UTF-8, else the torrent's own `encoding` if it fits and is known, else with U+FFFD."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    codec = _ENCODINGS.get(re.sub(r"[^a-z0-9]", "", encoding.lower()))
    if codec:
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            pass
    return raw.decode("utf-8", "replace")


def component(raw: bytes, encoding: str = "", *, fallback: str = "_") -> str:
    """Return one path component as it will be on disk; `fallback` (safe text) where nothing is left of it."""
    text = decode_text(raw[:4096] + raw[-64:] if len(raw) > 4200 else raw, encoding)
    if len(text) < 200 and _PLAIN.fullmatch(text) and not (_WINDOWS and (text[-1] == " " or _DEVICE.fullmatch(text))):
        return text
    return _clean(text) or fallback


def _clean(text: str) -> str:
    text = safe_text(text, len(text) + 1).replace("\ufffd", "_")
    text = _SEPARATORS.sub("_", text)
    text = _DRIVE.sub(r"\1_", text)
    if not text.strip(". "):
        return ""
    if _WINDOWS:
        text = text.rstrip(". ")
        if _DEVICE.fullmatch(text):
            text = "_" + text
    return _shorten(text)


def _shorten(text: str, limit: int = limits.MAX_NAME_BYTES) -> str:
    if len(text.encode()) <= limit:
        return text
    found = _EXTENSION.search(text)
    extension = found[0] if found and len(found[0].encode()) < limit // 2 else ""
    stem = text[: len(text) - len(extension)].encode()[: limit - len(extension.encode())].decode("utf-8", "ignore")
    return (stem.rstrip(". ") + extension) if extension else stem.rstrip(". ")


def _key(text: str) -> str:
    """Return what names have in common that some file system takes for the same."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def disk_paths(
    root: str | None, paths: Sequence[RawPath | None], encoding: str = ""
) -> tuple[list[DiskPath], list[str]]:
    """Return the path on disk of each of `paths`, and notes on those that had to change.

    `root`: the folder of a torrent of several files, safe already; it comes first in each result. None in `paths` (a
    pad, which is never on disk) gives `()`. MetainfoError for paths too deep or too many that are equal.
    """
    cache: dict[bytes, tuple[str, str]] = {}
    front = () if root is None else (root,)
    # Folders are numbered, a name is looked up as (its folder's number, key): memory grows with the text, not with
    # the square of its depth.
    folders: dict[tuple[int, str], int] = {}
    cleaned: list[tuple[DiskPath, int, str] | None] = []
    notes: list[str] = []
    for path in paths:
        if path is None:
            cleaned.append(None)
            continue
        if not 1 <= len(path) <= limits.MAX_PATH_DEPTH:
            raise MetainfoError(f"a path of {len(path)} components")
        folder, key = 0, ""
        names: list[str] = []
        for raw in path:
            if names:
                folder = folders.setdefault((folder, key), len(folders) + 1)
            known = cache.get(raw)
            if known is None:
                name = component(raw, encoding)
                known = cache[raw] = (name, _key(name))
                if name.encode() != raw:
                    notes.append(f"a name is stored as {name!r}")
            names.append(known[0])
            key = known[1]
        cleaned.append((front + tuple(names), folder, key))
    return list(_distinct(cleaned, folders, notes)), notes


def _distinct(
    cleaned: Iterable[tuple[DiskPath, int, str] | None], folders: Container[tuple[int, str]], notes: list[str]
) -> Iterator[DiskPath]:
    taken: set[tuple[int, str]] = set()
    following: dict[tuple[int, str], int] = {}
    duplicates = 0
    for item in cleaned:
        if item is None:
            yield ()
            continue
        path, folder, key = item
        place = first = (folder, key)
        if place in taken or place in folders:
            duplicates += 1
            if duplicates > limits.MAX_DUPLICATES:
                raise MetainfoError(f"more than {limits.MAX_DUPLICATES} files have the path of another one")
            number = following.get(first, 0)
            while place in taken or place in folders:
                number += 1
                name = _numbered(path[-1], number)
                place = (folder, _key(name))
            following[first] = number
            path = (*path[:-1], name)
            notes.append(f"a path is there twice; the later file is stored as {name!r}")
        taken.add(place)
        yield path


def _numbered(name: str, number: int) -> str:
    found = _EXTENSION.search(name)
    extension = found[0] if found and found.start() else ""
    stem = name[: len(name) - len(extension)]
    suffix = f".{number}{extension}"
    return _shorten(stem, limits.MAX_NAME_BYTES - len(suffix.encode())) + suffix


def link_targets(
    links: Mapping[int, RawPath], root: str | None, raw: Sequence[RawPath | None], disk: Sequence[DiskPath]
) -> dict[int, DiskPath]:
    """Return where links may point (BEP 47), by index of the link in `raw`.

    `links`: what each asks for, relative to the torrent's root. Left out: targets that are no file or folder of this
    torrent, and those that are the link itself or a folder above it.
    """

    def allowed(index: int, target: RawPath) -> bool:
        link = raw[index]
        return link is not None and bool(target) and target != link[: len(target)]

    wanted: dict[RawPath, DiskPath | None] = dict.fromkeys(
        target for index, target in links.items() if allowed(index, target)
    )
    if not wanted:
        return {}
    depth = 0 if root is None else 1
    lengths = sorted({len(target) for target in wanted})
    for path, place in zip(raw, disk, strict=True):
        for length in lengths if path is not None else ():
            if path is not None and length <= len(path) and path[:length] in wanted:
                wanted[path[:length]] = place[: depth + length]
    found = {index: wanted.get(target) for index, target in links.items() if allowed(index, target)}
    return {index: place for index, place in found.items() if place is not None}
