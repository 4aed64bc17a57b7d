"""Runs a policy on one thread, and never for longer than it may take."""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from ac_bridge.machine.extras import load_extra
from ac_bridge.policy.model import ModelFacts
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import PolicyFailedError, PolicyRefusedError, SettingError
from ac_bridge_protocol.experience import Array

FATAL = 4
"""Of the runtime's log levels: what it refuses is told by its errors."""


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
        action_size: components of its action.
        limit_s: a run that takes longer is a failure, and ended before it takes twice as long; in
            seconds. Between two operators, that is: one alone runs to its end.

    Attributes:
        noise_size: numbers that it wants drawn for each action; 0 for none.

    Raises:
        PolicyRefusedError: the runtime does not take it.
    """

    def __init__(self, data: bytes, facts: ModelFacts, action_size: int, limit_s: float) -> None:
        self.noise_size = facts.noise_size
        self._names = ("action", *facts.extras)
        self._action_size = action_size
        self._limit_s = limit_s
        try:
            runtime = load_extra("onnxruntime", extra="policy", for_what="A policy on the actor")
        except SettingError as error:
            raise PolicyRefusedError(
                PolicyRefusal.NO_RUNTIME, error.message, hint=error.hint
            ) from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
        self._watch.start(self._limit_s)
        try:
            outputs = self._session.run(self._names, feeds, self._runs)
        except Exception as error:
            if self._watch.ended:
                raise self._too_slow() from error
            raise PolicyFailedError(f"The runtime failed: {error!s:.300}") from error
        finally:
            self._watch.stop()
        if self._watch.ended:
            raise self._too_slow()
        found = {
            name: np.asarray(output, np.float32).reshape(-1)
            for name, output in zip(self._names, outputs, strict=True)
        }
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise PolicyFailedError(
                    f"Its {name} is not finite: {values[:8].tolist()}.",
                    reason=PolicyRefusal.NOT_FINITE,
                )
        action = found.pop("action")
        if len(action) != self._action_size:
            raise PolicyFailedError(f"Its action has {len(action)} components.")
        return PolicyOutput(action, found)

    def _too_slow(self) -> PolicyFailedError:
        return PolicyFailedError(
            f"It took longer than {self._limit_s * 1e3:.0f} ms.", reason=PolicyRefusal.TOO_SLOW
        )


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
