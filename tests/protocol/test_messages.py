"""The messages as models: closed, strict, frozen, and all in one union."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from ac_bridge_protocol.errors import ErrorCode
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.limits import (
    ACTION_COMPONENTS,
    DELAY_TICKS,
    HEARTBEAT_S,
    OBSERVATION_ELEMENTS,
    PLAN_TICKS,
    SILENCE_S,
    TEXT_CHARACTERS,
)
from ac_bridge_protocol.messages import (
    MESSAGE,
    MESSAGE_TYPES,
    EndReason,
    Event,
    EventKind,
    Failure,
    Hello,
    Message,
    Ping,
    Reset,
    ResetPhase,
    ResetProgress,
    Role,
    Step,
    Subscribe,
)
from ac_bridge_protocol.spec import Mode
from ac_bridge_protocol.wire import WireModel, trusted
from helpers.frames import make_frame
from helpers.wire import make_receipt, make_step_result


def test_the_union_is_the_table_of_types() -> None:
    """No model is in one and not in the other, and each type is named after its model."""
    union, _ = get_args(Message)
    assert set(get_args(union)) == set(MESSAGE_TYPES.values())
    for name, model in MESSAGE_TYPES.items():
        assert name.replace("_", "") == model.__name__.lower()


@pytest.mark.parametrize("model", MESSAGE_TYPES.values(), ids=lambda model: model.__name__)
def test_every_model_is_closed_strict_and_explained(model: type[WireModel]) -> None:
    """Frozen, with no room for unknown fields, numbers finite, and a docstring."""
    wanted = {"frozen": True, "strict": True, "extra": "forbid", "allow_inf_nan": False}
    assert wanted.items() <= dict(model.model_config).items()
    assert model.__doc__
    assert next(iter(model.model_fields)) == "type"


def test_messages_are_frozen_and_compared_by_value() -> None:
    """They can be kept, hashed and shared."""
    ping = Ping(id=1, t_sent=0.5)
    with pytest.raises(ValidationError):
        ping.id = 2  # type: ignore[misc]
    assert ping == Ping(id=1, t_sent=0.5)
    assert hash(ping) == hash(Ping(id=1, t_sent=0.5))


@pytest.mark.parametrize("found", [-1, 2**53, 1.0, "1", True, None])
def test_ids_are_whole_numbers_that_a_double_can_hold(found: Any) -> None:
    """From 0 to below 2**53."""
    with pytest.raises(ValidationError):
        Reset(id=found)
    assert Reset(id=2**53 - 1).id == 2**53 - 1


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Hello, {"client": "x" * (TEXT_CHARACTERS + 1)}),
        (Event, {"kind": EventKind.NEUTRALISED, "message": "x" * (TEXT_CHARACTERS + 1)}),
        (Step, {"id": 1, "action": (0.0,) * (ACTION_COMPONENTS + 1)}),
        (Step, {"id": 1, "action": (), "plan": ((0.0,) * (ACTION_COMPONENTS + 1),)}),
        (Step, {"id": 1, "action": (), "plan": ((),) * (PLAN_TICKS + 1)}),
        (Step, {"id": 1, "action": (), "tick": -1}),
        (Hello, {"client": "c", "delay_ticks": DELAY_TICKS + 1}),
        (Subscribe, {"id": 1, "hz": 0.0}),
        (Subscribe, {"id": 1, "hz": float("inf")}),
        (Reset, {"id": 1, "seed": -1}),
        (Reset, {"id": 1, "seed": 2**53}),
        (ResetProgress, {"id": 1, "phase": ResetPhase.SETTLING, "attempt": 0}),
    ],
)
def test_bounds_hold_where_a_message_is_made(model: type[WireModel], values: Any) -> None:
    """Not only where it is received."""
    with pytest.raises(ValidationError):
        model(**values)


@pytest.mark.parametrize("kind", [Role, Mode, ErrorCode, EventKind, EndReason, ResetPhase])
def test_words_of_the_wire_are_small(kind: Any) -> None:
    """Every enum is text in small letters, so that it reads the same in both codecs."""
    assert all(isinstance(word, str) and word == word.lower() for word in kind)


@pytest.mark.parametrize("value", [b"driver", ["driver"], 0, True, None, "DRIVER", ""])
def test_an_enum_is_read_from_its_value_alone(value: Any) -> None:
    """Not from bytes, numbers, or another spelling."""
    assert Hello(client="c", role="driver").role is Role.DRIVER  # type: ignore[arg-type]
    assert Hello(client="c", role=Role.DRIVER).role is Role.DRIVER
    with pytest.raises(ValidationError):
        Hello(client="c", role=value)


@pytest.mark.parametrize("value", ["2", 2.0, b"2", [2], None, 9])
def test_a_number_enum_is_read_from_its_number_alone(value: Any) -> None:
    """The frame's status: 2 is LIVE, but neither "2" nor 2.0 nor True is anything."""
    assert make_frame(status=2) == make_frame()
    with pytest.raises(ValidationError):
        make_frame(status=value)
    with pytest.raises(ValidationError):
        make_frame(status=True)


def test_enums_appear_in_the_schema_with_their_values() -> None:
    """Which other languages generate their types from."""
    schema = Hello.model_json_schema()["properties"]["role"]
    assert schema["enum"] == ["driver", "spectator", "learner"]


def test_limits_leave_room_for_each_other() -> None:
    """A whole observation and a whole action are allowed."""
    plain = {"type": "step", "id": 1, "action": [0.0] * ACTION_COMPONENTS}
    assert len(MESSAGE.validate_python(plain).action) == ACTION_COMPONENTS
    assert OBSERVATION_ELEMENTS >= 125
    assert SILENCE_S > 3 * HEARTBEAT_S  # three lost ones are not yet a dead link


@pytest.mark.parametrize("state", sorted(set(GameState) - {GameState.LIVE, GameState.STALLED}))
def test_a_game_that_cannot_be_driven_is_a_reason_to_end(state: GameState) -> None:
    """Each such state has its reason, by the same word."""
    assert EndReason(f"game_{state.value}")


def test_an_end_without_a_reason_is_none() -> None:
    """A step that goes on says so; one that ends names a reason, or is refused."""
    assert make_step_result(1).end is None
    assert make_step_result(1, end="link_lost").end is EndReason.LINK_LOST
    with pytest.raises(ValidationError):
        make_step_result(1, end="")


def test_an_action_that_never_reached_the_wheel_was_applied_at_no_tick() -> None:
    """`tick_applied` may be None; the tick that it was asked for may not."""
    assert make_receipt(tick_applied=None, late=True).tick_applied is None
    with pytest.raises(ValidationError):
        make_receipt(tick_asked=None)


def test_a_trusted_model_is_like_a_validated_one() -> None:
    """Equal, frozen, printable and dumpable; only the validation was left out."""
    validated = Failure(id=None, code=ErrorCode.GAME, message="x")
    made = trusted(Failure, dict(validated.__dict__))
    assert made == validated
    assert hash(made) == hash(validated)
    assert made.model_dump() == validated.model_dump()
    assert repr(made) == repr(validated)
    assert made.model_copy(update={"message": "y"}).message == "y"
    with pytest.raises(ValidationError):
        made.message = "z"  # type: ignore[misc]
