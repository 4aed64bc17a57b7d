"""Steps as a Parquet table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ac_bridge.data import table
from ac_bridge.data.steps import Row
from ac_bridge.data.table import METADATA, ParquetTable
from ac_bridge_protocol.errors import RecordingError, SettingError
from ac_bridge_protocol.frame import Flag, GameState, TelemetryFrame
from ac_bridge_protocol.spec import SHIFTING_ACTION
from helpers.exported import RECEIPT, make_head, make_row
from helpers.frames import make_frame


def written(path: Path, *episodes: list[Row], **changes: Any) -> pa.Table:
    """Write episodes, and return the table that was read back."""
    sink = ParquetTable(path, "progress")
    for rows in episodes:
        sink.begin(make_head(**changes))
        for row in rows:
            sink.step(row)
        sink.end(())
    sink.close()
    return pq.read_table(path)


def test_a_row_is_a_step(tmp_path: Path) -> None:
    """With what was observed before and after, the action, and what the task made of it."""
    rows = [make_row(1), make_row(2, truncated=True, end_reason="reset")]
    first, second, third = written(tmp_path / "a.parquet", rows, [make_row(1)]).to_pylist()
    assert (first["obs_speed"], first["obs_velocity_x"], first["next_obs_speed"]) == (0, 1 / 16, 1)
    assert (second["obs_speed"], second["next_obs_any_damage"]) == (1, 2 + 14 / 16)
    assert [first["action_steer"], first["action_throttle"], first["action_brake"]] == [
        *(-0.5, 0.25, 0.0)
    ]
    assert [one["reward"] for one in (first, second, third)] == [0.25, 0.5, 0.25]
    assert (second["terminated"], second["truncated"], second["end_reason"]) == (
        *(False, True, "reset"),
    )
    assert [one["episode"] for one in (first, second, third)] == [0, 0, 1]
    assert [one["step"] for one in (first, second, third)] == [1, 2, 1]
    assert (third["obs_speed"], third["recorded_episode"], third["seed"]) == (0, 4, None)


def test_every_field_of_the_frame_is_there_under_its_name(tmp_path: Path) -> None:
    """Lists by their elements."""
    points = tuple((float(wheel), wheel + 0.25, wheel + 0.5) for wheel in range(4))
    frame = make_frame(
        position=(1.0, 2.0, 3.0),
        wheel_load=(10.0, 11.0, 12.0, 13.0),
        car_damage=(1.0, 2.0, 3.0, 4.0, 5.0),
        ride_height=(0.5, 0.25),
        tyre_contact_point=points,
        locked_wheels=(1, 3),
        nonfinite=("drs",),
        flag=Flag.YELLOW,
        state=GameState.STALLED,
        session_time_left=None,
    )
    (row,) = written(tmp_path / "a.parquet", [make_row(1, frame=frame)]).to_pylist()
    assert [row[f"position_{axis}"] for axis in "xyz"] == [1, 2, 3]
    assert [row[f"wheel_load_{wheel}"] for wheel in table.WHEELS] == [10, 11, 12, 13]
    assert [row[f"car_damage_{side}"] for side in table.SIDES] == [1, 2, 3, 4, 5]
    assert (row["ride_height_front"], row["ride_height_rear"]) == (0.5, 0.25)
    assert (row["tyre_contact_point_rr_x"], row["tyre_contact_point_fr_z"]) == (3, 1.5)
    assert (row["locked_wheels"], row["nonfinite"]) == ([1, 3], ["drs"])
    assert (row["flag"], row["state"], row["session_time_left"]) == (2, "stalled", None)
    for name, value in frame:
        if not isinstance(value, tuple):
            assert row[name] == value, name
        else:
            assert name in row or any(column.startswith(f"{name}_") for column in row), name


def test_the_receipt_is_there_if_there_is_one(tmp_path: Path) -> None:
    """And null for laps from telemetry."""
    first, second = written(
        tmp_path / "a.parquet", [make_row(1), make_row(2, receipt=None)]
    ).to_pylist()
    for name, value in RECEIPT:
        if name != "sent":
            assert first[f"receipt_{name}"] == value
            assert second[f"receipt_{name}"] is None
    assert (first["receipt_sent_steer"], first["receipt_sent_clutch"]) == (0.25, 0.125)
    assert second["receipt_sent_steer"] is None


def test_columns_say_what_they_are(tmp_path: Path) -> None:
    """Units, ranges, sources and meanings, from the models."""
    schema = written(tmp_path / "a.parquet", [make_row(1)]).schema
    load = schema.field("wheel_load_rl")
    assert load.type == pa.float64()
    assert load.metadata[b"unit"] == b"N"
    assert load.metadata[b"source"] == b"physics.wheelLoad"
    assert b"Vertical load" in load.metadata[b"description"]
    speed = schema.field("obs_speed")
    assert speed.type == pa.float32()
    assert (speed.metadata[b"unit"], speed.metadata[b"scale"]) == (b"km/h", b"300")
    assert schema.field("action_steer").metadata[b"range"] == b"-1..1"
    assert schema.field("receipt_tick_error_s").metadata[b"unit"] == b"s"
    for name in ("throttle", "gear", "tick", "reward", "end_reason"):
        assert schema.field(name).metadata[b"description"], name


def test_the_table_says_what_it_is_of(tmp_path: Path) -> None:
    """Car, track, task and profile."""
    written(tmp_path / "a.parquet", [make_row(1)])
    about = json.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[METADATA])
    assert about["task"] == "progress"
    source = about["recordings"]["drive.mcap"]
    assert source["statics"]["track"] == "imola"
    assert source["about"]["recorded_by"] == "learner"
    assert (source["game"], source["source"], source["observation"]) == (
        *("standin", "steps", "bridge15"),
    )


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    """Through batches and row groups."""
    rows = [make_row(step) for step in range(1, 2 * table.BATCH_ROWS + 8)]
    read = written(tmp_path / "a.parquet", rows)
    np.testing.assert_array_equal(read["step"].to_numpy(), np.arange(1, len(rows) + 1))
    np.testing.assert_array_equal(read["speed_kmh"].to_numpy(), np.arange(1.0, len(rows) + 1))


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """It might be the only one."""
    (tmp_path / "a.parquet").write_text("mine")
    with pytest.raises(RecordingError, match="exists already"):
        ParquetTable(tmp_path / "a.parquet", "progress")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Not made: it is likely a slip of the hand."""
    with pytest.raises(RecordingError, match="cannot be written"):
        written(tmp_path / "no" / "a.parquet", [make_row(1)])


def test_what_was_begun_and_failed_leaves_nothing(tmp_path: Path) -> None:
    """Neither half a table nor its beginning."""
    sink = ParquetTable(tmp_path / "a.parquet", "progress")
    sink.begin(make_head())
    sink.step(make_row(1))
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_table_has_one_kind_of_steps(tmp_path: Path) -> None:
    """Other actions need other columns."""
    sink = ParquetTable(tmp_path / "a.parquet", "progress")
    sink.begin(make_head())
    with pytest.raises(RecordingError, match=r"b\.mcap has other observations or actions"):
        sink.begin(make_head(recording="b.mcap", components=SHIFTING_ACTION))
    sink.abandon()


def test_without_the_extra_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words that one types."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingError, match=r'pip install "ac-bridge\[data\]"'):
        ParquetTable(tmp_path / "a.parquet", "progress")


def test_no_column_is_there_twice(tmp_path: Path) -> None:
    """A frame's field may be called as something of the step is."""
    names = written(tmp_path / "a.parquet", [make_row(1)]).column_names
    assert len(names) == len(set(names))
    assert set(TelemetryFrame.model_fields) & {"reward", "episode", "step", "tick"} == set()
