"""Measuring a link: pings at the control rate, as steps would be sent."""

from __future__ import annotations

import math
from collections.abc import Callable

from ac_bridge_client.access import NOBODY, Access
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.clocks import ClockFilter
from ac_bridge_client.link import Echo, Link
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.messages import Role
from ac_bridge_protocol.spec import EnvSpec

STRAGGLERS_S = 2.0
"""How long to wait for the last answers, in seconds: TCP has sent a lost packet again by then."""


class LinkMeter(Closing):
    """Measures the link to an actor, as a spectator that nobody notices.

    Args:
        uri: the actor's address.
        codec: ``msgpack`` or ``json``.
        access: what is shown to the actor, and who is believed to be it.
        connect_timeout_s: for connecting, in seconds.

    Attributes:
        clock: the offset between the actor's clock and ours.
        spec: what the actor offers.

    Raises:
        ConnectError: no actor answered there.
        RefusedError: it has no room for a spectator, or does not take the token.
    """

    def __init__(
        self,
        uri: str,
        *,
        codec: str = "msgpack",
        access: Access = NOBODY,
        connect_timeout_s: float = 10.0,
    ) -> None:
        self.clock = ClockFilter()
        self._sent_s: dict[int, float] = {}
        self._took_s: dict[int, float] = {}
        self._link = Link(
            uri,
            codec=codec,
            role=Role.SPECTATOR,
            access=access,
            connect_timeout_s=connect_timeout_s,
            on_echo=self._on_echo,
        )
        self.spec: EnvSpec = self._link.welcome.spec

    def measure(
        self, hz: float, seconds: float, on_ping: Callable[[int, int], None] = lambda *_: None
    ) -> list[float]:
        """Return round trips in seconds, of pings sent ``hz`` times a second for ``seconds``.

        One that was not back in time counts for as long as it was waited for.

        Args:
            hz: pings a second: the control rate.
            seconds: how long to measure.
            on_ping: gets told after each ping how many of how many were sent.

        Raises:
            LinkLostError: the link was lost.
        """
        count = max(1, math.ceil(hz * seconds))
        began_s = monotonic_s()
        for index in range(count):
            self._listen_until(began_s + index / hz)
            ping = self._link.ping()
            self._sent_s[ping.id] = ping.t_sent
            self._link.send(ping)
            on_ping(index + 1, count)
        self._listen_until(monotonic_s() + STRAGGLERS_S, all_back=True)
        now_s = monotonic_s()
        return [self._took_s.get(ping, now_s - sent_s) for ping, sent_s in self._sent_s.items()]

    def close(self) -> None:
        """Close the link. May be called twice."""
        self._link.close()

    def _listen_until(self, moment_s: float, *, all_back: bool = False) -> None:
        while (left_s := moment_s - monotonic_s()) > 0:
            if all_back and len(self._took_s) == len(self._sent_s):
                return
            self._link.listen(left_s)

    def _on_echo(self, echo: Echo) -> None:
        pong = echo.pong
        self._took_s[pong.id] = self.clock.add(
            pong.t_ping, pong.t_received, pong.t_sent, echo.t_back
        )
