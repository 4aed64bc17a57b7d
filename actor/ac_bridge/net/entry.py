"""What is checked of everybody who comes in, at an actor and at a relay alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

from ac_bridge.net.door import Place, Visit
from ac_bridge.net.gate import Gate
from ac_bridge.net.origins import may_open
from ac_bridge.net.tokens import Grant
from ac_bridge_protocol.codec import CODECS, Codec
from ac_bridge_protocol.errors import ErrorCode, RefusedError

HEALTH_PATH = "/healthz"
"""Where anybody may ask whether a program of ours is alive. Nothing secret is told there."""


LEARNERS_HINT = "Ask the owner of the actor for one, and set it as AC_BRIDGE_TOKEN."
"""What somebody is to do whose token opens no actor."""

PARKERS_HINT = "Ask the relay's operator for one, and set it as AC_BRIDGE_RELAY_TOKEN."
"""What an actor's owner is to do whose token parks nothing."""


class NotAdmittedError(RefusedError):
    """A visitor who may not come in.

    Attributes:
        status: of HTTP.
        headers: that go with it.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: ErrorCode,
        message: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.status = status
        self.headers = headers or {}


def check_websocket(visit: Visit) -> None:
    """Check that a visitor wants to open a WebSocket.

    Raises:
        NotAdmittedError: it wants a page, as somebody does who tries the address in a browser.
    """
    if not visit.websocket:
        raise NotAdmittedError(
            HTTPStatus.UPGRADE_REQUIRED,
            ErrorCode.ILLEGAL,
            "ac-bridge answers here, to programs that open a WebSocket.",
            hint=f"Connect with RemoteEnv; {HEALTH_PATH} says whether all is well.",
            headers={"Upgrade": "websocket"},
        )


def check_origin(visit: Visit, allowed: Collection[str]) -> None:
    """Check that no foreign web page asks.

    Raises:
        NotAdmittedError: one does.
    """
    if not may_open(visit.origin, visit.host, allowed):
        raise NotAdmittedError(
            HTTPStatus.FORBIDDEN,
            ErrorCode.FORBIDDEN,
            "No web page of that origin may connect here.",
            hint="If the page is yours, name its origin in the setting allow_origins.",
        )


def check_token(
    gate: Gate,
    visit: Visit,
    now_s: float,
    grants_of: Callable[[str], frozenset[Grant]],
    *,
    hint: str = LEARNERS_HINT,
) -> frozenset[Grant]:
    """Return what a visitor's token allows.

    Args:
        gate: counts failures.
        visit: the visitor.
        now_s: in seconds of any clock.
        grants_of: what a token allows.
        hint: what somebody with a wrong token is to do.

    Raises:
        NotAdmittedError: nothing; or too many wrong ones came before it.
    """
    wait_s = gate.must_wait_s(visit.address, now_s)
    if wait_s > 0:
        raise NotAdmittedError(
            HTTPStatus.TOO_MANY_REQUESTS,
            ErrorCode.TOO_MANY,
            f"Too many wrong tokens came from {visit.address}.",
            hint=f"Check the token, and wait {wait_s:.0f} s.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
    grants = grants_of(visit.token)
    if not grants:
        gate.failed(visit.address, now_s)
        raise NotAdmittedError(
            HTTPStatus.UNAUTHORIZED,
            ErrorCode.UNAUTHORIZED,
            "That token opens nothing here." if visit.token else "A token is needed here.",
            hint=hint,
            headers={"WWW-Authenticate": "Bearer"},
        )
    if visit.token:
        gate.passed(visit.address, now_s)
    return grants


def check_room(gate: Gate, place: Place) -> None:
    """Check that there is a place for one more connection that is served.

    Raises:
        NotAdmittedError: there is none.
    """
    try:
        gate.check_room(place.address)
    except RefusedError as error:
        full = error.code is ErrorCode.FULL
        status = HTTPStatus.SERVICE_UNAVAILABLE if full else HTTPStatus.TOO_MANY_REQUESTS
        code = ErrorCode.FULL if full else ErrorCode.TOO_MANY
        raise NotAdmittedError(status, code, error.message, hint=error.hint) from None


def codec_of(visit: Visit) -> Codec:
    """Return the codec that a visitor speaks: the first one of its own list that there is.

    Raises:
        NotAdmittedError: none of ours.
    """
    for name in visit.subprotocols:
        if name in CODECS:
            return CODECS[name]
    raise NotAdmittedError(
        HTTPStatus.BAD_REQUEST,
        ErrorCode.WRONG_CODEC,
        "The request offers none of ac-bridge's subprotocols.",
        hint=f"Offer one of: {', '.join(CODECS)}.",
    )
