"""A TCP link on loopback that delays, jitters and cuts: this side starts it and gives it orders."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Self

from links.conversation import Direction
from links.cuts import CutPlan
from links.quality import LinkQuality
from links.servant import Servant

PERFECT = LinkQuality()
NO_CUTS = CutPlan()


class ProxyLink:
    """A proxy to an actor, in a process of its own, for as long as the context lasts.

        with ProxyLink(actor_port, cuts=CutPlan(count=100), seed=1) as link:
            env = RemoteEnv(link.uri)

    It passes on bytes as they are, a WebSocket message at a time. What the link loses arrives the
    time of a retransmission later, as over TCP.

    Args:
        port: where the actor listens.
        host: and on which address.
        quality: of the link.
        cuts: what is cut by itself.
        seed: of all draws.
        listen: the address that the proxy listens on.
        within: a command to run it under, such as ``ip netns exec NAME``.
        requests: which way a learner's requests go: up, unless it is the actor that connects.

    Attributes:
        port: where the proxy listens.
        uri: the same as an actor's address.
    """

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        quality: LinkQuality = PERFECT,
        cuts: CutPlan = NO_CUTS,
        seed: int = 0,
        listen: str = "127.0.0.1",
        within: Sequence[str] = (),
        requests: Direction = Direction.UP,
    ) -> None:
        order = {
            "listen": listen,
            "target": (host, port),
            "quality": dataclasses.asdict(quality),
            "cuts": dataclasses.asdict(cuts),
            "seed": seed,
            "requests": requests,
        }
        self._servant = Servant("links.proxy_process", json.dumps(order), within=within)
        self.port: int = self._servant.first["port"]
        self.uri = f"ws://{listen}:{self.port}"

    def cut(self) -> None:
        """Cut every connection now; new ones are accepted."""
        self._servant.ask(cut=True)

    def counts(self) -> dict[str, int]:
        """Return how many connections there were, how many were cut, and what the cuts hit.

        Messages of which a part was passed on are counted by way and kind, as `torn` names them.
        """
        return self._servant.ask()

    def close(self) -> None:
        """End it. May be called twice."""
        self._servant.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
