"""How do bytes of piece space get into and out of the files of one torrent? (shell)

`Tree` is the download folder of one torrent seen through its `Layout`. All I/O is positioned, so any number of threads
may read and write at once.

Invariants:
- No link is followed below the download folder: every component is opened on its own, relative to the folder above it,
  with O_NOFOLLOW (`_folder`, `_open`). A folder that was swapped for a link between runs ends in a `DiskError`.
- A file is created by the first write that touches it, with its final size, so that a small file costs one open, one
  write and one close. A file that was there and is gone is an error (`_open`), never silently created again: what we
  believe to have of it would be wrong.
- Short writes are continued; short reads are errors, never garbage.
- `dirty` holds every place written since it was last taken, added after the write: a piece that is reported as
  written is covered by the next sync.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

from torrent.errors import DiskError
from torrent.storage.descriptors import Descriptors, Handle
from torrent.storage.failures import disk_error
from torrent.storage.layout import GAP, Layout
from torrent.storage.positioned import is_in_memory, read_at, write_at
from torrent.text import safe_text

_FOLDERS = 64
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_OWNERS = count()


class Tree:
    """The files of one torrent below `root`. Call `close` when done."""

    def __init__(self, root: Path, layout: Layout, pool: Descriptors, executable: frozenset[int] = frozenset()) -> None:
        self.root = root
        self.layout = layout
        self.present: set[int] = set()
        self.executable = executable
        self._pool = pool
        self._owner = next(_OWNERS)
        self._folders: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._walk = threading.Lock()
        self._dirty_lock = threading.Lock()
        self._dirty: set[int] = set()
        self.dirty_bytes = 0
        self._new_folders: set[tuple[str, ...]] = set()
        self._flags_now: int | None = _NOWAIT if _NOWAIT and hasattr(os, "preadv") else None  # None: cannot be asked

    def name(self, place: int) -> str:
        """Return what to call a place in a message."""
        return str(self.root.joinpath(*self.layout.path(place)))

    def has_folder(self, path: tuple[str, ...]) -> bool:
        """Say whether a folder below the download folder is there; `DiskError` if it is something else."""
        try:
            with self._walk:
                self._folder(path, create=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise disk_error(error, "look at", str(self.root.joinpath(*path))) from error
        return True

    def stat(self, place: int) -> os.stat_result | None:
        """Return the state of a place on disk, None if it is not there; `DiskError` if it is not a plain file."""
        path = self.layout.path(place)
        try:
            with self._walk:
                found = os.stat(path[-1], dir_fd=self._folder(path[:-1], create=False), follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_error(error, "look at", self.name(place)) from error
        if not stat.S_ISREG(found.st_mode):
            what = "a link is" if stat.S_ISLNK(found.st_mode) else "something that is not a plain file is"
            raise DiskError(f"cannot use {safe_text(self.name(place))}: {what} in its place")
        return found

    def put(self, offset: int, view: memoryview) -> None:
        """Write `view` at `offset` of piece space; `DiskError`."""
        at = 0
        for place, start, size in self.layout.spans(offset, len(view)):
            if place != GAP:
                try:
                    self._write(place, start, view[at : at + size])
                except OSError as error:
                    raise disk_error(error, "write", self.name(place)) from error
            at += size

    def fill(self, offset: int, view: memoryview) -> None:
        """Read piece space from `offset` into all of `view`; `DiskError`."""
        at = 0
        for place, start, size in self.layout.spans(offset, len(view)):
            if place == GAP:
                view[at : at + size] = bytes(size)
            else:
                try:
                    self._read(place, start, view[at : at + size])
                except OSError as error:
                    raise disk_error(error, "read", self.name(place)) from error
            at += size

    def fill_now(self, offset: int, view: memoryview) -> bool:
        """Read like `fill`, but only what is in memory already; False if that is not everything."""
        if self._flags_now is None:
            return False
        at = 0
        for place, start, size in self.layout.spans(offset, len(view)):
            if place == GAP:
                view[at : at + size] = bytes(size)
            elif not self._read_now(place, start, view[at : at + size]):
                return False
            at += size
        return True

    def take_dirty(self) -> tuple[set[int], int]:
        """Return the places and the number of bytes written since the last call."""
        with self._dirty_lock:
            taken = self._dirty, self.dirty_bytes
            self._dirty, self.dirty_bytes = set(), 0
            return taken

    def give_dirty(self, places: set[int], size: int) -> None:
        """Put back what `take_dirty` gave, because it could not be synced."""
        with self._dirty_lock:
            self._dirty |= places
            self.dirty_bytes += size

    def take_new_folders(self) -> set[tuple[str, ...]]:
        """Return the folders that got a new entry since the last call."""
        with self._walk:
            taken, self._new_folders = self._new_folders, set()
            return taken

    def sync_place(self, place: int) -> None:
        """Wait until a place is on the disk itself; OSError."""
        handle = self._pool.take((self._owner, place), False, lambda: self._open(place, os.O_RDONLY))
        try:
            getattr(os, "fdatasync", os.fsync)(handle.fd)
        finally:
            self._pool.give(handle)

    def sync_folder(self, path: tuple[str, ...]) -> None:
        """Wait until the names in a folder are on the disk itself; OSError."""
        with self._walk:
            fd = os.dup(self._folder(path, create=False))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def sync_all(self) -> bool:
        """Wait until the whole file system below is on the disk itself; False where that cannot be asked; OSError."""
        syncfs = _syncfs()
        if syncfs is None:
            return False
        with self._walk:
            fd = os.dup(self._folder((), create=False))
        try:
            if syncfs(fd):
                raise OSError(ctypes.get_errno(), "syncfs failed")
        finally:
            os.close(fd)
        return True

    def create(self, place: int) -> int:
        """Open a place, created if need be, at its final size and return a descriptor the caller closes; OSError."""
        fd = self._open(place, os.O_RDWR | os.O_CREAT)
        try:
            if os.fstat(fd).st_size < self.layout.place_length(place):
                os.ftruncate(fd, self.layout.place_length(place))
        except BaseException:
            os.close(fd)
            raise
        return fd

    def link(self, place: int, target: str) -> None:
        """Create the symlink of a place, leading to `target` (relative to its folder), unless something is there."""
        path = self.layout.path(place)
        try:
            with self._walk:
                os.symlink(target, path[-1], dir_fd=self._folder(path[:-1], create=True))
        except FileExistsError:
            pass
        except OSError as error:
            raise disk_error(error, "create the link", self.name(place)) from error

    def rename(self, name: str, place: int) -> None:
        """Move the file `name` in the folder of a place to the place itself; OSError."""
        path = self.layout.path(place)
        with self._walk:
            folder = self._folder(path[:-1], create=False)
            os.replace(name, path[-1], src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, place: int) -> None:
        """Remove a place from the disk, if it is there; OSError."""
        self._pool.forget((self._owner, place))
        path = self.layout.path(place)
        try:
            with self._walk:
                os.unlink(path[-1], dir_fd=self._folder(path[:-1], create=False))
        except FileNotFoundError:
            pass
        self.present.discard(place)

    def forget(self, place: int) -> None:
        """Close a place and stop believing that it is there, so that the next write may create it."""
        self._pool.forget((self._owner, place))
        self.present.discard(place)

    def open(self, place: int, flags: int = os.O_RDONLY) -> int:
        """Open a place and return a descriptor the caller closes; OSError."""
        return self._open(place, flags)

    def open_beside(self, place: int, name: str) -> int:
        """Create an empty file `name` in the folder of a place and return a descriptor the caller closes; OSError."""
        path = self.layout.path(place)
        with self._walk:
            folder = self._folder(path[:-1], create=True)
            return os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | _OPEN, 0o666, dir_fd=folder)

    def close(self) -> None:
        """Close every descriptor of this tree."""
        self._pool.forget_owner(self._owner)
        with self._walk:
            self._close_folders()

    def _write(self, place: int, start: int, view: memoryview) -> None:
        size = len(view)
        try:
            if place not in self.present and size == self.layout.place_length(place):
                self._write_whole(place, view)
                return
            handle = self._pool.take((self._owner, place), True, lambda: self._open_to_write(place, size))
            try:
                self._check_linked(place, handle)
                with handle.turn:
                    write_at(handle.fd, view, start)
            finally:
                self._pool.give(handle)
        finally:
            with self._dirty_lock:
                self._dirty.add(place)
                self.dirty_bytes += size

    def _write_whole(self, place: int, view: memoryview) -> None:
        """Create a file and write all of it: a small file never needs a place in the pool."""
        fd = self._open_to_write(place, len(view))
        try:
            write_at(fd, view, 0)
        finally:
            os.close(fd)

    def _open_to_write(self, place: int, size: int) -> int:
        length = self.layout.place_length(place)
        found_size = 0
        fd = -1
        if place not in self.present:
            with contextlib.suppress(FileExistsError):
                fd = self._open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        new = fd >= 0
        if not new:
            fd = self._open(place, os.O_RDWR)
        try:
            if not new:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise OSError(errno.EPERM, "not a plain file")
                found_size = found.st_size
            if found_size > length or (found_size < length and size < length):
                os.ftruncate(fd, length)
        except BaseException:
            os.close(fd)
            raise
        self.present.add(place)
        return fd

    def _read(self, place: int, start: int, view: memoryview) -> None:
        handle = self._pool.take((self._owner, place), False, lambda: self._open(place, os.O_RDONLY))
        try:
            self._check_linked(place, handle)
            while view:
                got = read_at(handle.fd, view, start)
                if not got:
                    raise DiskError(f"cannot read {safe_text(self.name(place))}: the file is shorter than it should be")
                start += got
                view = view[got:]
        finally:
            self._pool.give(handle)

    def _read_now(self, place: int, start: int, view: memoryview) -> bool:
        handle = self._pool.peek((self._owner, place))
        if handle is None:
            return False
        try:
            self._check_linked(place, handle)
            return os.preadv(handle.fd, [view], start, self._flags_now or 0) == len(view)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                if is_in_memory(handle.fd):
                    self._flags_now = 0
                    return read_at(handle.fd, view, start) == len(view)
                self._flags_now = None
            return False
        finally:
            self._pool.give(handle)

    def _check_linked(self, place: int, handle: Handle) -> None:
        """Raise OSError if the file was removed; looks at most once in `look_again` seconds of the pool."""
        now = time.monotonic()
        if now < handle.look_at:
            return
        handle.look_at = now + self._pool.look_again
        if not os.fstat(handle.fd).st_nlink:
            self._pool.forget((self._owner, place))
            raise OSError(errno.ENOENT, "removed while in use")

    def _open(self, place: int, flags: int) -> int:
        path = self.layout.path(place)
        mode = 0o777 if place in self.executable else 0o666
        create = bool(flags & os.O_CREAT)
        with self._walk:
            try:
                fd = os.open(path[-1], flags | _OPEN, mode, dir_fd=self._folder(path[:-1], create=create))
            except FileNotFoundError:
                # A folder we hold open may have been removed: look again from the top.
                self._close_folders()
                fd = os.open(path[-1], flags | _OPEN, mode, dir_fd=self._folder(path[:-1], create=create))
            if create:
                self._new_folders.add(path[:-1])
            return fd

    def _close_folders(self) -> None:
        for fd in self._folders.values():
            os.close(fd)
        self._folders.clear()

    def _folder(self, path: tuple[str, ...], *, create: bool) -> int:
        folders = self._folders
        found = folders.get(path)
        if found is not None:
            folders.move_to_end(path)
            return found
        if path:
            above = self._folder(path[:-1], create=create)
            try:
                fd = os.open(path[-1], _FOLDER, dir_fd=above)
            except FileNotFoundError:
                if not create:
                    raise
                os.mkdir(path[-1], dir_fd=above)
                self._new_folders.add(path[:-1])
                fd = os.open(path[-1], _FOLDER, dir_fd=above)
        else:
            if create:
                self.root.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        folders[path] = fd
        if len(folders) > _FOLDERS + len(path):
            os.close(folders.popitem(last=False)[1])
        return fd


@cache
def _syncfs() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
