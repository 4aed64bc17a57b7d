"""Transcripts: what was said between learners and an actor, line by line, to be held against code.

A transcript is a file of JSON lines. The head says which actor it was. Each line after it is one
thing that happened: what learners and the world did (`DONE`), and what came of it (`CAME`). A
transcript is played by doing the former again on an actor whose time stands still by itself, and
compared line by line. Pure: no clock, no socket.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self, TypeAlias

import orjson
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from ac_bridge_protocol.codec import CODECS, Codec
from ac_bridge_protocol.errors import FrameError, RecordingError
from ac_bridge_protocol.wire import WireModel

VERSION = 1
"""Of the format of transcripts."""

LINES = 100_000
"""Most lines of a transcript: a driver's hour at 10 Hz."""

Pairs: TypeAlias = Annotated[
    tuple[Annotated[tuple[str, str], Field(strict=False)], ...], Field(strict=False)
]
"""Names and values, such as headers."""


class ActorTerms(WireModel):
    """What matters of an actor's settings, named as in `ac_bridge.settings.ActorSettings`.

    The game is the stand-in: no other one can do the same thing twice.
    """

    lockstep: bool = True
    seed: int = 0
    control_hz: float = 10.0
    telemetry_hz: float = 60.0
    smoothing: str = "moderate"
    gearbox: Literal["automatic", "sequential"] = "automatic"
    track: str = "standin_ring"
    gears: Literal["game", "actor", "learner"] = "game"
    hold_s: float = 0.5
    late_hold_ticks: int = 2
    late_brake: float = 0.3
    grace_s: float = 30.0
    spectators: int = 56
    takeover_key: str = ""
    driver_token: str = ""
    """One that everybody may read; empty asks nobody for any."""
    spectator_token: str = ""
    connections: int = 64
    """Served at once."""
    per_address: int = 24
    """Connections of one address that are served at once."""
    driven_before: bool = False
    """Whether somebody drove already when the transcript begins."""
    spool_records: int = 0
    """Records of a learner's run that may wait; 0 welcomes no such learner. Its policies are lines
    of JSON, such as ``{"action": [0, 0.5, 0]}``."""
    keeps_time: bool = True
    """Whether it shows that it is alive, and ends what was away for too long: a recording's
    transcript knows nothing of the time between its messages."""


class Head(WireModel):
    """The first line: which actor it was, and what the transcript is for."""

    transcript: Literal[1] = 1
    subprotocol: str
    """In which learners speak, unless a line says otherwise."""
    actor: ActorTerms = ActorTerms()
    about: str = ""
    """What is shown, in a sentence."""
    masks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Names of further masks that this transcript needs; see `ac_bridge.replay.masks`."""

    @property
    def codec(self) -> Codec:
        """In which learners speak."""
        return CODECS[self.subprotocol]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.subprotocol not in CODECS:
            raise ValueError(f"the subprotocol is one of {', '.join(CODECS)}")
        return self


# --- What learners and the world did --------------------------------------------------------------


class Advance(WireModel):
    """Time went on."""

    what: Literal["advance"] = "advance"
    seconds: float = Field(ge=0, le=3600)
    busy: bool = False
    """Whether the machine did something else meanwhile: nothing ran until the end."""


class Open(WireModel):
    """A learner connected, and asked to open a WebSocket."""

    what: Literal["open"] = "open"
    link: str
    path: str = "/"
    offers: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    """Subprotocols; None is the transcript's own."""
    headers: Pairs = ()
    """Beside those that every WebSocket's request has."""
    address: str = "127.0.0.1"
    """From where."""
    websocket: bool = True
    """Whether it asks for a WebSocket, and not for a page."""


class Raw(WireModel):
    """Somebody connected and sent this, whatever it is; nothing, if it is empty."""

    what: Literal["raw"] = "raw"
    link: str
    text: str = ""
    address: str = "127.0.0.1"


class Said(WireModel):
    """A WebSocket message. Text as it went over the wire, byte for byte; binary in base64."""

    link: str
    text: str | None = None
    data: str | None = None
    says: str = ""
    """Of a binary message: the type, for who reads the file. Not compared."""

    @classmethod
    def of(cls, link: str, payload: bytes, *, binary: bool) -> Self:
        """Return the line of a message."""
        if binary:
            data = base64.b64encode(payload).decode()
            return cls(link=link, data=data, says=type_of(payload, binary=True))
        return cls(link=link, text=payload.decode())

    @property
    def binary(self) -> bool:
        """Whether it was a binary message."""
        return self.data is not None

    @property
    def payload(self) -> bytes:
        """Its bytes."""
        if self.data is not None:
            return base64.b64decode(self.data, validate=True)
        return (self.text or "").encode()

    @model_validator(mode="after")
    def _check_said(self) -> Self:
        if (self.text is None) == (self.data is None):
            raise ValueError("a message has either text or data")
        if self.data is not None:
            base64.b64decode(self.data, validate=True)
        return self


class In(Said):
    """A learner sent a message."""

    what: Literal["in"] = "in"
    times: int = Field(default=1, ge=1, le=2**21)
    """The payload is this so often, one after the other: a message of a megabyte in a line."""
    messages: int = Field(default=1, ge=1, le=2**17)
    """The message came so often."""


class Cut(WireModel):
    """A learner's link was cut, without a word."""

    what: Literal["cut"] = "cut"
    link: str


class HangUp(WireModel):
    """A learner closed its WebSocket in good order."""

    what: Literal["hang_up"] = "hang_up"
    link: str


class Reads(WireModel):
    """A learner stopped reading what is sent to it, or goes on."""

    what: Literal["reads"] = "reads"
    link: str
    reads: bool


class GameDoes(WireModel):
    """Something happened to the game."""

    what: Literal["game"] = "game"
    does: Literal[
        "pause", "resume", "stall", "exit", "crash", "relaunch", "vanish", "other", "return"
    ]
    """Its pages vanish, are another game's, or return; all else is as `StandinGame` calls it."""
    seconds: float = 0.0
    """Of a stall."""


class PageSays(WireModel):
    """From now on these fields of one of the game's pages say something else."""

    what: Literal["page"] = "page"
    page: Literal["physics", "graphics", "static"]
    fields: dict[str, float | int | str | list[float | int]]
    """By their names in the page, in place of all that was said before. ``"nan"`` is a number."""


class WheelDoes(WireModel):
    """The virtual wheel takes nothing any more, the game takes no notice of it, or all is well."""

    what: Literal["wheel"] = "wheel"
    does: Literal["fail", "nothing", "work"]


class ActorDoes(WireModel):
    """The actor's owner stopped it or the car, withdrew tokens, or let the car be driven again."""

    what: Literal["actor"] = "actor"
    does: Literal["stop", "withdraw", "stop_car", "let_drive"]


# --- What came of it ------------------------------------------------------------------------------


class Opened(WireModel):
    """The WebSocket is open."""

    what: Literal["opened"] = "opened"
    link: str
    subprotocol: str


class TurnedAway(WireModel):
    """The actor answered the request with a page: a refusal, or its health."""

    what: Literal["turned_away"] = "turned_away"
    link: str
    status: int
    headers: Pairs
    body: str


class Out(Said):
    """The actor sent a message."""

    what: Literal["out"] = "out"


class Closed(WireModel):
    """The actor closed the WebSocket, and said why."""

    what: Literal["closed"] = "closed"
    link: str
    code: int
    reason: str = ""


class Dropped(WireModel):
    """The connection is gone, without a word of WebSocket's."""

    what: Literal["dropped"] = "dropped"
    link: str


Done: TypeAlias = (
    Advance | Open | Raw | In | Cut | HangUp | Reads | GameDoes | PageSays | WheelDoes | ActorDoes
)
"""What learners and the world did."""
Came: TypeAlias = Opened | TurnedAway | Out | Closed | Dropped
"""What came of it."""
Line: TypeAlias = Annotated[Done | Came, Field(discriminator="what")]

CAME = (Opened, TurnedAway, Out, Closed, Dropped)

_LINE: TypeAdapter[Any] = TypeAdapter(Line)


@dataclasses.dataclass(frozen=True)
class Transcript:
    """A head, and what happened.

    Attributes:
        head: the first line.
        lines: all others, in order.
    """

    head: Head
    lines: tuple[Done | Came, ...]

    @property
    def done(self) -> list[Done]:
        """What learners and the world did, in order."""
        return [line for line in self.lines if not isinstance(line, CAME)]

    def messages(self) -> Iterator[tuple[int, In | Out]]:
        """Return every message with the number of its line in the file, from 1."""
        for number, line in enumerate(self.lines, start=2):
            if isinstance(line, In | Out):
                yield number, line

    def dump(self) -> bytes:
        """Return the file's bytes."""
        return b"".join(_dump(line) + b"\n" for line in (self.head, *self.lines))


def load(data: bytes, source: str) -> Transcript:
    """Read a transcript.

    Args:
        data: the file's bytes.
        source: its name, for errors.

    Raises:
        RecordingError: names the line that is wrong.
    """
    texts = data.splitlines()
    if not texts:
        raise RecordingError(f"{source} is empty.", hint="A transcript begins with a head line.")
    if len(texts) > LINES:
        raise RecordingError(f"{source} has {len(texts)} lines, and {LINES} are the most.")
    head = _read(TypeAdapter(Head), texts[0], source, 1)
    return Transcript(
        head,
        tuple(_read(_LINE, text, source, number) for number, text in enumerate(texts[1:], 2)),
    )


def type_of(payload: bytes, *, binary: bool) -> str:
    """Return the type that a message names, or what is to be said of one that names none."""
    for codec in CODECS.values():
        if codec.binary == binary:
            try:
                return str(codec.decode(payload, binary=binary).type)
            except FrameError:
                return "no message"
    raise AssertionError("there is a codec of each kind")


def _read(adapter: TypeAdapter[Any], text: bytes, source: str, number: int) -> Any:
    try:
        return adapter.validate_python(orjson.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        why = f"{where}: {first['msg']}" if where else str(first["msg"])
    except ValueError as error:
        why = str(error)
    raise RecordingError(
        f"Line {number} of {source} is none of a transcript: {why[:300]}.",
        hint="docs/recordings.md says how transcripts are written.",
    )


def _dump(line: WireModel) -> bytes:
    """Write what is not as by default; what kind of line it is comes first."""
    plain = line.model_dump(mode="json", exclude_defaults=True)
    named = {"what": getattr(line, "what", None), "transcript": getattr(line, "transcript", None)}
    return orjson.dumps({name: value for name, value in named.items() if value is not None} | plain)


def joined(lines: Iterable[Done]) -> tuple[Done, ...]:
    """Return lines with neighbouring advances made one."""
    made: list[Done] = []
    for line in lines:
        last = made[-1] if made else None
        if isinstance(line, Advance) and isinstance(last, Advance) and line.busy == last.busy:
            made[-1] = Advance(seconds=last.seconds + line.seconds, busy=line.busy)
        else:
            made.append(line)
    return tuple(made)
