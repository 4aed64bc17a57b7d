"""Exporting recordings: their steps, rewarded by a task, as a table or as a dataset."""

from __future__ import annotations

import dataclasses
import enum
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from ac_bridge.data.minari_dataset import MinariDataset
from ac_bridge.data.steps import (
    Action,
    Head,
    Row,
    Sink,
    StepOptions,
    read_steps,
)
from ac_bridge.data.table import ParquetTable
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.tasks import TASKS, MakeTask
from ac_bridge_recording import Recording


class Target(enum.StrEnum):
    """What can be made of recordings."""

    PARQUET = "parquet"
    MINARI = "minari"


class FileSink(Sink, Protocol):
    """A sink that is a file, or a folder of them."""

    def close(self) -> None:
        """Finish it."""

    def abandon(self) -> None:
        """Leave nothing behind."""


@dataclasses.dataclass(slots=True)
class ExportedEpisode:
    """What became of one episode.

    Attributes:
        recording: name of the file.
        recorded_episode: its number there.
        steps: how many.
        total_reward: the sum of the rewards.
        seconds: from its first frame to its last.
        end_reason: why it ended.
    """

    recording: str
    recorded_episode: int
    steps: int = 0
    total_reward: float = 0.0
    seconds: float = 0.0
    end_reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Attributes:
        output: where it is.
        dataset_id: the dataset's name; empty for a table.
        sources: for each recording, whether its steps are a learner's, or from its telemetry.
        cut_off: the recordings that have no end, with the bytes that could not be read.
        left_out: steps after the task had ended their episode.
        episodes: in order.
    """

    output: Path
    dataset_id: str
    sources: dict[str, str]
    cut_off: dict[str, int]
    left_out: int
    episodes: list[ExportedEpisode]


def export(
    paths: Sequence[Path],
    target: Target,
    output: Path,
    options: StepOptions,
    *,
    task_name: str,
    dataset_id: str | None = None,
    progress: Callable[[Recording], Callable[[], None]] = lambda _: lambda: None,
) -> ExportReport:
    """Export recordings.

    Args:
        paths: of the recordings.
        target: what to make of them.
        output: the table's file, or the folder of datasets.
        options: how to make steps.
        task_name: what the rewards are from, for whoever reads it.
        dataset_id: the dataset's name; None makes one of game, track and car.
        progress: gets each recording, and returns what to call for each record read of it.

    Raises:
        RecordingError: a recording cannot be read, has no steps, or the output not be written.
        SettingError: something does not go together, or the extra ``data`` is not installed.
    """
    if dataset_id is not None and target is not Target.MINARI:
        raise SettingError("Only a Minari dataset has a name.", setting="dataset_id")
    recordings = [Recording(path) for path in paths]
    dataset = MinariDataset(output, task_name, dataset_id) if target is Target.MINARI else None
    sink: FileSink = dataset or ParquetTable(output, task_name)
    counted = _Counted(sink)
    sources: dict[str, str] = {}
    left_out = 0
    try:
        for recording in recordings:
            counts = read_steps(recording, options, counted, progress(recording))
            sources[recording.path.name] = counts.source.value
            left_out += counts.left_out
        _require(counted.episodes)
        sink.close()
    except OSError as error:
        sink.abandon()
        raise RecordingError(
            f"{output} could not be written: {error.strerror or error}.",
            hint="Is there room on the disk? What there was of it is removed.",
        ) from error
    except OverflowError as error:
        sink.abandon()
        raise RecordingError(
            f"A recording has a number that no table can hold: {error}.",
            hint="It was not written by ac-bridge.",
        ) from error
    except BaseException:
        sink.abandon()
        raise
    return ExportReport(
        output,
        (dataset.dataset_id or "") if dataset is not None else "",
        sources,
        {one.path.name: one.lost_bytes for one in recordings if not one.whole},
        left_out,
        counted.episodes,
    )


def task_named(name: str) -> MakeTask:
    """Return what makes the task of a name: a bundled one's, or ``module:factory``.

    A factory is called with the game's statics and returns a `Task`; a class whose instances take
    them is one.

    Raises:
        SettingError: there is none of that name.
    """
    if name in TASKS:
        return TASKS[name]
    module, colon, attribute = name.partition(":")
    hint = (
        f"Name one of {', '.join(TASKS)}, or module:factory, where the factory is called with the "
        "game's statics."
    )
    if not (module and colon and attribute):
        raise SettingError(f"There is no task {name!r}.", setting="task", hint=hint)
    try:
        make: MakeTask = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingError(
            f"The task {name!r} cannot be had: {error}.", setting="task", hint=hint
        ) from error
    if not callable(make):
        raise SettingError(f"{name} is not a factory of tasks.", setting="task", hint=hint)
    return make


def _require(episodes: Sequence[ExportedEpisode]) -> None:
    if not episodes:
        raise RecordingError(
            "Nothing was driven in what was to be exported: there is not one step.",
            hint="ac-bridge inspect says what is in a recording.",
        )


class _Counted:
    """Hands on to a sink, and keeps count."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._began_s = 0.0
        self.episodes: list[ExportedEpisode] = []

    def begin(self, head: Head) -> None:
        self._sink.begin(head)
        self._began_s = head.frame.t_wall
        self.episodes.append(ExportedEpisode(head.recording, head.recorded_episode))

    def step(self, row: Row) -> None:
        self._sink.step(row)
        episode = self.episodes[-1]
        episode.steps += 1
        episode.total_reward += row.reward
        episode.seconds = row.frame.t_wall - self._began_s
        episode.end_reason = row.end_reason

    def end(self, under_way: Sequence[Action]) -> None:
        self._sink.end(under_way)
