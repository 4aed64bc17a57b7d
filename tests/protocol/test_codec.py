"""Messages to bytes and back, and every way in which bytes can fail to be a message."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge_protocol.codec import CODEC_NAMES, CODECS, JSON, MSGPACK, Codec
from ac_bridge_protocol.edge import (
    Acknowledge,
    PolicyChunk,
    PolicyOffer,
    PolicyRefusal,
    PolicyState,
    RunStart,
)
from ac_bridge_protocol.errors import ErrorCode, FrameError
from ac_bridge_protocol.frame import GameState
from ac_bridge_protocol.limits import (
    ACTION_COMPONENTS,
    CHUNK_BYTES,
    DELAY_TICKS,
    ID_LIMIT,
    MESSAGE_BYTES,
    MESSAGE_TYPE_BYTES,
    OBSERVATION_ELEMENTS,
    PLAN_TICKS,
    POLICY_BYTES,
    TASK_CONSTANTS,
    TEXT_CHARACTERS,
)
from ac_bridge_protocol.messages import (
    MESSAGE_TYPES,
    Event,
    EventKind,
    Hello,
    Message,
    Ping,
    Pong,
    Release,
    ResetPhase,
    ResetProgress,
    Role,
    Step,
    Subscribe,
    Telemetry,
    Unsubscribe,
)
from ac_bridge_protocol.runs import RunEnd, RunTerms, Swap
from ac_bridge_protocol.spec import Mode
from ac_bridge_protocol.starts import Start, StartAt
from ac_bridge_protocol.tasks.told import Constant, RuleSpec, TaskSpec
from helpers.frames import FRAME_VALUES, make_frame
from helpers.strategies import PLAIN, any_message, messages
from helpers.wire import make_receipt, make_step_result

BOTH = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)
PING: dict[str, Any] = {"type": "ping", "id": 1, "t_sent": 1.5}
HELLO: dict[str, Any] = {"type": "hello", "client": "c/1"}


def plainly(codec: Codec, value: Any) -> bytes:
    """Return any value in a codec's encoding, by the library alone."""
    if codec is JSON:
        return orjson.dumps(value)
    return ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS)


def decode(codec: Codec, data: bytes) -> Any:
    return codec.decode(data, binary=codec.binary)


def refused(codec: Codec, data: bytes) -> FrameError:
    """Return the error with which bytes are refused."""
    with pytest.raises(FrameError) as caught:
        decode(codec, data)
    return caught.value


# --- Round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MESSAGE_TYPES)
@given(data=st.data())
def test_every_message_comes_back_equal_through_both_codecs(name: str, data: st.DataObject) -> None:
    """Encoded and decoded, a message equals itself; JSON and MessagePack agree on it."""
    message = data.draw(messages(name))
    by_json = decode(JSON, JSON.encode(message))
    by_msgpack = decode(MSGPACK, MSGPACK.encode(message))
    assert by_json == message
    assert by_msgpack == message
    assert type(by_json) is type(by_msgpack) is MESSAGE_TYPES[name]
    # Nothing that can be drawn comes near its limit, in its longest form either.
    assert len(json.dumps(message.model_dump(mode="json"))) <= MESSAGE_TYPE_BYTES[name]


@pytest.mark.parametrize("name", MESSAGE_TYPES)
@given(data=st.data())
def test_the_bytes_are_what_the_libraries_make_of_the_dump(name: str, data: st.DataObject) -> None:
    """Encoding leaves no field out and adds none: a plain JSON library reads `model_dump`."""
    message = data.draw(messages(name))
    dumped = message.model_dump(mode="json")
    assert orjson.loads(JSON.encode(message)) == dumped
    assert ormsgpack.unpackb(MSGPACK.encode(message)) == dumped


@BOTH
def test_a_step_result_is_far_below_the_limit(codec: Codec) -> None:
    """The largest message that we send, with 125 observations, is a ninth of the limit."""
    observation = tuple(-1.0 / (k + 3) for k in range(125))
    result = make_step_result(2**53 - 1, observation=observation, frame=make_frame())
    assert len(codec.encode(result)) < MESSAGE_BYTES / 9


@BOTH
def test_the_largest_step_is_far_below_the_limit(codec: Codec) -> None:
    """A plan for every tick that there may be, each of as many components as there may be."""
    action = tuple(-1.0 / (k + 3) for k in range(ACTION_COMPONENTS))
    step = Step(id=2**53 - 1, action=action, tick=2**53 - 1, plan=(action,) * PLAN_TICKS)
    assert len(codec.encode(step)) < MESSAGE_BYTES / 2
    assert decode(codec, codec.encode(step)) == step


@BOTH
def test_absent_defaults_are_filled_in(codec: Codec) -> None:
    """A field with a default may be left out."""
    hello = decode(codec, plainly(codec, {"type": "hello", "client": "c/1"}))
    assert hello == Hello(
        client="c/1",
        role=Role.DRIVER,
        mode=None,
        delay_ticks=0,
        observation="bridge15",
        session="",
    )
    step = decode(codec, plainly(codec, {"type": "step", "id": 1, "action": [0.5]}))
    assert step == Step(id=1, action=(0.5,), tick=None, plan=())


@BOTH
def test_a_whole_number_may_stand_for_a_float(codec: Codec) -> None:
    """Languages without integers write 1 for 1.0; the field is a float all the same."""
    ping = decode(codec, plainly(codec, PING | {"t_sent": 1}))
    assert ping == Ping(id=1, t_sent=1.0)
    assert type(ping.t_sent) is float


def test_a_single_precision_float_is_read() -> None:
    """MessagePack's 32-bit floats, which other languages send, are numbers too."""
    data = b"\x83\xa4type\xa4ping\xa2id\x01\xa6t_sent\xca\x3f\xc0\x00\x00"
    assert decode(MSGPACK, data) == Ping(id=1, t_sent=1.5)


# --- Subprotocols ---------------------------------------------------------------------------------


def test_the_preferred_codec_comes_first() -> None:
    """Negotiation takes the first that both know: MessagePack before JSON."""
    assert list(CODECS) == ["ac-bridge.v1+msgpack", "ac-bridge.v1+json"]
    assert {name: codec.name for name, codec in CODEC_NAMES.items()} == {
        "msgpack": "MessagePack",
        "json": "JSON",
    }


def test_text_is_json_and_binary_is_messagepack() -> None:
    """JSON frames can be shown to people as they are."""
    assert not JSON.binary
    assert MSGPACK.binary
    assert JSON.encode(Release()).decode() == '{"type":"release"}'


@BOTH
def test_the_other_kind_of_frame_is_refused(codec: Codec) -> None:
    """Text on a MessagePack connection, or binary on a JSON one, whatever it holds."""
    with pytest.raises(FrameError, match="which uses") as caught:
        codec.decode(codec.encode(Release()), binary=not codec.binary)
    assert caught.value.code is ErrorCode.WRONG_CODEC
    assert caught.value.hint


# --- Size -----------------------------------------------------------------------------------------


@BOTH
def test_too_large_a_message_is_not_even_parsed(codec: Codec) -> None:
    """One byte beyond the limit is refused for its size, though it is rubbish too."""
    error = refused(codec, b"\xc1" * (MESSAGE_BYTES + 1))
    assert error.code is ErrorCode.TOO_LARGE
    assert str(MESSAGE_BYTES) in str(error)


def padded(codec: Codec, name: str, size: int) -> bytes:
    """Return so many bytes that are well-formed and claim to be a message of a type, with an id."""
    plain = {"type": name, "id": 7, "x": ""}
    for room in range(12):  # a longer text has a longer head
        text = "x" * (size - len(plainly(codec, plain)) - room)
        if len(data := plainly(codec, plain | {"x": text})) == size:
            return data
    raise AssertionError


@BOTH
@pytest.mark.parametrize("name", MESSAGE_TYPES)
def test_each_type_has_a_size_of_its_own(codec: Codec, name: str) -> None:
    """At its limit a message is looked at; one byte beyond it is refused by name, with its id."""
    limit = MESSAGE_TYPE_BYTES[name]
    error = refused(codec, padded(codec, name, limit))
    assert error.code is ErrorCode.MALFORMED  # for its unknown field
    error = refused(codec, padded(codec, name, limit + 1))
    assert error.code is ErrorCode.TOO_LARGE
    if limit < MESSAGE_BYTES:  # else it is not even parsed
        assert error.request_id == 7
        assert error.message == f"A {name} of {limit + 1} bytes is over the limit of {limit}."


@BOTH
def test_a_message_of_the_largest_size_is_read(codec: Codec) -> None:
    """Well-formed and full to the last byte: the limit itself is allowed."""
    data = codec.encode(Event(kind=EventKind.DRIVER_LEFT, message=""))
    limit = MESSAGE_TYPE_BYTES["event"]
    data += b" " * (limit - len(data)) if codec is JSON else b""
    assert decode(codec, data) == Event(kind=EventKind.DRIVER_LEFT, message="")


def longest(name: str, **fields: Any) -> Message:
    """Return a message of a type whose every text is as long as it may be, in the longest form."""
    model = MESSAGE_TYPES[name]
    texts = {
        field: "\U0001f3ce" * TEXT_CHARACTERS
        for field, info in model.model_fields.items()
        if info.annotation is str and field != "type"
    }
    return model(**(texts | fields))  # type: ignore[return-value]


LONGEST = -2.2250738585072014e-308
FULL_ACTION = (LONGEST,) * ACTION_COMPONENTS
FULL_FRAME = make_frame(
    **{name: "\U0001f3ce" * 33 for name, value in FRAME_VALUES.items() if type(value) is str},
    **{name: LONGEST for name, value in FRAME_VALUES.items() if isinstance(value, float)},
    nonfinite=tuple(FRAME_VALUES),
)
FULL_CONSTANTS = tuple(Constant(name="c" * 40, value="w" * 40) for _ in range(TASK_CONSTANTS))
FULL_RULES = (RuleSpec(name="r" * 40, constants=FULL_CONSTANTS),) * TASK_CONSTANTS
LARGEST: list[Message] = [
    longest("hello", role=Role.SPECTATOR, mode=Mode.FIXED_DELAY, delay_ticks=DELAY_TICKS),
    longest("refusal", code=ErrorCode.ACTION_OUT_OF_RANGE),
    longest("reset", id=ID_LIMIT - 1, seed=2**53 - 1),
    ResetProgress(id=ID_LIMIT - 1, phase=ResetPhase.RESTARTING, attempt=2**63 - 1),
    Step(id=ID_LIMIT - 1, action=FULL_ACTION, tick=2**53 - 1, plan=(FULL_ACTION,) * PLAN_TICKS),
    Release(),
    Subscribe(id=ID_LIMIT - 1, hz=1.7976931348623157e308),
    Unsubscribe(),
    Telemetry(frame=FULL_FRAME, dropped=2**63 - 1),
    longest("event", kind=EventKind.GAME_RESTARTED, state=GameState.WRONG_GAME),
    Ping(id=ID_LIMIT - 1, t_sent=LONGEST),
    Pong(id=ID_LIMIT - 1, t_ping=LONGEST, t_received=LONGEST, t_sent=LONGEST),
    longest("failure", id=ID_LIMIT - 1, code=ErrorCode.ACTION_OUT_OF_RANGE),
    PolicyOffer(
        version=2**53 - 1,
        sha256="a" * 64,
        size_bytes=POLICY_BYTES,
        spec="b" * 64,
        swap=Swap.EPISODE,
    ),
    PolicyChunk(version=2**53 - 1, offset=POLICY_BYTES - 1, data="A" * (CHUNK_BYTES // 3 * 4)),
    longest(
        "policy_status",
        version=2**53 - 1,
        state=PolicyState.ROLLED_BACK,
        received_bytes=POLICY_BYTES,
        episode=2**53 - 1,
        tick=2**53 - 1,
        refusal=PolicyRefusal.CUSTOM_OPERATOR,
    ),
    RunStart(
        terms=RunTerms(
            run="r" * 64,
            task=TaskSpec(name="n" * 40, constants=FULL_CONSTANTS, rules=FULL_RULES),
            seed=2**32 - 1,
            noise_seed=2**32 - 1,
            starts=(Start(at=StartAt.DISTANCE, distance_m=LONGEST * -1.0),) * 16,
            episodes=2**53 - 1,
            seconds=-LONGEST,
            failures=1000,
            frames=False,
        )
    ),
    longest("run_stop"),
    longest(
        "run_status",
        run="r" * 64,
        driving=False,
        episodes=2**53 - 1,
        end=RunEnd.POLICY_FAILED,
        spool="0" * 32,
        last=2**53 - 1,
        acknowledged=2**53 - 1,
        dropped=2**53 - 1,
    ),
    Acknowledge(spool="0" * 32, upto=2**53 - 1),
]


@pytest.mark.parametrize("message", LARGEST, ids=lambda message: message.type)
def test_no_message_that_may_be_is_refused_for_its_size(message: Message) -> None:
    """Not even in the longest way to write it: spaces, and escapes for all but ASCII."""
    longhand = json.dumps(message.model_dump(mode="json")).encode()
    assert decode(JSON, longhand) == message
    for codec in (JSON, MSGPACK):
        assert decode(codec, codec.encode(message)) == message


def test_the_types_without_a_largest_are_those_with_observations() -> None:
    """These have the limit of every message; each other type is in the list above."""
    endless = {name for name, limit in MESSAGE_TYPE_BYTES.items() if limit == MESSAGE_BYTES}
    assert endless == {"welcome", "reset_result", "step_result", "records"}
    assert {message.type for message in LARGEST} == set(MESSAGE_TYPES) - endless
    assert set(MESSAGE_TYPE_BYTES) == set(MESSAGE_TYPES)


@BOTH
def test_too_large_a_message_is_not_sent(codec: Codec) -> None:
    """What the peer would refuse for its size is refused here."""
    frame = make_frame(tyre_compound="x" * MESSAGE_BYTES)
    with pytest.raises(FrameError) as caught:
        codec.encode(Telemetry(frame=frame, dropped=0))
    assert caught.value.code is ErrorCode.TOO_LARGE


# --- Malformed ------------------------------------------------------------------------------------


@BOTH
def test_an_unknown_type_is_named(codec: Codec) -> None:
    """The error repeats the type and the id, and lists the types that there are."""
    error = refused(codec, plainly(codec, {"type": "teleport", "id": 7}))
    assert (error.code, error.request_id) == (ErrorCode.UNKNOWN_TYPE, 7)
    assert "'teleport'" in error.message
    assert all(name in error.hint for name in MESSAGE_TYPES)


@BOTH
def test_a_long_unknown_type_is_not_repeated_in_full(codec: Codec) -> None:
    """Errors are bounded, so that they can be sent back."""
    error = refused(codec, plainly(codec, {"type": "x" * 10_000}))
    assert len(error.message) < 100


@BOTH
@pytest.mark.parametrize("kind", [None, 5, True, [], {}, ["ping"], {"type": "ping"}])
def test_a_type_that_is_no_text_is_refused(codec: Codec, kind: Any) -> None:
    """Also one that cannot be looked up in a table."""
    error = refused(codec, plainly(codec, PING | {"type": kind}))
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED, 1)


@BOTH
@pytest.mark.parametrize("whole", [None, 5, "ping", [], [PING], {}, {"id": 3}])
def test_what_is_no_map_with_a_type_is_refused(codec: Codec, whole: Any) -> None:
    """Numbers, lists, and a map without a type."""
    assert refused(codec, plainly(codec, whole)).code is ErrorCode.MALFORMED


@BOTH
def test_an_unknown_field_is_named(codec: Codec) -> None:
    """A typo never passes in silence; the error names field and request."""
    error = refused(codec, plainly(codec, PING | {"colour": 1}))
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED, 1)
    assert error.message.startswith("ping.colour: ")


@BOTH
def test_a_long_unknown_field_is_cut(codec: Codec) -> None:
    """A name of 30,000 characters does not come back in the answer."""
    error = refused(codec, plainly(codec, HELLO | {"x" * 30_000: 1}))
    assert error.message.startswith("hello.xxx")
    assert len(error.message) <= TEXT_CHARACTERS


@BOTH
def test_many_problems_are_counted(codec: Codec) -> None:
    """The first is told, the others are counted."""
    error = refused(codec, plainly(codec, {"type": "ping", "x": 1, "y": 2}))
    assert "and 3 more problems" in error.message


@BOTH
@pytest.mark.parametrize(
    ("plain", "where"),
    [
        ({"type": "step", "id": 1, "action": ["a"] * 5000}, "step.action.0: "),
        ({"type": "step", "id": 1, "action": [], "plan": [["a"]] * 5000}, "step.plan.0.0: "),
    ],
)
def test_the_first_bad_element_ends_a_list(codec: Codec, plain: dict[str, Any], where: str) -> None:
    """One problem, not one for each of thousands: these would cost more than a tick may wait."""
    error = refused(codec, plainly(codec, plain))
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED, 1)
    assert error.message.startswith(where)
    assert "more problems" not in error.message


@BOTH
def test_thousands_of_problems_are_only_counted(codec: Codec) -> None:
    """Unknown fields without end are not put into words one by one."""
    error = refused(codec, plainly(codec, HELLO | {"id": 1} | {f"x{n}": 0 for n in range(3999)}))
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED, 1)
    assert error.message == "hello: 4000 problems."


@BOTH
@pytest.mark.parametrize("field", ["id", "t_sent"])
def test_a_missing_field_is_named(codec: Codec, field: str) -> None:
    """What has no default must be there."""
    plain = {name: value for name, value in PING.items() if name != field}
    error = refused(codec, plainly(codec, plain))
    assert error.code is ErrorCode.MALFORMED
    assert error.message.startswith(f"ping.{field}: ")


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "1"),
        ("id", True),
        ("id", 1.0),
        ("id", None),
        ("id", [1]),
        ("id", -1),
        ("id", 2**53),
        ("id", 2**64 - 1),
        ("t_sent", "1.5"),
        ("t_sent", True),
        ("t_sent", None),
        ("t_sent", [1.5]),
        ("t_sent", {}),
    ],
)
def test_nothing_is_coerced(codec: Codec, field: str, value: Any) -> None:
    """A value of another type is refused, however well it could be read."""
    error = refused(codec, plainly(codec, PING | {field: value}))
    assert error.code is ErrorCode.MALFORMED
    assert error.message.startswith(f"ping.{field}: ")


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("is_in_pit", 1),
        ("is_in_pit", "true"),
        ("gear", 3.0),
        ("gear", True),
        ("speed_kmh", True),
        ("status", "2"),
        ("status", 7),
        ("status", [[]]),
        ("velocity", [1.0, 2.0]),
        ("velocity", [1.0, 2.0, "3"]),
        ("velocity", {"x": 1.0}),
        ("velocity", "abc"),
        ("tyre_contact_point", [[0.0, 0.0, 0.0]] * 3),
        ("tyre_compound", 5),
        ("locked_wheels", [True]),
        ("nonfinite", [1]),
        ("session_time_left", False),
    ],
)
def test_nothing_in_a_frame_is_coerced(codec: Codec, field: str, value: Any) -> None:
    """The same inside a nested model; the error gives the whole path."""
    frame = make_frame().model_dump(mode="json") | {field: value}
    error = refused(codec, plainly(codec, {"type": "telemetry", "frame": frame, "dropped": 0}))
    assert error.message.startswith(f"telemetry.frame.{field}")


@BOTH
@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "hello", "client": "c", "role": "king"}, "role"),
        ({"type": "hello", "client": "c", "role": []}, "role"),
        ({"type": "hello", "client": "c", "role": {"a": 1}}, "role"),
        ({"type": "hello", "client": "c", "mode": 0}, "mode"),
        ({"type": "hello", "client": "x" * (TEXT_CHARACTERS + 1)}, "client"),
        ({"type": "hello", "client": "c", "delay_ticks": -1}, "delay_ticks"),
        ({"type": "hello", "client": "c", "delay_ticks": DELAY_TICKS + 1}, "delay_ticks"),
        ({"type": "hello", "client": "c", "session": "x" * (TEXT_CHARACTERS + 1)}, "session"),
        ({"type": "subscribe", "id": 1, "hz": 0}, "hz"),
        ({"type": "subscribe", "id": 1, "hz": -1.0}, "hz"),
        ({"type": "reset", "id": 1, "seed": -1}, "seed"),
        ({"type": "step", "id": 1, "action": [0.0] * 17}, "action"),
        ({"type": "step", "id": 1, "action": 0.5}, "action"),
        ({"type": "step", "id": 1, "action": "0.5"}, "action"),
        ({"type": "step", "id": 1, "action": [True]}, "action.0"),
        ({"type": "step", "id": 1, "action": [0.0, "1"]}, "action.1"),
        ({"type": "step", "id": 1, "action": [], "tick": -1}, "tick"),
        ({"type": "step", "id": 1, "action": [], "tick": 1.0}, "tick"),
        ({"type": "step", "id": 1, "action": [], "plan": [0.5]}, "plan.0"),
        ({"type": "step", "id": 1, "action": [], "plan": [[0.5], ["1"]]}, "plan.1.0"),
        ({"type": "step", "id": 1, "action": [], "plan": [[0.0] * 17]}, "plan.0"),
        ({"type": "step", "id": 1, "action": [], "plan": [[]] * (PLAN_TICKS + 1)}, "plan"),
        ({"type": "reset", "id": 1, "takeover": "x" * (TEXT_CHARACTERS + 1)}, "takeover"),
    ],
)
def test_values_out_of_their_range_are_refused(
    codec: Codec, message: dict[str, Any], field: str
) -> None:
    """Enums, lengths and bounds hold on the wire."""
    error = refused(codec, plainly(codec, message))
    assert error.code is ErrorCode.MALFORMED
    assert error.message.startswith(f"{message['type']}.{field}: ")


def test_an_observation_is_bounded() -> None:
    """More elements than any profile has are refused."""
    frame = make_frame().model_dump(mode="json")
    plain = {
        "type": "step_result",
        "id": 1,
        "observation": [0] * (OBSERVATION_ELEMENTS + 1),
        "frame": frame,
        "receipt": make_receipt().model_dump(),
        "t_sent": 1.5,
    }
    assert "step_result.observation" in refused(MSGPACK, plainly(MSGPACK, plain)).message


# --- Numbers that are none ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_floats_on_the_wire_are_finite(value: float) -> None:
    """NaN and infinity are refused, and the field is named."""
    error = refused(MSGPACK, plainly(MSGPACK, PING | {"t_sent": value}))
    assert error.message.startswith("ping.t_sent: ")


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1" * 400])
def test_json_has_no_such_numbers(literal: bytes) -> None:
    """What Python's own json would let through is no JSON, and a number too large for a double."""
    error = refused(JSON, b'{"type":"ping","id":1,"t_sent":' + literal + b"}")
    assert error.code is ErrorCode.MALFORMED


def test_an_action_may_be_nan_on_messagepack() -> None:
    """It comes in, so that the actor's answer can name the component that is to blame."""
    step = decode(MSGPACK, MSGPACK.encode(Step(id=1, action=(0.5, math.nan, math.inf))))
    assert step.action[0] == 0.5
    assert math.isnan(step.action[1])
    assert step.action[2] == math.inf


def test_a_plan_may_hold_nan_on_messagepack() -> None:
    """For the same reason: what is wrong with it is for the actor to say."""
    step = decode(MSGPACK, MSGPACK.encode(Step(id=1, action=(0.5,), plan=((math.nan,),))))
    assert math.isnan(step.plan[0][0])


def test_a_nan_action_has_no_json() -> None:
    """JSON has no way to write it; the receiver refuses the null and names the component."""
    error = refused(JSON, JSON.encode(Step(id=3, action=(0.5, math.nan))))
    assert (error.code, error.request_id) == (ErrorCode.MALFORMED, 3)
    assert error.message.startswith("step.action.1: ")


@pytest.mark.parametrize("digits", [20, 300])
def test_integers_beyond_64_bits_are_no_ids(digits: int) -> None:
    """JSON may write any integer; it is refused, not rounded."""
    data = b'{"type":"ping","id":1' + b"0" * digits + b',"t_sent":1.5}'
    assert refused(JSON, data).code is ErrorCode.MALFORMED


@BOTH
@pytest.mark.parametrize(
    ("found", "kept"), [(5, 5), (0, 0), (-1, None), (2**53, None), (True, None), ("5", None)]
)
def test_an_error_repeats_only_a_usable_id(codec: Codec, found: Any, kept: int | None) -> None:
    """An id that could not be sent back is not repeated."""
    error = refused(codec, plainly(codec, {"type": "ping", "id": found, "x": 1}))
    assert error.request_id == kept


# --- Abuse ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [100, 900, 1000, 1020, 5000, 30_000])
@pytest.mark.parametrize("field", ["type", "client", "session", "colour"])
def test_deep_nesting_is_an_ordinary_error(field: str, depth: int) -> None:
    """No depth reaches Python's limit of recursion, wherever the nest is."""
    plain = [b'"type":"hello"', b'"client":"c"', b'"session":""']
    rest = [item for item in plain if not item.startswith(f'"{field}"'.encode())]
    nest = f'"{field}":'.encode() + b"[" * depth + b"]" * depth
    assert refused(JSON, b"{" + b",".join([*rest, nest]) + b"}").code is ErrorCode.MALFORMED
    packed = [b"\xa4type\xa5hello", b"\xa6client\xa1c", b"\xa7session\xa0"]
    rest = [item for item in packed if not item[1:].startswith(field.encode())]
    nest = bytes([0xA0 + len(field)]) + field.encode() + b"\x91" * depth + b"\xc0"
    data = bytes([0x80 + len(rest) + 1]) + b"".join([*rest, nest])
    assert refused(MSGPACK, data).code is ErrorCode.MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81",
        b"\x81\xa4type",
        b"\x81\xa4type\xa2\xff\xff",  # text that is not UTF-8
        b"\xdd\xff\xff\xff\xff",  # four thousand million elements to come
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x05",
        b"\x82\xa4type\xa7release\x05\x01",  # an integer as key
        b"\x82\xa4type\xa7release\xc0\x01",
        b"\x82\xa4type\xa7release\x90\x01",
        b"\x82\xa4type\xa7release\x80\x01",
        b"\x82\xa4type\xa7release\xc4\x01x\x01",  # bytes as key
        b"\x81\xc4\x04type\xa7release",
        b"\x81\xa4type\xc4\x07release",  # bytes as value
    ],
)
def test_broken_messagepack_is_refused(data: bytes) -> None:
    """Truncated, reserved, promising more than there is, or with keys that are no text."""
    assert refused(MSGPACK, data).code is ErrorCode.MALFORMED


@pytest.mark.parametrize(
    "extension",
    [
        b"\xd4\x05a",
        b"\xd5\x05ab",
        b"\xd6\xff\x00\x00\x00\x05",  # a timestamp
        b"\xd7\xff" + b"\xff" * 8,
        b"\xc7\x0c\xff" + b"\xff" * 12,
        b"\xc7\x00\x01",
    ],
)
def test_messagepack_extensions_are_refused(extension: bytes) -> None:
    """No type of their own, timestamps included, ever reaches a field."""
    data = b"\x83\xa4type\xa4ping\xa2id\x01\xa6t_sent" + extension
    assert refused(MSGPACK, data).code is ErrorCode.MALFORMED
    assert refused(MSGPACK, extension).code is ErrorCode.MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b'{"type"',
        b'{"type":"release"',
        b'{"type":"release",}',
        b"{'type':'release'}",
        b'{type:"release"}',
        b'{"type":"release"} {"type":"release"}',
        b'{"type":"release"}x',
        b'{"type":"release"} // a comment',
        b'\xef\xbb\xbf{"type":"release"}',  # a byte order mark
        b'{"type":"rel\xffease"}',
        b'{"type":"rel\nease"}',
        b'{"type":"event","kind":"driver_left","message":"\\ud800"}',  # half a surrogate pair
        b'{"type":"ping","id":01,"t_sent":1.5}',
        b'{1:"release"}',
        b"\x00",
    ],
)
def test_broken_json_is_refused(data: bytes) -> None:
    """Nothing but one value of strict JSON in UTF-8."""
    assert refused(JSON, data).code is ErrorCode.MALFORMED


def test_of_duplicate_keys_the_last_holds() -> None:
    """In both codecs alike, so that nobody can say two things at once to two readers of ours."""
    assert decode(JSON, b'{"type":"step","type":"release"}') == Release()
    assert decode(MSGPACK, b"\x82\xa4type\xa4step\xa4type\xa7release") == Release()


def test_text_of_every_plane_passes() -> None:
    """Emoji, NUL and noncharacters are text like any other."""
    event = Event(kind=EventKind.DRIVER_LEFT, message='\0\x1f"\\\u2028\uffff\U0001f3ce')
    assert decode(JSON, JSON.encode(event)) == event
    assert decode(MSGPACK, MSGPACK.encode(event)) == event


# --- Fuzz -----------------------------------------------------------------------------------------


def is_finite(step: Step) -> bool:
    """Whether a step can be written in both codecs, and equals itself."""
    return all(math.isfinite(value) for action in (step.action, *step.plan) for value in action)


def survives(codec: Codec, data: bytes) -> None:
    """Assert that bytes are a message that can be sent again, or are refused as a frame."""
    try:
        message = decode(codec, data)
    except FrameError as caught:
        sentences = caught.message, caught.hint
    else:
        sentences = ("", "")
        if not isinstance(message, Step) or is_finite(message):
            assert decode(codec, codec.encode(message)) == message
    assert all(len(sentence) <= TEXT_CHARACTERS for sentence in sentences)


@BOTH
@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_or_read(codec: Codec, data: bytes) -> None:
    """Nothing but FrameError ever comes out of decoding."""
    survives(codec, data)


@BOTH
@given(
    message=any_message(),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=3), st.integers(0, 3))),
)
def test_mutated_messages_are_refused_or_read(
    codec: Codec, message: Any, edits: list[tuple[float, bytes, int]]
) -> None:
    """Bytes replaced, inserted and cut out of valid messages."""
    data = codec.encode(message)
    for where, new, cut in edits:
        at = int(where * len(data))
        data = data[:at] + new + data[at + cut :]
    survives(codec, data)


@BOTH
@given(message=any_message(), name=st.floats(0, 0.999), value=PLAIN)
def test_any_value_in_any_field_is_refused_or_read(
    codec: Codec, message: Any, name: float, value: Any
) -> None:
    """Well-formed nonsense: a random value in place of a field."""
    plain = message.model_dump(mode="json")
    fields = sorted(plain)
    plain[fields[int(name * len(fields))]] = value
    survives(codec, plainly(codec, plain))


@BOTH
@given(name=st.sampled_from(sorted(FRAME_FIELDS := make_frame().model_dump(mode="json"))), v=PLAIN)
def test_any_value_in_any_field_of_a_frame_is_refused_or_read(
    codec: Codec, name: str, v: Any
) -> None:
    """The same one level deeper."""
    plain = {"type": "telemetry", "dropped": 0, "frame": FRAME_FIELDS | {name: v}}
    survives(codec, plainly(codec, plain))


@BOTH
@given(value=PLAIN)
def test_any_plain_value_is_refused_or_read(codec: Codec, value: Any) -> None:
    """Maps, lists and numbers that nobody meant as a message."""
    survives(codec, plainly(codec, value))
