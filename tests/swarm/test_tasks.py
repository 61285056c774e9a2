"""Do the tasks of a torrent end together, and does whoever waits hear of news?"""

import asyncio

from torrent.swarm.tasks import Bell, Tasks


async def for_ever(began):
    began.append(1)
    await asyncio.Event().wait()


async def fail():
    raise KeyError("a bug of ours")


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_nothing_to_do_is_no_task():
    tasks = Tasks(lambda error: None)
    before = asyncio.all_tasks()
    assert len(tasks) == 0 and asyncio.all_tasks() == before
    done = asyncio.Event()

    async def work():
        done.set()

    assert tasks.spawn(work())
    await done.wait()
    await turns()
    assert len(tasks) == 0


async def test_they_end_together_and_nothing_begins_after():
    tasks, began = Tasks(lambda error: None), []
    tasks.spawn(for_ever(began))
    tasks.spawn(for_ever(began))
    await turns()
    tasks.spawn(for_ever(began))  # has not taken its first step when the end comes
    tasks.cancel()
    assert not tasks.spawn(for_ever(began))
    await tasks.ended()
    assert len(tasks) == 0 and began == [1, 1]
    await tasks.ended()


async def test_an_error_of_ours_ends_all_and_is_told():
    told, began = [], []
    tasks = Tasks(told.append)
    tasks.spawn(for_ever(began))
    tasks.spawn(fail())
    await tasks.ended()
    assert [type(error) for error in told] == [KeyError] and tasks.ending


async def test_an_error_while_ending_is_told_too():
    told = []
    tasks = Tasks(told.append)

    async def stubborn():
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("on the way out")

    tasks.spawn(stubborn())
    await turns()
    tasks.cancel()
    await tasks.ended()
    assert [type(error) for error in told] == [KeyError]


async def test_a_bell_wakes_everybody_who_waits_and_nobody_later():
    bell = Bell()
    bell.ring()
    waiting = [asyncio.ensure_future(bell.wait()) for _ in range(3)]
    await turns()
    assert not any(future.done() for future in waiting)
    waiting.pop().cancel()
    await turns()
    bell.ring()
    await asyncio.gather(*waiting)
    late = asyncio.ensure_future(bell.wait())
    await turns()
    assert not late.done() and bell.rung == 2
    late.cancel()
