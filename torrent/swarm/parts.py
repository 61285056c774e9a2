"""Which parts make one live torrent?

The parts know each other only through this: a member asks `parts.leech`, the leech asks `parts.recruit`. Whoever builds
a swarm fills it (`lifecycle`), nobody changes it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torrent.errors import DiskError

if TYPE_CHECKING:
    from torrent.swarm.leech import Leech
    from torrent.swarm.recruit import Recruit
    from torrent.swarm.seed import Seed
    from torrent.swarm.state import State
    from torrent.swarm.throttle import Throttle


@dataclass(slots=True, eq=False)
class Parts:
    """The parts of one live torrent and what they may ask of its shell."""

    state: State
    throttle: Throttle
    gulp: memoryview
    defer: Callable[[Callable[[], None]], object]
    """Run something once, after the callbacks that are ready now."""
    later: Callable[[float, Callable[[], None]], object]
    """Run something once, after so many seconds."""
    on_disk_error: Callable[[DiskError], None]
    on_complete: Callable[[], None]
    leech: Leech = None  # type: ignore[assignment]
    seed: Seed = None  # type: ignore[assignment]
    recruit: Recruit = None  # type: ignore[assignment]
