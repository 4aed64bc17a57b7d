"""What happens to a learner when its link, its patience or its actor ends at a bad moment."""

from __future__ import annotations

import socket
import threading
from typing import Any

import numpy as np
import pytest

from ac_bridge.game import NEUTRAL
from ac_bridge.server.lease import Terms
from ac_bridge_client import EnvStats, Link, RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.errors import (
    LinkError,
    LinkTimeoutError,
    NotResetError,
    RefusedError,
    SettingError,
)
from ac_bridge_protocol.messages import EndReason, Telemetry
from helpers.actors import make_rig, serving, wheel_of
from helpers.cutting import cutting

DRIVE = [0.0, 0.5, 0.0]


def test_an_interrupted_step_does_not_wedge(
    lockstep_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C in a step: the episode goes on with the next one, and a reset begins another."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)

    def interrupt(self: Link, *_: object) -> None:
        raise KeyboardInterrupt

    ticks = []
    for where in ("_flush", "_read"):
        with monkeypatch.context() as patched:
            patched.setattr(Link, where, interrupt)
            with pytest.raises(KeyboardInterrupt):
                env.step(DRIVE)
        ticks.append(env.step(DRIVE)[4]["receipt"].tick)
    assert ticks == [2, 4], "what was asked for was done once, and its answer thrown away"
    env.reset(seed=1)
    assert env.step(DRIVE)[4]["receipt"].tick == 1
    env.close()


def test_an_old_refusal_is_not_the_new_answer(
    lockstep_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of an interrupted reset is not raised for the next reset."""
    holder, other = RemoteEnv(lockstep_uri), RemoteEnv(lockstep_uri)
    holder.reset(seed=1)

    def interrupt(self: Link, deadline_s: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Link, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            other.reset(seed=1)
    with pytest.raises(RefusedError):
        other.reset(seed=1)  # still busy, and told so for this very request
    holder.close()
    assert other.reset(seed=1)[1]["episode"] > 0
    other.close()


def test_a_drive_through_an_unreliable_link(lockstep_uri: str) -> None:
    """Cut every few messages: to the last bit the drive that it is over a link that holds."""
    actions = np.random.default_rng(3).uniform((-0.3, 0.2, 0.0), (0.3, 1.0, 0.1), (60, 3))

    def drive(uri: str) -> tuple[list[Any], EnvStats]:
        env = RemoteEnv(uri)
        seen = [env.reset(seed=9)[0], *(env.step(action)[0] for action in actions)]
        env.close()
        return seen, env.stats()

    with cutting(int(lockstep_uri.rsplit(":", 1)[1]), every_bytes=20_000) as uri:
        over_a_bad_one, stats = drive(uri)
    over_a_good_one, _ = drive(lockstep_uri)
    np.testing.assert_array_equal(over_a_bad_one, over_a_good_one)
    assert stats.reconnects >= 5
    assert stats.steps == len(actions)


def test_an_actor_that_is_stopped_ends_the_episode() -> None:
    """The last observation once more, truncated, with the reason; then a reset is needed."""
    with serving(make_rig()) as (uri, _):
        env = RemoteEnv(uri)
        env.reset(seed=1)
        before, *_, last = env.step(DRIVE)
    observation, reward, terminated, truncated, info = env.step(DRIVE)
    assert info["end_reason"] is EndReason.ACTOR_STOPPED
    assert (reward, terminated, truncated) == (0.0, False, True)
    np.testing.assert_array_equal(observation, before)
    assert info["packet_id"] == last["packet_id"]
    assert info["receipt"].tick_applied is None
    assert info["receipt"].action_id == 1
    with pytest.raises(NotResetError):
        env.step(DRIVE)
    env.close()


def test_the_car_is_taken_over() -> None:
    """An operator's key takes it; whoever had it is told at its next step."""
    with serving(make_rig(), terms=Terms(takeover_key="sesame")) as (uri, _):
        env, operator = RemoteEnv(uri), RemoteEnv(uri)
        env.reset(seed=1)
        with pytest.raises(RefusedError):
            operator.reset(options={"takeover": "wrong"})
        operator.reset(seed=1, options={"takeover": "sesame"})
        *_, truncated, info = env.step(DRIVE)
        assert truncated
        assert info["end_reason"] is EndReason.TAKEN_OVER
        with pytest.raises(RefusedError):
            env.reset(seed=1)
        operator.close()
        env.reset(seed=1)
        env.close()


@pytest.mark.parametrize("options", [{"takeover": 5}, {"takeover": "x", "start": "moon"}])
def test_reset_options_that_cannot_be(lockstep_uri: str, options: dict[str, Any]) -> None:
    """The key is text, and a start is one that there is."""
    env = RemoteEnv(lockstep_uri)
    with pytest.raises(SettingError):
        env.reset(options=options)
    env.close()


def test_reset_connects_again_by_itself() -> None:
    """An actor that was restarted while nobody looked costs nothing but the episode."""
    with serving(make_rig()) as (uri, _):
        port = int(uri.rsplit(":", 1)[1])
        frames: list[Notice] = []
        env = RemoteEnv(uri, on_notice=frames.append)
        env.subscribe(60.0)
        env.reset(seed=1)
    with serving(make_rig(), port=port):
        env.reset(seed=1)
        frames.clear()
        assert env.step(DRIVE)[4]["receipt"].tick == 1
        assert any(isinstance(notice, Telemetry) for notice in frames), "subscribed again"
        env.close()


def test_an_actor_that_offers_something_else_is_not_taken_for_the_old_one() -> None:
    """After a restart with another rate the old spaces and steps do not go on silently."""
    with serving(make_rig()) as (uri, _):
        port = int(uri.rsplit(":", 1)[1])
        env = RemoteEnv(uri)
        env.reset(seed=1)
    with serving(make_rig(control_hz=20.0), port=port):
        with pytest.raises(LinkError, match="Make a new environment"):
            env.reset(seed=1)
        env.close()


def test_timeout_counts_the_whole_request() -> None:
    """An actor that keeps talking without answering is given up; the car stays ours."""
    rig = make_rig(lockstep=False, control_hz=1.0)
    with serving(rig) as (uri, _):
        env, other = RemoteEnv(uri, step_timeout_s=0.1), RemoteEnv(uri)
        env.subscribe(60.0)
        env.reset()
        with pytest.raises(LinkTimeoutError):
            env.step([0.0, 1.0, 0.0])  # the tick is a second away, frames come all the time
        with pytest.raises(NotResetError):
            env.step(DRIVE)
        with pytest.raises(RefusedError):
            other.reset()
        env.reset()
        assert env.stats().reconnects == 0
        env.close()
        other.close()
    assert wheel_of(rig).now == NEUTRAL


def test_polling_is_not_a_broken_link(lockstep_uri: str) -> None:
    """Listening for no time at all returns and leaves the link as it is."""
    link = Link(lockstep_uri)
    link.listen(0.0)
    assert link.open
    link.close()


@pytest.mark.parametrize("seed", [-1, 2**53, True, "1", 1.5])
def test_unusable_seeds_are_named(lockstep_uri: str, seed: object) -> None:
    """A seed that the wire cannot carry is refused as a setting, before anything is sent."""
    link = RemoteEnv(lockstep_uri)
    with pytest.raises((SettingError, Exception)) as caught:
        link.reset(seed=seed)  # type: ignore[arg-type]
    assert "seed" in str(caught.value).lower()
    link.close()


def test_half_open_server_does_not_hang_close() -> None:
    """Closing does not wait for a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()
        held: list[socket.socket] = []

        def accept() -> None:
            held.append(server.accept()[0])
            done.set()

        thread = threading.Thread(target=accept)
        thread.start()
        with pytest.raises(LinkError):
            Link(f"ws://127.0.0.1:{server.getsockname()[1]}", connect_timeout_s=0.3)
        assert done.wait(5.0)
        thread.join()
        held[0].close()
