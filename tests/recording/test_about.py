"""What a recording says of itself, and what it is called."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from ac_bridge_protocol.errors import SettingError
from ac_bridge_recording.about import about, make_folder, new_path
from helpers.recordings import START_NS
from helpers.wire import make_spec


def test_who_records_what() -> None:
    """All of it text, the time in UTC."""
    said = about("learner", make_spec(), START_NS, uri="ws://x:1")
    assert all(isinstance(one, str) for one in said.values())
    assert said["recorded_by"] == "learner"
    assert (said["game"], said["mode"], said["uri"]) == ("standin", "latest", "ws://x:1")
    assert (said["control_hz"], said["telemetry_hz"], said["protocol"]) == ("10", "60", "v1")
    started = dt.datetime.fromisoformat(said["started"])
    assert started == dt.datetime.fromtimestamp(START_NS / 1e9, dt.UTC)


def test_an_actor_has_no_spec_of_its_own() -> None:
    """What it does not know it does not say."""
    assert not {"game", "mode"} & about("actor", None, START_NS, listen="127.0.0.1:1").keys()


def test_a_file_is_where_it_was_asked_for(tmp_path: Path) -> None:
    """As text or as a path; nothing is made yet."""
    assert new_path(str(tmp_path / "a.mcap"), START_NS) == tmp_path / "a.mcap"
    assert new_path(tmp_path / "a.mcap", START_NS) == tmp_path / "a.mcap"
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_folder(tmp_path: Path) -> None:
    """Named by the time, each differently, and as Windows can write them."""
    first, second = new_path(tmp_path, START_NS), new_path(tmp_path, START_NS)
    assert first != second
    assert first.parent == tmp_path
    assert re.fullmatch(r"ac-bridge_20231114T221320Z_[0-9a-f]{6}\.mcap", first.name)


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """A name without an ending is one: a file of that name would be in the way of the next."""
    new = tmp_path / "recordings"
    assert new_path(new, START_NS).parent == new
    assert not new.exists()
    make_folder(new)
    make_folder(new)
    assert new.is_dir()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file is in its place, or the folder around it is not there."""
    (tmp_path / "recordings").touch()
    for folder in (tmp_path / "recordings", tmp_path / "no" / "such"):
        with pytest.raises(SettingError, match="cannot be a folder for recordings"):
            make_folder(folder)


def test_what_is_no_path() -> None:
    """Says what would be."""
    with pytest.raises(SettingError, match="True") as caught:
        new_path(True, START_NS)  # type: ignore[arg-type]
    assert "record=" in caught.value.hint
