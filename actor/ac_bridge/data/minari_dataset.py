"""Steps as a dataset that `minari.load_dataset` reads.

Its observations are what the learner saw, and its actions what it chose then: in mode `fixed_delay`
an observation ends with the k actions that are under way, as `RemoteEnv` returns it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from ac_bridge.data.steps import Action, Head, Row
from ac_bridge.machine.extras import load_extra
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame

Floats = npt.NDArray[np.float32]

MOST_STEPS = 32_767
"""A longer episode becomes several, each but the last truncated: Minari writes 32,768 rows at a
time, one of them for the beginning, and takes each lot for an episode when it reads them."""

ROOT_VARIABLE = "MINARI_DATASETS_PATH"
"""Where Minari looks for datasets."""

FORMAT = "arrow"

INFOS = ("current_time", "completed_laps", "normalized_position", "speed_kmh", "tyres_out")
"""Fields of the frames that are kept beside the observations."""


class MinariDataset:
    """Gathers episodes, and writes them as one dataset.

    Args:
        root: folder of datasets, which is made if need be.
        task: what the rewards are from, for the description.
        dataset_id: its name, as ``namespace/name-v0``; None makes one of game, track and car.

    Attributes:
        dataset_id: its name; None while it has to be made and there is no episode.
        buffers: the episodes so far, as Minari takes them.

    Raises:
        RecordingError: there is such a dataset already.
        SettingError: the extra ``data`` is not installed, or Minari takes no such name.
    """

    def __init__(self, root: Path, task: str, dataset_id: str | None = None) -> None:
        load_extra("pyarrow.dataset", for_what="Minari's storage")
        load_extra("PIL", for_what="Minari's storage")
        self._minari = load_extra("minari", for_what="A dataset")
        self._buffer_of = load_extra("minari.data_collector", for_what="A dataset").EpisodeBuffer
        self._root = root
        self._task = task
        self.dataset_id = dataset_id
        self._first: Head | None = None
        self.buffers: list[Any] = []
        self._recordings: dict[str, None] = {}
        if dataset_id is not None:
            self._check_new(dataset_id)

    def begin(self, head: Head) -> None:
        """Take the beginning of an episode."""
        if self._first is None:
            self._first = head
            if self.dataset_id is None:
                self.dataset_id = _id_for(head)
                self._check_new(self.dataset_id)
        elif _spaces(head) != _spaces(self._first):
            raise RecordingError(
                f"{head.recording} has other observations or actions than what was exported "
                "before it.",
                hint="Export it into a dataset of its own.",
            )
        self._recordings[head.recording] = None
        self._head = head
        self._actions: list[Action] = []
        self._rows: list[tuple[float, bool, bool]] = []
        self._observations = [head.observation]
        self._infos: dict[str, list[Any]] = {name: [] for name in INFOS}
        self._note(head.frame)

    def step(self, row: Row) -> None:
        """Take the next step."""
        self._actions.append(row.action)
        self._rows.append((row.reward, row.terminated, row.truncated))
        self._observations.append(row.observation)
        self._note(row.frame)

    def end(self, under_way: Sequence[Action]) -> None:
        """Take the end of the episode.

        Args:
            under_way: the actions that were not answered for any more. Where they are not known
                the last one that is stands for them: none of them had an effect in the episode.
        """
        steps, delay_ticks = len(self._rows), self._head.delay_ticks
        asked = [*self._actions, *under_way][: steps + delay_ticks]
        asked += [asked[-1]] * (steps + delay_ticks - len(asked))
        observations = np.array(self._observations, np.float32)
        actions = np.array(asked, np.float32)
        seen = [observations, *[actions[k : k + steps + 1] for k in range(delay_ticks)]]
        rewards, terminations, truncations = zip(*self._rows, strict=True)
        self._add(
            np.concatenate(seen, axis=1),
            actions[delay_ticks:],
            np.array(rewards, np.float64),
            np.array(terminations, np.bool_),
            np.array(truncations, np.bool_),
        )

    def close(self) -> None:
        """Write the dataset, if there is an episode."""
        if self._first is None:
            return
        assert self.dataset_id is not None  # noqa: S101 -- the first episode has set it
        observation_space, action_space = _spaces(self._first)
        with self._in_root(), _without_advice():
            try:
                dataset = self._minari.create_dataset_from_buffers(
                    self.dataset_id,
                    self.buffers,
                    observation_space=observation_space,
                    action_space=action_space,
                    data_format=FORMAT,
                    description=f"Rewards: {self._task}. Recorded with ac-bridge: "
                    f"{', '.join(self._recordings)}.",
                )
                dataset.storage.update_metadata({"ac_bridge": self._about(self._first)})
            except BaseException:
                shutil.rmtree(self._root / self.dataset_id, ignore_errors=True)
                raise

    def abandon(self) -> None:
        """Leave nothing behind: nothing is written before the end."""

    def _note(self, frame: TelemetryFrame) -> None:
        for name, values in self._infos.items():
            values.append(getattr(frame, name))

    def _add(
        self,
        observations: Floats,
        actions: Floats,
        rewards: npt.NDArray[np.float64],
        terminations: npt.NDArray[np.bool_],
        truncations: npt.NDArray[np.bool_],
    ) -> None:
        """Add an episode, in parts where it is too long for one."""
        for first in range(0, len(rewards), MOST_STEPS):
            after = min(first + MOST_STEPS, len(rewards))
            if after < len(rewards):
                truncations[after - 1] = True
            self.buffers.append(
                self._buffer_of(
                    seed=self._head.seed if first == 0 else None,
                    observations=observations[first : after + 1],
                    actions=actions[first:after],
                    rewards=rewards[first:after],
                    terminations=terminations[first:after],
                    truncations=truncations[first:after],
                    infos={name: one[first : after + 1] for name, one in self._infos.items()},
                )
            )

    def _about(self, head: Head) -> dict[str, Any]:
        return {
            "task": self._task,
            "recordings": list(self._recordings),
            "source": head.source.value,
            "game": head.game,
            "about": dict(head.about),
            "observation": [feature.model_dump(mode="json") for feature in head.features],
            "action": [component.model_dump(mode="json") for component in head.components],
            "delay_ticks": head.delay_ticks,
            "step_s": head.frame.dt,
            "statics": head.statics.model_dump(mode="json"),
            "spec": None if head.spec is None else head.spec.model_dump(mode="json"),
        }

    def _check_new(self, dataset_id: str) -> None:
        """Refuse a name that Minari does not take, or that is taken."""
        try:
            load_extra("minari.dataset.minari_dataset", for_what="A dataset").parse_dataset_id(
                dataset_id
            )
        except (TypeError, ValueError):  # the former where there is no version
            raise SettingError(
                f"Minari takes no dataset of the name {dataset_id!r}.",
                setting="dataset_id",
                hint="Name it namespace/name-v0: letters, digits, - and _.",
            ) from None
        if (self._root / dataset_id).exists():
            raise RecordingError(
                f"{self._root} has a dataset {dataset_id} already.",
                hint="Name another with --dataset-id, such as the next version, or move it away.",
            )

    @contextlib.contextmanager
    def _in_root(self) -> Iterator[None]:
        """Let Minari write where we want it: it asks the environment, and nothing else."""
        before = os.environ.get(ROOT_VARIABLE)
        os.environ[ROOT_VARIABLE] = str(self._root.absolute())
        try:
            yield
        except OSError as error:
            raise RecordingError(
                f"{self._root} cannot be written to: {error.strerror or error}.",
                hint="Name a folder that you may write to, with room on its disk.",
            ) from error
        finally:
            if before is None:
                del os.environ[ROOT_VARIABLE]
            else:
                os.environ[ROOT_VARIABLE] = before


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Keep Minari from recommending authors and links: a dataset of one's own needs none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="minari")
        yield


def _spaces(head: Head) -> tuple[gym.spaces.Box, gym.spaces.Box]:
    """Return the spaces of observation and action, as `RemoteEnv` has them."""
    low = np.array([one.low for one in head.components], np.float32)
    high = np.array([one.high for one in head.components], np.float32)
    lows = [np.array([f.low for f in head.features for _ in range(f.size)], np.float32)]
    highs = [np.array([f.high for f in head.features for _ in range(f.size)], np.float32)]
    return (
        gym.spaces.Box(
            np.concatenate([*lows, *[low] * head.delay_ticks]),
            np.concatenate([*highs, *[high] * head.delay_ticks]),
            dtype=np.float32,
        ),
        gym.spaces.Box(low, high, dtype=np.float32),
    )


def _id_for(head: Head) -> str:
    """Return a name that says what a dataset is of."""
    statics = head.statics
    names = (statics.track, statics.track_configuration, statics.car_model)
    name = "-".join(re.sub(r"[^-\w]+", "_", one) for one in names if one)
    return f"{'standin' if head.game == 'standin' else 'assettocorsa'}/{name or 'unnamed'}-v0"
