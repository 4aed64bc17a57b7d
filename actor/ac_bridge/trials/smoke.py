"""Telemetry and control together: how often, and how long from a command to its effect."""

from __future__ import annotations

import dataclasses

from ac_bridge.game import Controls
from ac_bridge.pacing import Pacer, Tick, TickStats, percentile
from ac_bridge.trials.bench import Bench, Look
from ac_bridge.trials.responses import NOTICED
from ac_bridge_protocol.frame import GameState, TelemetryFrame

STEPS = 10
"""How often the latency is measured."""
STEP = 0.2
"""How far the steering is moved for it."""
SEEN_WITHIN_S = 0.5
"""A step of the steering that does not show within this is not seen."""
CALM_S = 0.1
WOBBLE = 0.02
"""How far the steering moves at each control tick while rates are measured."""
GOLDEN = 0.618034
"""Steps begin at moments that fall everywhere in the game's rhythm, as multiples of this do."""
SPREAD_S = 0.02
"""More than a drawn frame."""
PHYSICS_HZ = 1000.0 / 3.0
"""How often the game computes, and writes its physics page."""
ENOUGH = 0.9
"""Share of a rate that must be reached."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened."""

    asked_hz: float
    achieved_hz: float

    @property
    def enough(self) -> bool:
        """Whether it was often enough."""
        return self.achieved_hz >= ENOUGH * self.asked_hz


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One reason why the test failed."""

    message: str
    fix: str


@dataclasses.dataclass(frozen=True, slots=True)
class SmokeReport:
    """What was measured."""

    latencies_s: tuple[float, ...]
    """From a step of the steering to the frame that shows it; of those that were seen."""
    unseen: int
    """Steps that never showed."""
    telemetry: Rate
    control: Rate
    physics: Rate
    telemetry_error_s: float
    """The tick error that 99 % of the samples did not exceed."""
    control_error_s: float
    """Likewise, of the control ticks."""
    torn_reads: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the test was passed."""
        return not self.problems

    def latency_s(self, share: float) -> float:
        """Return the latency that ``share`` (0..1) of the steps did not exceed; 0 of none."""
        return percentile(self.latencies_s, share)


class SmokeTest:
    """One test of a car that stands.

    Args:
        bench: the game with its wheel.
        telemetry_hz: samples a second.
        control_hz: updates of the wheel a second.
        seconds: how long the rates are measured.
    """

    def __init__(
        self, bench: Bench, *, telemetry_hz: float, control_hz: float, seconds: float
    ) -> None:
        self._bench = bench
        self._telemetry_hz = telemetry_hz
        self._control_hz = control_hz
        self._seconds = seconds
        self._samples = _Lane(telemetry_hz, bench.clock.now())
        self._moves = _Lane(control_hz, bench.clock.now())
        self._first: tuple[float, TelemetryFrame] | None = None
        self._newest: tuple[float, TelemetryFrame] | None = None
        self._interrupted: Look | None = None

    def run(self) -> SmokeReport:
        """Measure. The wheel is neutral afterwards, however it ends.

        Raises:
            GameError: the game is not live, or the car does not stand.
        """
        bench = self._bench
        bench.require_standing()
        try:
            latencies = [self._step(i) for i in range(STEPS)]
            bench.let_go()
            elapsed_s = self._run_lanes()
        finally:
            bench.let_go()
        return self._report(latencies, elapsed_s)

    # --- Latency ----------------------------------------------------------------------------------

    def _step(self, index: int) -> float | None:
        """Move the steering, and return how long that took to show; None if it did not."""
        bench = self._bench
        before = bench.settle(_steer, calm_s=CALM_S, timeout_s=SEEN_WITHIN_S).steer_angle
        bench.pause(index * GOLDEN % 1.0 * SPREAD_S)
        sent_s = bench.clock.now()
        bench.send(Controls(steer=STEP if index % 2 == 0 else -STEP))
        frame = bench.wait_for(lambda frame: abs(_steer(frame) - before) > NOTICED, SEEN_WITHIN_S)
        return None if frame is None else bench.clock.now() - sent_s

    # --- Rates ------------------------------------------------------------------------------------

    def _run_lanes(self) -> float:
        """Sample and move at their rates for a while; return how long that was, in seconds."""
        clock = self._bench.clock
        began_s = clock.now()
        self._samples = _Lane(self._telemetry_hz, began_s)
        self._moves = _Lane(self._control_hz, began_s)
        while True:
            lane = min((self._samples, self._moves), key=lambda lane: lane.due(clock.now()).at_s)
            tick = lane.due(clock.now())
            if tick.at_s > began_s + self._seconds + 1e-9:
                return clock.now() - began_s
            clock.sleep_until(tick.at_s)
            if not lane.reach(tick, clock.now()):
                continue
            if lane is self._moves:
                self._bench.send(Controls(steer=WOBBLE if tick.index % 2 else -WOBBLE))
            else:
                self._take(self._bench.look())

    def _take(self, look: Look) -> None:
        if not look.live or look.frame is None:
            self._interrupted = self._interrupted or look
            return
        self._newest = (self._bench.clock.now(), look.frame)
        self._first = self._first or self._newest

    # --- Verdict ----------------------------------------------------------------------------------

    def _report(self, latencies: list[float | None], elapsed_s: float) -> SmokeReport:
        seen = tuple(latency for latency in latencies if latency is not None)
        report = SmokeReport(
            latencies_s=seen,
            unseen=len(latencies) - len(seen),
            telemetry=self._samples.rate(elapsed_s),
            control=self._moves.rate(elapsed_s),
            physics=Rate(PHYSICS_HZ, self._packets_per_s()),
            telemetry_error_s=self._samples.stats.error_s(0.99),
            control_error_s=self._moves.stats.error_s(0.99),
            torn_reads=self._bench.reader.torn_reads,
            problems=(),
        )
        return dataclasses.replace(report, problems=tuple(problems_of(report, self._interrupted)))

    def _packets_per_s(self) -> float:
        if self._first is None or self._newest is None or self._first[0] == self._newest[0]:
            return 0.0
        (began_s, first), (ended_s, newest) = self._first, self._newest
        return (newest.packet_id - first.packet_id) / (ended_s - began_s)


class _Lane:
    """One of the two things that happen at a rate."""

    def __init__(self, hz: float, start_s: float) -> None:
        self.stats = TickStats()
        self._hz = hz
        self._pacer = Pacer(hz, start_s)

    def due(self, now_s: float) -> Tick:
        return self._pacer.next(now_s)

    def reach(self, tick: Tick, now_s: float) -> bool:
        if not self._pacer.reach(tick, now_s):
            return False
        self.stats.record(tick, now_s)
        return True

    def rate(self, elapsed_s: float) -> Rate:
        return Rate(self._hz, self.stats.ticks / elapsed_s if elapsed_s > 0 else 0.0)


def _steer(frame: TelemetryFrame) -> float:
    return frame.steer_angle


def problems_of(report: SmokeReport, interrupted: Look | None) -> list[Problem]:
    """Return what is wrong with a measurement.

    Args:
        report: its figures.
        interrupted: the first look at which the game was not live; None if it always was.
    """
    problems = []
    if interrupted is not None:
        problems.append(Problem(f"In between: {interrupted.message}", _again(interrupted.state)))
    if report.unseen:
        problems.append(_unseen(report))
    for name, rate in (("telemetry", report.telemetry), ("control", report.control)):
        if not rate.enough:
            problems.append(
                Problem(
                    f"Only {rate.achieved_hz:.1f} {name} ticks a second instead of "
                    f"{rate.asked_hz:g}: this machine is too busy.",
                    "Close other programs, limit the game's frame rate, or ask for a lower rate.",
                )
            )
    if not report.physics.enough and interrupted is None:
        problems.append(
            Problem(
                f"The game computed {report.physics.achieved_hz:.0f} steps a second instead of "
                f"{report.physics.asked_hz:.0f}: it runs in slow motion.",
                "Lower its graphics settings and the number of cars.",
            )
        )
    return problems


def _unseen(report: SmokeReport) -> Problem:
    tried = report.unseen + len(report.latencies_s)
    if report.latencies_s:
        return Problem(
            f"{report.unseen} of {tried} steps of the steering did not show in telemetry.",
            "Is somebody else steering? Let nothing else use the virtual wheel.",
        )
    return Problem(
        "The wheel was moved, and the game's steering did not move.",
        "Is the steering axis bound to the virtual wheel? `ac-bridge test-control` tries each one, "
        "and `ac-bridge setup` writes a preset that binds them.",
    )


def _again(state: GameState) -> str:
    if state is GameState.PAUSED:
        return "Leave the game in the foreground with its menu closed, and run the test again."
    return "Let the game run undisturbed, and run the test again."
