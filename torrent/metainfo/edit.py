"""How does a .torrent change without becoming another torrent?

Everything outside `info` is replaced around the raw bytes of `info`, and keys that nobody asked about stay as they
were, byte for byte. Only `source` and `private` live inside `info`: changing them makes a new torrent with a new hash,
and the dictionary is then written canonically.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torrent import bencode
from torrent.bencode import Encodable, Value
from torrent.errors import BencodeError, MetainfoError
from torrent.metainfo import limits
from torrent.metainfo.document import Metainfo
from torrent.metainfo.outer import join, tracker_keys


class _Keep:
    """Says that something stays as it is."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Final = _Keep()


def edit(
    data: bytes,
    *,
    trackers: Sequence[Sequence[str]] | _Keep = KEEP,
    web_seeds: Sequence[str] | _Keep = KEEP,
    http_seeds: Sequence[str] | _Keep = KEEP,
    comment: str | _Keep = KEEP,
    created_by: str | _Keep = KEEP,
    creation_date: int | _Keep | None = KEEP,
    source: str | _Keep = KEEP,
    private: bool | _Keep = KEEP,
    max_size: int = limits.MAX_TORRENT_SIZE,
) -> bytes:
    """Return the .torrent file `data` with the given things changed; empty values remove them.

    MetainfoError when `data` is not an acceptable torrent, or would not be one afterwards.
    """
    before = Metainfo.from_bytes(data, max_size=max_size)
    try:
        raw = {key: data[start:end] for key, (start, end) in bencode.spans(data).items()}
    except BencodeError as error:
        raise MetainfoError(str(error)) from None
    if not isinstance(trackers, _Keep):
        _drop(raw, b"announce", b"announce-list")
        raw.update((key, bencode.encode(value)) for key, value in tracker_keys(_tiers(trackers)).items())
    if not isinstance(web_seeds, _Keep):
        _put(raw, b"url-list", [url.encode() for url in web_seeds])
    if not isinstance(http_seeds, _Keep):
        _put(raw, b"httpseeds", [url.encode() for url in http_seeds])
    if not isinstance(comment, _Keep):
        _drop(raw, b"comment.utf-8")
        _put(raw, b"comment", comment.encode())
    if not isinstance(created_by, _Keep):
        _drop(raw, b"created by.utf-8")
        _put(raw, b"created by", created_by.encode())
    if not isinstance(creation_date, _Keep):
        _drop(raw, b"creation date")
        if creation_date is not None:
            raw[b"creation date"] = bencode.encode(creation_date)
    raw[b"info"] = _edit_info(before.raw_info, source, private)
    after = join(raw)
    Metainfo.from_bytes(after, max_size=max(max_size, len(after)))
    return after


def _edit_info(raw_info: bytes, source: str | _Keep, private: bool | _Keep) -> bytes:
    info = bencode.decode(raw_info)
    if not isinstance(info, dict):
        raise MetainfoError("'info' is not a dictionary")
    after: dict[bytes, Value] = dict(info)
    if not isinstance(source, _Keep):
        after.pop(b"source.utf-8", None)
        after[b"source"] = source.encode()
        if not source:
            del after[b"source"]
    if not isinstance(private, _Keep):
        after.pop(b"private", None)
        if private:
            after[b"private"] = 1
    return raw_info if after == info else bencode.encode(after)


def _tiers(trackers: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(tier) for tier in trackers)


def _put(raw: dict[bytes, bytes], key: bytes, value: Encodable) -> None:
    _drop(raw, key)
    if value:
        raw[key] = bencode.encode(value)


def _drop(raw: dict[bytes, bytes], *keys: bytes) -> None:
    for key in keys:
        raw.pop(key, None)
