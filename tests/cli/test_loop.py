"""The loop and the two signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest

from torrent.cli import loop


def test_run_gives_back_what_came_of_it() -> None:
    async def seven() -> int:
        return 7

    assert loop.run(seven()) == 7


def test_the_first_signal_asks_and_the_second_leaves() -> None:
    said: list[object] = []

    async def story() -> int:
        left = asyncio.Event()

        def leave(code: int) -> None:
            said.append(code)
            left.set()

        with loop.signals(lambda: said.append("restored"), leave) as first:
            os.kill(os.getpid(), signal.SIGTERM)
            code = await first
            assert said == []
            os.kill(os.getpid(), signal.SIGINT)
            await left.wait()
        return code

    assert loop.run(story()) == 143
    assert said == ["restored", 130]


def test_signals_are_given_back() -> None:
    async def story() -> None:
        with loop.signals():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL

    loop.run(story())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_leaf_of_a_group() -> None:
    error = ValueError("x")
    assert loop.leaf(BaseExceptionGroup("", [ExceptionGroup("", [error]), KeyError()])) is error


@pytest.mark.parametrize("missing", [True, False])
def test_uvloop_is_used_where_it_is(missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    if missing:
        monkeypatch.setitem(sys.modules, "uvloop", None)

    async def module() -> str:
        return type(asyncio.get_running_loop()).__module__.split(".")[0]

    assert loop.run(module()) == ("asyncio" if missing else "uvloop")


def test_what_was_loaded_is_never_looked_at_as_garbage():
    async def frozen() -> int:
        return gc.get_freeze_count()

    try:
        assert loop.run(frozen()) > 1000
    finally:
        gc.unfreeze()
