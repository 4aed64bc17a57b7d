"""Joining the fragments of a WebSocket message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.fragments import BINARY, CONTINUATION, TEXT, Fragments

CLOSE, PING, PONG = 8, 9, 10


@pytest.mark.parametrize(("opcode", "binary"), [(TEXT, False), (BINARY, True)])
def test_an_unfragmented_message_comes_as_it_is(opcode: int, binary: bool) -> None:
    """With its kind; an empty one is a message too."""
    fragments = Fragments()
    assert fragments.add(opcode, b"abc", final=True) == (b"abc", binary)
    assert fragments.add(opcode, b"", final=True) == (b"", binary)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG, 3, 15])
def test_other_frames_are_none_of_our_business(opcode: int) -> None:
    """Nor do they disturb a message that is coming in."""
    fragments = Fragments()
    assert fragments.add(TEXT, b"a", final=False) is None
    assert fragments.add(opcode, b"noise", final=True) is None
    assert fragments.add(CONTINUATION, b"b", final=True) == (b"ab", False)


@given(
    sent=st.lists(
        st.tuples(
            st.booleans(),
            st.lists(st.tuples(st.binary(max_size=8), st.booleans()), min_size=1, max_size=5),
        ),
        max_size=5,
    )
)
def test_messages_cut_anywhere_come_back_whole(
    sent: list[tuple[bool, list[tuple[bytes, bool]]]],
) -> None:
    """Any number of messages in any pieces, with pings between them: each once, in order."""
    fragments, got = Fragments(), []
    for binary, pieces in sent:
        for number, (piece, pinged) in enumerate(pieces):
            opcode = CONTINUATION if number else BINARY if binary else TEXT
            got.append(fragments.add(opcode, piece, final=number == len(pieces) - 1))
            if pinged:
                got.append(fragments.add(PING, b"", final=True))
    wanted = [(b"".join(piece for piece, _ in pieces), binary) for binary, pieces in sent]
    assert [message for message in got if message is not None] == wanted


def test_empty_fragments_take_no_room() -> None:
    """Any number of them: no limit on a message's size would ever end them."""
    fragments = Fragments()
    assert fragments.add(TEXT, b"", final=False) is None
    assert fragments.add(CONTINUATION, b"a", final=False) is None
    for _ in range(1000):
        assert fragments.add(CONTINUATION, b"", final=False) is None
    assert len(fragments._parts) == 1
    assert fragments.add(CONTINUATION, b"b", final=False) is None
    assert fragments.add(CONTINUATION, b"", final=True) == (b"ab", False)
