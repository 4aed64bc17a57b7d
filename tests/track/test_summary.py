"""A track in figures."""

import json

import numpy as np
import pytest

from ac_bridge.standin.circuit import right, straight
from ac_bridge.standin.layouts import default_circuit
from ac_bridge.track.build import build
from ac_bridge.track.summary import corners, summary
from helpers.track_shapes import circuit_track, figure_eight, laid, paperclip, raw_track, wave


def test_the_summary_can_be_written_as_json() -> None:
    """With the keys that are promised, and values of plain types."""
    told = summary(build(raw_track(wave(), side_left_m=np.full(200, 2.0), side_right_m=None)))
    assert json.loads(json.dumps(told)) == told
    assert told["closed"] is False
    assert told["points"] == 200
    assert told["width_m"] == {"min": 7.0, "median": 7.0, "max": 7.0}
    assert told["grip"] == 1.0
    assert len(told["notes"]) == 1
    assert told["length_m"] == pytest.approx(410.0, abs=10.0)


def test_corners_are_counted() -> None:
    """Wherever point 0 lies, and whichever way they turn."""
    assert corners(circuit_track(paperclip(20.0))) == 2
    assert corners(circuit_track(figure_eight())) == 2
    assert corners(circuit_track(default_circuit())) == 8
    half, other = right(20.0, 90), right(20.0, 180)
    assert corners(circuit_track(laid([half, straight(99), other, straight(99), half]))) == 2


def test_what_is_hardly_a_bend_is_no_corner() -> None:
    """A great ring has none, a small ring is one, and a short kink is none."""
    assert corners(circuit_track(laid([right(200.0, 360)]))) == 0
    assert corners(circuit_track(laid([right(100.0, 360)]))) == 1
    kink = np.array([[0.0, z] for z in range(100)] + [[0.1 * z, 99.0 + z] for z in range(1, 100)])
    assert corners(build(raw_track(kink))) == 0
