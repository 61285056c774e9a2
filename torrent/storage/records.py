"""Where do resume records live, and how do they survive a crash while being written? (shell)

`Record` is the record file of one torrent in one download folder, under `state_dir/resume`. It is replaced atomically:
a temporary file is written and flushed, renamed over the old one, and the folder is flushed. A lock file beside it
(flock, so it dies with its process) keeps a second process away from the same download.

Nobody but us writes there; a damaged or foreign record is a note, never an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
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


class Record:
    """The record of the torrent `info_hash` (hex) in `directory`; nothing is read or kept when `state_dir` is None."""

    def __init__(self, state_dir: Path | None, info_hash: str, directory: Path) -> None:
        self._folder = None if state_dir is None else state_dir / "resume"
        where = sha256(os.fsencode(os.path.realpath(directory))).hexdigest()[:8]
        self._stem = f"{info_hash}-{where}"
        self._lock: int | None = None

    def path(self) -> Path | None:
        """Return where the record is, if there is a place for it."""
        return None if self._folder is None else self._folder / f"{self._stem}.resume"

    def lock(self) -> None:
        """Keep other processes away; `InputError` if one has this download already, `DiskError`."""
        if self._folder is None or fcntl is None:
            return
        path = self._folder / f"{self._stem}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            while self._lock is None:
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if path.exists() and os.path.samestat(os.fstat(fd), path.stat()):
                        self._lock = fd
                finally:
                    if self._lock is None:
                        os.close(fd)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise InputError("already being downloaded by another process") from error
            raise disk_error(error, "lock", str(path)) from error

    def unlock(self) -> None:
        """Let other processes in again."""
        if self._lock is None or self._folder is None:
            return
        try:
            with contextlib.suppress(OSError):
                (self._folder / f"{self._stem}.lock").unlink()
        finally:
            os.close(self._lock)
            self._lock = None

    def load(self) -> tuple[Resume | None, str]:
        """Return the record, and a note if there is one that cannot be used."""
        path = self.path()
        if path is None:
            return None, ""
        try:
            return decode(path.read_bytes()), ""
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
