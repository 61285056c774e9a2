"""What do the tests with foreign programs share? One payload, made once for each worker, and a tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.opentracker import Opentracker
from tests.support.payload import many_small_files, payload, sha256_tree, tree

SIZES = {"a.bin": 5_300_001, "folder/b.bin": 700_000, "folder/empty": 0, "folder/deeper/c.txt": 17, "d.bin": 65_536}


@pytest.fixture(scope="session")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `multi` (a few files), `single.bin` and `small` (2,000 small files). Read only."""
    root = tmp_path_factory.mktemp("payloads")
    root.chmod(0o755)
    tree(root / "multi", SIZES)
    payload(root / "single.bin", 6_000_000)
    many_small_files(root / "small", 2000)
    return root


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Opentracker]:
    """opentracker, run for one test."""
    with Opentracker(tmp_path) as running:
        yield running


@pytest.fixture
def same() -> Callable[..., None]:
    """`same(source, copy)` compares the sha256 of every file; `empty=False` where a client makes no empty files."""

    def compare(source: Path, copy: Path, *, empty: bool = True) -> None:
        assert copy.exists(), (
            f"{copy.name} is not there: {sorted(copy.parent.iterdir()) if copy.parent.exists() else ''}"
        )
        assert sha256_tree(copy, empty=empty) == sha256_tree(source, empty=empty)

    return compare
