"""What a stream hands out, into the replay buffer of stable-baselines3."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ac_bridge_client.stream_batch import Batch
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.experience import Array


class ReplayBuffer(Protocol):
    """What is needed of `stable_baselines3.common.buffers.ReplayBuffer`."""

    n_envs: int

    def add(
        self,
        obs: Array,
        next_obs: Array,
        action: Array,
        reward: Array,
        done: npt.NDArray[np.bool_],
        infos: list[dict[str, object]],
    ) -> None:
        """Add one step of each environment."""


def to_replay_buffer(
    batch: Batch, buffer: ReplayBuffer, *, action: Array | None = None, reward: Array | None = None
) -> None:
    """Add every step of a batch to a replay buffer.

    What ended for another reason than the task's keeps its worth, if the buffer was made with
    ``handle_timeout_termination``, as it is unless told otherwise.

    Args:
        batch: of one actor or of several.
        buffer: for one environment: `ReplayBuffer(..., n_envs=1)`; ``model.replay_buffer``.
        action: float32[n, components] to learn from, scaled as the buffer's action space says;
            None takes the batch's own. A policy whose actions are made of others tells these as an
            extra: ``batch.extras["raw"]``.
        reward: float32[n] to learn from; None takes the task's.

    Raises:
        SettingError: the buffer is for several environments, or an array has another length.
    """
    if buffer.n_envs != 1:
        raise SettingError(
            f"Steps of actors go into a replay buffer for 1 environment, not for {buffer.n_envs}.",
            setting="n_envs",
            hint="Several actors share one: what follows what is kept in each step.",
        )
    actions = batch.action if action is None else action
    rewards = batch.reward if reward is None else reward
    for name, array in (("action", actions), ("reward", rewards)):
        if len(array) != len(batch):
            raise SettingError(
                f"{name} has {len(array)} rows, and the batch {len(batch)} steps.", setting=name
            )
    done = batch.terminated | batch.truncated
    for row in range(len(batch)):
        one = slice(row, row + 1)
        buffer.add(
            batch.observation[one],
            batch.next_observation[one],
            actions[one],
            rewards[one],
            done[one],
            [{"TimeLimit.truncated": bool(batch.truncated[row] and not batch.terminated[row])}],
        )
