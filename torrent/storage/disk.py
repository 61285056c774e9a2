"""What do all torrents of a process share on their way to the disk? (shell)

`Disk` owns the threads, the pool of descriptors, the budget of piece buffers and the claims on paths, and opens
torrents. Opening decides what of a torrent is there already: the steps are in `torrent.storage.opening`, the weighing
of the record in `torrent.storage.resume`. Whatever step fails, nothing stays claimed, locked or open.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torrent.config import DiskConfig
from torrent.errors import DiskError, LocalError
from torrent.metainfo import Metainfo
from torrent.storage import opening
from torrent.storage.buffers import Buffers
from torrent.storage.checking import Progress, check_pieces
from torrent.storage.claims import Claims
from torrent.storage.descriptors import Descriptors
from torrent.storage.failures import disk_error
from torrent.storage.files import Tree
from torrent.storage.journal import Claim, Journal
from torrent.storage.layout import Layout
from torrent.storage.records import Record, boot_id
from torrent.storage.resume import Resume, ResumeError, fits
from torrent.storage.store import Store, Totals, make_links
from torrent.storage.workers import Workers
from torrent.text import safe_text


class Disk:
    """Everything between the torrents of a process and the disk. `state_dir` None: no resume records are kept."""

    def __init__(self, config: DiskConfig, state_dir: Path | None, *, boot: str | None = None) -> None:
        self.buffers = Buffers(config.memory)
        self.free_space = opening.free_space
        self._state_dir = state_dir
        self._boot = boot
        self._pool = Descriptors(config.open_files)
        self._claims = Claims()
        self._workers = Workers(max(2, config.threads), "disk")
        self._background = Workers(1, "disk-sync")
        self._stores: set[Store] = set()

    async def open(
        self,
        metainfo: Metainfo,
        directory: Path,
        *,
        wanted: frozenset[int] | None = None,
        preallocate: str = "sparse",
        check: bool = False,
        on_progress: Progress | None = None,
    ) -> Store:
        """Open the files of a torrent below `directory` and find out which pieces are there.

        `wanted`: indices of the files to download (None: all). `check`: believe no record, hash everything.
        `on_progress(done, total)` counts bytes hashed. `InputError` if another torrent or process has the files,
        `DiskFullError` if they cannot fit, `DiskError`.
        """
        run = self._workers.run
        directory, real = await run(partial(_absolute, directory))
        every = layout_of(metainfo)
        chosen = frozenset(every.real if wanted is None else wanted & frozenset(every.real))
        owner = object()
        record = Record(self._state_dir, metainfo.hex, directory)
        tree = Tree(directory, every, self._pool)
        try:
            found = await run(partial(opening.survey, tree))
            layout = layout_of(metainfo, chosen | frozenset(place for place in found if place != every.part))
            tree.layout = layout
            tree.executable = frozenset(index for index in layout.real if "x" in metainfo.files[index].attr)
            paths = [layout.path(index) for index in layout.placed]
            self._claims.take(owner, real, [*paths, layout.path(layout.part)])
            await run(record.lock)
            tree.present = set(found)
            before = len(found)
            await run(partial(opening.migrate, tree))
            if len(tree.present) != before:
                found = await run(partial(opening.survey, tree))
            boot = boot_id() if self._boot is None else self._boot
            past, note = await run(partial(_load, record, metainfo, layout))
            known = await run(partial(opening.weigh, tree, metainfo, past, found, boot_id=boot, check=check))
            good = await check_pieces(self._workers, tree, metainfo, known.doubtful, on_progress)
            have = known.trusted | good
            free = self.free_space(directory)
            await run(partial(opening.require_space, tree, have, chosen, free))
            await run(partial(opening.prepare, tree, have, chosen, preallocate))
            proofs = {place: opening.proof(tree.stat(place)) for place in tree.present - set(found)}
            proofs |= {place: opening.proof(found[place]) for place in tree.present & set(found)}
            journal = Journal(metainfo, tree, record, boot, proofs)
            synced = past.synced & have if past is not None else 0
            totals = Totals(past.uploaded, past.downloaded) if past is not None else Totals()
            notes = tuple(filter(None, (note, *known.notes)))
            try:
                first = Claim(have, synced, totals.uploaded, totals.downloaded)
                await self._background.run(partial(journal.save, first, sync=False))
            except LocalError as error:
                notes += (str(error),)
            links = links_of(metainfo, layout)
            store = Store(
                metainfo,
                tree,
                journal,
                self._workers,
                self._background,
                have=have,
                synced=synced,
                wanted=chosen,
                totals=totals,
                notes=notes,
                links=links,
                on_closed=lambda: self._closed(owner, store),
            )
            if links and store.complete:
                await run(partial(make_links, tree, links))
        except BaseException as error:
            self._claims.give(owner)
            tree.close()
            record.unlock()
            if isinstance(error, OSError):
                raise disk_error(error, "open", str(directory)) from error
            if isinstance(error, MemoryError):
                raise DiskError(f"cannot open {safe_text(str(directory))}: out of memory") from error
            raise
        self._stores.add(store)
        return store

    async def close(self) -> None:
        """Close every store and end the threads; takes a few seconds at most."""
        await asyncio.gather(*(store.close() for store in self._stores))
        await self._workers.close()
        await self._background.close()

    def _closed(self, owner: object, store: Store) -> None:
        self._claims.give(owner)
        self._stores.discard(store)


def layout_of(metainfo: Metainfo, placed: frozenset[int] | None = None) -> Layout:
    """Return the layout of a torrent; `placed` are the files on disk as themselves (None: all)."""
    return Layout(metainfo.files, piece_length=metainfo.piece_length, length=metainfo.length, placed=placed)


def links_of(metainfo: Metainfo, layout: Layout) -> Mapping[int, str]:
    """Return the symlinks (BEP 47) to create and where they lead: only to placed files, or folders of them."""
    asked = {file.index: tuple(file.symlink) for file in metainfo.files if file.is_symlink and file.symlink}
    if not asked:
        return {}
    targets: set[tuple[str, ...]] = set()
    for index in layout.placed:
        path = layout.files[index].path
        targets.update(path[:depth] for depth in range(1, len(path) + 1))
    links = {}
    for index, target in asked.items():
        if target in targets:
            folder = metainfo.files[index].path[:-1]
            links[index] = posixpath.relpath("/".join(target), "/".join(folder) or ".")
    return links


def _absolute(directory: Path) -> tuple[Path, str]:
    return Path(directory).absolute(), os.path.realpath(directory)


def _load(record: Record, metainfo: Metainfo, layout: Layout) -> tuple[Resume | None, str]:
    past, note = record.load()
    if past is not None:
        try:
            fits(past, metainfo.hex, layout)
        except ResumeError as error:
            return None, f"what was known of this download is lost ({error}); files are checked again"
    return past, note
