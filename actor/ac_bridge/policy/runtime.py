"""Runs a policy on one thread, and never for longer than it may take."""

from __future__ import annotations

import dataclasses
import functools
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from ac_bridge.policy.libraries import load
from ac_bridge.policy.model import ModelFacts
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.experience import Array

FATAL = 4
"""Of the runtime's log levels: what it refuses is told by its errors."""
MEMORY_BYTES = 256 * 1024 * 1024
"""What all policies of this process may take together while they act, beside their weights. A model
of a few bytes could ask for any amount, and the game needs the rest."""
CONFIG = {
    "session.load_model_format": "ONNX",  # not its own format, which nobody has looked at
    "session.use_env_allocators": "1",  # the one that ends at MEMORY_BYTES
    "session.intra_op.allow_spinning": "0",  # the game needs the core
    "session.inter_op.allow_spinning": "0",
}


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyOutput:
    """What a policy makes of an observation.

    Attributes:
        action: float32[components], finite.
        extras: what else it says, float32, finite.
    """

    action: Array
    extras: Mapping[str, Array]


class OnnxPolicy:
    """A model that was looked over, ready to run.

    Args:
        data: of the model.
        facts: what it takes and gives.
        limit_s: a run that takes longer is a failure, and ended before it takes twice as long; in
            seconds. Between two operators, that is: one alone runs to its end.

    Attributes:
        noise_size: numbers that it wants drawn for each action; 0 for none.
        limit_s: as it was given.

    Raises:
        PolicyRefusedError: the runtime does not take it.
    """

    def __init__(self, data: bytes, facts: ModelFacts, limit_s: float) -> None:
        self.noise_size = facts.noise_size
        self._sizes = {"action": facts.action_size, **facts.extras}
        self.limit_s = limit_s
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # It would run parts of the model while loading, without a limit to their memory.
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        for key, value in CONFIG.items():
            options.add_session_config_entry(key, value)
        self._runs = runtime.RunOptions()
        self._runs.log_severity_level = FATAL
        try:
            self._session = runtime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:
            raise PolicyRefusedError(
                PolicyRefusal.FAILED,
                f"The runtime does not take the policy: {error!s:.300}",
                hint="Try it with onnxruntime where it was exported.",
            ) from error
        self._watch = _Watch(self._runs)
        weakref.finalize(self, self._watch.close)

    def act(self, observation: Array, noise: Array | None) -> PolicyOutput:
        """Choose an action.

        Args:
            observation: float32[elements].
            noise: float32[noise_size]; None if that is 0.

        Raises:
            PolicyFailedError: it gave none, or not a finite one, or took too long.
        """
        feeds: dict[str, Any] = {"observation": observation[None]}
        if noise is not None:
            feeds["noise"] = noise[None]
        self._watch.start(self.limit_s)
        try:
            outputs = self._session.run(list(self._sizes), feeds, self._runs)
        except Exception as error:
            if self._watch.ended:
                raise self._too_slow() from error
            raise PolicyFailedError(f"The runtime failed: {error!s:.300}") from error
        finally:
            self._watch.stop()
        if self._watch.ended:
            raise self._too_slow()
        found = {
            name: _checked(name, output, size)
            for (name, size), output in zip(self._sizes.items(), outputs, strict=True)
        }
        return PolicyOutput(found.pop("action"), found)

    def _too_slow(self) -> PolicyFailedError:
        return PolicyFailedError(
            f"It took longer than {self.limit_s * 1e3:.0f} ms.", reason=PolicyRefusal.TOO_SLOW
        )


@functools.cache
def _runtime() -> Any:
    """Return ONNX Runtime: quiet, telling nobody, and with a limit to its memory.

    Raises:
        PolicyRefusedError: it is not installed.
    """
    runtime = load("onnxruntime")
    runtime.set_default_logger_severity(FATAL)
    runtime.disable_telemetry_events()
    memory = runtime.OrtMemoryInfo(
        "Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT
    )
    exactly = {"max_mem": MEMORY_BYTES, "arena_extend_strategy": 1}
    runtime.create_and_register_allocator(memory, runtime.OrtArenaCfg(exactly))
    return runtime


def _checked(name: str, output: Any, size: int) -> Array:
    """Return an output of a run, float32[size].

    Raises:
        PolicyFailedError: it is something else than the model had said, or not finite.
    """
    values = np.asarray(output)
    if values.dtype != np.float32 or values.size != size:
        raise PolicyFailedError(
            f"Its {name} was {values.dtype}[{values.size}], not float32[{size}].",
            reason=PolicyRefusal.WRONG_OUTPUTS,
        )
    if not np.isfinite(values).all():
        shown = values.reshape(-1)[:8].tolist()
        raise PolicyFailedError(
            f"Its {name} is not finite: {shown}.", reason=PolicyRefusal.NOT_FINITE
        )
    return values.reshape(-1)


class _Watch:
    """Ends runs that take too long. A thread of its own: the one that runs cannot look at a clock.

    Args:
        runs: of the runtime, whose flag ends a run.

    Attributes:
        ended: whether the last run was ended.
    """

    def __init__(self, runs: Any) -> None:
        self._runs = runs
        self._changed = threading.Condition()
        self._run = 0
        self._limit_s: float | None = None
        self._idle = self._over = False
        self.ended = False
        threading.Thread(target=self._look, name="ac-bridge-policy", daemon=True).start()

    def start(self, limit_s: float) -> None:
        """A run begins."""
        with self._changed:
            self._run += 1
            self._limit_s = limit_s
            self.ended = self._runs.terminate = False
            if self._idle:
                self._changed.notify()

    def stop(self) -> None:
        """It is over."""
        with self._changed:
            self._limit_s = None

    def close(self) -> None:
        """No run will begin any more."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def _look(self) -> None:
        with self._changed:
            while True:
                self._idle = True
                self._changed.wait_for(lambda: self._over or self._limit_s is not None)
                self._idle = False
                if self._over:
                    return
                run = self._run
                # Woken by nobody: runs come and go meanwhile, and all that takes is one look a
                # limit. So a run is ended after once or twice as long.
                self._changed.wait(self._limit_s)
                if self._limit_s is not None and self._run == run:
                    self.ended = self._runs.terminate = True
                    self._limit_s = None
