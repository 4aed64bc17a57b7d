"""How much does a step over WebSocket cost beyond the WebSocket itself?

    uv run python benchmarks/step_latency.py [--json] [--quick]

One run interleaves, in blocks, for both codecs:

- **step**: `RemoteEnv.step` in lockstep against an actor whose game costs nothing: action checked,
  sent, decoded, applied, three pages decoded into the full frame, observation, receipt, answer
  encoded, sent, decoded and validated, task judged;
- **echo**: the same number of bytes each way through a bare websockets server (`serve` and a
  two-line handler on uvloop) and the same blocking socket under websockets' Sans-I/O client;

and beside them **AsyncVectorEnv**: Gymnasium's own way to step one environment in another process,
through pipes and shared memory, with an environment that does nothing but return a full frame.

Each side is pinned to a core of its own where there are two: processes on one core take turns
without waking each other, which takes a third of the time, and unpinned runs mix both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from ac_bridge.clock import SystemClock
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.machine.loops import run_on_best_loop
from ac_bridge.pacing import percentile
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.app import ActorApp
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import CODEC_NAMES
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import Step, StepResult

sys.path.insert(0, str(Path(__file__).parent))
from _constant_game import ConstantGame

CONTROL_HZ = 60.0
CLOCK = SystemClock()
ACTION = np.array([0.1, 0.6, 0.0], np.float32)


def pin(core: int) -> None:
    """Keep this process on one core, where the machine lets us and has several."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


# --- The other side, each in a process of its own -------------------------------------------------


def run_actor(ready: Pipe) -> None:
    """Serve the constant game."""
    pin(1)
    import structlog

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    settings = RigSettings(CONTROL_HZ, CONTROL_HZ, smoothing_named("moderate"))

    async def main() -> None:
        rig = Rig(ConstantGame(), settings)
        await ActorApp(rig, host="127.0.0.1", port=0, on_ready=ready.send).run()

    run_on_best_loop(main())


def run_echo(ready: Pipe, answer: bytes) -> None:
    """Answer every message with the same bytes."""
    pin(1)

    async def handler(websocket: ServerConnection) -> None:
        async for _ in websocket:
            await websocket.send(answer)

    async def main() -> None:
        async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            ready.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.get_running_loop().create_future()

    uvloop.run(main())


def start(target: Callable[..., None], *args: Any) -> tuple[multiprocessing.Process, int]:
    """Start a server process and return it with its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(theirs, *args), daemon=True)
    process.start()
    if not ours.poll(30):
        raise RuntimeError(f"{target.__name__} did not come up")
    return process, ours.recv()


# --- What is measured -----------------------------------------------------------------------------


class EchoClient:
    """The client's technique without the protocol: a blocking socket under ClientProtocol."""

    def __init__(self, port: int, request: bytes) -> None:
        self._request = request
        self._ws = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}"), max_size=None)
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ws.send_request(self._ws.connect())
        self._exchange()

    def step(self) -> None:
        """Send the request and wait for the whole answer."""
        self._ws.send_binary(self._request)
        self._exchange()

    def close(self) -> None:
        """Close in good order, so that the server has nothing to complain about."""
        self._ws.send_close()
        self._exchange()
        self._socket.close()

    def _exchange(self) -> None:
        for data in self._ws.data_to_send():
            self._socket.sendall(data)
        while not self._ws.events_received():
            self._ws.receive_data(self._socket.recv(65536))
        for data in self._ws.data_to_send():
            self._socket.sendall(data)


class FullFrameEnv(gym.Env[Any, Any]):
    """An environment that costs nothing and returns what RemoteEnv returns."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.observation_space = gym.spaces.Box(-5, 5, (15,), np.float32)
        self.action_space = gym.spaces.Box(-1, 1, (3,), np.float32)
        self._info = info

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
        """Return the start."""
        return np.zeros(15, np.float32), dict(self._info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return the same again."""
        return np.zeros(15, np.float32), 0.0, False, False, dict(self._info)


def sizes(codec: str, env: RemoteEnv) -> tuple[int, int]:
    """Return the bytes of a step and of its answer in a codec."""
    env.reset()
    observation, *_, info = env.step(ACTION)
    frame = TelemetryFrame.model_validate({n: info[n] for n in TelemetryFrame.model_fields})
    answer = StepResult(
        id=1,
        observation=tuple(map(float, observation)),
        frame=frame,
        receipt=info["receipt"],
        t_sent=CLOCK.now(),
    )
    request = Step(id=1, action=tuple(map(float, ACTION)))
    encode = CODEC_NAMES[codec].encode
    return len(encode(request)), len(encode(answer))


def block(step: Callable[[], object], count: int) -> list[float]:
    """Return the seconds that each of `count` steps took."""
    times = []
    for _ in range(count):
        began = CLOCK.now()
        step()
        times.append(CLOCK.now() - began)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Return p50 and p99 in microseconds."""
    return {f"p{p}": round(percentile(times, p / 100) * 1e6, 1) for p in (50, 99)}


def measure(blocks: int, count: int) -> dict[str, Any]:
    """Run everything and return the figures."""
    actor, port = start(run_actor)
    results: dict[str, Any] = {}
    for codec in CODEC_NAMES:
        env = RemoteEnv(f"ws://127.0.0.1:{port}", codec=codec)
        results[codec] = measure_codec(codec, env, blocks, count)
        *_, info = env.step(ACTION)
        env.close()
    actor.terminate()
    results["async_vector_env"] = measure_vector(info, blocks * count // 2)
    return results


def measure_codec(codec: str, env: RemoteEnv, blocks: int, count: int) -> dict[str, Any]:
    """Step and echo in turn, block after block; the first block of each warms up."""
    request_size, answer_size = sizes(codec, env)
    process, port = start(run_echo, b"x" * answer_size)
    echo = EchoClient(port, b"x" * request_size)
    steps: list[float] = []
    echoes: list[float] = []
    ratios: list[float] = []
    for index in range(blocks + 1):
        stepped = block(lambda: env.step(ACTION), count)
        echoed = block(echo.step, count)
        if index:
            steps += stepped
            echoes += echoed
            ratios.append(percentile(stepped, 0.5) / percentile(echoed, 0.5))
    echo.close()
    process.terminate()
    return {
        "step_us": summary(steps),
        "echo_us": summary(echoes),
        "ratio_p50": round(percentile(steps, 0.5) / percentile(echoes, 0.5), 3),
        "ratio_p50_by_block": [round(min(ratios), 3), round(max(ratios), 3)],
        "bytes": {"request": request_size, "answer": answer_size},
    }


def measure_vector(info: dict[str, Any], count: int) -> dict[str, Any]:
    """Step one environment in a worker process through Gymnasium's AsyncVectorEnv."""

    def make() -> FullFrameEnv:
        pin(1)
        return FullFrameEnv(info)

    vector = gym.vector.AsyncVectorEnv([make])
    vector.reset()
    actions = np.zeros((1, 3), np.float32)
    block(lambda: vector.step(actions), count // 10)
    times = block(lambda: vector.step(actions), count)
    vector.close()
    return {"step_us": summary(times), "info_fields": len(info)}


def show(results: dict[str, Any]) -> None:
    """Print the figures as a table."""
    table = Table(title="One step, lockstep, loopback (microseconds)")
    for column in ("", "p50", "p99", "bytes out / in", "p50 over echo's"):
        table.add_column(column, justify="right" if column else "left")
    for codec in CODEC_NAMES:
        result = results[codec]
        step, echo, size = result["step_us"], result["echo_us"], result["bytes"]
        bytes_ = f"{size['request']} / {size['answer']}"
        table.add_row(
            f"{codec}: step", f"{step['p50']}", f"{step['p99']}", bytes_, f"{result['ratio_p50']}"
        )
        table.add_row(f"{codec}: bare echo", f"{echo['p50']}", f"{echo['p99']}", bytes_, "1")
    vector = results["async_vector_env"]["step_us"]
    table.add_row("AsyncVectorEnv (pipe)", f"{vector['p50']}", f"{vector['p99']}", "", "")
    Console().print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a fifth of the steps")
    options = parser.parse_args()
    pin(0)
    results = measure(blocks=4 if options.quick else 20, count=500)
    results["machine"] = (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}"
    )
    if options.json:
        print(json.dumps(results))
    else:
        show(results)


if __name__ == "__main__":
    main()
