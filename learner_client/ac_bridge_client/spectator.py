"""A spectator that stays: it watches an actor over as many links as it takes, and records it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ac_bridge_client.access import NOBODY, Access
from ac_bridge_client.backoff import waits_s
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import Link, ignore
from ac_bridge_client.tape import Tape
from ac_bridge_protocol.errors import (
    ACBridgeError,
    ConnectError,
    ErrorCode,
    LinkLostError,
    RefusedError,
    SessionLostError,
)
from ac_bridge_protocol.frame import GameState, GameStatics
from ac_bridge_protocol.helpers import Closing
from ac_bridge_protocol.messages import Event, EventKind, Role, Telemetry
from ac_bridge_protocol.spec import EnvSpec

ATTEMPT_S = 3.0
"""How long one attempt to connect again may take, in seconds."""

STATICS_S = 30.0
"""Least time between two questions for the game's static facts, in seconds, while nothing happens
that may have changed them."""

STATICS_TIMEOUT_S = 1.0
"""How long such a question may take, in seconds: frames wait meanwhile, and may be left out."""

_PASSING = (ErrorCode.FULL, ErrorCode.NO_SUCH_ACTOR, ErrorCode.SHUTTING_DOWN, ErrorCode.TOO_MANY)
"""Refusals of an actor that may take us a little later."""


class Spectator(Closing):
    """Subscribes to an actor's telemetry and tells of what comes, until it is closed.

    The game's static facts are told in the welcome only. When the game begins anew it may be with
    another car, so a second link asks for them, and is closed again.

    Args:
        uri: the actor's address.
        tape: records all of it; is begun here and closed with this.
        hz: frames a second; None for as many as the actor samples.
        access: what is shown to the actor, and who is believed to be it.
        codec: ``msgpack`` or ``json``.
        connect_timeout_s: for the first link, in seconds.
        on_notice: gets frames and events as they come in.
        on_news: gets a sentence whenever the link is lost, and when it is back.

    Attributes:
        spec: what the actor offers.
        links_lost: how many.

    Raises:
        ConnectError: no actor answered there.
        RefusedError: it has no room for a spectator, or does not take the token.
        SettingError: more frames a second than the actor samples.
        RecordingError: the file exists already, or cannot be made.
    """

    def __init__(
        self,
        uri: str,
        tape: Tape,
        *,
        hz: float | None = None,
        access: Access = NOBODY,
        codec: str = "msgpack",
        connect_timeout_s: float = 10.0,
        on_notice: Callable[[Notice], None] = ignore,
        on_news: Callable[[str], None] = ignore,
    ) -> None:
        self._uri = uri
        self._tape = tape
        self._hz = hz
        self._access = access
        self._codec = codec
        self._on_notice = on_notice
        self._on_news = on_news
        self._statics: GameStatics | None = None
        self._statics_wanted = False
        self._asked_s = float("-inf")
        self._dropped_before = self._dropped = 0
        self._waits = waits_s()
        self._next_try_s = 0.0
        self.links_lost = 0
        self._link: Link | None = self._dial(connect_timeout_s)
        self.spec: EnvSpec = self._link.welcome.spec
        try:
            self._subscribe(self._link, hz)
            tape.begin("spectator", uri, self.spec)
            self._learn(self._link)
        except BaseException:
            self._link.close()
            raise

    @property
    def dropped(self) -> int:
        """Frames that the actor left out, as this side was slow to read them."""
        return self._dropped_before + self._dropped

    @property
    def connected(self) -> bool:
        """Whether there is a link at this moment."""
        return self._link is not None

    def listen(self, seconds: float) -> None:
        """Take what comes in for so long; a link that is lost is replaced when that is possible.

        Raises:
            RefusedError: the actor does not let us in any more.
            ACBridgeError: it broke the protocol.
        """
        until_s = monotonic_s() + seconds
        while (left_s := until_s - monotonic_s()) > 0:
            if self._link is None:
                self._try_again(left_s)
                continue
            try:
                self._link.listen(left_s)
            except SessionLostError:  # the token was withdrawn
                raise
            except LinkLostError as error:
                self._lose(error)
            if self._statics_wanted:
                self._ask_for_statics()

    def close(self) -> None:
        """Close the link and finish the recording. May be called twice."""
        link, self._link = self._link, None
        try:
            if link is not None:
                link.close()
        finally:
            self._tape.close()

    # --- What comes in ----------------------------------------------------------------------------

    def _take(self, notice: Notice) -> None:
        self._tape.notice(notice)
        if isinstance(notice, Telemetry):
            self._dropped = notice.dropped
            if self._statics is None and notice.frame.state is GameState.LIVE:
                self._statics_wanted = True
        elif isinstance(notice, Event) and (
            notice.kind is EventKind.GAME_RESTARTED or notice.state is GameState.LIVE
        ):
            self._statics_wanted, self._asked_s = True, float("-inf")
        self._on_notice(notice)

    def _learn(self, link: Link) -> None:
        """Take the static facts of a welcome."""
        if link.welcome.statics is not None:
            self._statics = link.welcome.statics
            self._tape.statics(self._statics)

    def _ask_for_statics(self) -> None:
        now_s = monotonic_s()
        if now_s - self._asked_s < STATICS_S:
            return
        self._statics_wanted, self._asked_s = False, now_s
        try:
            with self._dial(STATICS_TIMEOUT_S, on_notice=ignore) as link:
                self._learn(link)
        except ACBridgeError as error:
            self._on_news(f"The game's static facts could not be asked for: {error.message}")

    # --- Links ------------------------------------------------------------------------------------

    def _lose(self, error: LinkLostError) -> None:
        if self._link is not None:
            self._link.drop()
        self._link = None
        self.links_lost += 1
        self._dropped_before, self._dropped = self.dropped, 0
        self._waits = waits_s()
        self._next_try_s = monotonic_s() + next(self._waits)
        self._on_news(f"{error.message} Connecting again.")

    def _try_again(self, left_s: float) -> None:
        """Connect, once it is time to; wait for that at most so long."""
        wait_s = self._next_try_s - monotonic_s()
        if wait_s > 0:
            threading.Event().wait(min(wait_s, left_s))
            return
        try:
            link = self._dial(min(ATTEMPT_S, max(left_s, 1.0)))
            # An actor that was started anew may sample less often.
            telemetry_hz = link.welcome.spec.telemetry_hz
            self._subscribe(link, None if self._hz is None else min(self._hz, telemetry_hz))
        except (ConnectError, LinkLostError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.code not in _PASSING:
                raise
            self._next_try_s = monotonic_s() + next(self._waits)
            return
        self._link = link
        self._learn(link)
        self._on_news(f"Connected to {self._uri} again.")

    def _subscribe(self, link: Link, hz: float | None) -> None:
        try:
            link.subscribe(link.welcome.spec.telemetry_hz if hz is None else hz)
        except BaseException:
            link.close()
            raise
        link.asked_s = monotonic_s()  # from here on silence means that nobody is there any more

    def _dial(self, timeout_s: float, on_notice: Callable[[Notice], None] | None = None) -> Link:
        return Link(
            self._uri,
            codec=self._codec,
            role=Role.SPECTATOR,
            access=self._access,
            connect_timeout_s=timeout_s,
            on_notice=on_notice or self._take,
            tap=self._tape.tap(),
        )
