"""A learner in a process of its own, which drives in one way or the other as it is told.

It can be put into a network namespace. Run as `_edge.learner URI`; an order is the name of a
function here, and what it is given.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from _edge.policies import OBSERVATION, driving_policy
from ac_bridge.edge.pilot import SEEDS
from ac_bridge.policy.model import check_model
from ac_bridge.policy.runtime import OnnxPolicy
from ac_bridge_client import ActorStream, RemoteEnv
from ac_bridge_client.clock import monotonic_s
from ac_bridge_client.stream_batch import Batch
from ac_bridge_client.stream_stats import ActorStats
from ac_bridge_protocol.edge import PolicyState
from ac_bridge_protocol.errors import LinkTimeoutError
from ac_bridge_protocol.messages import Receipt
from ac_bridge_protocol.tasks import TaskSpec
from links.servant import orders, say

TASK = TaskSpec.of("progress", rules={"off_track": {"wheels": 3.0}, "stuck": {}})
SEED = 1
STEPS = 32
"""In a batch: what comes in some 2 s."""
POLICY_S = 600.0
"""How long a policy may be on its way, in seconds."""
AFTER_S = 1.0
"""A policy that acts is still written to disk meanwhile, in seconds."""


@dataclasses.dataclass
class Ticks:
    """What was seen of ticks, a place in each list for each.

    Attributes:
        errors_s: how long after its moment each was sampled.
        ages: ticks from what an action was decided on to the tick from which it was in force.
        reward: of all of them.
        missed: how many the actor skipped.
        episodes: that ended, and why.
    """

    errors_s: list[float] = dataclasses.field(default_factory=list)
    ages: list[int] = dataclasses.field(default_factory=list)
    reward: float = 0.0
    missed: int = 0
    episodes: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, receipt: Receipt, seen: int | None, reward: float, end_reason: str) -> None:
        """Take a step.

        Args:
            receipt: its own.
            seen: the tick that its action was decided on; None if it had none.
            reward: for it.
            end_reason: why the episode ended with it; empty if it went on.
        """
        self.errors_s.append(receipt.tick_error_s)
        if seen is not None and receipt.tick_applied is not None:
            self.ages.append(receipt.tick_applied - seen)
        self.reward += reward
        self.missed += receipt.ticks_missed
        if end_reason:
            self.episodes[end_reason] = self.episodes.get(end_reason, 0) + 1


# --- The policy on the actor ----------------------------------------------------------------------


def edge(uri: str, seconds: float) -> dict[str, Any]:
    """Have the actor drive by itself; return what its records say."""
    ticks = Ticks()
    with ActorStream(uri, observation=list(OBSERVATION)) as stream:
        stream.push_policy(driving_policy(stream.env_spec), version=1)
        stream.wait_policy(1, timeout_s=POLICY_S)
        stream.set_task(TASK, run="bench", seconds=seconds, seed=SEED)
        seen = 0
        for batch in _until_over(stream):
            for step in range(len(batch)):
                tick = int(batch.tick[step])
                receipt, reason = batch.receipts[step], batch.end_reasons[step]
                # An action is decided on the tick that ended the step before.
                ticks.add(receipt, seen, float(batch.reward[step]), reason)
                seen = 0 if reason else tick
        actor = stream.stats().actors[0]
    made = 0 if actor.run is None else actor.run.last
    return dataclasses.asdict(ticks) | {
        "made": made,
        "arrived": actor.records,
        "gaps": actor.gaps,
        "why": "" if actor.run is None else actor.run.why,
    }


def _until_over(stream: ActorStream) -> Iterator[Batch]:
    """Yield batches until the run is over, and all of it has come."""
    while not _over(stream.stats().actors[0]):
        try:
            yield from stream.batches(steps=STEPS, timeout_s=1.0, linger_s=0.0)
        except LinkTimeoutError:
            continue  # nothing for a second: it is over, or goes on


def _over(actor: ActorStats) -> bool:
    run = actor.run
    began = run is not None and run.run is not None and bool(run.episodes)
    return (
        began
        and run is not None
        and not run.driving
        and actor.records + actor.gaps >= run.last
        and not actor.waiting
    )


# --- The policy here ------------------------------------------------------------------------------


def fixed_delay(uri: str, seconds: float, measure_s: float) -> dict[str, Any]:
    """Drive by `RemoteEnv`, whose every action is old, always by as much."""
    env = RemoteEnv(
        uri, mode="fixed_delay", observation=list(OBSERVATION), task=TASK, measure_s=measure_s
    )
    spec = env.env_spec
    data = driving_policy(spec)
    facts = check_model(data, observation_size=spec.observation_size, action_size=len(spec.action))
    policy = OnnxPolicy(data, facts, limit_s=1.0)
    ticks, episode = Ticks(), 1
    until_s = monotonic_s() + seconds
    observation, _ = env.reset(seed=_seed(episode))
    seen = [0]
    while monotonic_s() < until_s:
        action = policy.act(observation[: spec.observation_size], None).action
        observation, reward, terminated, truncated, info = env.step(action)
        receipt: Receipt = info["receipt"]
        # An episode's first actions, as many as k, are the actor's own.
        number = receipt.action_id - spec.delay_ticks
        decided = seen[number] if 0 <= number < len(seen) else None
        over = terminated or truncated
        ticks.add(receipt, decided, float(reward), str(info["end_reason"]) if over else "")
        seen.append(receipt.tick)
        if over:
            episode += 1
            observation, _ = env.reset(seed=_seed(episode))
            seen = [0]
    env.close()
    return dataclasses.asdict(ticks) | {
        "made": len(ticks.errors_s),
        "arrived": len(ticks.errors_s),
        "gaps": 0,
        "why": f"k = {spec.delay_ticks}",
    }


def _seed(episode: int) -> int:
    """Return what a run of `SEED` begins an episode from."""
    return int(np.random.default_rng((SEED, episode)).integers(SEEDS))


# --- Policies that are on their way while another acts --------------------------------------------


def weights(uri: str, quiet_s: float, size_bytes: int, pushes: int) -> dict[str, Any]:
    """Have the actor drive while nothing comes, and while policies do, by turns."""
    driver = _Weights(quiet_s, size_bytes, pushes)
    with ActorStream(uri, observation=list(OBSERVATION)) as stream:
        return driver.drive(stream)


class _Weights:
    """Pushes policies while the actor drives, and tells ticks of one time from the other's."""

    def __init__(self, quiet_s: float, size_bytes: int, pushes: int) -> None:
        self._quiet_s = quiet_s
        self._size_bytes = size_bytes
        self._pushes = pushes
        self._version = 1
        self._ticks = {"quiet": Ticks(), "arriving": Ticks()}
        self._took_s: list[float] = []
        self._pushed_s: float | None = None
        self._since_s = 0.0

    def drive(self, stream: ActorStream) -> dict[str, Any]:
        """Do all of it."""
        data = driving_policy(stream.env_spec, self._size_bytes)
        stream.push_policy(driving_policy(stream.env_spec), version=1)
        stream.wait_policy(1, timeout_s=POLICY_S)
        stream.set_task(TASK, run="bench", seed=SEED)
        self._since_s = monotonic_s()
        for batch in stream.batches(steps=STEPS, timeout_s=30.0, linger_s=0.0):
            self._count(batch)
            now_s = monotonic_s()
            if self._pushed_s is None:
                if now_s - self._since_s < self._quiet_s:
                    continue
                if len(self._took_s) == self._pushes:
                    break
                self._version += 1
                self._pushed_s = monotonic_s()
                stream.push_policy(data, self._version, swap="tick")
            else:
                self._look(stream.stats().actors[0], now_s)
        return {name: dataclasses.asdict(ticks) for name, ticks in self._ticks.items()} | {
            "took_s": self._took_s,
            "bytes": len(data),
        }

    def _count(self, batch: Batch) -> None:
        ticks = self._ticks["quiet" if self._pushed_s is None else "arriving"]
        for receipt, reason in zip(batch.receipts, batch.end_reasons, strict=True):
            ticks.add(receipt, None, 0.0, reason)

    def _look(self, actor: ActorStats, now_s: float) -> None:
        """See whether the policy that was pushed has come to act, and a while has passed."""
        status = actor.policy
        if status is None or status.version != self._version:
            return
        if status.state in (PolicyState.REFUSED, PolicyState.ROLLED_BACK):
            raise SystemExit(f"policy {status.version}: {status.message}")
        assert self._pushed_s is not None
        if status.state is PolicyState.ACTIVE:
            if len(self._took_s) < self._version - 1:
                self._took_s.append(now_s - self._pushed_s)
                self._since_s = now_s
            elif now_s - self._since_s >= AFTER_S:
                self._pushed_s, self._since_s = None, now_s


ORDERS: dict[str, Callable[..., dict[str, Any]]] = {
    "edge": edge,
    "fixed_delay": fixed_delay,
    "weights": weights,
}


def main() -> None:
    """Do as told."""
    say(ready=True)
    for order in orders():
        say(**ORDERS[order.pop("order")](sys.argv[1], **order))


if __name__ == "__main__":
    main()
