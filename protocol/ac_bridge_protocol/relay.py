"""How an actor parks at a relay: five small messages, as JSON in text frames.

An actor and its learners both dial ``ws(s)://RELAY/actors/NAME``. The actor offers the subprotocol
`PARKING` and its park token; a learner offers its codec's subprotocol and the actor's own token.

    actor -> relay   Park      first, and again whenever the actor's tokens changed
    relay -> actor   Parked    after each Park
    relay -> actor   Paired    a learner is there
    actor -> relay   Taken     everything after it is the conversation with that learner
                     Declined  the actor does not want that learner; the connection stays parked

After `Taken` the relay neither reads nor changes what the two send each other. Pure, like all of
the protocol: what the two sides do about it is in `ac_bridge.relay`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import orjson
from pydantic import FailFast, Field, Strict, TypeAdapter, ValidationError

from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.wire import BY_VALUE, WireModel

PARKING = "ac-bridge.relay.v1"
"""The subprotocol that an actor offers when it parks."""

PARK_PING_S = 15.0
"""From one WebSocket ping of a parked actor to the next: home routers forget a connection that was
silent for a few minutes, some after 30 s."""

PARK_PONG_S = 10.0
"""A parked actor that waits longer than this for the pong takes the relay for gone."""

PARK_SILENCE_S = 45.0
"""A parked actor that said nothing for this long is gone: two of its pings may be lost."""

TAKEN_S = 2.0
"""An actor answers `Paired` within this time: a round trip takes at most a second."""

LEARNER_WAIT_S = 5.0
"""How long a learner waits for an actor whose name is known but that has no connection parked at
that moment: it parks the next one a round trip, or a TLS handshake, after one was taken."""

REMEMBER_S = 60.0
"""How long a name stays known after its last connection is gone: an actor that lost its link is
back within seconds, and its learners hear "not at this moment" rather than "unknown" until then."""

DISPLACED_CODE = 4001
"""Close code of a parked connection whose name another process of the same owner has taken."""

DISPLACED_REASON = "another actor parked under this name"
"""The reason that goes with it."""

DISPLACED_WAIT_S = 30.0
"""How long a displaced actor waits before it parks again: two that are meant to have one name would
take it from each other as fast as they can dial."""

WITHDRAWN_CODE = 4003
"""Close code of a parked connection whose park token the relay does not take any more."""

WITHDRAWN_REASON = "the park token was withdrawn"
"""The reason that goes with it."""

RELAY_MESSAGE_BYTES = 4096
"""Largest message of a parked connection: a `Park` with twice `DIGESTS` digests takes 3.8 kB at the
most. What a stranger with a park token can make the relay hold is bounded by it."""

DIGESTS = 24
"""Most tokens of a kind that an actor may announce: one for each of a team, and some to rotate."""

SOFTWARE_CHARACTERS = 80
"""Longest name and version of an actor's software."""

DECLINED_CHARACTERS = 300
"""Longest sentence of a `Declined`: with its hint it fits a message, whatever the characters."""

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
"""An actor's name at a relay: what may stand in a URL as it is, and in a host name's length."""

ACTORS_PATH = "/actors"
"""Where a relay lists its actors; each is one step below."""

_NAME = re.compile(NAME)

Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a token, as hex: enough to know the token by, and no use to whoever reads it."""
Digests: TypeAlias = Annotated[
    tuple[Digest, ...], Strict(False), FailFast(), Field(max_length=DIGESTS)
]


class Park(WireModel):
    """Actor to relay: I wait here for learners. These tokens open me."""

    type: Literal["park"] = "park"
    process: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    """Random for each process: connections of one process belong together."""
    software: Annotated[str, Field(max_length=SOFTWARE_CHARACTERS)]
    """Name and version, for the list of actors."""
    drivers: Digests
    """Digests of the tokens that may drive."""
    spectators: Digests
    """Digests of the tokens that may watch."""


class Parked(WireModel):
    """Relay to actor: the name is yours, and the tokens are noted."""

    type: Literal["parked"] = "parked"


class Paired(WireModel):
    """Relay to actor: a learner is there whose token opens you; do you take it?"""

    type: Literal["paired"] = "paired"
    subprotocol: Annotated[str, Field(min_length=1, max_length=64)]
    """What the learner speaks: the codec's subprotocol."""
    peer: Annotated[str, Field(max_length=64)]
    """The learner's address as the relay sees it, for the log."""
    digest: Digest
    """Digest of the learner's token: the actor looks it up in its own book again."""


class Taken(WireModel):
    """Actor to relay: yes. The next frame, either way, is the conversation with the learner."""

    type: Literal["taken"] = "taken"


class Declined(WireModel):
    """Actor to relay: no, and why. The connection stays parked."""

    type: Literal["declined"] = "declined"
    code: Annotated[ErrorCode, BY_VALUE]
    message: Annotated[str, Field(max_length=DECLINED_CHARACTERS)]
    hint: Annotated[str, Field(max_length=DECLINED_CHARACTERS)] = ""


RelayMessage: TypeAlias = Annotated[
    Park | Parked | Paired | Taken | Declined, Field(discriminator="type")
]
"""Every message of a parked connection."""

_MESSAGE: TypeAdapter[Park | Parked | Paired | Taken | Declined] = TypeAdapter(RelayMessage)


def encode(message: RelayMessage) -> bytes:
    """Return the payload of the text frame that carries a message."""
    return orjson.dumps(message.__dict__)


def decode(data: bytes | str) -> RelayMessage:
    """Return the message that the payload of a text frame stands for.

    Raises:
        FrameError: too large, not JSON, or not a message of a parked connection.
    """
    if len(data) > RELAY_MESSAGE_BYTES:
        raise FrameError(
            ErrorCode.TOO_LARGE,
            f"A relay message of {len(data)} bytes is over the limit of {RELAY_MESSAGE_BYTES}.",
        )
    try:
        plain = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FrameError(ErrorCode.MALFORMED, f"Not valid JSON: {error}.") from None
    if not isinstance(plain, dict) or not isinstance(plain.get("type"), str):
        raise FrameError(
            ErrorCode.MALFORMED, "A relay message is a map whose field 'type' is text."
        )
    try:
        return _MESSAGE.validate_python(plain)
    except ValidationError as error:
        raise _explain(error) from None


def _explain(error: ValidationError) -> FrameError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:100]
    code = ErrorCode.UNKNOWN_TYPE if first["type"] == "union_tag_invalid" else ErrorCode.MALFORMED
    return FrameError(code, f"Relay message {where}: {first['msg'][:300]}.".replace(" :", ":"))


def is_name(text: str) -> bool:
    """Whether a text can be an actor's name."""
    return _NAME.fullmatch(text) is not None


def actor_path(name: str) -> str:
    """Return the path of the actor with that name."""
    return f"{ACTORS_PATH}/{name}"


def name_in(path: str) -> str | None:
    """Return the actor's name in the path of a request; None if it is no actor's path."""
    head, _, name = path.partition("?")[0].rpartition("/")
    return name if head == ACTORS_PATH and is_name(name) else None
