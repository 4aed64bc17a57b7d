"""What is told of two playings that differ: the line, the message, the field, and how."""

from __future__ import annotations

from typing import Any

import orjson
import ormsgpack
import pytest

from ac_bridge.replay.differences import MOST, Difference, differences, differing
from ac_bridge.replay.transcript import (
    Advance,
    Came,
    Closed,
    Done,
    Dropped,
    Head,
    In,
    Open,
    Opened,
    Out,
    TurnedAway,
)

HEAD = Head(subprotocol="ac-bridge.v1+json")
OPENED: list[Done | Came] = [
    Open(link="d"),
    Opened(link="d", subprotocol="ac-bridge.v1+json"),
]


def asked(kind: str = "step", **fields: Any) -> In:
    """Return a learner's message."""
    return In(link="d", text=orjson.dumps({"type": kind} | fields).decode())


def said(kind: str = "step_result", **fields: Any) -> Out:
    """Return an actor's message."""
    return Out(link="d", text=orjson.dumps({"type": kind} | fields).decode())


def told(recorded: list[Done | Came], now: list[Done | Came]) -> list[str]:
    """Return what is told of two playings after the same opening."""
    return list(map(str, differences(HEAD, OPENED + recorded, OPENED + now)))


def test_nothing_differs() -> None:
    """The same lines are the same."""
    lines: list[Done | Came] = [asked(id=1), said(id=1, end=None), Dropped(link="d")]
    assert told(lines, lines) == []


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        (
            {"receipt": {"tick_asked": 3}},
            {"receipt": {}},
            "step_result.receipt.tick_asked: recorded 3, now missing",
        ),
        ({}, {"more": 1}, "step_result.more: recorded missing, now 1"),
        ({"end": None}, {"end": "lost"}, 'step_result.end: recorded null, now "lost"'),
        ({"list": [1, 2]}, {"list": [1, 3]}, "step_result.list[1]: recorded 2, now 3"),
        ({"list": [1, 2]}, {"list": [1]}, "step_result.list: recorded [1,2], now [1]"),
        ({"n": 1}, {"n": 1.0}, "step_result.n: recorded 1, now 1.0"),
        ({"n": 1}, {"n": True}, "step_result.n: recorded 1, now true"),
        (
            {"a": 1, "b": 2},
            {"b": 2, "a": 1},
            (
                'step_result (the order of its fields): recorded ["type","a","b"], '
                'now ["type","b","a"]'
            ),
        ),
        ({"n": 0.0}, {"n": -0.0}, "step_result: written otherwise from byte 26 on: "),
    ],
)
def test_a_field_is_named(recorded: dict[str, Any], now: dict[str, Any], expected: str) -> None:
    """The message's type, the path of the field, and both values."""
    (text,) = told([asked(), said(**recorded)], [asked(), said(**now)])
    assert text.startswith(f"line 5: {expected}")


def test_a_rename_is_two_differences() -> None:
    """The old name is missing, and the new one was not there."""
    assert told([asked(), said(id=1)], [asked(), said(number=1)]) == [
        "line 5: step_result.id: recorded 1, now missing",
        "line 5: step_result.number: recorded missing, now 1",
    ]


def test_a_binary_message_is_looked_into() -> None:
    """MessagePack is told of in the same words."""
    one, other = (
        Out.of("d", ormsgpack.packb({"type": "pong", "id": number}), binary=True)
        for number in (1, 2)
    )
    assert told([asked("ping"), one], [asked("ping"), other]) == [
        "line 5: pong.id: recorded 1, now 2"
    ]


def test_what_does_not_come_is_named() -> None:
    """With the message that it came after."""
    assert told([asked(), said()], [asked()]) == [
        "line 5: step_result on link d: recorded after the step of line 4, and now it does not come"
    ]


def test_what_comes_beside_is_named() -> None:
    """With what it says, if it says why."""
    failure = said("failure", code="busy", message="No.")
    assert told([asked()], [asked(), failure]) == [
        (
            "line 4: failure on link d: came after the step of line 4, "
            "and was not recorded: failure on link d (busy: No.)"
        )
    ]


def test_what_comes_instead_is_named() -> None:
    """An answer that became a failure is told with its code."""
    failure = said("failure", code="malformed", message="step.action: Field required.")
    assert told([asked(), said()], [asked(), failure]) == [
        (
            "line 5: step_result on link d: recorded after the step of line 4, and now came "
            "instead: failure on link d (malformed: step.action: Field required.)"
        )
    ]


def test_another_order_is_named() -> None:
    """The same messages one before the other are told as that."""
    one, other = said("event"), said("pong")
    (text,) = told([Advance(seconds=1.0), one, other], [Advance(seconds=1.0), other, one])
    assert text == (
        "line 5: event on link d: in another order in the 1 s of line 4: "
        "recorded event on link d, pong on link d; now pong on link d, event on link d"
    )


def test_a_failure_names_what_it_answers() -> None:
    """Its code alone does not say whose it is."""
    one, other = (said("failure", code=code) for code in ("busy", "full"))
    assert told([asked("reset"), one], [asked("reset"), other]) == [
        'line 5: failure.code: recorded "busy", now "full", after the reset of line 4'
    ]


def test_a_page_is_looked_into() -> None:
    """A refusal before the upgrade has fields like one after it."""
    one, other = (
        TurnedAway(link="x", status=status, headers=(("A", "b"),), body=body)
        for status, body in ((401, '{"type":"refusal","code":"a"}'), (403, '{"type":"refusal"}'))
    )
    assert told([Open(link="x"), one], [Open(link="x"), other]) == [
        "line 5: refusal.status: recorded 401, now 403",
        'line 5: refusal.code: recorded "a", now missing',
    ]


def test_a_closing_is_looked_into() -> None:
    """Code and reason count."""
    one, other = (Closed(link="d", code=code, reason="why") for code in (1000, 1008))
    assert told([asked(), one], [asked(), other]) == [
        "line 5: closing of link d.code: recorded 1000, now 1008"
    ]


def test_the_same_difference_is_told_once() -> None:
    """A field that is gone from every message fills no screen."""
    recorded: list[Done | Came] = [asked(), said(id=1), asked(), said(id=1)]
    now: list[Done | Came] = [asked(), said(), asked(), said()]
    assert told(recorded, now) == ["line 5: step_result.id: recorded 1, now missing"]


def test_there_is_an_end_to_telling() -> None:
    """Of many differences the first ones are told."""
    fields = {f"field_{number}": number for number in range(2 * MOST)}
    assert len(told([asked(), said(**fields)], [asked(), said()])) == MOST


def test_masks_hold_for_what_was_recorded() -> None:
    """A secret in the file is the same one under its other name."""
    one = said("welcome", actor="ac-bridge 0.0.1", session="s3cr3t")
    other = said("welcome", actor="ac-bridge", session="session-1")
    assert told([asked("hello"), one], [asked("hello"), other]) == []


def test_plain_data_differs() -> None:
    """What has no lines is compared in the same way."""
    assert differing("info", {"a": {"b": 1}}, {"a": {"b": 2}}) == [
        ("info.a.b", "recorded 1, now 2")
    ]
    assert str(Difference(3, "here", "so")) == "line 3: here: so"
