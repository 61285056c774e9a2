"""What stops a live torrent for a while: a full disk, a broken one, a goal that is met; and how it goes on."""

from types import SimpleNamespace

from tests.swarm.life import download
from torrent.errors import DiskError, DiskFullError
from torrent.events import TorrentFailed
from torrent.peer import wire
from torrent.swarm import lifecycle
from torrent.swarm.lifecycle import DISK_RETRY_SECONDS, DISK_ROOM
from torrent.terms import BLOCK_SIZE

# the disk


async def test_a_full_disk_waits_and_goes_on_by_itself(live, monkeypatch):
    life = live(pieces=2)
    free = SimpleNamespace(free=0)
    monkeypatch.setattr(lifecycle.shutil, "disk_usage", lambda path: free)
    life.store.write_error = DiskFullError("no space left")
    peer = download(life)
    assert peer.closed == "no space left"
    assert (life.swarm.view().status, life.swarm.view().reason) == ("waiting", "no space left")
    assert [event.waits for event in life.published(TorrentFailed)] == [True]
    later = life.loop.time() + DISK_RETRY_SECONDS + 1
    life.swarm.tick(later)
    assert life.swarm.view().status == "waiting"
    free.free = DISK_ROOM + 1
    life.store.write_error = None
    life.swarm.tick(later + 1)
    assert life.swarm.view().status == "waiting"  # looked at every few seconds only
    life.swarm.tick(later + DISK_RETRY_SECONDS)
    assert life.swarm.view().status == "downloading"
    download(life)
    assert life.state.complete


async def test_a_users_pause_outlives_a_full_disk(live, monkeypatch):
    life = live()
    monkeypatch.setattr(lifecycle.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 40))
    life.store.write_error = DiskFullError("no space left")
    download(life)
    life.swarm.pause()
    life.swarm.tick(life.loop.time() + DISK_RETRY_SECONDS + 1)
    assert life.swarm.view().status == "paused"


async def test_a_folder_that_vanished_is_no_room(live):
    life = live()
    life.store.path = life.store.path / "nowhere" / "at" / "all"
    life.store.write_error = DiskFullError("no space left")
    download(life)
    life.swarm.tick(life.loop.time() + DISK_RETRY_SECONDS + 1)
    assert life.swarm.view().status == "waiting"


async def test_a_disk_error_pauses_until_the_user_acts(live):
    life = live()
    life.store.write_error = DiskError("cannot write: input/output error")
    download(life)
    life.swarm.tick(life.loop.time() + 1000)
    assert life.swarm.view().status == "error"
    assert life.swarm.view().reason == "cannot write: input/output error"
    life.store.write_error = None
    life.swarm.resume()
    download(life)
    assert life.state.complete


async def test_a_file_that_vanished_while_seeding_is_an_error_that_is_shown(live):
    life = live(have=0b1111)
    life.store.read_error = DiskError("cannot read world.bin: no such file")
    peer = life.remote()
    peer.say(wire.bare(wire.INTERESTED))
    peer.say(wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]))
    assert life.swarm.view().status == "error" and peer.closed


async def test_only_the_first_of_many_errors_is_told(live):
    life = live(pieces=4)
    life.store.holds = True
    life.store.write_error = DiskError("worn out")
    download(life)
    life.store.holds = False
    life.settle()
    assert len(life.published(TorrentFailed)) == 1 and life.buffers.out == 0


# goals


async def test_seeding_ends_at_the_ratio(live):
    life = live(have=0b1111, blocks=1, goal={"ratio": 1.0})
    peer = life.remote("2001:db8::9")
    peer.say(wire.bare(wire.INTERESTED))
    now = life.loop.time()
    life.swarm.tick(now)
    blocks = [(piece, 0, life.state.geometry.size(piece)) for piece in range(4)]
    peer.say(wire.spans(wire.REQUEST, blocks[:3]))
    life.swarm.tick(now)
    assert not life.state.goal_reached
    peer.say(wire.spans(wire.REQUEST, blocks[3:]))
    life.swarm.tick(now)
    assert life.state.goal_reached and peer.closed and life.swarm.changed.rung


async def test_what_earlier_runs_gave_counts_towards_the_ratio(live):
    life = live(have=0b1111, goal={"ratio": 2.0})
    life.state.uploaded_before = 2 * life.state.metainfo.size
    life.swarm.tick(life.loop.time())
    assert life.state.goal_reached


async def test_seeding_ends_after_its_time_counted_from_completion(live):
    life = live(pieces=2, goal={"time": 60.0})
    now = life.loop.time()
    life.swarm.tick(now)
    life.swarm.tick(now + 100)
    assert not life.state.goal_reached  # it does not seed yet
    download(life)
    life.swarm.tick(now + 200)
    life.swarm.tick(now + 259)
    assert not life.state.goal_reached
    life.swarm.tick(now + 260)
    assert life.state.goal_reached


async def test_without_a_goal_it_seeds_for_ever(live):
    life = live(have=0b1111)
    life.state.uploaded_before = 1 << 50
    life.swarm.tick(life.loop.time() + 1e9)
    assert not life.state.goal_reached
