"""Records of a run: what is packed comes back, and nothing else is believed."""

from __future__ import annotations

import numpy as np
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.errors import FrameError
from ac_bridge_protocol.experience import (
    EpisodeStart,
    Record,
    Transition,
    pack,
    to_array,
    to_bytes,
    unpack,
)
from helpers.frames import make_frame, make_statics
from helpers.wire import make_receipt

START = EpisodeStart(run="a.1", episode=1, statics=make_statics(), observation=to_bytes([0.5]))
STEP = Transition(
    run="a.1",
    episode=1,
    tick=1,
    policy=3,
    noise=to_bytes([0.1]),
    action=to_bytes([0.0, 1.0, 0.0]),
    extras={"log_prob": to_bytes([-1.5])},
    receipt=make_receipt(),
    reward=1.25,
    terms={"progress_m": 2.5},
    terminated=False,
    truncated=True,
    end_reason="step_limit",
    observation=to_bytes([0.25]),
    frame=make_frame(),
)


@pytest.mark.parametrize("record", [START, STEP])
def test_what_is_packed_comes_back(record: Record) -> None:
    """Every field, with frame and receipt."""
    assert unpack(pack(record)) == record


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_numbers_come_back(values: list[float]) -> None:
    """To the bit, and free to be changed."""
    again = to_array(to_bytes(values))
    assert again.dtype == np.float32
    assert again.tolist() == values
    again += 1.0


@given(st.binary(max_size=300))
def test_rubbish_is_refused(data: bytes) -> None:
    """With the typed error alone."""
    with pytest.raises(FrameError, match="no record of a run"):
        unpack(data)


@given(st.data())
def test_a_changed_byte_is_noticed_or_harmless(data: st.DataObject) -> None:
    """Never another error."""
    packed = bytearray(pack(STEP))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        unpack(bytes(packed))
    except FrameError:
        return


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "../x"),
        ("run", ""),
        ("policy", 0),
        ("reward", float("nan")),
        ("action", b"x" * 4 * 17),
        ("extras", {"Not a name": b""}),
        ("extras", {f"e{n}": b"" for n in range(17)}),
        ("unknown", 1),
    ],
)
def test_bounds_hold(field: str, value: object) -> None:
    """A record is as strict as a message."""
    plain = ormsgpack.unpackb(pack(STEP)) | {field: value}
    with pytest.raises(FrameError, match=field):
        unpack(ormsgpack.packb(plain))
