"""A policy of torch as ONNX, as an actor takes it."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Any

from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.spec import EnvSpec

OPSET = 18
"""Of the standard operators; every runtime of the last years has them."""


def export_policy(
    module: Any, spec: EnvSpec, *, noise_size: int = 0, extras: Sequence[str] = ()
) -> bytes:
    """Return a torch module as ONNX, to be pushed to an actor.

    Its `forward` takes ``observation`` float32[1, elements], and with ``noise_size`` also ``noise``
    float32[1, noise_size]; it returns the action float32[1, components] within the spec's bounds,
    or a tuple of that and one tensor for each of ``extras``.

    Args:
        module: a `torch.nn.Module`; exported as it is in evaluation mode, and left as it was.
        spec: what it drives; `RemoteEnv.env_spec`, for instance.
        noise_size: numbers that the actor draws for each action, from a normal distribution.
        extras: names of its outputs beside the action, such as ``log_prob``.

    Raises:
        SettingError: torch or its exporter is not installed.
    """
    torch = _imported("torch")
    _imported("onnxscript")
    shapes = [(1, spec.observation_size), *([(1, noise_size)] if noise_size else [])]
    names = ["observation", *(["noise"] if noise_size else [])]
    was_training = module.training
    module.train(mode=False)
    try:
        with _Quiet("torch.onnx"):
            program = torch.onnx.export(
                module,
                tuple(torch.zeros(shape) for shape in shapes),
                input_names=names,
                output_names=["action", *extras],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        module.train(was_training)
    data: bytes = program.model_proto.SerializeToString()
    return data


class _Quiet:
    """Keeps the exporter from saying what concerns nobody: which operators it does without.

    Args:
        name: of its loggers' root.
    """

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)
        self._level = self._log.level

    def __enter__(self) -> None:
        self._log.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._log.setLevel(self._level)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SettingError(
            f"A policy cannot be exported: {error}.",
            setting="train",
            hint='Install the extra: pip install "ac-bridge[train]"',
        ) from error
