"""Small ONNX models: good ones, and whatever somebody might push instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
OBSERVATION, ACTION = 15, 3


def info(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    """Return what a model says of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, values: Any, kind: Any = np.float32) -> Any:
    """Return a tensor."""
    return numpy_helper.from_array(np.asarray(values, kind), name)


def model(
    nodes: list[Any],
    *,
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
    tensors: list[Any] | None = None,
    functions: list[Any] | None = None,
    opsets: dict[str, int] | None = None,
) -> Any:
    """Return a model with these nodes; by default it takes and gives what it should."""
    graph = helper.make_graph(
        nodes,
        "policy",
        inputs or [info("observation", [1, OBSERVATION])],
        outputs or [info("action", [1, ACTION])],
        tensors or [],
    )
    imports = [
        helper.make_opsetid(domain, number)
        for domain, number in ({"": OPSET} | (opsets or {})).items()
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions or [])


def weights(rows: int = OBSERVATION, columns: int = ACTION) -> list[Any]:
    """Return tensors of a layer: pedals never below zero."""
    rng = np.random.default_rng(1)
    return [
        constant("w", rng.normal(0.0, 0.1, (rows, columns))),
        constant("b", np.zeros(columns)),
        constant("low", [-1.0, 0.0, 0.0]),
        constant("high", [1.0, 1.0, 1.0]),
    ]


LAYER = [
    helper.make_node("Gemm", ["observation", "w", "b"], ["raw"]),
    helper.make_node("Tanh", ["raw"], ["bent"]),
    helper.make_node("Max", ["bent", "low"], ["floored"]),
    helper.make_node("Min", ["floored", "high"], ["action"]),
]


def good() -> Any:
    """Return a policy of one layer."""
    return model(LAYER, tensors=weights())


def noisy() -> Any:
    """Return one that takes noise, and says log_prob and value beside the action."""
    nodes = [
        helper.make_node("Gemm", ["observation", "w", "b"], ["mean"]),
        helper.make_node("Add", ["mean", "noise"], ["raw"]),
        *LAYER[1:],
        helper.make_node("ReduceSum", ["noise"], ["log_prob"], keepdims=1),
        helper.make_node("ReduceMean", ["observation"], ["value"], keepdims=1),
    ]
    return model(
        nodes,
        inputs=[info("observation", ["batch", OBSERVATION]), info("noise", [1, ACTION])],
        outputs=[info("action", [1, ACTION]), info("log_prob", [1, 1]), info("value", [1, 1])],
        tensors=weights(),
    )


def external() -> Any:
    """Return one that keeps a tensor in another file."""
    made = good()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return made


def external_in_branch() -> Any:
    """Return one that does so in a branch of an If."""
    tensor = constant("hidden", np.zeros((1, ACTION)))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    taken = helper.make_node("Constant", [], ["out"], value=tensor)
    branch = helper.make_graph([taken], "branch", [], [info("out", [1, ACTION])])
    node = helper.make_node("If", ["yes"], ["action"], then_branch=branch, else_branch=branch)
    return model([node], tensors=[constant("yes", True, bool)])


def custom() -> Any:
    """Return one with an operator of somebody's own."""
    node = helper.make_node("Drift", ["observation"], ["action"], domain="com.example")
    return model([node], opsets={"com.example": 1})


def custom_in_loop() -> Any:
    """Return one with such an operator in the body of a Loop."""
    body = helper.make_graph(
        [
            helper.make_node("Drift", ["state"], ["next"], domain="com.example"),
            helper.make_node("Identity", ["on"], ["still"]),
        ],
        "body",
        [info("i", [], TensorProto.INT64), info("on", [], TensorProto.BOOL), info("state", None)],
        [info("still", [], TensorProto.BOOL), info("next", None)],
    )
    node = helper.make_node("Loop", ["times", "yes", "observation"], ["action"], body=body)
    return model(
        [node],
        tensors=[constant("times", 3, np.int64), constant("yes", True, bool)],
        opsets={"com.example": 1},
    )


def custom_in_function() -> Any:
    """Return one that hides it in a function of its own."""
    inner = helper.make_node("Drift", ["x"], ["y"], domain="com.example")
    imports = [helper.make_opsetid("com.example", 1)]
    function = helper.make_function("own", "Wrap", ["x"], ["y"], [inner], imports)
    node = helper.make_node("Wrap", ["observation"], ["action"], domain="own")
    return model([node], functions=[function], opsets={"own": 1, "com.example": 1})


def not_finite() -> Any:
    """Return one whose action is the logarithm of something negative."""
    nodes = [
        helper.make_node("Gemm", ["observation", "w", "b"], ["raw"]),
        helper.make_node("Abs", ["raw"], ["above"]),
        helper.make_node("Neg", ["above"], ["below"]),
        helper.make_node("Log", ["below"], ["action"]),
    ]
    return model(nodes, tensors=weights())


def fails_at(threshold: float) -> Any:
    """Return one whose action is NaN once the observation's first element is above a threshold."""
    nodes = [
        *LAYER[:3],
        helper.make_node("Min", ["floored", "high"], ["fine"]),
        helper.make_node("Slice", ["observation", "zero", "one", "axis"], ["first"]),
        helper.make_node("Sub", ["limit", "first"], ["margin"]),
        helper.make_node("Sqrt", ["margin"], ["root"]),
        helper.make_node("Sub", ["root", "root"], ["nothing"]),
        helper.make_node("Add", ["fine", "nothing"], ["action"]),
    ]
    tensors = [
        *weights(),
        constant("zero", [0], np.int64),
        constant("one", [1], np.int64),
        constant("axis", [1], np.int64),
        constant("limit", [[threshold]]),
    ]
    return model(nodes, tensors=tensors)


def slow(times: int) -> Any:
    """Return one that goes round a loop so often before it answers."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "square"], ["next"]),
            helper.make_node("Identity", ["on"], ["still"]),
        ],
        "body",
        [
            info("i", [], TensorProto.INT64),
            info("on", [], TensorProto.BOOL),
            info("state", [64, 64]),
        ],
        [info("still", [], TensorProto.BOOL), info("next", [64, 64])],
    )
    nodes = [
        helper.make_node("Loop", ["times", "yes", "square"], ["end"], body=body),
        helper.make_node("ReduceMean", ["end"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nought"], ["none"]),
        *LAYER[:3],
        helper.make_node("Min", ["floored", "high"], ["fine"]),
        helper.make_node("Add", ["fine", "none"], ["action"]),
    ]
    tensors = [
        *weights(),
        constant("times", times, np.int64),
        constant("yes", True, bool),
        constant("square", np.eye(64)),
        constant("nought", 0.0),
    ]
    return model(nodes, tensors=tensors)


def endless_tensor() -> Any:
    """Return one that claims a tensor of a petabyte."""
    made = good()
    made.graph.initializer[0].dims[:] = [10**8, 10**7]
    return made


def wrong(**changes: Any) -> Any:
    """Return the good one with other inputs or outputs."""
    return model(LAYER, tensors=weights(), **changes)


def data(made: Any) -> bytes:
    """Return a model's bytes."""
    found: bytes = made.SerializeToString()
    return found


NEWEST = onnx.defs.onnx_opset_version()
