"""The relay's bench: its messages, the verdict, and a tiny run of the same code."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import pytest

from _relay.judge import (
    WAYS,
    Churn,
    Drive,
    Found,
    RoundTrip,
    Scale,
    as_json,
    as_lines,
    broken,
    slow,
)
from _relay.messages import BINARY, Numbered, client_frame, next_frame, samples
from _relay.round_trip import measure_round_trip
from _relay.scale import measure_churn, measure_scale
from _relay.stage import Stage
from ac_bridge.relay.frames import Unmasker

NOTHING_WRONG = {"lost": 0, "out of order": 0, "mismatched": 0, "connections lost": 0}
DRIVE = Drive(200, 4000, 2.0, NOTHING_WRONG, {"p50": 0.3, "p99": 1.0}, {"p50": 0.5}, 0.14, 0.2)
MIB = 1 << 20


def found(**overrides: Any) -> Found:
    """Return what a relay that keeps every promise shows."""
    times = dict(zip(WAYS, ([40.0] * 3, [140.0] * 3, [160.0] * 3), strict=True))
    scale = Scale(
        secure=False,
        parked=1000,
        hz=10.0,
        park_s=1.0,
        rss_bytes=(74 * MIB, 79 * MIB, 81 * MIB),
        drive=DRIVE,
        more=[],
        gave_out="",
    )
    churn = Churn(False, 2000, 5.0, NOTHING_WRONG, (80 * MIB, 84 * MIB, 85 * MIB), (64, 64))
    return Found(
        [RoundTrip(False, 300, 108, 3309, overrides.pop("p50_us", times), times)],
        [dataclasses.replace(scale, **overrides.pop("scale", {}))],
        [dataclasses.replace(churn, **overrides.pop("churn", {}))],
    )


# --- Messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, 117, 118, 3000])
def test_a_message_comes_out_as_it_went_in(size: int) -> None:
    """With its number, from a client or a server, and through the relay."""
    message = Numbered(bytes(range(256)) * 20)
    short = Numbered(bytes(size))
    for one in (message, short):
        for frame in (one.by_client(77), one.by_server(77), Unmasker().feed(one.by_client(77))):
            read = next_frame(frame, 0)
            assert read is not None
            first, payload, end = read
            assert (first, one.number_in(payload), end) == (BINARY, 77, len(frame))
            assert next_frame(frame[:-1], 0) is None
        assert Unmasker().feed(one.by_client(77)) == one.by_server(77)
        assert len(one.by_server(77)) == one.bytes


def test_a_message_that_was_changed_has_no_number() -> None:
    """In any byte but those of the number."""
    message = Numbered(b"abc")
    assert message.number_in(b"\0" * 7 + b"\1abc") == 1
    assert message.number_in(b"\0" * 7 + b"\1abd") is None
    assert message.number_in(b"") is None
    assert next_frame(client_frame(BINARY, b"hello"), 0) == (BINARY, b"hello", 11)


def test_samples_are_as_large_as_steps_are() -> None:
    """A step fits a packet, and its answer has a whole frame of telemetry."""
    request, answer = samples()
    assert 60 < len(request) < 200
    assert 2000 < len(answer) < 5000


# --- The verdict ----------------------------------------------------------------------------------


def test_a_relay_that_bears_it_holds() -> None:
    """Nothing to complain of; the page has the figures."""
    good = found()
    assert not broken(good)
    assert not slow(good)
    lines = "\n".join(as_lines(good))
    assert "Every promise held." in lines
    assert "| plain | 40 / 40 | 140 / 140 | 160 / 160 | 4.00 | 1.20" in lines
    assert "| memory per parked actor | 5.1 kB |" in lines
    assert as_json(good)["holds"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"scale": {"drive": dataclasses.replace(DRIVE, wrong={"lost": 2})}}, "plain: 2 lost"),
        (
            {"scale": {"more": [dataclasses.replace(DRIVE, wrong={"mismatched": 1})]}},
            "1 mismatched",
        ),
        ({"churn": {"wrong": {"connections lost": 1}}}, "1 connections lost"),
        ({"churn": {"files": (64, 66)}}, "2 descriptors"),
        ({"churn": {"rss_bytes": (80 * MIB, 80 * MIB, 90 * MIB)}}, "grew by 10.0 MiB"),
    ],
)
def test_each_broken_promise_is_told(overrides: dict[str, Any], said: str) -> None:
    """One is enough."""
    bad = found(**overrides)
    assert any(said in one for one in broken(bad))
    assert not as_json(bad)["holds"]


def test_a_slow_relay_is_told() -> None:
    """One that adds more than half as much again as a bare hop, or fills its core."""
    times = dict(zip(WAYS, ([40.0] * 3, [140.0] * 3, [240.0] * 3), strict=True))
    assert "2.00 x" in slow(found(p50_us=times))[0]
    full = dataclasses.replace(DRIVE, relay_cpu=0.95)
    assert "95 % of the relay's core" in slow(found(scale={"drive": full}))[0]


# --- In small -------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_tiny_run_loses_nothing(secure: bool) -> None:
    """Ten parked, three driven, ten come and go: the same code as in full."""

    def say(done: int, total: int, what: str) -> None:
        assert 0 <= done <= total
        assert what

    with Stage(secure=secure) as stage:
        scale = measure_scale(stage, parked=10, driven=3, hz=20.0, seconds=0.5, most=4, say=say)
        churn = measure_churn(stage, learners=10, say=say)
        trip = measure_round_trip(stage, blocks=2, count=5, say=say)
    seen = Found([trip], [scale], [churn])
    rows = as_json(seen)
    assert (scale.drive.wrong, churn.wrong) == (NOTHING_WRONG, NOTHING_WRONG)
    assert (scale.drive.sent, [drive.pairs for drive in scale.more]) == (30, [4])
    assert churn.files[0] == churn.files[1]
    assert {way: len(times) for way, times in trip.p50_us.items()} == dict.fromkeys(WAYS, 2)
    assert set(rows["round_trips"][0]["p50_us"]) == set(WAYS)
    assert len(as_lines(seen)) > 10
