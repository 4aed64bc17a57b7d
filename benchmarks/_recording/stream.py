"""A seeded stream of everything that is recorded: whoever knows the seed knows what must be there.

One `Moment` is what an actor hands over at one tick of its telemetry; what a drive on the stand-in
gave once is varied by number and chance, so that no two records are alike.
"""

from __future__ import annotations

import base64
import itertools
import operator
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.episode import Episode
from ac_bridge.pacing import TickStats
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.stepper import answer
from ac_bridge.standin import StandinGame
from ac_bridge_protocol.codec import JSON, MSGPACK, Codec
from ac_bridge_protocol.frame import TelemetryFrame
from ac_bridge_protocol.messages import (
    Event,
    EventKind,
    Message,
    ResetResult,
    Step,
    StepResult,
    Telemetry,
)
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_protocol.wire import WireModel
from ac_bridge_recording import Recorder
from ac_bridge_recording.topics import EpisodeEnd, EpisodeStart, StepRecord, Topic, Way, WireFrame

TELEMETRY_HZ = 333.0
CONTROL_HZ = 60.0
MOMENTS_A_STEP = 5
"""Control at a fifth of the telemetry rate, which is the nearest."""
STEPS_AN_EPISODE = 40
SPECTATOR, LEARNER = 1, 2
"""Numbers of the two connections; the spectator's speaks JSON."""


class Moment(NamedTuple):
    """What is handed over at once, and the records that this must become."""

    hand_over: list[Callable[[Recorder], None]]
    records: list[tuple[Topic, WireModel]]


class Template(NamedTuple):
    """What one step on the stand-in gave."""

    spec: EnvSpec
    begun: ResetResult
    result: StepResult


def template() -> Template:
    """Drive one step in lockstep; the same wherever it is asked for."""
    settings = RigSettings(CONTROL_HZ, TELEMETRY_HZ, smoothing_named("moderate"))
    rig = Rig(StandinGame(lockstep=True), settings)
    try:
        for deadline in rig.reset(1, lambda *_: None):
            rig.clock.sleep_until(deadline)
        episode = Episode(rig, TickStats(), 0)
        frame = episode.first
        ticket = episode.ask((0.0, 0.5, 0.0))
        for deadline in episode.until_tick():
            rig.clock.sleep_until(deadline)
        episode.reach()
        outcome = episode.outcome(ticket)
        assert outcome is not None
        begun = ResetResult(
            id=0,
            episode=1,
            statics=rig.require_statics(),
            observation=episode.first_observation,
            frame=frame,
        )
        result = answer(1, outcome, now_s=0.0)
        return Template(rig.spec(Mode.LOCKSTEP), begun, result)
    finally:
        rig.close()


def moments(seed: int, made_of: Template) -> Iterator[Moment]:
    """Yield what is handed over, without end: of the same seed always the same.

    Args:
        seed: of all that chance decides.
        made_of: what it varies.
    """
    chance = random.Random(seed)  # noqa: S311 -- no secret
    episode = 0
    for number in itertools.count():
        moment = Moment([], [])
        if number % (MOMENTS_A_STEP * STEPS_AN_EPISODE) == 0:
            _begin(moment, made_of, episode)
            episode += 1
        frame = _varied(made_of.result.frame, number, chance)
        _take(moment, Topic.TELEMETRY, frame, operator.methodcaller("frame", frame))
        _wire(moment, SPECTATOR, Way.TO_LEARNER, JSON, Telemetry(frame=frame, dropped=0))
        if number % MOMENTS_A_STEP == 0:
            _step(moment, made_of, frame, number // MOMENTS_A_STEP, episode, chance)
        yield moment


def _begin(moment: Moment, made_of: Template, before: int) -> None:
    """Begin the next episode; the one before, if any, ends with it."""
    if before:
        ended = EpisodeEnd(episode=before, steps=STEPS_AN_EPISODE, reason="reset")
        moment.records.append((Topic.EPISODE_END, ended))
    begun = made_of.begun.model_copy(update={"episode": before + 1})
    if not before:
        moment.records.append((Topic.STATICS, begun.statics))
    seed = before
    start = EpisodeStart(
        episode=before + 1,
        seed=seed,
        spec=made_of.spec,
        statics=begun.statics,
        observation=begun.observation,
        frame=begun.frame,
    )
    hand_over = operator.methodcaller("episode_started", begun, made_of.spec, seed)
    _take(moment, Topic.EPISODE_START, start, hand_over)
    event = Event(kind=EventKind.EPISODE_STARTED, message=f"Episode {before + 1} begins.")
    _take(moment, Topic.EVENT, event, operator.methodcaller("event", event))


def _step(
    moment: Moment,
    made_of: Template,
    frame: TelemetryFrame,
    number: int,
    episode: int,
    chance: random.Random,
) -> None:
    action = (chance.uniform(-1.0, 1.0), chance.random(), 0.0)
    _wire(moment, LEARNER, Way.TO_ACTOR, MSGPACK, Step(id=number, action=action))
    receipt = made_of.result.receipt.model_copy(update={"action_id": number, "tick": number + 1})
    result = made_of.result.model_copy(update={"id": number, "frame": frame, "receipt": receipt})
    record = StepRecord(
        episode=episode,
        action=action,
        observation=result.observation,
        frame=frame,
        receipt=receipt,
        end=None,
    )
    _take(moment, Topic.STEP, record, operator.methodcaller("step", action, result))
    _wire(moment, LEARNER, Way.TO_LEARNER, MSGPACK, result)


def _wire(moment: Moment, link: int, way: Way, codec: Codec, message: Message) -> None:
    payload = codec.encode(message)
    record = WireFrame(
        link=link,
        way=way,
        subprotocol=codec.subprotocol,
        text=None if codec.binary else payload.decode(),
        data=base64.b64encode(payload).decode() if codec.binary else None,
        masked=False,
    )
    _take(moment, Topic.WIRE, record, operator.methodcaller("wire", link, way, codec, payload))


def _take(
    moment: Moment, topic: Topic, record: WireModel, hand_over: Callable[[Recorder], None]
) -> None:
    moment.hand_over.append(hand_over)
    moment.records.append((topic, record))


def _varied(frame: TelemetryFrame, number: int, chance: random.Random) -> TelemetryFrame:
    at_s = number / TELEMETRY_HZ
    return frame.model_copy(
        update={
            "seq": number,
            "t_wall": 1.7e9 + at_s,
            "current_time": round(1000 * at_s),
            "speed_kmh": chance.uniform(0.0, 250.0),
            "position": (chance.gauss(0.0, 300.0), 0.0, chance.gauss(0.0, 300.0)),
            "yaw": chance.uniform(-3.1, 3.1),
        }
    )
