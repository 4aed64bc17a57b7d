"""Models without their weights: the same but for these, and no weight passes for what it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ac_bridge.policy.fields import DEPTH, KEPT_BYTES, STAND_IN_BYTES, outlined
from ac_bridge.policy.model import check_model
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError
from policy.models import LAYER, constant, data, external_in_branch, good, model, weights

MODEL = onnx.ModelProto.DESCRIPTOR


def with_weights_of(size: int) -> Any:
    """Return a model with a tensor of so many bytes in it."""
    return model(LAYER, tensors=[*weights(), constant("more", np.zeros(size, np.uint8), np.uint8)])


def tensors(made: Any) -> list[Any]:
    """Return the tensors of a model's graph."""
    return list(made.graph.initializer)


@given(st.integers(0, 3 * KEPT_BYTES) | st.sampled_from([127, 128, 16383, 16384, 2_100_000]))
def test_weights_are_left_out_and_nothing_else(size: int) -> None:
    """Whatever their size does to the lengths around them; small ones stay."""
    made = with_weights_of(size)
    found = onnx.ModelProto.FromString(outlined(data(made), MODEL))
    for tensor, whole in zip(tensors(found), tensors(made), strict=True):
        if len(whole.raw_data) > KEPT_BYTES:
            assert len(tensor.raw_data) == STAND_IN_BYTES
            assert int(tensor.raw_data) == len(whole.raw_data)
            tensor.raw_data = whole.raw_data
    assert found == made


def test_weights_in_a_branch_are_left_out() -> None:
    """However deep they are."""
    made = external_in_branch()
    tensor = made.graph.node[0].attribute[0].g.node[0].attribute[0].t
    tensor.raw_data = bytes(1000)
    found = onnx.ModelProto.FromString(outlined(data(made), MODEL))
    inner = found.graph.node[0].attribute[0].g.node[0].attribute[0].t
    assert int(inner.raw_data) == 1000
    assert inner.dims == tensor.dims


def test_nothing_is_left_out_where_there_is_nothing() -> None:
    """A model of small tensors comes as it went."""
    small = model([], tensors=[constant("few", np.zeros(KEPT_BYTES), np.uint8)])
    assert outlined(data(small), MODEL) == data(small)


@pytest.mark.parametrize("claimed", [STAND_IN_BYTES, 10**12])
def test_weights_do_not_pass_for_more(claimed: int) -> None:
    """Ones that are as long as what stands for some, and say that they are many."""
    made = good()
    tensor = made.graph.initializer[0]
    tensor.raw_data = f"{claimed:0{STAND_IN_BYTES}d}".encode()
    tensor.dims[:] = [10**6, 10**3]
    with pytest.raises(PolicyRefusedError) as caught:
        check_model(data(made), observation_size=15, action_size=3)
    assert caught.value.reason == PolicyRefusal.NOT_ONNX


def test_a_model_that_is_too_deep_is_none() -> None:
    """Before anything that would go as deep reads it."""
    packed = b""
    for _ in range(DEPTH):  # a graph in an attribute of a node of a graph
        attribute = b"\x32" + _length(packed) + packed
        node = b"\x2a" + _length(attribute) + attribute
        packed = b"\x0a" + _length(node) + node
    whole = b"\x3a" + _length(packed) + packed
    with pytest.raises(ValueError, match="deep"):
        outlined(whole, MODEL)


def _length(packed: bytes) -> bytes:
    """Return a length as protobuf writes it."""
    number, found = len(packed), []
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])
