"""`RemoteEnv(record=...)`: what is driven is what is in the file, however it ends."""

from __future__ import annotations

import asyncio
import base64
import errno
import gc
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from ac_bridge.server.lease import Terms
from ac_bridge_client import AsyncRemoteEnv, Link, RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import ConnectError, LinkTimeoutError, RecordingError, SettingError
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Hello,
    Message,
    Release,
    Reset,
    ResetResult,
    Step,
    StepResult,
    Telemetry,
    Welcome,
)
from ac_bridge_protocol.tasks import TaskResult
from ac_bridge_recording import Recording
from ac_bridge_recording.check import check
from ac_bridge_recording.file import RecordingFile
from ac_bridge_recording.topics import Topic, Way
from helpers.actors import make_rig, serving
from helpers.cutting import cutting
from helpers.scripted import Peer, scripted

ACTIONS = np.random.default_rng(7).uniform((-0.3, 0.2, 0.0), (0.3, 1.0, 0.1), (25, 3))
DRIVE = [0.0, 0.5, 0.0]
LIMIT_S = 60.0


def drive(env: Any, seed: int | None = 5) -> list[Any]:
    """Reset and take the fixed actions; return everything that came back."""
    return [env.reset(seed=seed), *(env.step(action) for action in ACTIONS)]


def assert_right(path: Path) -> None:
    """Check that a recording is whole and that nothing in it is wrong."""
    checked = check(path)
    assert checked.ok, [str(problem) for problem in checked.problems]


def wire_messages(path: Path) -> list[tuple[int, Way, Message]]:
    """Return the messages of the wire, each with its link and its way."""
    found = []
    for _, frame in Recording(path).records(Topic.WIRE):
        if frame.text is None:
            message = MSGPACK.decode(base64.b64decode(frame.data), binary=True)
        else:
            message = JSON.decode(frame.text.encode(), binary=False)
        found.append((frame.link, frame.way, message))
    return found


def ends(path: Path) -> list[tuple[int, str]]:
    """Return steps and reason of each episode's end."""
    return [(end.steps, end.reason) for _, end in Recording(path).records(Topic.EPISODE_END)]


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_what_is_driven_is_recorded(lockstep_uri: str, tmp_path: Path, codec: str) -> None:
    """Observations, frames, receipts, actions, rewards, telemetry, events, statics, the wire."""
    path = tmp_path / "a.mcap"
    notices: list[Notice] = []
    env = RemoteEnv(lockstep_uri, codec=codec, record=path, on_notice=notices.append)
    env.subscribe(30.0)
    returned = [drive(env, 5), drive(env, 6)]
    env.close()
    env.close()
    assert_right(path)
    recording = Recording(path)
    for episode, seen, seed in zip(recording.episodes(), returned, (5, 6), strict=True):
        (observation, info), *steps = seen
        assert episode.start.seed == seed
        assert episode.start.spec == env.env_spec
        assert episode.start.episode == info["episode"]
        np.testing.assert_array_equal(np.float32(episode.start.observation), observation)
        for step, action, back in zip(episode.steps, ACTIONS, steps, strict=True):
            np.testing.assert_array_equal(np.float32(step.observation), back[0])
            assert step.action == pytest.approx(action)
            assert step.receipt == back[-1]["receipt"]
            frame = {name: back[-1][name] for name in TelemetryFrame.model_fields}
            assert step.frame == TelemetryFrame(**frame)
    rewards = [one.reward for _, one in recording.records(Topic.REWARD)]
    assert rewards == [back[1] for seen in returned for back in seen[1:]]
    assert ends(path) == [(25, "reset"), (25, "released")]
    assert list(recording.frames()) == [n.frame for n in notices if isinstance(n, Telemetry)]
    assert recording.counts()[Topic.EVENT] >= 2
    assert recording.counts()[Topic.STATICS] == 1
    about = recording.about
    assert (about["recorded_by"], about["uri"]) == ("learner", lockstep_uri)
    messages = wire_messages(path)
    assert {link for link, _, _ in messages} == {1}
    assert [type(message) for _, _, message in messages[:2]] == [Hello, Welcome]
    assert messages[1][2].session == "session-1"
    sent = [message for _, way, message in messages if way is Way.TO_ACTOR]
    assert sum(isinstance(message, Step) for message in sent) == 50
    assert sum(isinstance(message, Reset) for message in sent) == 2
    came = [message for _, way, message in messages if way is Way.TO_LEARNER]
    assert sum(isinstance(message, StepResult) for message in came) == 50
    assert sum(isinstance(message, ResetResult) for message in came) == 2


def test_how_it_goes(lockstep_uri: str, tmp_path: Path) -> None:
    """Counts and the path while it is driven; None where nothing is recorded."""
    with RemoteEnv(lockstep_uri, record=str(tmp_path)) as env:
        drive(env)
        stats = env.recording
        assert stats is not None
        assert stats.path.parent == tmp_path
        env.close()
        stats = env.recording
        assert stats is not None
        assert stats.written[Topic.STEP] == 25
        assert not stats.dropped
        assert_right(stats.path)
    with RemoteEnv(lockstep_uri) as env:
        assert env.recording is None


def test_by_gymnasiums_make(lockstep_uri: str, tmp_path: Path) -> None:
    """As an argument like every other; a folder, so that a second environment has its own file."""
    for _ in range(2):
        env = gym.make("ac_bridge/AssettoCorsa-v0", uri=lockstep_uri, record=tmp_path)
        env.reset(seed=1)
        env.step(np.float32(DRIVE))
        env.close()
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    for path in files:
        assert_right(path)


def test_the_async_environment(lockstep_uri: str, tmp_path: Path) -> None:
    """Likewise; on a thread of its own, which is the only one that records."""
    path = tmp_path / "a.mcap"

    async def drive_async() -> None:
        async with await AsyncRemoteEnv.connect(lockstep_uri, record=path) as env:
            await env.reset(seed=1)
            await asyncio.gather(*(env.step(DRIVE) for _ in range(5)))
            assert env.recording is not None
            assert env.recording.path == path

    asyncio.run(drive_async())
    assert_right(path)
    assert ends(path) == [(5, "released")]


def test_in_fixed_delay(realtime_uri: str, tmp_path: Path) -> None:
    """A step has the action that it answers, chosen some steps before; the first are neutral."""
    path = tmp_path / "a.mcap"
    actions = [[0.0, 0.1 * number, 0.0] for number in range(1, 7)]
    with RemoteEnv(realtime_uri, mode="fixed_delay", delay_ticks=2, record=path) as env:
        env.reset()
        receipts = [env.step(action)[-1]["receipt"] for action in actions]
    assert_right(path)
    (episode,) = Recording(path).episodes()
    throttles = [step.action[1] for step in episode.steps]
    assert throttles == pytest.approx([0.0, 0.0, 0.1, 0.2, 0.3, 0.4])
    assert [step.receipt for step in episode.steps] == receipts
    assert len(episode.steps[0].observation) == 15, "without the actions under way"


def test_no_file_without_a_connection(tmp_path: Path) -> None:
    """Nobody gets an empty one."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectError):
            RemoteEnv(uri, record=tmp_path / "a.mcap")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["a.mcap", "none/b.mcap"])
def test_a_file_that_cannot_be_made(lockstep_uri: str, tmp_path: Path, where: str) -> None:
    """Says why; no connection is left, and what is there stays as it is."""
    (tmp_path / "a.mcap").write_bytes(b"precious")
    with pytest.raises(RecordingError, match=r"exists already|cannot be written"):
        RemoteEnv(lockstep_uri, record=tmp_path / where)
    assert (tmp_path / "a.mcap").read_bytes() == b"precious"


class Stubborn:
    """A task that ends everything, in numpy's booleans, with words and rewards of its own."""

    def reset(self, frame: TelemetryFrame) -> None:
        """Begin."""
        self.steps = 0

    def step(
        self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
    ) -> TaskResult:
        """End at the second step."""
        self.steps += 1
        over: Any = np.bool_(self.steps >= 2)
        reward = float("nan") if self.steps == 4 else np.float32(self.steps)
        info = {"end_reason": "bored"} if self.steps == 2 else {}
        return TaskResult(reward, over, np.bool_(False), info)  # type: ignore[arg-type]


def test_an_episode_that_the_task_ends(lockstep_uri: str, tmp_path: Path) -> None:
    """With the task's word; whoever steps on all the same has that recorded too."""
    path = tmp_path / "a.mcap"
    with RemoteEnv(lockstep_uri, record=path, task=Stubborn()) as env:
        env.reset(seed=1)
        for _ in range(3):
            env.step(DRIVE)
        with pytest.raises(SettingError, match="Stubborn rewards a step with nan"):
            env.step(DRIVE)
        env.reset(seed=1)
        env.step(DRIVE)
    assert_right(path)
    assert ends(path) == [(4, "bored"), (1, "released")]
    judged = [one for _, one in Recording(path).records(Topic.REWARD)]
    assert [one.reward for one in judged] == [1.0, 2.0, 3.0, 1.0]
    assert [one.terminated for one in judged] == [False, True, True, False]
    assert check(path).dropped == {}


def test_a_session_that_is_lost(tmp_path: Path) -> None:
    """The episode ends with the reason that the learner is given."""
    path = tmp_path / "a.mcap"
    with serving(make_rig(), terms=Terms(takeover_key="sesame")) as (uri, _):
        env, operator = RemoteEnv(uri, record=path), RemoteEnv(uri)
        env.reset(seed=1)
        env.step(DRIVE)
        operator.reset(seed=1, options={"takeover": "sesame"})
        assert env.step(DRIVE)[-1]["end_reason"] == "taken_over"
        env.close()
        operator.close()
    assert_right(path)
    assert ends(path) == [(1, "taken_over")]


def test_an_actor_that_does_not_answer(tmp_path: Path) -> None:
    """The episode ends when the learner's patience does."""

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.drive(2)
        peer.next(Step)

    path = tmp_path / "a.mcap"
    with scripted(script) as uri, RemoteEnv(uri, record=path, step_timeout_s=0.2) as env:
        env.reset()
        env.step(DRIVE)
        env.step(DRIVE)
        with pytest.raises(LinkTimeoutError):
            env.step(DRIVE)
    assert_right(path)
    assert ends(path) == [(2, "no_answer")]


def test_the_last_words(tmp_path: Path) -> None:
    """What comes in while the link is being closed is recorded, though nobody waits for it."""
    left = Event(kind=EventKind.DRIVER_LEFT, message="The car is free.")

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.send(left)

    path = tmp_path / "a.mcap"
    with scripted(script) as uri, RemoteEnv(uri, record=path) as env:
        env.reset()
    assert_right(path)
    said = [message for _, _, message in wire_messages(path)]
    begun = next(number for number, one in enumerate(said) if isinstance(one, ResetResult))
    assert left in said[begun:], "before or after our own good-bye"
    assert Release() in said[begun:]


def test_links_are_numbered(lockstep_uri: str, tmp_path: Path) -> None:
    """Through one that is cut again and again: one episode, one session, and rising numbers."""
    path = tmp_path / "a.mcap"
    with cutting(int(lockstep_uri.rsplit(":", 1)[1]), every_bytes=20_000) as uri:
        env = RemoteEnv(uri, record=path)
        drive(env)
        env.close()
    reconnects = env.stats().reconnects
    assert reconnects >= 2
    assert_right(path)
    assert ends(path) == [(25, "released")]
    messages = wire_messages(path)
    links = [link for link, _, _ in messages]
    assert links == sorted(links)
    assert set(links) >= set(range(1, reconnects + 2))
    said = [message for _, _, message in messages]
    # A cut that swallows the actor's good-bye makes closing dial once more, to be sure that the car
    # is free. If the actor had heard it, that dial finds the session gone: not what is asked here.
    driven = said[: said.index(Release())]
    welcomes = [message for message in driven if isinstance(message, Welcome)]
    assert len(welcomes) >= 3
    assert {welcome.session for welcome in welcomes} == {"session-1"}
    assert [welcome.resumed for welcome in welcomes] == [False] + [True] * (len(welcomes) - 1)


def test_an_interrupted_step_is_recorded_all_the_same(
    lockstep_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was driven, though its answer was thrown away; nobody judged it."""
    path = tmp_path / "a.mcap"
    env = RemoteEnv(lockstep_uri, record=path)
    env.reset(seed=1)

    def interrupt(self: Link, *_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Link, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            env.step([0.0, 0.9, 0.0])
    env.step(DRIVE)
    env.close()
    assert_right(path)
    (episode,) = Recording(path).episodes()
    assert [step.receipt.tick for step in episode.steps] == [1, 2]
    assert [step.action[1] for step in episode.steps] == [0.9, 0.5]
    assert Recording(path).counts()[Topic.REWARD] == 1


def test_a_disk_that_fails(
    lockstep_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once, and driving goes on."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with caplog.at_level(logging.WARNING, "ac_bridge_client"):
        env = RemoteEnv(lockstep_uri, record=tmp_path / "a.mcap")
        env.reset(seed=1)
        monkeypatch.setattr(RecordingFile, "write", fail)
        while env.recording is not None and not env.recording.failure:
            env.step(DRIVE)
        for _ in range(3):
            env.step(DRIVE)
        env.close()
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_a_forgotten_environment_finishes_its_file(lockstep_uri: str, tmp_path: Path) -> None:
    """Nothing refers to it any more."""
    path = tmp_path / "a.mcap"
    env = RemoteEnv(lockstep_uri, record=path)
    env.reset(seed=1)
    env.step(DRIVE)
    del env
    gc.collect()
    assert_right(path)
    assert ends(path) == [(1, "released")]


SCRIPT = """
import gc, os, sys
from ac_bridge_client import RemoteEnv
env = RemoteEnv(sys.argv[1], record=sys.argv[2])
env.reset(seed=1)
for _ in range(5):
    env.step([0.0, 0.5, 0.0])
"""

FORK = """
child = os.fork()
if child == 0:
    del env
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
env.step([0.0, 0.5, 0.0])
"""

KILLED = """
import ac_bridge_recording.recorder as recorder
recorder.FLUSH_NS = 0
import threading
while not env.recording.written.get("/episode/step", 0) == 5:
    threading.Event().wait(0.01)
threading.Event().wait(0.3)
os.kill(os.getpid(), 9)
"""

NOTHING = """
import sys
from ac_bridge_client import RemoteEnv
env = RemoteEnv(sys.argv[1])
env.reset(seed=1)
env.step([0.0, 0.5, 0.0])
assert not {"mcap", "zstandard", "ac_bridge_recording"} & set(sys.modules)
"""


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a learner's script to its end."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.mark.parametrize("last", ["", "sys.exit(3)", "raise ValueError"])
def test_a_program_that_ends_finishes_its_file(
    lockstep_uri: str, tmp_path: Path, last: str
) -> None:
    """However it ends by itself."""
    path = tmp_path / "a.mcap"
    run(SCRIPT + last, lockstep_uri, path)
    assert_right(path)
    assert ends(path) == [(5, "released")]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_a_fork_leaves_its_parents_file_alone(lockstep_uri: str, tmp_path: Path) -> None:
    """What it forgets is a copy; the parent records on."""
    path = tmp_path / "a.mcap"
    ended = run(SCRIPT + FORK, lockstep_uri, path)
    assert ended.returncode == 0, ended.stderr
    assert_right(path)
    assert ends(path) == [(6, "released")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_killed_program_leaves_what_was_flushed(tmp_path: Path) -> None:
    """Nothing in it is wrong; it is only not whole."""
    path = tmp_path / "a.mcap"
    with serving(make_rig()) as (uri, _):
        assert run(SCRIPT + KILLED, uri, path).returncode == -9
    checked = check(path)
    assert not checked.whole
    assert not checked.problems
    assert checked.topics[Topic.STEP].records == 5


def test_nothing_recorded_costs_nothing(lockstep_uri: str) -> None:
    """Not even the import of what would record."""
    ended = run(NOTHING, lockstep_uri)
    assert ended.returncode == 0, ended.stderr
