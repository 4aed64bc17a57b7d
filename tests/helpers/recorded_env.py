"""A `RemoteEnv` that records what it drives: its steps, and what it asked for on the wire.

Does not model the other frames of the wire, nor links that are lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import Reset, ResetResult, Step
from ac_bridge_recording import Recorder
from ac_bridge_recording.topics import Way


class RecordedEnv(RemoteEnv):
    """Records into a file until it is closed.

    Args:
        uri: of the actor.
        path: of the recording.
        with_wire: whether to record what it asks for.
        options: of `RemoteEnv`.
    """

    def __init__(self, uri: str, path: Path, *, with_wire: bool = True, **options: Any) -> None:
        super().__init__(uri, **options)
        about = {"game": self.env_spec.game, "recorded_by": "learner"}
        self.recorder = Recorder(path, about, now_ns=itertools.count(10**18, 1_000_000).__next__)
        self._drive: Any = _Tap(self._drive, self.recorder, with_wire)

    def close(self) -> None:
        """End the recording, too."""
        super().close()
        self.recorder.close()


class _Tap:
    def __init__(self, drive: Any, recorder: Recorder, with_wire: bool) -> None:
        self._drive = drive
        self._recorder = recorder
        self._with_wire = with_wire
        self._next_id = 0

    def reset(self, seed: int | None, takeover: str, timeout_s: float) -> ResetResult:
        result: ResetResult = self._drive.reset(seed, takeover, timeout_s)
        spec = self._drive.spec
        self._wire(Reset(id=result.id, seed=seed))
        self._next_id = result.id + 1 + spec.delay_ticks
        self._recorder.episode_started(result, spec, seed)
        return result

    def step(self, action: Any, plan: Sequence[Any], timeout_s: float) -> Any:
        self._wire(Step(id=self._next_id, action=action))
        self._next_id += 1
        stepped = self._drive.step(action, plan, timeout_s)
        self._recorder.step(stepped.action, stepped.result)
        return stepped

    def _wire(self, message: Any) -> None:
        if self._with_wire:
            self._recorder.wire(1, Way.TO_ACTOR, MSGPACK, MSGPACK.encode(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drive, name)
