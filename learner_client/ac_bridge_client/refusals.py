"""What an answer other than "come in" means. Pure."""

from __future__ import annotations

from http import HTTPStatus

from websockets.http11 import Response

from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.discovery import printable
from ac_bridge_protocol.errors import ConnectError, ErrorCode, FrameError, RefusedError
from ac_bridge_protocol.limits import TEXT_CHARACTERS
from ac_bridge_protocol.messages import Refusal

BODY_CHARACTERS = 200
"""Of an answer that is none of ours, so many are shown: a page's title is among them."""

_PASSING = (
    ErrorCode.FULL,
    ErrorCode.NO_SUCH_ACTOR,
    ErrorCode.TOO_MANY,
)


class TurnedAwayError(RefusedError):
    """The actor, or the relay in front of it, said no before it listened to anything.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, code: ErrorCode, message: str, *, hint: str = "", status: int) -> None:
        super().__init__(code, message, hint=hint)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether a session may go on all the same when it is tried again a little later.

        An actor that lost its link comes back to its relay, and so do actors to one that was
        started anew. Who says that a token is wrong knows the actor's tokens, and means it.
        """
        return self.code in _PASSING


def refusal_in(response: Response, uri: str, *, token: bool) -> TurnedAwayError | ConnectError:
    """Return the error that an answer stands for.

    Args:
        response: the answer to the request to open a WebSocket.
        uri: that was dialled.
        token: whether a token was shown.
    """
    status, body = response.status_code, bytes(response.body or b"")
    try:
        refusal = JSON.decode(body, binary=False)
    except FrameError:
        refusal = None
    if isinstance(refusal, Refusal):
        message = printable(refusal.message, TEXT_CHARACTERS)  # who wrote it is not known yet
        hint = printable(refusal.hint, TEXT_CHARACTERS) or _hint(status, token)
        return TurnedAwayError(refusal.code, message, hint=hint, status=status)
    shown = "".join(c if c.isprintable() else " " for c in body.decode(errors="replace"))
    said = " ".join(shown.split())[:BODY_CHARACTERS]
    return ConnectError(
        f"{uri} refused the connection ({status}{f': {said}' if said else ''}).",
        uri=uri,
        hint=_hint(status, token),
    )


def _hint(status: int, token: bool) -> str:
    if 300 <= status < 400:
        return "It points to another address; where TLS is spoken, write wss:// for ws://."
    match status:
        case HTTPStatus.UNAUTHORIZED if token:
            return (
                "The token that was shown opens nothing there: is it this actor's own, and was it "
                "replaced by a new one?"
            )
        case HTTPStatus.UNAUTHORIZED:
            return (
                "Ask the owner of the actor for a token, and give it with token_file=, "
                "--token-file or the variable AC_BRIDGE_TOKEN."
            )
        case HTTPStatus.FORBIDDEN:
            return "The token is for something else, or a proxy in front of the actor objects."
        case HTTPStatus.NOT_FOUND:
            return (
                "Check the path: none for an actor, /actors/NAME for one at a relay; and whether "
                "the actor is running."
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "Check the token, and wait a minute before the next attempt."
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.GATEWAY_TIMEOUT:
            return (
                "What answers there is running, but the actor behind it is not there or has no "
                "room; try again in a moment."
            )
    return "Check the port and the version of the actor."
