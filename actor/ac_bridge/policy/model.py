"""Looks over an ONNX model before a runtime sees it. Pure.

A model is a program of somebody else's. Only those are let through that consist of the standard
operators alone, have all of their numbers with them, and take and give what they should.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ac_bridge.machine.extras import load_extra
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyRefusedError, SettingError
from ac_bridge_protocol.limits import EXTRA_ELEMENTS, EXTRAS, NOISE_ELEMENTS, POLICY_BYTES
from ac_bridge_protocol.observing import NAME

STANDARD = ("", "ai.onnx")
"""How a model may call the standard set of operators."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model takes and gives.

    Attributes:
        noise_size: numbers drawn for it; 0 if it takes none.
        extras: names of its outputs beside the action.
    """

    noise_size: int
    extras: tuple[str, ...]


def check_model(data: bytes, observation_size: int, action_size: int) -> ModelFacts:
    """Look a model over, and return what it takes and gives.

    Args:
        data: of an ONNX file.
        observation_size: elements of the observation.
        action_size: components of the action.

    Raises:
        PolicyRefusedError: it is not to be run; says why.
    """
    if len(data) > POLICY_BYTES:
        raise PolicyRefusedError(
            PolicyRefusal.TOO_LARGE,
            f"A policy of {len(data)} bytes is over the limit of {POLICY_BYTES}.",
            hint="Make the network smaller.",
        )
    onnx = _onnx()
    model = _parsed(onnx, data)
    _check_versions(onnx, model)
    graphs, nodes = _parts(model)
    _check_names(model, graphs, nodes)
    _check_tensors(onnx, model, graphs, nodes)
    _check_operators(onnx, model, nodes)
    noise_size = _check_inputs(onnx, model.graph, observation_size)
    return ModelFacts(noise_size, _check_outputs(onnx, model.graph, action_size))


def _onnx() -> Any:
    try:
        return load_extra("onnx", extra="policy", for_what="A policy on the actor")
    except SettingError as error:
        raise PolicyRefusedError(
            PolicyRefusal.NO_RUNTIME, error.message, hint=error.hint
        ) from error


def _parsed(onnx: Any, data: bytes) -> Any:
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise _not_onnx(f"{len(data)} bytes are no ONNX model: {error!s:.200}") from error
    if not model.ir_version or not model.graph.node:
        raise _not_onnx(f"{len(data)} bytes are no ONNX model: it has no graph.")
    return model


def _not_onnx(message: str) -> PolicyRefusedError:
    return PolicyRefusedError(PolicyRefusal.NOT_ONNX, message, hint="Export the policy as ONNX.")


def _check_versions(onnx: Any, model: Any) -> None:
    newest = onnx.defs.onnx_opset_version()
    asked = [one.version for one in model.opset_import if one.domain in STANDARD]
    if model.ir_version > onnx.IR_VERSION or max(asked, default=0) > newest:
        raise PolicyRefusedError(
            PolicyRefusal.TOO_NEW,
            f"The policy needs ONNX IR {model.ir_version} and operators {max(asked, default=0)}; "
            f"here are IR {onnx.IR_VERSION} and operators {newest}.",
            hint=f"Export it with opset_version={min(newest, 17)}, or update the actor.",
        )


def _parts(model: Any) -> tuple[list[Any], list[Any]]:
    """Return every graph of a model and every node, however deep, in functions and training too."""
    graphs: list[Any] = []
    nodes: list[Any] = [node for function in model.functions for node in function.node]
    waiting = [model.graph]
    for training in model.training_info:
        waiting += [training.initialization, training.algorithm]
    looked_at = 0
    while waiting or looked_at < len(nodes):
        if waiting:
            graph = waiting.pop()
            graphs.append(graph)
            nodes += graph.node
            continue
        for attribute in nodes[looked_at].attribute:
            if attribute.HasField("g"):
                waiting.append(attribute.g)
            waiting += attribute.graphs
        looked_at += 1
    return graphs, nodes


def _check_names(model: Any, graphs: Iterable[Any], nodes: Iterable[Any]) -> None:
    """Refuse names that are no text: the library hands these on as bytes, and others trip."""
    names: list[Any] = [part for one in model.functions for part in (one.domain, one.name)]
    names += [one.domain for one in model.opset_import]
    for graph in graphs:
        names += [one.name for one in (*graph.input, *graph.output, *graph.initializer)]
    for node in nodes:
        names += [node.op_type, node.domain, *node.input, *node.output]
    for name in names:
        if not isinstance(name, str):
            raise _not_onnx(f"The model has a name that is no text: {name!r:.60}.")


def _tensors(graphs: Iterable[Any], nodes: Iterable[Any]) -> Iterator[Any]:
    sparse = []
    for graph in graphs:
        yield from graph.initializer
        sparse += graph.sparse_initializer
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                sparse.append(attribute.sparse_tensor)
            sparse += attribute.sparse_tensors
    for one in sparse:
        yield one.values
        yield one.indices


def _check_tensors(onnx: Any, model: Any, graphs: Iterable[Any], nodes: Iterable[Any]) -> None:
    defaults = [
        attribute.t
        for function in model.functions
        for attribute in function.attribute_proto
        if attribute.HasField("t")
    ]
    for tensor in [*_tensors(graphs, nodes), *defaults]:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise PolicyRefusedError(
                PolicyRefusal.EXTERNAL_DATA,
                f"The policy keeps the tensor {tensor.name!r:.60} in another file.",
                hint="Save it with all tensors inside; onnx.save does that by itself.",
            )


def _check_operators(onnx: Any, model: Any, nodes: Iterable[Any]) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in nodes:
        if (node.domain, node.op_type) in own:
            continue  # its nodes are among these
        if node.domain not in STANDARD or not onnx.defs.has(node.op_type):
            raise PolicyRefusedError(
                PolicyRefusal.CUSTOM_OPERATOR,
                f"The policy needs the operator {node.op_type!r:.60} of {node.domain!r:.60}, which "
                "is not one of the standard set.",
                hint="Export it with standard operators only.",
            )


def _check_inputs(onnx: Any, graph: Any, observation_size: int) -> int:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = {one.name: one for one in graph.input if one.name not in constants}
    hint = (
        f"A policy takes observation float32[1, {observation_size}], and perhaps noise "
        f"float32[1, 1 to {NOISE_ELEMENTS}]."
    )
    if "observation" not in inputs or inputs.keys() - {"observation", "noise"}:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_INPUTS, f"The policy takes {_listed(inputs)}.", hint=hint
        )
    sizes = {name: _size(onnx, one) for name, one in inputs.items()}
    if sizes["observation"] != observation_size:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_INPUTS,
            f"The policy's observation is {_shown(onnx, inputs['observation'])}.",
            hint=hint,
        )
    noise_size = sizes.get("noise", 0)
    if noise_size is None or not ("noise" in sizes) <= noise_size <= NOISE_ELEMENTS:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_INPUTS,
            f"The policy's noise is {_shown(onnx, inputs['noise'])}.",
            hint=hint,
        )
    return noise_size


def _check_outputs(onnx: Any, graph: Any, action_size: int) -> tuple[str, ...]:
    outputs = {one.name: one for one in graph.output}
    hint = (
        f"A policy gives action float32[1, {action_size}], and at most {EXTRAS} others such as "
        f"log_prob and value, float32 with at most {EXTRA_ELEMENTS} numbers."
    )
    if "action" not in outputs or len(outputs) > 1 + EXTRAS:
        raise PolicyRefusedError(
            PolicyRefusal.WRONG_OUTPUTS, f"The policy gives {_listed(outputs)}.", hint=hint
        )
    for name, one in outputs.items():
        kind = one.type.tensor_type.elem_type
        fits = kind == onnx.TensorProto.FLOAT and re.fullmatch(NAME, name)
        if name == "action":
            fits = fits and _size(onnx, one) == action_size
        if not fits:
            raise PolicyRefusedError(
                PolicyRefusal.WRONG_OUTPUTS,
                f"The policy's {name!r:.60} is {_shown(onnx, one)}.",
                hint=hint,
            )
    return tuple(name for name in outputs if name != "action")


def _size(onnx: Any, one: Any) -> int | None:
    """Return the n of a float32[1, n]; None of anything else. The 1 may be left open."""
    tensor = one.type.tensor_type
    dims = tensor.shape.dim
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(dims) != 2:
        return None
    one_row = dims[0].dim_value == 1 or not dims[0].HasField("dim_value")
    return int(dims[1].dim_value) if one_row else None


def _shown(onnx: Any, one: Any) -> str:
    tensor = one.type.tensor_type
    known = tensor.elem_type in onnx.TensorProto.DataType.values()
    kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower() if known else "unknown"
    dims = [str(dim.dim_value) if dim.HasField("dim_value") else "?" for dim in tensor.shape.dim]
    return f"{kind}[{', '.join(dims[:8])}]"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{name!r:.40}" for name in list(names)[:8]) or "nothing"
