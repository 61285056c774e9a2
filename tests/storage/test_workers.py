"""Does every job report exactly once, on the loop, whatever it does?"""

from __future__ import annotations

import asyncio
import threading

import pytest

from torrent.storage.workers import Workers


async def test_results_and_errors_come_back():
    workers = Workers(2, "t")
    assert await workers.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 // 0)
    with pytest.raises(SystemExit):
        await workers.run(lambda: (_ for _ in ()).throw(SystemExit))
    assert await workers.run(threading.current_thread) is not threading.main_thread()
    await workers.close()


async def test_many_jobs_cost_few_wakeups(monkeypatch):
    workers = Workers(2, "t")
    loop = asyncio.get_running_loop()
    wakeups = 0
    real = loop.call_soon_threadsafe

    def counted(*args, **kwargs):
        nonlocal wakeups
        wakeups += 1
        return real(*args, **kwargs)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    gate = threading.Event()
    finished = loop.create_future()
    seen = []

    def done(result, error):
        seen.append(result)
        if len(seen) == 500:
            finished.set_result(None)

    workers.submit(gate.wait, lambda *_: None)
    workers.submit(gate.wait, lambda *_: None)
    for n in range(500):
        workers.submit(lambda n=n: n, done)
    gate.set()
    # The loop is held here until the threads are done, so that all results make one batch.
    probe = threading.Event()
    workers.submit(probe.set, lambda *_: None)
    probe.wait(10)
    await finished
    assert sorted(seen) == list(range(500))
    assert wakeups < 20
    await workers.close()


async def test_a_failing_callback_does_not_stop_the_others():
    workers = Workers(1, "t")
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))

    def bad(result, error):
        raise RuntimeError("mine")

    workers.submit(lambda: 1, bad)
    assert await workers.run(lambda: 2) == 2
    assert [str(error) for error in told] == ["mine"]
    await workers.close()


async def test_closing_waits_for_jobs_and_may_be_repeated():
    workers = Workers(1, "t")
    seen = []
    workers.submit(lambda: seen.append(1), lambda *_: seen.append(2))
    await workers.close()
    assert seen == [1, 2]
    await workers.close()


async def test_a_cancelled_wait_is_harmless():
    workers = Workers(1, "t")
    gate = threading.Event()
    task = asyncio.ensure_future(workers.run(lambda: gate.wait(10)))
    await asyncio.sleep(0)
    task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await workers.run(lambda: 3) == 3
    await workers.close()
