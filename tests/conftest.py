"""What does every test get? The project on the path, and foreign programs only where they are installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests whose `@pytest.mark.foreign("program", ...)` names a program this machine lacks.

    With TORRENT_TEST_FOREIGN=require (set by CI) nothing is skipped: a missing program is a failure.
    """
    require = os.environ.get("TORRENT_TEST_FOREIGN") == "require"
    for item in items:
        if str(ROOT / "tests" / "foreign") in str(item.path) and item.get_closest_marker("foreign") is None:
            item.add_marker(pytest.mark.foreign)
        needed = [name for mark in item.iter_markers("foreign") for name in mark.args]
        missing = sorted({name for name in needed if shutil.which(name) is None})
        if missing and not require:
            item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(missing)}"))
