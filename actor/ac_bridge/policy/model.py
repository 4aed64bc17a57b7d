"""What a policy's bytes are, and whether they may be run. Pure: nothing here runs them.

What this program's ONNX does not know is refused, so that what was checked is what runs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ac_bridge.policy.fields import outlined
from ac_bridge.policy.libraries import load
from ac_bridge.policy.parts import DOMAINS, check_parts, no_model
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError
from ac_bridge_protocol.limits import EXTRA_ELEMENTS, EXTRAS, NOISE_ELEMENTS, POLICY_BYTES
from ac_bridge_protocol.observing import NAME

OBSERVATION = "observation"
"""Name of the input that is float32[1, elements of the observation]."""
NOISE = "noise"
"""Name of the input that is float32[1, numbers to be drawn], where there is one."""
ACTION = "action"
"""Name of the output that is float32[1, components of the action]."""

_FLOAT = 1  # of TensorProto.DataType

# As the name of an extra is in a record.
_EXTRA_NAME = re.compile(NAME)

Shape = tuple[int | None, ...]
"""Of an input or output; None for a dimension that has only a name."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelFacts:
    """What there is to know about a model that may be run."""

    noise_size: int
    """Numbers that it wants drawn for each action; 0 for none."""
    action_size: int
    """Components of the action."""
    extras: Mapping[str, int]
    """What else it says: names, and how many numbers each."""


def check_model(data: bytes | bytearray, *, observation_size: int, action_size: int) -> ModelFacts:
    """Return what is to be known about a policy, if it may be run.

    Args:
        data: the model, as ONNX.
        observation_size: elements of the observation that it will get.
        action_size: components of the action that it has to give.

    Raises:
        PolicyRefusedError: it may not; says why.
    """
    if len(data) > POLICY_BYTES:
        raise PolicyRefusedError(
            PolicyRefusal.TOO_LARGE,
            f"The policy has {len(data)} bytes; {POLICY_BYTES} are the most.",
            hint="Export the actor's network alone, as float32 or smaller.",
        )
    model = _parse(data)
    _check_versions(model)
    check_parts(model)
    return ModelFacts(
        noise_size=_check_inputs(model.graph, observation_size),
        action_size=action_size,
        extras=_check_outputs(model.graph, action_size),
    )


# --- The whole ------------------------------------------------------------------------------------


def _parse(data: bytes | bytearray) -> Any:
    """Return the model without its weights."""
    onnx = load("onnx")
    decode_error = load("google.protobuf.message").DecodeError
    try:
        model = onnx.ModelProto.FromString(outlined(data, onnx.ModelProto.DESCRIPTOR))
    except (ValueError, decode_error) as error:
        raise no_model(f"{error}") from error
    if not model.HasField("graph"):
        raise no_model("there is no graph in it")
    size = model.ByteSize()
    model.DiscardUnknownFields()
    if model.ByteSize() != size:
        raise _too_new("has fields that this actor's ONNX does not know")
    return model


def _check_versions(model: Any) -> None:
    onnx = load("onnx")
    if model.ir_version > onnx.IR_VERSION:
        raise _too_new(f"has IR version {model.ir_version}; this actor knows {onnx.IR_VERSION}")
    table = onnx.helper.VERSION_TABLE  # rows of: release, IR, ai.onnx, ai.onnx.ml, ...
    known = dict.fromkeys(DOMAINS[:2], max(row[2] for row in table))
    known[DOMAINS[2]] = max(row[3] for row in table)
    for one in model.opset_import:
        newest = known.get(one.domain)
        if newest is not None and one.version > newest:
            raise _too_new(f"has operator set {one.version}; this actor knows {newest}")
    if model.functions:
        raise PolicyRefusedError(
            PolicyRefusal.CUSTOM_OPERATOR,
            f"The policy brings functions of its own, such as {model.functions[0].name!r:.80}.",
            hint="Put them where they are called: onnx.inliner.inline_local_functions(model).",
        )
    if model.training_info:
        raise no_model("it says how to train it, which a policy that only acts does not")


# --- What goes in and comes out -------------------------------------------------------------------


def _check_inputs(graph: Any, observation_size: int) -> int:
    """Return how many numbers the policy wants drawn."""
    shapes = _shapes(graph.input, PolicyRefusal.WRONG_INPUTS)
    stored = [tensor.name for tensor in graph.initializer]
    stored += [tensor.values.name for tensor in graph.sparse_initializer]
    if OBSERVATION not in shapes or not {*shapes} <= {OBSERVATION, NOISE} - {*stored}:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_INPUTS,
            f"The policy's inputs are {_listed(shapes)}; they have to be {OBSERVATION!r}, and "
            f"perhaps {NOISE!r}, and no weights.",
            hint="Name them in the export: input_names=['observation'].",
        )
    _check_row(OBSERVATION, shapes[OBSERVATION], observation_size, PolicyRefusal.WRONG_INPUTS)
    if NOISE not in shapes:
        return 0
    size = shapes[NOISE][-1] if shapes[NOISE] else None
    if size is None or not 1 <= size <= NOISE_ELEMENTS:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_INPUTS,
            f"The policy's {NOISE} has the shape {_written(shapes[NOISE])}; it has to be [1, 1 to "
            f"{NOISE_ELEMENTS}].",
        )
    _check_row(NOISE, shapes[NOISE], size, PolicyRefusal.WRONG_INPUTS)
    return size


def _check_outputs(graph: Any, action_size: int) -> dict[str, int]:
    """Return the extras, and how many numbers each has."""
    shapes = _shapes(graph.output, PolicyRefusal.WRONG_OUTPUTS)
    if ACTION not in shapes:
        raise _wrong_outputs(
            f"The policy's outputs are {_listed(shapes)}; one of them has to be {ACTION!r}."
        )
    _check_row(ACTION, shapes.pop(ACTION), action_size, PolicyRefusal.WRONG_OUTPUTS)
    if len(shapes) > EXTRAS:
        raise _wrong_outputs(
            f"The policy has {len(shapes)} outputs beside the action; {EXTRAS} are the most."
        )
    return {name: _extra_size(name, shape) for name, shape in shapes.items()}


def _extra_size(name: str, shape: Shape) -> int:
    if not _EXTRA_NAME.fullmatch(name):
        raise _wrong_outputs(
            f"The policy has an output {name!r:.80}; a name is a small letter and up to 39 small "
            "letters, digits and underscores."
        )
    elements = 1
    for size in shape:
        elements *= 1 if size is None else size
        if not 1 <= elements <= EXTRA_ELEMENTS:
            raise _wrong_outputs(
                f"The policy's output {name} has the shape {_written(shape)}; 1 to "
                f"{EXTRA_ELEMENTS} numbers are allowed."
            )
    return elements


def _check_row(name: str, shape: Shape, size: int, reason: PolicyRefusal) -> None:
    if len(shape) != 2 or shape[0] not in (1, None) or shape[1] != size:
        raise PolicyRefusedError(
            reason,
            f"The policy's {name} has the shape {_written(shape)}; it has to be [1, {size}].",
            hint="It was perhaps made for another observation or action than this actor's.",
        )


def _shapes(values: Sequence[Any], reason: PolicyRefusal) -> dict[str, Shape]:
    """Return the shapes of inputs or outputs by their names."""
    shapes: dict[str, Shape] = {}
    for value in values:
        tensor = value.type.tensor_type
        if tensor.elem_type != _FLOAT or not tensor.HasField("shape") or value.name in shapes:
            raise PolicyRefusedError(
                reason,
                f"The policy's {value.name!r:.80} is there twice, or is no float32 array of a "
                "known shape.",
                hint="Export the network as float32.",
            )
        shapes[value.name] = tuple(
            one.dim_value if one.HasField("dim_value") else None for one in tensor.shape.dim
        )
    return shapes


def _listed(shapes: Mapping[str, Shape]) -> str:
    return f"{', '.join(shapes):.200}" or "none"


def _written(shape: Shape) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape[:8])}]"


# --- Refusals -------------------------------------------------------------------------------------


def _too_new(what: str) -> PolicyRefusedError:
    return PolicyRefusedError(
        PolicyRefusal.TOO_NEW,
        f"The policy {what}.",
        hint="Export it for an older operator set (17 serves), or update onnx on the actor.",
    )


def _wrong_outputs(message: str) -> PolicyRefusedError:
    return PolicyRefusedError(
        PolicyRefusal.WRONG_OUTPUTS,
        message,
        hint="Name them in the export: output_names=['action', ...].",
    )
