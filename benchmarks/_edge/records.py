"""A spool full of records, made by the actor's own code, and steps to fill it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from _constant_game import ConstantGame
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.edge.spool import Spool
from ac_bridge.rig import Rig, RigSettings
from ac_bridge_protocol.experience import Array, EpisodeStart, Transition, pack, to_bytes
from ac_bridge_protocol.frame import GameStatics
from ac_bridge_protocol.messages import Receipt, WheelState

HZ = 20.0
ELEMENTS = 16
"""Of an observation."""
STEPS = 500
"""Of an episode."""
AT_ONCE = 256
"""Records that are appended at once, as the actor does."""
MAX_BYTES = 1 << 30


def fill(folder: Path, records: int) -> int:
    """Fill the spool of an actor's folder; return how many bytes the records have.

    Args:
        folder: that the actor is started with.
        records: how many, episodes' starts among them.
    """
    size = 0
    with Spool(folder / "records.spool", max_bytes=MAX_BYTES) as spool:
        batch: list[bytes] = []
        for data in packed(records):
            batch.append(data)
            size += len(data)
            if len(batch) == AT_ONCE:
                spool.append(batch)
                batch = []
        if batch:
            spool.append(batch)
    return size


def packed(count: int) -> Iterator[bytes]:
    """Yield records of episodes, no two alike."""
    statics, draws = _statics(), np.random.default_rng(0)
    for number in range(count):
        episode, tick = divmod(number, STEPS + 1)
        seen = to_bytes(draws.standard_normal(ELEMENTS, np.float32))
        if tick == 0:
            yield pack(
                EpisodeStart(run="bench", episode=episode + 1, statics=statics, observation=seen)
            )
            continue
        action = draws.random(3, np.float32)
        yield pack(
            Transition(
                run="bench",
                episode=episode + 1,
                tick=tick,
                policy=1 + episode,
                action=to_bytes(action),
                extras={},
                receipt=_receipt(tick, action, float(draws.random())),
                reward=float(draws.standard_normal()),
                terms={"progress_m": float(draws.random()), "wheels_off": 0.0},
                terminated=False,
                truncated=tick == STEPS,
                end_reason="step_limit" if tick == STEPS else "",
                observation=seen,
            )
        )


def steps_in(records: int) -> int:
    """Return how many of so many records are steps; the others are episodes' starts."""
    return records - -(-records // (STEPS + 1))


def _receipt(tick: int, action: Array, drawn: float) -> Receipt:
    steer, throttle, brake = map(float, action)
    return Receipt(
        action_id=tick - 1,
        tick=tick,
        tick_asked=tick - 1,
        tick_applied=tick - 1,
        late=False,
        ticks_held=0,
        ticks_eased=0,
        ticks_planned=0,
        ticks_missed=0,
        tick_error_s=drawn * 1e-3,
        action_age_s=0.05 + drawn * 1e-3,
        observation_age_s=drawn * 1e-3,
        sent=WheelState(steer=steer, throttle=throttle, brake=brake, clutch=0.0),
        replayed=False,
    )


def _statics() -> GameStatics:
    """Return those of a game."""
    rig = Rig(ConstantGame(), RigSettings(HZ, HZ, smoothing_named("none")))
    try:
        return rig.require_statics()
    finally:
        rig.close()
