"""The round trip of a step: to an actor itself, over one bare hop, and through the relay.

One learner with a blocking socket, as ours have; the three ways take turns in blocks, so that the
noise of the machine meets them alike.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Self

from _relay.crowd import OPEN, driver_token
from _relay.judge import WAYS, RoundTrip
from _relay.messages import upgrade
from _relay.stage import HOST, Stage, on_core
from ac_bridge.clock import Clock
from ac_bridge.pacing import percentile
from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import MSGPACK

NAME = "pc-0"
TIMEOUT_S = 10.0


class WrongAnswerError(Exception):
    """An answer was not the one to the step that was sent."""


class Caller:
    """A learner's connection. A context manager.

    Args:
        stage: whose messages it sends.
        port: that it dials.
        tls: whom it believes.
    """

    def __init__(self, stage: Stage, port: int, tls: ssl.SSLContext | None) -> None:
        self._request, self._answer = stage.request, stage.answer
        raw = socket.create_connection((HOST, port), TIMEOUT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
        path = relay.actor_path(NAME)
        self._socket.sendall(upgrade(path, MSGPACK.subprotocol, driver_token(NAME)))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._socket.recv(1)
        if not head.startswith(OPEN.encode()):
            raise WrongAnswerError(head.decode())
        self._number = 0

    def step(self) -> None:
        """Send a step and wait for the whole answer.

        Raises:
            WrongAnswerError: it is to another step, or not what was sent.
        """
        self._number += 1
        self._socket.sendall(self._request.by_client(self._number))
        data = self._socket.recv(65536)
        while len(data) < self._answer.bytes:
            more = self._socket.recv(65536)
            if not more:
                break
            data += more
        if data != self._answer.by_server(self._number):
            raise WrongAnswerError(f"{len(data)} bytes")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def measure_round_trip(
    stage: Stage, *, blocks: int, count: int, say: Callable[[int, int, str], None]
) -> RoundTrip:
    """Step over the three ways, block after block; the first block of each warms up."""
    with contextlib.ExitStack() as stack:
        stage.order("park", count=1)
        direct = stage.order("listen")["port"]
        hop = stage.hop(direct).first["port"]
        tls = stage.setup.client_tls()
        ports = dict(zip(WAYS, (direct, hop, stage.relay.port), strict=True))
        stack.enter_context(on_core(stage.load_core))
        callers = {
            way: stack.enter_context(Caller(stage, port, tls)) for way, port in ports.items()
        }
        found = RoundTrip(
            secure=stage.secure,
            steps=blocks * count,
            request_bytes=len(stage.request.by_client(1)),
            answer_bytes=stage.answer.bytes,
            p50_us={way: [] for way in WAYS},
            p99_us={way: [] for way in WAYS},
        )
        for block in range(blocks + 1):
            say(block, blocks + 1, f"{3 * block * count:,} steps")
            turn = block % len(WAYS)
            for way in WAYS[turn:] + WAYS[:turn]:
                times_s = _block(callers[way], count, stage.clock)
                if block:
                    found.p50_us[way].append(1e6 * percentile(times_s, 0.50))
                    found.p99_us[way].append(1e6 * percentile(times_s, 0.99))
        return found


def _block(caller: Caller, count: int, clock: Clock) -> list[float]:
    times_s = []
    for _ in range(count):
        began_s = clock.now()
        caller.step()
        times_s.append(clock.now() - began_s)
    return times_s
