"""Drives a hundred steps with websockets and JSON alone, without a package of ac-bridge's own.

For whoever writes a client in another language: docs/protocol.md is the manual. With DELAY_TICKS it
asks for mode fixed_delay; a token comes from AC_BRIDGE_TOKEN.

    uv run ac-bridge actor
    uv run python examples/minimal_client.py ws://127.0.0.1:8765 [DELAY_TICKS]
"""

import json
import os
import sys
from typing import Any

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

STEPS = 100
JSON = Subprotocol("ac-bridge.v1+json")
PATIENCE_S = 7.0  # an actor that has nothing to say pings every two seconds

Message = dict[str, Any]


class RefusedError(Exception):
    """The actor said no."""

    def __init__(self, said: Message) -> None:
        super().__init__(f"{said['code']}: {said['message']} {said.get('hint', '')}".rstrip())


class Client:
    """One driver's connection: sends maps, waits for those it asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.last_id = 0  # ids rise

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps(message))

    def wait_for(self, kind: str) -> Message:
        """Return the next message of this type; pass over what needs no answer."""
        while True:
            message: Message = json.loads(self.socket.recv(timeout=PATIENCE_S))
            if message["type"] == kind:
                return message
            if message["type"] in ("refusal", "failure"):
                raise RefusedError(message)
            if message["type"] == "event":
                print(f"  {message['kind']}: {message['message']}")
            elif message["type"] == "reset_progress":
                print(f"  reset: {message['phase']}, attempt {message['attempt']}")
            # A ping wants no pong that badly, and telemetry comes to whoever subscribed.

    def hello(self, delay: int) -> Message:
        """Say how to drive; return the welcome."""
        mode = "fixed_delay" if delay else None  # none: as the actor likes
        self.send(type="hello", client="minimal_client.py/1", mode=mode, delay_ticks=delay)
        return self.wait_for("welcome")

    def reset(self, delay: int) -> Message:
        """Begin an episode, at tick 0; return its result, which has the first frame."""
        self.last_id += 1
        self.send(type="reset", id=self.last_id)
        self.last_id += delay  # so many steps open by themselves, with the ids after the reset's
        return self.wait_for("reset_result")

    def step(self, action: list[float], tick: int | None) -> Message:
        """Make a step; return the next result: in fixed_delay, that of `delay` steps before."""
        self.last_id += 1
        self.send(type="step", id=self.last_id, action=action, tick=tick)
        return self.wait_for("step_result")


def choose(spec: Message, frame: Message) -> list[float]:
    """Return an action: straight on, with the throttle half open below 50 km/h."""
    wanted = {"throttle": 0.5 if frame["speed_kmh"] < 50 else 0.0}
    return [wanted.get(component["name"], 0.0) for component in spec["action"]]


def drive(client: Client, spec: Message) -> Message:
    """Make the steps; return the last one's result."""
    delay = spec["delay_ticks"]  # above 0 in fixed_delay, where each step names its tick
    frame, tick = client.reset(delay)["frame"], 0
    for _ in range(STEPS):
        result = client.step(choose(spec, frame), tick + delay if delay else None)
        frame, tick = result["frame"], result["receipt"]["tick"]
        if result["end"] is not None:  # the game paused, vanished, ...
            frame, tick = client.reset(delay)["frame"], 0
    return result


def main(uri: str, delay: int = 0) -> None:
    """Connect, drive, and let go of the car."""
    token = os.environ.get("AC_BRIDGE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    with connect(uri, subprotocols=[JSON], additional_headers=headers) as socket:
        client = Client(socket)
        spec = client.hello(delay)["spec"]
        print(f"{spec['game']}, {spec['mode']}, {spec['control_hz']:g} control ticks a second")
        result = drive(client, spec)
        client.send(type="release")  # the wheel is neutral at once; anybody may have the car
        print(json.dumps(result["receipt"], indent=2))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], *map(int, sys.argv[2:]))
    except InvalidStatus as error:  # turned away before the WebSocket opened; the body says why
        ours = error.response.headers.get("Content-Type") == "application/json"
        why = RefusedError(json.loads(error.response.body or b"")) if ours else "that is no actor."
        sys.exit(f"HTTP {error.response.status_code}, {why}")
    except (RefusedError, OSError, WebSocketException) as error:
        sys.exit(f"{type(error).__name__}: {error}")
