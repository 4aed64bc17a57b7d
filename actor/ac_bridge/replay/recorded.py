"""Recordings to transcripts: the wire frames of a seeded session in lockstep. Pure but for a file.

Time says nothing in such a session, so what depends on it is left out: pings and pongs, and with
them the moments between messages. When a link ended is not recorded either: it is taken to have
ended after its last message, by a cut if its session goes on elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from ac_bridge.replay.masks import Masking, plain_of
from ac_bridge.replay.transcript import (
    ActorTerms,
    Came,
    Cut,
    Done,
    HangUp,
    Head,
    In,
    Open,
    Opened,
    Out,
    Transcript,
)
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.spec import Mode
from ac_bridge_recording import Recording
from ac_bridge_recording.topics import Topic, Way, WireFrame

MASKS = ("before", "rewritten", "times")
"""What every recording's transcript needs beyond the masks that all have."""

LEFT_OUT = ("ping", "pong")
"""They come when the time for them has come, in whatever order."""


def transcript_of(path: Path) -> Transcript:
    """Return what a recording's wire frames say, to be held against the code.

    Raises:
        RecordingError: it is none, has no wire frames, or is not of a session that can be repeated.
    """
    recording = Recording(path)
    for _, dropped in recording.records(Topic.DROPPED):
        if dropped.topic == Topic.WIRE:
            raise RecordingError(
                f"{path} misses {dropped.count} wire frames that the recorder was too slow for.",
                hint="Record again on a machine with less to do.",
            )
    return transcript_from([frame for _, frame in recording.records(Topic.WIRE)], str(path))


def transcript_from(frames: Sequence[WireFrame], source: str) -> Transcript:
    """Return the transcript of a session of which every frame is there, in order.

    Args:
        frames: of all links.
        source: where they come from, for errors.

    Raises:
        RecordingError: they are not of a session that can be repeated.
    """
    if not frames:
        raise RecordingError(
            f"{source} has no wire frames.",
            hint="Record with them: ac-bridge actor --record DIR, or RemoteEnv(record=FILE).",
        )
    head = Head(
        subprotocol=frames[0].subprotocol,
        actor=_terms(frames, source),
        about=f"from {Path(source).name}",
        masks=MASKS,
    )
    return Transcript(head, tuple(_lines(frames)))


def _terms(frames: Sequence[WireFrame], source: str) -> ActorTerms:
    """Return which actor it was, by what it said."""
    welcome = next(_said(frames, "welcome"), None)
    begun = next(_said(frames, "reset_result"), None)
    if welcome is None or begun is None:
        raise RecordingError(f"In {source} nobody was welcomed, or nobody drove.")
    spec = welcome["spec"]
    if spec["game"] != "standin" or spec["mode"] != Mode.LOCKSTEP.value:
        raise RecordingError(
            f"{source} was recorded of {spec['game']} in mode {spec['mode']}, which does nothing "
            "twice.",
            hint="What can be checked is a seeded session of the stand-in in lockstep.",
        )
    if next(_said(frames, "reset"))["seed"] is None:
        raise RecordingError(
            f"{source} begins with a reset without a seed, and cannot be repeated.",
            hint="Record a session whose first reset has one: env.reset(seed=1).",
        )
    keys = [reset["takeover"] for reset in _said(frames, "reset") if reset.get("takeover")]
    shifts = any(component["name"] == "shift" for component in spec["action"])
    blips = begun["statics"]["aid_auto_blip"]
    return ActorTerms(
        control_hz=float(spec["control_hz"]),
        telemetry_hz=float(spec["telemetry_hz"]),
        smoothing=spec["smoothing"],
        gearbox="automatic" if blips else "sequential",
        track=begun["statics"]["track"],
        gears=_gears(shifts=shifts, blips=blips),
        grace_s=float(welcome["grace_s"]),
        takeover_key=keys[0] if keys else "",
        driven_before=welcome["statics"] is not None or begun["episode"] > 1,
        keeps_time=False,
    )


def _gears(*, shifts: bool, blips: bool) -> Literal["learner", "game", "actor"]:
    """Return who shifts: with a sequential gearbox, somebody has to."""
    if shifts:
        return "learner"
    return "game" if blips else "actor"


def _lines(frames: Sequence[WireFrame]) -> Iterator[Done | Came]:
    ends = _ends(frames)
    named = {
        _plain(frame).get("session"): number
        for number, frame in enumerate(frames)
        if frame.way is Way.TO_ACTOR
    }
    masking = Masking(MASKS)
    opened: set[int] = set()
    kept: set[int] = set()  # links whose session goes on elsewhere
    for number, frame in enumerate(frames):
        link, payload, binary = str(frame.link), _payload(frame), frame.text is None
        if frame.link not in opened:
            opened.add(frame.link)
            yield Open(link=link, offers=(frame.subprotocol,))
            yield Opened(link=link, subprotocol=frame.subprotocol)
        plain = _plain(frame)
        kind = plain.get("type")
        if kind == "welcome" and named.get(plain.get("session"), 0) > number:
            kept.add(frame.link)
        end = ends[frame.link]
        is_told = number < end or (number == end and kind != "release")
        if is_told and kind not in LEFT_OUT:
            yield _line(link, frame.way, masking, payload, binary=binary)
        if number == end:
            yield Cut(link=link) if frame.link in kept else HangUp(link=link)


def _ends(frames: Sequence[WireFrame]) -> dict[int, int]:
    """Return where each link ended, as the number of a frame.

    A learner that lets go and hangs up at once may be told what came of it, or not any more: with
    its good-bye its link ends here.
    """
    ends: dict[int, int] = {}
    left: dict[int, int] = {}
    for number, frame in enumerate(frames):
        kind = _plain(frame).get("type")
        if kind == "release":
            left[frame.link] = number
        elif kind not in ("event", *LEFT_OUT):
            left.pop(frame.link, None)
        ends[frame.link] = number
    return ends | left


def _line(link: str, way: Way, masking: Masking, payload: bytes, *, binary: bool) -> In | Out:
    if way is Way.TO_ACTOR:
        return In.of(link, payload, binary=binary)
    return Out.of(link, masking.mask(payload, binary=binary), binary=binary)


def _said(frames: Iterable[WireFrame], kind: str) -> Iterator[dict[str, Any]]:
    """Return every message of a type, as plain data."""
    return (plain for plain in map(_plain, frames) if plain.get("type") == kind)


def _plain(frame: WireFrame) -> dict[str, Any]:
    plain = plain_of(_payload(frame), binary=frame.text is None)
    return plain if isinstance(plain, dict) else {}


def _payload(frame: WireFrame) -> bytes:
    if frame.text is not None:
        return frame.text.encode()
    return base64.b64decode(frame.data or "")
