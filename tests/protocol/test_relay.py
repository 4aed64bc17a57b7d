"""The messages of a parked connection, and names in paths."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.relay import (
    DECLINED_CHARACTERS,
    DIGESTS,
    NAME,
    RELAY_MESSAGE_BYTES,
    SOFTWARE_CHARACTERS,
    Declined,
    Paired,
    Park,
    Parked,
    RelayMessage,
    Taken,
    actor_path,
    decode,
    encode,
    is_name,
    name_in,
)

DIGEST = "0123456789abcdef" * 4

_digests = st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=DIGESTS)
_messages = st.one_of(
    st.builds(
        Park,
        process=st.from_regex(r"[A-Za-z0-9_-]{8,64}", fullmatch=True),
        software=st.text(max_size=SOFTWARE_CHARACTERS),
        drivers=_digests.map(tuple),
        spectators=_digests.map(tuple),
    ),
    st.builds(Parked),
    st.builds(
        Paired,
        subprotocol=st.text(min_size=1, max_size=64),
        peer=st.text(max_size=64),
        digest=st.just(DIGEST),
    ),
    st.builds(Taken),
    st.builds(
        Declined,
        code=st.sampled_from(ErrorCode),
        message=st.text(max_size=DECLINED_CHARACTERS),
        hint=st.text(max_size=DECLINED_CHARACTERS),
    ),
)


@given(_messages)
def test_messages_survive(message: RelayMessage) -> None:
    """What is encoded fits the limit and is decoded as the same."""
    data = encode(message)
    assert len(data) <= RELAY_MESSAGE_BYTES
    assert decode(data) == message
    assert decode(data.decode()) == message


def test_the_longest_fit() -> None:
    """The longest messages, of characters that JSON escapes, are within the limit."""
    digests = (DIGEST,) * DIGESTS
    park = Park(process="x" * 64, software="\x01" * 80, drivers=digests, spectators=digests)
    declined = Declined(
        code=ErrorCode.NO_SUCH_ACTOR,
        message="\x01" * DECLINED_CHARACTERS,
        hint="\x01" * DECLINED_CHARACTERS,
    )
    for message in (park, declined):
        assert RELAY_MESSAGE_BYTES * 0.8 < len(encode(message)) <= RELAY_MESSAGE_BYTES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.MALFORMED),
        (b"\xff", ErrorCode.MALFORMED),
        (b"[]", ErrorCode.MALFORMED),
        (b"{}", ErrorCode.MALFORMED),
        (b'{"type":["park"]}', ErrorCode.MALFORMED),
        (b'{"type":"hello"}', ErrorCode.UNKNOWN_TYPE),
        (b'{"type":"park"}', ErrorCode.MALFORMED),
        (b'{"type":"taken","more":1}', ErrorCode.MALFORMED),
        (b'{"type":"parked"' + b" " * RELAY_MESSAGE_BYTES + b"}", ErrorCode.TOO_LARGE),
        (b"[" * 4000, ErrorCode.MALFORMED),
    ],
)
def test_anything_else_is_named(data: bytes, code: ErrorCode) -> None:
    """What is no message of a parked connection is told from why."""
    with pytest.raises(FrameError) as caught:
        decode(data)
    assert caught.value.code is code
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "changed",
    [
        {"process": "short"},
        {"process": "with space"},
        {"software": "x" * (SOFTWARE_CHARACTERS + 1)},
        {"drivers": [DIGEST.upper()]},
        {"drivers": [DIGEST[:-1]]},
        {"drivers": [DIGEST] * (DIGESTS + 1)},
        {"spectators": DIGEST},
        {"spectators": [DIGEST + "\n"]},
    ],
)
def test_fields_are_bounded(changed: dict[str, Any]) -> None:
    """A field beyond its bounds is named."""
    good = {
        "type": "park",
        "process": "process-1",
        "software": "s",
        "drivers": [DIGEST],
        "spectators": [],
    }
    assert isinstance(decode(orjson.dumps(good)), Park)
    with pytest.raises(FrameError, match=next(iter(changed))):
        decode(orjson.dumps(good | changed))


@given(st.from_regex(NAME, fullmatch=True))
def test_names_survive_a_path(name: str) -> None:
    """An actor's path has its name in it."""
    assert is_name(name)
    assert name_in(actor_path(name)) == name
    assert name_in(actor_path(name) + "?x=/actors/other") == name


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/actors",
        "/actors/",
        "/actors/a/b",
        "/actors//a",
        "/other/a",
        "//actors/a",
        "actors/a",
        "/actors/..",
        "/actors/a%20b",
        "/actors/a\n",
        "/actors/-a",
        "/actors/" + "a" * 64,
    ],
)
def test_other_paths_have_none(path: str) -> None:
    """Nothing else is an actor's path."""
    assert name_in(path) is None
