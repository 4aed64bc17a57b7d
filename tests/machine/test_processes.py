"""Running games: names whole or cut, and processes as Linux shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ac_bridge.machine import processes
from ac_bridge.machine.processes import games_among, running_games


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (set(), []),
        ({"acs.exe", "bash"}, ["acs.exe"]),
        ({"ACS.EXE"}, ["acs.exe"]),
        ({"AC2-Win64-Shipp"}, ["AC2-Win64-Shipping.exe"]),
        ({"AssettoCorsaEVO", "acr.exe"}, ["acr.exe", "AssettoCorsaEVO.exe"]),
        ({"AssettoCorsa.exe", "acsx.exe", "acs"}, []),
    ],
)
def test_games_are_told_by_their_names(names: set[str], found: list[str]) -> None:
    """In either case, also cut as Linux cuts them; the launcher and other programs do not count."""
    assert games_among(names) == found


@pytest.mark.skipif(sys.platform == "win32", reason="it is Linux that shows processes as files")
def test_processes_are_read_from_proc(tmp_path: Path) -> None:
    """The name, and the program of the command line; a vanished process is skipped."""
    (tmp_path / "12").mkdir()
    (tmp_path / "12/comm").write_text("Main Thread\n")
    (tmp_path / "12/cmdline").write_bytes(b"S:\\common\\assettocorsa\\acs.exe\0-x\0")
    (tmp_path / "13").mkdir()
    (tmp_path / "self").mkdir()
    assert processes._process_names(tmp_path) == {"Main Thread", "acs.exe"}


@pytest.mark.skipif(sys.platform == "win32", reason="a script cannot be called acs.exe there")
def test_a_running_process_is_seen(tmp_path: Path) -> None:
    """A real process of that name is found as long as it lives."""
    program = tmp_path / "acs.exe"
    program.symlink_to(os.path.realpath(sys.executable))
    with subprocess.Popen([program, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as it:
        assert it.stdout is not None
        it.stdout.readline()
        assert "acs.exe" in running_games()
        it.communicate(b"\n")
