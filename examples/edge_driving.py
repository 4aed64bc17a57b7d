"""What the examples with the policy on the actor share: the network, runs, laps.

The two actions, the ceiling and the task are those of driving.py; here they are worked out where
the policy is, on the actor, so they are a part of the network that is pushed.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import driving
from ac_bridge.cli.child import actor_process
from ac_bridge_client import ActorStream, Batch
from ac_bridge_client.export import export_policy
from ac_bridge_protocol import EnvSpec, Mode
from ac_bridge_protocol.errors import LinkTimeoutError
from ac_bridge_protocol.starts import Start, StartAt

ACTIONS = 2
UNBENT = "unbent"
"""Name under which the two actions come back: what is learned from. Before their tanh: after it,
one that is far out has rounded to 1, and nobody can tell how likely it was."""
LAP_TASK = driving.progress_task(lap_limit={"laps": 1, "steps_after": driving.STEPS_TO_LAP_TIME})
STEPS_TAKEN = 64
"""Handed out at a time."""
LINGER_S = 1.0
"""A batch that has begun waits so long for more; the last of a run would wait for ever."""
PATIENCE_S = 120.0
"""Without one step: the game may be loading."""
STANDIN = (
    *("--game", "standin", "--lockstep", "--log-level", "error"),
    *("--telemetry-hz", f"{driving.TELEMETRY_HZ:g}", "--control-hz", f"{driving.CONTROL_HZ:g}"),
    *("--smoothing", "none"),
)


class Driver(nn.Module):  # type: ignore[misc]
    """A network that drives: observation and noise in, steering and pedals out.

    Args:
        think: returns mean and logarithm of the deviation, float32[n, 2] each, for observations.
        spec: what is driven.
        ceiling_kmh: of the speed.
        explore: whether noise is listened to.
    """

    def __init__(
        self, think: nn.Module, spec: EnvSpec, ceiling_kmh: float, *, explore: bool
    ) -> None:
        super().__init__()
        self.think = think
        self._explore = explore
        self._ceiling_kmh = ceiling_kmh
        names = spec.element_names
        self._speed, self._steer = names.index("speed"), names.index("sent_steer")
        speed = next(feature for feature in spec.observation if feature.name == "speed")
        self._speed_scale_kmh = speed.scale

    def forward(self, observation: Any, noise: Any = None) -> Any:
        """Return the action, the two that it is made of, unbent, and the log of their density."""
        mean, log_std = self.think(observation)
        drawn = noise if self._explore else torch.zeros_like(mean)
        unbent = mean + log_std.exp() * drawn
        log_prob = log_density(drawn, log_std, unbent)
        turn, pace = torch.tanh(unbent).chunk(2, dim=1)
        steer = observation[:, self._steer : self._steer + 1] + driving.STEER_A_STEP * turn
        wanted_kmh = self._ceiling_kmh * (0.55 + 0.45 * pace)
        speed_kmh = observation[:, self._speed : self._speed + 1] * self._speed_scale_kmh
        push = ((wanted_kmh - speed_kmh) / driving.SPEED_BAND_KMH).clamp(-1.0, 1.0)
        pedals = push.clamp(min=0.0), driving.MOST_BRAKE * (-push).clamp(min=0.0)
        return torch.cat([steer.clamp(-1.0, 1.0), *pedals], dim=1), unbent, log_prob


def log_density(drawn: Any, log_std: Any, unbent: Any) -> Any:
    """Return the logarithm of the density of a tanh of something normal, float32[n, 1].

    Args:
        drawn: from a standard normal distribution, float32[n, m].
        log_std: logarithm of the deviation.
        unbent: before the tanh: the mean, and the deviation times what was drawn.
    """
    normal = -0.5 * (drawn**2 + np.log(2.0 * np.pi)) - log_std
    # Of tanh(x): that of x, less log(1 - tanh(x)^2), written so that it is stable.
    squash = 2.0 * (np.log(2.0) - unbent - nn.functional.softplus(-2.0 * unbent))
    return (normal - squash).sum(1, keepdim=True)


class Actors:
    """Actors that are given policies and runs, and what they lived through.

    Args:
        stream: to them.
        name: of this training: no other's steps are learned from.
        seed: of every run.
        random_starts: share of the episodes that begin anywhere; 0 for a game that cannot.

    Attributes:
        ceiling_kmh: of the speed.
        version: of the policy that was pushed last.
    """

    def __init__(self, stream: ActorStream, name: str, seed: int, random_starts: float) -> None:
        self.stream = stream
        self.ceiling_kmh = driving.FIRST_CEILING_KMH
        told = [actor.policy for actor in stream.stats().actors]
        self.version = max([0, *(policy.version for policy in told if policy)])
        self._name = name
        self._seed = seed
        anywhere = round(5 * random_starts)
        places = [StartAt.RANDOM] * anywhere + [StartAt.LINE] * (5 - anywhere)
        self._starts = [Start(at=place) for place in places] if anywhere else []
        self._repeats = stream.env_spec.mode is Mode.LOCKSTEP
        self._taken = stream.batches(STEPS_TAKEN, PATIENCE_S, LINGER_S)

    def give(self, think: nn.Module, *, explore: bool, wait: bool = False) -> None:
        """Push a policy; it acts from the next episode on."""
        spec = self.stream.env_spec
        onnx = export_policy(
            Driver(think, spec, self.ceiling_kmh, explore=explore),
            spec,
            noise_size=ACTIONS if explore else 0,
            extras=[UNBENT, "log_prob"],
        )
        self.version += 1
        self.stream.push_policy(onnx, self.version)
        if wait:
            self.stream.wait_policy(self.version)

    def drive(self, steps: int) -> None:
        """Have them drive to learn from; so many steps were made before.

        Each begins other episodes than it did before, and than the others do.
        """
        first = int(np.random.default_rng([self._seed, steps]).integers(2**31))
        self.stream.set_task(
            driving.progress_task(step_limit={"steps": driving.EPISODE_STEPS}),
            run=f"{self._name}.train.{steps}",
            seed=first if self._repeats else None,
            noise_seed=first,
            starts=self._starts,
        )

    def take(self) -> tuple[Batch, bool]:
        """Return steps, and whether they are to be learned from: those of an older run as well."""
        try:
            batch = next(self._taken)
        except LinkTimeoutError as error:  # stopped by its operator, perhaps: not begun again
            raise SystemExit(f"{error}\n{self.stream.stats()}") from error
        return batch, batch.run[0].startswith(f"{self._name}.train.")

    def lap(self, think: nn.Module, steps: int, learn_from: Callable[[Batch], None]) -> driving.Lap:
        """Have each drive a lap from the line without noise; return how that of the first went.

        Args:
            think: as `Driver` takes it.
            steps: made so far.
            learn_from: given what they had still lived through before.
        """
        self.give(think, explore=False, wait=True)
        run = f"{self._name}.lap.{steps}"
        self.stream.set_task(
            LAP_TASK,
            run=run,
            episodes=1,
            seed=driving.LAP_SEED if self._repeats else None,
            starts=[Start(at=StartAt.LINE)] if self._starts else (),
            frames=True,
        )
        driven: list[Batch] = []
        under_way = set(range(len(self.stream.stats().actors)))
        while under_way:
            batch, is_training = self.take()
            if is_training:
                learn_from(batch)
            elif batch.run[0] == run:
                driven.append(batch)
                ended = batch.terminated | batch.truncated
                under_way -= set(batch.actor[ended].tolist())
        return lap_of(driven, actor=0)

    @property
    def is_behind(self) -> bool:
        """Whether more waits to be taken: an accelerated game is faster than learning is."""
        return any(actor.waiting >= STEPS_TAKEN for actor in self.stream.stats().actors)


def lap_of(batches: Sequence[Batch], actor: int) -> driving.Lap:
    """Return how a lap went that an actor drove."""
    rows = [(batch, row) for batch in batches for row in np.flatnonzero(batch.actor == actor)]
    frames = [batch.frames[row] for batch, row in rows if batch.frames]
    last, last_row = rows[-1]
    reason = last.end_reasons[last_row]
    done = reason == "lap_limit"
    laps = [frame.completed_laps for frame in frames]
    before = frames[laps.index(laps[-1]) - 1]
    return driving.Lap(
        distance_m=round(sum(float(batch.terms["progress_m"][row]) for batch, row in rows), 1),
        lap_s=frames[-1].last_time / 1000.0 if done else None,
        valid=done and before.is_valid_lap,
        end_reason="lap" if done else reason,
        mean_kmh=round(float(np.mean([frame.speed_kmh for frame in frames])), 1),
        lap_steps=len(rows),
    )


def add_actors(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to drive."""
    parser.add_argument(
        "uris", nargs="*", default=["ws://127.0.0.1:8765"], help="addresses of actors with --spool"
    )
    parser.add_argument(
        "--local", type=int, metavar="N", help="no actors yet: start so many, with stand-ins"
    )


@contextlib.contextmanager
def open_actors(options: argparse.Namespace, **settings: Any) -> Iterator[ActorStream]:
    """Connect to actors, after starting them if that was asked for."""
    with contextlib.ExitStack() as stack:
        uris = options.uris
        if options.local:
            home = stack.enter_context(tempfile.TemporaryDirectory())
            uris = [
                stack.enter_context(actor_process(*STANDIN, "--spool", f"{home}/{number}"))
                for number in range(options.local)
            ]
        yield stack.enter_context(ActorStream(uris, observation=driving.OBSERVATION, **settings))
