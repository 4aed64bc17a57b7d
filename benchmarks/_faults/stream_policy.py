"""What drives where the policy is on the actor: a network, and a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ac_bridge_protocol.spec import EnvSpec
from ac_bridge_protocol.tasks import TaskSpec

HZ = 20.0
STEPS_AN_EPISODE = 40
"""Twice what it takes to begin one: there are many, and most of the time is driven."""
TASK = TaskSpec.of("progress", rules={"step_limit": {"steps": float(STEPS_AN_EPISODE)}})
HIDDEN = 2000
"""So that a policy is 144 kB, which are five pieces of it on the link."""
LOWEST, HIGHEST = [-0.2, 0.2, 0.0], [0.2, 0.6, 0.0]
"""Of its actions: it never stands, and hardly leaves the road within an episode."""
OPSET = 17


def policy(spec: EnvSpec, version: int) -> bytes:
    """Return an ONNX model that acts on everything that it sees; no two versions alike."""
    draws = np.random.default_rng(version)
    into = draws.normal(0.0, 0.3, (spec.observation_size, HIDDEN))
    out = draws.normal(0.0, 0.1 / np.sqrt(HIDDEN), (HIDDEN, len(spec.action)))
    nodes = [
        helper.make_node("MatMul", ["observation", "into"], ["felt"]),
        helper.make_node("Tanh", ["felt"], ["bent"]),
        helper.make_node("Gemm", ["bent", "out", "middle"], ["raw"]),
        helper.make_node("Max", ["raw", "lowest"], ["floored"]),
        helper.make_node("Min", ["floored", "highest"], ["action"]),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [_info("observation", spec.observation_size)],
        [_info("action", len(spec.action))],
        [
            _tensor("into", into),
            _tensor("out", out),
            _tensor("middle", (np.array(LOWEST) + HIGHEST) / 2),
            _tensor("lowest", LOWEST),
            _tensor("highest", HIGHEST),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    data: bytes = made.SerializeToString()
    return data


def _info(name: str, size: int) -> Any:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])


def _tensor(name: str, values: Any) -> Any:
    return numpy_helper.from_array(np.asarray(values, np.float32), name)
