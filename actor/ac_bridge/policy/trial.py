"""A policy's trial, before it may act: that it answers, with actions, and in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ac_bridge.pacing import percentile
from ac_bridge.policy.model import check_model
from ac_bridge.policy.runtime import OnnxPolicy
from ac_bridge_protocol.edge import PolicyRefusal
from ac_bridge_protocol.errors import ActionError, PolicyFailedError, PolicyRefusedError
from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.spec import EnvSpec, Mode

SHARE = 0.25
"""Of a control period, that nine of ten runs of a policy may take at most: the rest is the tick's
own, and the machine's moods'."""
LIMIT_SHARE = 0.5
"""Of a control period, after which a run is ended."""
LOCKSTEP_LIMIT_S = 1.0
"""After which a run is ended where the game waits for it, in seconds."""
OVERRUNS = 0.1
"""Share of the trial's runs that may be ended: a machine has its moods."""
WARM_UPS = 3
DRAWN = 64
"""Observations drawn from the whole space for the trial, beside those that were recorded."""


def load_policy(
    data: bytes, spec: EnvSpec, recorded: Sequence[Array], now: Callable[[], float]
) -> OnnxPolicy:
    """Return a policy that was looked over and tried; in another thread than the ticks'.

    Args:
        data: of an ONNX model.
        spec: what it drives.
        recorded: observations of drives on this actor, float32[elements] each; may be none.
        now: seconds of any clock that goes on.

    Raises:
        PolicyRefusedError: it is not to act; says why.
    """
    facts = check_model(data, observation_size=spec.observation_size, action_size=len(spec.action))
    period_s = 1.0 / spec.control_hz
    waits = spec.mode is Mode.LOCKSTEP
    policy = OnnxPolicy(data, facts, LOCKSTEP_LIMIT_S if waits else period_s * LIMIT_SHARE)
    rng = np.random.default_rng(0)
    low, high = spec.observation_bounds()
    drawn = [rng.uniform(low, high).astype(np.float32) for _ in range(DRAWN)]
    took_s = []
    tried = [*drawn[:WARM_UPS], *recorded, *drawn]
    overruns = OVERRUNS * len(tried) + WARM_UPS
    for number, observation in enumerate(tried):
        noise = None
        if policy.noise_size:
            noise = rng.standard_normal(policy.noise_size, np.float32)
        began_s = now()
        try:
            output = policy.act(observation, noise)
            spec.check_action(output.action.tolist())
        except PolicyFailedError as error:
            overruns -= 1
            if overruns < 0 or error.reason != PolicyRefusal.TOO_SLOW:
                raise _refusal(error.reason, error.message) from error
        except ActionError as error:
            raise _refusal(PolicyRefusal.NOT_FINITE, error.message) from error
        if number >= WARM_UPS:
            took_s.append(now() - began_s)
    slow_s = percentile(took_s, 0.9)
    if slow_s > period_s * SHARE:
        raise PolicyRefusedError(
            PolicyRefusal.TOO_SLOW,
            f"The policy takes {slow_s * 1e3:.1f} ms, and may take {period_s * SHARE * 1e3:.1f} ms "
            f"of a control period of {period_s * 1e3:.0f} ms.",
            hint="Make the network smaller, or the control rate lower.",
        )
    return policy


def _refusal(reason: str, message: str) -> PolicyRefusedError:
    return PolicyRefusedError(
        reason,
        f"Tried on recorded and drawn observations, it failed: {message}",
        hint="Bound its outputs, for instance by tanh, and try it where it was exported.",
    )
