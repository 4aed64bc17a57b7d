"""Steps as a Parquet table: one row a step, every column a plain number, text or truth value.

A row has the observation that the learner had (``obs_``), the action, the reward, the observation
that it brought (``next_obs_``), and all fields of the frame at the step's end under their own names
(a vector as ``_x``, ``_y`` and ``_z``, what each wheel has as ``_fl``, ``_fr``, ``_rl`` and
``_rr``). Each column's metadata says its unit, range, source and meaning; the table's, under
`METADATA`, what was recorded by whom, on which track, and by which task it was rewarded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ac_bridge.data.steps import Action, Head, Row
from ac_bridge.machine.extras import load_extra
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Receipt, WheelState
from ac_bridge_protocol.spec import ActionSpec, FeatureSpec
from ac_bridge_protocol.wire import WireModel

METADATA = b"ac_bridge"
"""Key of the table's metadata, which is JSON."""

BATCH_ROWS = 256
"""Rows that are gathered before they become columns. A row is hundreds of Python's objects, and the
more of them there are, the longer its collector looks at them."""

GROUP_ROWS = 128 * BATCH_ROWS
"""Rows of one row group of the file."""

XYZ = ("x", "y", "z")
WHEELS = ("fl", "fr", "rl", "rr")
ENDS = ("front", "rear")
SIDES = ("front", "rear", "left", "right", "max")

_PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(
        ("position", "velocity", "local_velocity", "angular_velocity", "acc_g"), (XYZ,)
    ),
    **dict.fromkeys(
        ("tyre_contact_point", "tyre_contact_normal", "tyre_contact_heading"), (WHEELS, XYZ)
    ),
    "ride_height": (ENDS,),
    "car_damage": (SIDES,),
}
"""What the elements of a list are called; of every other list of numbers, after the wheels."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, or several that are made from one list."""

    fields: Mapping[str, Mapping[str, str]]
    """The metadata of each, by its name."""
    kind: str
    """What Arrow calls the type."""
    values: Callable[[_Batch], Any]
    """Returns the column of some rows; of a list's columns, an array with a column for each."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    """A row, and what it takes from those before."""

    episode: int
    head: Head
    before: tuple[float, ...]
    row: Row


class _Batch:
    """Some rows, with what their models hold turned into columns."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self.lines = lines
        self.frame = _turned(TelemetryFrame, [line.row.frame for line in lines])
        self.receipt = _turned(Receipt, [line.row.receipt for line in lines])
        self.sent = _turned(WheelState, self.receipt["sent"])


def _turned(model: type[WireModel], rows: Sequence[WireModel | None]) -> dict[str, tuple[Any, ...]]:
    """Return the values of models by field; None of what is no model."""
    names = tuple(model.model_fields)
    nothing = (None,) * len(names)
    # The fields of a model that was read lie in the order of its declaration.
    values = (nothing if row is None else row.__dict__.values() for row in rows)
    return dict(zip(names, zip(*values, strict=True), strict=True))


class ParquetTable:
    """Writes steps into a Parquet file, which is there once it is closed.

    Args:
        path: of the file, which must not exist yet.
        task: what the rewards are from, for the metadata.

    Raises:
        RecordingError: there is such a file already, or it cannot be written.
        SettingError: the extra ``data`` is not installed.
    """

    def __init__(self, path: Path, task: str) -> None:
        self._arrow = load_extra("pyarrow", for_what="Parquet")
        self._parquet = load_extra("pyarrow.parquet", for_what="Parquet")
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._task = task
        if path.exists():
            raise RecordingError(f"{path} exists already.", hint="Give another name, or move it.")
        self._writer: Any = None
        self._columns: list[Column] = []
        self._layout: tuple[Any, ...] = ()
        self._lines: list[_Line] = []
        self._batches: list[Any] = []
        self._episode = -1
        self._sources: dict[str, dict[str, Any]] = {}

    def begin(self, head: Head) -> None:
        """Take the beginning of an episode."""
        layout = head.features, head.components
        if self._writer is None:
            self._layout = layout
            self._columns = _columns(*layout)
            self._open()
        elif layout != self._layout:
            raise RecordingError(
                f"{head.recording} has other observations or actions than what was exported "
                "before it.",
                hint="Export it into a table of its own, or name one --observation for all.",
            )
        self._head, self._before = head, head.observation
        self._episode += 1
        self._sources.setdefault(head.recording, _about(head))

    def step(self, row: Row) -> None:
        """Take the next step."""
        self._lines.append(_Line(self._episode, self._head, self._before, row))
        self._before = row.observation
        if len(self._lines) == BATCH_ROWS:
            self._gather()

    def end(self, under_way: Sequence[Action]) -> None:
        """Take the end of an episode: a row says all there is to say."""

    def close(self) -> None:
        """Finish the file."""
        if self._writer is None:
            return
        self._gather()
        self._write_group()
        about = {"task": self._task, "recordings": self._sources}
        self._writer.add_key_value_metadata({METADATA: json.dumps(about).encode()})
        self._writer.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._writer is not None:
            with contextlib.suppress(OSError):  # of a disk that is full
                self._writer.close()
            self._part.unlink(missing_ok=True)

    def _open(self) -> None:
        arrow = self._arrow
        self._schema = arrow.schema(
            [
                arrow.field(name, self._type(column.kind), metadata=dict(metadata))
                for column in self._columns
                for name, metadata in column.fields.items()
            ]
        )
        texts = [field.name for field in self._schema if field.type == arrow.string()]
        try:
            self._writer = self._parquet.ParquetWriter(
                self._part, self._schema, compression="zstd", use_dictionary=texts
            )
        except OSError as error:
            with contextlib.suppress(OSError):
                self._part.unlink()
            # Arrow's own text names the unfinished file beside it, which nobody asked for.
            why = os.strerror(error.errno) if error.errno else error
            raise RecordingError(
                f"{self._path} cannot be written: {why}.",
                hint="Does the folder exist, may you write there, and is there room?",
            ) from error

    def _type(self, kind: str) -> Any:
        if kind.startswith("list of "):
            return self._arrow.list_(self._type(kind.removeprefix("list of ")))
        return getattr(self._arrow, kind)()

    def _gather(self) -> None:
        if not self._lines:
            return
        batch, arrays = _Batch(self._lines), list[Any]()
        for column in self._columns:
            kind = self._type(column.kind)
            values = column.values(batch)
            if isinstance(values, np.ndarray):
                arrays += [self._arrow.array(one, kind) for one in np.ascontiguousarray(values.T)]
            else:
                arrays.append(self._arrow.array(values, kind))
        self._batches.append(self._arrow.record_batch(arrays, schema=self._schema))
        self._lines.clear()
        if len(self._batches) * BATCH_ROWS == GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        if self._batches:
            self._writer.write_table(self._arrow.Table.from_batches(self._batches))
            self._batches.clear()


def _about(head: Head) -> dict[str, Any]:
    return {
        "source": head.source.value,
        "game": head.game,
        "about": dict(head.about),
        "observation": head.profile,
        "statics": head.statics.model_dump(mode="json"),
        "spec": None if head.spec is None else head.spec.model_dump(mode="json"),
    }


# --- Columns --------------------------------------------------------------------------------------


def _columns(features: Sequence[FeatureSpec], components: Sequence[ActionSpec]) -> list[Column]:
    """Return every column of the table, in order."""
    return [
        *_OF_THE_STEP,
        _observed(
            "obs", "the learner had", features, lambda batch: [x.before for x in batch.lines]
        ),
        _acted(components),
        *_OF_THE_TASK,
        _observed(
            "next_obs",
            "the step brought",
            features,
            lambda batch: [line.row.observation for line in batch.lines],
        ),
        *(_of_the_frame(name) for name in TelemetryFrame.model_fields),
        *_of_the_receipt(),
    ]


def _one(name: str, kind: str, meaning: str, value: Callable[[_Line], Any]) -> Column:
    return Column({name: {"description": meaning}}, kind, lambda batch: [*map(value, batch.lines)])


def _many(
    fields: Mapping[str, Mapping[str, str]], kind: str, vectors: Callable[[_Batch], Iterable[Any]]
) -> Column:
    """Return the columns that are the elements of a vector."""

    def values(batch: _Batch) -> Any:
        elements = np.fromiter(itertools.chain.from_iterable(vectors(batch)), kind)
        return elements.reshape(len(batch.lines), len(fields))

    return Column(fields, kind, values)


_OF_THE_STEP = (
    _one("recording", "string", "Name of the file.", lambda line: line.head.recording),
    _one("episode", "int64", "Number in this table, from 0.", lambda line: line.episode),
    _one(
        "recorded_episode",
        "int64",
        "Number in the recording: the actor's, or of the lap in the telemetry.",
        lambda line: line.head.recorded_episode,
    ),
    _one("seed", "int64", "What the reset asked for.", lambda line: line.head.seed),
    _one("step", "int64", "Number in its episode, from 1.", lambda line: line.row.step),
    _one("tick", "int64", "Control ticks since the episode's start.", lambda line: line.row.tick),
)

_OF_THE_TASK = (
    _one("reward", "float64", "What the task gave for the step.", lambda line: line.row.reward),
    _one("terminated", "bool_", "The task itself is over.", lambda line: line.row.terminated),
    _one("truncated", "bool_", "The episode was cut short here.", lambda line: line.row.truncated),
    _one(
        "end_reason",
        "string",
        "Why the episode ended with this step; empty while it goes on.",
        lambda line: line.row.end_reason,
    ),
)


def _observed(
    prefix: str,
    whose: str,
    features: Sequence[FeatureSpec],
    vectors: Callable[[_Batch], Iterable[Any]],
) -> Column:
    """Return the columns of an observation: each element on its own."""
    fields: dict[str, Mapping[str, str]] = {}
    for feature in features:
        names = [f"{prefix}_{name}" for name in feature.element_names]
        metadata = {
            "unit": feature.unit,
            "scale": f"{feature.scale:g}",
            "range": f"{feature.low:g}..{feature.high:g}",
            "description": f"Of the observation that {whose}: the quantity over its scale.",
        }
        fields.update(dict.fromkeys(names, metadata))
    return _many(fields, "float32", vectors)


def _acted(components: Sequence[ActionSpec]) -> Column:
    meaning = (
        "Component of the action that the step answers; in mode fixed_delay it was chosen that "
        "many ticks before."
    )
    fields = {
        f"action_{one.name}": {"range": f"{one.low:g}..{one.high:g}", "description": meaning}
        for one in components
    }
    return _many(fields, "float64", lambda batch: [line.row.action for line in batch.lines])


def _of_the_frame(name: str) -> Column:
    """Return the columns of a field of the frame."""
    field = TelemetryFrame.model_fields[name]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    said = {key: str(value) for key, value in extra.items()}
    metadata = {**said, "description": field.description or ""}
    if name in _KINDS:
        return Column({name: metadata}, _KINDS[name], lambda batch: batch.frame[name])
    names = [name]
    depth = _PARTS.get(name, (WHEELS,))
    for parts in depth:
        names = [f"{one}_{part}" for one in names for part in parts]

    def vectors(batch: _Batch) -> Iterable[Any]:
        values = batch.frame[name]
        return itertools.chain.from_iterable(values) if len(depth) > 1 else values

    return _many(dict.fromkeys(names, metadata), "float64", vectors)


_PLAIN_KINDS = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool_",
    "string": "string",
}
"""What Arrow calls the types of JSON."""


def _kinds() -> dict[str, str]:
    """Return the kind of each field of the frame that is not a list of numbers."""
    kinds = _PLAIN_KINDS
    schema = TelemetryFrame.model_json_schema(mode="serialization")
    found: dict[str, str] = {}
    for name, node in schema["properties"].items():
        node = next((one for one in node.get("anyOf", ()) if one["type"] != "null"), node)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if node["type"] != "array":
            found[name] = kinds[node["type"]]
        elif "prefixItems" not in node:
            found[name] = f"list of {kinds[node['items']['type']]}"
    return found


_KINDS = _kinds()


def _of_the_receipt() -> Iterable[Column]:
    schema = Receipt.model_json_schema(mode="serialization")["properties"]
    for name in Receipt.model_fields:
        if name == "sent":
            continue
        node = schema[name]
        kind = next(one["type"] for one in node.get("anyOf", (node,)) if one["type"] != "null")
        yield _received(name, _PLAIN_KINDS[kind], "receipt", name)
    for name in WheelState.model_fields:
        yield _received(f"sent_{name}", "float64", "sent", name)


def _received(column: str, kind: str, of: Literal["receipt", "sent"], name: str) -> Column:
    metadata = {"description": "Of the step's receipt; see Receipt. Null in laps from telemetry."}
    if name.endswith("_s"):
        metadata["unit"] = "s"
    return Column({f"receipt_{column}": metadata}, kind, lambda batch: getattr(batch, of)[name])
