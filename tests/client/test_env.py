"""`RemoteEnv` over a real socket to a real actor process."""

from __future__ import annotations

import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from ac_bridge import ACBridgeLocal, RealTimeStepper
from ac_bridge_client import RemoteEnv
from ac_bridge_client.asking import ResetOptions
from ac_bridge_client.drive import Drive, DriveOptions
from ac_bridge_client.exchange import Notice
from ac_bridge_client.link import Link
from ac_bridge_protocol.errors import (
    ActionError,
    ConnectError,
    ErrorCode,
    LinkError,
    NotResetError,
    RefusedError,
    SettingError,
)
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Event, Failure, ResetPhase, ResetProgress, Role, Telemetry
from ac_bridge_protocol.tasks import TaskResult

CODECS = ("msgpack", "json")
ACTIONS = np.random.default_rng(7).uniform((-0.4, 0.2, 0.0), (0.4, 1.0, 0.1), (40, 3))


@pytest.fixture(params=CODECS)
def env(request: pytest.FixtureRequest, lockstep_uri: str) -> Iterator[RemoteEnv]:
    """An environment in lockstep, in either codec."""
    env = RemoteEnv(lockstep_uri, codec=request.param)
    yield env
    env.close()


def drive(env: Any, seed: int) -> list[Any]:
    """Reset and take the fixed actions; return everything that came back."""
    seen: list[Any] = [env.reset(seed=seed)]
    seen += [env.step(action.astype(np.float32)) for action in ACTIONS]
    return seen


@pytest.mark.parametrize("codec", CODECS)
def test_check_env_passes_with_nothing_skipped(lockstep_uri: str, codec: str) -> None:
    """Gymnasium's checker has no complaint and no warning, its second environment included."""
    env = gym.make("ac_bridge/AssettoCorsa-v0", uri=lockstep_uri, codec=codec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


def test_same_seed_same_everything(env: RemoteEnv) -> None:
    """One seed and the same actions give the same observations, rewards and infos twice."""
    first, second = drive(env, 5), drive(env, 5)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:-1] == other[1:-1]
        for info in (one[-1], other[-1]):
            info.pop("episode", None)  # counts all of the actor's
        assert one[-1] == other[-1]


def test_another_seed_another_drive(env: RemoteEnv) -> None:
    """Two seeds do not give the same observations."""
    first, second = drive(env, 5), drive(env, 6)
    assert any(
        not np.array_equal(one[0], other[0]) for one, other in zip(first, second, strict=True)
    )


def test_remote_and_local_are_the_same_drive(env: RemoteEnv) -> None:
    """The same seed and actions give identical observations with and without the network."""
    remote = drive(env, 11)
    with ACBridgeLocal(game="standin", lockstep=True) as bridge:
        stepper = RealTimeStepper(bridge, control_hz=10)
        local = [stepper.reset(seed=11)[0]]
        local += [stepper.step(action.astype(np.float32))[0] for action in ACTIONS]
    for there, here in zip(remote, local, strict=True):
        np.testing.assert_array_equal(there[0], here)


def test_info_is_the_flat_frame_and_the_receipt(env: RemoteEnv) -> None:
    """Every field of the frame is in info under its own name."""
    _, info = env.reset(seed=1)
    assert set(TelemetryFrame.model_fields) <= info.keys()
    *_, info = env.step(np.array([0.0, 0.5, 0.0], np.float32))
    assert set(TelemetryFrame.model_fields) <= info.keys()
    assert info["receipt"].tick == 1
    assert info["receipt"].sent.throttle > 0
    assert info["progress_m"] == pytest.approx(0.0, abs=5.0)


def test_each_step_is_one_control_period(env: RemoteEnv) -> None:
    """The first step is as long as every other."""
    _, before = env.reset(seed=1)
    for tick in range(1, 6):
        *_, info = env.step([0.0, 1.0, 0.0])
        assert info["dt_actual"] == pytest.approx(0.1)
        assert info["packet_id"] - before["packet_id"] in (33, 34)
        assert info["receipt"].tick == tick
        before = info


@pytest.mark.parametrize(
    ("action", "component", "code"),
    [
        ([0.0, 0.5], "", ErrorCode.ACTION_LENGTH),
        ([0.0, 0.5, 0.0, 0.0], "", ErrorCode.ACTION_LENGTH),
        ([float("nan"), 0.5, 0.0], "steer", ErrorCode.ACTION_NOT_FINITE),
        ([0.0, float("inf"), 0.0], "throttle", ErrorCode.ACTION_NOT_FINITE),
        ([0.0, 0.5, -0.01], "brake", ErrorCode.ACTION_OUT_OF_RANGE),
        ([1.1, 0.5, 0.0], "steer", ErrorCode.ACTION_OUT_OF_RANGE),
        ("fast", "", ErrorCode.ACTION_LENGTH),
    ],
)
def test_bad_action_names_the_component(
    env: RemoteEnv, action: Any, component: str, code: ErrorCode
) -> None:
    """A bad action fails by name; the episode goes on as if it had not been tried."""
    env.reset(seed=2)
    env.step([0.0, 0.5, 0.0])
    with pytest.raises(ActionError) as caught:
        env.step(action)
    assert (caught.value.component, caught.value.code) == (component, code)
    *_, info = env.step([0.0, 0.5, 0.0])
    assert info["receipt"].tick == 2


def test_float32_rounding_is_forgiven(env: RemoteEnv) -> None:
    """A bound that float32 put a hair outside is taken for the bound."""
    env.reset(seed=2)
    *_, info = env.step(np.array([-1.0 - 5e-7, 1.0 + 5e-7, -5e-7]))
    assert info["receipt"].tick == 1


def test_actor_refuses_what_the_client_would_not_send(lockstep_uri: str) -> None:
    """NaN that reaches the actor is refused there, by name, and the session goes on."""
    with Drive(DriveOptions(lockstep_uri), lambda _: None) as drive:
        drive.reset(None, ResetOptions(), 30.0)
        with pytest.raises(ActionError) as caught:
            drive.step((0.0, float("nan"), 0.0), (), 5.0)
        assert caught.value.component == "throttle"
        assert drive.step((0.0, 0.5, 0.0), (), 5.0).result.receipt.tick == 1


def test_step_before_reset(env: RemoteEnv) -> None:
    """A step without an episode says what to do."""
    with pytest.raises(NotResetError, match=r"reset\(\)"):
        env.step([0.0, 0.0, 0.0])


def test_unknown_reset_option(env: RemoteEnv) -> None:
    """A reset option that nothing would read is refused by name."""
    with pytest.raises(SettingError, match="weather"):
        env.reset(options={"weather": "rain"})


def test_second_driver_is_told_who_drives(lockstep_uri: str) -> None:
    """A second driver's reset is refused with who holds the car; after a release it is granted."""
    first, second = RemoteEnv(lockstep_uri), RemoteEnv(lockstep_uri)
    first.reset(seed=1)
    with pytest.raises(RefusedError, match=r"driven by 127\.0\.0\.1:\d+ .*for \d+ s") as caught:
        second.reset(seed=1)
    assert caught.value.code is ErrorCode.BUSY
    first.step([0.0, 0.5, 0.0])
    first.close()
    second.reset(seed=1)
    second.close()


def test_mode_that_the_actor_does_not_run_in(lockstep_uri: str) -> None:
    """Asking for the other mode is refused with how to get it."""
    with pytest.raises(RefusedError, match="lockstep") as caught:
        RemoteEnv(lockstep_uri, mode="latest")
    assert caught.value.code is ErrorCode.NO_SUCH_MODE
    RemoteEnv(lockstep_uri, mode="lockstep").close()


def test_unknown_names_are_refused(lockstep_uri: str) -> None:
    """A codec, mode or observation profile that nobody knows is named with those that exist."""
    with pytest.raises(SettingError, match="msgpack, json"):
        RemoteEnv(lockstep_uri, codec="pickle")
    with pytest.raises(SettingError, match="bridge15"):
        RemoteEnv(lockstep_uri, observation="bridge16")
    with pytest.raises(SettingError, match="lockstep"):
        RemoteEnv(lockstep_uri, mode="turbo")


def test_nothing_listens() -> None:
    """A port where nothing listens says so, and what to check."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectError, match="Is the actor running"):
            RemoteEnv(f"ws://127.0.0.1:{port}")


@pytest.mark.parametrize("uri", ["gaming-pc:8765", "http://127.0.0.1:1", "", "ws://"])
def test_not_an_address(uri: str) -> None:
    """What is not an address is answered with how to write one."""
    with pytest.raises(ConnectError, match="ws://HOST:PORT"):
        RemoteEnv(uri)


def test_something_else_listens() -> None:
    """A server that is not an actor is recognised."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = server.accept()
        peer.recv(4096)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        peer.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(ConnectError, match="Check the port"):
        RemoteEnv(f"ws://127.0.0.1:{server.getsockname()[1]}")
    thread.join()
    server.close()


def test_silent_server_times_out() -> None:
    """A server that never answers is given up after the time set."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ConnectError, match="did not answer"),
    ):
        RemoteEnv(f"ws://127.0.0.1:{server.getsockname()[1]}", connect_timeout_s=0.2)


def test_closed_env_stays_closed(lockstep_uri: str) -> None:
    """Closing twice is fine; stepping or resetting a closed environment is refused."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    env.close()
    env.close()
    with pytest.raises(LinkError, match="closed"):
        env.step([0.0, 0.0, 0.0])
    with pytest.raises(LinkError, match="closed"):
        env.reset()


def test_own_task_decides(lockstep_uri: str) -> None:
    """A task is any object with two methods; what it says is what step returns."""

    class Sprint:
        def reset(self, frame: TelemetryFrame) -> None:
            self.steps = 0

        def step(
            self, previous: TelemetryFrame, action: tuple[float, ...], frame: TelemetryFrame
        ) -> TaskResult:
            self.steps += 1
            gained = frame.speed_kmh - previous.speed_kmh
            return TaskResult(gained, truncated=self.steps >= 5, info={"action": action})

    env = RemoteEnv(lockstep_uri, task=Sprint())
    env.reset(seed=1)
    results = [env.step([0.0, 1.0, 0.0]) for _ in range(5)]
    assert [result[3] for result in results] == [False] * 4 + [True]
    assert sum(result[1] for result in results) > 0
    assert results[0][4]["action"] == (0.0, 1.0, 0.0)
    env.close()


def test_notices_tell_progress_events_and_frames(lockstep_uri: str) -> None:
    """Telemetry, events and the reset's phases come beside the answers, at the rate asked for."""
    notices: list[Notice] = []
    env = RemoteEnv(lockstep_uri, on_notice=notices.append)
    env.subscribe(60.0)
    env.reset(seed=1)
    notices_before = len(notices)
    for _ in range(10):
        env.step([0.0, 0.5, 0.0])
    frames = [n.frame for n in notices[notices_before:] if isinstance(n, Telemetry)]
    assert 55 <= len(frames) <= 61, "one second of game time at 60 Hz"
    packets = [frame.packet_id for frame in frames]
    assert packets == sorted(packets)
    assert [n.phase for n in notices if isinstance(n, ResetProgress)][-1] is ResetPhase.SETTLING
    assert any(isinstance(n, Event) for n in notices)
    env.close()


def test_subscription_beyond_the_actors_rate(lockstep_uri: str) -> None:
    """A rate above the actor's is refused with the most it can give; the episode goes on."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    with pytest.raises(SettingError, match="60 frames a second"):
        env.subscribe(300.0)
    *_, info = env.step([0.0, 0.5, 0.0])
    assert info["receipt"].tick == 1
    env.close()


def test_failure_of_something_else_does_not_cost_a_step(lockstep_uri: str) -> None:
    """A message refused by the actor that nobody waits for comes as a notice, not as an answer."""
    notices: list[Notice] = []
    with Drive(DriveOptions(lockstep_uri), notices.append) as drive:
        drive.reset(1, ResetOptions(), 30.0)
        assert drive._link is not None
        drive._link.send(drive._link.exchange.subscribe(300.0))
        assert drive.step((0.0, 0.5, 0.0), (), 5.0).result.receipt.tick == 1
    assert [n.code for n in notices if isinstance(n, Failure)] == [ErrorCode.SETTING]


def test_real_time_ticks_and_spectator(realtime_uri: str) -> None:
    """In real time every step is one tick; a spectator beside it receives at its own rate."""
    frames: list[TelemetryFrame] = []

    def keep(notice: Notice) -> None:
        if isinstance(notice, Telemetry):
            frames.append(notice.frame)

    spectator = Link(realtime_uri, role=Role.SPECTATOR, codec="json", on_notice=keep)
    env = RemoteEnv(realtime_uri)
    env.reset()
    spectator.subscribe(60.0)
    receipts = [env.step([0.0, 0.5, 0.0])[4]["receipt"] for _ in range(30)]
    env.close()
    passed = receipts[-1].tick
    assert passed == 30 + sum(r.ticks_held + r.ticks_missed for r in receipts)
    assert [r.tick for r in receipts] == sorted({r.tick for r in receipts})
    while not (any(f.throttle > 0 for f in frames) and frames[-1].throttle == 0):
        spectator.listen(5.0)  # until it has seen the wheel used and let go of
    assert len(frames) >= passed, "60 Hz beside 30 Hz of control"
    spectator.close()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("delay_ticks", 2.5),
        ("delay_ticks", True),
        ("delay_ticks", "2"),
        ("delay_ticks", 0),
        ("measure_s", -1.0),
        ("connect_timeout_s", 0.0),
        ("step_timeout_s", -1.0),
        ("reset_timeout_s", float("nan")),
    ],
)
def test_arguments_that_make_no_sense_are_named(argument: str, value: Any) -> None:
    """Before anything is connected to."""
    with pytest.raises(SettingError) as caught:
        RemoteEnv("ws://127.0.0.1:1", mode="fixed_delay", **{argument: value})
    assert caught.value.setting == argument


def test_a_bad_plan_says_which_action(lockstep_uri: str) -> None:
    """By its place; nothing of the step was taken."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    with pytest.raises(ActionError, match=r"Action 1 of the plan.*throttle") as caught:
        env.step([0.0, 0.5, 0.0], plan=[[0.0, 0.5, 0.0], [0.0, float("nan"), 0.0]])
    assert caught.value.component == "throttle"
    with pytest.raises(ActionError, match="Action 0 of the plan"):
        env.step([0.0, 0.5, 0.0], plan=[0.0, 0.5, 0.0])
    assert env.step([0.0, 0.5, 0.0])[4]["receipt"].action_id == 0
    env.close()
    with pytest.raises(LinkError, match="closed"):
        env.step([0.0, 0.5, 0.0])


def test_closing_over_a_link_that_died_unnoticed_frees_the_car(lockstep_uri: str) -> None:
    """The good-bye goes nowhere, so the car is let go of over a new link."""
    env = RemoteEnv(lockstep_uri)
    env.reset(seed=1)
    link = env._drive._link
    assert link is not None
    link._socket.shutdown(socket.SHUT_RDWR)
    assert link.open, "nobody has noticed"
    env.close()
    other = RemoteEnv(lockstep_uri)
    other.reset(seed=1)  # not busy
    other.close()
