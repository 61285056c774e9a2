"""aria2c for one torrent: as a leech it ends when it has everything, as a seed it runs until it is closed.

It speaks to UDP trackers only when its DHT is on, so here to HTTP trackers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.ports import PortTaken, retrying
from tests.support.program import Program


class Aria2:
    """`with Aria2(tmp_path, torrent, folder) as leech: leech.wait_done()`; `seed=True` serves what is in `folder`."""

    def __init__(
        self,
        work: Path,
        torrent: Path,
        folder: Path,
        *,
        seed: bool = False,
        host: str = "127.0.0.1",
        name: str = "aria2",
        trackers: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        self.host = host
        self.log = work / f"{name}.log"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

        def start(port: int) -> Program:
            self.port = port
            argv = [
                "aria2c",
                "--no-conf=true",
                f"--dir={folder}",
                f"--listen-port={port}",
                f"--interface={host}",
                f"--bt-external-ip={host}",
                "--enable-dht=false",
                "--enable-dht6=false",
                "--bt-enable-lpd=false",
                "--enable-peer-exchange=false",
                "--bt-min-crypto-level=plain",
                "--bt-request-peer-speed-limit=0",
                "--console-log-level=notice",
                "--summary-interval=0",
                "--show-console-readout=false",
                "--file-allocation=none",
                "--allow-overwrite=true",
                "--follow-torrent=mem",
                *(
                    ["--seed-ratio=0", "--check-integrity=true", "--bt-hash-check-seed=true"]
                    if seed
                    else ["--seed-time=0"]
                ),
                *([f"--bt-tracker={','.join(trackers)}"] if trackers else []),
                *options,
                str(torrent),
            ]
            program = Program(argv, self.log, cwd=work)
            try:
                program.wait_for_log(f"IPv4 BitTorrent: listening on TCP port {port}", 15)
            except AssertionError as error:
                program.kill()
                raise PortTaken(str(error)) from None
            return program

        self.program = retrying(start, host=host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.close(2)

    @property
    def address(self) -> str:
        """The HOST:PORT to hand to another client."""
        return f"{self.host}:{self.port}"

    def wait_seeding(self, timeout: float = 30) -> None:
        """Wait until a seed has checked its data."""
        self.program.wait_for_log("Verification finished successfully", timeout)

    def wait_done(self, timeout: float = 60) -> None:
        """Wait until a leech has ended well."""
        code = self.program.wait(timeout)
        assert code == 0, f"aria2c ended with {code}\n{self.program.tail()}"
