"""One live torrent: peers, pieces, trackers and files brought together."""

from torrent.swarm.announcer import Announces
from torrent.swarm.begin import begin
from torrent.swarm.lifecycle import Services, Swarm
from torrent.swarm.recruit import Dialled, Room
from torrent.swarm.report import file_views
from torrent.swarm.state import Options, State
from torrent.swarm.throttle import Throttle

__all__ = ["Announces", "Dialled", "Options", "Room", "Services", "State", "Swarm", "Throttle", "begin", "file_views"]
