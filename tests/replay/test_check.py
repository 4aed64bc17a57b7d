"""A transcript is held against an actor: what differs, what breaks down, what is not lawful."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from ac_bridge.replay.check import check_actor
from ac_bridge.replay.lawful import unlawful
from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import (
    ActorTerms,
    Advance,
    Done,
    Head,
    In,
    Open,
    Opened,
    Out,
    Transcript,
    load,
)
from ac_bridge.server.actor import Actor
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.messages import Ping

JSON = "ac-bridge.v1+json"
HEAD = Head(subprotocol=JSON, actor=ActorTerms(lockstep=True))


def asked(link: str = "d", **fields: Any) -> In:
    """Return a learner's message."""
    return In(link=link, text=orjson.dumps(fields).decode())


HELLO: list[Done] = [Open(link="d"), asked(type="hello", client="test")]
DRIVE: list[Done] = [
    *HELLO,
    asked(type="reset", id=1, seed=1),
    asked(type="step", id=2, action=[0.0, 0.5, 0.0]),
]


def test_what_was_just_played_holds() -> None:
    """An actor says twice what it said once."""
    assert check_actor(play(HEAD, DRIVE)) == []


def test_another_actor_is_told_from_the_recorded_one() -> None:
    """Other settings say other things, by the names of their fields."""
    played = play(HEAD, DRIVE)
    head = HEAD.model_copy(update={"actor": ActorTerms(lockstep=True, control_hz=20.0)})
    told = [one.where for one in check_actor(Transcript(head, played.lines))]
    assert told[0] == "welcome.spec.control_hz"
    assert "step_result.frame.packet_id" in told


def test_an_actor_that_breaks_down_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line after which it did, and what it raised."""
    played = play(HEAD, [*HELLO, asked(type="ping", id=1, t_sent=0.0), Advance(seconds=1.0)])
    handle = Actor.handle

    def handle_or_not(actor: Actor, connection: Any, message: Any) -> None:
        if isinstance(message, Ping):
            raise ZeroDivisionError("of all things")
        handle(actor, connection, message)

    monkeypatch.setattr(Actor, "handle", handle_or_not)
    told = list(map(str, check_actor(played)))
    assert told == [
        "line 7: pong on link d: recorded after the ping of line 6, and now it does not come",
        "line 6: the actor: breaks down: ZeroDivisionError: of all things",
    ]


def test_a_line_that_cannot_be_done_is_an_error() -> None:
    """A transcript that makes no sense is not called a difference."""
    with pytest.raises(RecordingError, match="No link"):
        check_actor(Transcript(HEAD, (asked("nobody", type="release"),)))


# --- What is lawful -------------------------------------------------------------------------------


def said(**fields: Any) -> Out:
    """Return an actor's message."""
    return Out(link="d", text=orjson.dumps(fields).decode())


def test_golden_transcripts_are_lawful() -> None:
    """Nothing that a learner's table refuses is in any of them; so rubbish they send is skipped."""
    lines = play(HEAD, [*DRIVE, asked(type="step", id=2), asked(type="nonsense"), *DRIVE[3:]]).lines
    assert unlawful(lines) == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"type": "event", "kind": "easing", "message": ""}, "A event is not allowed"),
        ({"type": "event", "kind": "easing"}, "event.message: Field required."),
        ({"type": "reset", "id": 1}, "A reset is not allowed while connected."),
    ],
)
def test_what_is_not_lawful_is_told(message: dict[str, Any], problem: str) -> None:
    """The line, the link, and what the learner's session says to it."""
    opened = Opened(link="d", subprotocol=JSON)
    (one,) = unlawful([Open(link="d"), opened, said(**message)])
    assert str(one).startswith(f"line 4: link d: {problem}")


def test_a_session_goes_on_over_links() -> None:
    """An answer on a second link belongs to what was asked on the first one."""
    path = Path(__file__).parents[1] / "replays" / "v1" / "resume.json.jsonl"
    assert unlawful(load(path.read_bytes(), path.name).lines) == []
