"""A relay, a crowd and a bare hop, each in a process of its own and on a core of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _relay.crowd import Setup
from _relay.messages import Numbered, samples
from ac_bridge.clock import SystemClock
from ac_bridge.net.certificate import self_signed, write_pair
from links.child import Child
from links.servant import Servant

HOST = "127.0.0.1"
READY = "Relaying on "
READY_TIMEOUT_S = 30.0
CONNECTIONS = 8192
"""More than the relay's default, to see where it ends; none of them costs anything unused."""
ORDER_LIMIT_S = 180.0
"""An order that takes longer has hung."""


class StageError(Exception):
    """A process did not come up; carries what it said."""


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """What a process holds, and what it has used.

    Attributes:
        rss_bytes: memory.
        files: open descriptors.
        cpu_s: seconds of a core, since it was started.
    """

    rss_bytes: int
    files: int
    cpu_s: float


def body_of(process_id: int) -> Body:
    """Look at a process of this machine."""
    proc = Path(f"/proc/{process_id}")
    [rss] = [
        line.split()[1]
        for line in (proc / "status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Body(
        rss_bytes=int(rss) * 1024,
        files=len(list((proc / "fd").iterdir())),
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
    )


def cores() -> tuple[int, int]:
    """Return the core for the relay and the one for all others; one and the same if need be."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[-1], mine[0]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Be on one core; processes that are started meanwhile stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class RelayProgram(Child):
    """`ac-bridge relay` on a free port. A context manager: it ends the process.

    Args:
        park_token: that actors show.
        cert, key: files; empty without TLS.

    Attributes:
        port: that it listens on.

    Raises:
        StageError: it did not come up.
    """

    stop_timeout_s = 20.0

    def __init__(self, park_token: str, cert: str, key: str) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed by `close`
        how = ["--connections", str(CONNECTIONS)]
        how += ["--tls-cert", cert, "--tls-key", key] if cert else []
        clean = {name: value for name, value in os.environ.items() if "AC_BRIDGE" not in name}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ac_bridge.cli", "relay", "--listen", f"{HOST}:0", *how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            env=clean | {"AC_BRIDGE_RELAY_PARK_TOKEN": park_token},
            cwd=sys.prefix,  # no settings of a working directory
            start_new_session=True,
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_TIMEOUT_S)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith(READY):
            said = self.said()
            self.close()
            raise StageError(f"`ac-bridge relay` did not come up: {said or line!r}")
        self.port = int(line.rpartition(":")[2])

    def said(self) -> str:
        """Return what it has written to its standard error so far."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End it. May be called twice."""
        self.process.terminate()
        super().close()
        self._log.close()


class Stage:
    """A relay and a crowd. A context manager: it ends both.

    Args:
        secure: whether everything is in TLS.

    Attributes:
        secure: as asked for.
        relay: the process on the one core.
        crowd: the process on the other.
        setup: what they were given.
    """

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        self.clock = SystemClock()
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            cert = key = ""
            if secure:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
                pair = self_signed(["localhost", HOST], self.clock.wall(), 2)
                write_pair(pair, Path(cert), Path(key))
            request, answer = samples()
            self.request, self.answer = Numbered(request), Numbered(answer)
            token = secrets.token_urlsafe(32)
            relay_core, self.load_core = cores()
            with on_core(relay_core):
                self.relay = stack.enter_context(RelayProgram(token, cert, key))
            self.setup = Setup(self.relay.port, token, request.hex(), answer.hex(), cert, key)
            with on_core(self.load_core):
                self.crowd = stack.enter_context(
                    Servant("_relay.crowd", json.dumps(dataclasses.asdict(self.setup)))
                )
            self._stack = stack.pop_all()

    def order(self, what: str, **how: Any) -> dict[str, Any]:
        """Let the crowd do something, and return what it tells."""
        return self.crowd.ask(ORDER_LIMIT_S, do=what, **how)

    def hop(self, port: int) -> Servant:
        """Start a bare hop to a port, on the relay's core."""
        with on_core(cores()[0]):
            pair = [self.setup.cert, self.setup.key] if self.setup.cert else []
            return self._stack.enter_context(Servant("_relay.hop", str(port), *pair))

    def look(self) -> tuple[Body, Body]:
        """Return what relay and crowd hold now."""
        return body_of(self.relay.process.pid), body_of(self.crowd.process.pid)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
