"""Where do resume records live, and how do they survive a crash while being written? (shell)

`Record` is the record file of one torrent in one download folder, under `state_dir/resume`. It is replaced atomically:
a temporary file is written and flushed, renamed over the old one, and the folder is flushed. `Locks` keeps a second
process away from the same download.

Nobody but us writes there; a damaged or foreign record is a note, never an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import sys
import threading
from functools import cache
from hashlib import sha256
from pathlib import Path

from torrent.errors import InputError
from torrent.storage.failures import disk_error
from torrent.storage.resume import Resume, ResumeError, decode, encode

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no flock
    fcntl = None  # type: ignore[assignment]


@cache
def boot_id() -> str:
    """Return what names the current boot of this machine; empty if it cannot be told."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with contextlib.suppress(OSError, ValueError):
        import subprocess

        asked = subprocess.run(["/usr/sbin/sysctl", "-n", "kern.boottime"], capture_output=True, timeout=2, check=True)
        return "boottime " + asked.stdout.decode("ascii", "replace").split("}")[0]
    return ""


_LOCK_FILES = 16
"""Files that share the locks: the kernel walks over all locks of a file to add one."""


class Locks:
    """The downloads of this process, so that no other process takes them too. Safe to use from any thread.

    Each holds one byte of one of a few files, at a place its name decides: ten thousand downloads cost a few
    descriptors. The locks belong to the open files, so they die with the process however it ends, and two sessions of
    one process are kept apart as two processes are. Where there are no such locks, each download has a file.
    """

    def __init__(self, state_dir: Path | None) -> None:
        self._folder = None if state_dir is None or fcntl is None else state_dir / "resume"
        self._open: dict[str, tuple[int, int]] = {}  # name of the file -> descriptor, locks held
        self._turns = [threading.Lock() for _ in range(_LOCK_FILES)]

    def take(self, stem: str) -> None:
        """Lock the download called `stem`; `InputError` if another process has it, `DiskError`."""
        if self._folder is None:
            return
        name, byte = _place_of(stem)
        path = self._folder / name
        try:
            with self._turns[byte % _LOCK_FILES]:
                fd, held = self._open.get(name, (-1, 0))
                if fd < 0:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    _lock(fd, byte)
                    held += 1
                finally:
                    if held:
                        self._open[name] = fd, held
                    else:
                        os.close(fd)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise InputError("already being downloaded by another process") from error
            raise disk_error(error, "lock", str(path)) from error

    def give(self, stem: str) -> None:
        """Unlock what was taken."""
        if self._folder is None:
            return
        name, byte = _place_of(stem)
        with self._turns[byte % _LOCK_FILES]:
            fd, held = self._open.pop(name)
            if held == 1:
                os.close(fd)
                return
            self._open[name] = fd, held - 1
            with contextlib.suppress(OSError):
                _lock(fd, byte, unlock=True)


_HAS_BYTE_LOCKS = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")


def _place_of(stem: str) -> tuple[str, int]:
    """Return the name of the file that locks a download, and which byte of it."""
    if not _HAS_BYTE_LOCKS:
        return f"{stem}.lock", 0
    digest = sha256(stem.encode()).digest()
    byte = int.from_bytes(digest[:8], "big") >> 2
    return f"{byte % _LOCK_FILES:x}.lock", byte


def _lock(fd: int, byte: int, *, unlock: bool = False) -> None:
    """Lock or unlock a byte of an open file, or all of it, without waiting; OSError."""
    if _HAS_BYTE_LOCKS:
        kind = fcntl.F_UNLCK if unlock else fcntl.F_WRLCK
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", kind, os.SEEK_SET, byte, 1, 0))
    else:
        fcntl.flock(fd, fcntl.LOCK_UN if unlock else fcntl.LOCK_EX | fcntl.LOCK_NB)


class Record:
    """The record of the torrent `info_hash` (hex) in `directory`; nothing is read or kept when `state_dir` is None.

    `real` is the directory with its links resolved, where that is known; `locks` are those of the process.
    """

    def __init__(
        self,
        state_dir: Path | None,
        info_hash: str,
        directory: Path,
        *,
        real: str | None = None,
        locks: Locks | None = None,
    ) -> None:
        where = sha256(os.fsencode(os.path.realpath(directory) if real is None else real)).hexdigest()[:8]
        self._stem = f"{info_hash}-{where}"
        self._path = None if state_dir is None else state_dir / "resume" / f"{self._stem}.resume"
        self._locks = Locks(state_dir) if locks is None else locks
        self._locked = False

    def path(self) -> Path | None:
        """Return where the record is, if there is a place for it."""
        return self._path

    def lock(self) -> None:
        """Keep other processes away; `InputError` if one has this download already, `DiskError`."""
        if self._path is not None and not self._locked:
            self._locks.take(self._stem)
            self._locked = True

    def unlock(self) -> None:
        """Let other processes in again."""
        if self._locked:
            self._locked = False
            self._locks.give(self._stem)

    def load(self) -> tuple[Resume | None, str]:
        """Return the record, and a note if there is one that cannot be used."""
        if self._path is None:
            return None, ""
        try:
            with self._path.open("rb", buffering=0) as file:
                return decode(file.read()), ""
        except FileNotFoundError:
            return None, ""
        except (OSError, ResumeError) as error:
            return None, f"what was known of this download is lost ({error}); files are checked again"

    def save(self, record: Resume) -> None:
        """Replace the record; `DiskError`."""
        path = self.path()
        if path is None:
            return
        fresh = path.with_suffix(".new")
        try:
            try:
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(encode(record))
                file.flush()
                os.fsync(fd)
            fresh.replace(path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise disk_error(error, "save", str(path)) from error
