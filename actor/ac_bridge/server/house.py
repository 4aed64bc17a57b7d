"""The actor behind its front door: who may come in, and what anybody may know. No sockets."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from ac_bridge.clock import Clock
from ac_bridge.net.door import Door, Visit
from ac_bridge.net.entry import (
    HEALTH_PATH,
    NotAdmittedError,
    check_origin,
    check_room,
    check_token,
    check_websocket,
    codec_of,
)
from ac_bridge.net.gate import Gate
from ac_bridge.net.refusals import Refusals
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import Grant, digest_of
from ac_bridge.server.actor import SOFTWARE, Actor
from ac_bridge.server.connection import Caller, Connection
from ac_bridge_protocol.errors import ErrorCode

_ALL = frozenset({Grant.DRIVER, Grant.SPECTATOR})
"""What everybody may do where no token is asked for, and the most that a token gives here."""


class Access:
    """Who may come in.

    Args:
        tokens: that open the actor. If it has none at the start, nobody is ever asked for one; if
            it has, everybody always is, whatever becomes of its file.
        origins: of web pages that may connect, beside the actor's own.

    Attributes:
        asks: whether a token is asked for.
    """

    def __init__(self, tokens: TokenKeeper | None = None, origins: Collection[str] = ()) -> None:
        self.tokens = tokens or TokenKeeper(None)
        self.origins = origins
        self.asks = bool(self.digests(Grant.DRIVER) or self.digests(Grant.SPECTATOR))

    def grants(self, token: str) -> frozenset[Grant]:
        """Return what a token allows."""
        return self.tokens.book.grants(token) & _ALL if self.asks else _ALL

    def grants_of_digest(self, digest: str) -> frozenset[Grant]:
        """Return what a token allows of which only the digest is known."""
        return self.tokens.book.grants_of_digest(digest) & _ALL

    def digests(self, grant: Grant) -> tuple[str, ...]:
        """Return the digests of the tokens that allow something."""
        return self.tokens.book.digests(grant)

    def still_good(self, caller: Caller) -> bool:
        """Whether a caller's token still allows what it did when it came in."""
        return not caller.digest or self.grants_of_digest(caller.digest) >= caller.grants


class ActorHouse:
    """The actor, for whoever comes to its door.

    Args:
        actor: who lives here.
        clock: the machine's.
        gate: counts who comes.
        access: who may come in.
    """

    def __init__(self, actor: Actor, clock: Clock, gate: Gate, access: Access) -> None:
        self.clock = clock
        self.gate = gate
        self.turns = actor.turns
        self._actor = actor
        self._access = access
        self._refusals = Refusals(clock.now())

    def called(self, door: Door, visit: Visit) -> None:
        """Answer a request."""
        if visit.path == HEALTH_PATH:
            door.page(health_of(self._actor))
            return
        try:
            caller = self._caller(door, visit)
        except NotAdmittedError as error:
            self._refusals.note(visit, error, self.clock.now())
            door.refuse(error.status, error, error.headers)
            return
        door.admit(
            caller.codec.subprotocol,
            lambda websocket: Connection(self._actor, caller, websocket, door.place.leave),
        )

    def _caller(self, door: Door, visit: Visit) -> Caller:
        """Return who came.

        Raises:
            NotAdmittedError: somebody who may not come in.
        """
        if visit.path not in ("", "/"):
            raise NotAdmittedError(
                HTTPStatus.NOT_FOUND,
                ErrorCode.NO_SUCH_ACTOR,
                f"There is nothing at {visit.path[:100]!r}: this is an actor, not a relay.",
                hint="Connect to its address, without a path.",
            )
        check_websocket(visit)
        check_origin(visit, self._access.origins)
        grants = check_token(self.gate, visit, self.clock.now(), self._access.grants)
        codec = codec_of(visit)
        check_room(self.gate, door.place)
        digest = digest_of(visit.token) if self._access.asks else ""
        return Caller(visit.peer, codec, grants, digest)


def health_of(actor: Actor) -> dict[str, Any]:
    """Return what anybody may know about an actor."""
    return {
        "status": "stopping" if actor.closing else "ok",
        "software": SOFTWARE,
        "game": actor.rig.state.value,
        "driver": actor.driven,
    }
