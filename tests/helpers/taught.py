"""Actors that take policies, made of two words: how much throttle, and for how many ticks."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ac_bridge.clock import SystemClock
from ac_bridge.edge.keeper import SpoolKeeper
from ac_bridge.edge.seat import Policy
from ac_bridge.edge.spool import Spool
from ac_bridge.edge.vault import Vault
from ac_bridge.rig import Rig
from ac_bridge.server.emergency import Switch
from ac_bridge.server.reach import Reach
from ac_bridge.server.teaching import Teaching
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.tasks import TaskSpec
from helpers.actors import make_rig, serving

TWENTY_STEPS = TaskSpec.of("progress", rules={"step_limit": {"steps": 20.0}})


@dataclasses.dataclass
class Thought:
    """Some throttle."""

    action: Array
    extras: Mapping[str, Array] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Steady:
    """A policy: the same throttle all the time, for so many ticks."""

    throttle: float
    ticks: int = 10**9
    noise_size: int = 0

    def act(self, observation: Array, noise: Array | None) -> Thought:
        """Choose."""
        self.ticks -= 1
        if self.ticks < 0:
            raise PolicyFailedError("It ran out of ticks.")
        return Thought(np.array([0.0, self.throttle, 0.0], np.float32))


async def load(data: bytes, spec: EnvSpec, recorded: Sequence[Array]) -> Policy:
    """Make a policy of two words."""
    assert {len(one) for one in recorded} <= {spec.observation_size}
    throttle, ticks = data.split()[:2]
    if float(throttle) > 1.0:
        raise PolicyRefusedError(PolicyRefusal.NOT_FINITE, "Too much of it.", hint="Less.")
    return Steady(float(throttle), int(ticks))


@contextlib.contextmanager
def taught(
    folder: Path,
    *,
    lockstep: bool = True,
    max_bytes: int = 10**8,
    port: int = 0,
    reach: Reach | None = None,
    switches: Sequence[Switch] = (),
) -> Iterator[tuple[str, Rig]]:
    """Serve an actor with a spool in a folder; give its address and its rig."""
    rig = make_rig(lockstep=lockstep)

    def make(actor: Any, pump: Callable[[int], None]) -> Teaching:
        folder.mkdir(exist_ok=True)
        spool = Spool(folder / "spool", max_bytes=max_bytes)
        keeper = SpoolKeeper(spool, SystemClock(), on_error=print, on_written=pump)
        return Teaching(actor, keeper, load, Vault(folder / "policy.kept"))

    with serving(rig, port=port, reach=reach, make_teaching=make, switches=switches) as (uri, _):
        yield uri, rig
