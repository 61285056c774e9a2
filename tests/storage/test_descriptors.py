"""Are descriptors bounded, shared, and never closed while in use?"""

from __future__ import annotations

import os
import random
import threading

import pytest

from torrent.storage import Descriptors


def opener(path, flags=os.O_RDWR | os.O_CREAT):
    return lambda: os.open(path, flags, 0o600)


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_second_take_shares_the_descriptor(tmp_path):
    pool = Descriptors(4)
    first = pool.take((1, 1), False, opener(tmp_path / "a"))
    second = pool.take((1, 1), False, lambda: pytest.fail("opened twice"))
    assert first is second and first.pins == 2


def test_the_oldest_is_closed_but_never_one_in_use(tmp_path):
    pool = Descriptors(2)
    pinned = pool.take((1, 0), True, opener(tmp_path / "0"))
    for n in range(1, 6):
        pool.give(pool.take((1, n), True, opener(tmp_path / str(n))))
    assert is_open(pinned.fd) and len(pool) == 2
    pool.give(pinned)
    pool.give(pool.take((1, 9), True, opener(tmp_path / "9")))
    assert pool.peek((1, 0)) is None and not is_open(pinned.fd)


def test_writing_replaces_a_read_only_descriptor(tmp_path):
    (tmp_path / "a").touch()
    pool = Descriptors(2)
    reading = pool.take((1, 1), False, opener(tmp_path / "a", os.O_RDONLY))
    writing = pool.take((1, 1), True, opener(tmp_path / "a"))
    assert writing is not reading and is_open(reading.fd)
    pool.give(reading)
    assert not is_open(reading.fd) and is_open(writing.fd)


def test_a_forgotten_descriptor_is_closed_when_the_last_user_is_done(tmp_path):
    pool = Descriptors(2)
    mine = pool.take((1, 1), True, opener(tmp_path / "a"))
    other = pool.take((2, 1), True, opener(tmp_path / "b"))
    pool.give(other)
    pool.forget_owner(1)
    assert is_open(mine.fd) and len(pool) == 1
    pool.give(mine)
    assert not is_open(mine.fd) and is_open(other.fd)


def test_threads_never_see_a_closed_descriptor(tmp_path):
    for n in range(8):
        (tmp_path / str(n)).write_bytes(bytes([n]) * 10)
    pool = Descriptors(3)
    faults = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(800):
            n = rng.randrange(8)
            handle = pool.take((0, n), rng.random() < 0.3, opener(tmp_path / str(n)))
            if os.pread(handle.fd, 10, 0) != bytes([n]) * 10:
                faults.append(n)
            pool.give(handle)
            if rng.random() < 0.05:
                pool.forget((0, rng.randrange(8)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults and len(pool) <= 3 + 4
