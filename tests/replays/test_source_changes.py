"""Changes of the source itself are told in the same words as those that tests make in its place."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.transcript import load
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.messages import Hello, Receipt
from ac_bridge_protocol.session import SessionState, Way
from replays.mutating import CHANGED, changed_value, renamed_field, table_with, wire_with

ROOT = Path(__file__).parents[2]
PACKAGES = (
    ROOT / "actor" / "ac_bridge",
    ROOT / "learner_client" / "ac_bridge_client",
    ROOT / "protocol" / "ac_bridge_protocol",
    ROOT / "recording" / "ac_bridge_recording",
)
EVERYWHERE = ""
PATIENCE_S = 120.0


@dataclasses.dataclass(frozen=True)
class Edit:
    """A change of the source, and what stands for it elsewhere.

    Attributes:
        edits: file (or everywhere), pattern, and what comes instead.
        change: the same without an edit.
        transcript: that notices.
    """

    edits: tuple[tuple[str, str, str], ...]
    change: Callable[[], contextlib.AbstractContextManager[None]]
    transcript: str


EDITS = {
    "Receipt.tick_asked": Edit(
        ((EVERYWHERE, r"\btick_asked\b", "tick_asked_changed"),),
        lambda: wire_with(*renamed_field(Receipt, "tick_asked")),
        "drive.json.jsonl",
    ),
    "Hello.client": Edit(
        (
            ("messages.py", r"\bclient: Text\b", "client_changed: Text"),
            ("actor.py", r"\bhello\.client\b", "hello.client_changed"),
            ("exchange.py", r"\bclient=SOFTWARE\b", "client_changed=SOFTWARE"),
        ),
        lambda: wire_with(*renamed_field(Hello, "client")),
        "drive.msgpack.jsonl",
    ),
    "ErrorCode.BUSY": Edit(
        (("errors.py", r'\bBUSY = "busy"', 'BUSY = "busy_changed"'),),
        lambda: wire_with(*changed_value(ErrorCode.BUSY)),
        "takeover.json.jsonl",
    ),
    "ready.in.reset": Edit(
        (("session.py", r's\.READY: \{\(i, "reset"\): s\.RESETTING\}', "s.READY: {}"),),
        lambda: table_with(SessionState.READY, (Way.IN, "reset"), None),
        "drive.json.jsonl",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_told_like_a_change(name: str, tmp_path: Path) -> None:
    """Another process, of a copy with the edit, finds the very same differences."""
    edit = EDITS[name]
    path = Path(__file__).parent / "v1" / edit.transcript
    with edit.change():
        expected = [dataclasses.asdict(one) for one in check_actor(load(path.read_bytes(), ""))]
    assert expected
    _copy_with(edit, tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "ac_bridge.cli", "replay-check", str(path), "--json"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *_known_paths()])},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    (verdict,) = json.loads(ended.stdout)["files"]
    # A field that the source calls something else is missed there under that name.
    assert _without_change(verdict["actor"]) == _without_change(expected)


def _known_paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _without_change(told: object) -> object:
    return json.loads(json.dumps(told).replace(CHANGED, ""))


def _copy_with(edit: Edit, folder: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(
            package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file, pattern, instead in edit.edits:
        count = 0
        for path in folder.rglob("*.py"):
            if file in (EVERYWHERE, path.name):
                text, found = re.subn(pattern, instead, path.read_text(encoding="utf-8"))
                count += found
                path.write_text(text, encoding="utf-8")
        assert count, f"nothing in {file} is like {pattern}"
