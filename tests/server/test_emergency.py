"""The operator at the gaming PC stops the car: whoever drives, at once, until it is let go of."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ac_bridge.control.emergency import Wish
from ac_bridge.game import NEUTRAL
from ac_bridge.machine.keyboard import IS_DOWN, KEYS, SHIFT, WAS_PRESSED
from ac_bridge.server.emergency import Key, Terminal, switches_from
from ac_bridge.server.lease import Terms
from ac_bridge_client import ActorStream, RemoteEnv
from ac_bridge_protocol.edge import PolicyState, RunStart, RunStatus
from ac_bridge_protocol.errors import RefusedError
from ac_bridge_protocol.messages import Event
from ac_bridge_protocol.runs import RunEnd, RunTerms
from helpers.actors import make_rig, serving, wheel_of
from helpers.learners import Place
from helpers.taught import taught

PATIENCE_S = 30.0
FAST = (0.0, 0.75, 0.0)
UP, HELD_TRIES = 2, 20


class Finger:
    """A switch that a test presses."""

    def __init__(self) -> None:
        self._wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()

    def press(self, wish: Wish) -> None:
        self._wishes.put(wish)

    def look(self, *, stopped: bool) -> Wish | None:
        return None if self._wishes.empty() else self._wishes.get()


def test_a_run_is_stopped_and_does_not_begin_again(tmp_path: Path) -> None:
    """Neutral, with its own word; another is refused until the operator lets go."""
    finger = Finger()
    with (
        taught(tmp_path, lockstep=False, switches=[finger]) as (uri, rig),
        Place(uri, rig).learner() as learner,
    ):
        learner.push(b"0.75 1000000")
        learner.hear_policy(PolicyState.READY)
        learner.say(RunStart(terms=RunTerms(run="r")))
        learner.records(5)
        assert wheel_of(rig).now.throttle > 0.0
        finger.press(Wish.STOP)
        over = learner.hear(lambda said: isinstance(said, RunStatus) and not said.driving)
        assert over.end is RunEnd.EMERGENCY
        assert wheel_of(rig).now == NEUTRAL
        sent = len(wheel_of(rig).states)
        learner.push(b"0.50 1000000", version=2)
        learner.hear_policy(PolicyState.READY)
        learner.say(RunStart(terms=RunTerms(run="s")))
        refused = learner.hear(lambda said: isinstance(said, RunStatus))
        assert (refused.end, refused.driving) == (RunEnd.EMERGENCY, False)
        assert "go" in refused.hint
        finger.press(Wish.GO)
        learner.hear(lambda said: isinstance(said, Event) and said.kind == "driver_left")
        assert set(wheel_of(rig).states[sent:]) <= {NEUTRAL}
        learner.say(RunStart(terms=RunTerms(run="s")))
        assert learner.hear_policy(PolicyState.ACTIVE).version == 2


def test_a_stream_does_not_ask_for_it_again(tmp_path: Path) -> None:
    """Not even over another link; what it was stopped for is in its figures."""
    finger = Finger()
    with taught(tmp_path, lockstep=False, switches=[finger]) as (uri, rig):
        port = int(uri.rsplit(":", 1)[1])
        stream = ActorStream(uri)
        stream.push_policy(b"0.75 1000000", 1)
        stream.set_task("progress", run="r")
        next(stream.batches(3, PATIENCE_S))
        finger.press(Wish.STOP)
        episode = next(stream.episodes(PATIENCE_S))
        assert not episode.complete
        run = stream.stats().actors[0].run
        assert run is not None
        assert run.end is RunEnd.EMERGENCY
    with stream, taught(tmp_path, lockstep=False, port=port) as (_, rig):
        stream.push_policy(b"0.50 1000000", 2)
        stream.wait_policy(2, "ready", PATIENCE_S)
        run = stream.stats().actors[0].run
        assert run is not None
        assert (run.run, run.driving) == (None, False)
        assert set(wheel_of(rig).states) <= {NEUTRAL}


def test_a_driver_is_stopped_and_no_key_helps() -> None:
    """Its episode ends with ``taken_over``; nobody resets, not even with the operator's key."""
    finger = Finger()
    rig = make_rig(lockstep=False)
    with (
        serving(rig, terms=Terms(takeover_key="the-key"), switches=[finger]) as (uri, _),
        RemoteEnv(uri) as env,
    ):
        env.reset()
        env.step(FAST)
        finger.press(Wish.STOP)
        assert _end_of(env) == "taken_over"
        assert wheel_of(rig).now == NEUTRAL
        for options in (None, {"takeover": "the-key"}):
            with pytest.raises(RefusedError, match="operator at the gaming PC") as refused:
                env.reset(options=options)
            assert refused.value.code == "busy"
        finger.press(Wish.GO)
        _reset_at_last(env)
        assert not _over(env.step(FAST))


def _over(step: tuple[object, float, bool, bool, dict[str, object]]) -> bool:
    return step[2] or step[3]


def _end_of(env: RemoteEnv, stop: Callable[[int], object] = lambda _: None) -> object:
    """Step until the episode is over, with a try to stop it before each step; return why."""
    for tries in range(200):
        stop(tries)
        step = env.step(FAST)
        if _over(step):
            return step[4]["end_reason"]
    raise AssertionError("it goes on")


def _reset_at_last(env: RemoteEnv, go: Callable[[int], object] = lambda _: None) -> None:
    """Reset as soon as the operator has let go, which is looked at fifty times a second."""
    for tries in range(100_000):
        go(tries)
        with contextlib.suppress(RefusedError):
            env.reset()
            return
    raise AssertionError("never let go of")


def test_a_key_is_looked_at() -> None:
    """Down now, or pressed since the last look; with Shift it is another wish."""
    keys: dict[int, int] = {}
    key = Key("f12", lambda code: keys.get(code, 0))
    found = []
    for state, shift in ((0, 0), (WAS_PRESSED, 0), (0, 0), (IS_DOWN, IS_DOWN), (IS_DOWN, 0)):
        keys[KEYS["f12"]], keys[SHIFT] = state, shift
        found.append(key.look(stopped=True))
    assert found == [None, Wish.STOP, None, Wish.GO, None]


def test_lines_of_a_terminal() -> None:
    """One after the other, as they were typed; its end is no wish."""
    read, write = os.pipe()
    terminal = Terminal(read)
    os.write(write, b"\ngo\nstop\n")
    os.close(write)
    for thread in threading.enumerate():
        if thread.name == "ac-bridge-terminal":
            thread.join(PATIENCE_S)
    os.close(read)
    looks = [terminal.look(stopped=False) for _ in range(4)]
    assert looks == [Wish.STOP, Wish.GO, Wish.STOP, None]


def test_no_key_and_no_terminal() -> None:
    """``none`` is none, wherever the actor runs."""
    assert switches_from("none") == ()


@contextlib.contextmanager
def process(file: int) -> Iterator[str]:
    """Run ``ac-bridge actor`` with that standard input; give its address."""
    command = [sys.executable, "-m", "ac_bridge.cli", "actor", "--game", "standin"]
    command += ["--listen", "127.0.0.1:0", "--log-level", "error"]
    with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, text=True) as running:
        watchdog = threading.Timer(PATIENCE_S, running.kill)
        watchdog.start()
        try:
            assert running.stdout is not None
            yield running.stdout.readline().removeprefix("Serving on ").strip()
        finally:
            running.terminate()
            running.wait(PATIENCE_S)
            watchdog.cancel()


def _drive_and(stop: Callable[[int], object], go: Callable[[int], object], uri: str) -> None:
    with RemoteEnv(uri) as env:
        env.reset()
        assert _end_of(env, stop) == "taken_over"
        with pytest.raises(RefusedError, match="operator at the gaming PC"):
            env.reset()
        _reset_at_last(env, go)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of other systems")
def test_enter_in_the_terminal_of_a_real_process() -> None:
    """Stops it; the word ``go`` lets it be driven again."""
    import pty

    def typed(line: bytes) -> Callable[[int], object]:
        return lambda tries: tries or os.write(ours, line)

    ours, its = pty.openpty()
    try:
        with process(its) as uri:
            _drive_and(typed(b"\n"), typed(b"go\n"), uri)
    finally:
        os.close(ours)
        os.close(its)


@pytest.mark.skipif(sys.platform != "win32", reason="keys of Windows")
def test_the_key_of_a_real_process() -> None:
    """As another program's window gets it; with Shift it lets the car be driven again."""
    import ctypes

    press = getattr(ctypes, "WinDLL")("user32").keybd_event  # noqa: B009 -- of Windows alone

    def finger(*codes: int) -> Callable[[int], object]:
        """Press for as long as a finger does, and again until it helped.

        That a key was pressed and let go of between two looks is told to one program only, the
        first that asks.
        """

        def move(tries: int) -> None:
            if tries % HELD_TRIES == 0:
                for code in codes:
                    press(code, 0, UP if tries % (2 * HELD_TRIES) == 0 else 0, 0)

        return move

    read, write = os.pipe()
    try:
        with process(read) as uri:
            _drive_and(finger(KEYS["f12"]), finger(SHIFT, KEYS["f12"]), uri)
    finally:
        for code in (SHIFT, KEYS["f12"]):
            press(code, 0, UP, 0)
        os.close(write)
        os.close(read)
