"""Driving laps: what counts as one, and when to stop."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import typer

from ac_bridge_client.laps import drive_laps
from ac_bridge_protocol.messages import Receipt, WheelState

RECEIPT = Receipt(
    action_id=0,
    tick=1,
    tick_asked=0,
    tick_applied=0,
    late=False,
    ticks_held=0,
    ticks_eased=0,
    ticks_planned=0,
    ticks_missed=2,
    tick_error_s=0.001,
    action_age_s=0.1,
    observation_age_s=0.0,
    sent=WheelState(steer=0.0, throttle=0.0, brake=0.0, clutch=0.0),
    replayed=False,
)


class Road:
    """An environment whose laps are ten steps long; the third lap has a cut."""

    def __init__(self, *, ends_at: int = 10_000) -> None:
        self.steps = 0
        self.ends_at = ends_at

    def info(self) -> dict[str, Any]:
        laps = self.steps // 10
        return {
            "completed_laps": laps,
            # Written one step after the lap, as the real game may do.
            "last_time": 10_000 * ((self.steps - 1) // 10),
            "is_valid_lap": laps != 2,
            "dt_actual": 0.1,
            "receipt": RECEIPT,
        }

    def reset(self, *, seed: int | None) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return None, self.info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        done = self.steps >= self.ends_at
        return None, 0.0, done, False, self.info() | ({"end_reason": "stuck"} if done else {})


class Straight:
    """A driver without ideas."""

    def act(self, observation: Any) -> Any:
        return (0.0, 1.0, 0.0)


def test_laps_and_their_times() -> None:
    """Two laps end the drive; their times are read once the game has written them."""
    report = drive_laps(Road(), Straight(), 2, max_steps=100)
    assert report.lap_times_s == [10.0, 20.0]
    assert (report.laps_valid, report.steps, report.ticks_missed) == (2, 22, 44)
    assert report.complete(2)
    assert report.end_reason == ""


def test_a_cut_lap_counts_but_is_not_valid() -> None:
    """A lap with a cut is driven, and the drive is not complete."""
    report = drive_laps(Road(), Straight(), 3, max_steps=100)
    assert len(report.lap_times_s) == 3
    assert report.laps_valid == 2
    assert not report.complete(3)


def test_the_tasks_end_is_the_drives_end() -> None:
    """An episode that ends early says why."""
    report = drive_laps(Road(ends_at=5), Straight(), 1, max_steps=100)
    assert (report.end_reason, report.steps) == ("stuck", 5)


def test_gives_up_at_the_limit() -> None:
    """Steps are bounded."""
    report = drive_laps(Road(), Straight(), 50, max_steps=30)
    assert report.steps == 30
    assert "30 steps" in report.end_reason


def test_demo_fails_when_the_lap_was_not_driven(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A driver who goes straight on leaves the road; the demo says so and exits with 1."""
    # The package's attribute of that name is the command; this is the module it stands in.
    module = importlib.import_module("ac_bridge.cli.demo")
    monkeypatch.setattr(module, "LineDriver", lambda *_args, **_options: Straight())
    with pytest.raises(typer.Exit) as caught:
        module.demo(
            laps=1,
            fast=True,
            codec=module.CodecName.MSGPACK,
            control_hz=10.0,
            seed=1,
            as_json=False,
        )
    assert caught.value.exit_code == 1
    assert "0 of 1" in capsys.readouterr().out
