"""The protocol as an AsyncAPI 3 document, seen from the actor: it receives and sends.

Who sends what is read from the session's table, the payloads are the models' schemas, the examples
a real session's. A connection has one channel whatever its codec: the subprotocol says how the same
maps are written, so the messages have no content type of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ac_bridge_protocol import relay
from ac_bridge_protocol.codec import CODECS, JSON, MSGPACK
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import MESSAGE_TYPES
from ac_bridge_protocol.schema import (
    URN,
    VERSION,
    Schema,
    definitions,
    examples,
    limit_values,
    plain,
)
from ac_bridge_protocol.session import ACTOR, Way
from ac_bridge_protocol.wire import WireModel

PORT = 8765
"""Where an actor listens if nobody says otherwise."""


class Turned(NamedTuple):
    """One way to be turned away before the WebSocket opens."""

    status: int
    """Of HTTP."""
    codes: tuple[ErrorCode, ...]
    """In the refusal that is the response's body."""
    when: str
    """What must have happened."""


TURNED_AWAY = (
    Turned(
        400,
        (ErrorCode.ILLEGAL, ErrorCode.WRONG_CODEC),
        "no request that can be read; no subprotocol of ours",
    ),
    Turned(401, (ErrorCode.UNAUTHORIZED,), "no token, or one that opens nothing here"),
    Turned(
        403,
        (ErrorCode.FORBIDDEN,),
        "a web page of an origin that is not allowed: browsers send `Origin`, other programs do "
        "not",
    ),
    Turned(
        404,
        (ErrorCode.NO_SUCH_ACTOR,),
        "a path that leads nowhere; at a relay, a name that nobody parked under",
    ),
    Turned(408, (ErrorCode.ILLEGAL,), "no whole request within `HANDSHAKE_TIMEOUT_S`"),
    Turned(426, (ErrorCode.ILLEGAL,), "a request for a page"),
    Turned(
        429,
        (ErrorCode.TOO_MANY,),
        "too many connections of one address, or wrong tokens (`Retry-After` says how long)",
    ),
    Turned(
        503,
        (ErrorCode.FULL, ErrorCode.NO_SUCH_ACTOR),
        "all places are taken; at a relay, the actor is away at this moment",
    ),
)
"""Every answer of HTTP's but 101, with a `Refusal` as JSON in its body."""

REPLIES: Mapping[str, Sequence[str]] = {
    "hello": ("welcome", "refusal"),
    "reset": ("reset_result", "failure"),
    "step": ("step_result", "failure"),
    "ping": ("pong",),
}
"""What the actor answers; a subscription's frames are no answer, each goes for itself."""

_PARKING: tuple[type[WireModel], ...] = (
    *(relay.Park, relay.Parked, relay.Paired, relay.Taken, relay.Declined),
)
_PARKING_SENT: Mapping[str, Sequence[str]] = {"park": ("parked",)}
_PARKING_RECEIVED: Mapping[str, Sequence[str]] = {"paired": ("taken", "declined")}

_ABOUT = f"""\
The wire between a learner and an actor that owns the game, the clock and the wheel. One WebSocket,
one message a WebSocket message. The subprotocol names version and codec: `{JSON.subprotocol}` sends
a message as JSON in a text frame, `{MSGPACK.subprotocol}` the same map as MessagePack in a binary
frame. Which message is allowed when, and what it means, is in the manual, protocol.md.

`receive` is what the learner sends and the actor receives, `send` the other way.
"""


def asyncapi() -> Schema:
    """Return the document."""
    schemas = "#/components/schemas/"
    return {
        "asyncapi": "3.0.0",
        "id": URN,
        "info": {
            "title": "ac-bridge",
            "version": str(VERSION),
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "x-limits": limit_values(),
        "servers": _servers(),
        "channels": {
            "driving": _driving_channel(),
            "parking": _parking_channel(),
        },
        "operations": _driving_operations() | _parking_operations(),
        "components": {
            "messages": {
                name: _message(name, model)
                for name, model in [*MESSAGE_TYPES.items(), *_parking_types().items()]
            },
            "schemas": definitions((*MESSAGE_TYPES.values(), *_PARKING), schemas),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": (
                        "A token of the actor's, that drives or only watches. Needed where the "
                        "actor was given tokens; an actor on the loopback interface usually has "
                        "none, and takes the request without the header."
                    ),
                }
            },
        },
    }


def _servers() -> Schema:
    security = [{"$ref": "#/components/securitySchemes/token"}]
    turned_away = {
        str(turned.status): {
            "codes": [code.value for code in turned.codes],
            "description": turned.when,
        }
        for turned in TURNED_AWAY
    }
    refusals = {
        "x-refusals": {
            "description": "Statuses of HTTP before the WebSocket opens. Each has a body: a "
            "refusal in JSON.",
            "payload": {"$ref": "#/components/schemas/Refusal"},
            "statuses": turned_away,
        }
    }
    return {
        "actor": {
            "host": f"127.0.0.1:{PORT}",
            "protocol": "ws",
            "description": "The actor itself. Beyond loopback it asks for a token, and with TLS "
            "it is wss.",
            "security": security,
            **refusals,
        },
        "relay": {
            "host": "{host}",
            "pathname": f"{relay.ACTORS_PATH}/{{name}}",
            "protocol": "wss",
            "description": "The same actor, parked at a relay that both sides can dial.",
            "variables": {
                "host": {"description": "The relay's address."},
                "name": {"description": f"The actor's name there: `{relay.NAME}`."},
            },
            "security": security,
            **refusals,
        },
    }


# --- Channels and operations ----------------------------------------------------------------------


def _driving_channel() -> Schema:
    return {
        "address": None,  # a server's is the whole of it
        "title": "Driving and watching",
        "description": "What a driver or a spectator and the actor say, in either codec.",
        "servers": [{"$ref": "#/servers/actor"}, {"$ref": "#/servers/relay"}],
        "messages": _message_refs(MESSAGE_TYPES),
        "bindings": _binding(list(CODECS)),
        "x-codecs": {
            JSON.subprotocol: {"contentType": "application/json", "frames": "text"},
            MSGPACK.subprotocol: {"contentType": "application/msgpack", "frames": "binary"},
        },
    }


def _parking_channel() -> Schema:
    return {
        "address": None,  # a server's is the whole of it
        "title": "Parking at a relay",
        "description": "How an actor waits at a relay for learners; after `taken` the connection "
        "is the learner's. Text frames of JSON.",
        "servers": [{"$ref": "#/servers/relay"}],
        "messages": _message_refs(_parking_types()),
        "bindings": _binding([relay.PARKING]),
    }


def _binding(subprotocols: list[str]) -> Schema:
    headers = {
        "Sec-WebSocket-Protocol": {
            "type": "string",
            "enum": subprotocols,
            "description": "One of these; of several that a client offers, the first that the "
            "other side knows.",
        },
        "Authorization": {
            "type": "string",
            "pattern": "^Bearer .+$",
            "description": "The token, where one is asked for.",
        },
    }
    return {
        "ws": {
            "method": "GET",
            "headers": {
                "type": "object",
                "properties": headers,
                "required": ["Sec-WebSocket-Protocol"],
            },
            "bindingVersion": "0.1.0",
        }
    }


def _driving_operations() -> Schema:
    received, sent = _said(Way.IN), _said(Way.OUT)
    replies = {reply for name in REPLIES for reply in REPLIES[name]} - {"failure"}
    operations = {
        f"receive_{name}": _operation("receive", "driving", name, REPLIES.get(name, ()))
        for name in received
    }
    for name in sent:
        if name not in replies:
            answer = ("pong",) if name == "ping" else ()
            operations[f"send_{name}"] = _operation("send", "driving", name, answer)
    return operations


def _said(way: Way) -> list[str]:
    """Return the types of messages that go one way, in the order of the models."""
    names = {name.partition(":")[0] for moves in ACTOR.values() for at, name in moves if at is way}
    return [name for name in MESSAGE_TYPES if name in names]


def _parking_operations() -> Schema:
    sent = {
        f"send_{name}": _operation("send", "parking", name, replies)
        for name, replies in _PARKING_SENT.items()
    }
    received = {
        f"receive_{name}": _operation("receive", "parking", name, replies)
        for name, replies in _PARKING_RECEIVED.items()
    }
    return sent | received


def _operation(action: str, channel: str, name: str, replies: Sequence[str]) -> Schema:
    where = f"#/channels/{channel}"

    def refs(names: Iterable[str]) -> list[Schema]:
        return [{"$ref": f"{where}/messages/{one}"} for one in names]

    operation: Schema = {
        "action": action,
        "channel": {"$ref": where},
        "summary": plain(_types()[name].__doc__ or "").split(". ")[0].rstrip("."),
        "messages": refs([name]),
    }
    if replies:
        operation["reply"] = {"channel": {"$ref": where}, "messages": refs(replies)}
    return operation


# --- Messages -------------------------------------------------------------------------------------


def _parking_types() -> dict[str, type[WireModel]]:
    return {model.model_fields["type"].default: model for model in _PARKING}


def _types() -> dict[str, type[WireModel]]:
    return MESSAGE_TYPES | _parking_types()


def _message_refs(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _message(name: str, model: type[WireModel]) -> Schema:
    message: Schema = {
        "name": name,
        "title": model.__name__,
        "summary": plain((model.__doc__ or "").split("\n\n")[0]),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
    if "id" in model.model_fields:
        message["correlationId"] = {
            "location": "$message.payload#/id",
            "description": "An answer has its request's.",
        }
    shown = examples().get(name, ())
    if shown:
        message["examples"] = [
            {"name": f"{name}_{index}", "summary": said, "payload": payload}
            for index, (said, payload) in enumerate(shown, start=1)
        ]
    return message
