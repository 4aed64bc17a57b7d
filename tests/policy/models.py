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


def custom_in_branch() -> Any:
    """Return one with such an operator in a branch of an If."""
    node = helper.make_node("Drift", ["observation"], ["out"], domain="com.example")
    branch = helper.make_graph([node], "branch", [], [info("out", [1, ACTION])])
    taken = helper.make_node("If", ["yes"], ["action"], then_branch=branch, else_branch=branch)
    return model([taken], tensors=[constant("yes", True, bool)], opsets={"com.example": 1})


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
    """Return one with so many layers before its answer."""
    chain = [
        helper.make_node("MatMul", ["square" if not n else f"s{n}", "square"], [f"s{n + 1}"])
        for n in range(times)
    ]
    nodes = [
        *chain,
        helper.make_node("ReduceMean", [f"s{times}"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nought"], ["none"]),
        *LAYER[:3],
        helper.make_node("Min", ["floored", "high"], ["fine"]),
        helper.make_node("Add", ["fine", "none"], ["action"]),
    ]
    tensors = [*weights(), constant("square", np.eye(64)), constant("nought", 0.0)]
    return model(nodes, tensors=tensors)


def endless() -> Any:
    """Return one that goes round in a loop."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["state"], ["next"]),
            helper.make_node("Identity", ["on"], ["still"]),
        ],
        "body",
        [info("i", [], TensorProto.INT64), info("on", [], TensorProto.BOOL), info("state", None)],
        [info("still", [], TensorProto.BOOL), info("next", None)],
    )
    nodes = [
        helper.make_node("Loop", ["times", "yes", "observation"], ["same"], body=body),
        helper.make_node("Gemm", ["same", "w", "b"], ["action"]),
    ]
    tensors = [*weights(), constant("times", 2**62, np.int64), constant("yes", True, bool)]
    return model(nodes, tensors=tensors)


def dice() -> Any:
    """Return one that draws numbers by itself."""
    return model([helper.make_node("RandomUniform", [], ["action"], shape=[1, ACTION])])


def sparse() -> Any:
    """Return one with a tensor that is two gigabytes once it is made dense."""
    made = good()
    values, indices = constant("thin", [1.0]), constant("at", [5], np.int64)
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2**29]))
    return made


class Packed:
    """Bytes that no model writes.

    Args:
        packed: of a whole file.
    """

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def SerializeToString(self) -> bytes:  # noqa: N802 -- as models have it
        """Return the bytes."""
        return self._packed


def other_format() -> Any:
    """Return one that a runtime could take for a file of its own format."""
    made = good()
    made.ClearField("producer_name")
    name = b"xxORTM" + bytes(40)
    packed = bytes([0x12, len(name)]) + name + data(made)  # producer_name, ahead of the rest
    assert packed[4:8] == b"ORTM"
    return Packed(packed)


def many_fields() -> Any:
    """Return one with a million fields in two megabytes."""
    return Packed(b"\x3a\x00" * 1_000_000)


def unknown_field() -> Any:
    """Return one with a field that no version knows yet."""
    return Packed(data(good()) + bytes([0xFA, 0x7F, 0x01, 0x00]))


def hungry() -> Any:
    """Return one of a few hundred bytes that fills two gigabytes when it runs."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        *LAYER[:3],
        helper.make_node("Min", ["floored", "high"], ["fine"]),
        helper.make_node("Add", ["fine", "most"], ["action"]),
    ]
    return model(nodes, tensors=[*weights(), constant("shape", [2**29], np.int64)])


def same_output_twice() -> Any:
    """Return one that names its action twice."""
    return wrong(outputs=[info("action", [1, ACTION])] * 2)


def long_extra() -> Any:
    """Return one that says far too much beside its action."""
    return wrong(outputs=[info("action", [1, ACTION]), info("bent", [1, 600_000])])


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
