"""A learner that says what it is told to, and an actor that it teaches, over a real socket."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import ormsgpack
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ac_bridge.clock import SystemClock
from ac_bridge.rig import Rig
from ac_bridge_protocol.codec import MSGPACK, Codec
from ac_bridge_protocol.edge import PolicyChunk, PolicyOffer, PolicyState, PolicyStatus, Records
from ac_bridge_protocol.experience import EpisodeStart, Transition, unpack, unpack_batch
from ac_bridge_protocol.messages import Hello, Message, Role, Welcome
from ac_bridge_protocol.spec import EnvSpec, spec_digest

PATIENCE_S = 20.0
"""For one message, however many others come meanwhile."""
CLOCK = SystemClock()


class Learner:
    """A learner that says what it is told to, and keeps what it hears."""

    def __init__(self, socket: ClientConnection, codec: Codec, observation: str) -> None:
        self._socket = socket
        self._codec = codec
        self.heard: list[Message] = []
        self.say(Hello(client="t/1", role=Role.LEARNER, observation=observation))

    def say(self, *messages: Message) -> None:
        """Send."""
        for message in messages:
            self._send(self._codec.encode(message))

    def say_plain(self, message: dict[str, Any]) -> None:
        """Send what need not be a message of the protocol."""
        self._send(ormsgpack.packb(message) if self._codec.binary else orjson.dumps(message))

    def _send(self, data: bytes) -> None:
        self._socket.send(data if self._codec.binary else data.decode())

    def hear(self, wanted: Callable[[Any], bool]) -> Any:
        """Return the next message that is wanted.

        Raises:
            TimeoutError: it does not come, whatever else may.
        """
        until_s = CLOCK.now() + PATIENCE_S
        while True:
            data = self._socket.recv(timeout=max(until_s - CLOCK.now(), 0.0))
            payload = data.encode() if isinstance(data, str) else data
            message = self._codec.decode(payload, binary=self._codec.binary)
            self.heard.append(message)
            if wanted(message):
                return message

    def hear_a(self, kind: type[Any]) -> Any:
        """Return the next message of a type."""
        return self.hear(lambda message: isinstance(message, kind))

    def hear_policy(self, state: PolicyState) -> PolicyStatus:
        """Return the next message that says a policy is there."""
        found: PolicyStatus = self.hear(
            lambda message: isinstance(message, PolicyStatus) and message.state is state
        )
        return found

    def push(self, data: bytes, version: int = 1, piece: int = 10, **fields: Any) -> None:
        """Offer a policy, and send it in pieces of so many bytes."""
        said = {
            "version": version,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "spec": spec_digest(self.spec),
        }
        self.say(PolicyOffer(**(said | fields)))
        for offset in range(0, len(data), piece):
            chunk = base64.b64encode(data[offset : offset + piece]).decode()
            self.say(PolicyChunk(version=version, offset=offset, data=chunk))

    @property
    def spec(self) -> EnvSpec:
        """What the actor offers."""
        if not self.heard:
            self.hear_a(Welcome)
        welcome = self.heard[0]
        assert isinstance(welcome, Welcome)
        return welcome.spec

    def records(self, count: int) -> list[EpisodeStart | Transition]:
        """Hear records until there are so many; nothing is acknowledged."""
        while len(found := self.all_records) < count:
            self.hear_a(Records)
        return found

    @property
    def all_records(self) -> list[EpisodeStart | Transition]:
        """Every record that was heard, in the order of their numbers, each once."""
        numbered = {
            message.first + at: unpack(data)
            for message in self.heard
            if isinstance(message, Records)
            for at, data in enumerate(unpack_batch(message.batch))
        }
        assert sorted(numbered) == list(
            range(min(numbered, default=1), max(numbered, default=0) + 1)
        )
        return [numbered[number] for number in sorted(numbered)]


class Place:
    """An actor that takes policies."""

    def __init__(self, uri: str, rig: Rig) -> None:
        self.uri = uri
        self.rig = rig

    @contextlib.contextmanager
    def learner(self, codec: Codec = MSGPACK, observation: str = "bridge15") -> Iterator[Learner]:
        """Connect."""
        protocols = [Subprotocol(codec.subprotocol)]
        with connect(self.uri, subprotocols=protocols, proxy=None) as socket:
            yield Learner(socket, codec, observation)
