"""`python -m ac_bridge.guardian.logged`: an actor whose output goes to a file."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ac_bridge.guardian import logged
from ac_bridge.guardian.logged import EXIT_USAGE, PatientHandler
from ac_bridge_client import RemoteEnv
from helpers.guardians import eventually

TIMEOUT_S = 60.0
MODULE = "ac_bridge.guardian.logged"
OPTIONS = ("--game", "standin", "--lockstep", "--listen", "127.0.0.1:0")


def said(file: Path) -> str:
    """Return what stands in the log by now."""
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process in no good order")
def test_an_actor_logs_to_the_file_and_ends_in_good_order(tmp_path: Path) -> None:
    """What it says arrives at once; asked to end, the actor behind it ends well, and it too."""
    file = tmp_path / "new" / "actor.log"
    with subprocess.Popen([sys.executable, "-m", MODULE, str(file), *OPTIONS]) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            assert eventually(lambda: "Serving on ws://" in said(file))
            address = re.search(r"Serving on (\S+)", said(file))
            assert address is not None
            env = RemoteEnv(address[1])
            env.reset(seed=1)
            env.close()
            process.terminate()
            assert process.wait() == 0
        finally:
            watchdog.cancel()
            process.kill()
    assert said(file).endswith("---- ended with status 0\n")


def test_a_killed_keeper_takes_the_actor_along(tmp_path: Path) -> None:
    """However the process in front ends, the actor behind it does not stay and hold the wheel."""
    file = tmp_path / "actor.log"
    with subprocess.Popen([sys.executable, "-m", MODULE, str(file), *OPTIONS]) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        assert eventually(lambda: "Serving on ws://" in said(file))
        process.kill()
        watchdog.cancel()
    address = re.search(r"Serving on (\S+)", said(file))
    assert address is not None
    assert eventually(lambda: not _reachable(address[1]))


def test_an_actor_that_cannot_start_is_in_the_log_too(tmp_path: Path) -> None:
    """The reason and the status: all that is left to look at where there is no window."""
    file = tmp_path / "actor.log"
    done = subprocess.run(
        [sys.executable, "-m", MODULE, str(file), "--control-hz", "0"],
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "control_hz" in said(file)
    assert said(file).endswith("---- ended with status 1\n")


def test_without_a_file_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """A first word that is an option is a forgotten file."""
    assert logged.main([]) == EXIT_USAGE
    assert logged.main(["--game", "shm"]) == EXIT_USAGE
    assert "usage: python -m ac_bridge.guardian.logged FILE" in capsys.readouterr().err


def _handler(file: Path) -> PatientHandler:
    return PatientHandler(file, maxBytes=100, backupCount=2, encoding="utf-8")


def _write(handler: PatientHandler, *texts: str) -> None:
    for text in texts:
        handler.handle(logging.LogRecord("", logging.INFO, "", 0, text, None, None))


def test_a_full_file_is_put_aside(tmp_path: Path) -> None:
    """So many old ones are kept, the newest first, and none grows beyond its size."""
    file = tmp_path / "actor.log"
    handler = _handler(file)
    _write(handler, *(f"{number} {'x' * 60}" for number in range(6)))
    handler.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["actor.log", "actor.log.1", "actor.log.2"]
    assert [said(tmp_path / name)[0] for name in names] == ["5", "4", "3"]


def test_a_file_that_somebody_looks_at_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be renamed nothing is lost, and no older file is moved for nothing."""
    file = tmp_path / "actor.log"
    handler = _handler(file)
    _write(handler, "a" * 60, "b" * 60)

    def refuse(_path: Path, _target: Path) -> None:
        raise PermissionError("somebody has it open")

    with monkeypatch.context() as held:
        held.setattr(Path, "rename", refuse)
        _write(handler, "c" * 60, "d" * 60)
    assert said(file).split() == ["b" * 60, "c" * 60, "d" * 60]
    assert said(tmp_path / "actor.log.1").split() == ["a" * 60]
    _write(handler, "e" * 60)
    handler.close()
    assert said(file).split() == ["e" * 60]


def _reachable(address: str) -> bool:
    try:
        RemoteEnv(address).close()
    except ConnectionError:
        return False
    return True
