"""transmission-daemon 3.00 with a configuration of its own, spoken to over its RPC.

It takes no loopback address from a tracker or anybody else (it calls them martian), so on loopback the other side must
dial it; it accepts that. It tells trackers its port, so a client that reads the tracker finds it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import PortTaken, free_port, retrying
from tests.support.program import Program
from tests.support.waiting import eventually

_FIELDS = [
    "id",
    "status",
    "percentDone",
    "leftUntilDone",
    "error",
    "errorString",
    "uploadedEver",
    "downloadedEver",
    "corruptEver",
    "peers",
]


class Transmission:
    """`with Transmission(tmp_path) as t: t.add(torrent, folder); t.wait_done()`."""

    def __init__(self, work: Path, *, host: str = "127.0.0.1", name: str = "transmission") -> None:
        self.host = host
        self.work = work
        self.config = work / name
        self.config.mkdir(parents=True)
        self.log = work / f"{name}.log"
        self._session = ""
        self.program = retrying(self._start, host=host)

    def _start(self, port: int) -> Program:
        self.port = port
        self.rpc_port = free_port()
        settings = {
            "bind-address-ipv4": self.host,
            "cache-size-mb": 4,
            "dht-enabled": False,
            "download-dir": str(self.work),
            "encryption": 1,
            "lpd-enabled": False,
            "peer-port": port,
            "pex-enabled": False,
            "port-forwarding-enabled": False,
            "rpc-bind-address": "127.0.0.1",
            "rpc-port": self.rpc_port,
            "rpc-whitelist-enabled": False,
            "rpc-authentication-required": False,
            "utp-enabled": False,
            "trash-can-enabled": False,
            "seed-queue-enabled": False,
            "download-queue-enabled": False,
        }
        (self.config / "settings.json").write_text(json.dumps(settings))
        program = Program(["transmission-daemon", "-f", "-g", str(self.config), "--log-debug"], self.log)

        def answers() -> bool:
            if not program.running:
                raise PortTaken(program.tail())
            try:
                self.rpc("session-get")
            except OSError:
                return False
            return True

        try:
            eventually(answers, 15, "transmission answers", on_timeout=program.tail)
        except BaseException:
            program.kill()
            raise
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.close(3)

    @property
    def address(self) -> str:
        """The HOST:PORT to hand to another client."""
        return f"{self.host}:{self.port}"

    def rpc(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Make one call; OSError when nobody answers, AssertionError when the answer is not success."""
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(2):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.rpc_port}/transmission/rpc", body, {"X-Transmission-Session-Id": self._session}
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as reply:
                    answer = json.load(reply)
                assert answer["result"] == "success", answer
                found: dict[str, Any] = answer["arguments"]
                return found
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 409:
                        raise
                    self._session = error.headers["X-Transmission-Session-Id"]
        raise AssertionError("transmission keeps asking for another session id")

    def add(self, torrent: Path, folder: Path) -> int:
        """Add a torrent whose data is, or will be, in `folder`; what is there already is checked."""
        folder.mkdir(parents=True, exist_ok=True)
        added = self.rpc(
            "torrent-add", metainfo=b64encode(torrent.read_bytes()).decode(), **{"download-dir": str(folder)}
        )
        number: int = next(iter(added.values()))["id"]
        return number

    def status(self, number: int = 1) -> dict[str, Any]:
        """Return the fields of one torrent."""
        found: dict[str, Any] = self.rpc("torrent-get", ids=[number], fields=_FIELDS)["torrents"][0]
        return found

    def wait_done(self, timeout: float = 60.0, number: int = 1) -> None:
        """Wait until it seeds."""

        def done() -> bool:
            status = self.status(number)
            assert status["error"] in (0, 1, 2), status
            return status["leftUntilDone"] == 0 and status["percentDone"] == 1 and status["status"] in (5, 6)

        eventually(
            done,
            timeout,
            "transmission is complete",
            on_timeout=lambda: f"{self.status(number)}\n{self.program.tail()}",
        )
