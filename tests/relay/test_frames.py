"""Frames through a relay: unmasked as websockets would, whatever pieces they come in."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from ac_bridge.relay.frames import FINAL_PING, FINAL_TEXT, Unmasker, WholeFrames
from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.limits import WEBSOCKET_BYTES
from ac_bridge_protocol.relay import RELAY_MESSAGE_BYTES

_MASK = b"\x11\x22\x33\x44"
_sizes = st.sampled_from((0, 1, 3, 4, 5, 124, 125, 126, 127, 300, 3000, 65535, 65536, 70000))


@st.composite
def _frames(draw: st.DrawFn) -> Frame:
    opcode = draw(
        st.sampled_from((Opcode.CONT, Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG))
    )
    control = opcode in (Opcode.PING, Opcode.PONG)
    size = min(draw(_sizes), 125) if control else draw(_sizes)
    data = (draw(st.binary(min_size=1, max_size=8)) * size)[:size]
    return Frame(opcode, data, fin=True if control else draw(st.booleans()))


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[one:other] for one, other in itertools.pairwise(at)]


def _feed(unmasker: Unmasker, pieces: list[bytes]) -> bytes:
    return b"".join([unmasker.feed(piece) for piece in pieces])


def _parse(data: bytes, *, mask: bool, max_size: int | None = None) -> list[Frame]:
    """Return the whole frames in some bytes, as websockets' own parser finds them."""
    reader = StreamReader()
    reader.feed_data(data)
    found: list[Frame] = []

    def parse() -> Generator[None, None, None]:
        while True:
            found.append((yield from Frame.parse(reader.read_exact, mask=mask, max_size=max_size)))

    next(parse(), None)
    return found


@given(st.lists(_frames(), min_size=1, max_size=6), st.lists(st.integers(0, 10**6), max_size=8))
def test_any_pieces_give_the_same(frames: list[Frame], cuts: list[int]) -> None:
    """However the bytes are cut, what goes out are the same frames without a mask."""
    data = b"".join(frame.serialize(mask=True) for frame in frames)
    unmasker = Unmasker()
    out = b"".join(unmasker.feed(piece) for piece in _pieces(data, cuts))
    assert out == b"".join(frame.serialize(mask=False) for frame in frames)
    assert _parse(out, mask=False) == _parse(data, mask=True)
    assert unmasker.between_frames
    assert not unmasker.closed


@given(_frames(), st.integers(0, 10**6))
def test_nothing_waits(frame: Frame, cut: int) -> None:
    """All of a payload that has come in has gone out, header or not."""
    data = frame.serialize(mask=True)
    out = frame.serialize(mask=False)
    head = len(data) - len(frame.data)
    cut %= len(data) + 1
    sent = Unmasker().feed(data[:cut])
    assert sent == (out[: cut - 4] if cut >= head else b"")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_hostile_bytes_are_refused_as_by_websockets(data: bytes, cuts: list[int]) -> None:
    """What websockets' parser refuses is refused, and nothing else gets through in between."""
    unmasker = Unmasker()
    out = b""
    try:
        for piece in _pieces(data, cuts):
            out += unmasker.feed(piece)
        refused = False
    except FrameError:
        refused = True
    try:
        theirs = _parse(data, mask=True, max_size=WEBSOCKET_BYTES)
    except (ProtocolError, PayloadTooBig):
        # Theirs looks at a frame that is all there; behind a close frame we look at nothing.
        assert refused or unmasker.closed
        return
    if not refused:
        ours = _parse(out, mask=False)
        assert ours == theirs[: len(ours)]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"\x82\x05", ErrorCode.MALFORMED),  # not masked
        (b"\xc2\x85", ErrorCode.MALFORMED),  # a reserved bit: compression that nobody agreed on
        (b"\xa2\x85", ErrorCode.MALFORMED),
        (b"\x92\x85", ErrorCode.MALFORMED),
        (b"\x83\x85", ErrorCode.MALFORMED),  # unknown opcodes
        (b"\x8b\x85", ErrorCode.MALFORMED),
        (b"\x09\x85", ErrorCode.MALFORMED),  # a control frame in pieces
        (b"\x89\xfe", ErrorCode.MALFORMED),  # a long control frame
        (b"\x88\xff", ErrorCode.MALFORMED),
        (b"\x82\xff" + (WEBSOCKET_BYTES + 1).to_bytes(8) + _MASK, ErrorCode.TOO_LARGE),
        (b"\x82\xff" + b"\xff" * 8 + _MASK, ErrorCode.TOO_LARGE),
    ],
)
@pytest.mark.parametrize("before", [b"", Frame(Opcode.TEXT, b"good").serialize(mask=True)])
def test_bad_headers(header: bytes, code: ErrorCode, before: bytes) -> None:
    """A header that no client may send is refused as soon as it is there, whole or byte by byte."""
    for pieces in ([before + header], [bytes([one]) for one in before + header]):
        unmasker = Unmasker()
        with pytest.raises(FrameError) as caught:
            _feed(unmasker, pieces)
        assert caught.value.code is code


def test_the_largest_passes() -> None:
    """A frame of just the limit goes through."""
    frame = Frame(Opcode.BINARY, b"x" * WEBSOCKET_BYTES)
    assert Unmasker().feed(frame.serialize(mask=True)) == frame.serialize(mask=False)


@pytest.mark.parametrize("payload", [b"", Close(1000, "bye").serialize()])
@pytest.mark.parametrize("whole", [True, False])
def test_nothing_follows_a_close_frame(payload: bytes, whole: bool) -> None:
    """A close frame is told of once it is through; what comes behind it goes nowhere."""
    frame = Frame(Opcode.CLOSE, payload)
    data = frame.serialize(mask=True)
    unmasker = Unmasker()
    pieces = [data] if whole else [bytes([one]) for one in data]
    out = b""
    for piece in pieces:
        assert not unmasker.closed
        out += unmasker.feed(piece)
    assert unmasker.closed
    assert out == frame.serialize(mask=False)
    assert unmasker.feed(Frame(Opcode.TEXT, b"more").serialize(mask=True)) == b""
    assert unmasker.feed(b"anything at all") == b""


def test_close_frame_among_others() -> None:
    """A close frame in one piece with other frames ends what goes through."""
    frames = [Frame(Opcode.TEXT, b"a"), Frame(Opcode.CLOSE, b""), Frame(Opcode.TEXT, b"b")]
    unmasker = Unmasker()
    out = unmasker.feed(b"".join(frame.serialize(mask=True) for frame in frames))
    assert out == b"".join(frame.serialize(mask=False) for frame in frames[:2])
    assert unmasker.closed


def test_between_frames() -> None:
    """In the middle of a payload nothing of our own could be sent."""
    unmasker = Unmasker()
    data = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
    unmasker.feed(data[:8])
    assert not unmasker.between_frames
    unmasker.feed(data[8:])
    assert unmasker.between_frames


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    st.lists(st.integers(0, 5000), max_size=6),
)
def test_whole_frames_one_by_one(payloads: list[bytes], cuts: list[int]) -> None:
    """Small frames come out one by one, however they came in; what is behind them is kept."""
    frames = WholeFrames()
    found = []
    data = b"".join(Frame(Opcode.TEXT, one).serialize(mask=True) for one in payloads)
    for piece in _pieces(data, cuts):
        frames.feed(piece)
        while (one := frames.next()) is not None:
            found.append(one)
    assert found == [(FINAL_TEXT, payload) for payload in payloads]
    assert frames.rest() == b""


def test_rest_of_whole_frames() -> None:
    """What follows the last frame that was asked for is handed over once."""
    frames = WholeFrames()
    frames.feed(Frame(Opcode.PING, b"1").serialize(mask=True) + b"\x81\x85rest")
    assert frames.next() == (FINAL_PING, b"1")
    assert frames.rest() == b"\x81\x85rest"
    assert frames.rest() == b""
    assert frames.next() is None


def test_whole_frames_are_small_and_whole() -> None:
    """A large frame, and one of a message in pieces, are refused."""
    frames = WholeFrames()
    large = Frame(Opcode.TEXT, b"x" * (RELAY_MESSAGE_BYTES + 1)).serialize(mask=True)
    frames.feed(large[:8])
    with pytest.raises(FrameError) as caught:
        frames.next()
    assert caught.value.code is ErrorCode.TOO_LARGE
    frames = WholeFrames()
    frames.feed(Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True))
    with pytest.raises(FrameError, match="pieces"):
        frames.next()
