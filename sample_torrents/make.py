"""Make the payload folders and the torrents in this folder, byte for byte the same on every machine.

    .venv/bin/python sample_torrents/make.py            writes into this folder
    .venv/bin/python sample_torrents/make.py FOLDER     writes into FOLDER

The payload is ours: pictures and sounds worked out with whole numbers only, and texts. The torrents are made by this
project's own `torrent create`. `tests/test_samples.py` holds what lies here against what this makes.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import wave
import zlib
from pathlib import Path

TRACKER = "http://127.0.0.1:6969/announce"
"""Where `torrent tracker serve` listens unless told otherwise."""

WEB_SEED = "http://127.0.0.1:8000/"
"""Where `python -m http.server -d sample_torrents/payload` listens."""

RATE = 22_050
"""Samples a second of the sounds."""

PIECE = "32K"

SAMPLES: dict[str, tuple[str, list[str]]] = {
    "picture": ("rings.png", ["--hybrid", "-t", TRACKER]),
    "picture-v1": ("rings.png", ["--v1"]),
    "picture-v2": ("rings.png", ["--v2"]),
    "album": ("small album", ["--hybrid", "-t", TRACKER]),
    "album-v1": ("small album", ["--v1"]),
    "album-v2": ("small album", ["--v2"]),
    "album-padded": ("small album", ["--v1", "--pad"]),
    "tune-private": ("scale.wav", ["--v1", "--private", "-t", TRACKER, "--source", "SAMPLE"]),
    "tune-web-seed": ("scale.wav", ["--hybrid", "-w", WEB_SEED + "scale.wav"]),
    "album-web-seed": ("small album", ["--v1", "-w", WEB_SEED]),
}
"""Torrent -> the payload it describes, and what `torrent create` is told beyond the path."""

READ_ME = """\
A small album
=============

Three tunes, a cover, a poem and an empty file. They were made by a program so that somebody may share them:
do with them what you like (CC0).
"""

POEM = [
    "A piece arrives, a piece departs,",
    "the rarest first, by random lot;",
    "a hundred hands, a thousand parts,",
    "and each gives on what each has got.",
]

HELLO = """\
#!/bin/sh
# The one executable file of the album: its torrents mark it with an x.
echo "hello from the swarm"
"""


def png(width: int, height: int, pixels: bytes) -> bytes:
    """Return a picture of `height` rows of `width` RGB pixels; stored, not compressed, so that no zlib matters."""
    row = width * 3
    raw = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    stored = b"".join(
        struct.pack("<BHH", at + 65_535 >= len(raw), len(block), len(block) ^ 0xFFFF) + block
        for at in range(0, len(raw), 65_535)
        for block in (raw[at : at + 65_535],)
    )
    packed = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(raw))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def rings(width: int, height: int) -> bytes:
    """Return the pixels of three sets of rings that meet."""
    out = bytearray()
    for y in range(height):
        for x in range(width):
            red = (x - width // 3) ** 2 + (y - height // 2) ** 2
            green = (x - width * 2 // 3) ** 2 + (y - height // 3) ** 2
            blue = (x - width // 2) ** 2 + (y - height) ** 2
            out += bytes((red >> 6 & 255, green >> 7 & 255, blue >> 8 & 255))
    return bytes(out)


def tone(hertz: int, seconds_10: int) -> bytes:
    """Return a triangle wave that fades, `seconds_10` tenths of a second long, as 16-bit samples."""
    count = RATE * seconds_10 // 10
    period = RATE // hertz
    out = bytearray()
    for n in range(count):
        place = n % period * 4 * 8_000 // period
        height = place if place < 8_000 else 16_000 - place if place < 24_000 else place - 32_000
        out += struct.pack("<h", height * (count - n) // count)
    return bytes(out)


def sound(path: Path, notes: list[int], seconds_10: int) -> None:
    """Write a tune."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(tone(note, seconds_10) for note in notes))


def payload(folder: Path) -> None:
    """Write the files that the torrents describe."""
    album = folder / "small album"
    (album / "notes").mkdir(parents=True, exist_ok=True)
    (folder / "rings.png").write_bytes(png(420, 280, rings(420, 280)))
    sound(folder / "scale.wav", [262, 294, 330, 349, 392, 440, 494, 523], 5)
    (album / "cover.png").write_bytes(png(300, 300, rings(300, 300)))
    sound(album / "01 up.wav", [262, 330, 392, 523] * 3, 20)
    sound(album / "02 down.wav", [523, 392, 330, 262] * 3, 16)
    sound(album / "03 ünïcode.wav", [392, 392, 440, 349], 30)
    (album / "notes" / "read me.txt").write_bytes(READ_ME.encode())
    (album / "notes" / "poem.txt").write_bytes("".join(f"{line}\n" for line in POEM).encode())
    (album / "notes" / "empty").write_bytes(b"")
    (album / "hello.sh").write_bytes(HELLO.encode())
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o755 if path.suffix == ".sh" else 0o644)


def torrents(folder: Path, here: Path) -> None:
    """Write the torrents of what `payload` wrote; without date and program, so that a new release changes nothing."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TORRENT_")}

    def run(*args: str | Path) -> None:
        command = [sys.executable, "-m", "torrent", *map(str, args), "--quiet", "--force"]
        subprocess.run(command, check=True, env=env)

    for name, (what, options) in SAMPLES.items():
        target = here / f"{name}.torrent"
        run("create", folder / what, "-o", target, "--piece", PIECE, "--no-date", *options)
        run("edit", target, "--created-by", "")


def main() -> None:
    here = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    here = here.parent if here.is_file() else here
    payload(here / "payload")
    torrents(here / "payload", here)


if __name__ == "__main__":
    main()
