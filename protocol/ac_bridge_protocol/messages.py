"""Every message of protocol version 1: frozen models in one union, told apart by `type`.

Who sends what, and when, is in `ac_bridge_protocol.session`. Requests carry an `id` chosen by the
learner, rising; the answer repeats it, and a repeated request gets the same answer again.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AllowInfNan, Discriminator, FailFast, Field, Strict, Tag, TypeAdapter

from ac_bridge_protocol.edge import (
    Acknowledge,
    PolicyChunk,
    PolicyOffer,
    PolicyStatus,
    Records,
    RunStart,
    RunStatus,
    RunStop,
)
from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.frame import GameState, GameStatics, TelemetryFrame
from ac_bridge_protocol.limits import (
    ACTION_COMPONENTS,
    DELAY_TICKS,
    ID_LIMIT,
    OBSERVATION_ELEMENTS,
    PLAN_TICKS,
)
from ac_bridge_protocol.observing import Wishes
from ac_bridge_protocol.spec import EnvSpec, Mode
from ac_bridge_protocol.starts import Start
from ac_bridge_protocol.wire import BY_VALUE, Text, WireModel

RequestId: TypeAlias = Annotated[int, Field(ge=0, lt=ID_LIMIT)]
"""Rises."""
Observation: TypeAlias = Annotated[
    tuple[float, ...], Strict(False), FailFast(), Field(max_length=OBSERVATION_ELEMENTS)
]
"""The observation's elements, each within the bounds that the spec gives."""
# NaN may come in so that the answer can name the component.
ActionValues: TypeAlias = Annotated[
    tuple[Annotated[float, AllowInfNan(True)], ...],
    Strict(False),
    FailFast(),
    Field(max_length=ACTION_COMPONENTS),
]


def _kind_of_wish(said: Any) -> str:
    """Return which of the two an observation is, so that what is wrong with it is said of that."""
    return "profile" if isinstance(said, str) else "features"


class Role(enum.StrEnum):
    """What a connection is for."""

    DRIVER = "driver"
    """May take the car: its first reset does, and then nobody else can until it lets go."""
    SPECTATOR = "spectator"
    """Listens."""
    LEARNER = "learner"
    """Gives the actor policies to drive with by itself, and takes what they lived through."""


class EndReason(enum.StrEnum):
    """Why an episode ended that no task ended. In `info["end_reason"]` of its last step."""

    GAME_ABSENT = "game_absent"
    """No game publishes its pages any more."""
    GAME_WAITING = "game_waiting"
    """The game is loading, or in a menu."""
    GAME_PAUSED = "game_paused"
    """The game was paused."""
    GAME_LOST = "game_lost"
    """The game has not moved for a second: it hangs, or it was killed."""
    GAME_WRONG_GAME = "game_wrong_game"
    """The pages are another game's now."""
    GAME_RESTARTED = "game_restarted"
    """The session began anew, or a new process of the game appeared, without being asked to."""
    LINK_LOST = "link_lost"
    """The link was lost, and did not come back within the grace period."""
    SESSION_LOST = "session_lost"
    """The link came back, but the actor knows nothing of the session: it was started anew, or the
    grace period was over. Or the actor withdrew the token."""
    ACTOR_STOPPED = "actor_stopped"
    """The actor was stopped in good order."""
    TAKEN_OVER = "taken_over"
    """An operator gave the car to somebody else."""
    RECORDING_ENDED = "recording_ended"
    """The recording that is replayed has no more of this episode."""


class ResetPhase(enum.StrEnum):
    """Where a reset is."""

    RESTARTING = "restarting"
    """The restart button is pressed; waiting for evidence that the session began anew."""
    STARTING = "starting"
    """The session waits for its start button."""
    SETTLING = "settling"
    """Waiting until the car stands, live and with a fresh lap clock."""
    GEARING = "gearing"
    """Selecting first gear, where the game does not by itself."""


class EventKind(enum.StrEnum):
    """What happened, for whoever listens."""

    DRIVER_JOINED = "driver_joined"
    """Somebody took the car."""
    DRIVER_AWAY = "driver_away"
    """The driver's link was lost. The car stays its own for the grace period."""
    DRIVER_BACK = "driver_back"
    """The driver is back, and goes on in the same episode."""
    DRIVER_LEFT = "driver_left"
    """The car is free."""
    EPISODE_STARTED = "episode_started"
    """A reset succeeded."""
    NEUTRALISED = "neutralised"
    """The actor let go of the wheel by itself; the message says why."""
    EASING = "easing"
    """No action came in time for so many ticks that the wheel now eases to neutral."""
    TICKS_MISSED = "ticks_missed"
    """The actor was late by whole ticks, and skipped them."""
    GAME_STATE = "game_state"
    """The game's state changed; `Event.state` says to what."""
    GAME_RESTARTED = "game_restarted"
    """The session began anew, or a new process of the game appeared, without being asked to."""
    WHEEL_LOST = "wheel_lost"
    """The wheel did not take neutral; the actor goes on trying."""
    SHIFT_FAILED = "shift_failed"
    """A gear change did not take, after all retries."""
    TRACK = "track"
    """The track's files were read, or could not be; the message says which, and why."""
    NOT_OBSERVED = "not_observed"
    """An episode begins whose observation has features that need the track's files, and there are
    none: these features are 0 throughout."""
    POLICY_FAILED = "policy_failed"
    """The policy that acted on the actor failed, and is rolled back; the wheel goes to neutral."""
    SHUTTING_DOWN = "shutting_down"
    """The actor is being stopped; the wheel is neutral already."""


# --- Handshake ------------------------------------------------------------------------------------


class Hello(WireModel):
    """Learner to actor, first: who I am and what I want."""

    type: Literal["hello"] = "hello"
    client: Text
    """Name and version of the client's software, for the actor's log."""
    role: Annotated[Role, BY_VALUE] = Role.DRIVER
    """To drive, or to watch."""
    mode: Annotated[Mode, BY_VALUE] | None = None
    """None takes the actor's own."""
    delay_ticks: int = Field(default=0, ge=0, le=DELAY_TICKS)
    """The k of mode `fixed_delay`, from 1; in any other mode 0."""
    observation: Annotated[
        Annotated[Text, Tag("profile")] | Annotated[Wishes, Tag("features")],
        Discriminator(_kind_of_wish),
    ] = "bridge15"
    """Name of the observation profile, or the features that an observation of one's own has."""
    session: Text = ""
    """The session to go on with, as its welcome named it. Empty begins a new one."""


class Welcome(WireModel):
    """Actor to learner: you are in, and this is what I offer."""

    type: Literal["welcome"] = "welcome"
    actor: Text
    """Name and version of the actor's software."""
    role: Annotated[Role, BY_VALUE]
    """As the hello asked."""
    spec: EnvSpec
    """What there is to drive, and how."""
    statics: GameStatics | None
    """None while the game has not told yet."""
    session: Text
    """The driver's secret, to come back with after the link was lost. Empty for a spectator."""
    resumed: bool = False
    """Whether this is the session that the hello named: its requests in flight can be repeated, and
    the same episode goes on. If not, a new one begins."""
    grace_s: float = Field(ge=0)
    """How long a session whose link was lost waits for it to come back, in seconds."""


class Refusal(WireModel):
    """Actor to learner: no, and why. The connection is closed after it."""

    type: Literal["refusal"] = "refusal"
    code: Annotated[ErrorCode, BY_VALUE]
    """What went wrong, for programs."""
    message: Text
    """The same in a sentence, for people."""
    hint: Text = ""
    """What to do next. Empty where the message says it all."""


# --- Control --------------------------------------------------------------------------------------


class Reset(WireModel):
    """Learner to actor: begin a new episode. The first one takes the car, if nobody has it."""

    type: Literal["reset"] = "reset"
    id: RequestId
    """Above that of every request before."""
    seed: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    """Repeats an episode exactly, where the game can; None goes on with the game's own draws."""
    takeover: Text = ""
    """The operator's key, to take the car from whoever drives it."""
    start: Start | None = None
    """Where on the track, where the game can be told; None leaves it to the game."""


class ResetProgress(WireModel):
    """Actor to learner: the reset has entered a phase."""

    type: Literal["reset_progress"] = "reset_progress"
    id: RequestId
    """The reset's."""
    phase: Annotated[ResetPhase, BY_VALUE]
    """Where it is."""
    attempt: int = Field(ge=1)
    """Counts retries, from 1."""


class ResetResult(WireModel):
    """Actor to learner: the episode begins; its tick is 0."""

    type: Literal["reset_result"] = "reset_result"
    id: RequestId
    """The reset's."""
    episode: int
    """Episodes begun on this actor since it started, this one included."""
    statics: GameStatics
    """What does not change in this game and car."""
    observation: Observation
    """What the spec's features are at tick 0, in their order."""
    frame: TelemetryFrame
    """Everything that the game told at tick 0."""


class Step(WireModel):
    """Learner to actor: apply this action and tell me what the tick after it brings."""

    type: Literal["step"] = "step"
    id: RequestId
    """Above that of every request before."""
    action: ActionValues
    """A value for each component of the spec's action, in its order."""
    tick: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    """The tick to apply it at, in mode `fixed_delay`; None, in the other modes, is on arrival."""
    plan: Annotated[
        tuple[ActionValues, ...], Strict(False), FailFast(), Field(max_length=PLAN_TICKS)
    ] = ()
    """Actions for the ticks after that, in case that no later step brings one in time. For each
    tick the step with the highest id wins."""


class WheelState(WireModel):
    """What was really sent to the wheel, after smoothing and safety."""

    steer: float
    """-1 full left, 1 full right."""
    throttle: float
    """0 released, 1 floored."""
    brake: float
    """0 released, 1 floored."""
    clutch: float
    """0 released, 1 floored."""


class Receipt(WireModel):
    """What became of one action. Ticks are control ticks since the episode's start."""

    action_id: int
    """Number of the action in its episode, from 0. (`StepResult.id` is the request's.)"""
    tick: int
    """The tick whose frame this is."""
    tick_asked: int
    """The tick that the action was for. In mode `fixed_delay` as asked; else the earliest tick from
    which it could hold, that of the previous answer."""
    tick_applied: int | None
    """The last tick before the action reached the wheel. None if it never did: a newer one was in
    force already (an entry of its own step's plan too), or the car had been let go of."""
    late: bool
    """In mode `fixed_delay`: the moment of its tick had passed, or the action never reached the
    wheel. Else: it did not reach the wheel in the control period it was meant for."""
    ticks_held: int
    """Ticks since the previous answer that no action came for, so that an older one held."""
    ticks_eased: int
    """How many of these the wheel was being eased to neutral, or was neutral."""
    ticks_planned: int
    """Ticks since the previous answer under an action of an earlier step's plan."""
    ticks_missed: int
    """Ticks since the previous answer that the actor itself was too late for, and skipped."""
    tick_error_s: float
    """How long after its scheduled moment the tick was sampled, in seconds."""
    action_age_s: float
    """From the application of the action in force to the frame, in seconds."""
    observation_age_s: float
    """From the frame's sampling to the answer's sending, in seconds."""
    sent: WheelState
    """The wheel's state during the action's last control period."""
    replayed: bool
    """Whether the frame is a recording's: the action was checked, and had no effect. `action_id`
    counts the learner's actions and `tick_applied` is None; all the rest is as it was recorded."""


class StepResult(WireModel):
    """Actor to learner: the frame at the end of a step."""

    type: Literal["step_result"] = "step_result"
    id: RequestId
    """The step's."""
    observation: Observation
    """What the spec's features are at the receipt's tick, in their order."""
    frame: TelemetryFrame
    """Everything that the game told at that tick."""
    receipt: Receipt
    """What became of the action."""
    end: Annotated[EndReason, BY_VALUE] | None = None
    """Why this is the last step of its episode; None while it goes on."""
    t_sent: float
    """The actor's clock when this was first sent, in seconds: the clock of its pings and pongs."""


class Release(WireModel):
    """Learner to actor: I let go of the car. The wheel goes to neutral; anybody may reset it."""

    type: Literal["release"] = "release"


# --- Streams --------------------------------------------------------------------------------------


class Subscribe(WireModel):
    """Learner to actor: send me frames, at this rate or slower if I cannot keep up."""

    type: Literal["subscribe"] = "subscribe"
    id: RequestId
    """Above that of every request before."""
    hz: float = Field(gt=0)
    """Frames a second; at most the spec's telemetry_hz."""


class Unsubscribe(WireModel):
    """Learner to actor: no more frames."""

    type: Literal["unsubscribe"] = "unsubscribe"


class Telemetry(WireModel):
    """Actor to learner: one frame of the stream."""

    type: Literal["telemetry"] = "telemetry"
    frame: TelemetryFrame
    """Everything that the game told at that moment."""
    dropped: int = Field(ge=0)
    """Frames of this subscription left out so far because the reader was slow."""


class Event(WireModel):
    """Actor to everybody: something happened."""

    type: Literal["event"] = "event"
    kind: Annotated[EventKind, BY_VALUE]
    """What it was, for programs."""
    message: Text
    """The same in a sentence, for people."""
    state: Annotated[GameState, BY_VALUE] | None = None
    """The game's new state, in an event of kind ``game_state``."""


# --- Liveness and failure -------------------------------------------------------------------------


class Ping(WireModel):
    """Either way: are you there, and what does your clock say?"""

    type: Literal["ping"] = "ping"
    id: RequestId
    """The pong repeats it. Pings count by themselves."""
    t_sent: float
    """Sender's clock, in seconds."""


class Pong(WireModel):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"
    id: RequestId
    """The ping's."""
    t_ping: float
    """`t_sent` of the ping."""
    t_received: float
    """Answerer's clock when the ping came in, in seconds."""
    t_sent: float
    """Answerer's clock when the pong went out, in seconds."""


class Failure(WireModel):
    """Actor to learner: a message could not be granted.

    It changed nothing, except that after a reset that failed there is no episode.
    """

    type: Literal["failure"] = "failure"
    id: RequestId | None
    """The request that failed; None if the message had no id, or none that could be read."""
    code: Annotated[ErrorCode, BY_VALUE]
    """What went wrong, for programs."""
    message: Text
    """The same in a sentence, for people."""
    hint: Text = ""
    """What to do next. Empty where the message says it all."""
    component: Text = ""
    """The action's component or the setting that is to blame."""
    phase: Text = ""
    """The phase of the reset that failed."""


Message: TypeAlias = Annotated[
    Hello
    | Welcome
    | Refusal
    | Reset
    | ResetProgress
    | ResetResult
    | Step
    | StepResult
    | Release
    | Subscribe
    | Unsubscribe
    | Telemetry
    | Event
    | Ping
    | Pong
    | Failure
    | PolicyOffer
    | PolicyChunk
    | PolicyStatus
    | RunStart
    | RunStop
    | RunStatus
    | Records
    | Acknowledge,
    Field(discriminator="type"),
]
"""Any message."""

MESSAGE: TypeAdapter[Any] = TypeAdapter(Message)
"""Validates any message from plain data."""

MESSAGE_TYPES: dict[str, type[WireModel]] = {
    model.model_fields["type"].default: model
    for model in (
        *(Hello, Welcome, Refusal, Reset, ResetProgress, ResetResult, Step, StepResult, Release),
        *(Subscribe, Unsubscribe, Telemetry, Event, Ping, Pong, Failure),
        *(PolicyOffer, PolicyChunk, PolicyStatus, RunStart, RunStop, RunStatus),
        *(Records, Acknowledge),
    )
}
"""The model of each type."""
