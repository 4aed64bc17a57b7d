"""Steps for a recording that has none: a spectator's, as of a lap that a human drove. Pure.

The frames of the stream, thinned to the control rate, become ticks. What such a step tells is true
of its frame, and no more: the action and the wheel's state are the controls as the game took them;
the observation is the profile's; the receipt says that every tick was on time and had its action,
as old as the frame before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ac_bridge.replay.records import Played, Tick
from ac_bridge.server.spectators import Subscription
from ac_bridge.telemetry.observation import Look, Observer, plan_of_spec
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.messages import EndReason, Receipt, WheelState
from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.wire import trusted
from ac_bridge_recording.topics import EpisodeStart, StepRecord

EPISODE = 1
"""Number of the one episode."""


class MadeUpSteps:
    """Makes one episode of a stream of frames.

    Args:
        spec: how it is stepped.
        stream_hz: frames a second of the stream.
        statics: the game's static facts.
    """

    def __init__(self, spec: EnvSpec, stream_hz: float, statics: GameStatics) -> None:
        self._spec = spec
        self._statics = statics
        self._observer = Observer(plan_of_spec(spec))
        self._thinning = Subscription(spec.control_hz, stream_hz)
        self._ticks = 0
        self._last_s = 0.0

    def among(self, played: Iterable[Played]) -> Iterator[Played]:
        """Yield what was recorded, with the made-up episode where its frames are.

        A tick is held back, with all that follows it, until there is another: only then is it known
        not to be the last.
        """
        held: list[Played] = []
        for one in played:
            record = one.record
            if isinstance(record, TelemetryFrame) and self._thinning.wants(record.t_wall):
                yield from held
                held = [Played(one.time_ns, self._made_up(record)), one]
                if isinstance(held[0].record, EpisodeStart):
                    yield from held
                    held = []
            elif held:
                held.append(one)
            else:
                yield one
        if held and isinstance(tick := held[0].record, Tick):
            held[0] = held[0]._replace(record=tick._replace(end=EndReason.RECORDING_ENDED))
        yield from held

    def _made_up(self, frame: TelemetryFrame) -> EpisodeStart | Tick:
        number, self._ticks = self._ticks, self._ticks + 1
        since_s = frame.t_wall - self._last_s if number else 0.0
        self._last_s = frame.t_wall
        stamp = {"seq": number, "dt": 1.0 / self._spec.control_hz, "dt_actual": since_s}
        stamped = trusted(TelemetryFrame, frame.__dict__ | stamp)
        observation = self._observer.see(Look(stamped))
        if number:
            return Tick(self._step(stamped, observation), None)
        return EpisodeStart(
            episode=EPISODE,
            seed=None,
            spec=self._spec,
            statics=self._statics,
            observation=observation,
            frame=stamped,
        )

    def _step(self, frame: TelemetryFrame, observation: tuple[float, ...]) -> StepRecord:
        wheel = wheel_in(frame)
        return StepRecord(
            episode=EPISODE,
            action=(wheel.steer, wheel.throttle, wheel.brake),
            observation=observation,
            frame=frame,
            receipt=Receipt(
                action_id=frame.seq - 1,
                tick=frame.seq,
                tick_asked=frame.seq - 1,
                tick_applied=frame.seq - 1,
                late=False,
                ticks_held=0,
                ticks_eased=0,
                ticks_planned=0,
                ticks_missed=0,
                tick_error_s=0.0,
                action_age_s=frame.dt_actual,
                observation_age_s=0.0,
                sent=wheel,
                replayed=True,
            ),
            end=None,
        )


def wheel_in(frame: TelemetryFrame) -> WheelState:
    """Return the controls of a frame, as the game took them, as a wheel that would give them.

    A frame tells how far the clutch is engaged, a wheel how far its pedal is pressed.
    """
    return WheelState(
        steer=min(max(frame.steer_angle, -1.0), 1.0),
        throttle=_pedal(frame.throttle),
        brake=_pedal(frame.brake),
        clutch=_pedal(1.0 - frame.clutch),
    )


def _pedal(value: float) -> float:
    return min(max(value, 0.0), 1.0)
