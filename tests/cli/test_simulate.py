"""`ac-bridge simulate` as its users run it: a process that publishes, obeys and ends as told."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ac_bridge.cli.simulate import READY
from ac_bridge.clock import SystemClock
from ac_bridge.game import Controls, Page
from ac_bridge.game.shared_pages import SharedPages
from ac_bridge.rigs import rig_from
from ac_bridge.settings import ActorSettings
from ac_bridge.standin.process import CRASH_STATUS
from ac_bridge.standin.shared import SharedWheel
from ac_bridge.telemetry.layout import LAYOUTS
from ac_bridge.telemetry.reader import TelemetryReader
from ac_bridge_protocol.errors import GameAbsentError
from helpers.region_names import new_name, remove_all

TIMEOUT_S = 60
OFF, LIVE = 0, 2
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and files of POSIX")


@pytest.fixture
def prefix() -> Iterator[str]:
    """A prefix that nothing else has; whatever a crash leaves there is removed."""
    name = new_name()
    yield name
    remove_all(name)


def command(prefix: str, *options: str) -> list[str]:
    """Return how to call it with pages and a wheel of its own."""
    names = ["--prefix", prefix, "--wheel", f"{prefix}wheel"]
    return [sys.executable, "-m", "ac_bridge.cli", "simulate", *names, *options]


@contextlib.contextmanager
def simulating(prefix: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start it and wait until it publishes; killed at the end if it still runs."""
    with subprocess.Popen(
        command(prefix, *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(READY + prefix)
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], line: str) -> str:
    """Type a command; return the answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def refused(prefix: str, *options: str) -> str:
    """Start one that does not start; return what it says instead, on one line."""
    done = subprocess.run(
        command(prefix, *options),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    for _ in range(TIMEOUT_S * 200):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never happened")


class Watched:
    """What a reader sees."""

    def __init__(self, pages: SharedPages) -> None:
        self.pages = pages

    def field(self, page: Page, name: str) -> Any:
        """Return one field of a page."""
        return LAYOUTS[page].unpack(self.pages.read(page))[name]

    @property
    def packet_id(self) -> int:
        """The physics counter."""
        return int(self.field(Page.PHYSICS, "packetId"))

    @property
    def status(self) -> int:
        """The graphics page's status."""
        return int(self.field(Page.GRAPHICS, "status"))


@pytest.fixture
def watched(prefix: str) -> Iterator[Watched]:
    """A reader of the simulation's pages."""
    with contextlib.closing(SharedPages(prefix)) as pages:
        yield Watched(pages)


def test_publishes_is_driven_and_obeys(prefix: str, watched: Watched) -> None:
    """From another process: the car drives, pauses, is launched anew, and the game ends well."""
    with simulating(prefix, "--gearbox", "sequential") as process:
        wheel = SharedWheel(f"{prefix}wheel")
        until(lambda: watched.packet_id > 10)
        assert watched.status == LIVE
        assert watched.field(Page.PHYSICS, "autoShifterOn") == 0
        wheel.apply(Controls(throttle=0.5))
        until(lambda: 0.4 < watched.field(Page.PHYSICS, "gas") < 0.6)
        assert tell(process, "pause") == "paused"
        until(lambda: watched.status == 3)
        assert tell(process, "resume") == "resumed"
        assert tell(process, "nonsense").startswith("error: There is no command 'nonsense'")
        until(lambda: watched.packet_id > 100)
        assert tell(process, "relaunch") == "relaunched from seed 0"
        until(lambda: 0 < watched.packet_id < 100)
        assert tell(process, "exit") == "ended"
        assert process.wait(TIMEOUT_S) == 0
        wheel.close()
    assert watched.status == OFF
    watched.pages.reopen()
    with pytest.raises(GameAbsentError):
        watched.pages.read(Page.PHYSICS)


def test_torn_pages_are_met(prefix: str, watched: Watched) -> None:
    """While it tears, a reader that compares its copies finds that some were half-written."""
    with simulating(prefix) as process:
        until(lambda: watched.packet_id > 0)
        assert tell(process, "tear on") == "tearing on"
        reader = TelemetryReader(watched.pages)
        with contextlib.closing(SystemClock()) as clock:
            for _ in range(1_000_000):
                reader.read(clock.now())
                if reader.torn_reads >= 5:
                    break
        assert reader.torn_reads >= 5


@posix_only
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_it_in_order(prefix: str, watched: Watched, name: str) -> None:
    """Ctrl+C, SIGTERM and a closed terminal end the game as a player does, with status 0."""
    with simulating(prefix) as process:
        until(lambda: watched.status == LIVE)
        process.send_signal(signal.Signals[name])
        out, log = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, log
        assert "ended" in out
        assert "Traceback" not in log
    assert watched.status == OFF


@posix_only
@pytest.mark.parametrize("how", ["crash", "kill"])
def test_a_crash_leaves_live_pages_that_the_next_one_takes(
    prefix: str, watched: Watched, how: str
) -> None:
    """A game that dies leaves its files, saying LIVE; the next launch goes on in the same ones."""
    with simulating(prefix) as process:
        until(lambda: watched.packet_id > 200)
        if how == "crash":
            tell(process, "crash")
            assert process.wait(TIMEOUT_S) == CRASH_STATUS
        else:
            process.kill()
            process.wait(TIMEOUT_S)
    before = watched.packet_id
    watched.pages.reopen()
    assert (watched.status, watched.packet_id) == (LIVE, before)
    with simulating(prefix) as process:
        until(lambda: 0 < watched.packet_id < before)
        tell(process, "exit")
        process.wait(TIMEOUT_S)


def test_refuses_to_run_beside_another(prefix: str, watched: Watched) -> None:
    """Two games under one name would tear each other's pages: the second says what to do."""
    with simulating(prefix) as process:
        until(lambda: watched.packet_id > 0)
        assert "another `ac-bridge simulate` runs" in refused(prefix)
        assert tell(process, "exit") == "ended"


def test_ends_by_itself(prefix: str) -> None:
    """With --for it ends after that time, though nobody types anything."""
    done = subprocess.run(
        command(prefix, "--for", "0.2"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["ended"]


@pytest.mark.parametrize("for_s", ["1e12", "inf"])
def test_a_very_long_time_is_waited_for(prefix: str, watched: Watched, for_s: str) -> None:
    """A time beyond every timer's is no error."""
    with simulating(prefix, "--for", for_s) as process:
        until(lambda: watched.packet_id > 0)
        assert tell(process, "exit") == "ended"
        _, log = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, log) == (0, "")


def test_nobody_has_to_read_its_answers(prefix: str, watched: Watched) -> None:
    """Whoever started it may go: it obeys without an answer, and ends in order."""
    with simulating(prefix) as process:
        until(lambda: watched.status == LIVE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("nonsense\npause\n")
        process.stdin.flush()
        until(lambda: watched.status == 3)
        process.stdin.write("resume\n")
        process.stdin.flush()
        until(lambda: watched.status == LIVE)
        process.stdin.write("exit\n")
        process.stdin.flush()
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr.read() == ""
    assert watched.status == OFF


def test_a_wheel_has_one_game(prefix: str, watched: Watched) -> None:
    """A second game does not get the wheel of the first, and does not take it away either."""
    with simulating(prefix) as process:
        until(lambda: watched.packet_id > 0)
        second = refused(f"{prefix}second_", "--wheel", f"{prefix}wheel")
        assert "belongs to a program that still runs" in second
        assert "--wheel" in second
        SharedWheel(f"{prefix}wheel").close()
        assert tell(process, "exit") == "ended"


@posix_only
def test_no_name_leads_to_a_file_elsewhere(prefix: str, tmp_path: Path) -> None:
    """Neither pages nor a wheel are written to what is not shared memory, nor removed there."""
    precious = tmp_path / "precious"
    precious.write_text("longer than twenty bytes, and mine")
    up = "/.." * 9
    for path in (str(precious), f"..{up}{precious}"):
        assert repr(path)[:9] in refused(prefix, "--wheel", path)
    (tmp_path / "physics").write_text("mine too")
    assert "cannot be called" in refused(f"{tmp_path}/")
    assert "pages are called" in refused(prefix, "--wheel", f"{prefix}physics")
    assert precious.read_text() == "longer than twenty bytes, and mine"
    assert (tmp_path / "physics").read_text() == "mine too"


def test_ends_with_its_parent_if_asked_to(prefix: str, watched: Watched) -> None:
    """The end of standard input ends it with --with-parent, and does not without."""
    with simulating(prefix) as process, simulating(f"{prefix}child_", "--with-parent") as child:
        for each in (process, child):
            assert each.stdin is not None
            each.stdin.close()
            each.stdin = None
        assert child.wait(TIMEOUT_S) == 0
        before = watched.packet_id
        until(lambda: watched.packet_id > before)
        assert process.poll() is None


def test_bad_options_are_named(prefix: str) -> None:
    """A gearbox that does not exist ends with status 1 and lists those that do."""
    assert "automatic, sequential" in refused(prefix, "--gearbox", "manual")


def test_a_track_with_its_files(prefix: str, watched: Watched, tmp_path: Path) -> None:
    """The pages name the track that was chosen, and whoever is told the folder finds the car."""
    folder = tmp_path / "game"
    with simulating(prefix, "--track", "made_3", "--game-dir", str(folder)):
        until(lambda: watched.packet_id > 10)
        assert watched.field(Page.STATIC, "track") == "made_3"
        settings = ActorSettings(
            game="shm",
            controller="standin",
            page_prefix=prefix,
            wheel_name=f"{prefix}wheel",
            game_dir=folder,
        )
        with contextlib.closing(rig_from(settings)) as rig:
            stream = rig.telemetry_stream()
            until(lambda: rig.sample(stream).track_distance is not None)
            assert rig.track is not None
            assert rig.track.name == "made_3"
            assert rig.sample(stream).left_edge == pytest.approx(6.5, abs=2.0)


def test_without_a_folder_no_files_are_written(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where it is started nor where temporary files go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with simulating(prefix) as process:
        assert tell(process, "pause") == "paused"
        assert list(tmp_path.iterdir()) == []


def test_bad_tracks_are_named(prefix: str) -> None:
    """A track that there is not ends with status 1 and lists those that there are."""
    said = refused(prefix, "--track", "monza")
    assert "no track 'monza'" in said
    assert "standin_ring" in said


def test_folders_that_cannot_be_written_are_named(prefix: str, tmp_path: Path) -> None:
    """A file in the way is left alone, and so is the folder of the game itself."""
    taken, game = tmp_path / "taken", tmp_path / "game"
    taken.write_text("mine")
    game.mkdir()
    (game / "acs.exe").touch()
    assert "cannot be written" in refused(prefix, "--game-dir", str(taken))
    assert "the game's own folder" in refused(prefix, "--game-dir", str(game))
    assert taken.read_text() == "mine"
    assert [file.name for file in game.iterdir()] == ["acs.exe"]


def test_help_has_examples() -> None:
    """The help shows how to call it."""
    done = subprocess.run(
        [sys.executable, "-m", "ac_bridge.cli", "simulate", "--help"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0
    assert "ac-bridge simulate --gearbox" in done.stdout
