"""`AsyncRemoteEnv` over a real socket."""

from __future__ import annotations

import asyncio
import socket

import numpy as np
import pytest

from ac_bridge_client import AsyncRemoteEnv, RemoteEnv
from ac_bridge_protocol.errors import (
    ActionError,
    ConnectError,
    LinkLostError,
    NotResetError,
    SettingError,
)


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


def test_nothing_listens() -> None:
    """A port where nothing listens says what to check."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ConnectError, match="Is the actor running"):
            asyncio.run(AsyncRemoteEnv.connect(f"ws://127.0.0.1:{port}"))


def test_cancelled_step_ends_the_link(realtime_uri: str) -> None:
    """An answer that nobody waits for any more can never meet the next request."""

    async def drive() -> None:
        env = await AsyncRemoteEnv.connect(realtime_uri)
        await env.reset()
        step = asyncio.create_task(env.step([0.0, 0.5, 0.0]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        with pytest.raises((LinkLostError, NotResetError)):
            await env.step([0.0, 0.5, 0.0])
        await env.close()

    asyncio.run(drive())
