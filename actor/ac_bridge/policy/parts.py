"""The parts of a model: every operator and every tensor, wherever it is. Pure.

A model is read as data, message by message and under whichever field: a part that nobody looked at
cannot be in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ac_bridge.policy.fields import STAND_IN_BYTES
from ac_bridge.policy.libraries import load
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError
from ac_bridge_protocol.limits import POLICY_BYTES

DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
"""Sets of operators that ONNX itself defines. The first two are one."""

_FORBIDDEN = {
    **dict.fromkeys(("Loop", "Scan", "SequenceMap"), "may go on for ever"),
    **dict.fromkeys(
        (
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ),
        "draws numbers that nobody records",
    ),
}
"""Operators of ONNX that a policy may not have, and why: the car waits for it at every tick, and
what it did must follow from what was recorded."""

_EXTERNAL = 1  # of TensorProto.DataLocation
_TEXT = 9  # of FieldDescriptor.Type
_RANK = 64
"""Most dimensions of a tensor; numpy has no more either."""
_NUMBERS_PER_BYTE = 8
"""Most numbers that a byte of a tensor can hold, in whichever of its encodings, and more."""


def check_parts(model: Any) -> None:
    """See that every part of a model is harmless.

    Args:
        model: `outlined`, without its weights.

    Raises:
        PolicyRefusedError: one is not.
    """
    for part in _parts(model):
        check = _CHECKS.get(part.DESCRIPTOR.name)
        if check is not None:
            check(part)


def _parts(whole: Any) -> Iterator[Any]:
    """Yield a message and every message in it, however deep and under whichever field.

    Raises:
        PolicyRefusedError: a text in one of them is none. It would be another text for whoever
            reads it otherwise.
    """
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if hasattr(value, "ListFields") else value)
            elif field.type == _TEXT and not _is_text(value):
                raise no_model(f"its {field.name} is no text")
        yield part


def _is_text(value: Any) -> bool:
    """Whether a field of text, or each of several, is one: protobuf gives bytes for what is not."""
    if isinstance(value, str | bytes):
        return isinstance(value, str)
    return all(isinstance(text, str) for text in value)


def _check_node(node: Any) -> None:
    domain = "" if node.domain == DOMAINS[1] else node.domain
    if domain not in DOMAINS or not load("onnx").defs.has(node.op_type, domain):
        raise _custom(node)
    if node.op_type in _FORBIDDEN:
        raise PolicyRefusedError(
            PolicyRefusal.FORBIDDEN_OPERATOR,
            f"The policy has the operator {node.op_type}, which {_FORBIDDEN[node.op_type]}.",
            hint="Export a network without it; numbers that are drawn come in by the input "
            "'noise'.",
        )


def _check_tensor(tensor: Any) -> None:
    if tensor.data_location == _EXTERNAL or tensor.external_data:
        raise PolicyRefusedError(
            PolicyRefusal.EXTERNAL_DATA,
            f"The policy's tensor {tensor.name!r:.80} lies outside of it.",
            hint="Export it as one file: onnx.save(model, path, save_as_external_data=False).",
        )
    left_out = 0
    if len(tensor.raw_data) == STAND_IN_BYTES:
        left_out = int(tensor.raw_data)
    _check_elements(tensor, _NUMBERS_PER_BYTE * (tensor.ByteSize() + left_out))


def _check_sparse(tensor: Any) -> None:
    # It is made dense when it is loaded.
    _check_elements(tensor, POLICY_BYTES)


def _check_elements(tensor: Any, most: int) -> None:
    elements = 1
    for size in tensor.dims[: _RANK + 1]:
        elements *= size
        if not 0 <= elements <= most or len(tensor.dims) > _RANK:
            raise no_model("a tensor is said to be larger than what there is of it")


_CHECKS = {
    "NodeProto": _check_node,
    "TensorProto": _check_tensor,
    "SparseTensorProto": _check_sparse,
}


def no_model(why: str) -> PolicyRefusedError:
    """Return the refusal of bytes that are no usable model."""
    return PolicyRefusedError(
        PolicyRefusal.NOT_ONNX,
        f"The policy is no ONNX model that can be used: {why:.200}.",
        hint="Export it with torch.onnx.export, or check it with onnx.checker.",
    )


def _custom(node: Any) -> PolicyRefusedError:
    domain = node.domain or "ai.onnx"
    return PolicyRefusedError(
        PolicyRefusal.CUSTOM_OPERATOR,
        f"The policy needs the operator {node.op_type!r:.80} of {domain!r:.80}, which is none of "
        "ONNX's own.",
        hint="Export it with standard operators alone.",
    )
