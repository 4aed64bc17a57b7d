"""A spool in memory and policies of a line, for transcripts: no thread, no disk, no runtime."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np
import orjson

from ac_bridge.edge.seat import Policy
from ac_bridge.edge.spool import SpoolStats
from ac_bridge.policy.runtime import PolicyOutput
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.spec import EnvSpec

T = TypeVar("T")


class StillSpool:
    """Keeps records in a list, as a `SpoolKeeper` does in a file; the oldest make room.

    Args:
        most: records that it holds.
    """

    spool_id = "0" * 32
    newest: bytes | None = None

    def __init__(self, most: int) -> None:
        self._most = most
        self._records: dict[int, bytes] = {}
        self._last = self._acknowledged = self._dropped = 0

    def put(self, record: bytes) -> None:
        """Keep a record."""
        self._last += 1
        self._records[self._last] = record
        if len(self._records) > self._most:
            del self._records[next(iter(self._records))]
            self._dropped += 1

    def read(self, after: int, max_records: int, max_bytes: int) -> Future[list[tuple[int, bytes]]]:
        """Return the records after a number."""
        newer = [(number, data) for number, data in self._records.items() if number > after]
        found = newer[:1]
        for number, data in newer[1:max_records]:
            max_bytes -= len(found[-1][1])
            if len(data) > max_bytes:
                break
            found.append((number, data))
        return _done(found)

    def acknowledge(self, upto: int) -> Future[None]:
        """Let go of the records up to a number."""
        self._records = {number: data for number, data in self._records.items() if number > upto}
        self._acknowledged = max(self._acknowledged, upto)
        return _done(None)

    def stats(self) -> SpoolStats:
        """Return what it holds."""
        first = next(iter(self._records), self._last + 1)
        held = sum(map(len, self._records.values()))
        return SpoolStats(
            first, self._last, self._acknowledged, len(self._records), held, self._dropped
        )

    def flush(self) -> Future[int]:
        """Nothing waits."""
        return _done(self._last)

    def close(self) -> None:
        """Nothing has to be written."""


class StillPolicy:
    """A policy as transcripts have it: the same action all the time, for so many ticks.

    Args:
        action: steer, throttle, brake.
        ticks: after which it fails; None never does.
    """

    noise_size = 0

    def __init__(self, action: Sequence[float], ticks: int | None) -> None:
        self._action = np.asarray(action, np.float32)
        self._ticks = ticks

    def act(self, observation: Array, noise: Array | None) -> PolicyOutput:
        """Choose."""
        if self._ticks is not None:
            self._ticks -= 1
            if self._ticks < 0:
                raise PolicyFailedError("It has no more ticks.")
        return PolicyOutput(self._action, {"value": self._action[:1]})


async def load_still(data: bytes, _spec: EnvSpec, _recorded: Sequence[Array]) -> Policy:
    """Make a policy of JSON: ``{"action": [0, 0.5, 0], "ticks": 9}`` or ``{"refusal": "failed"}``.

    Raises:
        PolicyRefusedError: as it says, or because it says nothing.
    """
    try:
        said: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        said = None
    match said:
        case {"refusal": str(reason)}:
            raise PolicyRefusedError(reason, f"This one is {reason}.", hint="Push another.")
        case {"action": list(action)}:
            return StillPolicy(action, said.get("ticks"))
    raise PolicyRefusedError(
        PolicyRefusal.NOT_ONNX, "A transcript's policies are lines of JSON.", hint="Write one."
    )


def _done(result: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(result)
    return future
