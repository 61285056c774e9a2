"""How does the resume record of an open torrent follow its files? (shell)

Everything here runs in the one background thread, so its state needs no lock. A `Claim` is made on the loop: the pieces
in it were written before, so the places they touch are among the dirty ones taken afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.storage.failures import disk_error
from torrent.storage.files import Tree
from torrent.storage.opening import proof
from torrent.storage.records import Record
from torrent.storage.resume import ABSENT, Proof, Resume

SETTLE_LIMIT = 32 * 1024 * 1024
"""Unflushed bytes up to which a complete torrent is flushed at the next save, so that its record is its last."""

MANY = 64
"""Places from which on one flush of the whole file system is quicker than one for each."""


class Claim(NamedTuple):
    """What the record shall say."""

    have: int
    synced: int
    uploaded: int
    downloaded: int
    clean: bool = False


class Journal:
    """The record of one open torrent.

    `last` is what its file says, None if there is none that can be used. `needed` are the pieces (bits) after which
    nothing is written any more: once they are there and flushed, the record says that all ended well, and stays. Should
    a file be written nevertheless, its new time speaks against the record.
    """

    def __init__(
        self,
        metainfo: Metainfo,
        tree: Tree,
        record: Record,
        boot_id: str,
        proofs: Mapping[int, Proof],
        clock_ns: Callable[[], int] = time.time_ns,
        last: Resume | None = None,
        needed: int | None = None,
    ) -> None:
        self._metainfo = metainfo
        self._tree = tree
        self._record = record
        self._boot_id = boot_id
        self._clock_ns = clock_ns
        self._proofs = [proofs.get(place, ABSENT) for place in range(tree.layout.part + 1)]
        self._unsynced: set[int] = set()
        self._unsynced_bytes = 0
        self._failed = False
        self._last = last
        self._needed = needed

    def says(self, claim: Claim) -> bool:
        """Say whether the file of the record says just this, and that all ended well: it need not be saved again."""
        last = self._last
        if last is None or not last.clean or self._unsynced:
            return False
        fresh = self._resume(claim._replace(clean=True))
        return last == replace(fresh, boot_id=last.boot_id, written_ns=last.written_ns) and (
            last.boot_id == fresh.boot_id or fresh.synced == fresh.have
        )

    def save(self, claim: Claim, *, sync: bool) -> None:
        """Save a record, after flushing the files if `sync`; `DiskError`."""
        self._gather()
        settled = self._settles(claim)
        if settled and not sync:
            try:
                self._sync()
            except DiskError:
                settled = False
        if sync:
            self._sync()
        if sync or settled:
            claim = claim._replace(synced=claim.have, clean=settled)
        self._last = None
        resume = self._resume(claim)
        self._record.save(resume)
        self._last = resume

    def _settles(self, claim: Claim) -> bool:
        """Say whether nothing will be written any more and little is to flush; note what an earlier run may owe."""
        if self._needed is None or self._needed & ~claim.have or self._failed or self._unsynced_bytes > SETTLE_LIMIT:
            return False
        if claim.have & ~claim.synced:  # of a run that was killed before it flushed, perhaps
            self._unsynced.update(self._tree.present)
        return True

    def finish(self, claim: Claim, sync_limit: int) -> None:
        """Save the last record, flushing first if there is little to flush, and let go of files and lock."""
        try:
            self._gather()
            if self._unsynced_bytes <= sync_limit and len(self._unsynced) <= MANY:
                try:
                    self._sync()
                    claim = claim._replace(synced=claim.have)
                except DiskError:
                    pass
            if not (claim.clean and self.says(claim)):
                self._record.save(self._resume(claim))
        finally:
            self._tree.close()
            self._record.unlock()

    def _gather(self) -> None:
        places, size = self._tree.take_dirty()
        self._unsynced |= places
        self._unsynced_bytes += size
        for place in places:
            self._proofs[place] = proof(self._tree.stat(place))

    def _sync(self) -> None:
        if self._failed:
            raise DiskError("an earlier flush failed; what was written since is checked at the next start")
        name = str(self._tree.root)
        try:
            for folder in self._tree.take_new_folders():
                self._tree.sync_folder(folder)
            if len(self._unsynced) <= MANY or not self._tree.sync_all():
                for place in self._unsynced:
                    name = self._tree.name(place)
                    self._tree.sync_place(place)
        except OSError as error:
            self._failed = True
            raise disk_error(error, "flush", name) from error
        self._unsynced.clear()
        self._unsynced_bytes = 0

    def _resume(self, claim: Claim) -> Resume:
        return Resume(
            info_hash=self._metainfo.hex,
            pieces=self._tree.layout.pieces,
            have=claim.have,
            synced=claim.synced & claim.have,
            boot_id=self._boot_id,
            written_ns=self._clock_ns(),
            clean=claim.clean,
            proofs=tuple(self._proofs),
            placed=self._tree.layout.placed,
            uploaded=claim.uploaded,
            downloaded=claim.downloaded,
        )
