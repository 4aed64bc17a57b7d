"""Holds a transcript against the learner's side: does `RemoteEnv` still make of it what it did?

What the recorded actor said is said again over a real WebSocket on this machine, and each reset and
step must return what was recorded. Only the ids of requests are the learner's own: the answers get
those.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import ormsgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from ac_bridge.replay.differences import MOST, Difference, differing
from ac_bridge.replay.drives import Plain, RecordedDrive, Request, drives
from ac_bridge.replay.masks import plain_of
from ac_bridge.replay.transcript import Transcript
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.codec import CODEC_NAMES, Codec
from ac_bridge_protocol.errors import ACBridgeError
from ac_bridge_protocol.starts import Start

ANSWER_S = 5.0
"""How long the learner waits for what is said without any delay, in seconds."""

QUIET = logging.getLogger("ac_bridge.replay.websocket")
"""What websockets logs to: that a learner hung up is no news."""
QUIET.setLevel(logging.CRITICAL)


def check_learner(transcript: Transcript) -> list[Difference]:
    """Lead a learner through each drive of a transcript; return what it gets that is different."""
    found: list[Difference] = []
    for drive in drives(transcript):
        found += _check(drive, transcript.head.codec)
        if len(found) >= MOST:
            break
    return found[:MOST]


def _check(drive: RecordedDrive, codec: Codec) -> list[Difference]:
    line = drive.line
    said = "welcome"
    try:
        with (
            _Actor(drive, codec).served() as uri,
            contextlib.closing(_env(uri, drive, codec)) as env,
        ):
            for request in drive.requests:
                line, said = request.line, request.answer["type"]
                found = _ask(env, drive, request)
                if found:
                    return found
    except ACBridgeError as error:
        return [Difference(line, said, f"the learner does not take it any more: {error}")]
    return []


def _env(uri: str, drive: RecordedDrive, codec: Codec) -> RemoteEnv:
    names = {codec.subprotocol: name for name, codec in CODEC_NAMES.items()}
    hello = drive.hello
    return RemoteEnv(
        uri,
        token="",
        codec=names[codec.subprotocol],
        mode=hello.get("mode"),
        delay_ticks=hello.get("delay_ticks") or None,
        observation=hello.get("observation", "bridge15"),
        connect_timeout_s=ANSWER_S,
        step_timeout_s=ANSWER_S,
        reset_timeout_s=ANSWER_S,
    )


def _ask(env: RemoteEnv, drive: RecordedDrive, request: Request) -> list[Difference]:
    """Make a request, and compare what the learner gets with what was recorded."""
    answer = request.answer
    if request.plain["type"] == "reset":
        said = request.plain
        options: dict[str, Any] = {"takeover": said["takeover"]} if said.get("takeover") else {}
        if said.get("start") is not None:
            options["start"] = Start(**said["start"])
        seed = said.get("seed")
        observation, info = env.reset(seed=seed, options=options)
        beside = "episode"
    else:
        action, plan = request.plain["action"], request.plain.get("plan", ())
        observation, _, _, truncated, info = env.step(np.asarray(action), plan=plan)
        beside = "receipt"
        if answer["end"] is not None:
            beside = "end"
            info["end"] = info.get("end_reason") if truncated else None
    under_way = [drive.actions.get(one, env.env_spec.neutral) for one in request.under_way]
    elements = sum(map(list, under_way), list(answer["observation"]))
    recorded = {
        "observation": np.asarray(elements, np.float32).tolist(),
        "frame": answer["frame"],
        beside: answer[beside],
    }
    now = {
        "observation": observation.tolist(),
        "frame": {name: _plain(info[name]) for name in answer["frame"] if name in info},
        beside: _plain(info.get(beside)),
    }
    return [
        Difference(request.line, where, what)
        for where, what in differing(answer["type"], recorded, now)
    ]


def _plain(value: Any) -> Any:
    """Return what a learner gets as the plain data that it came as."""
    return orjson.loads(orjson.dumps(value, default=vars))


class _Actor:
    """Says to a learner what was said to the recorded one.

    Args:
        drive: the recorded one's.
        codec: in which it was said.
    """

    def __init__(self, drive: RecordedDrive, codec: Codec) -> None:
        self._drive = drive
        self._codec = codec
        self._ids: dict[int, int] = {}
        """The learner's id of each recorded request."""

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """Serve learners one after the other; give the address."""
        server = serve(
            self._meet,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(self._codec.subprotocol)],
            compression=None,
            logger=QUIET,
        )
        serving = threading.Thread(target=server.serve_forever, name="recorded-actor")
        serving.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            serving.join()

    def _meet(self, learner: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            learner.recv()  # its hello, in which only its name can be another one
            self._say(learner, self._drive.welcome)
            for request in self._drive.requests:
                self._note(self._next(learner), request)
                for said in request.said:
                    self._say(learner, self._renumbered(said))
            self._next(learner)

    def _next(self, learner: ServerConnection) -> Plain:
        """Return the learner's next request; its pings are answered before."""
        while True:
            came = learner.recv()
            plain: Plain = plain_of(
                came if isinstance(came, bytes) else came.encode(), binary=self._codec.binary
            )
            if plain["type"] in ("reset", "step"):
                return plain
            if plain["type"] == "ping":
                clocks = dict.fromkeys(("t_ping", "t_received", "t_sent"), plain["t_sent"])
                self._say(learner, {"type": "pong", "id": plain["id"]} | clocks)

    def _note(self, asked: Plain, request: Request) -> None:
        recorded_id, learners_id = request.plain["id"], asked["id"]
        self._ids[recorded_id] = learners_id
        if asked["type"] == "reset":
            delay_ticks = self._drive.hello.get("delay_ticks", 0)
            self._ids |= {recorded_id + i: learners_id + i for i in range(1, delay_ticks + 1)}

    def _renumbered(self, said: Plain) -> Plain:
        answers = said.get("id") is not None and said["type"] != "pong"
        return said | {"id": self._ids.get(said["id"], said["id"])} if answers else said

    def _say(self, learner: ServerConnection, said: Plain) -> None:
        if self._codec.binary:
            learner.send(ormsgpack.packb(said))
        else:
            learner.send(orjson.dumps(said).decode())
