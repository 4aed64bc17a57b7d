"""An actor at the other end of a bad network."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from _faults.scene import port_of, start_actor
from links import LinkQuality, ProxyLink, RightsMissingError, TunLink

HZ = 20.0
ACTOR = ("--game", "standin", "--real-time", "--control-hz", f"{HZ:g}", "--smoothing", "none")


@dataclasses.dataclass(frozen=True, slots=True)
class Far:
    """Such an actor."""

    uri: str
    """Its address, as a learner has to call it."""
    within: tuple[str, ...]
    """The command to run the learner under."""
    network: TunLink | None
    """What is between them; None where it is a proxy, for want of rights."""
    what: str
    """What kind of network it is."""


@contextlib.contextmanager
def far_actor(quality: LinkQuality, seed: int, *more: str) -> Iterator[Far]:
    """Run an actor in one network namespace, to be driven from another.

    Args:
        quality: of the network between them.
        seed: of its draws.
        more: options of the actor.
    """
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(TunLink(quality, seed=seed))
        except RightsMissingError as missing:
            actor = stack.enter_context(start_actor(*ACTOR, *more))
            link = stack.enter_context(ProxyLink(port_of(actor), quality=quality, seed=seed))
            yield Far(link.uri, (), None, f"a proxy on loopback ({missing})")
            return
        actor = stack.enter_context(start_actor(*ACTOR, *more, within=network.within_a))
        # The actor listens on its own loopback alone; an SSH tunnel would end beside it like this.
        relay = stack.enter_context(
            ProxyLink(port_of(actor), listen=network.address_a, within=network.within_a)
        )
        yield Far(relay.uri, network.within_b, network, "two namespaces and a TUN pair")
