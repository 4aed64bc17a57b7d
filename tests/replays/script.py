"""What scenarios are written with: lines of a transcript, messages in either codec."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import ormsgpack

from ac_bridge.replay.transcript import (
    ActorDoes,
    ActorTerms,
    Advance,
    Cut,
    Done,
    GameDoes,
    HangUp,
    Head,
    In,
    Open,
    PageSays,
    Raw,
    Reads,
    WheelDoes,
)
from ac_bridge.telemetry.observation import BRIDGE15
from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.spec import DRIVING_ACTION, EnvSpec, Mode, spec_digest

OFFERED = EnvSpec(
    game="standin",
    mode=Mode.LOCKSTEP,
    modes=(Mode.LOCKSTEP,),
    control_hz=10.0,
    telemetry_hz=60.0,
    observation_profile=BRIDGE15.name,
    observation=BRIDGE15.features,
    action=DRIVING_ACTION,
    smoothing="moderate",
)
SPEC = spec_digest(OFFERED)
"""Of the observation and action that a learner of these actors is offered unasked, in lockstep."""
SPEC_IN_REAL_TIME = spec_digest(OFFERED.model_copy(update={"mode": Mode.LATEST}))

COAST = (0.0, 0.0, 0.0)
DRIVE = (0.25, 0.75, 0.0)


class Script:
    """Collects what is done, in order.

    Args:
        codec: in which messages are written.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.lines: list[Done] = []

    def open(self, link: str = "d", **how: Any) -> None:
        """Connect."""
        self.lines.append(Open(link=link, **how))

    def raw(self, link: str, text: str = "") -> None:
        """Connect, and send no proper request."""
        self.lines.append(Raw(link=link, text=text))

    def hello(self, link: str = "d", **fields: Any) -> None:
        """Connect and say hello."""
        self.open(link)
        self.say(link, "hello", **{"client": "replays 1"} | fields)

    def say(self, link: str, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.plain({"type": kind} | fields, link)

    def plain(self, plain: Any, link: str = "d", *, messages: int = 1) -> None:
        """Send anything that the codec can write."""
        binary = self.codec.binary
        payload = ormsgpack.packb(plain) if binary else orjson.dumps(plain)
        line = In.of(link, payload, binary=binary)
        self.lines.append(line.model_copy(update={"messages": messages}))

    def rubbish(
        self, payload: bytes, link: str = "d", *, times: int = 1, other: bool = False
    ) -> None:
        """Send bytes as they are, in the codec's kind of message or the other one."""
        line = In.of(link, payload, binary=self.codec.binary is not other)
        self.lines.append(line.model_copy(update={"times": times}))

    def step(
        self, request: int, action: tuple[float, ...] = DRIVE, link: str = "d", **k: Any
    ) -> None:
        """Ask for a step."""
        self.say(link, "step", id=request, action=action, **k)

    def steps(self, *requests: int) -> None:
        """Ask for several, one after the other."""
        for request in requests:
            self.step(request)

    def push(self, version: int, policy: dict[str, Any], link: str = "d", **fields: Any) -> None:
        """Offer a policy, as transcripts have them, and send it in one piece."""
        data = orjson.dumps(policy)
        said = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
        self.say(link, "policy_offer", **{"version": version, "spec": SPEC, **said, **fields})
        self.chunk(version, data, link=link)

    def chunk(self, version: int, data: bytes, offset: int = 0, link: str = "d") -> None:
        """Send bytes of a policy."""
        text = base64.b64encode(data).decode()
        self.say(link, "policy_chunk", version=version, offset=offset, data=text)

    def advance(self, seconds: float) -> None:
        """Let time go on."""
        self.lines.append(Advance(seconds=seconds))

    def busy(self, seconds: float) -> None:
        """Let the machine do something else."""
        self.lines.append(Advance(seconds=seconds, busy=True))

    def cut(self, link: str = "d") -> None:
        """Lose a link."""
        self.lines.append(Cut(link=link))

    def hang_up(self, link: str = "d") -> None:
        """Close a link in good order."""
        self.lines.append(HangUp(link=link))

    def reads(self, link: str, reads: bool) -> None:
        """Stop reading, or go on."""
        self.lines.append(Reads(link=link, reads=reads))

    def game(self, does: Any, seconds: float = 0.0) -> None:
        """Let something happen to the game."""
        self.lines.append(GameDoes(does=does, seconds=seconds))

    def page(self, page: Any, **fields: Any) -> None:
        """Let a page say something else."""
        self.lines.append(PageSays(page=page, fields=fields))

    def wheel(self, does: Any) -> None:
        """Break the wheel, or mend it."""
        self.lines.append(WheelDoes(does=does))

    def actor(self, does: Any) -> None:
        """Let the actor's owner do something."""
        self.lines.append(ActorDoes(does=does))


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One transcript, in each of its codecs."""

    name: str
    about: str
    terms: ActorTerms
    write: Callable[[Script], None]
    codecs: tuple[Codec, ...] = (JSON, MSGPACK)

    def files(self) -> dict[str, tuple[Head, list[Done]]]:
        """Return the head and the lines to do of each file, by its name."""
        made: dict[str, tuple[Head, list[Done]]] = {}
        for codec in self.codecs:
            script = Script(codec)
            self.write(script)
            head = Head(subprotocol=codec.subprotocol, actor=self.terms, about=self.about)
            made[f"{self.name}.{codec.subprotocol.partition('+')[2]}.jsonl"] = head, script.lines
        return made


SCENARIOS: list[Scenario] = []
"""Every scenario, in the order in which they are written."""


def scenario(
    codecs: tuple[Codec, ...] = (JSON, MSGPACK), **terms: Any
) -> Callable[[Callable[[Script], None]], Callable[[Script], None]]:
    """Make a function a scenario: its name is the file's, its docstring says what is shown."""

    def add(write: Callable[[Script], None]) -> Callable[[Script], None]:
        name = write.__name__
        SCENARIOS.append(
            Scenario(name, (write.__doc__ or "").strip(), ActorTerms(**terms), write, codecs)
        )
        return write

    return add
