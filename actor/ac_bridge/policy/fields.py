"""How many fields a model has, counted before it is read. Pure.

Every message that protobuf reads takes a hundred bytes of memory or more, and two bytes say that
there is one. So a model that is small enough to be sent might still fill the machine; here nothing
is kept of what is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError

FIELDS = 500_000
"""Most fields of a model: a network of a thousand layers has some hundred thousand, and to count so
many takes about a second. Weights are one field, however many."""

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
"""How the bytes of a field go: a number that says its length, or as named."""
_VARINT_BYTES = 10


def check_fields(data: bytes, descriptor: Any) -> None:
    """See that a message has no more fields than anybody needs.

    Args:
        data: the message, as protobuf writes it.
        descriptor: of its type.

    Raises:
        PolicyRefusedError: it has more.
        ValueError: the bytes are no message of any type.
    """
    messages = _Messages()
    waiting, count = [(descriptor, 0, len(data))], 0
    while waiting:
        kind, at, end = waiting.pop()
        inside = messages[kind]
        while at < end:
            count += 1
            if count > FIELDS:
                raise _too_many()
            tag, at = _varint(data, at)
            size, at = _length(data, at, tag & 7)
            if tag & 7 == _SIZED and tag >> 3 in inside:
                waiting.append((inside[tag >> 3], at, at + size))
            at += size
        if at > end:
            raise ValueError("a field goes on beyond its end")


class _Messages(dict[Any, Mapping[int, Any]]):
    """For each type of message, the types of those in it by the numbers of their fields."""

    def __missing__(self, kind: Any) -> Mapping[int, Any]:
        inside = {
            field.number: field.message_type
            for field in kind.fields
            if field.message_type is not None
        }
        self[kind] = inside
        return inside


def _length(data: bytes, at: int, wire_type: int) -> tuple[int, int]:
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


def _varint(data: bytes, at: int) -> tuple[int, int]:
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
