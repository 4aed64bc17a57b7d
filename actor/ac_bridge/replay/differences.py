"""What two playings of one transcript differ in, told so that one knows where to look. Pure."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from ac_bridge.replay.masks import Masking, plain_of
from ac_bridge.replay.transcript import (
    Advance,
    Came,
    Closed,
    Done,
    Dropped,
    Head,
    Opened,
    Out,
    Said,
    TurnedAway,
)

MOST = 20
"""Differences that are told: what follows from a few is of no use to anybody."""

VALUE_CHARACTERS = 80
"""Of a value, in a sentence."""

_MISSING = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it was recorded.

    Attributes:
        line: of the transcript, from 1; where it was recorded, or after which it came.
        where: the message's type and the path of the field, such as
            ``step_result.receipt.tick_asked``; or what happened to a link.
        what: how it was, and how it is.
    """

    line: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.what}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """What was done, and all that came of it, with the numbers of the lines."""

    line: int
    done: Done | None
    came: list[tuple[int, Came]]


def differences(
    head: Head, recorded: Sequence[Done | Came], now: Sequence[Done | Came]
) -> list[Difference]:
    """Return in what a playing differs from what was recorded; nothing if it does not.

    Args:
        head: of the transcript.
        recorded: its lines.
        now: those of the playing, of the same things done; fewer if it broke off.
    """
    found: dict[tuple[str, str], Difference] = {}
    masking = Masking(head.masks)
    for one, other in zip(_parts(recorded), _parts(now), strict=False):
        for line in _of_part(one, [came for _, came in other.came], masking):
            found.setdefault((line.where, line.what), line)
        if len(found) >= MOST:
            break
    return list(found.values())[:MOST]


def _parts(lines: Sequence[Done | Came]) -> Iterator[_Part]:
    part = _Part(1, None, [])
    for number, line in enumerate(lines, start=2):
        if isinstance(line, Came):
            part.came.append((number, line))
        else:
            yield part
            part = _Part(number, line, [])
    yield part


def _of_part(part: _Part, now: list[Came], masking: Masking) -> list[Difference]:
    recorded = [(number, _masked(line, masking)) for number, line in part.came]
    for (number, one), other in zip(recorded, now, strict=False):
        if _name(one) != _name(other):
            return [_of_order(part, [line for _, line in recorded], now, number, one, other)]
        if one != other:
            answers = isinstance(one, Out) and _type_of(one) in ("failure", "refusal")
            after = f", {_after(part)}" if answers else ""
            return [
                Difference(number, where, what + after) for where, what in _of_lines(one, other)
            ]
    if len(recorded) > len(now):
        number, missing = recorded[len(now)]
        what = f"recorded {_after(part)}, and now it does not come"
        return [Difference(number, _name(missing), what)]
    if len(now) > len(recorded):
        last = recorded[-1][0] if recorded else part.line
        more = now[len(recorded)]
        what = f"came {_after(part)}, and was not recorded: {_told(more)}"
        return [Difference(last, _name(more), what)]
    return []


def _of_order(
    part: _Part, recorded: list[Came], now: list[Came], number: int, one: Came, other: Came
) -> Difference:
    names, names_now = [_name(line) for line in recorded], [_name(line) for line in now]
    if collections.Counter(names) == collections.Counter(names_now):
        order, order_now = ", ".join(names), ", ".join(names_now)
        return Difference(
            number,
            _name(one),
            f"in another order {_after(part)}: recorded {order}; now {order_now}",
        )
    return Difference(
        number, _name(one), f"recorded {_after(part)}, and now came instead: {_told(other)}"
    )


def _after(part: _Part) -> str:
    """Say after what something came."""
    done = part.done
    if done is None:
        return "at the start"
    if isinstance(done, Said):
        return f"after the {_type_of(done)} of line {part.line}"
    if isinstance(done, Advance):
        return f"in the {done.seconds:g} s of line {part.line}"
    return f"after the {done.what!r} of line {part.line}"


def _name(line: Came) -> str:
    """Return what kind of thing came, and on which link: what must be the same to be compared."""
    match line:
        case Out():
            return f"{_type_of(line)} on link {line.link}"
        case Opened():
            return f"opening of link {line.link}"
        case TurnedAway():
            return f"page on link {line.link}"
        case Closed():
            return f"closing of link {line.link}"
        case Dropped():
            return f"end without a word of link {line.link}"


def _told(line: Came) -> str:
    """Return what came, with what it says about why."""
    plain = _plain(line)
    if isinstance(plain, dict) and "code" in plain:
        return f"{_name(line)} ({plain.get('code')}: {plain.get('message')})"
    if isinstance(line, Closed):
        return f"{_name(line)} ({line.code}: {line.reason})"
    return _name(line)


def _type_of(line: Said) -> str:
    plain = plain_of(line.payload, binary=line.binary)
    kind = plain.get("type") if isinstance(plain, dict) else None
    return kind[:40] if isinstance(kind, str) else "message without a type"


def _masked(line: Came, masking: Masking) -> Came:
    """Return what was recorded with what cannot be the same twice replaced."""
    if not isinstance(line, Out):
        return line
    return Out.of(line.link, masking.mask(line.payload, binary=line.binary), binary=line.binary)


# --- In two lines of the same name ----------------------------------------------------------------


def differing(where: str, recorded: Any, now: Any) -> list[tuple[str, str]]:
    """Return the path of each value in which two pieces of plain data differ, and how.

    Args:
        where: what they are; the paths begin with it.
        recorded: the one.
        now: the other.
    """
    return [
        (path, f"recorded {_shown(old)}, now {_shown(new)}")
        for path, old, new in _of_values(where, recorded, now)
    ]


def _of_lines(one: Came, other: Came) -> list[tuple[str, str]]:
    found = differing(_root(one), _plain(one), _plain(other))
    if not found and isinstance(one, Out) and isinstance(other, Out):
        pairs = enumerate(zip(one.payload, other.payload, strict=False))
        at = next((at for at, (old, new) in pairs if old != new), len(one.payload))
        was, now = one.payload[at : at + 20], other.payload[at : at + 20]
        found = [(_root(one), f"written otherwise from byte {at} on: {was!r}, now {now!r}")]
    return found


def _root(line: Came) -> str:
    """Return what the paths of a line's fields begin with."""
    kind = _plain(line).get("type")
    return kind if isinstance(kind, str) else _name(line)


def _plain(line: Came) -> Any:
    if isinstance(line, Out):
        return plain_of(line.payload, binary=line.binary)
    plain = line.model_dump(exclude={"what", "link"})
    if isinstance(line, TurnedAway):
        plain["headers"] = dict(line.headers)
        body = plain_of(line.body.encode(), binary=False)
        if isinstance(body, dict):  # a refusal, or the actor's health: its fields by their names
            return {name: plain[name] for name in ("status", "headers")} | body
    return plain


def _of_values(where: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Return the path of each value that differs, and both of them."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(name for name in other if name not in one)]
        for name in names:
            old, new = one.get(name, _MISSING), other.get(name, _MISSING)
            yield from _of_values(f"{where}.{name}", old, new)
        if list(one) != list(other) and set(one) == set(other):
            yield f"{where} (the order of its fields)", list(one), list(other)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (old, new) in enumerate(zip(one, other, strict=True)):
            yield from _of_values(f"{where}[{index}]", old, new)
    elif type(one) is not type(other) or one != other:
        yield where, one, other


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "missing"
    text = orjson.dumps(value, default=repr).decode()
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 3]}..."
