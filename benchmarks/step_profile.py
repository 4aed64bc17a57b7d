"""Where does a step's time go? Each part by itself, hot, in one process and without a socket.

    uv run python benchmarks/step_profile.py [--json]

The parts of the step that `step_latency.py` measures. The same code is slower there than the sum
here: between two steps each side sleeps, and wakes with cold caches. The last row shows by how
much: the same parts with a nap of 0.2 ms before each round.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from ac_bridge.clock import SystemClock
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.episode import Episode
from ac_bridge.pacing import TickStats, percentile
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.stepper import answer
from ac_bridge.telemetry.observation import BRIDGE15
from ac_bridge_client.core import EnvCore
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.messages import MESSAGE, ResetResult, Step
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode

sys.path.insert(0, str(Path(__file__).parent))
from _constant_game import ConstantGame

CLOCK = SystemClock()
NAP_S = 0.0002
ACTION = np.array([0.1, 0.6, 0.0], np.float32)
Part = Callable[[], Any]


def parts() -> dict[str, Part]:
    """Return each part of a step as something to call, in the order in which they come."""
    rig = Rig(ConstantGame(), RigSettings(60.0, 60.0, smoothing_named("moderate")))
    for deadline in rig.reset(None, lambda _phase, _attempt: None):
        rig.clock.sleep_until(deadline)
    episode = Episode(rig, TickStats())
    stream = rig.telemetry_stream()
    outcome = run_tick(rig, episode)
    result = answer(1, outcome, CLOCK.now())
    core = client_core(rig, result.observation, outcome)
    checked = core.check(ACTION)
    step_bytes = MSGPACK.encode(Step(id=1, action=checked))
    answer_bytes = MSGPACK.encode(result)
    plain = MSGPACK._load(answer_bytes)
    return {
        "client: check the action": lambda: core.check(ACTION),
        "client: build and encode the step": lambda: MSGPACK.encode(Step(id=1, action=checked)),
        "actor: decode and validate the step": lambda: MSGPACK.decode(step_bytes, binary=True),
        "actor: check, smooth, apply the action": lambda: episode.ask(checked),
        "actor: read and decode the pages to a frame": lambda: rig.sample(stream),
        "actor: compute the observation": lambda: BRIDGE15.observe(outcome.frame),
        "actor: encode the answer": lambda: MSGPACK.encode(answer(1, outcome, 0.0)),
        "client: unpack the answer": lambda: MSGPACK._load(answer_bytes),
        "client: validate the answer": lambda: MESSAGE.validate_python(plain),
        "client: judge the task, build info": lambda: core.finish(checked, result),
        "both: WebSocket framing of both messages": framing(step_bytes, answer_bytes),
    }


def run_tick(rig: Rig, episode: Episode) -> Any:
    """Make a step of one control period and return what it brought."""
    ticket = episode.ask(ACTION.tolist())
    for deadline in episode.until_tick():
        rig.run_lockstep(deadline, rig.telemetry_stream(), lambda _frame: None)
    episode.reach()
    return episode.outcome(ticket)


def client_core(rig: Rig, observation: tuple[float, ...], outcome: Any) -> EnvCore:
    """Return the client's half, in the middle of an episode."""
    spec = EnvSpec(
        game="constant",
        mode=Mode.LOCKSTEP,
        modes=(Mode.LOCKSTEP,),
        control_hz=60.0,
        telemetry_hz=60.0,
        observation_profile="bridge15",
        observation=rig.settings.plan.features,
        action=DRIVING_ACTION,
        smoothing="moderate",
    )
    core = EnvCore(spec, None)
    core.begin(
        ResetResult(
            id=0,
            episode=1,
            statics=rig.require_statics(),
            observation=observation,
            frame=outcome.frame,
        )
    )
    return core


def framing(step_bytes: bytes, answer_bytes: bytes) -> Part:
    """Return a round trip through websockets' protocol core, as both sides make it."""
    client = ClientProtocol(parse_uri("ws://127.0.0.1:1"))
    server = ServerProtocol()
    client.send_request(client.connect())
    server.receive_data(b"".join(client.data_to_send()))
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    client.receive_data(b"".join(server.data_to_send()))
    client.events_received()

    def round_trip() -> list[Any]:
        client.send_binary(step_bytes)
        server.receive_data(b"".join(client.data_to_send()))
        server.events_received()
        server.send_binary(answer_bytes)
        client.receive_data(b"".join(server.data_to_send()))
        return client.events_received()

    (frame,) = round_trip()
    assert isinstance(frame, Frame)
    assert frame.opcode is Opcode.BINARY
    return round_trip


def hot_us(part: Part) -> float:
    """Return what one call costs when it is called again and again, in microseconds."""
    return min(timeit.repeat(part, number=500, repeat=7)) / 500 * 1e6


def after_nap_us(every: list[Part]) -> float:
    """Return what all parts cost once, after a nap, in microseconds (median)."""
    times = []
    for _ in range(1000):
        CLOCK.sleep_until(CLOCK.now() + NAP_S)
        began = CLOCK.now()
        for part in every:
            part()
        times.append(CLOCK.now() - began)
    return percentile(times, 0.5) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    every = parts()
    costs = {name: round(hot_us(part), 1) for name, part in every.items()}
    total = round(sum(costs.values()), 1)
    napped = round(after_nap_us(list(every.values())), 1)
    if options.json:
        print(json.dumps({"parts_us": costs, "hot_us": total, "after_nap_us": napped}))
        return
    table = Table(title="Parts of a step, MessagePack")
    table.add_column("part")
    table.add_column("us", justify="right")
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.1f}")
    table.add_section()
    table.add_row("all of it, hot", f"{total:.1f}")
    table.add_row("all of it, after a nap of 0.2 ms", f"{napped:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
