"""A policy that needs no learning, as ONNX: it drives laps, and is as large as one likes.

It does what `ac_bridge_client.drivers.LineDriver` does, less of it: pure pursuit of a point of the
line ahead, and the speed from which the sharpest bend ahead can still be taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ac_bridge_client.drivers import STEER_LOCK_RAD, UNDERSTEER_RAD_PER_M_S2, WHEELBASE_M
from ac_bridge_protocol.spec import EnvSpec

OPSET = 17
SPACING_M = 12.5
POINTS = 10
BENDS = 16
OBSERVATION: tuple[Any, ...] = (
    "speed",
    {"name": "path_ahead", "n": POINTS, "spacing_m": SPACING_M},
    "line_curvature",
    {"name": "curvature_ahead", "n": BENDS, "spacing_m": SPACING_M},
)
"""What it acts on: 38 numbers."""
LOOK_M, LOOK_S = 8.0, 0.5
"""How far ahead it aims: metres, and seconds of travel more."""
EARLY_M = 8.0
"""A bend may begin so much before the point that shows it."""
GRIP_M_S2, BRAKE_M_S2 = 6.0, 4.5
"""What it asks of the tyres: sideways, and while braking."""
TOP_M_S = 45.0
ROW = 1024
"""Numbers of one row of the ballast."""


def driving_policy(spec: EnvSpec, size_bytes: int = 0) -> bytes:
    """Return the policy for a spec with `OBSERVATION`.

    Args:
        spec: what it drives.
        size_bytes: of weights that it carries beside; it looks at one row of them, so that it is
            no slower than without.
    """
    names = list(spec.element_names)
    scales = [feature.scale for feature in spec.observation for _ in range(feature.size)]
    made = _Graph()
    put = made.put
    put("Mul", "observation", made.const(np.array([scales])), to="said")
    put("Mul", made.elements(names, ["speed"]), made.const([[1 / 3.6]]), to="v")
    _steer(made, names)
    _pedals(made, names)
    made.nodes.append(helper.make_node("Concat", ["steer", "throttle", "brake"], ["pure"], axis=1))
    rows = np.random.default_rng(0).random((1 + size_bytes // (4 * ROW), ROW), np.float32)
    put("Gather", made.const(rows), made.const([0], np.int64), to="row")
    put("ReduceMin", "row", to="least", keepdims=0)
    put("Mul", "least", made.const(0.0), to="nothing")
    put("Add", "pure", "nothing", to="action")
    return made.packed(len(names))


def _steer(made: _Graph, names: Sequence[str]) -> None:
    put, const = made.put, made.const
    at_m = SPACING_M * np.arange(1, POINTS + 1)
    lefts = made.elements(names, [f"path_ahead[{_metres(m)}]_left" for m in at_m])
    put("Mul", "v", const([[LOOK_S]]), to="travel")
    put("Add", "travel", const([[LOOK_M]]), to="far")
    put("Clip", "far", const(float(at_m[0])), const(float(at_m[-1])), to="look")
    # How much each point counts: all of the one that it aims at, or some of its two neighbours.
    put("Sub", const([at_m]), "look", to="off")
    put("Abs", "off", to="away")
    put("Mul", "away", const([[-1 / SPACING_M]]), to="less")
    put("Add", "less", const([[1.0]]), to="near")
    put("Relu", "near", to="shares")
    put("Mul", "shares", lefts, to="lefts_shared")
    put("ReduceSum", "lefts_shared", const([1], np.int64), to="aside")
    put("Mul", "look", "look", to="look2")
    put("Div", "aside", "look2", to="half_bend")
    put("Mul", "v", "v", to="v2")
    put("Mul", "v2", const([[-2 * UNDERSTEER_RAD_PER_M_S2 / STEER_LOCK_RAD]]), to="more_for_speed")
    put("Add", "more_for_speed", const([[-2 * WHEELBASE_M / STEER_LOCK_RAD]]), to="per_bend")
    put("Mul", "half_bend", "per_bend", to="wanted_steer")
    put("Clip", "wanted_steer", const(-1.0), const(1.0), to="steer")


def _pedals(made: _Graph, names: Sequence[str]) -> None:
    put, const = made.put, made.const
    at_m = SPACING_M * np.arange(BENDS + 1)
    ahead = [f"curvature_ahead[{_metres(m)}]" for m in at_m[1:]]
    put("Abs", made.elements(names, ["line_curvature", *ahead]), to="bends")
    put("Max", "bends", const(1e-4), to="some_bend")
    put("Div", const(GRIP_M_S2), "some_bend", to="there2")
    slowing = 2 * BRAKE_M_S2 * np.maximum(at_m - EARLY_M, 0.0)
    put("Add", "there2", const([slowing]), to="here2")
    put("ReduceMin", "here2", to="least2", axes=[1])
    put("Sqrt", "least2", to="tyres_speed")
    put("Min", "tyres_speed", const(TOP_M_S), to="target")
    put("Sub", "target", "v", to="gap")
    put("Mul", "gap", const([[0.4]]), to="wanted_throttle")
    put("Clip", "wanted_throttle", const(0.0), const(0.9), to="throttle")
    put("Mul", "gap", const([[-0.13]]), to="wanted_brake")
    put("Clip", "wanted_brake", const(0.0), const(0.8), to="brake")


class _Graph:
    """Nodes and tensors of a model that is being made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self._tensors: list[Any] = []

    def put(self, operator: str, *inputs: str, to: str, **attributes: Any) -> None:
        """Add an operator."""
        self.nodes.append(helper.make_node(operator, list(inputs), [to], **attributes))

    def const(self, values: npt.ArrayLike, kind: Any = np.float32) -> str:
        """Add a tensor; return its name."""
        name = f"c{len(self._tensors)}"
        self._tensors.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def elements(self, names: Sequence[str], wanted: Sequence[str]) -> str:
        """Pick elements of the observation, in their own units; return the name of the row."""
        at = self.const([list(names).index(name) for name in wanted], np.int64)
        self.nodes.append(helper.make_node("Gather", ["said", at], [f"of_{at}"], axis=1))
        return f"of_{at}"

    def packed(self, elements: int) -> bytes:
        """Return the model's bytes."""
        kind = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "policy",
            [helper.make_tensor_value_info("observation", kind, [1, elements])],
            [helper.make_tensor_value_info("action", kind, [1, 3])],
            self._tensors,
        )
        imports = [helper.make_opsetid("", OPSET)]
        model: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
        data: bytes = model.SerializeToString()
        return data


def _metres(distance_m: float) -> str:
    return f"{distance_m:g}m"
