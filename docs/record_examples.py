#!/usr/bin/env python3
"""Records the examples of the published protocol: one message of every type, of a real session.

    uv run python docs/record_examples.py

Writes `protocol/ac_bridge_protocol/examples.json`; then run `docs/generate_reference.py`. Only
needed when a message gets another field. The session is driven on the stand-in in lockstep, from
a seed, over a socket of JSON: the messages are as they crossed it, but for the session's secret.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ac_bridge.cli.child import actor_process
from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.runs import RunTerms
from ac_bridge_protocol.spec import EnvSpec, spec_digest
from ac_bridge_protocol.tasks import TaskSpec

FILE = Path(__file__).parents[1] / "protocol" / "ac_bridge_protocol" / "examples.json"
SECRET = "the-secret-of-this-session"  # noqa: S105 -- stands for one
STEPS = 40

Plain = dict[str, Any]


class Tape:
    """What was said, in order, each with what it is an example of."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Plain]] = []

    def note(self, what: str, message: Plain) -> Plain:
        """Keep a message as an example."""
        self.said.append((what, message))
        return message

    def write(self) -> None:
        """Write the file, a message a line."""
        lines = [json.dumps(one, ensure_ascii=False) for one in self.said]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
        FILE.write_text(text, encoding="utf-8", newline="\n")


class Peer:
    """A connection of JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, message: Plain) -> Plain:
        """Send a message, and give it back."""
        self.socket.send(json.dumps(message))
        return message

    def hear(self, kind: str) -> Plain:
        """Return the next message of a type."""
        while True:
            message: Plain = json.loads(self.socket.recv(timeout=20))
            if message["type"] == kind:
                return message


@contextlib.contextmanager
def peer(uri: str) -> Iterator[Peer]:
    """Connect."""
    with connect(uri, subprotocols=[Subprotocol(JSON.subprotocol)], proxy=None) as socket:
        yield Peer(socket)


def hello(**more: Any) -> Plain:
    """Return a hello."""
    return {"type": "hello", "client": "my-client/1.0"} | more


def record_driver(tape: Tape, uri: str) -> None:
    """Drive a little, as a driver in lockstep does, with a spectator beside it."""
    with peer(uri) as driver, peer(uri) as spectator:
        driver.say(tape.note("a driver, in the actor's own mode", hello(role="driver", mode=None)))
        welcome = driver.hear("welcome")
        tape.note("a driver's, of an actor in lockstep", welcome | {"session": SECRET})
        spectator.say(tape.note("somebody who only watches", hello(role="spectator")))
        spectator.hear("welcome")
        tape.note(
            "a driver that comes back after its link was lost",
            hello(role="driver", mode="fixed_delay", delay_ticks=2, session=SECRET),
        )
        driver.say(tape.note("a repeatable episode", {"type": "reset", "id": 1, "seed": 7}))
        tape.note("the game's session is begun anew", driver.hear("reset_progress"))
        tape.note("at the start line", driver.hear("reset_result"))
        tape.note("the car is taken", spectator.hear("event"))
        subscribe = {"type": "subscribe", "id": 1, "hz": 10.0}
        spectator.say(tape.note("ten frames a second", subscribe))
        drive(tape, driver)
        tape.note("a frame of a subscription", spectator.hear("telemetry"))
        spectator.say(tape.note("it has no fields", {"type": "unsubscribe"}))
        driver.say(tape.note("it has no fields", {"type": "release"}))


def drive(tape: Tape, driver: Peer) -> None:
    """Let the car roll, measure the clocks, and say something that cannot be granted."""
    for step_id in range(2, 2 + STEPS):
        step = driver.say({"type": "step", "id": step_id, "action": [0.0, 0.5, 0.0]})
        result = driver.hear("step_result")
    tape.note("half throttle; steer, throttle and brake are what this spec names", step)
    tape.note("where it brought the car", result)
    planned = {"type": "step", "id": 75, "action": [0.1, 0.4, 0.0], "tick": 33}
    plan = [[0.1, 0.3, 0.0], [0.0, 0.0, 0.2]]
    tape.note(
        "in mode fixed_delay: for tick 33, with a plan for two more", planned | {"plan": plan}
    )
    ping = {"type": "ping", "id": 3, "t_sent": 12.5}
    driver.say(tape.note("with the sender's clock", ping))
    tape.note("the answer to that ping", driver.hear("pong"))
    driver.say({"type": "step", "id": 99, "action": [1.5, 0.0, 0.0]})
    tape.note("the answer to a step that steers by 1.5", driver.hear("failure"))


def record_refusal(tape: Tape, uri: str) -> None:
    """Ask for what the actor does not offer."""
    with peer(uri) as stranger:
        stranger.say(hello(mode="latest"))
        tape.note("the answer to a hello that insists on another mode", stranger.hear("refusal"))


def constant_policy(observation: int) -> bytes:
    """Return an ONNX model that always takes the same action."""
    action = helper.make_tensor("half", TensorProto.FLOAT, [1, 3], [0.0, 0.5, 0.0])
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["action"], value=action)],
        "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, [1, observation])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, [1, 3])],
    )
    opset = [helper.make_opsetid("", 17)]
    data: bytes = helper.make_model(
        graph, opset_imports=opset, ir_version=8, producer_name=""
    ).SerializeToString()
    return data


def record_learner(tape: Tape, uri: str) -> None:
    """Push a policy, and let it drive an episode of two steps."""
    with peer(uri) as learner:
        learner.say(
            tape.note("a learner whose policy is to act on the actor", hello(role="learner"))
        )
        welcome = learner.hear("welcome")
        tape.note("before the first run", mask_spool(learner.hear("run_status")))
        spec = EnvSpec.model_validate(welcome["spec"])
        data = constant_policy(spec.observation_size)
        offer = {
            "type": "policy_offer",
            "version": 1,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "spec": spec_digest(spec),
            "swap": "episode",
        }
        learner.say(tape.note("to act from the next episode on", offer))
        tape.note("send it", learner.hear("policy_status"))
        text = base64.b64encode(data).decode()
        chunk = {"type": "policy_chunk", "version": 1, "offset": 0, "data": text}
        learner.say(tape.note("all of a very small policy", chunk))
        task = TaskSpec.of("progress", rules={"step_limit": {"steps": 2.0}})
        terms = RunTerms(run="first", task=task, episodes=1).model_dump(mode="json")
        start = {"type": "run_start", "terms": terms}
        learner.say(tape.note("an episode of two steps", start))
        records = mask_spool(learner.hear("records"))
        tape.note("what it lived through", records)
        learner.say({"type": "run_stop", "why": ""})
        acknowledge = {"type": "acknowledge", "spool": records["spool"], "upto": 3}
        tape.note("the learner has all three", acknowledge)
        tape.note("enough", {"type": "run_stop", "why": "That will do."})


def mask_spool(message: Plain) -> Plain:
    """Give back a message with a spool whose name is the same each time."""
    return message | {"spool": "0" * 32}


def main() -> None:
    """Record, and write."""
    tape = Tape()
    with actor_process("--lockstep", "--log-level", "error") as uri:
        record_driver(tape, uri)
        record_refusal(tape, uri)
    with (
        tempfile.TemporaryDirectory() as folder,
        actor_process("--lockstep", "--log-level", "error", "--spool", folder) as uri,
    ):
        record_learner(tape, uri)
    tape.write()


if __name__ == "__main__":
    main()
