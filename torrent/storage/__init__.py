"""How do verified pieces become files, and files become blocks again?

The face of the room. `Disk` exists once per process and opens torrents; a `Store` is the files of one open torrent;
`Layout` says which bytes of which file hold a range of the torrent; `Buffers` is the byte budget of unfinished pieces;
`Resume` is what is remembered of a download. The rest of the names serve creating and verifying torrents.
"""

from torrent.storage.buffers import Buffers as Buffers
from torrent.storage.checking import BATCH as BATCH
from torrent.storage.checking import batches as batches
from torrent.storage.checking import good_pieces as good_pieces
from torrent.storage.descriptors import Descriptors as Descriptors
from torrent.storage.disk import Disk as Disk
from torrent.storage.disk import layout_of as layout_of
from torrent.storage.failures import disk_error as disk_error
from torrent.storage.files import Tree as Tree
from torrent.storage.hashing import Asked as Asked
from torrent.storage.hashing import Hashed as Hashed
from torrent.storage.hashing import Rooms as Rooms
from torrent.storage.hashing import digest as digest
from torrent.storage.layout import Layout as Layout
from torrent.storage.reading import Reading as Reading
from torrent.storage.records import Record as Record
from torrent.storage.resume import Resume as Resume
from torrent.storage.store import Store as Store
from torrent.storage.store import Totals as Totals
