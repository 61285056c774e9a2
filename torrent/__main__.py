"""`python -m torrent` is the command `torrent`."""

from torrent.cli import main

if __name__ == "__main__":
    main()
