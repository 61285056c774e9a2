"""A libtorrent peer in its own process: a seed or a leech that tells what it did."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import eventually

_SCRIPT = Path(__file__).with_name("libtorrent_process.py")


class Libtorrent:
    """`with Libtorrent(tmp_path) as peer:`; `port` is known at once, port 0 is asked of the kernel."""

    def __init__(
        self,
        work: Path,
        *,
        host: str = "127.0.0.1",
        name: str = "libtorrent",
        encryption: bool = False,
        **settings: Any,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.host = host
        self.log = work / f"{name}.log"
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=work,
                start_new_session=True,
            )
        if encryption:
            settings = {"in_enc_policy": 1, "out_enc_policy": 1, **settings}
        listen = f"[{host}]:0" if ":" in host else f"{host}:0"
        opened = self.call("open", listen=listen, settings=settings)
        self.port: int = opened["port"]
        self.version: str = opened["version"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The HOST:PORT to hand to another client."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def call(self, name: str, *, timeout: float = 30.0, **args: Any) -> Any:
        """Ask the process; AssertionError when it answers with an error, not at all, or has died."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": name, "args": args}).encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            raise AssertionError(f"libtorrent did not answer {name}\n{self.log.read_text(errors='replace')[-2000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"libtorrent: {name}: {answer['error']}")
        return answer["ok"]

    def add(
        self,
        torrent: Path,
        save: Path,
        *,
        peers: Iterable[tuple[str, int]] = (),
        seed: bool = False,
        limit_up: int = -1,
        limit_down: int = -1,
    ) -> int:
        """Add a torrent; `seed` trusts the data in `save` to be complete. Limits are bytes per second, -1 for none."""
        save.mkdir(parents=True, exist_ok=True)
        found: int = self.call(
            "add",
            torrent=str(torrent),
            save=str(save),
            peers=[list(p) for p in peers],
            seed=seed,
            limit_up=limit_up,
            limit_down=limit_down,
        )
        if seed:
            self.wait_done(30, found)
        return found

    def connect(self, host: str, port: int, torrent: int = 0) -> None:
        """Dial another peer."""
        self.call("connect", torrent=torrent, host=host, port=port)

    def limit(self, *, up: int = -1, down: int = -1, torrent: int = 0) -> None:
        """Change the rate limits of a torrent, bytes per second."""
        self.call("limits", torrent=torrent, up=up, down=down)

    def status(self, torrent: int = 0) -> dict[str, Any]:
        """Return counters: state, seeding, done, uploaded, downloaded, redundant, failed, peers, error."""
        found: dict[str, Any] = self.call("status", torrent=torrent)
        return found

    def peers(self, torrent: int = 0) -> list[dict[str, Any]]:
        """Return who is connected: ip, client, up, down."""
        found: list[dict[str, Any]] = self.call("peers", torrent=torrent)
        return found

    def wait_done(self, timeout: float = 60.0, torrent: int = 0) -> None:
        """Wait until every piece is there."""

        def done() -> bool:
            status = self.status(torrent)
            assert not status["error"], status
            return bool(status["seeding"])

        eventually(
            done, timeout, "libtorrent is complete", on_timeout=lambda: f"{self.status(torrent)} {self.peers(torrent)}"
        )

    def close(self) -> None:
        """End the process; a session that hangs in its own shutdown is killed."""
        if self.process.poll() is None and self.process.stdin is not None:
            self.process.stdin.close()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
