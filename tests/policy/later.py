"""Models that pass every check, and do harm only after a long while in use.

They know nothing but what they see; so they count in what they do: they stand on the brake, and
turn the wheel a little further each tick, which they see in the next one. No drawn observation
looks so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from policy.models import ACTION, constant, info, model

SPEED, STEER = 0, 6
"""Elements of the observation ``bridge15``."""
STEP, UNTIL = 0.001, 0.85
"""How much further the wheel is asked to turn each tick, and how far it is when the harm begins:
about a thousand ticks later, as the wheel is eased."""

COUNTING = [
    helper.make_node("Gather", ["observation", "speed_at"], ["speed"], axis=1),
    helper.make_node("Gather", ["observation", "steer_at"], ["turned"], axis=1),
    helper.make_node("Less", ["speed", "crawl"], ["stands"]),
    helper.make_node("Greater", ["turned", "until"], ["far"]),
    helper.make_node("And", ["stands", "far"], ["late"]),
    helper.make_node("Add", ["turned", "step"], ["further"]),
    helper.make_node("Concat", ["further", "pedals"], ["over"], axis=1),
    helper.make_node("Min", ["over", "one"], ["counted"]),
]
"""What all of them do; ``late`` is when the harm is due, ``counted`` what they do until then."""
KNOWN = [
    constant("speed_at", [SPEED], np.int64),
    constant("steer_at", [STEER], np.int64),
    constant("crawl", [[1e-4]]),
    constant("until", [[UNTIL]]),
    constant("step", [[STEP]]),
    constant("pedals", [[0.0, 1.0]]),
    constant("one", 1.0),
]


def not_finite_later() -> Any:
    """Return one that gives no number in the end."""
    nodes = [
        *COUNTING,
        helper.make_node("Where", ["late", "nan", "nought"], ["harm"]),
        helper.make_node("Add", ["counted", "harm"], ["action"]),
    ]
    harm = [constant("nan", np.nan), constant("nought", 0.0)]
    return model(nodes, tensors=[*KNOWN, *harm])


def out_of_bounds_later() -> Any:
    """Return one that turns the wheel further than there is in the end."""
    nodes = [
        *COUNTING,
        helper.make_node("Where", ["late", "two", "one"], ["times"]),
        helper.make_node("Mul", ["counted", "times"], ["action"]),
    ]
    return model(nodes, tensors=[*KNOWN, constant("two", 2.0)])


def slow_later(multiplications: int) -> Any:
    """Return one that has so many multiplications to do in the end."""
    last = f"s{multiplications}"
    chain = [
        helper.make_node("MatMul", [f"s{n}" if n else "square", "square"], [f"s{n + 1}"])
        for n in range(multiplications)
    ]
    chain.append(helper.make_node("ReduceMin", [last], ["least"], keepdims=0))
    chain.append(helper.make_node("Add", ["counted", "least"], ["slow"]))
    shape = [1, ACTION]
    due = helper.make_graph(chain, "due", [], [info("slow", shape)])
    before = [helper.make_node("Identity", ["counted"], ["quick"])]
    not_due = helper.make_graph(before, "not_due", [], [info("quick", shape)])
    nodes = [
        *COUNTING,
        helper.make_node("Reshape", ["late", "scalar"], ["whether"]),
        helper.make_node("If", ["whether"], ["action"], then_branch=due, else_branch=not_due),
    ]
    harm = [constant("square", np.eye(256)), constant("scalar", np.zeros(0), np.int64)]
    return model(nodes, tensors=[*KNOWN, *harm])


def steady(throttle: float) -> Any:
    """Return one that always gives the same throttle, and does no harm."""
    nodes = [
        helper.make_node("ReduceMax", ["observation"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "nought"], ["nothing"]),
        helper.make_node("Add", ["pedals", "nothing"], ["action"]),
    ]
    pedals = constant("pedals", [[0.0, throttle, 0.0]])
    return model(nodes, tensors=[constant("nought", 0.0), pedals])
