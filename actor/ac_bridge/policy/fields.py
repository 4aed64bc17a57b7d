"""What there is in a model, found before it is read: without its weights, and counted. Pure.

Every message that protobuf reads takes a hundred bytes of memory or more, and two bytes say that
there is one. So a model that is small enough to be sent might still fill the machine; here nothing
is kept of what is counted.

Weights are most of a model, and whoever reads them copies them, and holds up the whole process
while it does: for fifty megabytes longer than a tick. Nothing that is looked for is in them but
their size, so they are left out before anything is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError

FIELDS = 500_000
"""Most fields of a model: a network of a thousand layers has some hundred thousand, and to count so
many takes about a second. Weights are one field, however many."""
DEPTH = 100
"""Most messages inside each other; protobuf takes no more either."""
KEPT_BYTES = 64
"""Weights of a tensor, up to which they are left as they are."""
STAND_IN_BYTES = KEPT_BYTES + 1
"""What stands for any that are larger: how many bytes they were, in decimal digits."""
WEIGHTS = "raw_data"
"""Name of the field of a tensor that holds them."""

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
"""How the bytes of a field go: a number that says its length, or as named."""
_VARINT_BYTES = 10


class _Sized(NamedTuple):
    """A field of bytes, or a message, in the whole.

    Attributes:
        around: the message that it is in; None for the whole.
        length_at: where its length is written.
        start: where it begins itself.
        end: where it ends.
        depth: how many are around it.
    """

    around: _Sized | None
    length_at: int
    start: int
    end: int
    depth: int


def outlined(data: bytes | bytearray, descriptor: Any) -> bytes:
    """Return a message without the weights in it, if it has no more fields than anybody needs.

    Args:
        data: the message, as protobuf writes it.
        descriptor: of its type.

    Returns:
        The same message, but for weights of more than `KEPT_BYTES`: `STAND_IN_BYTES` stand for
        them, and say how many there were. No others are as long.

    Raises:
        PolicyRefusedError: it has more fields.
        ValueError: the bytes are no message of any type.
    """
    kinds = _Kinds()
    waiting, count = [(descriptor, _Sized(None, 0, 0, len(data), 0))], 0
    weights: list[_Sized] = []
    while waiting:
        descriptor, around = waiting.pop()
        kind = kinds[descriptor]
        at = around.start
        while at < around.end:
            count += 1
            if count > FIELDS:
                raise _too_many()
            tag, length_at = _varint(data, at)
            size, at = _length(data, length_at, tag & 7)
            if tag & 7 == _SIZED:
                if tag >> 3 in kind.messages:
                    found = _Sized(around, length_at, at, at + size, around.depth + 1)
                    waiting.append((kind.messages[tag >> 3], found))
                elif tag >> 3 == kind.weights and size > KEPT_BYTES:
                    weights.append(_Sized(around, length_at, at, at + size, around.depth + 1))
            at += size
        if at > around.end:
            raise ValueError("a field goes on beyond its end")
        if around.depth > DEPTH:
            raise ValueError("its parts are too deep inside each other")
    return _without(data, weights)


def _without(data: bytes | bytearray, weights: list[_Sized]) -> bytes:
    """Return a message with something else in the place of weights, and every length right."""
    less: dict[_Sized, int] = {}
    edits: list[tuple[int, int, bytes]] = []  # from where to where, and what is there then
    for field in weights:
        size = field.end - field.start
        stand_in = f"{size:0{STAND_IN_BYTES}d}".encode()
        edits.append((field.start, field.end, stand_in))
        inner: _Sized | None = field
        while inner is not None:
            less[inner] = less.get(inner, 0) + size - STAND_IN_BYTES
            inner = inner.around
    for changed, by in less.items():
        if changed.around is not None:  # the whole has no length of its own
            size = changed.end - changed.start - by
            width = changed.start - changed.length_at
            edits.append((changed.length_at, changed.start, _as_wide(size, width)))
    pieces, done = [], 0
    for start, end, instead in sorted(edits):
        pieces += [data[done:start], instead]
        done = end
    return b"".join([*pieces, data[done:]])


def _as_wide(number: int, width: int) -> bytes:
    """Return a number as so many bytes: as a larger one was, so that nothing else moves."""
    groups = [number >> 7 * place & 0x7F | 0x80 for place in range(width)]
    groups[-1] &= 0x7F
    return bytes(groups)


class _Kind(NamedTuple):
    """What there is to know about a type of message.

    Attributes:
        messages: the types of those in it, by the numbers of their fields.
        weights: number of the field that holds weights; 0 if none does.
    """

    messages: Mapping[int, Any]
    weights: int


class _Kinds(dict[Any, _Kind]):
    """What there is to know about each type, by its descriptor."""

    def __missing__(self, descriptor: Any) -> _Kind:
        messages = {
            field.number: field.message_type
            for field in descriptor.fields
            if field.message_type is not None
        }
        weights = descriptor.fields_by_name.get(WEIGHTS)
        kind = self[descriptor] = _Kind(messages, 0 if weights is None else weights.number)
        return kind


def _length(data: bytes | bytearray, at: int, wire_type: int) -> tuple[int, int]:
    """Return how many bytes of a field follow, and where they begin."""
    if wire_type == _SIZED:
        return _varint(data, at)
    if wire_type == _VARINT:
        return 0, _varint(data, at)[1]
    if wire_type == _EIGHT_BYTES:
        return 8, at
    if wire_type == _FOUR_BYTES:
        return 4, at
    raise ValueError(f"there is no field of type {wire_type} in a model")


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the number at a place, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + _VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number does not end")


def _too_many() -> PolicyRefusedError:
    return PolicyRefusedError(
        PolicyRefusal.TOO_LARGE,
        f"The policy has more than {FIELDS} fields: operators, names, dimensions and the like.",
        hint="Export the actor's network alone.",
    )
