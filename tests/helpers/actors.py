"""Actors to test against: in a thread, where a test can look at the wheel, or as a process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.game import RecordingWheel
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.app import ActorApp, MakeTeaching
from ac_bridge.server.emergency import Switch
from ac_bridge.server.lease import Terms
from ac_bridge.server.reach import Reach
from ac_bridge.server.recording import record_actor
from ac_bridge.server.stage import Served
from ac_bridge.standin import Circuit, StandinGame
from helpers.in_thread import in_thread


def make_rig(
    *,
    lockstep: bool = True,
    control_hz: float = 10.0,
    telemetry_hz: float = 60.0,
    clock: Clock | None = None,
    circuit: Circuit | None = None,
    **settings: Any,
) -> Rig:
    """Return a rig on the stand-in whose wheel remembers what was asked of it."""
    game = StandinGame(lockstep=lockstep, clock=clock, circuit=circuit)
    game.wheel = RecordingWheel(game.wheel)  # type: ignore[assignment]
    smoothing = smoothing_named("moderate")
    return Rig(game, RigSettings(control_hz, telemetry_hz, smoothing, **settings))


def wheel_of(rig: Rig) -> RecordingWheel:
    """Return the wheel that `make_rig` built in."""
    wheel = rig.game.wheel
    assert isinstance(wheel, RecordingWheel)
    return wheel


@contextlib.contextmanager
def serving(
    rig: Served,
    port: int = 0,
    terms: Terms | None = None,
    reach: Reach | None = None,
    record: Path | None = None,
    make_teaching: MakeTeaching | None = None,
    switches: Sequence[Switch] = (),
) -> Iterator[tuple[str, ActorApp]]:
    """Serve a rig, or a stage, from a thread of this process; give its address and the app.

    With ``record`` everything is recorded into a file of that folder.
    """

    def make(on_ready: Callable[[int], None]) -> ActorApp:
        recorder = record and record_actor(record, rig, SystemClock(), wire=True)
        return ActorApp(
            rig,
            host="127.0.0.1",
            port=port,
            on_ready=on_ready,
            terms=terms,
            reach=reach,
            recorder=recorder,
            make_teaching=make_teaching,
            switches=switches,
        )

    with in_thread(make, "test-actor") as running:
        scheme = "wss" if reach is not None and reach.tls is not None else "ws"
        yield f"{scheme}://127.0.0.1:{running.port}", running.app
