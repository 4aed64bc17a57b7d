"""Messages to bytes and back: the same models as JSON (text frames) or MessagePack (binary).

A connection's codec is chosen by its WebSocket subprotocol and never changes. Encoding reads the
models' fields directly; decoding validates every field, and its errors name it. (Bytes after the
end of a MessagePack message are ignored: the library does not tell of them.)
"""

from __future__ import annotations

import abc
from typing import Any

import orjson
import ormsgpack
from pydantic import ValidationError

from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.limits import MESSAGE_BYTES, MESSAGE_TYPE_BYTES, TEXT_CHARACTERS
from ac_bridge_protocol.messages import MESSAGE, MESSAGE_TYPES, Message
from ac_bridge_protocol.wire import WireModel


class Codec(abc.ABC):
    """One way to write messages."""

    name: str
    """What people call it."""
    subprotocol: str
    """The WebSocket subprotocol that stands for it and for the protocol's version."""
    binary: bool
    """Whether its frames are binary."""

    def encode(self, message: Message) -> bytes:
        """Return the message's bytes.

        Raises:
            FrameError: more bytes than the peer would take.
        """
        plain = message.__dict__
        data = self._dump(plain)
        if len(data) > MESSAGE_TYPE_BYTES[plain["type"]]:
            raise _too_large(plain["type"], len(data), plain)
        return data

    def decode(self, data: bytes, *, binary: bool, most_bytes: int = MESSAGE_BYTES) -> Message:
        """Return the message that ``data`` stands for.

        Args:
            data: the payload of one WebSocket message.
            binary: whether it came as a binary one.
            most_bytes: what is larger is not parsed, whatever it may be.

        Raises:
            FrameError: wrong kind of frame, too large, malformed, or of an unknown type.
        """
        if binary != self.binary:
            raise FrameError(
                ErrorCode.WRONG_CODEC,
                f"A {_KIND[binary]} message came on a connection that speaks {self.subprotocol}, "
                f"which uses {_KIND[self.binary]} messages.",
                hint="Send what was negotiated, or connect with the other subprotocol.",
            )
        if len(data) > most_bytes:
            raise FrameError(
                ErrorCode.TOO_LARGE,
                f"A message of {len(data)} bytes is over the limit of {most_bytes}.",
            )
        try:
            plain = self._load(data)
        except ValueError as error:
            reason = str(error) or type(error).__name__
            raise FrameError(ErrorCode.MALFORMED, f"Not valid {self.name}: {reason}.") from None
        kind = _kind_of(plain)
        if len(data) > MESSAGE_TYPE_BYTES[kind]:
            raise _too_large(kind, len(data), plain)
        try:
            return MESSAGE.validate_python(plain)  # type: ignore[no-any-return]
        except ValidationError as error:
            raise _explain(kind, plain, error) from None

    @abc.abstractmethod
    def _dump(self, plain: dict[str, Any]) -> bytes: ...

    @abc.abstractmethod
    def _load(self, data: bytes) -> Any: ...


class JsonCodec(Codec):
    """Text anybody can read."""

    name = "JSON"
    subprotocol = "ac-bridge.v1+json"
    binary = False

    def _dump(self, plain: dict[str, Any]) -> bytes:
        return orjson.dumps(plain, default=fields_of)

    def _load(self, data: bytes) -> Any:
        return orjson.loads(data)


class MsgpackCodec(Codec):
    """Compact, and quicker to read and write."""

    name = "MessagePack"
    subprotocol = "ac-bridge.v1+msgpack"
    binary = True

    def _dump(self, plain: dict[str, Any]) -> bytes:
        return ormsgpack.packb(plain, default=fields_of)

    def _load(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data)


JSON = JsonCodec()
MSGPACK = MsgpackCodec()
CODECS: dict[str, Codec] = {codec.subprotocol: codec for codec in (MSGPACK, JSON)}
"""The codec of each subprotocol, the preferred one first."""
CODEC_NAMES: dict[str, Codec] = {"msgpack": MSGPACK, "json": JSON}
"""The codecs by the names that people type."""

_KIND = {True: "binary", False: "text"}

_PROBLEMS = 256
"""Most problems of one message that are put into words: a message without any field of a frame has
half as many. The words for thousands of unknown fields would take longer than a tick may wait."""


def fields_of(value: Any) -> dict[str, Any]:
    """Give the encoders a nested model as its fields: they know every other type that we use."""
    if isinstance(value, WireModel):
        return value.__dict__
    raise TypeError(f"{type(value).__name__} is not part of any message")


def _too_large(kind: str, size: int, plain: dict[str, Any]) -> FrameError:
    return FrameError(
        ErrorCode.TOO_LARGE,
        f"A {kind} of {size} bytes is over the limit of {MESSAGE_TYPE_BYTES[kind]}.",
        request_id=_request_id(plain),
    )


def _kind_of(plain: Any) -> str:
    """Return the message's type.

    Looked at before the rest is validated: pydantic spells out a tag that it does not know, and a
    tag that is a thousand lists deep is beyond what Python can spell.
    """
    kind = plain.get("type") if isinstance(plain, dict) else None
    if not isinstance(kind, str):
        raise FrameError(
            ErrorCode.MALFORMED,
            "A message is a map whose field 'type' is text.",
            request_id=_request_id(plain),
        )
    if kind not in MESSAGE_TYPES:
        raise FrameError(
            ErrorCode.UNKNOWN_TYPE,
            f"Version 1 has no message type {kind[:40]!r}.",
            request_id=_request_id(plain),
            hint=f"It has: {', '.join(MESSAGE_TYPES)}.",
        )
    return kind


def _explain(kind: str, plain: Any, error: ValidationError) -> FrameError:
    """Say which field is wrong, in a sentence of bounded length."""
    request_id = _request_id(plain)
    count = error.error_count()
    if count > _PROBLEMS:
        return FrameError(ErrorCode.MALFORMED, f"{kind}: {count} problems.", request_id=request_id)
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"][1:])[:100]
    more = f" (and {count - 1} more problems)" if count > 1 else ""
    text = f"{kind}{'.' if where else ''}{where}: {first['msg']}{more}."
    return FrameError(ErrorCode.MALFORMED, text[:TEXT_CHARACTERS], request_id=request_id)


def _request_id(plain: Any) -> int | None:
    found = plain.get("id") if isinstance(plain, dict) else None
    usable = isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**53
    return found if usable else None
