"""Scenes: what cannot be done is refused by name, whatever else is done gives what comes of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ac_bridge.replay.scene import play
from ac_bridge.replay.transcript import (
    CAME,
    ActorTerms,
    Advance,
    Came,
    Cut,
    Done,
    Dropped,
    HangUp,
    Head,
    In,
    Open,
    Opened,
    Out,
    PageSays,
    Raw,
    TurnedAway,
)
from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.errors import ACBridgeError, RecordingError, SettingError


def came(*done: Done, **terms: Any) -> list[Came]:
    """Do something, and return what comes of it."""
    head = Head(subprotocol=JSON.subprotocol, actor=ActorTerms(**terms))
    return [line for line in play(head, done).lines if isinstance(line, CAME)]


def said(link: str = "a", **plain: Any) -> In:
    """Return the line of a message."""
    return In(link=link, text=orjson.dumps(plain).decode())


@pytest.mark.parametrize(
    ("done", "why"),
    [
        ([said(type="release")], "No link 'a' was opened"),
        ([Cut(link="a")], "No link 'a' was opened"),
        ([Open(link="a"), Open(link="a")], "two links 'a'"),
        ([PageSays(page="physics", fields={"wings": 2})], "physics page cannot say that: 'wings'"),
        ([PageSays(page="physics", fields={"gear": "x"})], "physics page cannot say that"),
        ([PageSays(page="physics", fields={"tyreWear": [1.0]})], "physics page cannot say that"),
    ],
)
def test_what_cannot_be_done_is_named(done: list[Done], why: str) -> None:
    """A line that makes no sense is refused, and not skipped."""
    with pytest.raises(ACBridgeError, match=why) as caught:
        came(*done)
    assert isinstance(caught.value, RecordingError)


def test_an_actor_that_cannot_be_is_named() -> None:
    """Settings of the head are refused as an actor refuses them."""
    with pytest.raises(SettingError, match="smoothing"):
        came(smoothing="wild")
    with pytest.raises(SettingError, match="token"):
        came(driver_token="short")  # noqa: S106 -- it is what is refused


def test_a_link_that_is_gone_says_nothing_more() -> None:
    """After a cut, a good-bye, or a refusal, what a transcript still has said is not heard."""
    for ending in (Cut(link="a"), HangUp(link="a"), said(type="step", id=1, action=[])):
        lines = came(Open(link="a"), ending, said(type="hello", client="x"), HangUp(link="a"))
        assert not any(isinstance(line, Out) and "welcome" in (line.text or "") for line in lines)


def test_nobody_is_heard_where_there_is_no_room_to_knock() -> None:
    """Beyond those who may knock a connection is closed without a word."""
    knocking = [Raw(link=f"r{number}", address=f"192.0.2.{number}") for number in range(66)]
    lines = came(*knocking, connections=1)
    assert [line.link for line in lines if isinstance(line, Dropped)] == ["r65"]


def test_a_waiting_learner_is_opened_and_timed_out() -> None:
    """The door and its clock are in it: an upgrade, and a request that never came."""
    lines = came(Open(link="a"), Raw(link="b"), Advance(seconds=5.5))
    assert lines[0] == Opened(link="a", subprotocol=JSON.subprotocol)
    assert any(isinstance(line, Dropped) and line.link == "a" for line in lines)  # no hello
    assert [line.status for line in lines if isinstance(line, TurnedAway)] == [408]
