"""Files of transcripts: read, written, and refused with the line that is wrong."""

from __future__ import annotations

import pytest

from ac_bridge.replay import transcript as module
from ac_bridge.replay.transcript import (
    ActorTerms,
    Advance,
    Cut,
    Head,
    In,
    Open,
    Opened,
    Out,
    Transcript,
    joined,
    load,
    type_of,
)
from ac_bridge_protocol.codec import JSON, MSGPACK
from ac_bridge_protocol.errors import RecordingError
from ac_bridge_protocol.messages import Release

HEAD = Head(subprotocol=JSON.subprotocol, actor=ActorTerms(lockstep=False), about="a test")


def test_what_is_written_is_read_again() -> None:
    """A transcript comes back as it was, text and binary byte for byte, and so does its file."""
    lines = (
        Open(link="a", headers=(("Origin", "http://x"),)),
        Opened(link="a", subprotocol=JSON.subprotocol),
        In.of("a", '{"type":  "release"}\u00e9'.encode(), binary=False),
        Advance(seconds=0.1),
        Out.of("a", MSGPACK.encode(Release()), binary=True),
        Cut(link="a"),
    )
    data = Transcript(HEAD, lines).dump()
    again = load(data, "a.jsonl")
    assert again == Transcript(HEAD, lines)
    assert again.dump() == data
    assert [line.payload for _, line in again.messages()] == [
        '{"type":  "release"}\u00e9'.encode(),
        MSGPACK.encode(Release()),
    ]
    assert [number for number, _ in again.messages()] == [4, 6]
    assert again.done == [lines[0], lines[2], lines[3], lines[5]]


def test_a_binary_message_says_what_it_is() -> None:
    """Whoever reads a file sees the types of binary messages, or that they have none."""
    assert Out.of("a", MSGPACK.encode(Release()), binary=True).says == "release"
    assert type_of(b"{", binary=False) == "no message"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "JSON|data|EOF"),
        (b"[]", "transcript"),
        (b'{"what":"dance"}', "dance|advance"),
        (b'{"what":"advance"}', "seconds"),
        (b'{"what":"advance","seconds":-1}', "seconds"),
        (b'{"what":"cut","link":"a","why":"x"}', "why"),
        (b'{"what":"in","link":"a"}', "either text or data"),
        (b'{"what":"in","link":"a","text":"","data":""}', "either text or data"),
        (b'{"what":"in","link":"a","data":"%%%"}', "base64|character"),
    ],
)
def test_a_wrong_line_is_named(line: bytes, why: str) -> None:
    """What is no line of a transcript is refused with its number, and why."""
    data = Transcript(HEAD, (Advance(seconds=1.0),)).dump() + line + b"\n"
    with pytest.raises(RecordingError, match=rf"Line 3 of a\.jsonl .*({why})"):
        load(data, "a.jsonl")


@pytest.mark.parametrize(
    "head",
    [b'{"transcript":2,"subprotocol":"ac-bridge.v1+json"}', b'{"transcript":1}', b"\x89MCAP"],
)
def test_a_wrong_head_is_named(head: bytes) -> None:
    """Something else than a transcript, or one of another format, is refused at its first line."""
    with pytest.raises(RecordingError, match="Line 1 of"):
        load(head + b"\n", "a.jsonl")


def test_no_transcript_is_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file and one with too many lines are refused."""
    with pytest.raises(RecordingError, match="empty"):
        load(b"", "a.jsonl")
    monkeypatch.setattr(module, "LINES", 2)
    with pytest.raises(RecordingError, match="3 lines"):
        load(Transcript(HEAD, (Advance(seconds=1.0),) * 2).dump(), "a.jsonl")


def test_neighbouring_advances_become_one() -> None:
    """Time that goes on twice goes on once; busy time is another kind."""
    busy = Advance(seconds=1.0, busy=True)
    lines = [Advance(seconds=1.0), Advance(seconds=0.5), busy, busy, Cut(link="a")]
    assert joined(lines) == (
        Advance(seconds=1.5),
        Advance(seconds=2.0, busy=True),
        Cut(link="a"),
    )
