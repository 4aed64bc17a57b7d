"""`AsyncRemoteEnv` over a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading

import numpy as np
import pytest

from ac_bridge_client import AsyncRemoteEnv, RemoteEnv
from ac_bridge_client.exchange import Notice
from ac_bridge_protocol.errors import (
    ActionError,
    ConnectError,
    LinkError,
    NotResetError,
    SettingError,
)
from ac_bridge_protocol.messages import Release, ResetProgress, Step, Telemetry
from helpers.scripted import Peer, scripted


@pytest.mark.parametrize("codec", ["msgpack", "json"])
def test_drives_like_the_blocking_one(lockstep_uri: str, codec: str) -> None:
    """The same seed and actions give the same observations as `RemoteEnv`."""
    actions = [[0.1, 0.8, 0.0]] * 10

    async def drive() -> list[np.ndarray]:
        async with await AsyncRemoteEnv.connect(lockstep_uri, codec=codec) as env:
            assert env.observation_space.shape == (15,)
            observation, _ = await env.reset(seed=4)
            return [observation] + [(await env.step(action))[0] for action in actions]

    seen = asyncio.run(drive())
    env = RemoteEnv(lockstep_uri)
    expected = [env.reset(seed=4)[0]] + [env.step(action)[0] for action in actions]
    env.close()
    np.testing.assert_array_equal(seen, expected)


def test_concurrent_steps_take_turns(lockstep_uri: str) -> None:
    """Steps asked for at once are made one after the other; no answer meets another's request."""

    async def drive() -> list[int]:
        async with await AsyncRemoteEnv.connect(lockstep_uri) as env:
            await env.reset(seed=1)
            results = await asyncio.gather(*(env.step([0.0, 0.5, 0.0]) for _ in range(5)))
            return [result[4]["receipt"].tick for result in results]

    assert asyncio.run(drive()) == [1, 2, 3, 4, 5]


def test_bad_input_is_refused_and_loses_nothing(lockstep_uri: str) -> None:
    """The same errors as the blocking environment's, and the episode goes on."""

    async def drive() -> None:
        async with await AsyncRemoteEnv.connect(lockstep_uri) as env:
            with pytest.raises(NotResetError):
                await env.step([0.0, 0.5, 0.0])
            await env.reset(seed=1)
            with pytest.raises(ActionError):
                await env.step([0.0, float("nan"), 0.0])
            with pytest.raises(SettingError):
                await env.reset(options={"x": 1})
            assert (await env.step([0.0, 0.5, 0.0]))[4]["receipt"].tick == 1

    asyncio.run(drive())


def test_starts(lockstep_uri: str) -> None:
    """As of the blocking one; after a refused one the next reset is as any other."""

    async def drive() -> list[float]:
        async with await AsyncRemoteEnv.connect(lockstep_uri) as env:
            _, pit = await env.reset(seed=1, options={"start": "pit"})
            with pytest.raises(SettingError, match="there is no start"):
                await env.reset(options={"start": {"distance": 99_999}})
            _, far = await env.reset(options={"start": {"distance": 600}})
            _, line = await env.reset()
            return [float(one["normalized_position"]) for one in (pit, far, line)]

    pit, far, line = asyncio.run(drive())
    assert pit > 0.9
    assert 0.1 < far < 0.5
    assert line < 0.01


def test_nothing_listens() -> None:
    """A port where nothing listens says what to check."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectError, match="Is the actor running"):
            asyncio.run(AsyncRemoteEnv.connect(f"ws://127.0.0.1:{port}"))


def test_a_cancelled_step_is_not_taken_back(realtime_uri: str) -> None:
    """Its answer is thrown away, never taken for another's; the episode goes on."""

    async def drive() -> list[int]:
        async with await AsyncRemoteEnv.connect(realtime_uri) as env:
            await env.reset()
            step = asyncio.create_task(env.step([0.0, 0.5, 0.0]))
            while env._last is None or not env._last.running():  # noqa: ASYNC110 -- a thread's
                await asyncio.sleep(0)
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
            return [(await env.step([0.0, 0.5, 0.0]))[4]["receipt"].action_id for _ in range(2)]

    assert asyncio.run(drive()) == [1, 2]


def test_what_was_cancelled_before_its_turn_never_happens(realtime_uri: str) -> None:
    """Steps that wait for others and are cancelled are not made."""

    async def drive() -> int:
        async with await AsyncRemoteEnv.connect(realtime_uri) as env:
            await env.reset()
            steps = [asyncio.create_task(env.step([0.0, 0.5, 0.0])) for _ in range(5)]
            await asyncio.sleep(0)
            for step in steps[1:]:
                step.cancel()
            await asyncio.gather(*steps, return_exceptions=True)
            return int((await env.step([0.0, 0.5, 0.0]))[4]["receipt"].action_id)

    assert asyncio.run(drive()) == 1


def test_closing_does_not_wait_for_an_actor_that_hangs() -> None:
    """A step that nobody answers is given up, the car released, and no thread is left."""
    released = []

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.begin()
        peer.next(Step)
        released.append(peer.next(Release))

    async def drive(uri: str) -> None:
        env = await AsyncRemoteEnv.connect(uri, step_timeout_s=60.0)
        await env.reset()
        step = asyncio.create_task(env.step([0.0, 0.5, 0.0]))
        await asyncio.sleep(0)
        await env.close()
        with pytest.raises(LinkError):
            await step
        await env.close()

    with scripted(script) as uri:
        asyncio.run(drive(uri))
    assert released
    assert not [t for t in threading.enumerate() if t.name.startswith("ac-bridge-env")]


def test_a_cancelled_connect_leaves_nothing() -> None:
    """What comes to be when nobody waits for it any more is closed at once."""
    asked, gone = threading.Event(), threading.Event()
    go_on = threading.Event()

    def script(peer: Peer) -> None:
        asked.set()
        assert go_on.wait(10.0)
        peer.welcome()
        peer.next(Release)
        gone.set()

    async def connect(uri: str) -> None:
        task = asyncio.create_task(AsyncRemoteEnv.connect(uri))
        assert await asyncio.to_thread(asked.wait, 10.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await asyncio.to_thread(gone.wait, 10.0)

    with scripted(script) as uri:
        asyncio.run(connect(uri))


def test_notices_come_in_the_loop(lockstep_uri: str) -> None:
    """Frames and events are handed over in the event loop's thread, before the step returns."""
    threads: set[int] = set()
    kinds: set[type] = set()

    def notice(one: Notice) -> None:
        threads.add(threading.get_ident())
        kinds.add(type(one))

    async def drive() -> None:
        async with await AsyncRemoteEnv.connect(lockstep_uri, on_notice=notice) as env:
            await env.subscribe(60.0)
            await env.reset(seed=1)
            await env.step([0.0, 0.5, 0.0], [[0.0, 0.4, 0.0]])
            assert {Telemetry, ResetProgress} <= kinds
            assert env.stats().steps == 1

    asyncio.run(drive())
    assert threads == {threading.get_ident()}
