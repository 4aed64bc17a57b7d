"""Who may come in: places overall and per address, and patience with wrong tokens. Pure."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from ac_bridge.net.addresses import Network, customer_of, is_among, is_loopback
from ac_bridge_protocol.errors import ErrorCode, RefusedError
from ac_bridge_protocol.limits import CONNECTIONS

FREE_FAILURES = 10
"""Wrong tokens that an address may show before it has to wait: a learner that comes back while its
relay is being started anew shows as many, and nobody guesses one of 256 bits in ten attempts."""

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
"""An address waits the first one after the next wrong token, then twice as long each time, up to
the longest: a mistyped token is put right without a pause, and a guesser gets a try a minute."""

FORGIVEN_S = 600.0
"""After so long without a wrong token an address starts anew."""

TRUSTED_S = 3600.0
"""For so long after a right token an address never waits: whoever guesses behind the same router,
or the same proxy, must not lock out those who are known there."""

ADDRESSES = 4096
"""Most addresses whose failures are remembered, the latest ones: about a megabyte."""


@dataclasses.dataclass(frozen=True, slots=True)
class GateLimits:
    """How many may come in.

    Attributes:
        connections: served at once.
        per_address: connections of one address at once. An address of this machine may have all
            of them, and so may a proxy that we trust: it stands in front for everybody.
        knocking: connections beyond those served that are let in far enough to be told why not.
    """

    connections: int = CONNECTIONS
    per_address: int = 24
    knocking: int = 64


@dataclasses.dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = float("-inf")
    wait_until_s: float = float("-inf")


class Gate:
    """Counts connections and failures.

    Args:
        limits: how many may come in.
        proxies: what stands in front for others.
    """

    def __init__(self, limits: GateLimits | None = None, proxies: Sequence[Network] = ()) -> None:
        self.limits = limits or GateLimits()
        self.proxies = proxies
        self._open: collections.Counter[str] = collections.Counter()
        self._total = 0
        self._served = 0
        self._failures: collections.OrderedDict[str, _Failures] = collections.OrderedDict()
        self._trusted: collections.OrderedDict[str, float] = collections.OrderedDict()

    @property
    def open(self) -> int:
        """Connections that are open, served or not."""
        return self._total

    @property
    def full(self) -> bool:
        """Whether as many connections are served as may be."""
        return self._served >= self.limits.connections

    def arrive(self, address: str) -> bool:
        """A connection was made; return whether there is room to hear what it wants.

        Only if so, `leave` must follow once it is gone.
        """
        customer = customer_of(address)
        if self._total >= self.limits.connections + self.limits.knocking:
            return False
        if self._open[customer] >= 2 * self._most_of(address):
            return False
        self._open[customer] += 1
        self._total += 1
        return True

    def leave(self, address: str) -> None:
        """A connection is gone."""
        customer = customer_of(address)
        self._open[customer] -= 1
        self._total -= 1
        if not self._open[customer]:
            del self._open[customer]

    def check_room(self, address: str) -> None:
        """Check that a connection which arrived may be served.

        Args:
            address: where it came from.

        Raises:
            RefusedError: there are too many, here or of that address.
        """
        limits = self.limits
        if self.full:
            raise RefusedError(
                ErrorCode.FULL,
                f"{limits.connections} connections are served at once, and all are taken.",
                hint="Try again later.",
            )
        if self._open[customer_of(address)] > self._most_of(address):
            raise RefusedError(
                ErrorCode.TOO_MANY,
                f"{limits.per_address} connections of one address are served at once.",
                hint="Close some that are open there.",
            )

    def serve(self) -> None:
        """A connection is served from now on, until `dismiss`."""
        self._served += 1

    def dismiss(self) -> None:
        """A connection that was served is gone."""
        self._served -= 1

    def must_wait_s(self, address: str, now_s: float) -> float:
        """Return for how long no token of an address is looked at, after too many wrong ones."""
        customer = customer_of(address)
        failures = self._failures.get(customer)
        trusted_s = self._trusted.get(customer, float("-inf"))
        if failures is None or now_s - trusted_s < TRUSTED_S:
            return 0.0
        return max(failures.wait_until_s - now_s, 0.0)

    def failed(self, address: str, now_s: float) -> None:
        """A wrong token was shown."""
        customer = customer_of(address)
        failures = self._failures.pop(customer, None)
        if failures is None or now_s - failures.last_s > FORGIVEN_S:
            failures = _Failures()
        failures.count += 1
        failures.last_s = now_s
        beyond = failures.count - FREE_FAILURES
        if beyond > 0:
            wait_s = min(FIRST_WAIT_S * 2.0 ** min(beyond - 1, 10), LONGEST_WAIT_S)
            failures.wait_until_s = now_s + wait_s
        self._failures[customer] = failures
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def passed(self, address: str, now_s: float) -> None:
        """A right token was shown."""
        customer = customer_of(address)
        self._trusted[customer] = now_s
        self._trusted.move_to_end(customer)
        if len(self._trusted) > ADDRESSES:
            self._trusted.popitem(last=False)

    def _most_of(self, address: str) -> int:
        limits = self.limits
        for_many = is_loopback(address) or is_among(address, self.proxies)
        return limits.connections if for_many else limits.per_address
