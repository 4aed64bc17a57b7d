"""Asks a relay which actors are parked there: one HTTP request, by Python's own client."""

from __future__ import annotations

import contextlib
import http.client
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.uri import WebSocketURI

from ac_bridge_client.access import Access
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.dial import (
    SHORTEST_WAIT_S,
    open_socket,
    parse_address,
    warn_of_plain_token,
)
from ac_bridge_client.refusals import refusal_in
from ac_bridge_protocol.discovery import printable
from ac_bridge_protocol.errors import ConnectError
from ac_bridge_protocol.relay import ACTORS_PATH, NAME, SOFTWARE_CHARACTERS, actor_path

ACTORS_BYTES = 4 * 1024 * 1024
"""Most that a relay may answer: it knows some thousand names, each of at most 400 bytes."""

REFUSAL_BYTES = 64 * 1024
"""Of a refusal, so many are read: as many as a message may have."""

PIECE_BYTES = 64 * 1024
"""Read at once."""


class ParkedActor(BaseModel):
    """An actor that waits at a relay. What a newer relay says beyond it is left out."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)

    name: Annotated[str, Field(pattern=rf"^{NAME}$")]
    """To dial it by."""
    software: Annotated[str, Field(max_length=SOFTWARE_CHARACTERS)] = ""
    """Its name and version, as it says."""
    parked_s: Annotated[float, Field(ge=0, strict=False)] = 0.0
    """For how long it has been there."""
    ready: bool = True
    """Whether a connection waits for a learner at this moment."""
    drivers: Annotated[int, Field(ge=0)] = 0
    """Learners that are joined to it with a token for driving, whether they drive or watch."""
    spectators: Annotated[int, Field(ge=0)] = 0
    """Learners that are joined to it and may only watch."""

    @field_validator("software")
    @classmethod
    def _make_printable(cls, value: str) -> str:
        return printable(value, SOFTWARE_CHARACTERS)


class _Answer(BaseModel):
    model_config = ConfigDict(strict=False, extra="ignore")

    actors: tuple[ParkedActor, ...]


def parked_actors(
    uri: str, access: Access | None = None, *, timeout_s: float = 10.0
) -> list[ParkedActor]:
    """Return the actors that wait at a relay, as far as the token may know of them.

    Args:
        uri: the relay's address, ``wss://HOST[:PORT]``.
        access: the token, and whom to believe.
        timeout_s: for all of it, in seconds.

    Raises:
        ConnectError: no relay answered there.
        RefusedError: it answered no; most often because of the token.
    """
    access = access or Access()
    address = parse_address(uri)
    if address.path.rstrip("/") not in ("", ACTORS_PATH):
        raise ConnectError(
            f"{uri} is the address of one actor, not of a relay.",
            uri=uri,
            hint=f"Leave out what follows the host: {base_of(address)}.",
        )
    deadline_s = monotonic_s() + timeout_s
    try:
        status, body = _ask(uri, address, access, deadline_s)
    except TimeoutError as error:
        raise ConnectError(
            f"{uri} did not answer within {timeout_s:g} s.",
            uri=uri,
            hint="Check that it is the address of a relay.",
        ) from error
    except ConnectError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise ConnectError(
            f"{uri} did not answer as a relay does: {printable(str(error), 200)}.",
            uri=uri,
            hint="Check the port, and whether it is wss:// or ws://.",
        ) from error
    if status != http.client.OK:
        refusal = Response(status, "", Headers(), body[:REFUSAL_BYTES])
        raise refusal_in(refusal, uri, token=bool(access.token))
    return _read(uri, body)


def base_of(address: WebSocketURI) -> str:
    """Return the address of a relay, without a path, in the form that people write."""
    return f"{'wss' if address.secure else 'ws'}://{_authority(address)}"


def actor_uri(relay: str, name: str) -> str:
    """Return the address of an actor that waits at a relay."""
    return base_of(parse_address(relay)) + actor_path(name)


def _authority(address: WebSocketURI) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    usual = 443 if address.secure else 80
    return host if address.port == usual else f"{host}:{address.port}"


def _ask(uri: str, address: WebSocketURI, access: Access, deadline_s: float) -> tuple[int, bytes]:
    headers = {"Host": _authority(address), "Accept": "application/json"}
    if access.token:
        headers["Authorization"] = f"Bearer {access.token}"
        if not address.secure:
            warn_of_plain_token(address.host)
    connection = http.client.HTTPConnection(address.host, address.port)
    with contextlib.closing(connection):
        # Ours, so that nothing is sent before it is known who listens.
        link = open_socket(uri, address, access.trust, deadline_s - monotonic_s())
        connection.sock = link
        link.settimeout(max(deadline_s - monotonic_s(), SHORTEST_WAIT_S))
        connection.request("GET", ACTORS_PATH, headers=headers)
        with connection.getresponse() as response:
            body = b""
            while len(body) <= ACTORS_BYTES and (piece := response.read1(PIECE_BYTES)):
                body += piece
                if monotonic_s() > deadline_s:
                    raise TimeoutError
            return response.status, body


def _read(uri: str, body: bytes) -> list[ParkedActor]:
    if len(body) > ACTORS_BYTES:
        raise _strange(uri, f"it has more than {ACTORS_BYTES} bytes")
    try:
        return list(_Answer.model_validate_json(body).actors)
    except ValidationError as error:
        raise _strange(uri, "it is not a list of actors") from error


def _strange(uri: str, why: str) -> ConnectError:
    return ConnectError(
        f"The answer of {uri} is not a relay's: {why}.",
        uri=uri,
        hint="Check the address, and that the relay's version goes with this one.",
    )
